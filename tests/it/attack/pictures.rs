//! Pictures that are made before they are sent: outfits, and what `--fit-images` makes of pictures that almost fit.
//! The provider under test keeps what it was sent, so that it can be looked at.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use crate::support::provider::{Books, ExternalIds, OnCreate, Provider, Script};
use crate::support::workshop::{Ended, Workshop};

const RED: Rgb<u8> = Rgb([200, 20, 20]);
const BLUE: Rgb<u8> = Rgb([20, 20, 200]);

/// A shot of a garment: a block of one colour on white paper.
fn shot(path: &Path, colour: Rgb<u8>, format: ImageFormat) {
    let mut picture = RgbImage::from_pixel(320, 400, Rgb([255; 3]));
    image::imageops::replace(&mut picture, &RgbImage::from_pixel(160, 200, colour), 80, 100);
    DynamicImage::from(picture).save_with_format(path, format).expect("a picture");
}

/// A workshop whose manifest has these rows: id, garment, its kind, second garment, its kind.
fn shop_with(rows: &[(&str, &str, &str, &str, &str)]) -> Workshop {
    let mut shop = Workshop::new(0);
    shot(&shop.file("shirt.png"), RED, ImageFormat::Png);
    shot(&shop.file("trousers.jpg"), BLUE, ImageFormat::Jpeg);
    let mut manifest = "id,human,cloth,cloth_type,cloth_image_2,cloth_type_2,model\n".to_owned();
    for (id, cloth, kind, second, second_kind) in rows {
        let model = if second.is_empty() { "" } else { "kolors-virtual-try-on-v1-5" };
        manifest += &format!("{id},http://pictures.test/{id}.jpg,{cloth},{kind},{second},{second_kind},{model}\n");
        shop.jobs.push((*id).to_owned());
    }
    std::fs::write(shop.file("jobs.csv"), manifest).expect("a manifest");
    shop
}

const OUTFIT: (&str, &str, &str, &str) = ("shirt.png", "upper", "trousers.jpg", "lower");

fn outfit(id: &str) -> (&str, &str, &str, &str, &str) {
    (id, OUTFIT.0, OUTFIT.1, OUTFIT.2, OUTFIT.3)
}

/// What the provider got as a job's garment.
fn sent(provider: &Provider, job: &str) -> Arc<[u8]> {
    Arc::clone(&provider.books().task_of(job).cloth)
}

/// How far down a colour lies in a picture, from 0 to 1.
fn depth(picture: &RgbImage, colour: Rgb<u8>) -> f64 {
    let is_like = |pixel: &Rgb<u8>| pixel.0.iter().zip(colour.0).all(|(a, b)| a.abs_diff(b) < 40);
    let rows: Vec<u32> = picture.enumerate_pixels().filter(|(.., pixel)| is_like(pixel)).map(|(_, y, _)| y).collect();
    assert!(!rows.is_empty(), "{colour:?} is not in the picture");
    rows.iter().map(|row| f64::from(*row)).sum::<f64>() / rows.len() as f64 / f64::from(picture.height())
}

fn failure(shop: &Workshop, provider: &Provider, job: &str) -> serde_json::Value {
    let said = shop.call(provider, &["show", job, "--json"]);
    let start = said.said.find('{').expect("an object");
    serde_json::from_str(&said.said[start..]).expect("JSON")
}

#[test]
fn an_outfit_is_sent_as_one_white_picture_with_the_upper_above_the_lower_in_whatever_order_they_are_named() {
    let provider = Provider::start(Script::default());
    let turned = ("turned", "trousers.jpg", "lower", "shirt.png", "upper");
    let shop = shop_with(&[outfit("one"), outfit("two"), turned, ("single", "trousers.jpg", "lower", "", "")]);
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    let one = sent(&provider, "one");
    assert_eq!((sent(&provider, "two"), sent(&provider, "turned")), (one.clone(), one.clone()), "the same outfit");
    let picture = image::load_from_memory_with_format(&one, ImageFormat::Jpeg).expect("a JPEG").into_rgb8();
    assert!(picture.width().min(picture.height()) >= 300);
    assert!(depth(&picture, RED) < 0.45 && depth(&picture, BLUE) > 0.55);
    assert!(picture.get_pixel(2, 2).0.iter().all(|channel| *channel > 252), "on white");
    let trousers = std::fs::read(shop.file("trousers.jpg")).expect("read");
    assert!(*sent(&provider, "single") == *trousers, "a single garment is sent byte for byte");
    assert!(!shop.out().join("queue.db-pictures").exists(), "made pictures go with the run");

    let story = failure(&shop, &provider, "one");
    let sent_as = story["history"][0]["sent_as"].as_str().expect("what was made").to_owned();
    assert!(
        sent_as.starts_with("cloth_image: a JPEG of ") && sent_as.ends_with("made of cloth_image and cloth_image_2"),
        "{sent_as}"
    );
    let report = shop.call(&provider, &["report", "--format", "json"]).said;
    let rows: Vec<serde_json::Value> = serde_json::from_str(&report).expect("JSON");
    let told: Vec<bool> = rows.iter().map(|row| row["sent_as"].is_string()).collect();
    assert_eq!(told, [true, true, true, false]);
}

/// What somebody does to a picture between its loading and its sending.
type Harm = fn(&Path);

#[test]
fn a_picture_that_is_no_picture_any_more_fails_its_own_job_and_nothing_is_sent() {
    let cases: [(&str, Harm); 4] = [
        ("no such file", |path| std::fs::remove_file(path).expect("removed")),
        ("is an HTML page, not a JPEG or PNG picture", |path| std::fs::write(path, "<html>").expect("written")),
        ("is a GIF picture, not a JPEG or PNG picture; --fit-images converts it", |path| {
            shot(path, RED, ImageFormat::Gif);
        }),
        ("is a damaged picture: it is cut off; copy or export it again", |path| {
            let whole = std::fs::read(path).expect("read");
            std::fs::write(path, &whole[..whole.len() - 40]).expect("written");
        }),
    ];
    for (reason, spoil) in cases {
        let provider = Provider::start(Script::default());
        let shop = shop_with(&[
            ("bad", "trousers.jpg", "lower", "spoilt.png", "upper"),
            ("good", "trousers.jpg", "lower", "", ""),
            outfit("fine"),
        ]);
        shot(&shop.file("spoilt.png"), RED, ImageFormat::Png);
        shop.call(&provider, &["load", "jobs.csv"]).assert_code(0);
        spoil(&shop.file("spoilt.png"));
        let ended = shop.call(&provider, &["run"]);
        ended.assert_code(1);
        let rows = shop.rows();
        assert_eq!((rows[0].state.as_str(), rows[0].error_code.as_deref()), ("failed", Some("invalid_input")));
        assert_eq!((rows[1].state.as_str(), rows[2].state.as_str()), ("succeeded", "succeeded"), "bystanders");
        let told = failure(&shop, &provider, "bad")["reason"].as_str().expect("a reason").to_owned();
        assert!(told.starts_with("cloth_image_2: ") && told.contains(reason) && told.contains("spoilt.png"), "{told}");
        assert_eq!(provider.books().creates().len(), 2, "nothing was sent for it: {}", provider.books().story());

        // The file is mended, and the job goes on.
        shot(&shop.file("spoilt.png"), RED, ImageFormat::Png);
        shop.call(&provider, &["retry", "bad"]).assert_code(0);
        shop.call(&provider, &["run"]).assert_code(0);
        shop.assert_all_done(&provider);
    }
}

/// A shop with one job whose garment is a WebP, and one whose is a JPEG.
fn webp_shop() -> Workshop {
    let shop = shop_with(&[("webp", "shirt.webp", "upper", "", ""), ("jpeg", "trousers.jpg", "lower", "", "")]);
    shot(&shop.file("shirt.webp"), RED, ImageFormat::WebP);
    shop
}

#[test]
fn a_picture_that_almost_fits_is_refused_with_the_cure_and_taken_with_it() {
    let provider = Provider::start(Script::default());
    let shop = webp_shop();
    let refused = shop.run(&provider, &[]);
    refused.assert_code(2);
    let line = "jobs.csv:2: cloth_image: is a WebP picture, not a JPEG or PNG picture; --fit-images converts it";
    assert!(refused.said.contains(line), "{}", refused.said);
    let before = std::fs::read(shop.file("shirt.webp")).expect("read");

    let checked = shop.call(&provider, &["check", "jobs.csv", "--fit-images"]);
    assert_said_one_is_fitted(checked.assert_code(0));
    let run = shop.run(&provider, &["--fit-images"]);
    assert_said_one_is_fitted(run.assert_code(0));
    shop.assert_all_done(&provider);
    let picture = image::load_from_memory_with_format(&sent(&provider, "webp"), ImageFormat::Jpeg).expect("a JPEG");
    assert_eq!((picture.width(), picture.height()), (320, 400));
    assert!((depth(&picture.into_rgb8(), RED) - 0.5).abs() < 0.02);
    assert_eq!(std::fs::read(shop.file("shirt.webp")).expect("read"), before, "the file is left alone");
    let trousers = std::fs::read(shop.file("trousers.jpg")).expect("read");
    assert!(*sent(&provider, "jpeg") == *trousers, "what fits is sent byte for byte");
    let told = shop.call(&provider, &["show", "webp"]).said;
    assert!(
        told.contains("sent as      cloth_image: a JPEG of 320 x 400 px (0.0 MiB), made of a WebP of 320 x 400 px"),
        "{told}"
    );
}

fn assert_said_one_is_fitted(ended: &Ended) {
    let line = "1 picture is made to fit when sent (--fit-images); the files stay as they are";
    assert!(ended.said.contains(line), "{}", ended.said);
}

#[test]
fn a_queue_that_was_loaded_with_fit_images_goes_on_with_it_unless_it_is_told_otherwise() {
    let provider = Provider::start(Script::default());
    let shop = webp_shop();
    shop.call(&provider, &["load", "jobs.csv", "--fit-images"]).assert_code(0);
    shop.call(&provider, &["run", "--fit-images=false"]).assert_code(1);
    let told = failure(&shop, &provider, "webp");
    assert_eq!(told["error_code"], "invalid_input");
    assert!(told["reason"].as_str().expect("a reason").contains("--fit-images converts it"), "{told}");
    assert_eq!(provider.books().creates().len(), 1, "it was not sent as it is");
    shop.call(&provider, &["retry", "--failed"]).assert_code(0);
    shop.call(&provider, &["run"]).assert_code(0);
    shop.assert_all_done(&provider);
}

#[test]
fn the_rate_holds_while_pictures_are_made() {
    let provider = Provider::start(Script::default());
    let names: Vec<String> = (0..8).map(|number| format!("job-{number}")).collect();
    let shirts: Vec<String> = (0..8).map(|number| format!("shirt-{number}.png")).collect();
    let rows: Vec<_> = names
        .iter()
        .zip(&shirts)
        .enumerate()
        .map(|(number, (name, shirt))| match number % 2 {
            0 => (name.as_str(), shirt.as_str(), "upper", "trousers.jpg", "lower"),
            _ => (name.as_str(), "trousers.jpg", "lower", "", ""),
        })
        .collect();
    let shop = shop_with(&rows);
    for shirt in &shirts {
        shot(&shop.file(shirt), RED, ImageFormat::Png);
    }
    shop.run(&provider, &["--rate", "4"]).assert_code(0);
    shop.assert_all_done(&provider);
    let books = provider.books();
    assert!(Books::most_in_a_second(&books.creates()) <= 4, "{}", books.story());
}

#[test]
fn a_killed_run_leaves_no_pictures_behind_once_it_is_run_again() {
    let script =
        Script { on_create: Box::new(|_| OnCreate::Hold), external_ids: ExternalIds::Known, ..Script::default() };
    let provider = Provider::start(script);
    let shop = shop_with(&[outfit("one")]);
    let run = shop.start(&provider, &[]);
    provider.wait_until("the outfit is sent", |books| books.held == 1);
    let folder = shop.out().join("queue.db-pictures");
    assert_eq!(std::fs::read_dir(&folder).expect("the folder").count(), 1);
    run.kill();
    assert!(folder.exists());
    provider.change(|script| script.on_create = Box::new(|_| OnCreate::Take));
    provider.let_go();
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    assert!(!folder.exists());
    assert!(failure(&shop, &provider, "one")["history"][0]["sent_as"].is_string(), "noted before it was sent");
}

#[test]
fn a_folder_that_cannot_be_written_is_the_machines_fault_and_no_jobs() {
    let provider = Provider::start(Script::default());
    let shop = shop_with(&[outfit("one")]);
    shop.call(&provider, &["load", "jobs.csv"]).assert_code(0);
    let in_the_way = shop.out().join("queue.db-pictures");
    std::fs::write(&in_the_way, "something else").expect("written");
    let ended = shop.call(&provider, &["run"]);
    ended.assert_code(5);
    assert!(ended.said.contains("queue.db-pictures"), "{}", ended.said);
    assert_eq!(shop.row("one").state, "pending", "untouched: {}", shop.standing());
    assert!(provider.books().creates().is_empty());
    std::fs::remove_file(&in_the_way).expect("removed");
    shop.call(&provider, &["run"]).assert_code(0);
    shop.assert_all_done(&provider);
}

#[cfg(unix)]
#[test]
fn an_interruption_is_not_held_up_by_a_picture_that_waits_for_its_turn() {
    let provider = Provider::start(Script { external_ids: ExternalIds::Ignored, ..Script::default() });
    let shop = shop_with(&[outfit("one"), outfit("two")]);
    // One turn in 20 s: the second job is claimed long after the signal, or waits for its turn.
    let run = shop.start(&provider, &["--rate", "0.05"]);
    provider.wait_until("the first is sent", |books| books.tasks.len() == 1);
    run.signal("TERM");
    let ended = run.end();
    ended.assert_code(143);
    assert!(ended.took < Duration::from_secs(30), "{:?}", ended.took);
    assert_eq!(shop.count("submitting") + shop.count("in_doubt"), 0, "{}", shop.standing());
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
}
