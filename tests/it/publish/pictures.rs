//! What is in the published files: pixels, marks, the table.

use std::path::Path;
use std::process::Command;

use image::{GenericImageView, Rgba};

use super::{approved, names, originals, publish, published};
use crate::commands::project;

const TRAINED: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

/// What `ExifTool` reads; `None` where there is none on this machine.
#[expect(clippy::print_stderr, reason = "what was left out is told")]
fn exiftool(file: &Path, tags: &[&str]) -> Option<Vec<String>> {
    let Ok(said) = Command::new("exiftool").args(["-s3", "-warning"]).args(tags).arg(file).output() else {
        eprintln!("not checked by ExifTool: there is none");
        return None;
    };
    Some(String::from_utf8_lossy(&said.stdout).lines().map(str::to_owned).collect())
}

#[test]
fn marks_only_leaves_the_pixels_alone_and_marks_are_read_by_others() {
    let desk = approved();
    desk.write(
        "r.toml",
        "[picture]\nwidth = 100\nformat = 'webp'\n[marks.aigc]\nlabel = '1'\ncontent-producer = 'Shop'\nproduce-id = '{id}'\n",
    );
    published(&desk, &["--recipe", "r.toml", "--marks-only"]);
    for (name, original) in originals(&desk) {
        let file = desk.path("shop").join(&name);
        let marked = std::fs::read(&file).expect("published");
        assert!(marked.len() > original.len());
        let (before, after) = (image::load_from_memory(&original), image::load_from_memory(&marked));
        assert!(before.expect("decodes") == after.expect("decodes"), "{name}");
        let Some(read) = exiftool(&file, &["-XMP-iptcExt:DigitalSourceType", "-XMP-TC260:AIGC"]) else { continue };
        let id = name.trim_end_matches(".png");
        let label = format!(
            "{{\"Label\":\"1\",\"ContentProducer\":\"Shop\",\"ProduceID\":\"{id}\",\"ReservedCode1\":\"\",\
             \"ContentPropagator\":\"\",\"PropagateID\":\"\",\"ReservedCode2\":\"\"}}"
        );
        assert_eq!(read, [TRAINED.to_owned(), label]);
    }
}

#[test]
fn every_form_is_sized_padded_and_marked() {
    let desk = approved();
    for (format, extension) in [("jpeg", "jpg"), ("png", "png"), ("webp", "webp")] {
        let to = format!("shop-{format}");
        let recipe = "[picture]\nwidth = 500\nheight = 600\nfit = 'pad'\nfill = 50\nbackground = '#ff8800'\nformat = ";
        desk.write("r.toml", &format!("{recipe}'{format}'\n"));
        let said = desk.run(&["publish", "--to", &to, "--recipe", "r.toml"]);
        assert_eq!(said.code, 0, "{}", said.err);
        let file = desk.path(&to).join(format!("ana/coat.{extension}"));
        let picture = image::open(&file).expect("a picture");
        assert_eq!(picture.dimensions(), (500, 600));
        let Rgba([red, green, blue, _]) = picture.get_pixel(3, 3);
        assert!(red > 245 && green.abs_diff(0x88) < 8 && blue < 10, "{format}: {red} {green} {blue}");
        let Some(read) = exiftool(&file, &["-XMP-iptcExt:DigitalSourceType"]) else { continue };
        assert_eq!(read, [TRAINED], "{format}");
    }
}

#[test]
fn the_shops_example_is_a_table_that_the_shop_imports() {
    let desk = approved();
    let recipe = project().join("examples/recipes/shopify.toml").display().to_string();
    published(&desk, &["--recipe", &recipe]);
    let table = std::fs::read_to_string(desk.path("shop/products.csv")).expect("a table");
    assert_eq!(
        table,
        "Handle,Title,Image Src,Image Position,Image Alt Text\n\
         c-1,\"Coat, red\",https://cdn.example.com/tryon/c-1/c-1-01.jpg,1,\"Coat, red, worn\"\n\
         c-1,,https://cdn.example.com/tryon/c-1/c-1-02.jpg,2,\"Coat, red, worn\"\n\
         h-2,'=Hat,https://cdn.example.com/tryon/h-2/h-2-01.jpg,1,\"'=Hat, worn\"\n\
         h-2,,https://cdn.example.com/tryon/h-2/h-2-02.jpg,2,\"'=Hat, worn\"\n"
    );
    assert_eq!(names(&desk), ["c-1/c-1-01.jpg", "c-1/c-1-02.jpg", "h-2/h-2-01.jpg", "h-2/h-2-02.jpg", "products.csv"]);
    assert_eq!(published(&desk, &["--recipe", &recipe])["table"], "up_to_date");
    let before = std::fs::metadata(desk.path("shop/c-1/c-1-01.jpg")).expect("a file").modified().expect("a time");
    let title = super::MANIFEST.replace("Coat, red", "Coat, blue");
    desk.write("jobs.csv", &title);
    desk.run(&["load", "jobs.csv"]);
    let summary = published(&desk, &["--recipe", &recipe]);
    assert_eq!((summary["table"].as_str(), summary["written"].as_u64()), (Some("written"), Some(0)));
    let after = std::fs::metadata(desk.path("shop/c-1/c-1-01.jpg")).expect("a file").modified().expect("a time");
    assert_eq!(before, after, "no picture is made for a title");
}

#[test]
fn a_mark_that_was_there_is_told_of_per_kind_with_the_first_ids() {
    let desk = approved();
    desk.write("r.toml", "[marks.aigc]\ncontent-propagator = 'Shop'\npropagate-id = '7'\n");
    let said = publish(&desk, &["--recipe", "r.toml"]);
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("has no AIGC label of its own, and the recipe's [marks.aigc] gives none"),
        "{}",
        said.out
    );
}
