//! The accounts of a night: one, or two at providers with books of their own, whose names the shop changes now and then.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tryon::engine::{Endpoint, SlotCount};
use tryon::job::{AccountName, ModelName};
use tryon::provider::{Download, FetchError, ResultHost};

use crate::dice::Dice;
use crate::provider::Simulated;
use crate::weather::{Calls, Weather};
use crate::world::World;

/// Under which name what is learnt of the one account is remembered.
pub(crate) const ENDPOINT: &str = "simulated";

/// What the ids of the first provider's tasks begin with.
pub(crate) const FIRST_PREFIX: &str = "task-";

/// The names of two accounts, in the order of their providers.
const NAMES: [&str; 2] = ["one", "two"];

/// One of this number of nights has two accounts. Such a night's first account is that of the same seed with one.
const EVERY: u64 = 8;

/// What the ids of the second provider's tasks begin with: in every other of these nights both count their tasks from 1.
fn second_prefix(seed: u64) -> &'static str {
    if (seed / EVERY).is_multiple_of(2) { FIRST_PREFIX } else { "other-" }
}

/// Whether the night of a seed has two accounts.
pub(crate) fn is_of_two(seed: u64) -> bool {
    seed % EVERY == EVERY - 1
}

/// The second account's provider, where a night has one. Its weather is its own, but for what belongs to the shop.
pub(crate) fn second(seed: u64, weather: &mut Weather, world: &Arc<World>) -> Arc<Simulated> {
    // Another account's key is what the names are changed for here.
    weather.foreign = None;
    let mut dice = Dice::new(seed ^ 0x5ec0_4d00);
    let own = Weather::of(&mut dice);
    let shared = weather.clone();
    let weather = Weather {
        jobs: shared.jobs,
        dedupe: shared.dedupe,
        resubmit: shared.resubmit,
        max_in_doubt: shared.max_in_doubt,
        bad_pairs: shared.bad_pairs,
        processes: shared.processes,
        calm_from: shared.calm_from,
        jumps: shared.jumps,
        step_ms: shared.step_ms,
        foreign: None,
        ..own
    };
    Arc::new(Simulated::new(seed, Arc::clone(world), weather, dice, second_prefix(seed)))
}

/// The names of two accounts in a process: in one of three the shop has swapped them, in one it has new ones.
fn names_in(process: usize, is_morning: bool) -> [&'static str; 2] {
    match process % 3 {
        _ if is_morning => NAMES,
        1 => [NAMES[1], NAMES[0]],
        2 => ["first", NAMES[1]],
        _ => NAMES,
    }
}

/// Under which names what is learnt of two accounts is remembered in the morning.
pub(crate) fn endpoints_of_two() -> [String; 2] {
    [0, 1].map(|place| remembered(NAMES[place], place))
}

fn remembered(name: &str, place: usize) -> String {
    format!("{name} at {ENDPOINT} {place}")
}

/// The endpoints of a process.
pub(crate) fn endpoints(
    providers: &[Arc<Simulated>],
    process: usize,
    is_morning: bool,
    slots: SlotCount,
    has_rates: bool,
) -> Vec<Endpoint> {
    let names = names_in(process, is_morning);
    let is_named = providers.len() > 1;
    let endpoint = |(place, provider): (usize, &Arc<Simulated>)| {
        let callbacks = (provider.weather.calls != Calls::NotAskedFor).then(|| {
            let (calls, wakes) = mpsc::channel(64);
            tokio::spawn(Arc::clone(provider).call_back(calls));
            wakes
        });
        Endpoint {
            provider: provider.clone(),
            account: is_named.then(|| AccountName::parse(names[place]).expect("a name")),
            other_form: None,
            name: if is_named { remembered(names[place], place) } else { ENDPOINT.to_owned() },
            model: ModelName::default(),
            price: is_named.then_some([0.2, 0.1][place]),
            callbacks,
            slots,
            rate_per_second: has_rates.then_some(5.0),
            poll_rate_per_second: has_rates.then_some(20.0),
        }
    };
    providers.iter().enumerate().map(endpoint).collect()
}

/// Where results are fetched from: the provider that made them.
#[derive(Debug)]
pub(crate) struct Results(pub(crate) Vec<Arc<Simulated>>);

impl ResultHost for Results {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Box<dyn Download>, FetchError>> {
        let place = url.trim_start_matches("sim://").split('/').next().and_then(|place| place.parse().ok());
        let maker = place.and_then(|place: usize| self.0.get(place)).unwrap_or(&self.0[0]);
        async move { maker.fetch(url).await }.boxed()
    }
}
