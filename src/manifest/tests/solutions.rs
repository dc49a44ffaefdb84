//! Rows for try-on 3.0: its own columns, its own limits, and pictures that need a URL.

use std::fs::File;

use crate::job::Keep;

use super::*;

/// How manifests for it are read where local pictures can be linked to.
fn for_three() -> Reading {
    Reading { default_model: three(), ..Reading::default() }
}

fn three() -> ModelName {
    ModelName::parse(ModelName::THREE).expect("a model")
}

fn rows(folder: &Path, text: &str, reading: &Reading, mut pictures: PictureChecks) -> Vec<Row> {
    let read = ManifestReader::from_reader("jobs.csv", folder, text.as_bytes(), reading, &mut pictures);
    read.and_then(Iterator::collect).expect("a manifest")
}

fn linked() -> PictureChecks {
    PictureChecks::new().linking(true)
}

/// The problems of all rows, as users see them.
fn problems_of(rows: Vec<Row>) -> Vec<String> {
    let lists = rows.into_iter().map(|row| match row {
        Row::Good(_) => Vec::new(),
        Row::Rejected(row) => row.problems,
    });
    lists.flatten().map(|problem| problem.to_string()).collect()
}

fn kept(row: &Row) -> Keep {
    match row {
        Row::Good(row) => row.spec.keep,
        Row::Rejected(row) => panic!("{:?}", row.problems),
    }
}

#[test]
fn what_is_kept_is_said_by_the_row_and_else_by_the_options() {
    let folder = tempfile::tempdir().expect("tempdir");
    let text = "id,human,cloth,keep_face,KEEP_POSE,keep_background\n\
                a,https://x.example/a.png,https://x.example/c.png,,,\n\
                b,https://x.example/a.png,https://x.example/c.png,false,TRUE,False\n";
    let unless_said = Keep { pose: false, ..Keep::ALL };
    let reading = Reading { default_keep: unless_said, ..for_three() };
    let rows = rows(folder.path(), text, &reading, PictureChecks::new());
    assert_eq!(kept(&rows[0]), unless_said);
    assert_eq!(kept(&rows[1]), Keep { face: false, pose: true, background: false });
}

#[test]
fn a_word_that_is_neither_true_nor_false_and_a_model_that_keeps_as_it_likes_are_rejected() {
    let folder = tempfile::tempdir().expect("tempdir");
    let text = "id,human,cloth,model,keep_face\n\
                a,https://x.example/a.png,https://x.example/c.png,,maybe\n\
                b,https://x.example/a.png,https://x.example/c.png,kolors-virtual-try-on-v1-5,false\n\
                c,https://x.example/a.png,https://x.example/c.png,kolors-virtual-try-on-v1-5,true\n";
    assert_eq!(
        problems_of(rows(folder.path(), text, &for_three(), PictureChecks::new())),
        [
            "jobs.csv:2: keep_face: \"maybe\" is neither true nor false",
            "jobs.csv:3: keep_face: is for the model virtual-try-on-3 alone; kolors-virtual-try-on-v1-5 does not let one choose",
        ]
    );
}

#[test]
fn a_local_picture_needs_something_that_links_to_it_and_a_url_needs_nothing() {
    let folder = folder();
    picture(&folder.path().join("eva.png"), 400, 301, image::ImageFormat::Png);
    let text = "human,cloth,model\neva.png,https://x.example/c.png,virtual-try-on-3\neva.png,shirt.jpg,\n\
                https://x.example/a.png,https://x.example/c.png,virtual-try-on-3\n";
    let unlinked = problems_of(rows(folder.path(), text, &Reading::default(), PictureChecks::new()));
    assert_eq!(
        unlinked,
        [
            "jobs.csv:2: human_image: is a local file, and virtual-try-on-3 takes URLs only; --upload-to s3://BUCKET/PREFIX \
          gives it one"
        ]
    );
    assert!(problems_of(rows(folder.path(), text, &Reading::default(), linked())).is_empty());
}

#[test]
fn a_model_that_nobody_can_be_asked_for_is_told_row_by_row() {
    let folder = tempfile::tempdir().expect("tempdir");
    let reading = Reading { no_solutions: Some("is elsewhere"), ..Reading::default() };
    let text = "human,cloth,model\nhttps://x.example/a.png,https://x.example/c.png,virtual-try-on-3\n\
                https://x.example/a.png,https://x.example/d.png,\n";
    assert_eq!(problems_of(rows(folder.path(), text, &reading, linked())), ["jobs.csv:2: model: is elsewhere"]);
}

#[test]
fn one_product_is_one_garment() {
    let folder = folder();
    let text = "human,cloth,cloth_type,cloth_image_2,cloth_type_2\nhttps://x.example/a.png,trousers.png,lower,trousers.png,upper\n";
    let told = problems_of(rows(folder.path(), text, &for_three(), linked()));
    let wanted = "virtual-try-on-3 takes one garment only; a second one needs kolors-virtual-try-on-v1-5";
    assert!(told.iter().any(|problem| problem.ends_with(wanted)), "{told:?}");
}

#[test]
fn its_pictures_keep_its_limits_and_those_of_other_models_theirs() {
    let folder = tempfile::tempdir().expect("tempdir");
    let save = |name: &str, width, height, format| picture(&folder.path().join(name), width, height, format);
    save("square.png", 300, 301, image::ImageFormat::Png);
    save("long.png", 2_049, 700, image::ImageFormat::Png);
    save("narrow.png", 4_096, 400, image::ImageFormat::Png);
    save("fit.png", 2_048, 301, image::ImageFormat::Png);
    save("web.webp", 400, 301, image::ImageFormat::WebP);
    save("heavy.png", 400, 400, image::ImageFormat::Png);
    File::options()
        .write(true)
        .open(folder.path().join("heavy.png"))
        .and_then(|file| file.set_len(crate::picture::MAX_INPUT_BYTES + 1))
        .expect("a length");
    let names = ["square.png", "long.png", "narrow.png", "fit.png", "web.webp", "heavy.png"];
    let told = |model: &str, pictures: PictureChecks| {
        let lines = names.map(|name| format!("{name},https://x.example/{name},{name},{model}\n"));
        let text = format!("id,cloth,human,model\n{}", lines.concat());
        problems_of(rows(folder.path(), &text, &Reading::default(), pictures))
    };
    assert_eq!(
        told(ModelName::THREE, linked()),
        [
            "jobs.csv:2: human_image: is 300 x 301 px; both sides must be at least 301 px",
            "jobs.csv:3: human_image: is 2049 x 700 px; this model takes 2048 px on a side at most; --fit-images shrinks it",
            "jobs.csv:4: human_image: is 4096 x 400 px; this model takes 2048 px on a side at most, and the other side would \
             come under 301 px then; crop it",
            "jobs.csv:7: human_image: is 10.1 MiB; at most 10 MiB are allowed; --fit-images shrinks it",
        ]
    );
    let fitted = told(ModelName::THREE, linked().fitting(true));
    assert_eq!(fitted.len(), 2, "what cannot be mended: {fitted:?}");
    let older = told(ModelName::DEFAULT, linked());
    assert_eq!(older.len(), 2, "WebP and 10 MiB: {older:?}");
}

#[test]
fn one_picture_under_two_models_is_judged_for_each() {
    let folder = tempfile::tempdir().expect("tempdir");
    picture(&folder.path().join("long.png"), 3_000, 900, image::ImageFormat::Png);
    let row = |id: &str, model: &str| format!("{id},long.png,https://x.example/c.png,{model}\n");
    let (old, new) = (ModelName::DEFAULT, ModelName::THREE);
    let lines = [row("a", old), row("b", new), row("c", old), row("d", new)].concat();
    let told =
        problems_of(rows(folder.path(), &format!("id,human,cloth,model\n{lines}"), &Reading::default(), linked()));
    let lines: Vec<&str> = told.iter().filter_map(|problem| problem.split(": ").next()).collect();
    assert_eq!(lines, ["jobs.csv:3", "jobs.csv:5"]);
}
