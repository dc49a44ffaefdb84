//! This run among the hosts that work its queue: its epoch, its lease, and what has to be looked at before a request that costs
//! money leaves.
//!
//! A process may be paused for an hour between two lines of its program, or its machine may sleep. So what was true when a job
//! was claimed is looked at again before its request leaves, if more than a moment has passed, by a clock that goes on in sleep.
//! That makes the window small and does not close it: what closes it is that nobody sends a job again before this process is
//! proven dead ([`crate::queue::Holder`]).

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::ambient;
use crate::job::JobSeq;
use crate::queue::{
    ActiveJob, Epoch, Holder, HostRecord, HostStart, HostState, NoRoom, Queue, QueueError, QueueResult, Room,
};

use crate::engine::account::Account;
use crate::engine::account::pace::SharedTurns;
use crate::engine::clock::Clock;

/// A claim that is older is confirmed before its request leaves.
const FRESH: Duration = Duration::from_secs(3);

/// How long until a host that found no room looks again, at least: up to twice as long, so that hosts do not look in step.
const WAIT_FOR_ROOM: Duration = Duration::from_millis(120);

/// How often the task of a lapsed host's submission is looked for.
const LOOK_FOR_LAPSED: Duration = Duration::from_secs(30);

/// Between two looks at what others have under way, where this run waits for nothing else: at most.
const LONGEST_UNSEEN: Duration = Duration::from_secs(10);

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Membership {
    queue: Arc<dyn Queue>,
    clock: Arc<dyn Clock>,
    start: HostStart,
    epoch: AtomicI64,
    /// By the clock that goes on in sleep: when the last heartbeat left that was answered.
    renewed_at: Mutex<Duration>,
    /// Hosts that live, as of the last heartbeat.
    live: AtomicU64,
    /// When the tasks of lapsed hosts' submissions were last looked for; as many as may be in doubt.
    looked_for: Mutex<HashMap<JobSeq, Instant>>,
    /// What the others had under way when this run last had nothing to do but to wait for them.
    others: Mutex<Option<Others>>,
}

/// What other hosts have under way.
#[derive(Debug)]
struct Others {
    /// Their epochs, and how many jobs each has.
    at_work: Vec<(Epoch, u64)>,
    /// Since when this has not changed, and when it was last looked at.
    since: Instant,
    seen_at: Instant,
}

/// A moment by the clock that goes on in sleep.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moment(Duration);

impl Membership {
    /// Joins the hosts of a queue.
    pub(crate) async fn join(queue: Arc<dyn Queue>, clock: Arc<dyn Clock>, start: HostStart) -> QueueResult<Arc<Self>> {
        let at = clock.since_boot();
        let epoch = queue.join(start.clone()).await?;
        tracing::debug!(host = %start.name, epoch = epoch.0, "joined");
        Ok(Arc::new(Self {
            queue,
            clock,
            start,
            epoch: epoch.0.into(),
            renewed_at: Mutex::new(at),
            live: AtomicU64::new(1),
            looked_for: Mutex::default(),
            others: Mutex::default(),
        }))
    }

    /// Ends the present epoch, in which nothing is on its way any more, and begins another one.
    pub(crate) async fn join_again(&self) -> QueueResult<()> {
        self.queue.leave().await?;
        let at = self.clock.since_boot();
        let epoch = self.queue.join(self.start.clone()).await?;
        self.epoch.store(epoch.0, Ordering::Relaxed);
        self.note_renewed(at);
        Ok(())
    }

    /// The present epoch.
    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Relaxed))
    }

    /// The epochs that may still do something, of all hosts.
    ///
    /// # Errors
    /// Those of the queue.
    pub(crate) async fn living(&self) -> QueueResult<HashSet<i64>> {
        let hosts = self.queue.hosts().await?;
        let is_dead = |host: &HostRecord| matches!(host.state, HostState::Dead(_));
        Ok(hosts.iter().filter(|host| !is_dead(host)).map(|host| host.epoch.0).collect())
    }

    /// Says that nothing leaves any more. That it could not be said costs others some questions.
    pub(crate) async fn leave(&self) {
        if let Err(error) = self.queue.leave().await {
            tracing::warn!(%error, "could not say that this run has ended; `tryon hosts` shows what it holds");
        }
    }

    /// The heartbeat.
    ///
    /// # Errors
    /// [`QueueError::LeaseLost`], and those of the queue.
    pub(crate) async fn renew(&self) -> QueueResult<()> {
        let at = self.clock.since_boot();
        let renewed = self.queue.renew().await?;
        self.live.store(renewed.live.into(), Ordering::Relaxed);
        self.note_renewed(at);
        Ok(())
    }

    fn note_renewed(&self, at: Duration) {
        *self.renewed_at.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// How long until the next heartbeat has to leave, at most.
    pub(crate) fn beat(&self, usual: Duration) -> Duration {
        usual.min(self.start.lease / 4)
    }

    pub(crate) fn now(&self) -> Moment {
        Moment(self.clock.since_boot())
    }

    /// Whether a request for a job that was claimed at `claimed` may leave now.
    ///
    /// # Errors
    /// [`QueueError::Stale`] when the job is another host's, [`QueueError::LeaseLost`] when this host is not one any more.
    pub(crate) async fn may_send(&self, job: &ActiveJob, claimed: Moment) -> QueueResult<()> {
        if !self.queue.is_shared() {
            return Ok(());
        }
        let now = self.clock.since_boot();
        let renewed_at = *self.renewed_at.lock().unwrap_or_else(PoisonError::into_inner);
        let was_cut_off = now.saturating_sub(renewed_at) >= self.start.lease;
        if was_cut_off {
            self.renew().await?;
        }
        if was_cut_off || now.saturating_sub(claimed.0) >= FRESH {
            self.queue.confirm(job.seq, job.attempt).await?;
        }
        Ok(())
    }

    /// Whether it is too early to do something for a job: it is a lapsed host's, and its task was looked for a while ago. Nobody
    /// knows when that host comes to life, or is proven dead, so a run neither asks without end nor waits for it.
    pub(crate) fn is_too_early_for(&self, job: &ActiveJob) -> bool {
        if job.holder != Holder::Lapsed {
            return false;
        }
        let (now, mut looked_for) = (Instant::now(), self.looked_for.lock().unwrap_or_else(PoisonError::into_inner));
        let is_too_early = looked_for.get(&job.seq).is_some_and(|last| now.duration_since(*last) < LOOK_FOR_LAPSED);
        if !is_too_early {
            looked_for.insert(job.seq, now);
        }
        is_too_early
    }

    /// What this run shares with other hosts.
    pub(crate) fn room(&self, account: &Account, is_probe: bool, max_in_doubt: u64) -> Option<Room> {
        let parked = account.parked();
        self.queue.is_shared().then(|| Room { slots: account.shared_slots(is_probe), parked, max_in_doubt })
    }

    /// For how long a claim that found no room is put off.
    pub(crate) fn wait_for_room(lack: NoRoom, for_doubt: Duration) -> Duration {
        match lack {
            NoRoom::Slots { .. } | NoRoom::Refusals { .. } => WAIT_FOR_ROOM.mul_f64(1.0 + ambient::fraction()),
            NoRoom::Doubt => for_doubt,
        }
    }

    /// Whether other hosts have jobs under way that this one would have to take up, should they die. Where nothing of it moves for
    /// `patience`, they may wait for this host as it waits for them: nobody looks any more at a task that outlasts its time.
    ///
    /// # Errors
    /// Those of the queue.
    pub(crate) async fn others_are_at_work(&self, patience: Duration) -> QueueResult<bool> {
        if !self.queue.is_shared() {
            return Ok(false);
        }
        let hosts = self.queue.hosts().await?;
        let is_other = |state| matches!(state, HostState::Live | HostState::Overdue);
        let others =
            hosts.iter().filter(|host| host.name != self.start.name && is_other(host.state) && host.at_work > 0);
        let at_work: Vec<_> = others.map(|host| (host.epoch, host.at_work)).collect();
        let (now, mut before) = (Instant::now(), self.others.lock().unwrap_or_else(PoisonError::into_inner));
        // Who had something else to do in between has not seen what moved.
        let since = before
            .take()
            .filter(|before| before.at_work == at_work && now.duration_since(before.seen_at) < LONGEST_UNSEEN)
            .map_or(now, |before| before.since);
        let is_waited_for = !at_work.is_empty() && now.duration_since(since) < patience;
        *before = Some(Others { at_work, since, seen_at: now });
        Ok(is_waited_for)
    }

    /// What an account's cap is over all hosts, as the queue knows it.
    ///
    /// # Errors
    /// Those of the queue.
    pub(crate) async fn learn_slots(&self, account: &Account) -> QueueResult<()> {
        if !self.queue.is_shared() || !account.finds_slots {
            return Ok(());
        }
        let mut slots = self.queue.slots_found(&account.name).await?;
        if let Some(found) = &mut slots {
            // One more than was known has been tried, and was taken.
            let at_work = self.queue.tasks_at(account.id.clone(), account.endpoint.clone()).await?;
            if at_work > *found {
                *found = at_work;
                self.queue.learn_slots(account.name.clone(), at_work).await?;
            }
        }
        account.set_shared_slots(slots);
        Ok(())
    }

    /// The account has refused one more task: what all hosts have there now is its cap.
    ///
    /// # Errors
    /// Those of the queue.
    pub(crate) async fn cap_met(&self, account: &Account) -> QueueResult<()> {
        if self.queue.is_shared() && account.finds_slots {
            let running = self.queue.tasks_at(account.id.clone(), account.endpoint.clone()).await?;
            self.queue.learn_slots(account.name.clone(), running.max(1)).await?;
            account.set_shared_slots(Some(running.max(1)));
        }
        Ok(())
    }

    /// Turns for an account's requests of one kind, where a person has given their rate and several hosts share it.
    pub(crate) fn turns(queue: &Arc<dyn Queue>, kind: &str, per_second: Option<f64>) -> Option<Arc<dyn SharedTurns>> {
        let per_second = per_second.filter(|_| queue.is_shared())?;
        Some(Arc::new(QueueTurns { queue: Arc::clone(queue), kind: kind.to_owned(), per_second }))
    }
}

/// Turns that the queue hands out.
#[derive(Debug)]
struct QueueTurns {
    queue: Arc<dyn Queue>,
    kind: String,
    per_second: f64,
}

#[async_trait]
impl SharedTurns for QueueTurns {
    async fn turn(&self) {
        loop {
            let asked = Instant::now();
            match self.queue.turn(self.kind.clone(), self.per_second).await {
                Ok(wait) => {
                    tokio::time::sleep_until(asked + wait).await;
                    return;
                }
                // Who cannot ask for a turn sends nothing.
                Err(error) => {
                    tracing::warn!(%error, "no turn can be had from the queue");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

/// Whether an error says that this host's epoch is over, and another one has to be begun.
pub(crate) fn is_over(error: &QueueError) -> bool {
    matches!(error, QueueError::LeaseLost)
}
