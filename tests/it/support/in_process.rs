//! A run through the library, for what the command line gives no setting for: how long a provider that was never
//! reached is waited for, and how long doubt waits between two questions.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use tryon::engine::{
    Endpoint, InDoubtPolicy, Outcome, Patience, Resources, RunEnd, RunError, RunSettings, SlotCount, SystemClock, run,
};
use tryon::job::ModelName;
use tryon::provider::{Auth, HttpProvider, HttpResultHost, Timeouts};
use tryon::queue::{self, Opening};
use tryon::store::{OutputTree, Scratch};

use super::provider::{KEY, Provider};
use super::workshop::{LONGEST_RUN, Workshop};

/// What a test is about: how the run works, and how it uses its account.
pub(crate) struct Setup {
    run: RunSettings,
    pub(crate) slots: SlotCount,
    pub(crate) rate_per_second: f64,
    pub(crate) poll_rate_per_second: f64,
}

impl Deref for Setup {
    type Target = RunSettings;

    fn deref(&self) -> &RunSettings {
        &self.run
    }
}

impl DerefMut for Setup {
    fn deref_mut(&mut self) -> &mut RunSettings {
        &mut self.run
    }
}

/// Works the queue of a workshop, which must be loaded, with everything quick. `change` sets what a test is about.
pub(crate) fn run_here(shop: &Workshop, provider: &Provider, change: impl FnOnce(&mut Setup)) -> RunEnd {
    let tree = OutputTree::create(&shop.out()).expect("the tree");
    run_into(tree, shop, provider, change).expect("the machine is well").end
}

/// The same with results that go elsewhere.
pub(crate) fn run_into(
    tree: OutputTree,
    shop: &Workshop,
    provider: &Provider,
    change: impl FnOnce(&mut Setup),
) -> Result<Outcome, RunError> {
    let second = Duration::from_secs(1);
    let run_settings = RunSettings {
        poll_interval: Duration::from_millis(50),
        downloads: 4,
        max_attempts: 5,
        task_timeout: Duration::from_secs(60),
        in_doubt: InDoubtPolicy::Hold,
        budget: None,
        inputs: None,
        fit_images: false,
        dedupe: false,
        min_result_px: 0,
        reach_patience: Duration::from_secs(60),
        doubt_interval: second,
        doubt_age: second,
        max_in_doubt: 50,
        patience: Patience::default(),
    };
    let mut setup =
        Setup { run: run_settings, slots: SlotCount::AtMost(5), rate_per_second: 500.0, poll_rate_per_second: 500.0 };
    change(&mut setup);
    let Setup { run: settings, slots, rate_per_second, poll_rate_per_second } = setup;
    let timeouts = Timeouts { connect: second, idle: second, request: second };
    let client = HttpProvider::new(&provider.url(), Auth::api_key(KEY.to_owned().into()), timeouts).expect("a client");
    let name = client.base_url().to_owned();
    let results = HttpResultHost::new(timeouts).expect("a client");
    let endpoint = Endpoint {
        provider: Arc::new(client),
        account: None,
        other_form: None,
        name,
        model: ModelName::default(),
        price: None,
        callbacks: None,
        slots,
        rate_per_second: Some(rate_per_second),
        poll_rate_per_second: Some(poll_rate_per_second),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let ended = runtime.block_on(async {
        let opened = queue::open(&shop.out().join("queue.db"), Opening::Existing).await;
        let resources = Resources {
            queue: opened.expect("the queue, loaded"),
            accounts: vec![endpoint],
            results: Arc::new(results),
            tree,
            scratch: Scratch::new(shop.out().join("queue.db-pictures")),
            links: None,
            clock: Arc::new(SystemClock),
            host: tryon::queue::HostStart::alone(),
        };
        let run = run(resources, settings, Default::default(), |_| {});
        tokio::time::timeout(LONGEST_RUN, run).await
    });
    ended.unwrap_or_else(|_| panic!("the run does not end: {}", shop.standing()))
}
