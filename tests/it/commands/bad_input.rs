//! Bad input gets a clear error at once and an exit code of the contract; nothing is lost and nothing is spent.

use super::{Desk, said};

fn with_key(desk: &Desk, arguments: &[&str]) -> super::Said {
    said(desk.command(arguments).env("TRYON_API_KEY", "sk-1"))
}

/// A folder with a manifest of one good row.
fn one_row() -> Desk {
    let desk = Desk::new();
    desk.picture("h.png");
    desk.picture("c.png");
    desk.write("jobs.csv", "human,cloth\nh.png,c.png\n");
    desk
}

#[test]
fn a_missing_key_names_the_variable_and_the_sandbox() {
    let desk = one_row();
    let said = desk.run(&["run", "jobs.csv"]);
    assert_eq!(said.code, 2);
    insta::assert_snapshot!(said.err, @"error: no key: set TRYON_API_KEY, or the same with _FILE to a file that holds it; without an account, try --sandbox");
    assert!(!desk.path("tryon-out").exists(), "nothing was begun");
    let said = desk.run(&["run", "jobs.csv", "--provider", "kling"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("KLING_ACCESS_KEY"), "{}", said.err);
    let said = super::said(desk.command(&["run", "jobs.csv"]).env("TRYON_API_KEY_FILE", "nowhere"));
    assert_eq!(said.code, 2);
    assert!(said.err.contains("TRYON_API_KEY_FILE") && said.err.contains("nowhere"), "{}", said.err);
}

#[test]
fn a_manifest_that_is_not_there_or_is_a_folder_is_named() {
    let desk = one_row();
    for (name, word) in [("nowhere.csv", "nowhere.csv"), (".", "folder")] {
        for command in ["run", "load", "check"] {
            let said = with_key(&desk, &[command, name]);
            assert_eq!(said.code, 2, "{command} {name}: {}", said.err);
            assert!(said.err.starts_with("error: ") && said.err.contains(word), "{}", said.err);
        }
    }
}

#[test]
fn every_problem_of_a_manifest_is_told_at_once_and_nothing_is_loaded() {
    let desk = one_row();
    desk.write(
        "jobs.csv",
        "id,human_image,cloth_image,cloth_type,priority\n\
         ok,h.png,c.png,upper,1\n\
         ,,c.png,,\n\
         x,h.png,nowhere.png,shirt,soon\n\
         OK,h.png,c.png,,\n",
    );
    let said = with_key(&desk, &["load", "jobs.csv"]);
    assert_eq!(said.code, 2);
    let folder = desk.path("").canonicalize().expect("a folder").display().to_string();
    let err = said.err.replace(&folder, "[folder]");
    insta::assert_snapshot!(err, @r#"
    jobs.csv:3: human_image: is empty; name a file or an http(s) URL
    jobs.csv:4: cloth_image: no such file (looked for [folder]/nowhere.png)
    jobs.csv:4: cloth_type: "shirt" is not one of upper, lower, dress
    jobs.csv:4: priority: "soon" is not an integer
    jobs.csv:2: id: `ok` is contradicted by line 5
    jobs.csv:5: id: `OK` and `ok` in line 2 would write the same file where case does not count; give one another id
    error: 4 rows are not right, so nothing was loaded and nothing was spent; mend them, or load the others with --skip-invalid
    "#);
    assert!(!desk.path("tryon-out").exists(), "nothing is made for a manifest that is not right");
}

#[test]
fn a_queue_file_that_is_none_is_refused_and_left_as_it_is() {
    let desk = one_row();
    let text = desk.write("text.db", "this is no database, and it is longer than a header of one would be, by far....");
    let other = desk.path("other.db");
    let db = rusqlite::Connection::open(&other).expect("a database");
    db.execute_batch("CREATE TABLE recipes (name TEXT)").expect("a table");
    drop(db);
    let newer = desk.path("newer.db");
    assert_eq!(with_key(&desk, &["load", "jobs.csv", "--queue", "newer.db"]).code, 0);
    rusqlite::Connection::open(&newer).expect("a database").pragma_update(None, "user_version", 99).expect("set");
    for (path, word) in [(&text, "not a tryon queue"), (&other, "another program"), (&newer, "newer tryon")] {
        let before = std::fs::read(path).expect("there");
        let name = path.to_str().expect("UTF-8");
        for arguments in [&["run", "jobs.csv", "--queue", name][..], &["status", "--queue", name]] {
            let said = with_key(&desk, arguments);
            assert_eq!(said.code, 5, "{arguments:?}: {}", said.err);
            assert!(said.err.contains(word) && said.err.contains(name), "{}", said.err);
        }
        assert!(std::fs::read(path).expect("there") == before, "{name} was changed");
    }
    let said = with_key(&desk, &["run", "jobs.csv", "--queue", "."]);
    assert_eq!(said.code, 5, "{}", said.err);
    for command in [&["status"][..], &["list"], &["show", "x"], &["report"], &["retry", "x"], &["cancel", "x"]] {
        let said = desk.run(command);
        assert_eq!(said.code, 2, "{command:?}: {}", said.err);
        assert!(said.err.contains("there is no queue at tryon-out/queue.db"), "{}", said.err);
    }
}

#[test]
fn an_output_folder_that_cannot_be_written_is_named() {
    let desk = one_row();
    desk.write("file", "");
    for out in ["file", "file/below", "/proc/nowhere"] {
        let said = with_key(&desk, &["run", "jobs.csv", "-o", out]);
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.contains(out), "{}", said.err);
    }
}

#[test]
fn jobs_that_are_not_there_or_cannot_be_changed_are_told_one_by_one() {
    let desk = one_row();
    assert_eq!(desk.run(&["load", "jobs.csv"]).code, 0);
    let said = desk.run(&["cancel", "h/c", "nobody"]);
    assert_eq!((said.code, said.out.as_str()), (2, "h/c: cancelled\n"));
    assert!(said.err.contains("no job `nobody`"), "{}", said.err);
    let said = desk.run(&["cancel", "h/c"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("job `h/c`: a job that is cancelled cannot be cancelled"), "{}", said.err);
    let said = desk.run(&["adopt", "h/c", "t-1"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("not in doubt"), "{}", said.err);
    let said = desk.run(&["retry", "h/c"]);
    let expected = "h/c: put back\na run takes up what was put back: tryon run\n";
    assert_eq!((said.code, said.out.as_str()), (0, expected));
}

#[test]
fn a_wrong_option_or_state_suggests_the_right_one() {
    let desk = one_row();
    for (arguments, word) in [
        (&["run", "jobs.csv", "--concurency", "3"][..], "--concurrency"),
        (&["list", "--state", "suceeded"], "succeeded"),
        (&["satus"], "status"),
        (&["run", "jobs.csv", "--poll-interval", "fast"], "500ms"),
        (&["run", "jobs.csv", "--base-url", "ftp://x/"], "http"),
        (&["run", "jobs.csv", "--model", "gpt"], "kolors-virtual-try-on"),
        (&["retry"], "--failed"),
    ] {
        let said = with_key(&desk, arguments);
        assert_eq!(said.code, 2, "{arguments:?}: {}", said.err);
        assert!(said.err.contains(word), "{arguments:?}: {}", said.err);
    }
}
