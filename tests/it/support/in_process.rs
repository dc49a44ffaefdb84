//! A run through the library, for what the command line gives no setting for: how long a provider that was never
//! reached is waited for, and how long doubt waits between two questions.

use std::sync::Arc;
use std::time::Duration;

use tryon::engine::{Door, InDoubtPolicy, Patience, RunEnd, RunSettings, SlotCount, SystemClock, run};
use tryon::job::ModelName;
use tryon::provider::{Auth, HttpProvider, HttpResultHost, Timeouts};
use tryon::queue::{self, Opening};
use tryon::store::OutputTree;

use super::provider::{KEY, Provider};
use super::workshop::{LONGEST_RUN, Workshop};

/// Works the queue of a workshop, which must be loaded, with everything quick. `change` sets what a test is about.
pub(crate) fn run_here(shop: &Workshop, provider: &Provider, change: impl FnOnce(&mut RunSettings)) -> RunEnd {
    let second = Duration::from_secs(1);
    let mut settings = RunSettings {
        model: ModelName::default(),
        slots: SlotCount::AtMost(5),
        rate_per_second: 500.0,
        poll_rate_per_second: 500.0,
        poll_interval: Duration::from_millis(50),
        downloads: 4,
        max_attempts: 5,
        task_timeout: Duration::from_secs(60),
        in_doubt: InDoubtPolicy::Hold,
        budget: None,
        pictures_folder: shop.out().join("queue.db-pictures"),
        fit_images: false,
        dedupe: false,
        min_result_px: 0,
        reach_patience: Duration::from_secs(60),
        doubt_interval: second,
        doubt_age: second,
        request_timeout: second,
        max_in_doubt: 50,
        patience: Patience::default(),
    };
    change(&mut settings);
    let timeouts = Timeouts { connect: second, idle: second, request: second };
    let client = HttpProvider::new(&provider.url(), Auth::api_key(KEY.to_owned().into()), timeouts).expect("a client");
    let name = client.base_url().to_owned();
    let results = HttpResultHost::new(timeouts).expect("a client");
    let door = Door {
        provider: Arc::new(client),
        results: Arc::new(results),
        clock: Arc::new(SystemClock),
        name,
        callbacks: None,
    };
    let tree = OutputTree::create(&shop.out()).expect("the tree");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let ended = runtime.block_on(async {
        let opened = queue::open(&shop.out().join("queue.db"), Opening::Existing).await;
        let run = run(opened.expect("the queue, loaded"), door, tree, settings, Default::default(), |_| {});
        tokio::time::timeout(LONGEST_RUN, run).await
    });
    ended.unwrap_or_else(|_| panic!("the run does not end: {}", shop.standing())).expect("the machine is well").end
}
