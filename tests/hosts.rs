//! Several hosts on one queue, and everything that can befall them:
//! `cargo test --test hosts -- --faults 500 --seed 7`.
//!
//! - `--faults N`: how many faults, in rounds of 25 with a queue, jobs and a provider of their own
//! - `--seed N`: decides every draw (default 7); what the machine does in between it does not decide
//! - `--pooler`: the hosts reach the database by way of PgBouncer in transaction mode
//! - `--tell`: prints what happened in each round
//!
//! A real PostgreSQL that flushes what it commits, three real processes with a lease of 3 s, one account at a provider that has a
//! bad day and keeps its own books, results in one shared folder. Hosts are killed, stopped for less and for more than their
//! lease and woken again, started a second time beside a stopped process, told to end; the database is restarted as planned and
//! as after a crash, taken away for seconds, and its connections are cut. One host's clock is an hour off (by libfaketime, where
//! it is installed). In every third round one host has a budget; in another one a host is made from nothing at each start, like
//! a container, so that only a person's word proves its death.
//!
//! At the end of a round all hosts are started once more and have to end by themselves, and the books are held against the
//! queue, the pictures, `--concurrency`, `--rate` and `--budget`. Two things are allowed for: a create may be held up for 150 ms
//! on its way, which can bring some more into a window of a second; and what had its turn before a process was stopped, or
//! before the database went away, leaves when that is over (`tests/it/support/hosts/audit.rs` has the numbers).
//!
//! `cargo test` runs a short form. Without PostgreSQL it says that it was left out, and succeeds.

#[path = "it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the other tests use the rest of it")]
mod support;

#[path = "it/support/hosts/mod.rs"]
mod hosts;

use std::process::ExitCode;
use std::time::Instant;

use hosts::{Database, Findings, Round, Tally, faketime};

/// More would spend the time on jobs that are done.
const FAULTS_A_ROUND: usize = 25;

/// Faults of `cargo test`.
const SHORT: usize = 14;

/// Enough work for as long as the faults take.
const JOBS_A_FAULT: usize = 9;

/// What was asked for.
struct Options {
    faults: usize,
    seed: u64,
    with_pooler: bool,
    is_told: bool,
}

impl Options {
    /// `None` where other tests are asked for.
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self { faults: SHORT, seed: 7, with_pooler: false, is_told: false };
        while let Some(option) = arguments.next() {
            match option.as_str() {
                "--faults" => options.faults = arguments.next()?.parse().ok()?,
                "--seed" => options.seed = arguments.next()?.parse().ok()?,
                "--pooler" => options.with_pooler = true,
                "--tell" => options.is_told = true,
                "--list" => return None,
                // What `cargo test` hands to every program, and names of other tests.
                option if option.starts_with('-') => {}
                _ => return None,
            }
        }
        Some(options)
    }
}

#[expect(clippy::print_stdout, reason = "this is a program, and these are its results")]
fn main() -> ExitCode {
    let Some(options) = Options::read(std::env::args().skip(1)) else { return ExitCode::SUCCESS };
    let Some(database) = Database::start(options.with_pooler) else {
        println!("left out: faults of several hosts (PostgreSQL, or PgBouncer with --pooler, is not installed)");
        return ExitCode::SUCCESS;
    };
    if faketime().is_none() {
        println!("all clocks are right: there is no libfaketime (apt-get install faketime)");
    }
    let began = Instant::now();
    let (mut sum, mut findings) = (Sum::default(), Findings::default());
    for (number, faults) in rounds(options.faults).into_iter().enumerate() {
        let seed = options.seed + 10 * number as u64;
        let tally = Round::new(&database, number, seed, faults * JOBS_A_FAULT).live(faults);
        println!("{}", sentence(number + 1, &tally));
        if options.is_told || !tally.findings.is_clean() {
            print!("{}", tally.story);
        }
        if let Some(first) = tally.first_double {
            println!("the first job was paid twice by fault {}", sum.faults + first);
        }
        sum.add(&tally);
        let is_clean = tally.findings.is_clean();
        findings.add(tally.findings);
        if !is_clean {
            break;
        }
    }
    let way = if options.with_pooler { "by way of a pooler" } else { "directly" };
    println!("{} faults, {way}; {:?}", sum.faults, sum.kinds);
    println!("{} jobs, {} creates arrived, {} tasks; exit codes {:?}", sum.jobs, sum.creates, sum.tasks, sum.codes);
    println!(
        "{} faults: double submissions: {}, lost tasks: {}, broken files: {}, other: {}; {:.0?} in all",
        sum.faults,
        findings.doubles.len(),
        findings.lost.len(),
        findings.broken.len(),
        findings.other.len(),
        began.elapsed()
    );
    print!("{findings}");
    if findings.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn sentence(round: usize, tally: &Tally) -> String {
    let ((most, cap), (fullest, rate)) = (tally.at_once, tally.a_second);
    format!(
        "round {round}: {} faults, {} jobs, {} tasks, {} creates; at most {most} tasks at once of {cap}, {fullest} creates in a \
         second of {rate}",
        tally.faults, tally.jobs, tally.tasks, tally.creates
    )
}

/// What all rounds have counted.
#[derive(Default)]
struct Sum {
    faults: usize,
    jobs: usize,
    creates: usize,
    tasks: usize,
    codes: std::collections::BTreeMap<i32, usize>,
    kinds: std::collections::BTreeMap<String, usize>,
}

impl Sum {
    fn add(&mut self, tally: &Tally) {
        self.faults += tally.faults;
        self.jobs += tally.jobs;
        self.creates += tally.creates;
        self.tasks += tally.tasks;
        for (code, times) in &tally.codes {
            *self.codes.entry(*code).or_default() += times;
        }
        for (kind, times) in &tally.kinds {
            *self.kinds.entry(kind.clone()).or_default() += times;
        }
    }
}

fn rounds(faults: usize) -> Vec<usize> {
    let whole = std::iter::repeat_n(FAULTS_A_ROUND, faults / FAULTS_A_ROUND);
    whole.chain(Some(faults % FAULTS_A_ROUND).filter(|rest| *rest > 0)).collect()
}
