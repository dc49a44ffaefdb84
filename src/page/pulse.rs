//! What goes on in the queue, for all windows at once: one look a second, and none while nobody has the page open.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{Notify, watch};

use crate::job::StateName;
use crate::queue::{Counts, QueueReads, QueueResult};
use crate::view::pace::Pace;
use crate::view::wording::{cost, rate, rough_span};

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Between two looks where this page has changed something itself.
const SHORT_INTERVAL: Duration = Duration::from_millis(150);

/// Whether a run is at work is looked at this often although nothing has changed: one that is killed changes nothing.
const LOOKS_PER_RUN_CHECK: u32 = 5;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Pulse {
    news: watch::Sender<Option<Arc<str>>>,
    /// Somebody has begun to look, or something was changed here.
    woken: Arc<Notify>,
}

/// The queue as a whole, as the page's script reads it.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    /// Another one whenever cards may have changed.
    tick: u64,
    total: u64,
    states: Vec<(&'static str, u64)>,
    flagged: u64,
    flags: Vec<(&'static str, u64)>,
    approved: u64,
    rejected: u64,
    unjudged: u64,
    unusable: u64,
    units: String,
    accounts: Vec<String>,
    at_work: bool,
    /// `20.0 images/min`
    rate: Option<String>,
    /// `about 2 h`
    left: Option<String>,
    /// Why the run waits.
    paused: Option<String>,
}

impl Pulse {
    /// Begins to look, as long as what it returns is there and somebody is subscribed.
    pub(super) fn of(queue: Arc<dyn QueueReads>) -> (Arc<Self>, impl Future<Output = ()> + Send + use<>) {
        let pulse = Arc::new(Self { news: watch::Sender::new(None), woken: Arc::default() });
        let woken = Arc::clone(&pulse.woken);
        let weak = Arc::downgrade(&pulse);
        let looking = async move {
            let mut look = Look::new(queue);
            loop {
                let Some(pulse) = weak.upgrade() else { return };
                if pulse.news.receiver_count() == 0 {
                    drop(pulse);
                    woken.notified().await;
                    continue;
                }
                if let Some(news) = look.again().await {
                    pulse.news.send_replace(Some(news.into()));
                }
                drop(pulse);
                tokio::time::sleep(SHORT_INTERVAL).await;
                let _ = tokio::time::timeout(INTERVAL - SHORT_INTERVAL, woken.notified()).await;
            }
        };
        (pulse, looking)
    }

    /// What is known, and what will be: the first is there at once where somebody looks already.
    pub(super) fn subscribe(&self) -> watch::Receiver<Option<Arc<str>>> {
        let mut receiver = self.news.subscribe();
        receiver.mark_changed();
        self.woken.notify_one();
        receiver
    }

    /// Something was changed here: it is to be shown soon.
    pub(super) fn hurry(&self) {
        self.woken.notify_one();
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.woken.notify_one();
    }
}

/// What was seen at the last look.
struct Look {
    queue: Arc<dyn QueueReads>,
    revision: Option<String>,
    tick: u64,
    looks: u32,
    at_work: bool,
    pace: Pace,
    images: Option<u64>,
}

impl Look {
    fn new(queue: Arc<dyn QueueReads>) -> Self {
        let pace = Pace::begin(Timestamp::now());
        Self { queue, revision: None, tick: 0, looks: 0, at_work: false, pace, images: None }
    }

    /// What is new, as JSON.
    async fn again(&mut self) -> Option<String> {
        match self.look().await {
            Ok(news) => news.and_then(|overview| serde_json::to_string(&overview).ok()),
            Err(error) => {
                self.revision = None;
                serde_json::to_string(&serde_json::json!({ "trouble": error.to_string() })).ok()
            }
        }
    }

    async fn look(&mut self) -> QueueResult<Option<Overview>> {
        let revision = self.queue.revision().await?;
        let has_changed = self.revision.as_ref() != Some(&revision);
        self.looks += 1;
        if !has_changed && self.looks < LOOKS_PER_RUN_CHECK {
            return Ok(None);
        }
        self.looks = 0;
        let was_at_work = std::mem::replace(&mut self.at_work, self.queue.is_at_work().await?);
        if !has_changed && was_at_work == self.at_work {
            return Ok(None);
        }
        self.tick += u64::from(has_changed);
        let overview = self.overview(Timestamp::now()).await?;
        // What was changed while this was read is seen by the next look.
        self.revision = Some(revision);
        Ok(Some(overview))
    }

    async fn overview(&mut self, now: Timestamp) -> QueueResult<Overview> {
        let counts = self.queue.counts().await?;
        let run = self.queue.last_run().await?;
        self.follow(&counts, now);
        let is_moving = self.at_work && counts.left() > 0;
        let per_minute = self.pace.per_minute(now).filter(|_| is_moving);
        let left = per_minute.and_then(|_| self.pace.time_left(&counts, now));
        let pause = run.as_ref().and_then(|run| run.pause.as_ref()).filter(|pause| self.at_work && pause.until > now);
        Ok(Overview {
            tick: self.tick,
            total: counts.total(),
            states: StateName::ALL.into_iter().map(|state| (state.word(), counts.of(state))).collect(),
            flagged: counts.flagged,
            flags: self.queue.flag_counts().await?.into_iter().map(|(flag, count)| (flag.word(), count)).collect(),
            approved: counts.approved,
            rejected: counts.rejected_images,
            unjudged: counts.unjudged(),
            unusable: counts.rejected,
            units: cost(counts.units, counts.paid, counts.untold),
            accounts: run.iter().flat_map(|run| &run.accounts).map(|account| account.name.to_string()).collect(),
            at_work: self.at_work,
            rate: per_minute.map(rate),
            left: left.map(rough_span),
            paused: pause.map(|pause| crate::job::clean_text(&pause.why)),
        })
    }

    /// Measures the rate at which images come.
    fn follow(&mut self, counts: &Counts, now: Timestamp) {
        let images = counts.of(StateName::Succeeded);
        let before = self.images.replace(images);
        for _ in before.map_or(0..0, |before| before..images.max(before)) {
            self.pace.succeeded(now);
        }
    }
}
