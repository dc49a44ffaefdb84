//! What a queue costs in PostgreSQL, beside SQLite and beside `\copy`: `cargo bench --bench back_ends -- --rows 1000,1000000`.
//!
//! The real program loads a manifest of URLs, tells the counts and writes the report, as a user would have it; claims are made by
//! the library, one after the other, each given back. `\copy` is that of `psql`, of the same rows into the same tables with the
//! same indexes. PostgreSQL is one of this program's own, with its usual settings, on this machine's disk.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program, and these are its results")]

#[path = "makespan/support.rs"]
mod support;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use support::database::Database;
use tryon::job::{ExternalTaskId, ModelName, Transition};
use tryon::queue::{self, Claim, Claimant, HostStart, Location, Note, Opening};

/// The lengths of the queues, unless `--rows` says otherwise.
const LENGTHS: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// This many claims are measured, after some that are not.
const CLAIMS: u32 = 300;
const WARM_UP: u32 = 30;

/// This many times the counts are asked for; the shortest counts.
const STATUSES: usize = 5;

/// What a queue of one length costs.
struct Figures {
    load: Duration,
    claim: Duration,
    status: Duration,
    report: Duration,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--rows").skip(1);
    let lengths: Vec<u64> = match arguments.next() {
        Some(rows) => rows.split(',').filter_map(|rows| rows.parse().ok()).collect(),
        None => LENGTHS.to_vec(),
    };
    let Some(database) = Database::start(false) else {
        eprintln!("there is no PostgreSQL on this machine (apt-get install postgresql)");
        return ExitCode::FAILURE;
    };
    println!(
        "| rows | queue | load s | `\\copy` s | load / `\\copy` | claim and give back ms | status ms | report s |"
    );
    println!("| ---: | ----- | -----: | --------: | -------------: | ---------------------: | --------: | -------: |");
    for rows in lengths {
        measure(&database, rows);
    }
    ExitCode::SUCCESS
}

/// Measures both back ends at one length, and prints their rows.
fn measure(database: &Database, rows: u64) {
    let folder =
        tempfile::Builder::new().prefix("back-ends-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let manifest = folder.path().join("jobs.csv");
    write_manifest(&manifest, rows).expect("a manifest");
    let file = folder.path().join("queue.db");
    let line = |queue: &str, figures: &Figures, copied: Option<Duration>| {
        let Figures { load, claim, status, report } = figures;
        let seconds = |time: Duration| format!("{:.2}", time.as_secs_f64());
        let ratio = copied.map(|copied| format!("{:.2}", load.as_secs_f64() / copied.as_secs_f64()));
        println!(
            "| {rows} | {queue} | {} | {} | {} | {:.2} | {:.0} | {} |",
            seconds(*load),
            copied.map_or_else(String::new, seconds),
            ratio.unwrap_or_default(),
            claim.as_secs_f64() * 1e3,
            status.as_secs_f64() * 1e3,
            seconds(*report)
        );
    };
    line("SQLite", &figures(folder.path(), &manifest, file.as_os_str()), None);
    let name = format!("rows_{rows}");
    database.make(&name);
    let figures = figures(folder.path(), &manifest, OsStr::new(&database.url(&name)));
    line("PostgreSQL", &figures, Some(copied(database, &name, folder.path())));
    database.ask("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"));
}

/// A catalogue in which every person wears a thousand garments.
fn write_manifest(path: &Path, rows: u64) -> std::io::Result<()> {
    let mut manifest = BufWriter::new(File::create(path)?);
    writeln!(manifest, "id,human_image,cloth_image,cloth_type")?;
    for number in 0..rows {
        let (person, garment) = (number / 1_000, number % 1_000);
        let (people, garments) = ("https://pictures.example.com/people", "https://pictures.example.com/garments");
        writeln!(
            manifest,
            "person-{person:04}/garment-{garment:04},{people}/{person:04}.jpg,{garments}/{garment:04}.jpg,upper"
        )?;
    }
    manifest.flush()
}

/// Works with the queue at `place`, which is made.
fn figures(folder: &Path, manifest: &Path, place: &OsStr) -> Figures {
    let out = folder.join("results");
    let tryon = |arguments: &[&OsStr]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tryon"));
        command.args(arguments).arg("--queue").arg(place).arg("-o").arg(&out).current_dir(folder);
        command.env("TRYON_STATE_DIR", folder.join("state"));
        timed(&mut command)
    };
    let load = tryon(&[OsStr::new("load"), manifest.as_os_str()]);
    let claim = claims(place);
    let status = (0..STATUSES).map(|_| tryon(&[OsStr::new("status"), OsStr::new("--json")])).min();
    let report: PathBuf = folder.join("report.csv");
    let report = tryon(&["report".as_ref(), "--output".as_ref(), report.as_os_str()]);
    Figures { load, claim, status: status.unwrap_or_default(), report }
}

/// Runs a command that has to succeed, and tells how long it took.
fn timed(command: &mut Command) -> Duration {
    let began = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("a process");
    let took = began.elapsed();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    took
}

/// What a claim costs that is given back, in the mean.
fn claims(place: &OsStr) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let location = Location::parse(place).expect("a place");
        let queue = queue::open(location, Opening::Existing).await.expect("a queue");
        queue.join(HostStart::alone()).await.expect("joined");
        let run = queue.begin_run(100, None, ModelName::default(), Timestamp::now()).await.expect("a run");
        let mut began = Instant::now();
        for number in 0..WARM_UP + CLAIMS {
            if number == WARM_UP {
                began = Instant::now();
            }
            let now = Timestamp::now();
            let claim = queue.claim(run, ExternalTaskId::unique(), Claimant::default(), now).await;
            let Ok(Claim::Job(job)) = claim else { panic!("no job: {claim:?}") };
            let release = Transition::Release { retry_at: None };
            queue.record(job.seq, job.attempt, release, Note::default(), now).await.expect("given back");
        }
        let took = began.elapsed() / CLAIMS;
        queue.leave().await.expect("said");
        took
    })
}

/// What `\copy` takes for the rows of the database `of`, into tables as the program makes them.
fn copied(database: &Database, of: &str, folder: &Path) -> Duration {
    let name = format!("{of}_copied");
    database.make(&name);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let location = Location::parse(OsStr::new(&database.url(&name))).expect("a place");
        drop(queue::open(location, Opening::OrMake).await.expect("a queue"));
    });
    let file = |table: &str| folder.join(format!("{table}.copy")).display().to_string();
    let copy = |table: &str, direction: &str| format!("\\copy tryon.{table} {direction} '{}'", file(table));
    for table in ["inputs", "jobs"] {
        database.ask(of, &copy(table, "to"));
    }
    let began = Instant::now();
    for table in ["inputs", "jobs"] {
        database.ask(&name, &copy(table, "from"));
    }
    let took = began.elapsed();
    database.ask("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"));
    took
}
