//! The run: takes up what an earlier one left, claims what is next, and ends when nothing is left to do.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::callback::Wake;
use crate::job::{JobSeq, JobState, StateName};
use crate::provider::{Provider, ResultHost};
use crate::queue::{ActiveJob, Pause, Queue, SlotUse};
use crate::store::OutputTree;

use crate::engine::account::backoff::Backoff;
use crate::engine::account::blame::Blame;
use crate::engine::account::gate::Gate;
use crate::engine::account::pace::Pace;
use crate::engine::account::slots::Slots;
use crate::engine::account::watcher::{Watcher, Watching};
use crate::engine::clock::Clock;
use crate::engine::error::RunError;
use crate::engine::event::{Fact, RunEvent};
use crate::engine::inputs::request_pictures::RequestPictures;
use crate::engine::run::capabilities::{Accepted, learn_external_ids};
use crate::engine::run::context::Context;
use crate::engine::run::end::{Outcome, RunEnd, reason_to_stop};
use crate::engine::run::feeder::{FeederEnd, feed};
use crate::engine::run::missing::refetch_missing;
use crate::engine::run::step::Held;
use crate::engine::run::worker::see_through;
use crate::engine::settings::RunSettings;
use crate::engine::settings::SlotCount;

/// How often the counts are read again and the end is looked for.
const TICK: Duration = Duration::from_millis(500);

/// How often the queue is told that the run lives, and asked for jobs that other processes put back.
const BEAT: Duration = Duration::from_secs(2);

/// How long requests in flight may take to finish after an interruption.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// How many jobs of an earlier run are taken up at once.
const MOST_TAKEN_UP: usize = 1_000;

/// The provider as a run needs it.
#[derive(Debug)]
pub struct Door {
    /// The client.
    pub provider: Arc<dyn Provider>,
    /// Fetches results.
    pub results: Arc<dyn ResultHost>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Under which name the door's capabilities are remembered: its base URL, or a name that outlives a port.
    pub name: String,
    /// What the provider's callbacks tell, where they are listened for.
    pub callbacks: Option<mpsc::Receiver<Wake>>,
}

/// Works the queue until nothing is left to do, or until `interrupted`.
///
/// Every event goes to `observe`, in order.
///
/// # Errors
/// The queue or the output folder failed. What is recorded is safe.
pub async fn run(
    queue: Arc<dyn Queue>,
    door: Door,
    tree: OutputTree,
    settings: RunSettings,
    interrupted: CancellationToken,
    observe: impl FnMut(&RunEvent) + Send,
) -> Result<Outcome, RunError> {
    let slots = Slots::new(settings.slots, queue.slots_found(&door.name).await?);
    let run = queue.begin_run(slots.limit(), settings.budget, settings.model.clone(), door.clock.now()).await?;
    let gate = Gate::new(Backoff::OUTAGE, settings.patience);
    let queries = Arc::new(Pace::new(settings.poll_rate_per_second));
    let provider = door.provider;
    let watching =
        Watching { interval: settings.poll_interval, unknown_times: 5, unknown_for: settings.doubt_interval * 6 };
    let watcher =
        Watcher::start(Arc::clone(&provider), Arc::clone(&gate), Arc::clone(&queries), watching, door.callbacks);
    let (facts, told) = mpsc::unbounded_channel();
    let (to_learn_from, accepted) = mpsc::channel(1);
    let ctx = Arc::new(Context {
        clock: door.clock,
        run,
        external_ids: Mutex::new(queue.external_ids(&door.name).await?),
        counts: Mutex::new(queue.counts().await?),
        pictures: RequestPictures::new(settings.pictures_folder.clone(), settings.fit_images),
        people: Arc::default(),
        queue,
        provider,
        door: door.name,
        results: door.results,
        tree,
        gate,
        slots,
        creates: Pace::new(settings.rate_per_second),
        queries,
        watcher,
        downloads: Semaphore::new(settings.downloads),
        blame: Blame::default(),
        refusals: Arc::default(),
        to_learn_from,
        last_accepted: Mutex::default(),
        no_room: AtomicU32::new(0),
        is_learning: AtomicBool::new(false),
        shutdown: interrupted.child_token(),
        facts,
        parked: Mutex::default(),
        is_budget_short: AtomicBool::new(false),
        settings,
    });
    let coordinator = Coordinator {
        ctx,
        told,
        observe,
        workers: JoinSet::new(),
        working: HashMap::new(),
        succeeded: 0,
        started: Instant::now(),
        pause: None,
        slots_remembered: None,
        has_searched: false,
        accepted: Some(accepted),
    };
    coordinator.run(interrupted).await
}

struct Coordinator<O> {
    ctx: Arc<Context>,
    told: mpsc::UnboundedReceiver<Fact>,
    observe: O,
    workers: JoinSet<(JobSeq, Result<(), RunError>)>,
    /// Jobs that a worker of this run holds, by their worker.
    working: HashMap<JobSeq, tokio::task::Id>,
    succeeded: u64,
    started: Instant,
    pause: Option<Pause>,
    slots_remembered: Option<u32>,
    /// Whether the search for deleted results is over.
    has_searched: bool,
    /// Tasks by which it can be learnt what the door can do; taken when the run begins.
    accepted: Option<mpsc::Receiver<Accepted>>,
}

impl<O: FnMut(&RunEvent) + Send> Coordinator<O> {
    async fn run(mut self, interrupted: CancellationToken) -> Result<Outcome, RunError> {
        self.emit(Fact::Started { slots: self.ctx.settings.slots, provider: self.ctx.door.clone() });
        let (claimed, mut claims) = mpsc::channel(1);
        let feeder = feed(Arc::clone(&self.ctx), claimed);
        tokio::pin!(feeder);
        let mut is_feeding = true;
        // Whatever ends the work, errors included, is wound down: requests may be on their way, and jobs claimed.
        let end = self.work(&interrupted, feeder.as_mut(), &mut is_feeding, &mut claims).await;
        let feeder = is_feeding.then_some(feeder);
        self.wind_down(end, feeder, claims).await
    }

    /// Works until the run is over. `is_feeding` turns false when the feeder has ended.
    async fn work(
        &mut self,
        interrupted: &CancellationToken,
        mut feeder: Pin<&mut (impl Future<Output = Result<FeederEnd, RunError>> + Send)>,
        is_feeding: &mut bool,
        claims: &mut mpsc::Receiver<(ActiveJob, Held)>,
    ) -> Result<RunEnd, RunError> {
        self.take_up_left_behind().await?;
        let mut search = AbortOnDrop(tokio::spawn(refetch_missing(Arc::clone(&self.ctx))));
        let learning = learn_external_ids(Arc::clone(&self.ctx), self.accepted.take());
        let mut learning = AbortOnDrop(tokio::spawn(learning));
        let mut has_learnt = false;
        let mut fed: Option<FeederEnd> = None;
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
                Some(ended) = self.workers.join_next_with_id() => self.worker_ended(ended)?,
                Some((job, held)) = claims.recv() => self.spawn(job, held),
                end = &mut feeder, if *is_feeding => {
                    *is_feeding = false;
                    fed = Some(end?);
                }
                searched = &mut search.0, if !self.has_searched => {
                    searched.map_err(|error| RunError::Bug(error.to_string()))??;
                    self.has_searched = true;
                }
                learnt = &mut learning.0, if !has_learnt => {
                    learnt.map_err(|error| RunError::Bug(error.to_string()))??;
                    has_learnt = true;
                }
                _ = tick.tick() => {
                    self.refresh().await?;
                    self.emit(Fact::Ticked);
                    if Instant::now() >= beat_at {
                        beat_at = Instant::now() + BEAT;
                        self.beat(false).await?;
                        self.take_up().await?;
                    }
                }
            }
            if let Some(end) = self.end(fed.as_ref()).await? {
                return Ok(end);
            }
        }
    }

    /// Whether the run is over, and how.
    async fn end(&mut self, fed: Option<&FeederEnd>) -> Result<Option<RunEnd>, RunError> {
        if let Some((stopped, true)) = self.ctx.gate.stopped() {
            return Ok(Some(RunEnd::Stopped { reason: stopped.reason, said: stopped.said }));
        }
        let patience = self.ctx.settings.reach_patience;
        if self.ctx.gate.unreached_for().is_some_and(|since| since >= patience) && !self.is_idle().await? {
            let why = self.ctx.gate.pause(self.ctx.now()).map_or_else(String::new, |pause| pause.why);
            return Ok(Some(RunEnd::NeverReached(why)));
        }
        if !self.workers.is_empty() {
            return Ok(None);
        }
        self.refresh().await?;
        // What shares an image, and what another process put back in the meantime, belongs to this run as well.
        match fed {
            Some(_) => self.take_up_in(&[StateName::Downloading]).await?,
            None if self.is_doubt_full().await? => {
                // With proven external ids, doubt that no worker asks about is asked about again.
                self.take_up().await?;
                let is_settled_no_more = self.workers.is_empty() && !self.ctx.is_learning();
                let in_doubt = self.ctx.counts().of(StateName::InDoubt);
                return Ok(is_settled_no_more.then_some(RunEnd::TooManyInDoubt(in_doubt)));
            }
            None if self.has_searched && self.is_idle().await? => self.take_up().await?,
            None => return Ok(None),
        }
        if !self.workers.is_empty() {
            return Ok(None);
        }
        match fed {
            Some(FeederEnd::Stopped(stopped)) => {
                Ok(Some(RunEnd::Stopped { reason: stopped.reason, said: stopped.said.clone() }))
            }
            Some(FeederEnd::BudgetSpent) => Ok(Some(RunEnd::BudgetSpent)),
            // The loop above ends before this one is looked at.
            Some(FeederEnd::RunEnds) => Ok(None),
            None => {
                let is_short = self.ctx.is_budget_short.load(Ordering::Relaxed);
                Ok(Some(if is_short { RunEnd::BudgetSpent } else { RunEnd::Done }))
            }
        }
    }

    /// Whether jobs could be submitted, and `--max-in-doubt` forbids it.
    async fn is_doubt_full(&mut self) -> Result<bool, RunError> {
        let in_doubt = self.ctx.counts().of(StateName::InDoubt);
        Ok(in_doubt >= self.ctx.settings.max_in_doubt && self.ctx.queue.has_claimable().await?)
    }

    /// Whether no job can be claimed and none is being claimed.
    async fn is_idle(&mut self) -> Result<bool, RunError> {
        Ok(self.workers.is_empty() && !self.ctx.queue.has_to_submit().await?)
    }

    /// Starts workers for the jobs that an earlier run left under way. Called once, before the first claim: from then
    /// on a job that is being submitted is this run's own, on its way from the feeder to its worker, and taking it
    /// for one that was left behind would submit it twice.
    async fn take_up_left_behind(&mut self) -> Result<(), RunError> {
        // Submissions first and all of them, because no later look takes them up; there are no more than slots.
        let submissions = self.ctx.queue.active(&[StateName::Submitting, StateName::InDoubt], usize::MAX >> 1).await?;
        self.take_up_jobs(submissions);
        self.take_up().await
    }

    /// Starts workers for jobs that are under way and that no worker of this run holds: more of an earlier run's, and
    /// those that another process has put back in the meantime.
    async fn take_up(&mut self) -> Result<(), RunError> {
        let mut states = vec![StateName::Running, StateName::Downloading];
        if self.ctx.external_ids() == Some(true) {
            states.push(StateName::InDoubt);
        }
        self.take_up_in(&states).await
    }

    async fn take_up_in(&mut self, states: &[StateName]) -> Result<(), RunError> {
        let jobs = self.ctx.queue.active(states, MOST_TAKEN_UP).await?;
        self.take_up_jobs(jobs);
        Ok(())
    }

    fn take_up_jobs(&mut self, jobs: Vec<ActiveJob>) {
        for job in jobs {
            if self.working.contains_key(&job.seq) || self.ctx.is_parked(&job) {
                continue;
            }
            let may_hold_slot = !matches!(job.state, JobState::Downloading { .. });
            let mut slot = may_hold_slot.then(|| self.ctx.slots.occupy());
            if let (JobState::Running { .. }, Some(slot)) = (&job.state, &mut slot) {
                slot.mark_held();
            }
            self.spawn(job, Held { slot, ..Held::default() });
        }
    }

    fn spawn(&mut self, job: ActiveJob, held: Held) {
        let ctx = Arc::clone(&self.ctx);
        let seq = job.seq;
        let worker = self.workers.spawn(async move { (seq, see_through(&ctx, job, held).await) });
        self.working.insert(seq, worker.id());
    }

    fn worker_ended(&mut self, ended: WorkerEnded) -> Result<(), RunError> {
        match ended {
            Ok((_, (seq, result))) => {
                self.working.remove(&seq);
                result
            }
            Err(error) if error.is_cancelled() => Ok(()),
            Err(error) => Err(RunError::Bug(error.to_string())),
        }
    }

    async fn refresh(&mut self) -> Result<(), RunError> {
        let counts = self.ctx.queue.counts().await?;
        *self.ctx.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
        self.ctx.slots.set_has_work(self.ctx.queue.has_claimable().await?);
        let pause = self.ctx.gate.pause(self.ctx.now()).or_else(|| self.shut_out());
        match (&self.pause, &pause) {
            (Some(_), None) => self.emit(Fact::Resumed),
            (before, Some(pause)) if before.as_ref().is_none_or(|before| is_news(before, pause)) => {
                self.emit(Fact::Paused(pause.clone()));
            }
            _ => {}
        }
        self.pause = pause;
        Ok(())
    }

    /// Waiting for room at the account, where this run has none of it.
    fn shut_out(&self) -> Option<Pause> {
        let wait = self.ctx.slots.shut_out_until()?.saturating_duration_since(Instant::now());
        let until = self.ctx.now() + SignedDuration::try_from(wait).unwrap_or_default();
        Some(Pause { until, why: "all slots of the account are in use, none of them by this run".to_owned() })
    }

    fn emit(&mut self, fact: Fact) {
        if matches!(fact, Fact::Succeeded { .. }) {
            self.succeeded += 1;
        }
        (self.observe)(&RunEvent { at: self.ctx.now(), counts: self.ctx.counts(), fact });
    }

    async fn beat(&mut self, ended: bool) -> Result<(), RunError> {
        let slots = SlotUse { limit: self.ctx.slots.limit(), time: self.ctx.slots.occupancy() };
        let pause = self.pause.clone().filter(|_| !ended);
        self.ctx.queue.beat(self.ctx.run, self.succeeded, slots, pause, ended, self.ctx.now()).await?;
        self.remember_slots().await
    }

    /// Remembers the number of slots that was found, for the next run.
    async fn remember_slots(&mut self) -> Result<(), RunError> {
        let found = self.ctx.slots.found().filter(|_| self.ctx.settings.slots == SlotCount::Auto);
        if let Some(slots) = found.filter(|_| found != self.slots_remembered) {
            self.ctx.queue.learn_slots(self.ctx.door.clone(), slots).await?;
            self.slots_remembered = found;
        }
        Ok(())
    }

    /// Lets requests in flight finish, tells what is left to tell, and closes the run's record.
    async fn wind_down(
        mut self,
        end: Result<RunEnd, RunError>,
        feeder: Option<impl Future<Output = Result<FeederEnd, RunError>>>,
        mut claims: mpsc::Receiver<(ActiveJob, Held)>,
    ) -> Result<Outcome, RunError> {
        if let Some(why) = reason_to_stop(&end) {
            self.emit(Fact::Stopping { why });
        }
        self.ctx.shutdown.cancel();
        let mut failure = end.as_ref().err().map(ToString::to_string);
        // A claim that has begun is on disk in a moment. It is waited for, and its worker gives it back: nothing was
        // sent yet, and left as it is it would be in doubt.
        let fed = async {
            match feeder {
                Some(feeder) => feeder.await.map(|_| ()),
                None => Ok(()),
            }
        };
        let handed_over = async {
            while let Some((job, held)) = claims.recv().await {
                self.spawn(job, held);
            }
        };
        if let (Err(error), ()) = tokio::join!(fed, handed_over) {
            tracing::error!(%error, "a claim failed while the run was ending");
            failure.get_or_insert(error.to_string());
        }
        let deadline = Instant::now() + LAST_REQUESTS;
        while let Ok(Some(ended)) = tokio::time::timeout_at(deadline, self.workers.join_next_with_id()).await {
            if let Err(error) = self.worker_ended(ended)
                && failure.is_none()
            {
                tracing::error!(%error, "a worker failed while the run was ending");
                failure = Some(error.to_string());
            }
        }
        self.workers.abort_all();
        while self.workers.join_next().await.is_some() {}
        while let Ok(fact) = self.told.try_recv() {
            self.emit(fact);
        }
        let end = end?;
        self.refresh().await?;
        self.pause = None;
        self.beat(true).await?;
        self.emit(Fact::Ended);
        let (busy, all) = self.ctx.slots.occupancy();
        Ok(Outcome {
            end,
            counts: self.ctx.counts(),
            succeeded: self.succeeded,
            took: self.started.elapsed(),
            slots_busy: (!all.is_zero()).then(|| busy.as_secs_f64() / all.as_secs_f64()),
        })
    }
}

/// A task that ends with what waits for it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

type WorkerEnded = Result<(tokio::task::Id, (JobSeq, Result<(), RunError>)), tokio::task::JoinError>;

/// Whether a pause differs from the one that was told. Its end is computed anew each time, so a little is nothing.
fn is_news(told: &Pause, pause: &Pause) -> bool {
    told.why != pause.why || pause.until.duration_since(told.until).abs() > SignedDuration::from_secs(1)
}
