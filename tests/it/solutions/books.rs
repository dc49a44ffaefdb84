//! What the tests of this form share: manifests of local pictures, and the stand-in's own books.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// Writes a manifest of `count` pairs: a few people, each in garments of their own.
pub(super) fn manifest(folder: &Path, count: usize, more_header: &str, more: impl Fn(usize) -> String) -> Vec<String> {
    for number in 0..4_u8 {
        let person = image::RgbImage::from_fn(320, 480, |x, y| image::Rgb([x as u8, y as u8, number * 60]));
        person.save(folder.join(format!("person-{number}.png"))).expect("a person");
    }
    let mut text = format!("id,human_image,cloth_image{more_header}\n");
    let mut ids = Vec::new();
    for number in 0..count {
        let cloth = format!("cloth-{number}.png");
        let shade = image::Rgb([(number % 256) as u8, (number / 256) as u8, 90]);
        image::RgbImage::from_pixel(310, 310, shade).save(folder.join(&cloth)).expect("a garment");
        let id = format!("job-{number:03}");
        text.push_str(&format!("{id},person-{}.png,{cloth}{}\n", number % 4, more(number)));
        ids.push(id);
    }
    std::fs::write(folder.join("jobs.csv"), text).expect("a manifest");
    ids
}

/// The tasks of a stand-in: how many there are, and of how many different pairs.
pub(super) fn tasks(state: &Path) -> (usize, usize) {
    let db = Connection::open_with_flags(state.join("tasks.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the books");
    let count = |what: &str| {
        let query = format!("SELECT count({what}) FROM tasks WHERE model = 'virtual-try-on-3'");
        db.query_row(&query, [], |row| row.get::<_, usize>(0)).expect("a count")
    };
    (count("*"), count("DISTINCT human || ' ' || cloth"))
}

/// How many pictures lie on the stand-in's shelf.
pub(super) fn pictures(state: &Path) -> usize {
    let folders = std::fs::read_dir(state.join("pictures")).expect("a shelf").flatten();
    folders.filter_map(|folder| std::fs::read_dir(folder.path()).ok()).map(Iterator::count).sum()
}
