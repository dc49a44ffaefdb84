//! The queue fails in the middle of a run, and what was sent is not lost.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::support::provider::{OnCreate, Provider, Script};
use crate::support::workshop::{Going, Workshop};

/// Waits until a run has said something.
fn wait_until_said(run: &Going, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !run.said().contains(what) {
        assert!(Instant::now() < deadline, "never said `{what}`: {}", run.said());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_queue_that_cannot_be_read_in_the_middle_of_a_run_loses_no_submission_that_is_on_its_way() {
    let provider = Provider::start(Script { on_create: Box::new(|_| OnCreate::Hold), ..Script::default() });
    let shop = Workshop::new(4);
    let run = shop.start(&provider, &[]);
    provider.wait_until("four answers held back", |books| books.held == 4);
    let db = Connection::open(shop.out().join("queue.db")).expect("the queue");
    // Readers refuse a count that they do not know; the writer never looks at it.
    db.execute("INSERT INTO tallies (name, value) VALUES ('unknown', 0)", []).expect("damaged");
    wait_until_said(&run, "`unknown` is counted");
    provider.let_go();
    run.end().assert_code(5);
    assert_eq!(shop.count("running"), 4, "{}", shop.standing());
    db.execute("DELETE FROM tallies WHERE name = 'unknown'", []).expect("mended");
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    assert_eq!(provider.books().creates().len(), 4);
}
