//! How far good results are from being flagged, and what looking costs: `cargo bench --bench looks [-- NUMBER]`.
//!
//! Good results are made of the example's people and garments (a thousand, if no number is given). For each rule it prints
//! what is flagged, and how far the closest ones are from that; then the same of pictures that must be flagged; then the time
//! that a picture of 2 megapixels takes, beside decoding alone.

#![expect(clippy::print_stdout, reason = "this is a program, and these are its results")]

#[path = "../tests/it/support/composites.rs"]
mod composites;

use std::io::{Seek, SeekFrom, Write};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use image::RgbImage;
use image::imageops::FilterType;
use std::collections::HashMap;

use tryon::job::Flag;
use tryon::picture::{Look, VerifiedPicture, verify_result};
use tryon::store::InputFile;

use composites::{Dice, cut, dressed, grainy, jpeg, lit, people, pictures_of, plain, png, resized};

fn verified(bytes: &[u8]) -> VerifiedPicture {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("written");
    verify_result(&mut file).expect("whole")
}

/// What a person looks like whose picture is this one.
fn look_of(person: &RgbImage) -> Look {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("person.jpg");
    std::fs::write(&path, jpeg(person, 92)).expect("written");
    Look::of_input(&InputFile::new(&path)).expect("a look")
}

fn main() {
    let count = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(1_000);
    good_results(count);
    copies();
    time();
}

fn good_results(count: usize) {
    let dice = &mut Dice(7);
    let people = people(dice);
    let looks: Vec<_> = people.iter().map(look_of).collect();
    let garments = pictures_of("garments");
    let (mut flagged, mut to_copy, mut pictures) = (Vec::new(), Vec::new(), HashMap::<i64, usize>::new());
    for number in 0..count {
        let (person, garment) = (dice.below(people.len()), dice.below(garments.len()));
        let mut result = dressed(&people[person], &garments[garment], dice);
        if number % 3 == 1 {
            result = grainy(&result, 3, dice);
        }
        if number % 3 == 2 {
            result = resized(&result, 768, 1_024, FilterType::Lanczos3);
        }
        let bytes = if number % 2 == 0 { png(&result) } else { jpeg(&result, 85) };
        let picture = verified(&bytes);
        let flags = picture.flags(Some(&looks[person]), 300);
        if !flags.is_empty() {
            flagged.push((number, flags));
        }
        to_copy.push(picture.look.distance_to_copy_of(&looks[person]));
        *pictures.entry(picture.look.fingerprint().expect("not blank")).or_default() += 1;
    }
    println!("{count} good results");
    println!("  flagged by themselves   {}: {flagged:?}", flagged.len());
    spread("distance to the person's picture (a copy: at most 1)", to_copy);
    println!("  twins                   {}", pictures.values().filter(|count| **count > 1).sum::<usize>());
}

/// The smallest ones, and how they spread.
fn spread(what: &str, mut values: Vec<f32>) {
    values.sort_by(f32::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share) as usize];
    println!("  {what}");
    println!("    closest {:.1?}", &values[..values.len().min(8)]);
    println!("    1 % {:.1}   10 % {:.1}   median {:.1}   farthest {:.1}", at(0.01), at(0.1), at(0.5), at(1.0));
}

/// What has to be flagged, and how clearly it is.
fn copies() {
    let dice = &mut Dice(11);
    let mut farthest: Vec<(String, f32)> = Vec::new();
    for person in people(dice) {
        let (width, height) = person.dimensions();
        let look = look_of(&person);
        let mut kinds = vec![("byte for byte".to_owned(), jpeg(&person, 92))];
        for quality in [95, 85, 75, 60, 50] {
            kinds.push((format!("JPEG of quality {quality}"), jpeg(&person, quality)));
        }
        for (share, filter) in [
            (0.55, FilterType::Nearest),
            (0.55, FilterType::Triangle),
            (0.55, FilterType::Lanczos3),
            (1.28, FilterType::Triangle),
            (1.28, FilterType::Lanczos3),
            (2.0, FilterType::CatmullRom),
            (3.1, FilterType::Nearest),
        ] {
            let size = |length: u32| (f64::from(length) * share) as u32;
            let other = resized(&person, size(width), size(height), filter);
            kinds.push((format!("resized by {share}, {filter:?}"), png(&other)));
            kinds.push((format!("resized by {share}, {filter:?}, JPEG of quality 75"), jpeg(&other, 75)));
        }
        kinds.push(("noise of 3".to_owned(), png(&grainy(&person, 3, dice))));
        for (name, bytes) in kinds {
            let picture = verified(&bytes);
            let distance = picture.look.distance_to_copy_of(&look);
            match farthest.iter_mut().find(|(known, _)| *known == name) {
                Some((_, most)) => *most = most.max(distance),
                None => farthest.push((name, distance)),
            }
        }
    }
    println!("copies of 12 people: farthest from the person's picture (at most 1)");
    for (name, distance) in farthest {
        println!("  {distance:5.2}  {name}");
    }
    let blank = |picture: &RgbImage| verified(&jpeg(picture, 90)).flags(None, 0).has(Flag::Blank);
    let grey = plain(768, 1_024, [119, 121, 120]);
    println!("blank: white {}", blank(&plain(768, 1_024, [255; 3])));
    println!("blank: black {}", blank(&plain(768, 1_024, [0; 3])));
    println!("blank: grey with noise of 2 {}", blank(&grainy(&grey, 2, dice)));
    let person = &pictures_of("people")[0];
    println!("blank: a person {}", blank(&lit(&cut(person, dice), 1.0)));
}

/// What it costs to look, beside decoding alone.
fn time() {
    let person = resized(&pictures_of("people")[0], 1_224, 1_632, FilterType::CatmullRom);
    let dice = &mut Dice(3);
    let result = grainy(&dressed(&person, &pictures_of("garments")[0], dice), 2, dice);
    let look = look_of(&person);
    println!("a picture of {} x {} px", result.width(), result.height());
    for (name, bytes, decode) in
        [("PNG", png(&result), decode_png as fn(&[u8])), ("JPEG", jpeg(&result, 90), decode_jpeg)]
    {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&bytes).expect("written");
        let alone = mean_of(|| decode(&bytes));
        let all = mean_of(|| {
            file.seek(SeekFrom::Start(0)).expect("a file");
            let picture = verify_result(&mut file).expect("whole");
            assert!(picture.flags(Some(&look), 300).is_empty());
            assert!(picture.look.fingerprint().is_some());
        });
        let more = all.saturating_sub(alone);
        println!("  {name:<5} decoded {alone:.1?}, verified and looked at {all:.1?}: {more:.1?} more");
    }
}

/// The mean of many: a single one is shorter than what the system counts in.
fn mean_of(mut work: impl FnMut()) -> Duration {
    const TIMES: u32 = 60;
    let began = worked();
    (0..TIMES).for_each(|_| work());
    worked().saturating_sub(began) / TIMES
}

/// How long this thread has been on a processor, where the system tells (Linux); else the time that has gone by.
fn worked() -> Duration {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let on_processor = told.and_then(|text| text.split(' ').next()?.parse().ok()).map(Duration::from_nanos);
    on_processor.unwrap_or_else(|| BEGAN.elapsed())
}

fn decode_png(bytes: &[u8]) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a header");
    while reader.next_row().expect("a row").is_some() {}
}

/// As grey values: the least that tells whether it is whole.
fn decode_jpeg(bytes: &[u8]) {
    use zune_jpeg::zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
    let options = DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::Luma);
    zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode().expect("pixels");
}
