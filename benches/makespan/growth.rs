//! What changes with the length of the queue: the same number of jobs is worked on out of longer and longer queues.

use std::process::Command;
use std::time::Duration;

use crate::Arguments;
use crate::child::{self, Taken};
use crate::contender::{self, Contender, Manner};
use crate::provider::Door;
use crate::run::{Order, Row, measure_in};
use crate::table::{markdown, megabytes};
use crate::workshop::{Inputs, Workshop};

/// Slots of these runs.
const SLOTS: usize = 100;

/// Loading the longest of queues takes minutes at worst.
const LONGEST: Duration = Duration::from_secs(1_200);

const HEADER: [&str; 11] = [
    "queued",
    "load s",
    "import s",
    "load MB",
    "status ms",
    "first create s",
    "over ideal",
    "at rate",
    "asks/job",
    "run CPU s",
    "run MB",
];

/// Measures each length, and prints the table. Returns how many things were wrong.
pub(crate) fn measure_growth(arguments: &Arguments) -> usize {
    let mut rows = Vec::new();
    let mut wrongs = 0;
    for queued in &arguments.queued {
        match one_length(arguments, *queued) {
            Ok((cells, wrong)) => {
                rows.push(cells);
                for what in &wrong {
                    eprintln!("WRONG: {queued} queued: {what}");
                }
                wrongs += wrong.len();
            }
            Err(why) => {
                eprintln!("WRONG: {queued} queued: {why}");
                wrongs += 1;
            }
        }
    }
    println!("\n{} jobs out of longer and longer queues, cap {SLOTS}:\n", arguments.budget);
    println!("{}", markdown(&HEADER.map(str::to_owned), &rows));
    wrongs
}

fn one_length(arguments: &Arguments, queued: usize) -> Result<(Vec<String>, Vec<String>), String> {
    let binary = &arguments.binary;
    let shop = Workshop::new(queued, Inputs::Small).map_err(|error| format!("could not make a folder: {error}"))?;
    let loaded = whole(child::run(&mut contender::load(binary, &shop), &shop.log(), LONGEST)?, &shop)?;
    let imported = child::run(&mut import(&shop), &shop.log(), LONGEST).ok().filter(|taken| taken.status.success());
    let asked = whole(child::run(&mut contender::status(binary, &shop), &shop.log(), LONGEST)?, &shop)?;
    let mut told = arguments.told(SLOTS);
    told.budget = Some(arguments.budget);
    let contender = Contender::Tryon { binary: binary.clone(), door: Door::Single, manner: Manner::Told };
    let order = Order {
        contender,
        inputs: Inputs::Small,
        cap: SLOTS,
        times: arguments.times(arguments.budget),
        told,
        borne: None,
    };
    let row = measure_in(&shop, &order)?;
    Ok((cells(queued, &loaded, imported.as_ref(), &asked, &row), row.wrongs))
}

/// What `sqlite3` takes to read the same file into a table with the same number of indexes.
fn import(shop: &Workshop) -> Command {
    let mut command = Command::new("sqlite3");
    command.current_dir(shop.path()).args([
        "import.db",
        "CREATE TABLE jobs (id TEXT PRIMARY KEY, human_image TEXT, cloth_image TEXT)",
        "CREATE INDEX by_pictures ON jobs (human_image, cloth_image)",
        ".import --csv --skip 1 jobs.csv jobs",
    ]);
    command
}

fn whole(taken: Taken, shop: &Workshop) -> Result<Taken, String> {
    if taken.status.success() { Ok(taken) } else { Err(child::said(&shop.log())) }
}

fn cells(queued: usize, loaded: &Taken, imported: Option<&Taken>, asked: &Taken, row: &Row) -> Vec<String> {
    let peak = |taken: &Taken| taken.peak_bytes.map_or_else(String::new, megabytes);
    let makespan = row.figures.makespan.as_secs_f64();
    vec![
        queued.to_string(),
        format!("{:.2}", loaded.wall.as_secs_f64()),
        imported.map_or_else(|| "–".to_owned(), |taken| format!("{:.2}", taken.wall.as_secs_f64())),
        peak(loaded),
        format!("{:.0}", asked.wall.as_secs_f64() * 1e3),
        format!("{:.2}", row.first_create_after.as_secs_f64()),
        format!("{:.3}", makespan / row.ideal.as_secs_f64()),
        format!("{:.3}", makespan / row.ideal_at_rate.as_secs_f64()),
        format!("{:.2}", (row.figures.singles + row.figures.pages) as f64 / row.figures.tasks.max(1) as f64),
        format!("{:.2}", row.taken.cpu.as_secs_f64()),
        peak(&row.taken),
    ]
}
