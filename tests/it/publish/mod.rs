//! `tryon publish`, with the sandbox's pictures: what is written, what is left alone, what is refused.

mod bucket;
mod files;
mod pictures;
mod refusals;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::commands::{Desk, Said};
use crate::support::workshop::files_below;

/// Four results of two garments, with columns for a shop.
const MANIFEST: &str = "id,human,cloth,sku,title\n\
    ana/coat,ana.png,coat.png,C 1,\"Coat, red\"\n\
    bo/coat,bo.png,coat.png,C 1,\"Coat, red\"\n\
    ana/hat,ana.png,hat.png,H-2,=Hat\n\
    bo/hat,bo.png,hat.png,H-2,=Hat\n";

fn catalogue() -> Desk {
    let desk = Desk::new();
    for (name, shade) in [("ana", 10_u32), ("bo", 90), ("coat", 150), ("hat", 210)] {
        let picture = image::RgbImage::from_fn(320, 400, |x, y| {
            image::Rgb([(x * shade / 40) as u8, (y * shade / 50) as u8, ((x + y) % 200) as u8])
        });
        picture.save(desk.path(&format!("{name}.png"))).expect("a picture");
    }
    desk.write("jobs.csv", MANIFEST);
    let run = desk.run(&["run", "jobs.csv", "--sandbox", "-q"]);
    assert_eq!(run.code, 0, "{}", run.err);
    desk
}

/// The same, all approved.
fn approved() -> Desk {
    let desk = catalogue();
    let said = desk.run(&["review", "--approve", "ana/coat", "bo/coat", "ana/hat", "bo/hat"]);
    assert_eq!(said.code, 0, "{}", said.err);
    desk
}

fn publish(desk: &Desk, more: &[&str]) -> Said {
    desk.run(&[&["publish", "--to", "shop"], more].concat())
}

/// The summary of a publication that succeeds.
fn published(desk: &Desk, more: &[&str]) -> serde_json::Value {
    let said = publish(desk, &[more, &["--json"]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    serde_json::from_str(&said.out).expect("JSON")
}

/// Written, up to date, stale, removed.
fn tally(desk: &Desk, more: &[&str]) -> [u64; 4] {
    let summary = published(desk, more);
    ["written", "up_to_date", "stale", "removed"].map(|key| summary[key].as_u64().expect("a count"))
}

/// What is below a folder, by name; not what the program keeps for itself.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let name = |path: &PathBuf| path.strip_prefix(folder).expect("below").to_string_lossy().into_owned();
    let files = files_below(folder).into_iter().filter(|path| !name(path).starts_with(".tryon-"));
    files.map(|path| (name(&path), std::fs::read(&path).expect("a file"))).collect()
}

fn names(desk: &Desk) -> Vec<String> {
    if desk.path("shop").exists() { content(&desk.path("shop")).into_keys().collect() } else { Vec::new() }
}

/// The images of the output tree.
fn originals(desk: &Desk) -> BTreeMap<String, Vec<u8>> {
    let mut all = content(&desk.path("tryon-out"));
    all.retain(|name, _| name.ends_with(".png"));
    all
}
