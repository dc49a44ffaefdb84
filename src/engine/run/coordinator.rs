//! The run: takes up what an earlier one left, claims what is next, and ends when nothing is left to do.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::job::StateName;
use crate::queue::{ActiveJob, Beat, Pause, SlotUse};

use crate::engine::account::Account;
use crate::engine::error::RunError;
use crate::engine::event::{Fact, RunEvent};
use crate::engine::run::context::{Context, Shared};
use crate::engine::run::end::{Outcome, RunEnd, reason_to_stop};
use crate::engine::run::feeder::{Claimed, FeederEnd, feed};
use crate::engine::run::learning::learn_external_ids;
use crate::engine::run::missing::tidy_tree;
use crate::engine::run::owner;
use crate::engine::run::pauses;
use crate::engine::run::remember::Known;
use crate::engine::run::search::is_beyond_reach;
use crate::engine::run::tasks::{AbortOnDrop, unless_it_panicked};
use crate::engine::run::workers::{MOST_TAKEN_UP, Workers};
use crate::engine::settings::SlotCount;

/// How often the counts are read again and the end is looked for.
const TICK: Duration = Duration::from_millis(500);

/// How often the queue is told that the run lives, and asked for jobs that other processes put back.
const BEAT: Duration = Duration::from_secs(2);

/// How long requests in flight may take to finish after an interruption.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

pub(crate) struct Coordinator<O> {
    shared: Arc<Shared>,
    told: mpsc::UnboundedReceiver<Fact>,
    observe: O,
    workers: Workers,
    pause: Option<Pause>,
    /// What the queue knows of the accounts.
    known: Known,
    /// Whether the search for deleted results is over.
    has_searched: bool,
    /// When doubt was last asked about because there is as much of it as is allowed.
    doubted_at: Option<Instant>,
    /// When jobs under way were last taken up because nothing else was left to do.
    taken_up_at: Option<Instant>,
    /// How the feeders of the accounts have ended, as far as they have.
    fed: Vec<FeederEnd>,
}

impl<O: FnMut(&RunEvent) + Send> Coordinator<O> {
    pub(crate) fn new(shared: Arc<Shared>, told: mpsc::UnboundedReceiver<Fact>, observe: O) -> Self {
        Self {
            workers: Workers::new(Arc::clone(&shared)),
            shared,
            told,
            observe,
            pause: None,
            known: Known::default(),
            has_searched: false,
            doubted_at: None,
            taken_up_at: None,
            fed: Vec::new(),
        }
    }

    /// Works; `slots` are told to who watches, at a run's first beginning.
    pub(crate) async fn run(
        mut self,
        slots: Option<SlotCount>,
        interrupted: CancellationToken,
    ) -> Result<Outcome, RunError> {
        if let Some(slots) = slots {
            let names: Vec<_> = self.shared.accounts.iter().map(|account| account.name.as_str()).collect();
            self.emit(Fact::Started { slots, provider: names.join(", ") });
        }
        let (claimed, mut claims) = mpsc::channel(1);
        let mut feeders = JoinSet::new();
        // Before the first claim: see there.
        let taken_up = self.workers.take_up_left_behind().await;
        for account in &self.shared.accounts {
            feeders.spawn(feed(Context::of(&self.shared, account), claimed.clone()));
        }
        drop(claimed);
        // Whatever ends the work, errors included, is wound down: requests may be on their way, and jobs claimed.
        let end = match taken_up {
            Ok(()) => self.work(&interrupted, &mut feeders, &mut claims).await,
            Err(error) => Err(error),
        };
        self.wind_down(end, feeders, claims).await
    }

    /// Works until the run is over.
    async fn work(
        &mut self,
        interrupted: &CancellationToken,
        feeders: &mut JoinSet<Result<FeederEnd, RunError>>,
        claims: &mut mpsc::Receiver<Claimed>,
    ) -> Result<RunEnd, RunError> {
        let mut search = AbortOnDrop(tokio::spawn(tidy_tree(Arc::clone(&self.shared))));
        let mut learning = JoinSet::new();
        for account in self.shared.forms() {
            learning.spawn(learn_external_ids(Context::of(&self.shared, account)));
        }
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut beat_at = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = interrupted.cancelled() => return Ok(RunEnd::Interrupted),
                Some(fact) = self.told.recv() => {
                    self.emit(fact);
                    continue;
                }
                Some(ended) = self.workers.next_end() => ended?,
                Some((account, job, held)) = claims.recv() => self.workers.spawn(&account, job, held),
                Some(fed) = feeders.join_next() => self.feeder_ended(unless_it_panicked(fed)?),
                searched = &mut search.0, if !self.has_searched => {
                    unless_it_panicked(searched)?;
                    self.has_searched = true;
                }
                Some(learnt) = learning.join_next() => unless_it_panicked(learnt)?,
                _ = tick.tick() => {
                    self.refresh().await?;
                    self.emit(Fact::Ticked);
                    if Instant::now() >= beat_at {
                        beat_at = Instant::now() + self.shared.hosts.beat(BEAT);
                        self.renew().await?;
                        self.beat(false).await?;
                        self.workers.take_up().await?;
                        if self.shared.queue.is_shared() {
                            self.shared.queue.look_again().await?;
                        }
                        self.workers.give_up_orphans().await?;
                    }
                }
            }
            if let Some(end) = self.end().await? {
                return Ok(end);
            }
        }
    }

    /// Whether the run is over, and how.
    async fn end(&mut self) -> Result<Option<RunEnd>, RunError> {
        if let Some(end) = self.stopped_for_good() {
            return Ok(Some(end));
        }
        if self.is_unreached() && !self.is_idle().await? {
            let why = pauses::paused(&self.shared).map_or_else(String::new, |pause| pause.why);
            return Ok(Some(RunEnd::NeverReached(why)));
        }
        if !self.workers.is_empty() {
            return Ok(None);
        }
        self.refresh().await?;
        let has_fed = self.fed.len() == self.shared.accounts.len();
        if !has_fed && self.is_doubt_full().await? {
            if is_recent(self.doubted_at) {
                return Ok(None);
            }
            // Looked at before: what is learnt while jobs are taken up is made use of in the next turn.
            let is_learning = self.shared.forms().any(|form| form.capabilities.is_learning());
            // With proven external ids, doubt that no worker asks about is asked about again.
            self.doubted_at = Some(Instant::now());
            self.workers.take_up().await?;
            let in_doubt = self.shared.counts().of(StateName::InDoubt);
            return Ok((self.workers.is_empty() && !is_learning).then_some(RunEnd::TooManyInDoubt(in_doubt)));
        }
        let takes_nothing_new = has_fed || self.has_searched && self.is_idle().await?;
        if !takes_nothing_new || is_recent(self.taken_up_at) {
            return Ok(None);
        }
        self.taken_up_at = Some(Instant::now());
        // What shares an image, and what another process put back in the meantime, belongs to this run as well.
        match has_fed {
            true => self.workers.take_up_in(&[StateName::Downloading]).await?,
            false => self.workers.take_up().await?,
        }
        if !self.workers.is_empty() {
            return Ok(None);
        }
        if has_fed {
            return Ok(self.end_of_feeding());
        }
        // What other hosts have under way is this run's to take up, should they die.
        let patience = self.shared.settings.task_timeout;
        let is_waiting = self.shared.hosts.others_are_at_work(patience).await?;
        if is_waiting { Ok(None) } else { self.nothing_left().await.map(Some) }
    }

    /// Every account's provider has ended the run, so that nothing can be collected any more either.
    fn stopped_for_good(&self) -> Option<RunEnd> {
        let ends_queries =
            |account: &Arc<Account>| account.gate.stopped().is_some_and(|(_, ends_queries)| ends_queries);
        if self.shared.accounts.iter().all(ends_queries) { self.stopped_accounts() } else { None }
    }

    /// What the accounts that take nothing any more have said; `None` where there are none.
    fn stopped_accounts(&self) -> Option<RunEnd> {
        let stopped: Vec<_> = self
            .shared
            .accounts
            .iter()
            .filter_map(|account| account.gate.stopped().map(|(stopped, _)| (account.id.as_ref(), stopped)))
            .collect();
        let reason = stopped.first().map(|(_, stopped)| stopped.reason)?;
        let said = stopped.iter().map(|(name, stopped)| match name {
            Some(name) => format!("account `{name}`: {}", stopped.said),
            None => stopped.said.clone(),
        });
        Some(RunEnd::Stopped { reason, said: said.collect::<Vec<_>>().join("; ") })
    }

    fn feeder_ended(&mut self, end: FeederEnd) {
        if let FeederEnd::Stopped { account: Some(account), said } = &end
            && self.shared.accounts.len() > 1
        {
            self.emit(Fact::AccountStopped { account: account.clone(), why: said.clone() });
        }
        self.fed.push(end);
    }

    /// Whether no provider has answered for as long as the first answer is waited for.
    fn is_unreached(&self) -> bool {
        let patience = self.shared.settings.reach_patience;
        self.shared.accounts.iter().all(|account| account.gate.unreached_for().is_some_and(|since| since >= patience))
    }

    /// The end of a run in which no account takes jobs any more.
    fn end_of_feeding(&self) -> Option<RunEnd> {
        if self.fed.iter().any(|end| matches!(end, FeederEnd::BudgetSpent)) {
            return Some(RunEnd::BudgetSpent);
        }
        self.stopped_accounts()
    }

    /// The end of a run in which nothing is left to do: what an account that answers no more still has is not.
    async fn nothing_left(&self) -> Result<RunEnd, RunError> {
        if self.shared.is_budget_short.load(Ordering::Relaxed) {
            return Ok(RunEnd::BudgetSpent);
        }
        let Some(stopped) = self.stopped_accounts() else { return Ok(RunEnd::Done) };
        let jobs = self.shared.queue.active(&[StateName::Running, StateName::InDoubt], MOST_TAKEN_UP).await?;
        let accounts = &self.shared.accounts;
        let is_uncollected = |job: &ActiveJob| owner::named(accounts, job).is_some_and(|it| is_beyond_reach(&it, job));
        Ok(if jobs.iter().any(is_uncollected) { stopped } else { RunEnd::Done })
    }

    /// Whether jobs could be submitted, and `--max-in-doubt` forbids it.
    async fn is_doubt_full(&mut self) -> Result<bool, RunError> {
        let in_doubt = self.shared.counts().of(StateName::InDoubt);
        Ok(in_doubt >= self.shared.settings.max_in_doubt
            && self.shared.queue.has_claimable(self.shared.taken()).await?)
    }

    /// Whether no job can be claimed and none is being claimed.
    async fn is_idle(&mut self) -> Result<bool, RunError> {
        Ok(self.workers.is_empty() && !self.shared.queue.has_to_submit(self.shared.taken()).await?)
    }

    async fn refresh(&mut self) -> Result<(), RunError> {
        let counts = self.shared.queue.counts().await?;
        *self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
        let has_work = self.shared.queue.has_claimable(self.shared.taken()).await?;
        for account in &self.shared.accounts {
            account.slots.set_has_work(has_work);
        }
        let pause = pauses::paused(&self.shared).or_else(|| pauses::shut_out(&self.shared));
        match (&self.pause, &pause) {
            (Some(_), None) => self.emit(Fact::Resumed),
            (before, Some(pause)) if before.as_ref().is_none_or(|before| pauses::is_news(before, pause)) => {
                self.emit(Fact::Paused(pause.clone()));
            }
            _ => {}
        }
        self.pause = pause;
        Ok(())
    }

    fn emit(&mut self, fact: Fact) {
        if matches!(fact, Fact::Succeeded { .. }) {
            self.shared.succeeded.fetch_add(1, Ordering::Relaxed);
        }
        (self.observe)(&RunEvent { at: self.shared.now(), counts: self.shared.counts(), fact });
    }

    /// This host's heartbeat, and what all hosts together have found out.
    async fn renew(&self) -> Result<(), RunError> {
        self.shared.hosts.renew().await?;
        for account in &self.shared.accounts {
            self.shared.hosts.learn_slots(account).await?;
        }
        Ok(())
    }

    async fn beat(&mut self, ended: bool) -> Result<(), RunError> {
        let now = self.shared.now();
        let beat = Beat {
            succeeded: self.shared.succeeded.load(Ordering::Relaxed),
            slots: SlotUse { limit: self.slot_limit(), time: self.occupancy() },
            pause: self.pause.clone().filter(|_| !ended),
            ended,
            accounts: self.shared.accounts.iter().filter_map(|account| account.standing(now)).collect(),
        };
        self.shared.queue.beat(self.shared.run, beat, now).await?;
        self.known.remember(&self.shared).await
    }

    fn slot_limit(&self) -> u32 {
        self.shared.accounts.iter().map(|account| account.slots.limit()).sum()
    }

    /// Of the time while jobs waited for slots: how long slots held tasks at work, and how much slot time there was.
    fn occupancy(&self) -> (Duration, Duration) {
        let each = self.shared.accounts.iter().map(|account| account.slots.occupancy());
        each.fold(Default::default(), |(busy, all), (held, slot_time)| (busy + held, all + slot_time))
    }

    /// Lets requests in flight finish, tells what is left to tell, and closes the run's record.
    async fn wind_down(
        mut self,
        end: Result<RunEnd, RunError>,
        mut feeders: JoinSet<Result<FeederEnd, RunError>>,
        mut claims: mpsc::Receiver<Claimed>,
    ) -> Result<Outcome, RunError> {
        if let Some(why) = reason_to_stop(&end) {
            self.emit(Fact::Stopping { why });
        }
        self.shared.shutdown.cancel();
        let mut failure = end.as_ref().err().map(ToString::to_string);
        // A claim that has begun is on disk in a moment. It is waited for, and its worker gives it back: nothing was
        // sent yet, and left as it is it would be in doubt.
        let fed = async {
            let mut failed = Ok(());
            while let Some(fed) = feeders.join_next().await {
                failed = failed.and(unless_it_panicked(fed).map(|_| ()));
            }
            failed
        };
        let handed_over = async {
            while let Some((account, job, held)) = claims.recv().await {
                self.workers.spawn(&account, job, held);
            }
        };
        if let (Err(error), ()) = tokio::join!(fed, handed_over) {
            tracing::error!(%error, "a claim failed while the run was ending");
            failure.get_or_insert(error.to_string());
        }
        let deadline = Instant::now() + LAST_REQUESTS;
        while let Ok(Some(ended)) = tokio::time::timeout_at(deadline, self.workers.next_end()).await {
            if let Err(error) = ended
                && failure.is_none()
            {
                tracing::error!(%error, "a worker failed while the run was ending");
                failure = Some(error.to_string());
            }
        }
        self.workers.abort().await;
        while let Ok(fact) = self.told.try_recv() {
            self.emit(fact);
        }
        let end = end?;
        self.refresh().await?;
        self.pause = None;
        self.beat(true).await?;
        self.emit(Fact::Ended);
        let (busy, all) = self.occupancy();
        Ok(Outcome {
            end,
            counts: self.shared.counts(),
            succeeded: self.shared.succeeded.load(Ordering::Relaxed),
            took: self.shared.started.elapsed(),
            slots_busy: (!all.is_zero()).then(|| busy.as_secs_f64() / all.as_secs_f64()),
        })
    }
}

/// Whether jobs were taken up a moment ago. Workers of jobs of which nothing can be learnt now end at once: without a distance they
/// would be begun in a circle.
fn is_recent(taken_up_at: Option<Instant>) -> bool {
    taken_up_at.is_some_and(|at| at.elapsed() < TICK)
}
