//! One account at a provider, as a run knows it: its endpoint, slots, gate, pace and watcher, what it has shown that it can
//! do, and what its answers mean. Nothing here knows of the queue.

pub(crate) mod backoff;
mod blame;
pub(crate) mod capabilities;
pub(crate) mod gate;
pub(crate) mod pace;
pub(crate) mod recognize;
pub(crate) mod refusals;
pub(crate) mod slots;
pub(crate) mod tally;
pub(crate) mod verdict;
pub(crate) mod watcher;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::callback::Wake;
use crate::job::{AccountName, Forms, ModelName};
use crate::provider::Provider;
use crate::queue::AccountStanding;

use crate::engine::settings::{RunSettings, SlotCount};

use backoff::Backoff;
use blame::Blame;
use capabilities::Capabilities;
use gate::{Gate, Lane};
use pace::{Bounds, Pace, SharedTurns};
use refusals::Refusals;
use slots::Slots;
use tally::Tally;
use watcher::{Watcher, Watching};

/// Submissions and status requests a second at the beginning, where nobody has said how many there may be.
const FIRST_CREATES: f64 = 8.0;
const FIRST_QUERIES: f64 = 20.0;

/// "No such task" is believed of a running task when it was said this often, over six times the time between two
/// questions about doubt.
const UNKNOWN_TIMES: u32 = 5;

/// An account that a run is to use, and how.
#[derive(Debug)]
pub struct Endpoint {
    /// The client, with the account's credentials, for the form of the API that most jobs need.
    pub provider: Arc<dyn Provider>,
    /// Its name in the settings; `None` for the one account of a run that names none.
    pub account: Option<AccountName>,
    /// A client for another form, where the account is open in two: models decide which one a job needs.
    pub other_form: Option<OtherForm>,
    /// Under which name what is learnt of it is remembered: its base URL, or a name that outlives a port.
    pub name: String,
    /// The model for rows that name none.
    pub model: ModelName,
    /// What one unit costs there; jobs go to the cheapest account that has room. `None` counts as dearest.
    pub price: Option<f64>,
    /// What its callbacks tell, where they are listened for.
    pub callbacks: Option<mpsc::Receiver<Wake>>,
    /// Tasks in flight there.
    pub slots: SlotCount,
    /// Submissions a second, at most; over 0. `None` finds out how many it bears.
    pub rate_per_second: Option<f64>,
    /// Status requests a second, at most; over 0. `None` finds out how many it bears.
    pub poll_rate_per_second: Option<f64>,
}

/// A further form of the API that an account is open in.
#[derive(Debug)]
pub struct OtherForm {
    /// The client, with the account's credentials.
    pub provider: Arc<dyn Provider>,
    /// Under which name what is learnt of this form is remembered: external ids may be known in one and not in the other.
    pub name: String,
}

/// What earlier runs have learnt of an account.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    /// How many slots it was found to have.
    pub(crate) slots: Option<u32>,
    /// Whether it knows external task ids.
    pub(crate) external_ids: Option<bool>,
    /// How many submissions a second it was found to bear.
    pub(crate) creates_per_second: Option<f64>,
    /// Whether its other form does.
    pub(crate) other_external_ids: Option<bool>,
}

/// Turns among all hosts, for creates and for queries, where they share given rates.
pub(crate) type Turns = (Option<Arc<dyn SharedTurns>>, Option<Arc<dyn SharedTurns>>);

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Account {
    /// [`Endpoint::account`].
    pub(crate) id: Option<AccountName>,
    /// Where it is, for one that has a name; the same in all its forms.
    pub(crate) endpoint: Option<String>,
    /// [`Endpoint::name`].
    pub(crate) name: String,
    /// [`Endpoint::model`].
    pub(crate) model: ModelName,
    /// [`Endpoint::price`], infinite where it is not known.
    pub(crate) price: f64,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) slots: Arc<Slots>,
    /// Whether the number of slots is found by asking for more.
    pub(crate) finds_slots: bool,
    /// How many tasks the account takes over all hosts; 0 where nobody has found it out.
    shared_slots: Arc<AtomicU32>,
    /// How many of its tasks outlast their time, and are looked at no more in this run.
    parked: Arc<AtomicU32>,
    pub(crate) creates: Arc<Pace>,
    pub(crate) queries: Arc<Pace>,
    pub(crate) watcher: Watcher,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) capabilities: Capabilities,
    blame: Blame,
    /// Tasks that failed for want of room since the last one was made.
    no_room: AtomicU32,
    /// Whether no job is claimed for it any more.
    is_fed: AtomicBool,
    /// Slots that are taken for a job that is not claimed yet.
    reaching: Arc<AtomicU64>,
    /// Tasks that it took in this run, in all its forms.
    pub(crate) tally: Arc<Tally>,
    /// The same account in another form of the API: the same slots, gate and pace, and capabilities and a watcher of its own.
    other_form: Option<Arc<Account>>,
}

impl Account {
    /// The account in the form in which a model is asked for.
    pub(crate) fn for_model(self: &Arc<Self>, model: &ModelName) -> Arc<Self> {
        let other = self.other_form.as_ref().filter(|other| other.provider.takes(model));
        Arc::clone(other.filter(|_| !self.provider.takes(model)).unwrap_or(self))
    }

    /// The forms of the API that it is open in.
    pub(crate) fn taken(self: &Arc<Self>) -> Forms {
        let takes = |name: &str| {
            let model = ModelName::parse(name);
            model.is_ok_and(|model| self.forms().any(|form| form.provider.takes(&model)))
        };
        Forms { kolors: takes(ModelName::DEFAULT), solutions: takes(ModelName::THREE) }
    }

    /// The account in each of its forms.
    pub(crate) fn forms(self: &Arc<Self>) -> impl Iterator<Item = &Arc<Self>> {
        std::iter::once(self).chain(&self.other_form)
    }

    /// An account at the beginning of a run. Its watcher runs until it is dropped.
    pub(crate) fn new(
        endpoint: Endpoint,
        remembered: &Remembered,
        settings: &RunSettings,
        (create_turns, query_turns): Turns,
    ) -> Arc<Self> {
        let gate = Gate::new(Backoff::OUTAGE, settings.patience);
        let queries = Bounds { first: FIRST_QUERIES, most: endpoint.poll_rate_per_second, limit: None };
        let queries = Pace::new(queries, query_turns);
        let creates =
            Bounds { first: FIRST_CREATES, most: endpoint.rate_per_second, limit: remembered.creates_per_second };
        let creates = Pace::new(creates, create_turns);
        let shared_slots = Arc::new(AtomicU32::new(match endpoint.slots {
            SlotCount::AtMost(slots) => u32::try_from(slots).unwrap_or(u32::MAX),
            SlotCount::Auto => remembered.slots.unwrap_or(0),
        }));
        let slots = Slots::new(endpoint.slots, remembered.slots);
        let parked: Arc<AtomicU32> = Arc::default();
        let refusals: Arc<Refusals> = Arc::default();
        let (tally, reaching): (Arc<Tally>, Arc<AtomicU64>) = Default::default();
        let place = endpoint.account.as_ref().map(|_| endpoint.name.clone());
        let form = |provider: Arc<dyn Provider>, name, external_ids, callbacks, other_form| {
            let watcher = Watcher::start(
                Arc::clone(&provider),
                Arc::clone(&gate),
                Arc::clone(&queries),
                watching(settings),
                callbacks,
            );
            Arc::new(Self {
                id: endpoint.account.clone(),
                endpoint: place.clone(),
                name,
                model: endpoint.model.clone(),
                price: endpoint.price.unwrap_or(f64::INFINITY),
                provider,
                gate: Arc::clone(&gate),
                slots: Arc::clone(&slots),
                finds_slots: endpoint.slots == SlotCount::Auto,
                shared_slots: Arc::clone(&shared_slots),
                parked: Arc::clone(&parked),
                creates: Arc::clone(&creates),
                queries: Arc::clone(&queries),
                watcher,
                refusals: Arc::clone(&refusals),
                capabilities: Capabilities::new(external_ids),
                blame: Blame::default(),
                no_room: AtomicU32::new(0),
                is_fed: AtomicBool::new(false),
                reaching: Arc::clone(&reaching),
                tally: Arc::clone(&tally),
                other_form,
            })
        };
        // Callbacks reach the first form alone; in the other one tasks are asked about.
        let other_form = endpoint
            .other_form
            .map(|other| form(other.provider, other.name, remembered.other_external_ids, None, None));
        form(endpoint.provider, endpoint.name, remembered.external_ids, endpoint.callbacks, other_form)
    }

    /// Tasks that it would take now: free slots, while creates may leave.
    pub(crate) fn room(&self) -> u64 {
        let reaching = self.reaching.load(Ordering::Acquire);
        let takes_jobs = !self.is_fed.load(Ordering::Acquire) && self.gate.is_open(Lane::Create);
        if takes_jobs { self.slots.free() + reaching } else { 0 }
    }

    /// A slot is taken for a job that is about to be claimed: until what is returned is dropped, it is room for one that waits.
    pub(crate) fn reaches(&self) -> Reaching {
        self.reaching.fetch_add(1, Ordering::AcqRel);
        Reaching(Arc::clone(&self.reaching))
    }

    /// How many tasks it may have over all hosts, where a slot for one more than it is known to take may be tried.
    pub(crate) fn shared_slots(&self, is_probe: bool) -> u32 {
        match self.shared_slots.load(Ordering::Relaxed) {
            0 => u32::MAX,
            slots => slots.saturating_add(u32::from(is_probe && self.finds_slots)),
        }
    }

    /// How many it takes over all hosts, as far as somebody has found it out.
    pub(crate) fn set_shared_slots(&self, slots: Option<u32>) {
        self.shared_slots.store(slots.unwrap_or(0), Ordering::Relaxed);
    }

    /// A task of its own has outlasted its time, and is looked at no more in this run.
    pub(crate) fn parks_task(&self) {
        self.parked.fetch_add(1, Ordering::Relaxed);
    }

    /// How many such tasks it has.
    pub(crate) fn parked(&self) -> u32 {
        self.parked.load(Ordering::Relaxed)
    }

    /// No job is claimed for it any more in this run.
    pub(crate) fn ends_taking(&self) {
        self.is_fed.store(true, Ordering::Release);
    }

    /// How it goes on; `None` for an account without a name.
    pub(crate) fn standing(&self, now: Timestamp) -> Option<AccountStanding> {
        let name = self.id.clone()?;
        let stopped = self.gate.stopped().map(|(stopped, _)| stopped.said);
        Some(AccountStanding {
            name,
            slots: self.slots.limit(),
            in_flight: self.slots.held(),
            done: self.tally.now(),
            has_ended: stopped.is_some(),
            trouble: stopped.or_else(|| self.gate.pause(now).map(|pause| pause.why)),
        })
    }
}

/// See [`Account::reaches`].
pub(crate) struct Reaching(Arc<AtomicU64>);

impl Drop for Reaching {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn watching(settings: &RunSettings) -> Watching {
    Watching {
        interval: settings.poll_interval,
        unknown_times: UNKNOWN_TIMES,
        unknown_for: settings.doubt_interval * 6,
    }
}
