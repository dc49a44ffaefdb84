//! One row of the table: a provider with fresh books, a fresh folder, one contender, and what came of it.

use std::time::Duration;

use crate::books::{Books, Figures, Rules};
use crate::child::{self, Taken};
use crate::contender::{Contender, Manner, Told, load_into};
use crate::provider::{Door, Provider};
use crate::schedule::ideal_makespan;
use crate::support::database::Database;
use crate::workshop::{Inputs, Workshop, picture};

/// The side of a result. Small: every contender only has to move it, and ours to decode it.
pub(crate) const RESULT_SIDE: u32 = 64;

/// The name of the database that hosts share, and how long it may take to load it.
const QUEUE: &str = "queue";
const LONGEST_LOAD: Duration = Duration::from_secs(120);

/// What a row measures.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) contender: Contender,
    /// The account's slots.
    pub(crate) cap: usize,
    /// How long the tasks take, in the order of their creation.
    pub(crate) times: Vec<Duration>,
    pub(crate) told: Told,
    pub(crate) inputs: Inputs,
    /// Creates a second that the provider bears; more are refused with 1302.
    pub(crate) borne: Option<usize>,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) cap: usize,
    pub(crate) ideal: Duration,
    /// The ideal of somebody who keeps to the rate of creates.
    pub(crate) ideal_at_rate: Duration,
    pub(crate) figures: Figures,
    pub(crate) taken: Taken,
    /// From the start of the process to the arrival of its first create.
    pub(crate) first_create_after: Duration,
    /// What must not have happened.
    pub(crate) wrongs: Vec<String>,
}

/// Draws up a workshop and measures one contender in it.
///
/// # Errors
/// The contender could not be started or did not end.
pub(crate) fn measure(order: &Order) -> Result<Row, String> {
    let shop =
        Workshop::new(order.times.len(), order.inputs).map_err(|error| format!("could not make a folder: {error}"))?;
    measure_in(&shop, order)
}

/// Measures one contender in a workshop that may have a queue already.
///
/// # Errors
/// As [`measure`].
pub(crate) fn measure_in(shop: &Workshop, order: &Order) -> Result<Row, String> {
    let result = picture(RESULT_SIDE, 0).map_err(|error| error.to_string())?;
    let books = Books::new(order.cap, order.times.clone()).bearing(order.borne).in_accounts(order.contender.accounts());
    let provider = Provider::start(books, order.contender.door(), result.clone())
        .map_err(|error| format!("could not start the provider: {error}"))?;
    let told = &order.told;
    let ideal = ideal_makespan(&order.times, order.cap, Duration::ZERO);
    let apart = Duration::from_secs_f64(1.0 / told.creates_per_second);
    let longest = Duration::from_secs(120) + ideal * 4;
    let database = if order.contender.has_hosts() { Some(loaded_database(shop, &order.contender)?) } else { None };
    let queue = database.as_ref().map(|database| database.url(QUEUE));
    let commands = order.contender.commands(shop, &provider.base_url(), told, queue.as_deref())?;
    let taken = child::run_together(commands, |process| shop.log_of(process), longest)?;
    let books = provider.books();
    let figures = books.figures();
    let mut wrongs = books.wrongs(&rules(order));
    let expected_code = if told.budget.is_some() { 3 } else { 0 };
    if taken.status.code() != Some(expected_code) {
        let said = child::said(&shop.log());
        wrongs.push(format!("it ended with {} instead of {expected_code}; {said}", taken.status));
    }
    if figures.tasks != order.times.len() {
        wrongs.push(format!("{} tasks were created for {} jobs", figures.tasks, order.times.len()));
    }
    let found = shop.count_results(&result)?;
    if found != order.times.len() {
        wrongs.push(format!("{found} results are in the folder, and there should be {}", order.times.len()));
    }
    let first_create_at = provider.opened() + figures.first_create_at;
    Ok(Row {
        name: order.contender.name(),
        cap: order.cap,
        ideal,
        ideal_at_rate: ideal_makespan(&order.times, order.cap, apart),
        first_create_after: first_create_at.saturating_duration_since(taken.started),
        figures,
        taken,
        wrongs,
    })
}

/// A database with the workshop's jobs.
fn loaded_database(shop: &Workshop, contender: &Contender) -> Result<Database, String> {
    let Contender::Tryon { binary, .. } = contender else { return Err("the script knows no database".to_owned()) };
    let database = Database::start(false).ok_or("there is no PostgreSQL")?;
    database.make(QUEUE);
    let mut load = load_into(binary, shop, &database.url(QUEUE));
    let taken = child::run(&mut load, &shop.log(), LONGEST_LOAD)?;
    if taken.status.success() { Ok(database) } else { Err(child::said(&shop.log())) }
}

/// What a contender is held to. The script knows no rates, as such scripts do not, and is held to none.
fn rules(order: &Order) -> Rules {
    let told = &order.told;
    // Bodies of 24 MB keep the provider busy for so long that the moments of arrivals mean nothing.
    let ask_interval = (order.inputs == Inputs::Small).then_some(told.poll_interval);
    // A page of the list asks for hundreds at once, and may be asked for more often than for one of them. Where three hosts walk,
    // whose walk shows a task cannot be told.
    let ask_interval = match order.contender.door() {
        Door::List if order.contender.has_hosts() => None,
        Door::List => ask_interval.map(|interval| interval / 4),
        _ => ask_interval,
    };
    match &order.contender {
        // Both accounts are in one book: a page of the list that the one asks for shows the tasks of the other.
        Contender::Tryon { manner: Manner::TwoAccounts, .. } => Rules::default(),
        Contender::Tryon { manner: Manner::NoFlags, .. } => Rules { ask_interval, ..Rules::default() },
        Contender::Tryon { manner, .. } => Rules {
            creates_per_second: Some(told.creates_per_second),
            asks_per_second: Some(told.asks_per_second),
            ask_interval,
            knows_the_cap: matches!(manner, Manner::Told | Manner::ThreeHosts),
        },
        Contender::Script { .. } => Rules { ask_interval, knows_the_cap: true, ..Rules::default() },
    }
}
