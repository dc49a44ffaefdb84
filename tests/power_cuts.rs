//! The long form of the proof that no kill makes a job be paid for twice:
//! `cargo test --test power_cuts -- --kills 500 --seed 7`.
//!
//! - `--kills N`: how often it is killed, in rounds of 25 with a provider and jobs of their own (default 500)
//! - `--seed N`: decides every draw (default 7)
//! - `--shape native|native-echo|flat|wrapped|wrapped-bare`: how the provider answers, as the service itself (the
//!   default) or as a gateway that resells it
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

use support::power_cuts::{bad_day, kill_at_random};
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
    in_bucket: bool,
}

impl Options {
    /// `None` where an option is none, or has no value.
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self { kills: 500, seed: 7, shape: Shape::Native, in_bucket: false };
        while let Some(option) = arguments.next() {
            let value = arguments.next()?;
            match option.as_str() {
                "--kills" => options.kills = value.parse().ok()?,
                "--seed" => options.seed = value.parse().ok()?,
                "--shape" => options.shape = SHAPES.iter().find(|(name, _)| *name == value)?.1,
                "--out" => options.in_bucket = ["folder", "bucket"].iter().position(|name| *name == value)? == 1,
                _ => return None,
            }
        }
        Some(options)
    }
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program, and these are its results")]
fn main() -> ExitCode {
    let Some(Options { kills, seed, shape, in_bucket }) = Options::read(std::env::args().skip(1)) else {
        eprintln!("usage: cargo test --test power_cuts -- [--kills N] [--seed N] [--shape NAME] [--out folder|bucket]");
        return ExitCode::from(2);
    };
    let began = Instant::now();
    let (mut jobs, mut at_work, mut creates, mut tasks) = (0, 0, 0, 0);
    for (round, kills) in (0_u64..).zip(rounds(kills)) {
        let provider = Provider::start(bad_day(seed + 10 * round, shape));
        let dice = Dice::new(seed + 10 * round + 2);
        let Some((done_at_work, shop_jobs)) = (match in_bucket {
            false => Some(in_folder(&provider, dice, kills)),
            true => in_a_bucket(&provider, dice, kills),
        }) else {
            return ExitCode::FAILURE;
        };
        at_work += done_at_work;
        let books = provider.books();
        jobs += shop_jobs;
        creates += books.creates().len();
        tasks += books.tasks.len();
        println!("round {}: {kills} kills, {} jobs, {} tasks charged", round + 1, shop_jobs, books.tasks.len());
    }
    println!(
        "shape {shape:?}: {kills} kills, {at_work} of them at work; {jobs} jobs, {creates} creates arrived, {tasks} tasks charged"
    );
    println!("double submissions: 0, lost tasks: 0, broken files: 0 (asserted); {:.0?} in all", began.elapsed());
    ExitCode::SUCCESS
}

/// A round with results in a folder: how often the program was killed at work, and how many jobs there were.
fn in_folder(provider: &Provider, mut dice: Dice, kills: usize) -> (usize, usize) {
    let shop = Workshop::new(kills * 6);
    let at_work = kill_at_random(&shop, provider, &mut dice, kills);
    shop.run(provider, &[]).assert_code(0);
    shop.assert_all_done(provider);
    (at_work, shop.jobs.len())
}

/// The same with results in a bucket; `None` where there is no server.
fn in_a_bucket(provider: &Provider, mut dice: Dice, kills: usize) -> Option<(usize, usize)> {
    let shop = BucketShop::new("power cuts with a bucket", kills * 6)?;
    shop.put_foreign("job-002");
    shop.bad_day(Dice::new(dice.below(1 << 20) as u64));
    let at_work = shop.kill_at_random(provider, &mut dice, kills);
    shop.run(provider).assert_code(1);
    shop.assert_only_foreign_failed("job-002");
    shop.s3.remove(&BucketShop::key("job-002"));
    shop.call(provider, &["retry", "--failed"]).assert_code(0);
    shop.run(provider).assert_code(0);
    shop.assert_all_done(provider);
    Some((at_work, shop.shop.jobs.len()))
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
