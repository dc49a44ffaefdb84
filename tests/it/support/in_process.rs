//! A run through the library, for what the command line gives no setting for: how long a provider that was never
//! reached is waited for, and how long doubt waits between two questions.

use std::time::Duration;

use tryon::job::ModelName;
use tryon::output::OutputTree;
use tryon::provider::{Auth, Provider as Client, ResultHost, Timeouts};
use tryon::queue::Queue;
use tryon::runner::{Door, InDoubtPolicy, RunEnd, RunSettings, run};

use super::provider::{KEY, Provider};
use super::workshop::Workshop;

/// Works the queue of a workshop, which must be loaded, with everything quick. `change` sets what a test is about.
pub(crate) fn run_here(shop: &Workshop, provider: &Provider, change: impl FnOnce(&mut RunSettings)) -> RunEnd {
    let second = Duration::from_secs(1);
    let mut settings = RunSettings {
        model: ModelName::default(),
        slots: 5,
        rate_per_second: 500.0,
        poll_rate_per_second: 500.0,
        poll_interval: Duration::from_millis(50),
        downloads: 4,
        max_attempts: 5,
        task_timeout: Duration::from_secs(60),
        in_doubt: InDoubtPolicy::Hold,
        budget: None,
        reach_patience: Duration::from_secs(60),
        doubt_interval: second,
    };
    change(&mut settings);
    let timeouts = Timeouts { connect: second, idle: second, request: second };
    let client = Client::new(&provider.url(), Auth::api_key(KEY.to_owned().into()), timeouts).expect("a client");
    let name = client.base_url().to_owned();
    let door = Door { provider: client, results: ResultHost::new(timeouts).expect("a client"), name };
    let queue = Queue::open_existing(&shop.out().join("queue.db")).expect("the queue, loaded");
    let tree = OutputTree::create(&shop.out()).expect("the tree");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let outcome = runtime.block_on(run(queue.into(), door, tree, settings, Default::default(), |_| {}));
    outcome.expect("the machine is well").end
}
