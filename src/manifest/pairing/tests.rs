//! What users are promised of `pair`, a test a promise.

use std::fs;
use std::path::Path;

use crate::manifest::{ManifestReader, ManifestRow, PictureChecks, Reading, Row};

use super::*;

/// A folder `people` and a folder `garments`, with small pictures under these names below it.
fn folders(pictures: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("tempdir");
    let mut png = Vec::new();
    let picture = image::GrayImage::new(300, 300);
    picture.write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).expect("encoded");
    for name in ["people", "garments"] {
        fs::create_dir(folder.path().join(name)).expect("create_dir");
    }
    for name in pictures {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("create_dir");
        fs::write(path, &png).expect("write");
    }
    folder
}

/// Every pair of both folders, each named by its absolute path.
fn order(folder: &Path) -> PairingOrder {
    let side = |side, name| PictureFolder { side, path: folder.join(name), only: Vec::new() };
    PairingOrder {
        humans: side(Side::Humans, "people"),
        cloths: side(Side::Cloths, "garments"),
        type_from_folder: false,
        choice: Choice::All,
        seed: 0,
        model: None,
    }
}

fn written(pairing: &Pairing) -> String {
    let mut text = Vec::new();
    pairing.write(&mut text).expect("written");
    String::from_utf8(text).expect("UTF-8")
}

/// Reads a manifest as `load` does. Every row must be good, and no two ids may share a key.
fn loaded(text: &str) -> Vec<ManifestRow> {
    let mut pictures = PictureChecks::new();
    let rows =
        ManifestReader::from_reader("pairs.csv", Path::new(""), text.as_bytes(), &Reading::default(), &mut pictures);
    let mut keys = std::collections::HashSet::new();
    let good = |row| match row {
        Ok(Row::Good(row)) => row,
        other => panic!("{other:?}\n{text}"),
    };
    let rows: Vec<ManifestRow> = rows.expect("a header").map(good).collect();
    for row in &rows {
        assert!(keys.insert(row.spec.id.key()), "{} is there twice\n{text}", row.spec.id);
    }
    rows
}

fn ids(rows: &[ManifestRow]) -> Vec<&str> {
    rows.iter().map(|row| row.spec.id.as_str()).collect()
}

#[test]
fn every_pair_is_written_in_the_order_of_the_paths_and_loads() {
    let folder = folders(&["people/tom.png", "people/ana.png", "people/a/zoe.png", "garments/b.png", "garments/a.png"]);
    let pairing = Pairing::prepare(order(folder.path())).expect("pairs");
    assert_eq!((pairing.people(), pairing.garments(), pairing.pairs()), (3, 2, 6));
    let text = written(&pairing);
    assert!(text.starts_with("id,human_image,cloth_image\n"), "{text}");
    assert_eq!(ids(&loaded(&text)), ["a/zoe/a", "a/zoe/b", "ana/a", "ana/b", "tom/a", "tom/b"]);
}

#[test]
fn in_flat_folders_ids_are_the_default_ones_and_no_column_says_so() {
    let folder = folders(&["people/tom.png", "people/ana.v2.jpg", "garments/shirt.png"]);
    let text = written(&Pairing::prepare(order(folder.path())).expect("pairs"));
    assert!(text.starts_with("human_image,cloth_image\n"), "no column that says nothing: {text}");
    assert_eq!(ids(&loaded(&text)), ["ana.v2/shirt", "tom/shirt"]);
}

#[test]
fn a_stem_that_comes_again_in_a_folder_leaves_the_ids_that_were_there() {
    let folder = folders(&["people/ana.png", "people/tom.png", "garments/001.png", "garments/spring/002.png"]);
    let before = written(&Pairing::prepare(order(folder.path())).expect("pairs"));
    assert_eq!(ids(&loaded(&before)), ["ana/001", "ana/spring/002", "tom/001", "tom/spring/002"]);
    for name in ["people/summer/Ana.png", "garments/autumn/001.png", "garments/002.png"] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::copy(folder.path().join("people/ana.png"), path).expect("copied");
    }
    let after = written(&Pairing::prepare(order(folder.path())).expect("pairs"));
    let after = loaded(&after);
    for row in loaded(&before) {
        let same = after.iter().find(|other| other.spec.id == row.spec.id).expect("the id is still there");
        assert_eq!(same.spec.inputs(), row.spec.inputs(), "{}", row.spec.id);
    }
    assert_eq!(after.len(), 3 * 4);
    assert!(ids(&after).contains(&"summer/Ana/autumn/001"), "{:?}", ids(&after));
}

#[test]
fn pictures_that_would_have_the_same_id_are_refused_by_name() {
    for (clashing, shown) in [
        (["garments/shirt.jpg", "garments/shirt.png"], "shirt.jpg and"),
        (["garments/Shirt.png", "garments/shirt.png"], "Shirt.png and"),
        (["garments/a/b.png", "garments/A/b.png"], "A/b.png and"),
        (["garments/\u{e9}.png", "garments/e\u{301}.png"], ".png and"),
    ] {
        let folder = folders(&[&["people/ana.png"][..], &clashing].concat());
        if fs::read_dir(folder.path().join("garments")).expect("a folder").count() < 2 && !clashing[0].contains("/a/") {
            continue;
        }
        let error = Pairing::prepare(order(folder.path())).expect_err("refused").to_string();
        assert!(error.starts_with("--cloths: pictures that would have the same id: "), "{error}");
        assert!(error.contains(shown) && error.contains("--only-cloths"), "{error}");
    }
}

#[test]
fn two_pairs_that_would_have_the_same_id_are_refused() {
    let folder = folders(&["people/a.png", "people/a/zoe.png", "garments/zoe/b.png", "garments/b.png"]);
    let error = Pairing::prepare(order(folder.path())).expect_err("refused").to_string();
    assert!(error.contains("the folder zoe is below both"), "{error}");
}

#[cfg(unix)]
#[test]
fn names_that_are_no_part_of_an_id_and_cells_that_would_be_misread_still_load() {
    let long = format!("garments/{}.png", "x".repeat(250));
    let folder = folders(&[
        "people/con.png",
        "people/ana.png.jpg",
        "people/a\\b.png",
        "people/a-b.png",
        "people/two\nlines.png",
        "people/quote\"d, twice.png",
        "people/=1+1.png",
        "people/queue.db.png",
        "garments/ shirt.png",
        "garments/shirt;1.png",
        &long,
    ]);
    let rows = loaded(&written(&Pairing::prepare(order(folder.path())).expect("pairs")));
    assert_eq!(rows.len(), 8 * 3);
    let cell = |path: &str| super::folder::cell_of(path).expect("a cell");
    assert_eq!(cell(" shirt.png"), "./ shirt.png");
    assert_eq!(cell("data:shirt.png"), "./data:shirt.png");
    assert_eq!(cell("./people/ana.png"), "people/ana.png");
    assert_eq!(cell("/people/ana.png"), "/people/ana.png");
}

#[test]
fn what_cannot_be_used_is_named_and_left_out_and_what_is_no_picture_is_passed_over() {
    let folder = folders(&["people/ana.png", "garments/shirt.png", "garments/.hidden.png", "garments/.trash/old.png"]);
    let garments = folder.path().join("garments");
    image::GrayImage::new(299, 300).save(garments.join("small.png")).expect("saved");
    fs::write(garments.join("page.jpg"), "<html>").expect("written");
    fs::write(garments.join("notes.txt"), "call the printer").expect("written");
    fs::copy(garments.join("shirt.png"), garments.join("named-otherwise.dat")).expect("copied");
    let pairing = Pairing::prepare(order(folder.path())).expect("pairs");
    assert_eq!(ids(&loaded(&written(&pairing))), ["ana/named-otherwise", "ana/shirt"]);
    let named: Vec<String> = pairing.left_out.iter().map(|file| format!("{}: {}", file.path, file.reason)).collect();
    let at = garments.display();
    assert_eq!(
        named,
        [
            format!("{at}/page.jpg: is an HTML page, not a JPEG or PNG picture"),
            format!("{at}/small.png: is 299 x 300 px; both sides must be at least 300 px"),
        ]
    );
}

#[test]
fn a_garments_type_is_that_of_its_nearest_folder() {
    let folder = folders(&[
        "people/ana.png",
        "garments/dress/a.png",
        "garments/Upper/linen/b.png",
        "garments/upper/lower/c.png",
        "garments/d.png",
    ]);
    let mut order = order(folder.path());
    order.type_from_folder = true;
    order.model = Some(ModelName::parse("kolors-virtual-try-on-v1-5").expect("a model"));
    let pairing = Pairing::prepare(order).expect("pairs");
    assert_eq!(pairing.garments_of_no_type(), 1);
    let rows = loaded(&written(&pairing));
    let types: Vec<_> = rows.iter().map(|row| (row.spec.id.as_str(), row.spec.cloth_type)).collect();
    let (upper, lower, dress) = (Some(Garment::Upper), Some(Garment::Lower), Some(Garment::Dress));
    assert_eq!(
        types,
        [("ana/Upper/linen/b", upper), ("ana/d", None), ("ana/dress/a", dress), ("ana/upper/lower/c", lower)]
    );
    assert!(rows.iter().all(|row| row.spec.model.as_ref().is_some_and(|model| model.as_str().ends_with("v1-5"))));

    let mut order = super::tests::order(folder.path());
    order.type_from_folder = true;
    order.cloths.path = folder.path().join("garments/dress");
    let rows = loaded(&written(&Pairing::prepare(order).expect("pairs")));
    assert_eq!(rows[0].spec.cloth_type, dress, "the folder that was named counts as well");
}

#[test]
fn patterns_choose_by_name_by_folder_and_by_path() {
    let folder = folders(&[
        "people/ana.png",
        "garments/spring/shirt.png",
        "garments/spring/tee.png",
        "garments/autumn/shirt-2.png",
    ]);
    for (patterns, expected) in [
        (&["shirt*"][..], &["ana/autumn/shirt-2", "ana/spring/shirt"][..]),
        (&["spring"], &["ana/spring/shirt", "ana/spring/tee"]),
        (&["spring/"], &["ana/spring/shirt", "ana/spring/tee"]),
        (&["spring/t*"], &["ana/spring/tee"]),
        (&["autumn/**", "tee.png"], &["ana/autumn/shirt-2", "ana/spring/tee"]),
    ] {
        let mut order = order(folder.path());
        order.cloths.only = patterns.iter().map(ToString::to_string).collect();
        let rows = loaded(&written(&Pairing::prepare(order).expect("pairs")));
        assert_eq!(ids(&rows), expected, "{patterns:?}");
    }
    for (pattern, message) in [("jeans", "--only-cloths jeans matches no file there"), ("[", "--only-cloths [: ")] {
        let mut order = order(folder.path());
        order.cloths.only = vec![pattern.to_owned()];
        let error = Pairing::prepare(order).expect_err("nothing").to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn the_other_folder_and_output_folders_are_not_searched() {
    let folder = folders(&["people/ana.png", "people/garments/shirt.png", "people/results/ana/shirt.png"]);
    fs::write(folder.path().join("people/results/queue.db"), "").expect("written");
    let mut order = order(folder.path());
    order.cloths.path = folder.path().join("people/garments");
    let rows = loaded(&written(&Pairing::prepare(order).expect("pairs")));
    assert_eq!(ids(&rows), ["ana/shirt"]);
}

#[test]
fn a_folder_that_gives_nothing_says_why() {
    let folder = folders(&["people/ana.png"]);
    let error = |change: &dyn Fn(&mut PairingOrder)| {
        let mut order = order(folder.path());
        change(&mut order);
        let error = Pairing::prepare(order).expect_err("nothing to pair").to_string();
        error.replace(&folder.path().display().to_string(), "[folder]")
    };
    // Under a temporary folder that is itself a link, the resolved path would be another text.
    let picture_without_end = folder.path().join("garments/c.webp");
    assert!(error(&|_| ()).starts_with("--cloths: no usable JPEG or PNG picture in [folder]/garments"));
    fs::write(picture_without_end, b"RIFF\0\0\0\0WEBPVP8 ").expect("written");
    assert_eq!(
        error(&|_| ()),
        "--cloths: no usable JPEG or PNG picture in [folder]/garments; [folder]/garments/c.webp is a damaged picture: its size cannot be read"
    );
    assert_eq!(
        error(&|order| order.humans.path.push("nowhere")),
        "--humans: no such folder (looked for [folder]/people/nowhere); check the path"
    );
    assert_eq!(
        error(&|order| order.humans.path.push("ana.png")),
        "--humans: [folder]/people/ana.png is no folder; name the folder that holds the pictures"
    );
    assert_eq!(
        error(&|order| order.humans.path.clone_from(&order.cloths.path)),
        "--humans and --cloths are the same folder ([folder]/garments); put people and garments into folders of their own"
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_those_that_lead_nowhere_or_in_a_circle_are_named() {
    let folder = folders(&["people/ana.png", "garments/shirt.png", "elsewhere/tee.png"]);
    let link = |from: &str, to: &str| {
        std::os::unix::fs::symlink(folder.path().join(from), folder.path().join(to)).expect("linked");
    };
    link("elsewhere", "garments/more");
    link("nowhere", "garments/lost.png");
    link("garments", "garments/round");
    let pairing = Pairing::prepare(order(folder.path())).expect("pairs");
    assert_eq!(ids(&loaded(&written(&pairing))), ["ana/more/tee", "ana/shirt"]);
    let reasons: Vec<&str> = pairing.left_out.iter().map(|file| file.reason.as_str()).collect();
    assert_eq!(reasons[0], "is a link that leads nowhere");
    assert!(reasons[1].starts_with("is a link that leads back to "), "{reasons:?}");
}

#[cfg(unix)]
#[test]
fn a_file_that_two_ways_lead_to_is_paired_once() {
    let folder = folders(&[
        "people/ana.png",
        "garments/shirt.png",
        "garments/new/tee.png",
        "elsewhere/hat.png",
        "elsewhere/deep/cap.png",
        "elsewhere/.hidden.png",
    ]);
    let link = |from: &str, to: &str| {
        std::os::unix::fs::symlink(folder.path().join(from), folder.path().join(to)).expect("linked");
    };
    link("garments/new", "garments/also");
    link("garments/shirt.png", "garments/best.png");
    link("elsewhere", "garments/x");
    link("elsewhere", "garments/y");
    link("elsewhere/hat.png", "garments/hat.png");
    link("garments", "elsewhere/back");
    link("elsewhere/deep", "elsewhere/deep/round");
    link("people", "garments/people");
    link("people/ana.png", "garments/ana.png");
    let pairing = Pairing::prepare(order(folder.path())).expect("pairs");
    let rows = loaded(&written(&pairing));
    assert_eq!(ids(&rows), ["ana/ana", "ana/new/tee", "ana/shirt", "ana/x/deep/cap", "ana/x/hat"]);
    let garments: std::collections::HashSet<String> = rows.iter().map(|row| row.spec.cloth.source.stored()).collect();
    assert_eq!(garments.len(), rows.len());
    let left_out = pairing.left_out.iter().map(|file| file.reason.as_str());
    assert_eq!(
        left_out.filter(|reason| reason.contains("which is found without it")).count(),
        5,
        "{:?}",
        pairing.left_out
    );
}

mod names {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::super::folder::Picture;
    use super::super::naming::{check_joints, name_of, names};
    use super::*;

    fn picture(below: &str) -> Picture {
        Picture { cell: below.to_owned(), below: below.to_owned(), garment: None, needs_fitting: false }
    }

    /// Paths that often share stems, cases, extensions and beginnings, and some that are no part of an id.
    fn path() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            6 => "[abAB]{1,2}", 1 => Just("con".to_owned()), 1 => Just("é".to_owned()), 1 => Just("e\u{301}".to_owned()),
            1 => Just(" a ".to_owned()), 1 => Just("a.".to_owned()), 1 => Just("x.png".to_owned()),
            1 => Just("a\\b".to_owned()), 1 => Just("a\u{200b}".to_owned()), 1 => "[a-c.]{300}",
        ];
        (vec(part, 1..4), prop_oneof![Just("jpg"), Just("png"), Just("JPG")])
            .prop_map(|(parts, extension)| format!("{}.{extension}", parts.join("/")))
    }

    fn named(paths: &std::collections::BTreeSet<String>, side: Side) -> Option<Vec<String>> {
        let pictures: Vec<Picture> = paths.iter().map(|path| picture(path)).collect();
        names(&pictures, side).ok().map(|(names, _)| names)
    }

    proptest! {
        #[test]
        fn whatever_is_added_no_pair_gets_another_id(
            people in btree_set(path(), 1..8), more_people in btree_set(path(), 0..8),
            garments in btree_set(path(), 1..8), more_garments in btree_set(path(), 0..8),
        ) {
            let all_people = people.union(&more_people).cloned().collect();
            let all_garments = garments.union(&more_garments).cloned().collect();
            for (few, all, side) in [(&people, &all_people, Side::Humans), (&garments, &all_garments, Side::Cloths)] {
                if let (Some(before), Some(after)) = (named(few, side), named(all, side)) {
                    let after: std::collections::HashMap<_, _> = all.iter().zip(after).collect();
                    for (path, name) in few.iter().zip(before) {
                        prop_assert_eq!(&after[path], &name, "{}", path);
                    }
                }
            }
        }

        #[test]
        fn no_two_pairs_share_an_id_and_every_id_is_one(
            people in btree_set(path(), 1..8), garments in btree_set(path(), 1..8),
        ) {
            if let (Some(humans), Some(cloths)) = (named(&people, Side::Humans), named(&garments, Side::Cloths))
                && check_joints(&humans, &cloths).is_ok()
            {
                let mut keys = std::collections::HashSet::new();
                for (human, cloth) in humans.iter().flat_map(|human| cloths.iter().map(move |cloth| (human, cloth))) {
                    let id = crate::job::JobId::parse(&format!("{human}/{cloth}"));
                    let id = id.map_err(|error| TestCaseError::fail(error.to_string()))?;
                    prop_assert!(keys.insert(id.key()), "{} is there twice", id);
                }
            }
        }
    }

    #[test]
    fn a_name_is_the_path_without_its_extension_where_that_can_be_part_of_an_id() {
        for (below, name) in
            [("ana.png", "ana"), ("ana.v2.jpg", "ana.v2"), ("spring/ana.png", "spring/ana"), ("a b/c d.png", "a b/c d")]
        {
            assert_eq!(name_of(below, Side::Humans), name);
        }
        for below in ["con.png", "x.png/b.png", "a\\b.png", "a\u{200b}.png", " a.png"] {
            let name = name_of(below, Side::Humans);
            assert!(crate::job::JobId::parse(&format!("{name}/x")).is_ok() && !name.contains('/'), "{below}: {name}");
        }
        assert_eq!(name_of("con.png", Side::Cloths), name_of("con.png", Side::Cloths));
        assert_ne!(name_of("con.png", Side::Cloths), name_of("con.jpg", Side::Cloths));
    }
}
