//! A queue with its history copied from a file to a database, and back.

use std::path::Path;
use std::time::Duration;

use crate::support::held;
use crate::support::postgres::Postgres;
use crate::support::provider::{Fate, OnCreate, Provider, Script};
use crate::support::workshop::{Ended, Workshop};

/// A workshop with a queue in a file, and an empty database. `None` where this machine has no PostgreSQL.
struct Move {
    shop: Workshop,
    provider: Provider,
    database: String,
    there: String,
}

impl Move {
    fn new(jobs: usize, script: Script) -> Option<Self> {
        let server = Postgres::server()?;
        let database = server.database();
        let there = server.location(&database).to_string();
        Some(Self { shop: Workshop::new(jobs), provider: Provider::start(script), database, there })
    }

    fn call(&self, arguments: &[&str]) -> Ended {
        let mut command = self.shop.command(&self.provider, arguments);
        command.env("TRYON_STATE_DIR", self.shop.file("state")).env("XDG_STATE_HOME", self.shop.file("state"));
        self.shop.begin(command).end()
    }

    fn copy(&self, from: &str, to: &str) -> Ended {
        self.call(&["queue", "copy", "--from", from, "--to", to, "--inputs", "."])
    }

    /// Copies the workshop's own queue into the database.
    fn copy_there(&self) -> Ended {
        self.copy("out/queue.db", &self.there)
    }

    fn report(&self, queue: &str) -> String {
        let ended = self.call(&["report", "--queue", queue]);
        ended.assert_code(0);
        ended.said
    }

    fn run_there(&self, more: &[&str]) -> Ended {
        let arguments: Vec<&str> =
            ["run", "--queue", &self.there, "--inputs", "."].iter().chain(more).copied().collect();
        self.call(&arguments)
    }
}

/// A day with everything in it: successes, a failure, a row that was passed over, and work that is left.
fn a_day() -> Script {
    Script {
        fate: Box::new(|job, _| if job == "job-003" { Fate::Fail("no person in the picture") } else { Fate::Succeed }),
        ..Script::default()
    }
}

fn with_a_bad_row(shop: &Workshop) {
    let path = shop.file("jobs.csv");
    let manifest =
        std::fs::read_to_string(&path).expect("the manifest") + "bad,http://pictures.test/bad.jpg,gone.jpg\n";
    std::fs::write(path, manifest).expect("written");
}

#[test]
fn the_report_of_a_copy_is_that_of_the_queue_byte_for_byte_there_and_back() {
    let Some(moved) = Move::new(12, a_day()) else { return };
    with_a_bad_row(&moved.shop);
    moved.shop.run(&moved.provider, &["--skip-invalid", "--budget", "8"]).assert_code(3);
    let before = moved.report("out/queue.db");
    assert!(before.contains("job-003,failed") || before.contains("no person"), "{before}");
    let copied = moved.copy_there();
    copied.assert_code(0);
    assert!(copied.said.contains("12 jobs, 8 attempts, 7 images and 1 run copied"), "{}", copied.said);
    assert_eq!(moved.report(&moved.there), before);
    let names = Postgres::server().expect("it is there").with_client(&moved.database, async |client| {
        let rows = client.query("SELECT source FROM tryon.inputs WHERE source NOT LIKE 'http%'", &[]).await;
        rows.expect("rows").iter().map(|row| row.get(0)).collect::<Vec<String>>()
    });
    assert_eq!(names, ["cloth.jpg"], "relative to the folder");

    moved.copy(&moved.there, "back.db").assert_code(0);
    assert_eq!(moved.report("back.db"), before);
    for (place, status) in [("out/queue.db", "here"), (&moved.there, "there"), ("back.db", "back")] {
        let counted = moved.call(&["status", "--json", "--queue", place]).said;
        assert!(counted.contains("\"succeeded\": 7") || counted.contains("\"succeeded\":7"), "{status}: {counted}");
    }

    // Each copy goes on where the queue was. What the database does is not known to the file, so only one is run.
    moved.call(&["queue", "take-back", &moved.there]).assert_code(0);
    moved.run_there(&[]).assert_code(1);
    assert_eq!(moved.provider.books().creates().len(), 12);
    moved.shop.assert_no_double_charge(&moved.provider);
    moved.copy(&moved.there, "back-again.db").assert_code(0);
    let after = moved.report("back-again.db");
    assert_eq!(after, moved.report(&moved.there));
    let again = moved.call(&["run", "--queue", "back-again.db"]);
    again.assert_code(1);
    assert_eq!(moved.provider.books().creates().len(), 12, "nothing is left to do: {}", again.said);
}

#[test]
fn verdicts_columns_and_what_was_sent_go_with_a_copy_and_further_verdicts_follow_them() {
    let Some(moved) = Move::new(4, Script::default()) else { return };
    let path = moved.shop.file("jobs.csv");
    let manifest = std::fs::read_to_string(&path).expect("the manifest");
    let lines = manifest.lines().enumerate();
    let with_sku = lines.map(|(n, line)| if n == 0 { format!("{line},sku\n") } else { format!("{line},S-{n}\n") });
    std::fs::write(path, with_sku.collect::<String>()).expect("written");
    moved.shop.run(&moved.provider, &[]).assert_code(0);
    let review = |how: &[&str], queue: &str| {
        moved.call(&[&["review"], how, &["--queue", queue]].concat()).assert_code(0);
    };
    review(&["--approve", "job-001"], "out/queue.db");
    review(&["--reject", "--reason", "dark", "job-002"], "out/queue.db");
    let told = |queue: &str| {
        let listed = moved.call(&["list", "--json", "--queue", queue]).said;
        (moved.report(queue), listed, moved.call(&["list", "--rejected", "--queue", queue]).said)
    };
    let before = told("out/queue.db");
    assert!(before.0.contains(",rejected,dark,") && before.1.contains("\"sku\":\"S-2\""), "{before:?}");
    let hash = before.0.lines().nth(1).and_then(|row| row.rsplit(',').next()).expect("a cell");
    assert_eq!(hash.len(), 64, "the garment's sha256: {}", before.0);

    moved.copy_there().assert_code(0);
    assert_eq!(told(&moved.there), before);
    review(&["--approve", "job-002", "job-003"], &moved.there);
    moved.copy(&moved.there, "back.db").assert_code(0);
    review(&["--reject", "job-004"], "back.db");
    let status = moved.call(&["status", "--json", "--queue", "back.db"]).said;
    assert!(status.contains("\"approved\":3,\"rejected_images\":1,\"unjudged\":0"), "{status}");
}

#[test]
fn a_copied_queue_settles_the_doubt_that_came_with_it() {
    let script = Script {
        on_create: Box::new(|seen| match (seen.job.as_str(), seen.nth_of_job) {
            ("job-002", 1) => OnCreate::Hold,
            ("job-003", 1) => OnCreate::Hold,
            _ => OnCreate::Take,
        }),
        refuses_duplicates: false,
        ..Script::default()
    };
    let Some(moved) = Move::new(4, script) else { return };
    let run = moved.shop.start(&moved.provider, &["--doubt-age", "60s"]);
    moved.provider.wait_until("the submissions", |books| books.creates().len() == 4);
    std::thread::sleep(Duration::from_millis(300));
    run.kill();
    moved.provider.let_go();
    let open = moved.shop.count("in_doubt") + moved.shop.count("submitting");
    assert!(open >= 2, "{}", moved.shop.standing());
    moved.copy_there().assert_code(0);
    moved.run_there(&["--doubt-age", "1s"]).assert_code(0);
    assert_eq!(moved.provider.books().charges().len(), 4);
    moved.shop.assert_no_double_charge(&moved.provider);
    assert_eq!(moved.provider.books().tasks.len(), 4, "each is found by its name, and none sent again");
}

#[test]
fn nothing_is_copied_onto_jobs_nor_while_a_run_is_at_work_nor_without_a_folder() {
    let Some(moved) = Move::new(3, Script::default()) else { return };
    moved.shop.call(&moved.provider, &["load", "jobs.csv"]).assert_code(0);
    let hold = held(Path::new(&moved.shop.out().join("queue.db")));
    let refused = moved.copy_there();
    refused.assert_code(4);
    assert!(refused.said.contains("another run is working on"), "{}", refused.said);
    drop(hold);

    let refused = moved.call(&["queue", "copy", "--from", "out/queue.db", "--to", &moved.there]);
    refused.assert_code(2);
    assert!(refused.said.contains("cloth.jpg: say with --inputs DIR"), "{}", refused.said);
    let refused = moved.call(&["queue", "copy", "--from", "out/queue.db", "--to", &moved.there, "--inputs", "out"]);
    refused.assert_code(2);
    assert!(refused.said.contains("cloth.jpg is outside of"), "{}", refused.said);
    let listed = moved.call(&["list", "--queue", &moved.there]);
    assert!(!listed.said.contains("job-001"), "nothing of it is there: {}", listed.said);

    moved.copy_there().assert_code(0);
    let refused = moved.copy_there();
    refused.assert_code(2);
    assert!(refused.said.contains("has jobs already, so nothing was copied"), "{}", refused.said);
    let refused = moved.copy(&moved.there, "out/queue.db");
    refused.assert_code(2);
    moved.copy("nowhere.db", "other.db").assert_code(2);
    assert!(!moved.shop.file("nowhere.db").exists() && !moved.shop.file("other.db").exists());
}

#[test]
fn a_database_is_not_copied_while_a_host_has_not_said_goodbye() {
    let Some(moved) = Move::new(2, Script::default()) else { return };
    moved.shop.call(&moved.provider, &["load", "jobs.csv"]).assert_code(0);
    moved.copy_there().assert_code(0);
    let server = Postgres::server().expect("it is there");
    server.run(
        &moved.database,
        "INSERT INTO tryon.hosts (name, process, started_at, seen_at, steady_since, lease_ms) VALUES ('north', 1, 0, 0, 0, 1)",
    );
    let refused = moved.copy(&moved.there, "back.db");
    refused.assert_code(4);
    assert!(refused.said.contains("tryon hosts forget north"), "{}", refused.said);
    moved.call(&["hosts", "forget", "north", "--queue", &moved.there]).assert_code(0);
    moved.copy(&moved.there, "back.db").assert_code(0);
}

#[test]
fn a_queue_that_was_copied_runs_and_loads_nothing_until_it_is_taken_back() {
    let Some(moved) = Move::new(4, Script::default()) else { return };
    moved.shop.run(&moved.provider, &["--budget", "2"]).assert_code(3);
    let creates = || moved.provider.books().creates().len();
    let copied = moved.copy_there();
    copied.assert_code(0);
    assert!(copied.said.contains("runs and loads are refused"), "{}", copied.said);
    for refused in [moved.call(&["run"]), moved.call(&["run", "jobs.csv"]), moved.call(&["load", "jobs.csv"])] {
        refused.assert_code(2);
        assert!(refused.said.contains("was copied to postgres://"), "{}", refused.said);
        assert!(refused.said.contains("tryon queue take-back"), "{}", refused.said);
    }
    assert_eq!(creates(), 2, "nothing was submitted at the old place");
    moved.call(&["status"]).assert_code(0);
    moved.call(&["queue", "take-back", "out/queue.db"]).assert_code(0);
    moved.call(&["run"]).assert_code(0);
    assert_eq!(creates(), 4);
    // The copy was never marked itself.
    let status = moved.call(&["load", "jobs.csv", "--queue", &moved.there, "--inputs", "."]);
    status.assert_code(0);
}
