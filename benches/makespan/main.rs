//! How near the ideal a run comes, with how many requests, and what it takes of the machine:
//! `cargo bench --bench makespan -- --help`.
//!
//! The real program works as a process of its own at a provider that keeps books (`provider.rs`, `books.rs`), beside
//! the script that people use today (`baseline.py`). BENCHMARKS.md has results and says how to read them.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program, and these are its results")]

mod books;
mod child;
mod contender;
mod growth;
mod machine;
mod provider;
mod run;
mod schedule;
mod support;
mod table;
mod workshop;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};

use contender::{Abilities, Contender, Manner, Told};
use provider::Door;
use run::{Order, Row, measure};
use workshop::Inputs;

/// Below this cap all ways of a cap are measured at the same time: together they are a few per cent of a core.
const AT_ONCE_BELOW: usize = 20;

/// Slots of the runs in which tasks take no time.
const ZERO_SLOTS: usize = 100;

/// Slots of the runs with large pictures: this many submissions are on their way at once.
const LARGE_SLOTS: usize = 64;

/// A rate that limits nothing.
const NO_LIMIT: f64 = 1_000_000.0;

/// Makespan over ideal, status requests, CPU and memory of `tryon`, beside the script that people use today.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench makespan --")]
pub(crate) struct Arguments {
    /// What to measure
    #[arg(long, value_delimiter = ',', default_value = "makespan,zero")]
    measure: Vec<Measure>,

    /// Which ways of working
    #[arg(long, value_delimiter = ',', default_value = "single,list,callbacks,auto,no-flags,script")]
    only: Vec<Way>,

    /// The account's slots
    #[arg(long, value_delimiter = ',', default_value = "10,100")]
    cap: Vec<usize>,

    /// Jobs of each run [default: 6 times the cap and at least 100; 2000 where tasks take no time]
    #[arg(long)]
    jobs: Option<usize>,

    /// Everything that is a time is this many times shorter than in life, every rate higher
    #[arg(long, default_value_t = 10.0)]
    scale: f64,

    /// Task times: the mean in life, in seconds
    #[arg(long, default_value_t = 30.0)]
    mean: f64,

    /// Task times: the sigma of the logarithm
    #[arg(long, default_value_t = 0.3)]
    sigma: f64,

    /// The task times' seed
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Creates a second, in life
    #[arg(long, default_value_t = 5.0)]
    rate: f64,

    /// Status requests a second, in life
    #[arg(long, default_value_t = 20.0)]
    poll_rate: f64,

    /// Seconds between two questions about one task, in life
    #[arg(long, default_value_t = 1.0)]
    poll_interval: f64,

    /// Creates that the provider bears in any second; more are refused with 1302
    #[arg(long)]
    borne: Option<usize>,

    /// With `--measure growth`: sizes of the queue
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000,1000000")]
    queued: Vec<usize>,

    /// With `--measure growth`: jobs that are worked on of each queue
    #[arg(long, default_value_t = 500)]
    budget: usize,

    /// Measure this build of tryon instead of the one that cargo has just made
    #[arg(long, default_value = contender::TRYON, hide_default_value = true)]
    binary: PathBuf,

    /// The Python that runs the script [default: target/makespan-venv/bin/python, or python3]
    #[arg(long)]
    python: Option<PathBuf>,

    /// Cargo says this to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// Log-normal task times
    Makespan,
    /// Tasks that end at once: what a job costs the machine
    Zero,
    /// Pictures of 9 MB, many submissions on their way at once
    Large,
    /// The same work on longer and longer queues
    Growth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    /// tryon at a provider without a list
    Single,
    /// tryon at a provider with a list
    List,
    /// tryon at a provider that calls back
    Callbacks,
    /// tryon that has to find the cap, at a provider without a list
    Auto,
    /// tryon without any flag, at a provider without a list
    NoFlags,
    /// tryon without any flag, at a provider with a list
    NoFlagsList,
    /// tryon without any flag, with two accounts that have half of the cap each
    TwoAccounts,
    /// Three processes of tryon on one queue in PostgreSQL, at a provider without a list
    ThreeHosts,
    /// The same at a provider with a list
    ThreeHostsList,
    /// The script that people use today
    Script,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let contenders = contenders(&arguments);
    println!("{}", heading(&arguments));
    let began = Instant::now();
    let mut wrongs = 0;
    if arguments.measure.contains(&Measure::Makespan) {
        for cap in &arguments.cap {
            let orders: Vec<Order> = contenders.iter().map(|who| makespan_order(&arguments, who, *cap)).collect();
            wrongs += measure_and_show(&orders, *cap < AT_ONCE_BELOW);
        }
    }
    // What a job costs the machine does not depend on how its end is learnt.
    let plain: Vec<&Contender> = contenders.iter().filter(|who| matches!(who.name(), "single" | "script")).collect();
    if arguments.measure.contains(&Measure::Zero) {
        println!("\nTasks that take no time:");
        let orders: Vec<Order> = plain.iter().map(|who| zero_order(&arguments, who)).collect();
        wrongs += measure_and_show(&orders, false);
    }
    if arguments.measure.contains(&Measure::Large) {
        println!("\nPictures of 9 MB:");
        let orders: Vec<Order> = plain.iter().map(|who| large_order(who)).collect();
        wrongs += measure_and_show(&orders, false);
    }
    if arguments.measure.contains(&Measure::Growth) {
        wrongs += growth::measure_growth(&arguments);
    }
    println!("\n{:.0} s in all", began.elapsed().as_secs_f64());
    if wrongs > 0 {
        eprintln!("{wrongs} things were WRONG; the figures above are worth nothing before they are right");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Who is measured: whoever was asked for, and can be.
fn contenders(arguments: &Arguments) -> Vec<Contender> {
    let abilities = Abilities::of(&arguments.binary);
    let mut contenders = Vec::new();
    let tryon = |door, manner| Contender::Tryon { binary: arguments.binary.clone(), door, manner };
    for way in &arguments.only {
        match way {
            Way::Single => contenders.push(tryon(Door::Single, Manner::Told)),
            Way::List => contenders.push(tryon(Door::List, Manner::Told)),
            Way::Callbacks if abilities.has_callbacks => contenders.push(tryon(Door::Callbacks, Manner::Told)),
            Way::Auto if abilities.has_auto => contenders.push(tryon(Door::Single, Manner::FindsCap)),
            Way::NoFlags => contenders.push(tryon(Door::Single, Manner::NoFlags)),
            Way::TwoAccounts => contenders.push(tryon(Door::Single, Manner::TwoAccounts)),
            Way::ThreeHosts | Way::ThreeHostsList if support::postgres::programs().is_none() => {
                println!("three hosts: there is no initdb (apt-get install postgresql), so they are left out");
            }
            Way::ThreeHosts => contenders.push(tryon(Door::Single, Manner::ThreeHosts)),
            Way::ThreeHostsList => contenders.push(tryon(Door::List, Manner::ThreeHosts)),
            Way::NoFlagsList => contenders.push(tryon(Door::List, Manner::NoFlags)),
            Way::Callbacks | Way::Auto => println!("{way:?}: this build of tryon cannot do that"),
            Way::Script => match contender::find_python(arguments.python.as_deref()) {
                Ok((python, versions)) => {
                    println!("script: {versions}");
                    contenders.push(Contender::Script { python });
                }
                Err(advice) => println!("script: {advice}"),
            },
        }
    }
    contenders
}

fn heading(arguments: &Arguments) -> String {
    let Arguments { mean, sigma, seed, scale, rate, poll_rate, poll_interval, .. } = arguments;
    format!(
        "tryon {} on {}\ntask times log-normal, mean {mean} s, sigma {sigma}, seed {seed}; {rate} creates and \
         {poll_rate} status requests a second at most, {poll_interval} s between two about one task; all of this \
         {scale} times faster than in life",
        env!("CARGO_PKG_VERSION"),
        machine::description()
    )
}

impl Arguments {
    /// What a contender is told, in the time of the benchmark.
    fn told(&self, slots: usize) -> Told {
        Told {
            slots,
            creates_per_second: self.rate * self.scale,
            asks_per_second: self.poll_rate * self.scale,
            poll_interval: Duration::from_secs_f64(self.poll_interval / self.scale),
            budget: None,
        }
    }

    /// The times of this many tasks, in the time of the benchmark.
    fn times(&self, count: usize) -> Vec<Duration> {
        schedule::task_times(count, Duration::from_secs_f64(self.mean / self.scale), self.sigma, self.seed)
    }
}

fn makespan_order(arguments: &Arguments, contender: &Contender, cap: usize) -> Order {
    let times = arguments.times(arguments.jobs.unwrap_or((6 * cap).max(100)));
    let (contender, told) = (contender.clone(), arguments.told(cap));
    Order { contender, cap, times, told, inputs: Inputs::Small, borne: arguments.borne }
}

fn zero_order(arguments: &Arguments, contender: &Contender) -> Order {
    let told = unlimited(ZERO_SLOTS, Duration::from_millis(1));
    let times = vec![Duration::ZERO; arguments.jobs.unwrap_or(2_000)];
    Order { contender: contender.clone(), cap: ZERO_SLOTS, times, told, inputs: Inputs::Small, borne: None }
}

fn large_order(contender: &Contender) -> Order {
    let told = unlimited(LARGE_SLOTS, Duration::from_millis(100));
    // Every slot twice, and tasks that end soon after the last of 64 submissions has arrived.
    let times = vec![Duration::from_secs(5); 2 * LARGE_SLOTS];
    Order { contender: contender.clone(), cap: LARGE_SLOTS, times, told, inputs: Inputs::Large, borne: None }
}

/// No rates.
fn unlimited(slots: usize, poll_interval: Duration) -> Told {
    Told { slots, creates_per_second: NO_LIMIT, asks_per_second: NO_LIMIT, poll_interval, budget: None }
}

/// Measures every order, one after the other or all at the same time.
fn measure_all(orders: &[Order], at_once: bool) -> Vec<Result<Row, String>> {
    if !at_once {
        return orders.iter().map(measure).collect();
    }
    std::thread::scope(|scope| {
        let running: Vec<_> = orders.iter().map(|order| scope.spawn(move || measure(order))).collect();
        let ended = running.into_iter().map(|run| run.join().unwrap_or_else(|_| Err("it panicked".to_owned())));
        ended.collect()
    })
}

/// Measures, and prints the table. Returns how many things were wrong.
fn measure_and_show(orders: &[Order], at_once: bool) -> usize {
    let since = machine::Since::now();
    let (rows, failed): (Vec<_>, Vec<_>) = measure_all(orders, at_once).into_iter().partition(Result::is_ok);
    let rows: Vec<Row> = rows.into_iter().flatten().collect();
    println!("\n{}", table::table(&rows));
    if let Some(share) = since.others_share(rows.iter().map(|row| row.taken.cpu.as_secs_f64()).sum()) {
        println!("(others used {:.0} % of the machine meanwhile)", share * 100.0);
    }
    for row in &rows {
        println!("{}", table::detail(row));
    }
    let mut wrongs = 0;
    for why in failed.into_iter().filter_map(Result::err) {
        eprintln!("WRONG: {why}");
        wrongs += 1;
    }
    for row in &rows {
        for wrong in &row.wrongs {
            eprintln!("WRONG: cap {} {}: {wrong}", row.cap, row.name);
            wrongs += 1;
        }
    }
    wrongs
}
