//! Manifests as shops hand them in, each with what is said of it before anything is spent.

use super::{Desk, project, said};

/// What becomes of a manifest.
enum Right {
    /// It is refused, in one line of which this is a part, and nothing else.
    Refused(&'static str),
    /// This many of its rows are, each in one line; this is in one of them.
    Rows(usize, &'static str),
    /// It is loaded: this many jobs.
    Loaded(usize),
}

use Right::{Loaded, Refused, Rows};

const CASES: [(&str, Right); 20] = [
    ("01-model_name-column", Refused(":1: the header has columns that are not read; rename `model_name` to `model`")),
    (
        "01-outfit-cloth_2-column",
        Refused("`cloth_2` to `cloth_image_2`, `cloth_2_type` to `cloth_type_2`, `model_name`"),
    ),
    ("02-corrected", Loaded(2)),
    ("02-mojibake-bom-id-gbk", Refused("`锘縤d` is `id` behind a byte order mark that was read in GBK")),
    ("02-mojibake-bom-id", Refused("`ï»¿id` is `id` behind a byte order mark that was read in windows-1252")),
    (
        "03-gbk-passes-as-utf8",
        Refused(":2: makes sense only in GBK (simplified Chinese), in which this line has `女装/001`"),
    ),
    ("03-same-in-utf8", Loaded(2)),
    (
        "04-rows-swallowed-by-quote",
        Refused(":2: a quote (\") that is opened in the row that begins here takes in the 2 rows"),
    ),
    (
        "05-two-urls-in-a-cell",
        Rows(1, ":2: cloth_image: `https://s.example/a.jpg,https://s.example/b.jpg` is two URLs"),
    ),
    (
        "05-url-private-host",
        Rows(1, ":2: cloth_image: `http://192.168.1.10/pics/a.jpg` is on this machine or its network"),
    ),
    ("05-url-zwsp", Rows(1, ":2: cloth_image: `https://s.example/a.jpg` has the invisible character U+200B")),
    ("08-zwsp-id", Rows(1, ":2: id: `a` has the invisible character U+200B")),
    ("09-default-id-clash", Rows(2, "made of the pictures' names, so give each row an id of its own (column `id`)")),
    ("09-feff-cloth-header", Loaded(1)),
    ("09-fullwidth-comma", Rows(1, ":2: row: has full-width commas (，) between its cells; write plain commas (,)")),
    (
        "09-gbk-header",
        Refused(":1: is not in UTF-8 but most likely in GBK (simplified Chinese), in which this line has `款号`"),
    ),
    (
        "09-protocol-relative",
        Rows(1, "`//cdn.shopify.com/s/files/1/0001/shirt.jpg?v=1` begins with //: write https: in front"),
    ),
    ("10-hash-row", Rows(1, ":2: row: begins with #, which takes no row out of a manifest; delete the row")),
    ("11-dash-id", Loaded(2)),
    ("12-windows-chars-id", Loaded(2)),
];

/// A folder with all of them and their pictures.
fn shop() -> Desk {
    let desk = Desk::new();
    for entry in std::fs::read_dir(project().join("tests/data/manifests")).expect("the folder") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, desk.path("").join(path.file_name().expect("a name"))).expect("copied");
    }
    desk
}

#[test]
fn each_manifest_that_went_wrong_once_is_refused_with_its_cause_or_read_as_what_it_is() {
    let desk = shop();
    for (name, right) in &CASES {
        let manifest = format!("{name}.csv");
        let said = desk.run(&["check", &manifest]);
        let lines: Vec<&str> = said.err.lines().filter(|line| !line.contains(": columns read: ")).collect();
        let shown = format!("{name}: {}{}", said.out, said.err);
        match right {
            Refused(part) => {
                assert_eq!((said.code, lines.len()), (2, 1), "{shown}");
                assert!(lines[0].starts_with(&format!("error: {manifest}:")) && lines[0].contains(part), "{shown}");
            }
            Rows(count, part) => {
                assert_eq!((said.code, lines.len()), (2, count + 1), "{shown}");
                assert!(lines[..*count].iter().all(|line| line.starts_with(&format!("{manifest}:"))), "{shown}");
                assert!(lines[..*count].iter().any(|line| line.contains(part)), "{shown}");
            }
            Loaded(count) => {
                assert_eq!(said.code, 0, "{shown}");
                assert!(said.out.starts_with(&format!("added {count}, ")), "{shown}");
            }
        }
    }
    let here = std::fs::read_dir(desk.path("")).expect("the folder").map(|entry| entry.expect("an entry").path());
    let manifests = here.filter(|path| path.extension().is_some_and(|extension| extension == "csv"));
    assert_eq!(manifests.count(), CASES.len(), "each file is in the table");
}

#[test]
fn what_is_refused_spends_nothing_and_leaves_nothing() {
    let desk = shop();
    for (name, _) in CASES.iter().filter(|(_, right)| matches!(right, Refused(_))) {
        for option in ["--fit-images", "--skip-invalid"] {
            let said = desk.run(&["run", &format!("{name}.csv"), "--sandbox", option, "-o", "results"]);
            assert_eq!(said.code, 2, "{name}: {}", said.err);
            assert!(said.err.starts_with(&format!("error: {name}.csv:")), "{}", said.err);
        }
    }
    let report = desk.run(&["report", "-o", "results"]);
    assert!(report.code != 0 || report.out.lines().count() == 1, "{}", report.out);
}

#[test]
fn a_legacy_encoding_is_read_where_it_is_said_on_the_line_in_the_environment_or_in_the_file() {
    let desk = shop();
    let gbk = b"id,human,cloth\n\xc5\xae\xd7\xb0/001,ana.png,shirt.png\n\xc4\xd0\xd0\xac/2,ana.png,dress.png\n";
    std::fs::write(desk.path("gbk.csv"), gbk).expect("written");
    let refused = desk.run(&["load", "gbk.csv"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("or read it with --encoding gb18030"), "{}", refused.err);
    let loaded = desk.run(&["load", "gbk.csv", "--encoding", "gb18030"]);
    assert_eq!(loaded.code, 0, "{}", loaded.err);
    let listed = desk.run(&["list"]).out;
    assert!(listed.contains("女装/001") && listed.contains("男鞋/2"), "{listed}");
    let again = said(desk.command(&["load", "gbk.csv"]).env("TRYON_ENCODING", "cp936"));
    assert!(again.out.starts_with("added 0, unchanged 2,"), "{}{}", again.out, again.err);
    desk.write("tryon.toml", "encoding = \"GB2312\"\n");
    let again = desk.run(&["load", "gbk.csv"]);
    assert!(again.out.starts_with("added 0, unchanged 2,"), "{}{}", again.out, again.err);
    let config = desk.run(&["config", "--encoding", "big5"]);
    assert!(config.out.contains("big5"), "{}", config.out);
    let wrong = desk.run(&["check", "gbk.csv", "--encoding", "klingon"]);
    assert!(wrong.code == 2 && wrong.err.contains("is no encoding known here"), "{}", wrong.err);
}

#[test]
fn check_tells_which_columns_it_reads_and_which_it_keeps() {
    let desk = shop();
    desk.write("jobs.csv", "Note,\u{feff}human,CLOTH,sku,id\nx,ana.png,shirt.png,7,a\n");
    let said = desk.run(&["check", "jobs.csv"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.err, "jobs.csv: columns read: human, CLOTH, id; kept with the job: Note, sku\n");
}

#[test]
fn a_path_that_is_nearly_right_is_told_what_is_there_also_in_the_working_directory() {
    let desk = shop();
    desk.write("jobs.csv", "human,cloth\nAna.PNG,shirt.jpg\n");
    let said = desk.run(&["check", "jobs.csv"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("; `ana.png` is there, in other letters: case counts"), "{}", said.err);
    assert!(said.err.contains("; `shirt.png` is there"), "{}", said.err);
}

#[test]
fn an_address_of_this_network_is_taken_for_the_stand_in_and_for_a_provider_on_this_network() {
    let desk = shop();
    let manifest = "05-url-private-host.csv";
    for arguments in [
        &["check", manifest, "--sandbox"][..],
        &["check", manifest, "--base-url", "http://10.0.0.7:8080"],
        &["load", manifest, "--sandbox", "-o", "one"],
        &["load", manifest, "--base-url", "http://gateway.internal", "-o", "two"],
    ] {
        let said = desk.run(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {}", said.err);
    }
    assert_eq!(desk.run(&["load", manifest, "-o", "three"]).code, 2);
}

#[test]
fn a_list_whose_zeros_a_spreadsheet_ate_puts_nothing_back() {
    let desk = shop();
    desk.write("jobs.csv", "id,human,cloth\n00123,ana.png,shirt.png\n124,tom.png,dress.png\n");
    assert_eq!(desk.run(&["load", "jobs.csv"]).code, 0);
    assert_eq!(desk.run(&["cancel", "--pending"]).code, 0);
    for (list, cause) in [
        ("id;state\n123;cancelled\n124;cancelled\n", "list.csv:2: there is no job `123`, but `00123`"),
        ("id,human_image,cloth_image\n124,ana.png,dress.png\n", "list.csv:2: `124` is the job of human_image tom.png"),
    ] {
        desk.write("list.csv", list);
        let said = desk.run(&["retry", "--from", "list.csv"]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{}", said.err);
        assert!(said.err.contains(cause) && said.err.contains("nothing was put back"), "{}", said.err);
    }
    let utf_16: Vec<u8> = "id\tnote\r\n00123\tü\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(desk.path("list.csv"), utf_16).expect("written");
    let said = desk.run(&["retry", "--from", "list.csv", "--encoding", "utf-16"]);
    assert!(said.code == 0 && said.out.starts_with("1 put back"), "{}{}", said.out, said.err);
}
