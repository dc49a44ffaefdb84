//! Recipes, right and wrong.

use super::*;
use crate::picture::{Fit, Form};

fn problems(text: &str) -> Vec<String> {
    match Recipe::parse(text, "r.toml") {
        Err(RecipeError::Wrong(problems)) => problems,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn an_empty_recipe_marks_and_changes_nothing_else() {
    let plain = Recipe::plain().expect("valid");
    assert_eq!(plain.name, Template::parse("{id}").expect("a template"));
    assert_eq!(plain.marks, MarksWanted { source_type: Some("trainedAlgorithmicMedia"), label: None });
    assert!(!plain.converts() && plain.table.is_none());
}

#[test]
fn a_picture_has_what_is_written_and_the_usual_for_the_rest() {
    let recipe = Recipe::parse(
        "[picture]\nwidth = 2000\nheight = 1000\nfit = 'pad'\nfill = 85\nbackground = '#0aFF10'\nformat = 'jpeg'",
        "r.toml",
    );
    let picture = recipe.expect("valid").picture.expect("a picture");
    assert_eq!((picture.width, picture.height, picture.fit), (Some(2000), Some(1000), Fit::Pad { fill: 85 }));
    assert_eq!((picture.background, picture.form), ([10, 255, 16], Form::Jpeg { quality: 90 }));
    assert!(!picture.enlarge && !picture.keep_profile && !picture.trim && !picture.whiten);
}

#[test]
fn what_is_wrong_is_told_with_file_line_and_key() {
    for (text, told) in [
        ("nmae = 'x'", "r.toml:1: nmae: unknown field `nmae`, expected one of"),
        ("\n[picture]\nqality = 3", "r.toml:3: picture.qality: unknown field `qality`"),
        ("[picture]\nwidth = 'wide'\nformat = 'png'", "r.toml:2: picture.width: invalid type: string \"wide\""),
        ("[picture]\nformat = 'gif'", "r.toml:2: picture.format: unknown variant `gif`, expected one of"),
        ("name = '{id'", "r.toml:1: name: \"{id\": `{` without `}`"),
        ("name = '{url}'", "r.toml:1: name: `{url}` is not known here"),
        ("product = '{n}'", "r.toml:1: product: `{n}` is not known here"),
        ("[picture]\n", "r.toml:1: picture.format: is missing"),
        ("[picture]\nformat = 'png'\nquality = 90", "r.toml:3: picture.quality: has no effect"),
        ("[picture]\nformat = 'webp'\nlossless = true\nquality = 90", "r.toml:4: picture.quality: has no effect"),
        ("[picture]\nformat = 'jpeg'\nlossless = true", "r.toml:3: picture.lossless: is a choice of WebP alone"),
        ("[picture]\nformat = 'jpeg'\nquality = 0", "r.toml:3: picture.quality: is a number from 1 to 100"),
        ("[picture]\nformat = 'jpeg'\nfit = 'pad'\nwidth = 9", "r.toml:3: picture.fit: \"pad\" needs both"),
        ("[picture]\nformat = 'jpeg'\nfill = 85", "r.toml:3: picture.fill: only a picture that is padded"),
        ("[picture]\nformat = 'jpeg'\nenlarge = true", "r.toml:3: picture.enlarge: needs a width or a height"),
        ("[picture]\nformat = 'jpeg'\nwidth = 0", "r.toml:3: picture.width: is a length in pixels, from 1 to"),
        ("[picture]\nformat = 'jpeg'\nwidth = 9999\nheight = 9999", "r.toml:3: picture.width: 9999 x 9999 px are more"),
        ("[picture]\nformat = 'jpeg'\nbackground = 'white'", "r.toml:3: picture.background: \"white\" is no colour"),
        ("[marks]\ndigital-source-type = 'digitalCapture'", "r.toml:2: marks.digital-source-type: there is no"),
        ("[marks.aigc]\n", "r.toml:1: marks.aigc: gives no value; this program invents none"),
        ("[marks.aigc]\nlabel = '7'\ncontent-producer = 'a'\nproduce-id = 'b'", "r.toml:2: marks.aigc.label: \"7\""),
        ("[marks.aigc]\nlabel = '1'", "r.toml:1: marks.aigc: label, content-producer and produce-id go together"),
        ("[csv]\nfile = '../x.csv'\ncolumns = [{ name = 'a' }]", "r.toml:2: csv.file: `../x.csv` has a `..`"),
        ("[csv]\nfile = 'x.csv'\ncolumns = []", "r.toml:3: csv.columns: a table has from 1 to"),
        (
            "[csv]\nfile = 'x.csv'\ncolumns = [{ name = 'a' }, { name = 'a' }]",
            "r.toml:3: csv.columns: there are two columns \"a\"",
        ),
        ("[csv]\nfile = 'x.csv'\ncolumns = [{ name = 'a', value = '{url}' }]", "r.toml:1: csv.base-url: is missing"),
        (
            "[csv]\nfile = 'x.csv'\ncolumns = [{ name = 'a', join = ',' }]",
            "r.toml:3: csv.columns: column \"a\": image and join need rows = \"product\"",
        ),
        (
            "[csv]\nfile = 'x.csv'\nrows = 'product'\ncolumns = [{ name = 'a', only-first = true }]",
            "r.toml:4: csv.columns: column \"a\": only-first has no effect",
        ),
        ("[csv]\nfile = 'x'\nbase-url = 'cdn'\ncolumns = [{ name = 'a' }]", "r.toml:3: csv.base-url: \"cdn\" is no"),
    ] {
        let problems = problems(text);
        assert!(problems.iter().any(|problem| problem.starts_with(told)), "{text}\n-> {problems:?}\nnot {told}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let problems = problems("name = '{'\n[picture]\nformat = 'png'\nquality = 300\nwidth = 0");
    assert!(problems.is_empty() || problems.len() == 1, "a number that does not fit ends the reading: {problems:?}");
    let problems = self::problems("name = '{'\n[picture]\nformat = 'png'\nquality = 200\nwidth = 0");
    assert_eq!(problems.len(), 4, "{problems:?}");
}

#[test]
fn the_recipes_that_are_shipped_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/recipes");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            Recipe::read(&path).unwrap_or_else(|error| panic!("{error}"));
            count += 1;
        }
    }
    assert_eq!(count, 3);
}
