//! Answers one question for all workers: has task X ended?
//!
//! One task of the runtime keeps every watched task with the moment at which a question about it is worth asking
//! ([`task_times`] says when), and makes the requests: one for all tasks where the provider has a list ([`listing`]), one for
//! as many tasks as a question takes elsewhere ([`together`]). A callback only brings a question forward. Whatever the mode, no request leaves before its turn
//! in `--poll-rate`, and no task is asked about more often than every `--poll-interval`.

mod callbacks;
mod listing;
mod question;
mod task_times;
#[cfg(test)]
mod tests;
mod together;
mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::callback::Wake;
use crate::job::TaskId;
use crate::provider::{Provider, TaskReport};

use crate::engine::account::gate::Gate;
use crate::engine::account::pace::Pace;

use callbacks::Callbacks;
use listing::{Listing, Page, Walk, WalkEnd};
use question::{Asker, Learnt};
use task_times::{LONGEST_SILENCE, TaskTimes};
use together::Together;
use watched::{MOST_MISSES, Watched};

/// At most this many questions are open at once.
const MOST_OPEN: usize = 64;

/// At most this many workers' wishes lie on the watcher's desk; further ones wait.
const MOST_ASKS: usize = 64;

/// A callback can be ahead of what the provider tells when asked: it is confirmed by this number of questions at most …
const MOST_CONFIRMATIONS: u32 = 3;

/// … and no further apart than this.
const BETWEEN_CONFIRMATIONS: Duration = Duration::from_secs(1);

/// How the watcher asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watching {
    /// The shortest time between two questions about one task.
    pub(crate) interval: Duration,
    /// "No such task" is believed when it was said this often …
    pub(crate) unknown_times: u32,
    /// … over at least this time.
    pub(crate) unknown_for: Duration,
}

/// What became of a task.
#[derive(Debug, Clone)]
pub(crate) enum Ended {
    /// It succeeded or failed; the report says which. It had ended `ago` when we heard of it, as far as can be told.
    Task { report: Box<TaskReport>, ago: Duration },
    /// The provider does not know it any more.
    Unknown,
    /// No questions are asked any more.
    Stopped,
}

/// The workers' end.
#[derive(Debug, Clone)]
pub(crate) struct Watcher {
    asks: mpsc::Sender<Request>,
}

/// A worker's wish to know.
#[derive(Debug)]
struct Request {
    task_id: TaskId,
    /// How long ago the provider took it; `None` for one that is known to have ended.
    age: Option<Duration>,
    ended: oneshot::Sender<Ended>,
}

impl Watcher {
    /// Starts the watcher. It ends when the last handle is dropped.
    pub(crate) fn start(
        provider: Arc<dyn Provider>,
        gate: Arc<Gate>,
        pace: Arc<Pace>,
        watching: Watching,
        wakes: Option<mpsc::Receiver<Wake>>,
    ) -> Self {
        let (asks, inbox) = mpsc::channel(MOST_ASKS);
        let watch = Watch {
            watching,
            asker: Asker { provider, gate, pace },
            times: TaskTimes::unlearnt(),
            listing: Listing::default(),
            together: Together::default(),
            callbacks: Callbacks::new(wakes),
            tasks: BTreeMap::new(),
            agenda: BTreeSet::new(),
            open: JoinSet::new(),
        };
        tokio::spawn(watch.run(inbox));
        Self { asks }
    }

    /// Waits until a task has ended that the provider took `age` ago. Dropping the future ends the watch.
    pub(crate) async fn ended(&self, task_id: TaskId, age: Duration) -> Option<Ended> {
        self.ask(task_id, Some(age)).await
    }

    /// Asks about a task that is known to have ended, for what the provider has kept of it.
    pub(crate) async fn look_up(&self, task_id: TaskId) -> Option<Ended> {
        self.ask(task_id, None).await
    }

    async fn ask(&self, task_id: TaskId, age: Option<Duration>) -> Option<Ended> {
        let (ended, answer) = oneshot::channel();
        self.asks.send(Request { task_id, age, ended }).await.ok()?;
        answer.await.ok()
    }
}

/// What came of a request.
enum Answer {
    Question { at: Instant, learnt: Vec<(TaskId, Learnt)> },
    Page(Page),
}

struct Watch {
    watching: Watching,
    asker: Asker,
    times: TaskTimes,
    listing: Listing,
    together: Together,
    callbacks: Callbacks,
    tasks: BTreeMap<TaskId, Watched>,
    /// Every task that no question is open about, by when one is due.
    agenda: BTreeSet<(Instant, TaskId)>,
    open: JoinSet<Answer>,
}

impl Watch {
    async fn run(mut self, mut inbox: mpsc::Receiver<Request>) {
        loop {
            let next = self.next_question();
            tokio::select! {
                biased;
                request = inbox.recv() => match request {
                    Some(request) => self.take_on(request),
                    None => return,
                },
                Some(answer) = self.open.join_next() => {
                    // A question that panicked is a bug that its own message tells; its tasks are lost to this watch.
                    if let Ok(answer) = answer {
                        self.take_in(answer);
                    }
                }
                Some(wake) = self.callbacks.next() => self.bring_forward(wake),
                () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => self.ask(),
            }
        }
    }

    /// When the next question is due, if one may be asked at all.
    fn next_question(&self) -> Option<Instant> {
        let (due, _) = self.agenda.first().filter(|_| self.open.len() < MOST_OPEN)?;
        Some(self.listing.due().map_or(*due, |walk| walk.min(*due)))
    }

    fn take_on(&mut self, request: Request) {
        if let Some(task) = self.tasks.get_mut(&request.task_id) {
            task.waiting.push(request.ended);
            return;
        }
        let watched = Instant::now();
        let task = Watched::new(request.ended, request.age);
        self.tasks.insert(request.task_id.clone(), task);
        // A quick task's callback overtakes the answer to its create.
        if request.age.is_none() {
            self.put(&request.task_id, watched);
        } else if self.callbacks.have_told(&request.task_id) {
            self.confirm(&request.task_id, watched);
        } else {
            self.schedule(&request.task_id);
        }
    }

    /// Puts a task on the agenda for when a question about it is worth asking.
    fn schedule(&mut self, task_id: &TaskId) {
        let Some(task) = self.tasks.get_mut(task_id) else { return };
        let patience = self.callbacks.patience_with(task_id);
        let worth = task.began.at(self.times.worth_asking_at(task.alive_at, patience));
        // While nothing is known, the interval is all that says when to ask first; later, where callbacks are to tell.
        let first = match self.times.typical() {
            None => self.watching.interval.mul_f64(patience).min(LONGEST_SILENCE),
            Some(_) => self.watching.interval,
        };
        let allowed = task.asked.map_or(task.began.watched + first, |asked| asked + self.watching.interval);
        // A task of an earlier run, about which nothing is known yet, is asked about at once.
        let is_old = task.asked.is_none() && !task.began.age_then.is_zero();
        self.put(task_id, if is_old { worth } else { worth.max(allowed) });
    }

    /// Asks about a task at a moment, whatever it is worth.
    fn put(&mut self, task_id: &TaskId, at: Instant) {
        let Some(task) = self.tasks.get_mut(task_id) else { return };
        if let Some(before) = task.due.replace(at) {
            self.agenda.remove(&(before, task_id.clone()));
        }
        self.agenda.insert((at, task_id.clone()));
    }

    /// A callback says that a task has ended: that is confirmed at once, whatever the interval.
    fn bring_forward(&mut self, wake: Wake) {
        let Some(task_id) = self.callbacks.heard(wake) else { return };
        let Some(task) = self.tasks.get_mut(&task_id) else { return };
        if task.due.is_some() {
            self.confirm(&task_id, Instant::now());
        } else {
            // The question that is open may have left before the task ended.
            task.is_woken = true;
        }
    }

    /// Has a callback confirmed by a question of its own.
    fn confirm(&mut self, task_id: &TaskId, at: Instant) {
        if let Some(task) = self.tasks.get_mut(task_id) {
            task.confirmations = MOST_CONFIRMATIONS;
        }
        self.put(task_id, at);
    }

    /// Makes the request that is due: through the list for all tasks, or for the one task.
    fn ask(&mut self) {
        let now = Instant::now();
        self.forget_the_abandoned();
        let Some((due, first)) = self.agenda.first().cloned() else { return self.listing.forget_plan() };
        if due <= now
            && let Some(task) = self.tasks.get_mut(&first)
            && task.confirmations > 0
        {
            // A walk through the list would put off the questions about all other tasks.
            task.confirmations -= 1;
            self.take_off(&first);
            self.open.spawn(question::ask(self.asker.clone(), vec![first]));
            return;
        }
        let listed = self.listed();
        let is_for_listed = listed.contains(&first) || self.listing.due().is_some_and(|walk| walk <= now);
        // For as many tasks as one question is about, a page of the list is no better.
        let most = self.asker.provider.largest_question();
        let walk_at = self.listing.walk_at(now).filter(|_| listed.len() > most);
        if walk_at.is_none() {
            self.listing.forget_plan();
        }
        match walk_at.filter(|_| is_for_listed) {
            Some(at) if at <= now => {
                for task_id in &listed {
                    self.take_off(task_id);
                }
                let walk = self.listing.begin(listed);
                self.turn_the_page(walk);
            }
            // The next walk asks about it too.
            Some(at) if listed.contains(&first) => {
                self.listing.forget_plan();
                self.put(&first, at.max(due));
            }
            _ if due <= now => self.ask_about(first, now),
            _ => {}
        }
    }

    /// Asks about a task; where one question may be about several, also about those that come due soon.
    fn ask_about(&mut self, first: TaskId, now: Instant) {
        let most = self.asker.provider.largest_question();
        if most > 1
            && let Some(later) = self.together.not_before().filter(|later| *later > now)
        {
            return self.put(&first, later);
        }
        let asked = if most > 1 { self.in_one_question(first, most, now) } else { vec![first] };
        for task_id in &asked {
            self.take_off(task_id);
        }
        self.together.note(now, self.watching.interval, self.times.typical(), self.tasks.len());
        self.open.spawn(question::ask(self.asker.clone(), asked));
    }

    /// A task, and at most `most` in all that come due soon after it.
    fn in_one_question(&self, first: TaskId, most: usize, now: Instant) -> Vec<TaskId> {
        let interval = self.watching.interval;
        let may_join = |task_id: &TaskId| self.tasks.get(task_id).is_some_and(|task| task.may_join(now, interval));
        if self.tasks.get(&first).is_some_and(|task| task.asks_alone) {
            return vec![first];
        }
        let until = now + together::soon(interval, self.times.typical());
        let due_soon = self.agenda.iter().take_while(|(due, _)| *due <= until).map(|(_, task_id)| task_id);
        let join = due_soon.filter(|task_id| **task_id != first && may_join(task_id)).take(most - 1).cloned();
        let joined: Vec<TaskId> = join.collect();
        std::iter::once(first).chain(joined).collect()
    }

    /// The tasks that the list shows, as far as is known, and that no question is open about.
    fn listed(&self) -> BTreeSet<TaskId> {
        let listed = self.tasks.iter().filter(|(_, task)| task.is_listed() && task.due.is_some());
        listed.map(|(task_id, _)| task_id.clone()).collect()
    }

    fn take_in(&mut self, answer: Answer) {
        match answer {
            Answer::Question { at, learnt } => {
                for (task_id, learnt) in learnt {
                    self.note(&task_id, at, learnt);
                }
            }
            Answer::Page(page) => self.take_in_page(page),
        }
    }

    fn turn_the_page(&mut self, walk: Walk) {
        let asker = self.asker.clone();
        self.open.spawn(async move { Answer::Page(walk.turn_the_page(asker).await) });
    }

    /// What a page says of tasks that have ended is news at once. What is still at work waits for the end of the walk: until
    /// then no other question is due about it.
    fn take_in_page(&mut self, page: Page) {
        let Page { at, seen, end, mut walk } = page;
        for report in seen {
            let task_id = report.task_id.clone();
            if let Some(task) = self.tasks.get_mut(&task_id) {
                task.unlisted = 0;
            }
            match question::listed(report) {
                Learnt::Working => walk.at_work.push((task_id, at)),
                learnt => self.note(&task_id, at, learnt),
            }
        }
        match end {
            None => self.turn_the_page(walk),
            Some(end) => self.end_walk(walk, at, end),
        }
    }

    fn end_walk(&mut self, walk: Walk, at: Instant, end: WalkEnd) {
        self.listing.note(at, end, walk.was_fruitful, walk.pages);
        for (task_id, at) in walk.at_work {
            self.note(&task_id, at, Learnt::Working);
        }
        for task_id in walk.missing {
            if let (Some(task), WalkEnd::Complete) = (self.tasks.get_mut(&task_id), end) {
                task.unlisted += 1;
            }
            self.note(&task_id, at, if end == WalkEnd::Stopped { Learnt::Stopped } else { Learnt::Nothing });
        }
        self.plan_walk(walk.begun);
    }

    /// Plans the next walk for when it is worth its price: one request, whoever's slot it frees.
    fn plan_walk(&mut self, begun: Instant) {
        let price = self.times.price() * self.callbacks.patience();
        let listed: Vec<_> = self.tasks.values().filter(|task| task.is_listed()).collect();
        let is_worth_it = |at: Instant| {
            let idle = listed.iter().map(|task| self.times.idle_seconds(task.alive_at, task.began.age(at)));
            idle.sum::<f64>() >= price
        };
        let (interval, typical) = (self.watching.interval, self.times.typical());
        self.listing.plan(begun, interval, typical, listed.len(), is_worth_it);
    }

    /// Takes in what was learnt about a task from a request that left at a moment.
    fn note(&mut self, task_id: &TaskId, at: Instant, learnt: Learnt) {
        let Some(task) = self.tasks.get_mut(task_id) else { return };
        // The interval is counted from the answer: however long the question was on its way, the provider had seen it
        // by then.
        let now = Instant::now();
        task.asked = Some(now);
        match learnt {
            Learnt::Working => {
                task.alive_at = task.began.age(at);
                (task.unknown_times, task.unknown_since) = (0, None);
                self.ask_again(task_id, now);
            }
            Learnt::Nothing => self.ask_again(task_id, now),
            Learnt::AskAlone => {
                task.asks_alone = true;
                self.ask_again(task_id, now);
            }
            Learnt::Unknown => {
                task.unknown_times += 1;
                let since = *task.unknown_since.get_or_insert(at);
                let is_believed = task.unknown_times >= self.watching.unknown_times
                    && at.duration_since(since) >= self.watching.unknown_for;
                if is_believed { self.end(task_id, Ended::Unknown) } else { self.ask_again(task_id, now) }
            }
            Learnt::EndedSomehow => {
                task.unlisted = MOST_MISSES;
                self.put(task_id, now + self.watching.interval);
            }
            Learnt::Ended(report) => self.ended(task_id, report),
            Learnt::Stopped => self.end(task_id, Ended::Stopped),
        }
    }

    /// Plans the next question about a task that has not been found to have ended. A callback that says so is confirmed
    /// first, whatever came of the last question.
    fn ask_again(&mut self, task_id: &TaskId, now: Instant) {
        let Some(task) = self.tasks.get_mut(task_id) else { return };
        if std::mem::take(&mut task.is_woken) {
            self.confirm(task_id, now);
        } else if task.confirmations > 0 {
            self.put(task_id, now + self.watching.interval.min(BETWEEN_CONFIRMATIONS));
        } else {
            self.schedule(task_id);
        }
    }

    /// A task has ended: how long it took is learnt from it.
    fn ended(&mut self, task_id: &TaskId, report: Box<TaskReport>) {
        let Some(task) = self.tasks.get(task_id) else { return };
        let found_at = task.began.age(Instant::now());
        let took = time_taken(report.took, task.alive_at, found_at);
        let is_news = !task.is_known_to_have_ended;
        if is_news {
            self.callbacks.ended(task_id);
        }
        let is_anew = is_news && self.times.learn(took);
        self.end(task_id, Ended::Task { report, ago: found_at.saturating_sub(took) });
        if is_anew {
            let waiting: Vec<TaskId> = self.agenda.iter().map(|(_, task_id)| task_id.clone()).collect();
            for task_id in waiting {
                self.schedule(&task_id);
            }
        }
    }

    fn end(&mut self, task_id: &TaskId, ended: Ended) {
        self.take_off(task_id);
        self.callbacks.forget(task_id);
        if let Some(task) = self.tasks.remove(task_id) {
            for waiting in task.waiting {
                // A worker that does not wait any more has been interrupted; the next run asks again.
                let _ = waiting.send(ended.clone());
            }
        }
    }

    /// Nobody waits any more for some tasks (their workers were interrupted, or have parked them).
    fn forget_the_abandoned(&mut self) {
        while let Some((_, task_id)) = self.agenda.first()
            && self.tasks.get(task_id).is_none_or(|task| task.waiting.iter().all(oneshot::Sender::is_closed))
        {
            let Some((_, task_id)) = self.agenda.pop_first() else { return };
            self.tasks.remove(&task_id);
            self.callbacks.forget(&task_id);
        }
    }

    fn take_off(&mut self, task_id: &TaskId) {
        let Some(task) = self.tasks.get_mut(task_id) else { return };
        if let Some(due) = task.due.take() {
            self.agenda.remove(&(due, task_id.clone()));
        }
    }
}

/// How long a task took: by the provider's clock where that agrees with what we saw, else half-way between the age at
/// which it still worked and the one at which it had ended.
fn time_taken(by_provider: Option<Duration>, alive_at: Duration, found_at: Duration) -> Duration {
    let slack = Duration::from_millis(100) + found_at / 20;
    let agrees = |took: &Duration| !took.is_zero() && *took + slack >= alive_at && *took <= found_at + slack;
    by_provider.filter(agrees).map_or_else(|| (alive_at + found_at) / 2, |took| took.min(found_at))
}
