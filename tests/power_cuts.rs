//! The long form of the proof that no kill makes a job be paid for twice:
//! `cargo test --test power_cuts -- --kills 500 --seed 7`.
//!
//! - `--kills N`: how often it is killed, in rounds of 25 with a provider and jobs of their own (default 500)
//! - `--seed N`: decides every draw (default 7)
//! - `--shape native|native-echo|flat|wrapped|wrapped-bare`: how the provider answers, as the service itself (the
//!   default) or as a gateway that resells it
//! - `--accounts 1|2`: two accounts share the work, of which one is down and empty now and then (default 1)
//! - `--out folder|bucket`: where results go; a bucket is one of a real S3 server (`moto_server`) behind a proxy that has
//!   a bad day too, with somebody else's object under one job's name
//!
//! The real program runs against a provider that has a bad day and keeps its own books, is killed (SIGKILL) at random
//! moments, and started again. At the end the books are held against the queue and the pictures.

#[path = "it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the other tests use the rest of it")]
mod support;

use std::process::ExitCode;
use std::time::Instant;

use support::accounts::TwoAccounts;
use support::power_cuts::{bad_day, kill_at_random, kill_two_at_random, worse_day};
use support::provider::{Dice, Provider, Shape};
use support::s3::BucketShop;
use support::workshop::Workshop;

/// More would spend the time on reading manifests of jobs that are done.
const KILLS_A_ROUND: usize = 25;

const SHAPES: [(&str, Shape); 5] = [
    ("native", Shape::Native),
    ("native-echo", Shape::NativeEcho),
    ("flat", Shape::Flat),
    ("wrapped", Shape::Wrapped),
    ("wrapped-bare", Shape::WrappedBare),
];

/// What was asked for.
struct Options {
    kills: usize,
    seed: u64,
    shape: Shape,
    accounts: usize,
    in_bucket: bool,
}

impl Options {
    /// `None` where an option is none, or has no value.
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self { kills: 500, seed: 7, shape: Shape::Native, accounts: 1, in_bucket: false };
        while let Some(option) = arguments.next() {
            let value = arguments.next()?;
            match option.as_str() {
                "--kills" => options.kills = value.parse().ok()?,
                "--seed" => options.seed = value.parse().ok()?,
                "--shape" => options.shape = SHAPES.iter().find(|(name, _)| *name == value)?.1,
                "--accounts" => options.accounts = value.parse().ok().filter(|count| (1..=2).contains(count))?,
                "--out" => options.in_bucket = ["folder", "bucket"].iter().position(|name| *name == value)? == 1,
                _ => return None,
            }
        }
        Some(options)
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program, and these are its results")]
fn main() -> ExitCode {
    let Some(options) = Options::read(std::env::args().skip(1)) else {
        eprintln!(
            "usage: cargo test --test power_cuts -- [--kills N] [--seed N] [--shape NAME] [--accounts 1|2] [--out folder|bucket]"
        );
        return ExitCode::from(2);
    };
    let began = Instant::now();
    let mut sum = Tally::default();
    for (round, kills) in (0_u64..).zip(rounds(options.kills)) {
        let seed = options.seed + 10 * round;
        let tally = match (options.in_bucket, options.accounts) {
            (true, _) => in_a_bucket(seed, options.shape, kills),
            (false, 2) => Some(at_two_accounts(seed, options.shape, kills)),
            (false, _) => Some(at_one_account(seed, options.shape, kills)),
        };
        let Some(tally) = tally else { return ExitCode::FAILURE };
        println!("round {}: {kills} kills, {} jobs, {} tasks charged", round + 1, tally.jobs, tally.tasks);
        sum.add(&tally);
    }
    let Options { kills, shape, accounts, .. } = options;
    let Tally { at_work, jobs, creates, tasks } = sum;
    println!(
        "shape {shape:?}, accounts {accounts}: {kills} kills, {at_work} of them at work; {jobs} jobs, {creates} creates arrived, \
         {tasks} tasks charged"
    );
    println!("double submissions: 0, lost tasks: 0, broken files: 0 (asserted); {:.0?} in all", began.elapsed());
    ExitCode::SUCCESS
}

/// What was counted.
#[derive(Default)]
struct Tally {
    at_work: usize,
    jobs: usize,
    creates: usize,
    tasks: usize,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.at_work += other.at_work;
        self.jobs += other.jobs;
        self.creates += other.creates;
        self.tasks += other.tasks;
    }
}

fn at_one_account(seed: u64, shape: Shape, kills: usize) -> Tally {
    let provider = Provider::start(bad_day(seed, shape));
    let shop = Workshop::new(kills * 6);
    let at_work = kill_at_random(&shop, &provider, &mut Dice::new(seed + 2), kills);
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    let books = provider.books();
    Tally { at_work, jobs: shop.jobs.len(), creates: books.creates().len(), tasks: books.tasks.len() }
}

/// One account loses answers, is down and is empty now and then; the other has a bad day.
fn at_two_accounts(seed: u64, shape: Shape, kills: usize) -> Tally {
    let (a, b) = (worse_day(seed, shape), bad_day(seed + 5, shape));
    let two = TwoAccounts::new(kills * 12, a, b, "price = 0.1", "price = 0.2");
    let at_work = kill_two_at_random(&two, &mut Dice::new(seed + 2), kills);
    // Where the first is empty at the end, what it has in doubt or at work may need a further run.
    let ended = (0..5).map(|_| two.run(&[])).find(|ended| ended.status.code() == Some(0));
    assert!(ended.is_some(), "{}", two.shop.standing());
    two.assert_all_done();
    let (a, b) = (two.a.books(), two.b.books());
    assert!(!a.tasks.is_empty() && !b.tasks.is_empty(), "both accounts are used");
    Tally {
        at_work,
        jobs: two.shop.jobs.len(),
        creates: a.creates().len() + b.creates().len(),
        tasks: a.tasks.len() + b.tasks.len(),
    }
}

/// Results in a bucket; `None` where there is no server.
#[expect(clippy::print_stdout, reason = "this is a program, and these are its results")]
fn in_a_bucket(seed: u64, shape: Shape, kills: usize) -> Option<Tally> {
    let provider = Provider::start(bad_day(seed, shape));
    let mut dice = Dice::new(seed + 2);
    let shop = BucketShop::new("power cuts with a bucket", kills * 6)?;
    shop.put_foreign("job-002");
    shop.bad_day(Dice::new(dice.below(1 << 20) as u64));
    let at_work = shop.kill_at_random(&provider, &mut dice, kills);
    shop.run(&provider).assert_code(1);
    shop.assert_only_foreign_failed("job-002");
    shop.s3.remove(&BucketShop::key("job-002"));
    shop.call(&provider, &["retry", "--failed"]).assert_code(0);
    shop.run(&provider).assert_code(0);
    shop.assert_all_done(&provider);
    println!("requests to the bucket: {}, of which {} met a fault", shop.proxy.asked().len(), shop.proxy.faults());
    let books = provider.books();
    Some(Tally { at_work, jobs: shop.shop.jobs.len(), creates: books.creates().len(), tasks: books.tasks.len() })
}

/// The kills in rounds, each with jobs and a provider of its own, so that starting stays short beside working.
fn rounds(mut kills: usize) -> Vec<usize> {
    let mut rounds = Vec::new();
    while kills > 0 {
        rounds.push(kills.min(KILLS_A_ROUND));
        kills -= kills.min(KILLS_A_ROUND);
    }
    rounds
}
