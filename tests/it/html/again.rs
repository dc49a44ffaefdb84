//! What a reviewer's list does: rejected results are made again, for money and only when that is said.

use rusqlite::Connection;

use crate::support::provider::{Fate, Provider, Script};
use crate::support::workshop::{Ended, Workshop};

fn list(shop: &Workshop, text: &str) -> String {
    let path = shop.out().join("rejected.csv");
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

fn retry(shop: &Workshop, provider: &Provider, arguments: &[&str]) -> Ended {
    let arguments: Vec<&str> = ["retry"].iter().chain(arguments).copied().collect();
    shop.call(provider, &arguments)
}

/// How many tasks were charged for a job.
fn charged(provider: &Provider, job: &str) -> usize {
    provider.books().charges().get(job).copied().unwrap_or_default()
}

#[test]
fn a_list_makes_nothing_anew_unless_that_is_said() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(3);
    shop.run(&provider, &[]).assert_code(0);
    let rejected = list(&shop, "id,output\r\njob-002,job-002.png\r\n");
    let refused = retry(&shop, &provider, &["--from", &rejected]);
    refused.assert_code(2);
    assert!(refused.said.contains("job `job-002` has succeeded; with --again"), "{}", refused.said);
    let named = retry(&shop, &provider, &["job-002"]);
    named.assert_code(2);
    assert!(named.said.contains("with --again"), "{}", named.said);
    shop.run(&provider, &[]).assert_code(0);
    assert_eq!(provider.books().creates().len(), 3, "nothing was submitted again");
}

#[test]
fn a_rejected_result_is_made_anew_once_and_no_other_is() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(3);
    shop.run(&provider, &[]).assert_code(0);
    let rejected = list(&shop, "id,output\r\njob-002,job-002.png\r\njob-002,job-002.png\r\n");
    let put_back = retry(&shop, &provider, &["--again", "--from", &rejected]);
    put_back.assert_code(0);
    assert!(put_back.said.contains("1 put back\n  1 made anew and paid for again"), "{}", put_back.said);
    assert!(shop.picture("job-002").exists(), "the old image stays until another one is there");
    shop.run(&provider, &[]).assert_code(0);
    assert_eq!(["job-001", "job-002", "job-003"].map(|job| charged(&provider, job)), [1, 2, 1]);
    assert_eq!(shop.row("job-002").attempts, 2);
    shop.assert_published();
    // Said once more by mistake, it is said to no avail: the job is not in the state that was meant.
    retry(&shop, &provider, &["--again", "job-002"]).assert_code(0);
    let twice = retry(&shop, &provider, &["--again", "job-002"]);
    twice.assert_code(2);
    assert!(twice.said.contains("pending cannot be"), "{}", twice.said);
}

#[test]
fn a_list_about_an_image_that_was_made_again_since_pays_for_nothing_more() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(3);
    shop.run(&provider, &[]).assert_code(0);
    let queue = Connection::open(shop.out().join("queue.db")).expect("the queue");
    let sha256 = |job: &str| -> String {
        let image = "SELECT sha256 FROM images JOIN jobs ON job = seq WHERE id = ?1";
        queue.query_row(image, [job], |row| row.get(0)).expect("an image")
    };
    // The page knows the beginning of it, and a report all.
    let rows = format!("job-001,{}\r\njob-002,{}\r\n", &sha256("job-001")[..12], sha256("job-002"));
    let rejected = list(&shop, &format!("id,sha256\r\n{rows}job-003,\r\n"));
    // As if the provider had made another picture of the second by now.
    let other = format!("UPDATE images SET sha256 = '{}' WHERE path = 'job-002.png'", "0".repeat(64));
    assert_eq!(queue.execute(&other, []).expect("changed"), 1);
    let put_back = retry(&shop, &provider, &["--again", "--from", &rejected]);
    put_back.assert_code(2);
    assert!(put_back.said.contains("2 put back\n  2 made anew"), "{}", put_back.said);
    assert!(put_back.said.contains("the image of job `job-002` was made anew since you looked"), "{}", put_back.said);
    shop.run(&provider, &[]).assert_code(0);
    assert_eq!(["job-001", "job-002", "job-003"].map(|job| charged(&provider, job)), [2, 1, 2]);
}

#[test]
fn an_image_made_anew_with_another_extension_leaves_no_old_one_behind() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(2);
    shop.run(&provider, &[]).assert_code(0);
    // As if the provider had sent a JPEG the first time.
    let old = shop.out().join("job-001.jpg");
    std::fs::rename(shop.picture("job-001"), &old).expect("renamed");
    let queue = Connection::open(shop.out().join("queue.db")).expect("the queue");
    let changed = queue.execute("UPDATE images SET path = 'job-001.jpg' WHERE path = 'job-001.png'", []);
    assert_eq!(changed.expect("changed"), 1);
    drop(queue);
    retry(&shop, &provider, &["--again", "job-001"]).assert_code(0);
    shop.run(&provider, &[]).assert_code(0);
    assert!(!old.exists(), "one would take it for the result");
    shop.assert_published();
}

#[test]
fn a_reason_picks_its_failures_and_no_others() {
    let fate = |job: &str, nth: usize| match (job, nth) {
        (_, 2..) => Fate::Succeed,
        ("job-001" | "job-003", _) => Fate::Fail("no human, \"none\" at all"),
        ("job-002", _) => Fate::Fail("content risk control"),
        _ => Fate::Succeed,
    };
    let provider = Provider::start(Script { fate: Box::new(fate), ..Script::default() });
    let shop = Workshop::new(4);
    shop.run(&provider, &["--max-attempts", "1"]).assert_code(1);
    let unknown = retry(&shop, &provider, &["--failed", "--reason", "no such reason"]);
    unknown.assert_code(2);
    assert!(unknown.said.contains("tryon list --state failed"), "{}", unknown.said);
    let reason = "--reason=task_failed: no human, \"none\" at all";
    let put_back = retry(&shop, &provider, &["--failed", reason]);
    put_back.assert_code(0);
    assert!(put_back.said.contains("2 put back"), "{}", put_back.said);
    shop.run(&provider, &["--max-attempts", "1"]).assert_code(1);
    assert_eq!(shop.count("succeeded"), 3);
    assert_eq!(shop.row("job-002").state, "failed");
    retry(&shop, &provider, &["--failed", "--reason", "task_failed"]).assert_code(0);
    shop.run(&provider, &["--max-attempts", "1"]).assert_code(0);
}

#[test]
fn a_list_that_is_none_is_refused_with_what_is_wrong() {
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(1);
    shop.run(&provider, &[]).assert_code(0);
    let no_column = list(&shop, "job-001\n");
    let refused = retry(&shop, &provider, &["--from", &no_column]);
    refused.assert_code(2);
    assert!(refused.said.contains("has no column `id`"), "{}", refused.said);
    let refused = retry(&shop, &provider, &["--from", "nowhere.csv"]);
    refused.assert_code(2);
    assert!(refused.said.contains("nowhere.csv"), "{}", refused.said);
    let unknown = list(&shop, "id\nno-such-job\n");
    let refused = retry(&shop, &provider, &["--from", &unknown]);
    refused.assert_code(2);
    assert!(refused.said.contains("no job `no-such-job`"), "{}", refused.said);
}
