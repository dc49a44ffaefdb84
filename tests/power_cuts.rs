//! The long form of the proof that no kill makes a job be paid for twice:
//! `cargo test --test power_cuts -- --kills 500 --seed 7`.
//!
//! The real program runs against a provider that has a bad day and keeps its own books, is killed (SIGKILL) at random
//! moments, and started again. At the end the books are held against the queue and the pictures.

#[path = "it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the other tests use the rest of it")]
mod support;

use std::process::ExitCode;
use std::time::Instant;

use support::power_cuts::{bad_day, kill_at_random};
use support::provider::{Dice, Provider};
use support::workshop::Workshop;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program, and these are its results")]
fn main() -> ExitCode {
    let (mut kills, mut seed) = (500, 7);
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let value = arguments.next().and_then(|text| text.parse::<u64>().ok());
        match (option.as_str(), value) {
            ("--kills", Some(number)) => kills = usize::try_from(number).unwrap_or(usize::MAX),
            ("--seed", Some(number)) => seed = number,
            _ => {
                eprintln!("usage: cargo test --test power_cuts -- [--kills N] [--seed N]");
                return ExitCode::from(2);
            }
        }
    }
    let began = Instant::now();
    let provider = Provider::start(bad_day(seed));
    let shop = Workshop::new(kills * 6);
    let killed = kill_at_random(&shop, &provider, &mut Dice::new(seed + 2), kills);
    let at_work = shop.count("succeeded");
    shop.run(&provider, &[]).assert_code(0);
    shop.assert_all_done(&provider);
    let books = provider.books();
    println!(
        "{} jobs, {kills} starts killed, {killed} of them at work; {at_work} jobs were done by then",
        shop.jobs.len()
    );
    println!("{} creates arrived, {} tasks were charged", books.creates().len(), books.tasks.len());
    println!("double submissions: 0, lost tasks: 0, broken files: 0 (asserted); {:.0?} in all", began.elapsed());
    ExitCode::SUCCESS
}
