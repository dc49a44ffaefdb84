//! The provider's books: what arrived when, what of it was wrong, and the figures that follow.
//!
//! Every moment is the time since the books were opened. Nothing here knows of sockets.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

/// Two arrivals are closer to each other than they were sent when the first one was held up on its way. So a gap is
/// short when it lacks more than this share of the interval …
const GAP_SLACK: f64 = 0.1;

/// … and this many gaps in a hundred may be short, but none may be shorter than half the interval.
const SHORT_GAPS_PER_CENT: usize = 1;

/// A rate may be exceeded by this share, and by one request, for the same reason.
const RATE_SLACK: f64 = 1.05;

/// This many wrongs are told; more of them say nothing new.
const MOST_WRONGS: usize = 12;

/// The rules that a client was told to keep; `None` where it was told none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rules {
    /// Creates a second.
    pub(crate) creates_per_second: Option<f64>,
    /// Status requests a second.
    pub(crate) asks_per_second: Option<f64>,
    /// Between two questions about one task.
    pub(crate) ask_interval: Option<Duration>,
    /// A client that was told the cap must never be refused for it.
    pub(crate) knows_the_cap: bool,
}

/// One task.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) external_id: Option<String>,
    pub(crate) created_at: Duration,
    pub(crate) ends_at: Duration,
    /// When the client was first told that it has ended, by an answer to a question of its own.
    pub(crate) learnt_at: Option<Duration>,
    pub(crate) fetched_at: Option<Duration>,
    last_asked_at: Option<Duration>,
}

/// What became of a create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Created {
    /// The number of the new task.
    Task(usize),
    /// 1303.
    OverCap,
    /// 1302.
    TooMany,
    /// The external id was used before.
    Duplicate,
}

/// The books of one run.
#[derive(Debug)]
pub(crate) struct Books {
    cap: usize,
    /// Creates that are borne in any second.
    borne: Option<usize>,
    too_many: usize,
    times: Vec<Duration>,
    pub(crate) tasks: Vec<Task>,
    by_external_id: HashMap<String, usize>,
    /// The ends of the tasks in flight, for each account; the cap is shared out among them.
    in_flight: Vec<BinaryHeap<Reverse<Duration>>>,
    most_in_flight: usize,
    over_cap: usize,
    creates_on_their_way: usize,
    most_on_their_way: usize,
    /// Arrivals, refused ones included.
    creates: Vec<Duration>,
    /// Single queries and list pages.
    asks: Vec<Duration>,
    pages: usize,
    walk_began_at: Option<Duration>,
    /// Between each two questions about one task.
    gaps: Vec<Duration>,
    pub(crate) callbacks: usize,
    wrongs: Vec<String>,
}

impl Books {
    /// Opens books for an account with `cap` slots, whose n-th task takes the n-th of `times`.
    pub(crate) fn new(cap: usize, times: Vec<Duration>) -> Self {
        Self {
            cap,
            borne: None,
            too_many: 0,
            times,
            tasks: Vec::new(),
            by_external_id: HashMap::new(),
            in_flight: vec![BinaryHeap::new()],
            most_in_flight: 0,
            over_cap: 0,
            creates_on_their_way: 0,
            most_on_their_way: 0,
            creates: Vec::new(),
            asks: Vec::new(),
            pages: 0,
            walk_began_at: None,
            gaps: Vec::new(),
            callbacks: 0,
            wrongs: Vec::new(),
        }
    }

    /// The same, and more creates in a second than `borne` are refused.
    pub(crate) fn bearing(self, borne: Option<usize>) -> Self {
        Self { borne, ..self }
    }

    /// The same, with the slots shared out among this number of accounts.
    pub(crate) fn in_accounts(self, accounts: usize) -> Self {
        Self { in_flight: vec![BinaryHeap::new(); accounts.max(1)], ..self }
    }

    /// The head of a create has arrived; its body is on its way.
    pub(crate) fn create_begins(&mut self) {
        self.creates_on_their_way += 1;
        self.most_on_their_way = self.most_on_their_way.max(self.creates_on_their_way);
    }

    /// The body of a create has arrived, or never will.
    pub(crate) fn create_arrives(&mut self) {
        self.creates_on_their_way -= 1;
    }

    /// A create has arrived for an account.
    pub(crate) fn create_in(&mut self, account: usize, now: Duration, external_id: Option<String>) -> Created {
        let lately =
            self.creates.iter().rev().take_while(|at| now.saturating_sub(**at) < Duration::from_secs(1)).count();
        self.creates.push(now);
        if self.borne.is_some_and(|borne| lately >= borne) {
            self.too_many += 1;
            return Created::TooMany;
        }
        for in_flight in &mut self.in_flight {
            while in_flight.peek().is_some_and(|Reverse(ends_at)| *ends_at <= now) {
                in_flight.pop();
            }
        }
        let (account, share) = (account % self.in_flight.len(), self.cap / self.in_flight.len());
        if self.in_flight[account].len() >= share {
            self.over_cap += 1;
            return Created::OverCap;
        }
        let number = self.tasks.len();
        if let Some(id) = &external_id
            && self.by_external_id.insert(id.clone(), number).is_some()
        {
            self.wrong(format!("a second create came with the external id {id}"));
            return Created::Duplicate;
        }
        let Some(time) = self.times.get(number) else {
            self.wrong(format!("create number {} came, and there are {number} jobs", number + 1));
            return Created::OverCap;
        };
        let ends_at = now + *time;
        self.in_flight[account].push(Reverse(ends_at));
        self.most_in_flight = self.most_in_flight.max(self.in_flight.iter().map(BinaryHeap::len).sum());
        self.tasks.push(Task {
            external_id,
            created_at: now,
            ends_at,
            learnt_at: None,
            fetched_at: None,
            last_asked_at: None,
        });
        Created::Task(number)
    }

    /// The number of a task by its external id.
    pub(crate) fn find(&self, external_id: &str) -> Option<usize> {
        self.by_external_id.get(external_id).copied()
    }

    /// A single query has arrived. Returns whether the task has ended; `None` when there is no such task.
    pub(crate) fn ask(&mut self, now: Duration, number: Option<usize>) -> Option<bool> {
        self.asks.push(now);
        let task = self.tasks.get_mut(number?)?;
        let gap = task.last_asked_at.replace(now).map(|before| now.saturating_sub(before));
        let has_ended = task.look(now);
        self.gaps.extend(gap);
        Some(has_ended)
    }

    /// A list page has been asked for. Returns the numbers of its tasks, newest first.
    pub(crate) fn page(&mut self, now: Duration, number: usize, size: usize) -> Vec<usize> {
        self.asks.push(now);
        self.pages += 1;
        // The further pages of a walk go on with the same question.
        let walk_began_at = if number <= 1 { now } else { self.walk_began_at.unwrap_or(now) };
        self.walk_began_at = Some(walk_began_at);
        let all = self.tasks.len();
        let end = all.saturating_sub(number.saturating_sub(1).saturating_mul(size));
        let shown: Vec<usize> = (end.saturating_sub(size)..end).rev().collect();
        for number in &shown {
            let task = &mut self.tasks[*number];
            // A task whose end the client knows is on the page because the list has it, and not because of a question.
            if task.learnt_at.is_none() {
                let gap = match task.last_asked_at.replace(now) {
                    Some(before) if before >= walk_began_at => None,
                    before => before.map(|before| now.saturating_sub(before)),
                };
                task.look(now);
                self.gaps.extend(gap);
            }
        }
        shown
    }

    /// A result has been fetched.
    pub(crate) fn fetch(&mut self, now: Duration, number: usize) {
        match self.tasks.get_mut(number) {
            Some(task) if now >= task.ends_at => task.fetched_at = Some(now),
            Some(_) => self.wrong(format!("the result of task {number} was fetched before it was there")),
            None => self.wrong(format!("a result of task {number} was asked for, and there is no such task")),
        }
    }

    /// Notes something that must not happen.
    pub(crate) fn wrong(&mut self, what: String) {
        if self.wrongs.len() < MOST_WRONGS {
            self.wrongs.push(what);
        }
    }

    /// Everything that was wrong, held against the rules. Empty is what it should be.
    pub(crate) fn wrongs(&self, rules: &Rules) -> Vec<String> {
        let mut wrongs = self.wrongs.clone();
        let mut rate = |what: &str, arrivals: &[Duration], allowed: Option<f64>| {
            let most = most_in_a_second(arrivals);
            if let Some(allowed) = allowed.filter(|allowed| most as f64 > allowed.mul_add(RATE_SLACK, 1.0)) {
                wrongs.push(format!("{most} {what} arrived within one second, and {allowed} are allowed"));
            }
        };
        rate("creates", &self.creates, rules.creates_per_second);
        rate("status requests", &self.asks, rules.asks_per_second);
        wrongs.extend(rules.ask_interval.and_then(|interval| short_gaps(&self.gaps, interval)));
        if rules.knows_the_cap && self.over_cap > 0 {
            wrongs.push(format!("{} creates over the cap of {}, which was told", self.over_cap, self.cap));
        }
        let unfinished = self.tasks.iter().filter(|task| task.fetched_at.is_none()).count();
        if unfinished > 0 {
            wrongs.push(format!("{unfinished} results were never fetched"));
        }
        wrongs
    }

    /// The figures of a run that is over.
    pub(crate) fn figures(&self) -> Figures {
        let first = self.tasks.first().map_or(Duration::ZERO, |task| task.created_at);
        let last = self.tasks.iter().filter_map(|task| task.fetched_at).max().unwrap_or(first);
        Figures {
            tasks: self.tasks.len(),
            first_create_at: first,
            makespan: last.saturating_sub(first),
            idle: self.idle(first),
            most_in_flight: self.most_in_flight,
            most_on_their_way: self.most_on_their_way,
            singles: self.asks.len() - self.pages,
            pages: self.pages,
            callbacks: self.callbacks,
            over_cap: self.over_cap,
            too_many: self.too_many,
            most_creates_a_second: most_in_a_second(&self.creates),
            most_asks_a_second: most_in_a_second(&self.asks),
            smallest_gap: self.gaps.iter().min().copied(),
        }
    }

    /// Splits the idle time of the slots, up to the last create, into its causes.
    ///
    /// The first `cap` creates fill the slots. Each later one takes a slot whose end the client has learnt of, and
    /// ends are taken in the order in which they were learnt.
    fn idle(&self, first: Duration) -> Idle {
        let filling = self.tasks.iter().take(self.cap).map(|task| seconds(task.created_at, first)).sum();
        let mut ends: Vec<(Duration, Duration)> =
            self.tasks.iter().filter_map(|task| task.learnt_at.map(|learnt_at| (learnt_at, task.ends_at))).collect();
        ends.sort_unstable();
        let mut idle = Idle { filling, ..Idle::default() };
        for ((learnt_at, ends_at), next) in ends.iter().zip(self.tasks.iter().skip(self.cap)) {
            idle.unnoticed.push(seconds(*learnt_at, *ends_at));
            idle.unfilled.push(seconds(next.created_at, *learnt_at));
        }
        idle
    }
}

impl Task {
    /// The client is shown the task. Returns whether it has ended.
    fn look(&mut self, now: Duration) -> bool {
        let has_ended = now >= self.ends_at;
        if has_ended {
            self.learnt_at.get_or_insert(now);
        }
        has_ended
    }
}

/// What a run took.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    pub(crate) tasks: usize,
    /// Since the books were opened.
    pub(crate) first_create_at: Duration,
    /// From the first create to the last result fetched.
    pub(crate) makespan: Duration,
    pub(crate) idle: Idle,
    pub(crate) most_in_flight: usize,
    /// Creates whose bodies were being sent at the same time.
    pub(crate) most_on_their_way: usize,
    pub(crate) singles: usize,
    pub(crate) pages: usize,
    pub(crate) callbacks: usize,
    pub(crate) over_cap: usize,
    /// Creates that were refused because there were too many in a second.
    pub(crate) too_many: usize,
    pub(crate) most_creates_a_second: usize,
    pub(crate) most_asks_a_second: usize,
    pub(crate) smallest_gap: Option<Duration>,
}

/// The idle time of the slots, in seconds of one slot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Idle {
    /// Until each slot had its first task.
    pub(crate) filling: f64,
    /// From the end of a task until the client learnt of it, each time.
    pub(crate) unnoticed: Vec<f64>,
    /// From then until the next create, each time.
    pub(crate) unfilled: Vec<f64>,
}

fn seconds(later: Duration, earlier: Duration) -> f64 {
    later.as_secs_f64() - earlier.as_secs_f64()
}

/// What is wrong with the gaps between questions about one task, if anything is.
fn short_gaps(gaps: &[Duration], interval: Duration) -> Option<String> {
    let short = gaps.iter().filter(|gap| **gap < interval.mul_f64(1.0 - GAP_SLACK)).count();
    let smallest = gaps.iter().min().copied()?;
    let is_wrong = short * 100 > gaps.len() * SHORT_GAPS_PER_CENT || smallest < interval / 2;
    is_wrong.then(|| {
        format!(
            "tasks were asked about again too soon, {short} of {} times; after {smallest:.1?} at the soonest, and the \
             poll interval is {interval:?}",
            gaps.len()
        )
    })
}

/// The most arrivals in any window of a second. Arrivals are in order.
fn most_in_a_second(arrivals: &[Duration]) -> usize {
    let mut begin = 0;
    let mut most = 0;
    for (end, arrival) in arrivals.iter().enumerate() {
        while arrivals[begin] + Duration::from_secs(1) <= *arrival {
            begin += 1;
        }
        most = most.max(end + 1 - begin);
    }
    most
}
