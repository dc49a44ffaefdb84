//! What a night is like, drawn from its seed before it begins.

use std::time::Duration;

use crate::dice::Dice;
use crate::themes;

/// How long a simulated request may be under way, and how old "no such task" has to be: short, so that nights are.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
pub(crate) const DOUBT_AGE: Duration = Duration::from_secs(60);

/// A task is made at most this long after its create was given up; less than [`DOUBT_AGE`], or nothing would be certain.
pub(crate) const LATEST_TASK_MS: u64 = 50_000;

/// What the endpoint does with our ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ids {
    /// A task can be found by them; a second create under the same id is refused with 1201.
    Refused { echoed: bool },
    /// A task can be found by them; a second create under the same id makes a second task, and charges it.
    Charged { echoed: bool },
    /// No task can be found by them.
    Ignored,
    /// Questions by them are answered as a bad request.
    Evaded,
}

impl Ids {
    pub(crate) fn find_tasks(self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Charged { .. })
    }

    pub(crate) fn are_echoed(self) -> bool {
        matches!(self, Self::Refused { echoed: true } | Self::Charged { echoed: true })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Absent,
    Present,
    /// It leaves out some tasks, and what became of others.
    Gaps,
    /// It shows none of ours.
    Foreign,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calls {
    NotAskedFor,
    Come,
    Late,
    SomeCome,
    NeverCome,
    /// Somewhere on their way they are held, and come all at once then.
    Held {
        until: Duration,
    },
    /// They tell of ends that have not come yet.
    Early,
}

/// What a request goes wrong with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Odd {
    /// The task is made, and no answer comes.
    AnswerLost,
    /// Nothing is made, and no answer comes.
    RequestLost,
    /// 504, and the task is made later all the same.
    LateTask,
    /// A success in which no task id can be found; the task is made.
    NoTaskId,
    WebPage,
    Unauthorized,
    Forbidden,
    NotFound,
    NoChannel,
    Saturated,
    SlowDown,
    Refused,
    InternalError,
    Maintenance,
    NotSent,
    TokenExpired,
}

pub(crate) const ODD: [Odd; 16] = [
    Odd::AnswerLost,
    Odd::RequestLost,
    Odd::LateTask,
    Odd::NoTaskId,
    Odd::WebPage,
    Odd::Unauthorized,
    Odd::Forbidden,
    Odd::NotFound,
    Odd::NoChannel,
    Odd::Saturated,
    Odd::SlowDown,
    Odd::Refused,
    Odd::InternalError,
    Odd::Maintenance,
    Odd::NotSent,
    Odd::TokenExpired,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Creates,
    Queries,
    Downloads,
}

/// A time in which every request of a lane goes wrong in one way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    pub(crate) lane: Lane,
    pub(crate) from: Duration,
    pub(crate) until: Duration,
    pub(crate) odd: Odd,
}

/// How a process of the night ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Death {
    /// Killed at a moment.
    At(Duration),
    /// Killed at its n-th step: before or after a request, or a verb of the queue.
    AtStep(u64),
    /// Interrupted at a moment, as by Ctrl-C.
    Interrupted(Duration),
    /// Interrupted at its n-th step.
    InterruptedAtStep(u64),
    /// It ends by itself.
    ByItself,
}

/// One process of the night.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    pub(crate) death: Death,
    /// How long nothing runs after it.
    pub(crate) rest: Duration,
    pub(crate) budget: Option<u64>,
    /// A fixed number of slots, or as many as there are.
    pub(crate) slots: Option<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Weather {
    pub(crate) jobs: usize,
    /// Pairs repeat, and `--dedupe` is on.
    pub(crate) dedupe: bool,
    pub(crate) resubmit: bool,
    pub(crate) max_in_doubt: u64,
    pub(crate) ids: Ids,
    pub(crate) list: List,
    /// How many tasks a question may be about, and whether one that is unknown spoils the answer about the others.
    pub(crate) question: (usize, bool),
    pub(crate) calls: Calls,
    /// Tasks in flight that the account holds, and how many of them others use at most.
    pub(crate) cap: usize,
    pub(crate) others: usize,
    pub(crate) task_ms: (u64, u64),
    /// The share of tasks that take twenty times as long.
    pub(crate) stuck: f64,
    pub(crate) tasks_fail: f64,
    /// The share of pairs that are refused, get an internal error, or fail whenever they are tried.
    pub(crate) bad_pairs: f64,
    /// A fresh task is not found for so long …
    pub(crate) lag_ms: u64,
    /// … and by our name for it for so long.
    pub(crate) own_id_lag_ms: u64,
    /// How long after its create was given up a late task is made, at least.
    pub(crate) earliest_late_ms: u64,
    /// Each step takes up to this long: a slow disk.
    pub(crate) step_ms: u64,
    /// The process that runs with the key of another account, which knows none of the tasks of the first.
    pub(crate) foreign: Option<usize>,
    pub(crate) odd_creates: f64,
    pub(crate) odd_queries: f64,
    pub(crate) odd_downloads: f64,
    /// What goes wrong tonight.
    pub(crate) oddities: Vec<Odd>,
    pub(crate) outages: Vec<Outage>,
    /// The account is empty for a time.
    pub(crate) empty: Option<(Duration, Duration)>,
    /// The clock on the wall jumps, by this many seconds.
    pub(crate) jumps: Vec<(Duration, i64)>,
    pub(crate) processes: Vec<Process>,
    /// When everything is well again.
    pub(crate) calm_from: Duration,
}

impl Weather {
    pub(crate) fn of(dice: &mut Dice) -> Self {
        let jobs = if dice.chance(0.1) { dice.between(20, 40) } else { dice.between(4, 16) } as usize;
        let task_ms = dice.one_of(&[(500, 3_000), (3_000, 12_000), (8_000, 30_000)]);
        let processes = processes(dice);
        let rough = dice.one_of(&[0.0, 0.05, 0.15, 0.4]);
        let oddities = (0..dice.between(1, 5)).map(|_| dice.one_of(&ODD)).collect();
        let echoed = dice.chance(0.5);
        let (cap, others) =
            (dice.between(1, 8) as usize, if dice.chance(0.2) { dice.between(1, 3) as usize } else { 0 });
        let mut weather = Self {
            jobs,
            dedupe: dice.chance(0.2),
            resubmit: dice.chance(0.1),
            max_in_doubt: if dice.chance(0.2) { dice.between(1, 5) } else { 50 },
            ids: dice.one_of(&[
                Ids::Refused { echoed },
                Ids::Charged { echoed },
                Ids::Charged { echoed: false },
                Ids::Ignored,
                Ids::Evaded,
            ]),
            list: dice.one_of(&[List::Absent, List::Present, List::Present, List::Gaps, List::Foreign]),
            question: (1, false),
            calls: dice.one_of(&[
                Calls::NotAskedFor,
                Calls::NotAskedFor,
                Calls::Come,
                Calls::Late,
                Calls::SomeCome,
                Calls::NeverCome,
            ]),
            cap,
            others: others.min(cap - 1),
            task_ms,
            stuck: if dice.chance(0.1) { 0.1 } else { 0.0 },
            tasks_fail: if dice.chance(0.3) { 0.2 } else { 0.0 },
            bad_pairs: if dice.chance(0.3) { 0.15 } else { 0.0 },
            lag_ms: dice.one_of(&[0, 0, 800, 3_000]),
            own_id_lag_ms: 0,
            earliest_late_ms: 0,
            step_ms: 0,
            foreign: None,
            odd_creates: rough,
            odd_queries: if dice.chance(0.5) { rough } else { 0.02 },
            odd_downloads: if dice.chance(0.3) { rough } else { 0.02 },
            oddities,
            outages: (0..dice.below(3)).map(|_| outage(dice)).collect(),
            empty: dice.chance(0.1).then(|| {
                let from = dice.time(1_000, 40_000);
                (from, from + dice.time(5_000, 60_000))
            }),
            jumps: jumps(dice),
            calm_from: Duration::ZERO,
            processes,
        };
        themes::draw(&mut weather, dice);
        // Drawn last, so that the nights are otherwise those of before.
        weather.question = dice.one_of(&[(1, false), (1, false), (3, false), (20, false), (20, true)]);
        weather.calm_from = weather.processes.iter().map(|process| life(process) + process.rest).sum();
        weather
    }
}

/// How long a process may live.
pub(crate) fn life(process: &Process) -> Duration {
    match process.death {
        Death::At(life) | Death::Interrupted(life) => life,
        Death::AtStep(_) | Death::InterruptedAtStep(_) => Duration::from_secs(90),
        Death::ByItself => Duration::from_secs(500),
    }
}

fn processes(dice: &mut Dice) -> Vec<Process> {
    let count = dice.between(1, 4);
    let has_budget = dice.chance(0.2);
    (0..count)
        .map(|_| Process {
            death: match dice.below(10) {
                0..4 => Death::AtStep(dice.one_of(&[20, 60, 60, 200])).map_step(dice),
                4..8 => Death::At(early(dice)),
                _ => Death::Interrupted(early(dice)),
            },
            rest: if dice.chance(0.2) { dice.time(10_000, 120_000) } else { dice.time(0, 3_000) },
            budget: has_budget.then(|| dice.between(0, 8)),
            slots: dice.chance(0.4).then(|| dice.between(1, 10) as usize),
        })
        .collect()
}

/// Most processes die while there is much to do; some live on.
pub(crate) fn early(dice: &mut Dice) -> Duration {
    let most = dice.one_of(&[3_000, 10_000, 10_000, 60_000]);
    dice.time(200, most)
}

impl Death {
    /// A step up to the one given, each as likely.
    fn map_step(self, dice: &mut Dice) -> Self {
        match self {
            Self::AtStep(most) => Self::AtStep(dice.between(1, most)),
            other => other,
        }
    }
}

fn outage(dice: &mut Dice) -> Outage {
    let from = dice.time(0, 60_000);
    Outage {
        lane: dice.one_of(&[Lane::Creates, Lane::Queries, Lane::Downloads]),
        from,
        until: from + dice.time(2_000, 50_000),
        odd: dice.one_of(&ODD),
    }
}

fn jumps(dice: &mut Dice) -> Vec<(Duration, i64)> {
    if !dice.chance(0.15) {
        return Vec::new();
    }
    let by = dice.one_of(&[-86_400, -3_600, -90, 90, 3_600, 86_400]);
    vec![(dice.time(0, 90_000), by)]
}
