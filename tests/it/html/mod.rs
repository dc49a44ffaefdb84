//! `index.html` as the program writes it, and `retry` by the lists and reasons that the page gives. That the page works
//! in a browser is seen by `tests/browser`.

mod again;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::provider::{Fate, Provider, Script};
use crate::support::workshop::Workshop;

/// The jobs of a page: id, state, and the link to the result.
fn listed(page: &Path) -> Vec<(String, String, Option<String>)> {
    let text = std::fs::read_to_string(page).expect("a page");
    assert!(text.trim_end().ends_with("</html>"), "it is whole");
    let blocks = text.split("class=\"jobs\">").skip(1).map(|piece| piece.split("</script>").next().expect("an end"));
    let word = |value: &Value| value.as_str().expect("a text").to_owned();
    blocks
        .flat_map(|block| {
            let block: Value = serde_json::from_str(block).expect("JSON");
            block["jobs"].as_array().expect("jobs").clone()
        })
        .map(|job| (word(&job["id"]), word(&job["state"]), job["result"].as_str().map(str::to_owned)))
        .collect()
}

#[test]
fn a_run_ends_with_a_page_of_every_job() {
    let fail_the_second = |job: &str, _| match job {
        "job-002" => Fate::Fail("there is no human in the picture"),
        _ => Fate::Succeed,
    };
    let provider = Provider::start(Script { fate: Box::new(fail_the_second), ..Script::default() });
    let shop = Workshop::new(3);
    shop.run(&provider, &["--max-attempts", "1"]).assert_code(1);
    let page = shop.out().join("index.html");
    let succeeded = |id: &str| (id.to_owned(), "succeeded".to_owned(), Some(format!("{id}.png")));
    assert_eq!(
        listed(&page),
        [succeeded("job-001"), ("job-002".to_owned(), "failed".to_owned(), None), succeeded("job-003")]
    );
    let text = std::fs::read_to_string(&page).expect("a page");
    assert!(text.contains("&#38;&#38; tryon run jobs.csv --max-attempts 1"), "the command that was typed goes on");
    assert!(!provider.books().requests.is_empty(), "the provider was never called");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_a_page_that_says_what_is_left() {
    let provider = Provider::start(Script { task_time: Duration::from_millis(300), ..Script::default() });
    let shop = Workshop::new(40);
    let run = shop.start(&provider, &[]);
    provider.wait_until("some tasks", |books| books.tasks.len() >= 12);
    run.signal("INT");
    run.end().assert_code(130);
    let jobs = listed(&shop.out().join("index.html"));
    assert_eq!(jobs.len(), 40);
    let rows = shop.rows();
    assert!(
        jobs.iter().zip(&rows).all(|(shown, row)| shown.0 == row.id && shown.1 == row.state),
        "as the queue has it"
    );
    assert!(jobs.iter().any(|(_, state, _)| state == "pending"), "it was interrupted in the middle");
}

#[cfg(unix)]
#[test]
fn a_page_is_readable_for_whom_the_systems_mask_lets_read() {
    use std::os::unix::fs::PermissionsExt;
    let provider = Provider::start(Script::default());
    let shop = Workshop::new(1);
    shop.run(&provider, &[]).assert_code(0);
    // What this process may give away by its own mask.
    let own = shop.out().join("own");
    std::fs::write(&own, "").expect("written");
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&shop.out().join("index.html")), mode(&own));
    assert_eq!(mode(&shop.out().join("report.csv")), mode(&own));
}
