//! Single rows: what is accepted, and every rejection that `docs/promises.md` names.

use crate::job::{Garment, ImageSource};

use super::*;

#[test]
fn a_full_row_becomes_a_spec() {
    let folder = folder();
    let text = "id,human_image,cloth_image,cloth_type,model,priority\n\
                summer/ana, ana.png ,shirt.jpg,upper,kolors-virtual-try-on-v1-5,-7\n";
    let row = good(folder.path(), text);
    assert_eq!(row.line, 2);
    assert_eq!(row.spec.id.as_str(), "summer/ana");
    assert_eq!(row.spec.human.written, "ana.png");
    let resolved = folder.path().canonicalize().expect("canonicalize").join("ana.png");
    assert_eq!(row.spec.human.source, ImageSource::File(resolved));
    assert_eq!(row.spec.cloth_type, Some(Garment::Upper));
    assert_eq!(row.spec.model.expect("model").as_str(), "kolors-virtual-try-on-v1-5");
    assert_eq!(row.spec.priority, -7);
    assert_eq!(row.spec.second, None);
}

#[test]
fn a_row_of_two_pictures_gets_the_defaults() {
    let folder = folder();
    let row = good(folder.path(), "human,cloth\nana.png,https://x.example/a/linen%20shirt.png?s=2\n");
    assert_eq!(row.spec.id.as_str(), "ana/linen shirt");
    let url = "https://x.example/a/linen%20shirt.png?s=2";
    assert_eq!(row.spec.cloth.source, ImageSource::Url(url.to_owned()));
    assert_eq!((row.spec.cloth_type, row.spec.model, row.spec.priority), (None, None, 0));
}

#[test]
fn column_names_are_compared_without_case_and_space_and_others_mean_nothing() {
    let folder = folder();
    let row = good(folder.path(), "note,\" Cloth_Image \",HUMAN,Id,note\nx,shirt.jpg,ana.png,j1,\n");
    assert_eq!(row.spec.id.as_str(), "j1");
    assert_eq!(row.spec.cloth.written, "shirt.jpg");
}

#[test]
fn an_extra_column_may_hold_anything_even_what_is_not_utf_8() {
    let folder = folder();
    let row = good(folder.path(), b"human,cloth,gr\xf6\xdfe\nana.png,shirt.jpg,\xff\n");
    assert_eq!(row.spec.id.as_str(), "ana/shirt");
}

#[test]
fn columns_that_are_not_read_are_kept_in_their_order_the_first_of_a_name_and_none_without_one() {
    let folder = folder();
    let row = good(folder.path(), "SKU,human,,titel,cloth,SKU\n A-1 ,ana.png,?,\"rot,\nweit\",shirt.jpg,B\n");
    assert_eq!(row.spec.extra.iter().collect::<Vec<_>>(), [("SKU", "A-1"), ("titel", "rot,\nweit")]);
    let empty = good(folder.path(), "human,cloth,SKU\nana.png,shirt.jpg,\n");
    assert!(empty.spec.extra.is_empty(), "an empty cell is as good as none");
}

#[test]
fn more_than_is_kept_of_a_row_rejects_that_row_alone() {
    let folder = folder();
    let text = format!("human,cloth,html\nana.png,shirt.jpg,{}\n", "x".repeat(4_093));
    let row = rejected(folder.path(), text);
    assert_eq!((row.line, row.problems.len()), (2, 1));
    let said = row.problems[0].to_string();
    assert!(said.starts_with("jobs.csv:2: row: ") && said.contains("4097 bytes"), "{said}");
    good(folder.path(), format!("human,cloth,html\nana.png,shirt.jpg,{}\n", "x".repeat(4_092)));
}

#[test]
fn the_same_file_by_another_spelling_is_the_same_input() {
    let folder = folder();
    let dotted = good(folder.path(), "id,human,cloth\nj,./ana.png,shirt.jpg\n");
    let absolute = format!("id,human,cloth\nj,{},shirt.jpg\n", folder.path().join("ana.png").display());
    assert_eq!(dotted.spec.inputs(), good(folder.path(), absolute).spec.inputs());
}

#[test]
fn an_empty_required_cell_is_rejected_and_white_space_is_empty() {
    let folder = folder();
    assert_eq!(
        problems(folder.path(), "human,cloth\n,shirt.jpg\nana.png,\" \t\"\n"),
        [
            "jobs.csv:2: human_image: is empty; name a file or an http(s) URL",
            "jobs.csv:3: cloth_image: is empty; name a file or an http(s) URL",
        ]
    );
}

#[test]
fn a_missing_file_is_rejected_with_the_place_where_it_was_looked_for() {
    let folder = folder();
    let place = folder.path().join("no/b.png");
    assert_eq!(
        problems(folder.path(), "human,cloth\nana.png,no/b.png\n"),
        [format!("jobs.csv:2: cloth_image: no such file (looked for {})", place.display())]
    );
}

#[test]
fn a_file_that_is_no_fit_picture_is_rejected() {
    let folder = folder();
    picture(&folder.path().join("small.png"), 280, 400, image::ImageFormat::Png);
    std::fs::write(folder.path().join("page.jpg"), "<html>").expect("write");
    std::fs::create_dir(folder.path().join("sub")).expect("create_dir");
    std::fs::copy(folder.path().join("shirt.jpg"), folder.path().join("large.jpg")).expect("copy");
    let large = std::fs::File::options().write(true).open(folder.path().join("large.jpg")).expect("open");
    large.set_len(11 << 20).expect("set_len");
    let found = problems(
        folder.path(),
        "human,cloth\nsmall.png,shirt.jpg\nana.png,page.jpg\nana.png,large.jpg\nsub,shirt.jpg\n",
    );
    assert_eq!(found[0], "jobs.csv:2: human_image: is 280 x 400 px; both sides must be at least 300 px");
    assert_eq!(found[1], "jobs.csv:3: cloth_image: is an HTML page, not a JPEG or PNG picture");
    assert_eq!(found[2], "jobs.csv:4: cloth_image: is 11.0 MiB; at most 10 MiB are allowed; --fit-images shrinks it");
    assert!(found[3].starts_with("jobs.csv:5: human_image: is a folder, not a picture"), "{}", found[3]);
    assert_eq!(found.len(), 4);
}

#[test]
fn an_address_that_is_not_http_is_rejected() {
    let folder = folder();
    let found = problems(
        folder.path(),
        "id,human,cloth\na,ftp://x.example/a.png,shirt.jpg\nb,\"data:image/png;base64,AA\",shirt.jpg\nc,http:///a.png,shirt.jpg\n",
    );
    assert_eq!(
        found,
        [
            "jobs.csv:2: human_image: `ftp://x.example/a.png` is a URL that is not http(s)",
            "jobs.csv:3: human_image: is a data: URL; name a file or an http(s) URL",
            "jobs.csv:4: human_image: `http:///a.png` is a URL without a host",
        ]
    );
}

#[test]
fn a_url_without_a_name_needs_an_id() {
    let folder = folder();
    let without = "human,cloth,id\nana.png,https://x.example/,\n";
    assert_eq!(
        problems(folder.path(), without),
        ["jobs.csv:2: id: is empty, and the URL has no file name to make one of; give the row an id"]
    );
    let with = "human,cloth,id\nana.png,https://x.example/,j1\n";
    assert_eq!(good(folder.path(), with).spec.id.as_str(), "j1");
}

#[test]
fn an_id_that_leaves_the_output_tree_or_is_no_file_name_is_rejected() {
    let folder = folder();
    let long = "x".repeat(300);
    for id in ["../a", "/a", "a/../../b", "aux", "x/NUL.png", "\"a\u{7}b\"", long.as_str(), "queue.db/a"] {
        let found = problems(folder.path(), format!("id,human,cloth\n{id},ana.png,shirt.jpg\n"));
        assert_eq!(found.len(), 1, "{id}");
        assert!(found[0].starts_with("jobs.csv:2: id: "), "{}", found[0]);
        assert!(!found[0].contains('\u{7}'));
    }
}

#[test]
fn a_default_id_that_is_no_file_name_is_rejected_with_the_cure() {
    let folder = folder();
    picture(&folder.path().join("con.png"), 300, 300, image::ImageFormat::Png);
    let found = problems(folder.path(), "human,cloth\nana.png,con.png\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("jobs.csv:2: id: `ana/con` has the part `con`"), "{}", found[0]);
    assert!(found[0].ends_with("give the row an id"), "{}", found[0]);
}

#[test]
fn an_unknown_cloth_type_is_rejected_and_the_near_one_is_named() {
    let folder = folder();
    let text = "human,cloth,cloth_type\nana.png,shirt.jpg,shirt\nana.png,shirt.jpg,Upper\n";
    assert_eq!(
        problems(folder.path(), text),
        [
            "jobs.csv:2: cloth_type: \"shirt\" is not one of upper, lower, dress",
            "jobs.csv:3: cloth_type: \"Upper\" is not one of upper, lower, dress; did you mean upper?",
        ]
    );
}

#[test]
fn a_model_of_another_family_is_rejected() {
    let folder = folder();
    let found = problems(folder.path(), "human,cloth,model\nana.png,shirt.jpg,gpt-4\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("jobs.csv:2: model: `gpt-4` is no try-on model"), "{}", found[0]);
}

#[test]
fn a_priority_that_is_no_integer_is_rejected() {
    let folder = folder();
    let text =
        "human,cloth,priority\nana.png,shirt.jpg,high\nana.png,shirt.jpg,1.5\nana.png,shirt.jpg,99999999999999999999\n";
    assert_eq!(
        problems(folder.path(), text),
        [
            "jobs.csv:2: priority: \"high\" is not an integer",
            "jobs.csv:3: priority: \"1.5\" is not an integer",
            "jobs.csv:4: priority: \"99999999999999999999\" is out of range",
        ]
    );
    let row = good(folder.path(), format!("human,cloth,priority\nana.png,shirt.jpg,{}\n", i64::MIN));
    assert_eq!(row.spec.priority, i64::MIN);
}

#[test]
fn a_row_with_too_many_or_too_few_cells_is_rejected_without_guessing() {
    let folder = folder();
    let text = "human,cloth,id\nana.png,shirt.jpg\nana.png,shirt.jpg,a,b\n";
    assert_eq!(
        problems(folder.path(), text),
        [
            "jobs.csv:2: row: has 2 cells, the header has 3; add the missing commas",
            "jobs.csv:3: row: has 4 cells, the header has 3; a cell that contains a comma must stand in quotes",
        ]
    );
}

#[test]
fn a_cell_that_is_not_utf_8_where_the_others_are_is_rejected_with_its_column() {
    let folder = folder();
    let good = "größe/ä,ana.png,shirt.jpg\nцвет/ж,ana.png,shirt.jpg\n女装/1,ana.png,shirt.jpg\nő,ana.png,shirt.jpg\n";
    let text = ["id,human,cloth\n".as_bytes(), b"j\xf6rg,ana.png,shirt.jpg\n", good.as_bytes(), b"k,\xa9,shirt.jpg\n"];
    assert_eq!(
        problems(folder.path(), text.concat()),
        [
            "jobs.csv:2: id: is damaged: it is no UTF-8, as the rest of the manifest is; write it again",
            "jobs.csv:7: human_image: is damaged: it is no UTF-8, as the rest of the manifest is; write it again",
        ]
    );
}

#[test]
fn all_problems_of_a_row_are_told_at_once_with_what_can_be_shown_of_it() {
    let folder = folder();
    let text = "id,human,cloth,cloth_type,model,priority\n../x,,no.png,hat,gpt,high\n";
    let row = rejected(folder.path(), text);
    let columns: Vec<&str> = row.problems.iter().map(|problem| problem.column.as_str()).collect();
    assert_eq!(columns, ["human_image", "cloth_image", "id", "cloth_type", "model", "priority"]);
    assert_eq!((row.line, row.id.as_str(), row.human.as_str(), row.cloth.as_str()), (2, "../x", "", "no.png"));
}

#[test]
fn a_rejected_row_is_shown_with_its_default_id_and_without_control_characters() {
    let folder = folder();
    let row = rejected(folder.path(), "human,cloth\nana.png,\"no\u{1b}[31m.png\"\n");
    assert_eq!(row.id, "ana/no [31m");
    assert_eq!(row.cloth, "no [31m.png");
    assert!(row.problems.iter().all(|problem| !problem.to_string().contains('\u{1b}')));
}

const OUTFIT_HEADER: &str = "id,human,cloth,cloth_type,cloth_image_2,cloth_type_2,model\n";

/// The problems of a row about its second garment, each as `column: reason`.
fn outfit_problems(rest_of_row: &str) -> Vec<String> {
    let folder = folder();
    let found = problems(folder.path(), format!("{OUTFIT_HEADER}j,ana.png,{rest_of_row}\n"));
    found.into_iter().map(|problem| problem.replace("jobs.csv:2: ", "")).collect()
}

#[test]
fn an_upper_and_a_lower_in_either_order_are_an_outfit() {
    let folder = folder();
    for (first, first_type, second, second_type) in [
        ("shirt.jpg", Garment::Upper, "trousers.png", Garment::Lower),
        ("trousers.png", Garment::Lower, "shirt.jpg", Garment::Upper),
    ] {
        let row = format!("{first},{},{second},{}", first_type.word(), second_type.word());
        let spec = good(folder.path(), format!("{OUTFIT_HEADER}j,ana.png,{row},kolors-virtual-try-on-v1-5\n")).spec;
        assert_eq!((spec.cloth.written.as_str(), spec.cloth_type), (first, Some(first_type)));
        let garment = spec.second.expect("a second garment");
        assert_eq!((garment.image.written.as_str(), garment.garment), (second, second_type));
    }
}

#[test]
fn a_garment_of_an_outfit_must_be_of_a_size_that_can_be_decoded_and_one_by_itself_need_not() {
    let folder = folder();
    std::fs::write(folder.path().join("vast.png"), vast_png()).expect("write");
    let v15 = "kolors-virtual-try-on-v1-5";
    let text = format!(
        "{OUTFIT_HEADER}a,ana.png,vast.png,upper,,,\nb,ana.png,vast.png,upper,trousers.png,lower,{v15}\n\
                        c,ana.png,shirt.jpg,upper,vast.png,lower,{v15}\n"
    );
    assert_eq!(
        problems(folder.path(), text),
        [
            "jobs.csv:3: cloth_image: is 20000 x 20000 px; at most 100 megapixels can be worked on",
            "jobs.csv:4: cloth_image_2: is 20000 x 20000 px; at most 100 megapixels can be worked on",
        ]
    );
}

/// The first bytes of a PNG that claims to be vast.
fn vast_png() -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    image::GrayImage::new(1, 1).write_to(&mut png, image::ImageFormat::Png).expect("encode");
    let mut png = png.into_inner();
    png[16..24].copy_from_slice(&[0, 0, 0x4e, 0x20, 0, 0, 0x4e, 0x20]);
    png
}

#[test]
fn with_fit_images_pictures_that_almost_fit_are_taken_and_counted_once() {
    let folder = folder();
    for name in ["ana.webp", "ana.bmp", "ana.tiff", "ana.gif"] {
        image::DynamicImage::new_rgb8(300, 300).save(folder.path().join(name)).expect("save");
    }
    picture(&folder.path().join("small.bmp"), 299, 300, image::ImageFormat::Bmp);
    std::fs::copy(folder.path().join("ana.png"), folder.path().join("heavy.png")).expect("copy");
    let heavy = std::fs::File::options().write(true).open(folder.path().join("heavy.png")).expect("open");
    heavy.set_len(11 << 20).expect("set_len");
    let text = "human,cloth\nana.webp,shirt.jpg\nana.bmp,shirt.jpg\nana.tiff,shirt.jpg\nana.gif,shirt.jpg\n\
                heavy.png,shirt.jpg\nana.gif,heavy.png\nsmall.bmp,shirt.jpg\n";
    let said = problems(folder.path(), text);
    assert_eq!(
        said,
        [
            "jobs.csv:2: human_image: is a WebP picture, not a JPEG or PNG picture; --fit-images converts it",
            "jobs.csv:3: human_image: is a BMP picture, not a JPEG or PNG picture; --fit-images converts it",
            "jobs.csv:4: human_image: is a TIFF picture, not a JPEG or PNG picture; --fit-images converts it",
            "jobs.csv:5: human_image: is a GIF picture, not a JPEG or PNG picture; --fit-images converts it",
            "jobs.csv:6: human_image: is 11.0 MiB; at most 10 MiB are allowed; --fit-images shrinks it",
            "jobs.csv:7: human_image: is a GIF picture, not a JPEG or PNG picture; --fit-images converts it",
            "jobs.csv:7: cloth_image: is 11.0 MiB; at most 10 MiB are allowed; --fit-images shrinks it",
            "jobs.csv:8: human_image: is 299 x 300 px; both sides must be at least 300 px",
        ]
    );
    let mut pictures = PictureChecks::new().fitting(true);
    let rows =
        ManifestReader::from_reader("jobs.csv", folder.path(), text.as_bytes(), &Reading::default(), &mut pictures);
    let rows: Vec<Row> = rows.expect("header").map(|row| row.expect("a row")).collect();
    let taken = rows.iter().filter(|row| matches!(row, Row::Good(_))).count();
    assert_eq!((taken, pictures.to_fit()), (6, 5), "too small is still an error");
}

#[test]
fn an_outfit_needs_both_types_and_both_columns() {
    let v15 = "kolors-virtual-try-on-v1-5";
    let found = outfit_problems(&format!("shirt.jpg,,trousers.png,,{v15}"));
    assert_eq!(
        found,
        [
            "cloth_type_2: is empty; a second garment needs its kind, upper or lower",
            "cloth_type: is empty; with a second garment the first needs its kind too, upper or lower",
        ]
    );
    let found = outfit_problems(&format!("shirt.jpg,upper,,lower,{v15}"));
    assert_eq!(found, ["cloth_image_2: is empty, but cloth_type_2 is not; a second garment needs both"]);
    let found = outfit_problems(&format!("shirt.jpg,upper,trousers.png,hat,{v15}"));
    assert_eq!(found, ["cloth_type_2: \"hat\" is not one of upper, lower, dress"]);
}

#[test]
fn only_upper_and_lower_go_together() {
    for (first, second) in
        [("upper", "upper"), ("lower", "lower"), ("dress", "dress"), ("upper", "dress"), ("dress", "lower")]
    {
        let found = outfit_problems(&format!("shirt.jpg,{first},trousers.png,{second},kolors-virtual-try-on-v1-5"));
        assert_eq!(found.len(), 1, "{first} {second}");
        assert!(found[0].starts_with("cloth_type_2: "), "{}", found[0]);
    }
}

#[test]
fn an_outfit_is_made_of_local_files_that_are_fit() {
    let v15 = "kolors-virtual-try-on-v1-5";
    let found = outfit_problems(&format!("shirt.jpg,upper,https://x.example/t.png,lower,{v15}"));
    assert_eq!(found, ["cloth_image_2: is a URL; a second garment must be a local file"]);
    let found = outfit_problems(&format!("https://x.example/s.png,upper,trousers.png,lower,{v15}"));
    assert_eq!(found, ["cloth_image: must be a local file where there is a second garment"]);
    let found = outfit_problems(&format!("shirt.jpg,upper,no.png,lower,{v15}"));
    assert!(found.len() == 1 && found[0].starts_with("cloth_image_2: no such file"), "{found:?}");
}

#[test]
fn a_model_that_takes_one_garment_only_refuses_an_outfit_also_where_it_is_the_default() {
    let one_only =
        ["model: kolors-virtual-try-on-v1 takes one garment only; a second one needs kolors-virtual-try-on-v1-5"];
    assert_eq!(outfit_problems("shirt.jpg,upper,trousers.png,lower,kolors-virtual-try-on-v1"), one_only);
    assert_eq!(outfit_problems("shirt.jpg,upper,trousers.png,lower,"), one_only);

    let folder = folder();
    let text = format!("{OUTFIT_HEADER}j,ana.png,shirt.jpg,upper,trousers.png,lower,\n");
    let default = ModelName::parse("kolors-virtual-try-on-v1-5").expect("model");
    let rows = read_with_default(folder.path(), text, &default).expect("manifest");
    assert!(matches!(rows.as_slice(), [Row::Good(_)]), "{rows:?}");
}
