//! Verdicts from a shell: by id and from lists, counted, reported, and made again on somebody's word.

use super::{Desk, Said};

/// Three results, with columns that are not read.
fn catalogue() -> Desk {
    let desk = Desk::new();
    desk.picture("ana.png");
    desk.picture("coat.png");
    desk.write(
        "jobs.csv",
        "id,human,cloth,sku,note\na,ana.png,coat.png,A-1,\nb,ana.png,coat.png,B-2,\"x, y\"\nc,ana.png,coat.png,A-1,\n",
    );
    let run = desk.run(&["run", "jobs.csv", "--sandbox", "-q"]);
    assert_eq!(run.code, 0, "{}", run.err);
    desk
}

fn ok(desk: &Desk, arguments: &[&str]) -> String {
    let Said { code, out, err } = desk.run(arguments);
    assert_eq!(code, 0, "{arguments:?}: {err}");
    out
}

/// Approved, rejected and unjudged results.
fn counted(desk: &Desk) -> [u64; 3] {
    let status: serde_json::Value = serde_json::from_str(&ok(desk, &["status", "--json"])).expect("JSON");
    ["approved", "rejected_images", "unjudged"].map(|key| status[key].as_u64().expect("a count"))
}

fn ids(desk: &Desk, arguments: &[&str]) -> Vec<String> {
    let lines = ok(desk, &[&["list", "--json"], arguments].concat());
    let id =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["id"].as_str().map(str::to_owned);
    lines.lines().filter_map(id).collect()
}

#[test]
fn images_are_judged_by_id_listed_reported_and_made_again() {
    let desk = catalogue();
    ok(&desk, &["review", "--approve", "a"]);
    let said = ok(&desk, &["review", "--reject", "--reason", "the hand", "--reviewer", "Ana", "b"]);
    assert!(said.starts_with("1 rejected\n  of 3 results: 1 approved, 1 rejected, 1 not judged\n"), "{said}");
    assert_eq!(counted(&desk), [1, 1, 1]);
    assert_eq!(ids(&desk, &["--approved"]), ["a"]);
    assert_eq!(ids(&desk, &["--rejected"]), ["b"]);
    assert_eq!(ids(&desk, &["--unjudged", "--column", "sku=A-1"]), ["c"]);
    let shown = ok(&desk, &["show", "b"]);
    assert!(shown.contains("rejected by Ana") && shown.contains("reason       the hand"), "{shown}");
    assert!(shown.contains("column       note: x, y"), "{shown}");
    let report = ok(&desk, &["report"]);
    assert!(report.lines().nth(2).is_some_and(|row| row.contains(",rejected,the hand,")), "{report}");
    assert!(ok(&desk, &["status"]).contains("1 approved, 1 rejected, 1 not judged"));

    let looked = ok(&desk, &["retry", "--again", "--rejected", "--dry-run"]);
    assert!(looked.contains("1 result rejected") && looked.contains("nothing was put back"), "{looked}");
    assert_eq!(ids(&desk, &["--state", "pending"]), [""; 0]);
    assert!(ok(&desk, &["retry", "--again", "--rejected"]).contains("1 put back"));
    assert_eq!(ids(&desk, &["--state", "pending"]), ["b"]);
    assert_eq!(desk.run(&["run", "--sandbox", "-q", "--budget", "0"]).code, 3, "within the budget");
    ok(&desk, &["run", "--sandbox", "-q"]);
    assert_eq!(counted(&desk)[0], 1);
    ok(&desk, &["review", "--undo", "a"]);
    assert_eq!(counted(&desk)[0], 0);
}

#[test]
fn what_redoing_costs_is_said_before_where_a_price_is_known() {
    let desk = catalogue();
    let status = desk.run(&["retry", "--rejected"]);
    assert_eq!(status.code, 2, "{}", status.err);
    ok(&desk, &["review", "--reject", "a", "b"]);
    let said = ok(&desk, &["retry", "--again", "--rejected"]);
    assert!(said.starts_with("2 results rejected: the sandbox makes them again, and takes nothing\n"), "{said}");
}

#[test]
fn a_list_is_taken_whole_or_not_at_all_and_every_problem_is_told() {
    let desk = catalogue();
    desk.write("list.csv", "id,review,review_reason\na,approved,\nb,Rejected,blurred\nc,,\n");
    let said = ok(&desk, &["review", "--from", "list.csv"]);
    assert!(said.starts_with("1 approved, 1 rejected\n"), "{said}");
    assert_eq!(counted(&desk), [1, 1, 1]);
    assert!(ok(&desk, &["show", "b"]).contains("blurred"));

    desk.write("wrong.csv", "id,review,sha256\nc,approved,\nnone,approved,\na,rejected,0123\n");
    let refused = desk.run(&["review", "--from", "wrong.csv"]);
    assert_eq!(refused.code, 2);
    for problem in ["no job `none`", "the image of job `a` was made anew since you looked", "nothing was stored"] {
        assert!(refused.err.contains(problem), "{problem}: {}", refused.err);
    }
    desk.write("odd.csv", "id,review\nc,fine\n");
    let refused = desk.run(&["review", "--from", "odd.csv"]);
    assert!(refused.code == 2 && refused.err.contains("neither approved nor rejected"), "{}", refused.err);
    assert_eq!(counted(&desk), [1, 1, 1], "nothing of either was stored");

    // A list of ids alone says nothing of verdicts.
    desk.write("rejected.csv", "\u{feff}id,human_image,cloth_image,output\r\nc,ana.png,coat.png,c.png\r\n");
    let refused = desk.run(&["review", "--from", "rejected.csv"]);
    assert!(refused.code == 2 && refused.err.contains("add --approve or --reject"), "{}", refused.err);
    ok(&desk, &["review", "--reject", "--reason", "dark", "--from", "rejected.csv"]);
    assert_eq!(counted(&desk), [1, 2, 0]);
    let report = ok(&desk, &["report"]);
    desk.write("report.csv", &report);
    ok(&desk, &["review", "--from", "report.csv"]);
    assert_eq!(counted(&desk), [1, 2, 0], "a report is read back as it was written");
}
