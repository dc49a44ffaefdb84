//! Tasks that end badly, late, or seem not to exist.

use std::time::Duration;

use crate::support::provider::{Answer, Fate, OnQuery, Provider, Script};
use crate::support::workshop::Workshop;

#[test]
fn a_young_task_that_reads_as_not_found_is_asked_for_again() {
    let provider = Provider::start(Script {
        on_query: Box::new(|seen| match (seen.job.as_deref(), seen.nth_of_task) {
            (Some("job-001" | "job-002"), ..=3) => OnQuery::Unknown,
            (Some("job-003" | "job-004"), ..=3) => OnQuery::FailedNotFound,
            (Some("job-005"), ..=2) => OnQuery::Answer(Answer::gateway(404, "not found")),
            _ => OnQuery::Truth,
        }),
        ..Script::default()
    });
    let shop = Workshop::new(6);
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 6);
    assert!(shop.rows().iter().all(|row| row.attempts == 1));
}

#[test]
fn a_task_that_fails_for_its_pictures_is_not_tried_again_and_one_that_fails_otherwise_is() {
    let provider = Provider::start(Script {
        fate: Box::new(|job, nth| match (job, nth) {
            ("job-001", _) => Fate::Fail("there is no human in the video"),
            ("job-002", _) => Fate::Fail("Failure to pass the risk control system"),
            ("job-003", 1) => Fate::Fail("internal error"),
            ("job-004", _) => Fate::Fail("internal error"),
            ("job-005", _) => Fate::NoImage,
            _ => Fate::Succeed,
        }),
        ..Script::default()
    });
    let shop = Workshop::new(6);
    shop.run(&provider, &["--max-attempts", "2"]).assert_code(1);
    let books = provider.books();
    let tasks_of = |job: &str| books.tasks.iter().filter(|task| task.job == job).count();
    let expected = [
        ("job-001", "failed", 1, Some("task_failed")),
        ("job-002", "failed", 1, Some("task_failed")),
        ("job-003", "succeeded", 2, None),
        ("job-004", "failed", 2, Some("task_failed")),
        ("job-005", "failed", 1, Some("no_image")),
        ("job-006", "succeeded", 1, None),
    ];
    for (job, state, attempts, code) in expected {
        let row = shop.row(job);
        assert_eq!((row.state.as_str(), row.attempts, row.error_code.as_deref()), (state, attempts, code), "{row:?}");
        assert_eq!(tasks_of(job), attempts as usize, "{job}");
    }
    shop.assert_published();
    let before = books.creates().len();
    shop.run(&provider, &[]).assert_code(1);
    assert_eq!(provider.books().creates().len(), before, "what failed for good is not submitted again");
    shop.call(&provider, &["retry", "job-005"]).assert_code(0);
    provider.change(|script| script.fate = Box::new(|_, _| Fate::Succeed));
    shop.run(&provider, &[]).assert_code(1);
    assert_eq!(provider.books().creates().len(), before + 1, "a person may ask for it again");
    assert_eq!(shop.row("job-005").state, "succeeded");
}

#[test]
fn questions_that_are_not_answered_for_a_while_lose_no_task() {
    let provider = Provider::start(Script {
        task_time: Duration::from_millis(50),
        on_query: Box::new(|seen| match seen.nth_of_task {
            1 => OnQuery::Reset,
            2 => OnQuery::Answer(Answer::html(502, "502 Bad Gateway")),
            3 => OnQuery::Answer(Answer::code(400, 1200, "bad parameter")),
            4 => OnQuery::Answer(Answer::html(200, "Please wait")),
            _ => OnQuery::Truth,
        }),
        ..Script::default()
    });
    let shop = Workshop::new(2);
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
}
