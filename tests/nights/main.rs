//! Whole nights of the engine in virtual time against a simulated provider that keeps books: see `docs/simulation.md`.
//!
//! `cargo test --test nights` lives through [`SHORT`] nights; `cargo test --release --test nights -- --nights N [--seed S]`
//! through any number; with `--hosts` each has several hosts, as one of eight has without. `--tell` prints what happens in them; `--repeat` lives through each twice and compares.

#![expect(clippy::print_stdout, reason = "a program that tells what it found")]

mod accounts;
mod answers;
mod books;
mod dice;
mod hosts;
mod night;
mod oracle;
mod pictures;
mod provider;
mod themes;
mod weather;
mod world;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use night::{Tally, Wrongs};

/// Nights of `cargo test`: less than a minute of two cores without optimisation.
const SHORT: u64 = 2_000;

/// No more nights are begun when this many went wrong.
const MOST_WRONG: usize = 10;

struct Wanted {
    nights: u64,
    seed: u64,
    is_told: bool,
    repeats: bool,
    /// Each night has several hosts.
    has_hosts: bool,
}

fn main() -> ExitCode {
    let Some(wanted) = wanted() else { return ExitCode::SUCCESS };
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let (tally, wrong) = (Mutex::new(Tally::default()), Mutex::new(Vec::<u64>::new()));
    let hands = if wanted.is_told { 1 } else { std::thread::available_parallelism().map_or(2, usize::from) };
    std::thread::scope(|scope| {
        for _ in 0..hands {
            scope.spawn(|| {
                while let Some(seed) = next_seed(&wanted, &next)
                    && wrong.lock().unwrap_or_else(PoisonError::into_inner).len() < MOST_WRONG
                {
                    match one_night(&wanted, seed) {
                        Ok(night) => tally.lock().unwrap_or_else(PoisonError::into_inner).add(&night),
                        Err(wrongs) => {
                            tell_wrongs(&wanted, seed, &wrongs);
                            wrong.lock().unwrap_or_else(PoisonError::into_inner).push(seed);
                        }
                    }
                }
            });
        }
    });
    let (tally, mut wrong) = (tally.into_inner(), wrong.into_inner().unwrap_or_else(PoisonError::into_inner));
    println!("{}", tally.unwrap_or_else(PoisonError::into_inner).sentence(began.elapsed().as_secs_f64()));
    wrong.sort_unstable();
    if !wrong.is_empty() {
        println!("these seeds went wrong: {wrong:?}");
    }
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell_wrongs(wanted: &Wanted, seed: u64, wrongs: &Wrongs) {
    let hosts = if wanted.has_hosts { " --hosts" } else { "" };
    let mut text =
        format!("seed {seed} went wrong; again: cargo test --test nights --{hosts} --nights 1 --seed {seed} --tell\n");
    for line in wrongs {
        text.push_str(&format!("    {line}\n"));
    }
    print!("{text}");
}

fn next_seed(wanted: &Wanted, next: &AtomicU64) -> Option<u64> {
    let nth = next.fetch_add(1, Ordering::Relaxed);
    (nth < wanted.nights).then(|| wanted.seed.wrapping_add(nth))
}

fn one_night(wanted: &Wanted, seed: u64) -> Result<Tally, Wrongs> {
    let live_through =
        if wanted.has_hosts || hosts::is_of_several(seed) { hosts::live_through } else { night::live_through };
    let lived = std::panic::catch_unwind(|| live_through(seed, wanted.is_told));
    let night = lived.unwrap_or_else(|_| Err(vec!["something panicked; its message is above".to_owned()]))?;
    if wanted.repeats {
        let again = live_through(seed, false)?;
        let books = |night: &Tally| format!("{night:?}");
        if books(&night) != books(&again) {
            return Err(vec![format!("it does not repeat: {} and {}", books(&night), books(&again))]);
        }
    }
    Ok(night)
}

/// What the arguments ask for; `None` where they ask for other tests.
fn wanted() -> Option<Wanted> {
    let mut wanted = Wanted { nights: SHORT, seed: 1, is_told: false, repeats: false, has_hosts: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok()).unwrap_or_default();
        match argument.as_str() {
            "--nights" => wanted.nights = number(),
            "--seed" => wanted.seed = number(),
            "--tell" => wanted.is_told = true,
            "--hosts" => wanted.has_hosts = true,
            "--repeat" => wanted.repeats = true,
            "--list" => return None,
            // Options of the usual harness, which `cargo test` hands to every target.
            option if option.starts_with('-') => {}
            filter if "nights".contains(filter) => {}
            _ => return None,
        }
    }
    Some(wanted)
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.nights += other.nights;
        self.jobs += other.jobs;
        self.processes += other.processes;
        self.kills += other.kills;
        self.interruptions += other.interruptions;
        self.requests += other.requests;
        self.tasks += other.tasks;
        self.charged += other.charged;
        self.images += other.images;
        self.in_doubt += other.in_doubt;
        self.failed += other.failed;
        self.virtual_time += other.virtual_time;
        self.of_several += other.of_several;
        self.stops += other.stops;
        self.late += other.late;
    }

    fn sentence(&self, seconds: f64) -> String {
        format!(
            "{} nights, {} jobs, {} processes ({} killed, {} interrupted), {:.0} virtual hours in {seconds:.1} s\n\
             {} nights of several hosts; {} steps waited in a stopped process, and {} of its creates left too late\n\
             books: {} requests, {} tasks, {} charged; {} images, {} in doubt, {} failed",
            self.nights,
            self.jobs,
            self.processes,
            self.kills,
            self.interruptions,
            self.virtual_time.as_secs_f64() / 3_600.0,
            self.of_several,
            self.stops,
            self.late,
            self.requests,
            self.tasks,
            self.charged,
            self.images,
            self.in_doubt,
            self.failed,
        )
    }
}
