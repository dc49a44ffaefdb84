//! What is noticed about results: everything that must be, and nothing about good ones. `cargo bench --bench looks` tells how
//! far both are from the line between them.

use std::io::Write;

use image::RgbImage;
use image::imageops::FilterType;
use tryon::job::{Flag, Flags};
use tryon::picture::{Look, VerifiedPicture, verify_result};
use tryon::store::InputFile;

use crate::support::composites::{Dice, dressed, grainy, jpeg, lit, people, pictures_of, plain, png, resized};

fn verified(bytes: &[u8]) -> VerifiedPicture {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("written");
    verify_result(&mut file).expect("whole")
}

fn look_of(bytes: &[u8]) -> Look {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("person");
    std::fs::write(&path, bytes).expect("written");
    Look::of_input(&InputFile::new(&path)).expect("a look")
}

fn flags(result: &[u8], person: &[u8]) -> Flags {
    verified(result).flags(Some(&look_of(person)), 300)
}

fn only(flag: Flag) -> Flags {
    Flags::NONE.with(flag)
}

fn person() -> RgbImage {
    pictures_of("people").swap_remove(1)
}

#[test]
fn the_persons_picture_again_is_noticed_however_it_was_encoded_or_resized() {
    let person = person();
    let sent = jpeg(&person, 92);
    let small = resized(&person, 450, 600, FilterType::Triangle);
    let large = resized(&person, 900, 1_200, FilterType::Lanczos3);
    let nearest = resized(&person, 330, 440, FilterType::Nearest);
    for (name, copy) in [
        ("byte for byte", sent.clone()),
        ("encoded again", jpeg(&person, 75)),
        ("encoded badly", jpeg(&person, 50)),
        ("as PNG", png(&person)),
        ("smaller", png(&small)),
        ("smaller, encoded again", jpeg(&small, 75)),
        ("larger", png(&large)),
        ("larger, encoded again", jpeg(&large, 75)),
        ("smaller, not smoothed", png(&nearest)),
    ] {
        assert_eq!(flags(&copy, &sent), only(Flag::Unchanged), "{name}");
    }
}

/// A JPEG that says it is to be turned right by 90 degrees.
fn on_its_side(jpeg: &[u8]) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0".to_vec();
    exif.extend([0; 4]);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat()
}

#[test]
fn a_persons_picture_that_lies_on_its_side_is_known_upright_and_as_it_lies() {
    let person = person();
    let lying = image::imageops::rotate270(&person);
    let sent = on_its_side(&jpeg(&lying, 92));
    assert_eq!(flags(&sent, &sent), only(Flag::Unchanged), "byte for byte");
    assert_eq!(flags(&jpeg(&person, 85), &sent), only(Flag::Unchanged), "turned upright");
    let stripped = flags(&png(&lying), &sent);
    assert_eq!(stripped, only(Flag::Unchanged).with(Flag::Aspect), "the note that says how to turn it was lost");
    let good = dressed(&person, &pictures_of("garments")[1], &mut Dice(8));
    assert_eq!(flags(&png(&good), &sent), Flags::NONE);
}

#[test]
fn a_picture_without_a_picture_in_it_is_blank() {
    let person = jpeg(&person(), 92);
    let grey = grainy(&plain(768, 1_024, [119, 121, 120]), 2, &mut Dice(5));
    let mut specked = plain(768, 1_024, [255; 3]);
    image::imageops::replace(&mut specked, &plain(12, 12, [0; 3]), 300, 300);
    for (name, blank) in [
        ("white", plain(768, 1_024, [255; 3])),
        ("black", plain(768, 1_024, [0; 3])),
        ("red", plain(768, 1_024, [180, 20, 30])),
        ("grey with noise", grey),
        ("white with a speck", specked),
    ] {
        for bytes in [png(&blank), jpeg(&blank, 75)] {
            assert_eq!(flags(&bytes, &person), only(Flag::Blank), "{name}");
            assert!(verified(&bytes).look.fingerprint().is_none(), "{name}: all blank pictures are alike");
        }
    }
}

#[test]
fn a_small_result_and_one_of_another_shape_are_noticed() {
    let person = person();
    let sent = jpeg(&person, 92);
    let result = dressed(&person, &pictures_of("garments")[3], &mut Dice(2));
    let of_size = |width, height| flags(&png(&resized(&result, width, height, FilterType::Triangle)), &sent);
    assert_eq!(of_size(100, 120), only(Flag::Small).with(Flag::Aspect));
    assert_eq!(of_size(120, 160), only(Flag::Small));
    assert_eq!(of_size(299, 400), only(Flag::Small));
    assert_eq!(of_size(300, 400), Flags::NONE);
    assert_eq!(of_size(1_024, 768), only(Flag::Aspect), "lies on its side");
    assert_eq!(of_size(768, 1_152), only(Flag::Aspect), "3:4 became 2:3");
    assert_eq!(of_size(768, 768), only(Flag::Aspect));
    assert_eq!(of_size(450, 643), only(Flag::Aspect), "no blocks that would explain it");
    for (width, height) in [(768, 1_024), (760, 1_024), (576, 768), (512, 704), (448, 640), (599, 801)] {
        assert_eq!(of_size(width, height), Flags::NONE, "{width} x {height} is 3:4, rounded to whole blocks");
    }
}

#[test]
fn the_limit_of_a_small_result_is_the_users() {
    let picture = verified(&png(&dressed(&person(), &pictures_of("garments")[0], &mut Dice(2))));
    let at = |limit| picture.flags(None, limit);
    assert_eq!((at(600), at(601), at(0)), (Flags::NONE, only(Flag::Small), Flags::NONE));
}

#[test]
fn good_results_have_no_flag_and_no_twin() {
    let dice = &mut Dice(21);
    let (people, garments) = (people(dice), pictures_of("garments"));
    let looks: Vec<_> = people.iter().map(|person| look_of(&jpeg(person, 92))).collect();
    let mut fingerprints = std::collections::BTreeSet::new();
    for number in 0..48 {
        let (person, garment) = (number % people.len(), number / 4 % garments.len());
        let mut result = dressed(&people[person], &garments[garment], dice);
        if number % 3 == 0 {
            result = grainy(&result, 3, dice);
        }
        let picture = verified(&if number % 2 == 0 { png(&result) } else { jpeg(&result, 85) });
        assert_eq!(picture.flags(Some(&looks[person]), 300), Flags::NONE, "{number}");
        assert!(fingerprints.insert(picture.look.fingerprint().expect("it is no blank")), "{number} has a twin");
    }
}

/// A garment that hardly differs from what the person has on, or from what stands behind: folds and seams of a few steps.
fn hardly_other(person: &RgbImage, cloth: [u8; 3], fold: u8) -> RgbImage {
    let mut result = person.clone();
    let (width, height) = person.dimensions();
    for y in height / 4..height * 3 / 5 {
        for x in width / 3..width * 2 / 3 {
            let fold = if (x + y) / 24 % 2 == 0 { fold } else { 0 };
            result.put_pixel(x, y, image::Rgb(cloth.map(|sample| sample.saturating_sub(fold))));
        }
    }
    result
}

#[test]
fn white_on_white_and_black_on_black_are_good_results() {
    let white = plain(768, 1_024, [255; 3]);
    let dress = hardly_other(&white, [252, 251, 250], 8);
    assert_eq!(flags(&jpeg(&dress, 85), &jpeg(&person(), 92)), Flags::NONE, "a white dress on white, nobody in it");
    let black = lit(&person(), 0.25);
    let shirt = hardly_other(&black, [18, 18, 20], 8);
    let other_shirt = hardly_other(&black, [24, 24, 27], 10);
    assert_eq!(flags(&jpeg(&shirt, 85), &jpeg(&black, 92)), Flags::NONE);
    let worn = jpeg(&shirt, 92);
    assert_eq!(flags(&jpeg(&other_shirt, 85), &worn), Flags::NONE, "another black shirt instead of a black shirt");
}

#[test]
fn the_same_pixels_in_another_file_are_the_same_picture_and_one_step_more_is_another() {
    let result = dressed(&person(), &pictures_of("garments")[5], &mut Dice(4));
    let fingerprint = |bytes: &[u8]| verified(bytes).look.fingerprint().expect("a picture");
    let own = fingerprint(&png(&result));
    let clear: Vec<u8> = result.pixels().flat_map(|pixel| [pixel.0[0], pixel.0[1], pixel.0[2], 255]).collect();
    let deep: Vec<u8> = result.as_raw().iter().flat_map(|sample| [*sample, *sample]).collect();
    let (eight, sixteen) = (png::BitDepth::Eight, png::BitDepth::Sixteen);
    for (name, other) in [
        ("with a text in it", encoded(&result, png::ColorType::Rgb, eight, result.as_raw())),
        ("with an alpha channel", encoded(&result, png::ColorType::Rgba, eight, &clear)),
        ("in 16 bits", encoded(&result, png::ColorType::Rgb, sixteen, &deep)),
    ] {
        assert_eq!(fingerprint(&other), own, "{name}");
    }
    let coded = jpeg(&result, 85);
    let commented = [&coded[..2], b"\xff\xfe\x00\x08task-1", &coded[2..]].concat();
    assert_eq!(fingerprint(&commented), fingerprint(&coded));
    for channel in 0..3 {
        let mut other = result.clone();
        let sample = &mut other.get_pixel_mut(333, 222).0[channel];
        *sample = if *sample == 0 { 1 } else { *sample - 1 };
        assert_ne!(fingerprint(&png(&other)), own, "channel {channel}");
    }
}

/// A PNG with a text in it.
fn encoded(picture: &RgbImage, colour: png::ColorType, depth: png::BitDepth, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(colour);
    encoder.set_depth(depth);
    encoder.add_text_chunk("AIGC".to_owned(), "{\"task\": 1}".to_owned()).expect("a text");
    encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels)).expect("encode");
    bytes
}

#[test]
fn what_is_transparent_is_looked_at_as_white() {
    let picture = plain(400, 400, [0; 3]);
    let nothing = encoded(&picture, png::ColorType::Rgba, png::BitDepth::Eight, &[7, 90, 200, 0].repeat(400 * 400));
    assert_eq!(verified(&nothing).flags(None, 300), only(Flag::Blank));
}
