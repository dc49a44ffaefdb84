//! How long a number of tasks takes, and what it costs, by what is known of the accounts.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::queue::{QueueError, QueueReads};
use crate::settings::{Account, Settings};
use crate::view::wording::{rough_span, units};

use super::estimate::Lines;

/// How long a generation takes by the provider's own word (`docs/provider.md`, "Query one task").
const TYPICAL_TASK: Duration = Duration::from_secs(30);

/// How long the embedded stand-in takes for one in the mean, and how many it takes at once.
const SANDBOX_TASK: Duration = Duration::from_secs(2);
const SANDBOX_SLOTS: usize = 10;

/// What is reckoned with where nobody has said or found out the number of slots.
const SLOTS_WHEN_UNKNOWN: usize = 5;

/// An account, and the name under which a queue remembers what was learnt of it.
pub type Endpoint<'a> = (&'a Account, String);

/// What an estimate reckons with.
#[derive(Debug, Clone)]
pub struct Reckoning {
    accounts: Vec<Share>,
    /// How long a task takes.
    task: Duration,
    /// Whether it costs anything.
    costs: bool,
}

/// What one account takes.
#[derive(Debug, Clone, Copy)]
struct Share {
    slots: Slots,
    /// Submissions a second, at most.
    rate: Option<f64>,
    /// What one unit costs; `None` says nothing of cost.
    price: Option<f64>,
}

/// How many tasks are in flight at once, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slots {
    /// `--concurrency N`.
    Said(usize),
    /// An earlier run has found it out.
    Found(usize),
    /// The slots of the stand-in.
    Sandbox,
    /// Nobody knows yet.
    Assumed,
}

impl Slots {
    fn number(self) -> usize {
        match self {
            Self::Said(slots) | Self::Found(slots) => slots,
            Self::Sandbox => SANDBOX_SLOTS,
            Self::Assumed => SLOTS_WHEN_UNKNOWN,
        }
    }
}

impl Reckoning {
    /// By the settings alone.
    pub fn by<'a>(settings: &Settings, accounts: impl IntoIterator<Item = &'a Account>) -> Self {
        Self::of(settings.sandbox, accounts)
    }

    fn of<'a>(is_sandbox: bool, accounts: impl IntoIterator<Item = &'a Account>) -> Self {
        let (unsaid, task) = if is_sandbox { (Slots::Sandbox, SANDBOX_TASK) } else { (Slots::Assumed, TYPICAL_TASK) };
        let share = |account: &Account| {
            let said = account.concurrency.fixed().map(NonZeroUsize::get);
            Share { slots: said.map_or(unsaid, Slots::Said), rate: account.rate, price: account.price }
        };
        Self { accounts: accounts.into_iter().map(share).collect(), task, costs: true }
    }

    /// By the settings, and by what earlier runs of this queue have found out at these accounts.
    pub(super) async fn by_experience(
        is_sandbox: bool,
        queue: &dyn QueueReads,
        endpoints: &[Endpoint<'_>],
    ) -> Result<Self, QueueError> {
        let mut reckoning = Self::of(is_sandbox, endpoints.iter().map(|(account, _)| *account));
        for (share, (_, name)) in reckoning.accounts.iter_mut().zip(endpoints) {
            let found = queue.slots_found(name).await?;
            if let (Slots::Assumed | Slots::Sandbox, Some(found)) = (share.slots, found) {
                share.slots = Slots::Found(found as usize);
            }
        }
        if let Some(usual) = queue.usual_task_time().await? {
            reckoning.task = usual.max(Duration::from_secs(1));
        }
        // The stand-in takes what it takes, and nothing.
        reckoning.costs = !is_sandbox;
        Ok(reckoning)
    }

    /// How long this many tasks take: by the slots, or by the submission rate where that is slower.
    fn time_of(&self, tasks: u64) -> Duration {
        let slots = self.slots().max(1) as u64;
        let by_slots = self.task.saturating_mul(u32::try_from(tasks.div_ceil(slots)).unwrap_or(u32::MAX));
        let Some(rate) = self.accounts.iter().map(|share| share.rate).sum::<Option<f64>>() else { return by_slots };
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let sending = Duration::try_from_secs_f64(tasks as f64 / rate).unwrap_or(Duration::MAX);
        by_slots.max(sending.saturating_add(self.task))
    }

    fn slots(&self) -> usize {
        self.accounts.iter().map(|share| share.slots.number()).sum()
    }

    /// The lines about time and cost.
    pub fn lines(&self, tasks: u64) -> Lines {
        if tasks == 0 {
            return Lines::new();
        }
        let each = format!("{} s each", self.task.as_secs_f64().round());
        let time = format!("{}, with {} and {each}", rough_span(self.time_of(tasks)), self.slots_in_words());
        let mut lines = vec![("time", time)];
        lines.extend(self.cost(tasks).map(|cost| ("cost", cost)));
        lines
    }

    fn slots_in_words(&self) -> String {
        let [share] = &self.accounts[..] else {
            let is_known = self.accounts.iter().all(|share| share.slots != Slots::Assumed);
            let how = if is_known { "" } else { " (in part assumed: a run finds out what each allows)" };
            return format!("{} in flight at {} accounts{how}", self.slots(), self.accounts.len());
        };
        match share.slots {
            Slots::Said(slots) => format!("{slots} in flight"),
            Slots::Sandbox => format!("the stand-in's {SANDBOX_SLOTS} in flight"),
            Slots::Found(slots) => format!("{slots} in flight (so many were found last time)"),
            Slots::Assumed => {
                format!("{SLOTS_WHEN_UNKNOWN} in flight (assumed: a run finds out what the account allows)")
            }
        }
    }

    /// What it costs, where every account's price is known. Which account makes how many depends on the night.
    fn cost(&self, tasks: u64) -> Option<String> {
        let prices = self.accounts.iter().map(|share| share.price).collect::<Option<Vec<f64>>>();
        let prices = prices.filter(|_| self.costs)?;
        let (least, most) = (prices.iter().copied().reduce(f64::min)?, prices.iter().copied().reduce(f64::max)?);
        #[expect(clippy::cast_precision_loss, reason = "money to the third decimal")]
        let cost = |price: f64| units(tasks as f64 * price);
        Some(if least < most {
            format!("{} to {}, at {least} to {most} a unit and one unit a task", cost(least), cost(most))
        } else {
            format!("{}, at {least} a unit and one unit a task", cost(least))
        })
    }
}
