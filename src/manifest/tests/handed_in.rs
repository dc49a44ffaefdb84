//! What people put into cells, rows and headers by mistake: each is named, with what to do.

use super::*;

/// The only problem of the only row of a manifest.
fn problem(folder: &Path, text: &str) -> String {
    let mut found = problems(folder, text);
    assert_eq!(found.len(), 1, "{text:?}: {found:?}");
    found.remove(0)
}

/// The problem of a cell that is to name a garment.
fn of_cloth(folder: &Path, cell: &str) -> String {
    let cell = cell.replace('"', "\"\"");
    let found = problem(folder, &format!("id,human,cloth\nj,ana.png,\"{cell}\"\n"));
    found.strip_prefix("jobs.csv:2: cloth_image: ").unwrap_or_else(|| panic!("{found}")).to_owned()
}

fn error(text: impl AsRef<[u8]>) -> String {
    let folder = folder();
    read(folder.path(), text).expect_err("refused").to_string()
}

#[test]
fn what_was_not_meant_as_a_path_is_named_for_what_it_is() {
    let folder = folder();
    for (cell, cause) in [
        ("//cdn.shop.example/a.jpg?v=1", "begins with //: write https: in front of it"),
        ("www.shop.example/a.jpg", "is a web address without its beginning: write https:// in front of it"),
        ("cdn.shop.example/pics/a.jpg", "if it is a web address, write https:// in front of it"),
        ("htp:/shop.example/a.jpg", "is no web address; one begins with https://"),
        ("https:/shop.example/a.jpg", "is no web address; one begins with https://"),
        ("https//shop.example/a.jpg", "is no web address; one begins with https://"),
        ("https：//shop.example/a.jpg", "is no web address; one begins with https://"),
        ("\"https://shop.example/a.jpg\"", "has signs around it that are no part of it; write https://shop"),
        ("<https://shop.example/a.jpg>", "has signs around it"),
        ("['https://shop.example/a.jpg']", "has signs around it that are no part of it; write https://shop"),
        ("file:///pics/my%20shirt.jpg", "is a file:// address; write the path itself: /pics/my shirt.jpg"),
        ("~/pics/a.jpg", "~ means nothing in a manifest; write the whole path"),
        ("=IMAGE(\"https://shop.example/a.jpg\")", "is a formula of a spreadsheet"),
        ("#REF!", "is an error of a spreadsheet"),
        ("a.jpg, b.png", "is two names; a cell names one picture"),
        ("a.jpg;b.jpg;c.jpg", "is two names; a cell names one picture"),
        ("shirt\u{200b}.jpg", "has the invisible character U+200B; delete it"),
        ("shi\u{fffd}rt.jpg", "U+FFFD"),
    ] {
        let found = of_cloth(folder.path(), cell);
        assert!(found.contains(cause), "{found}");
    }
    #[cfg(not(windows))]
    for cell in ["C:\\pics\\a.jpg", "D:/pics/a.jpg", "\\\\server\\pics\\a.jpg"] {
        let found = of_cloth(folder.path(), cell);
        assert!(found.contains("is a path of a Windows machine"), "{found}");
    }
}

#[test]
fn a_path_that_is_nearly_right_is_told_what_is_there() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("Summer")).expect("a folder");
    for name in ["my shirt.png", "Summer/Rose.JPG", "trailing .png ", "wide\u{a0}space.png", "100%.png"] {
        picture(&folder.path().join(name), 300, 300, image::ImageFormat::Png);
    }
    for (cell, hint) in [
        ("my%20shirt.png", "; `my shirt.png` is there: in a path, % is written as it is"),
        ("Summer\\Rose.JPG", "; `Summer/Rose.JPG` is there: folders are separated by / here"),
        ("no\\such.jpg", "; `no/such.jpg` would be it: folders are separated by / here"),
        ("Summer/rose.jpg", "; `Rose.JPG` is there, in other letters: case counts"),
        ("summer/rose.jpg", "; `Rose.JPG` is there, in other letters: case counts"),
        ("my  shirt.png", "; `my shirt.png` is there, with other white space"),
        ("trailing .png", "is there, with white space at an end of its name"),
        ("my shirt", "; `my shirt.png` is there"),
        ("my shirt.jpg", "; `my shirt.png` is there"),
        ("trousers.jpeg", "; `trousers.png` is there"),
    ] {
        let found = of_cloth(folder.path(), cell);
        assert!(found.starts_with("no such file (looked for ") && found.contains(hint), "{found}");
    }
    let found = of_cloth(folder.path(), "nothing-like-it.png");
    assert!(found.ends_with("nothing-like-it.png)"), "{found}");
    assert_eq!(good(folder.path(), "human,cloth\nana.png,100%.png\n").spec.cloth.written, "100%.png");
}

#[test]
fn many_paths_that_lead_nowhere_do_not_search_a_folder_each() {
    let folder = folder();
    let rows: String = (0..300).map(|number| format!("{number},ana.png,Shirt.jpg{number}/Shirt.jpg\n")).collect();
    assert_eq!(problems(folder.path(), format!("id,human,cloth\n{rows}")).len(), 300);
    let rows: String =
        (0..300).map(|number| format!("{number},ana.png,ANA{number}.png\n{number}b,ana.png,ANA.png\n")).collect();
    let found = problems(folder.path(), format!("id,human,cloth\n{rows}"));
    assert_eq!((found.len(), found[1].contains("case counts")), (600, true));
}

#[test]
fn a_file_whose_name_is_in_the_other_unicode_form_is_found() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("e\u{301}te\u{301}")).expect("a folder");
    picture(&folder.path().join("e\u{301}te\u{301}/gru\u{308}n.png"), 300, 300, image::ImageFormat::Png);
    picture(&folder.path().join("na\u{ef}ve.png"), 300, 300, image::ImageFormat::Png);
    let row = good(folder.path(), "human,cloth,id\nnai\u{308}ve.png,\u{e9}t\u{e9}/gr\u{fc}n.png,a\n");
    let there = |path: &str| folder.path().canonicalize().expect("a folder").join(path).display().to_string();
    assert_eq!(row.spec.human.source.stored(), there("na\u{ef}ve.png"));
    assert_eq!(row.spec.cloth.source.stored(), there("e\u{301}te\u{301}/gru\u{308}n.png"));
    assert_eq!(row.spec.cloth.written, "\u{e9}t\u{e9}/gr\u{fc}n.png", "as it is written");
}

#[test]
fn characters_that_nobody_sees_are_named_wherever_they_are() {
    let folder = folder();
    let header = "id,human,cloth,cloth_type,model,priority\n";
    for (row, column, character) in [
        ("a\u{200b},ana.png,shirt.jpg,,,", "id", "U+200B"),
        ("a/\u{2060}b,ana.png,shirt.jpg,,,", "id", "U+2060"),
        ("a,ana.png\u{200e},shirt.jpg,,,", "human_image", "U+200E"),
        ("a,ana.png,https://x.example/\u{feff}a.jpg,,,", "cloth_image", "U+FEFF"),
        ("a,ana.png,shirt.jpg,upper\u{200b},,", "cloth_type", "U+200B"),
        ("a,ana.png,shirt.jpg,,\u{ad}kolors-virtual-try-on-v1,", "model", "U+00AD"),
        ("a,ana.png,shirt.jpg,,,5\u{200c}", "priority", "U+200C"),
    ] {
        let found = problem(folder.path(), &format!("{header}{row}\n"));
        assert!(found.starts_with(&format!("jobs.csv:2: {column}: ")) && found.contains(character), "{found}");
    }
}

#[test]
fn a_row_that_is_commented_out_is_refused_and_a_remark_is_passed_over() {
    let folder = folder();
    let found = problem(folder.path(), "id,human,cloth\n#b,ana.png,shirt.jpg\n");
    assert!(found.starts_with("jobs.csv:2: row: begins with #"), "{found}");
    let found = problem(folder.path(), "id,human,cloth\n # b,ana.png\n");
    assert!(found.starts_with("jobs.csv:2: row: begins with #"), "{found}");
    let text = "# made by hand\n#,,\nid,human,cloth\n# spring\na,ana.png,shirt.jpg\n#autumn,,\n\"# a, b\"\nb,ana.png,shirt.jpg\n";
    let rows = read(folder.path(), text).expect("a manifest");
    let lines: Vec<u64> = rows.iter().map(|row| if let Row::Good(row) = row { row.line } else { 0 }).collect();
    assert_eq!(lines, [5, 8]);
    let row = good(folder.path(), "human,cloth,id\nana.png,shirt.jpg,#1001\n");
    assert_eq!(row.spec.id.as_str(), "#1001", "in another column it is a name like any other");
}

#[test]
fn rows_that_a_quote_has_swallowed_are_noticed_wherever_it_is() {
    for (text, line, rows) in [
        ("id,human,cloth,note\n1,a.png,b.png,\" 5\n2,a.png,c.png,x\n3,a.png,d.png,\" 6\n4,a.png,e.png,\n", 2, "2 rows"),
        ("id,human,cloth,note\n1,a.png,b.png,\" 5\n2,a.png,c.png,\" 6\n", 2, "row"),
        ("id,note,human,cloth\n0,,a.png,b.png\n1,\"5,a.png,b.png\n2,\"6,a.png,c.png\n", 3, "row"),
        ("id;human;cloth;note\n1;https://x.example/1;b.png;\"5\n2;https://x.example/2;c.png;\"\n", 2, "row"),
        ("id,human,cloth,\"note\n1,a.png,b.png,\"x\n2,a.png,c.png,y\n", 1, "row"),
    ] {
        let error = error(text);
        let expected = format!(
            "jobs.csv:{line}: a quote (\") that is opened in the row that begins here takes in the {rows} after"
        );
        assert!(error.starts_with(&expected), "{text}: {error}");
    }
    let folder = folder();
    let found = problem(folder.path(), "human,cloth,id\nana.png,\"shirt.jpg\nana.png,\"shirt.jpg\n");
    assert!(found.ends_with("it is 2 lines long: most likely a quote (\") in it is opened and not closed"), "{found}");
    for note in ["two\nlines", "5\"\" heel\nand, more, commas, here", "see\na.png, b.png", "a.png,b.png", "x,y\nz"] {
        let row = good(folder.path(), format!("human,cloth,note\nana.png,shirt.jpg,\"{note}\"\n"));
        assert_eq!(row.spec.id.as_str(), "ana/shirt");
    }
}

#[test]
fn separators_that_only_look_like_one_are_named() {
    let folder = folder();
    let found = problem(folder.path(), "id,human,cloth\na，ana.png，shirt.jpg\n");
    assert_eq!(found, "jobs.csv:2: row: has full-width commas (，) between its cells; write plain commas (,)");
    let found = problem(folder.path(), "id;human;cloth\na；ana.png；shirt.jpg\n");
    assert_eq!(found, "jobs.csv:2: row: has full-width semicolons (；) between its cells; write plain semicolons (;)");
    let found = problem(folder.path(), "id,human,cloth\na;ana.png;shirt.jpg\n");
    assert_eq!(
        found,
        "jobs.csv:2: row: has semicolons between its cells, the header has commas; use one of them throughout"
    );
    assert_eq!(
        error("id，human，cloth\na，ana.png，shirt.jpg\n"),
        "jobs.csv:1: the columns are separated by full-width commas (，); write plain commas (,)"
    );
    assert_eq!(
        error("id、human、cloth\na、ana.png、shirt.jpg\n"),
        "jobs.csv:1: the columns are separated by ideographic commas (、); write plain commas (,)"
    );
}

#[test]
fn a_header_with_what_nobody_sees_is_read_and_one_in_other_letters_is_refused() {
    let folder = folder();
    for header in [
        "human,\u{feff}cloth,id",
        "\u{200b}human\u{200b},cloth,\u{feff}id",
        "\u{feff}\u{feff}human,cloth\u{2060},i\u{200d}d",
    ] {
        let row = good(folder.path(), format!("{header}\nana.png,shirt.jpg,a\n"));
        assert_eq!(row.spec.id.as_str(), "a", "{header:?}");
    }
    for (header, written, meant) in [
        ("human,cloth,іd", "іd", "id"),
        ("human,сloth", "сloth", "cloth_image"),
        ("ｈｕｍａｎ,cloth", "ｈｕｍａｎ", "human_image"),
        ("human,cloth,ｍｏｄｅｌ", "ｍｏｄｅｌ", "model"),
        ("human,cloth,prio", "prio", "priority"),
        ("person,cloth", "person", "human_image"),
        ("human,garment", "garment", "cloth_image"),
        ("human,cloth,garment_type", "garment_type", "cloth_type"),
        ("human,cloth,job_id", "job_id", "id"),
        ("human,cloth,???id", "???id", "id"),
        ("\u{fffd}\u{fffd}\u{fffd}id,human,cloth", "\u{fffd}\u{fffd}\u{fffd}id", "id"),
    ] {
        let error = error(format!("{header}\n1,2,3\n"));
        assert!(error.contains(&format!("rename `{written}` to `{meant}`")), "{error}");
    }
    assert!(error("human,cloth,\u{feff}Human\n1,2,3\n").contains("names the column human_image twice"));
}

#[test]
fn the_columns_of_a_manifest_are_told_as_they_are_written() {
    let folder = folder();
    let mut pictures = PictureChecks::new();
    let text = "SKU,\u{feff}human,Cloth,,note;x,id,SKU\n";
    let reader =
        ManifestReader::from_reader("jobs.csv", folder.path(), text.as_bytes(), &Reading::default(), &mut pictures);
    let columns = reader.expect("a header").columns();
    assert_eq!(columns.read, ["human", "Cloth", "id"]);
    assert_eq!(columns.kept, ["SKU", "note;x"]);
    assert_eq!(columns.left_alone, ["SKU"]);
}
