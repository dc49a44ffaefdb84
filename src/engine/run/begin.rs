//! A run begins: what it works with is put together, and what earlier runs have learnt is read.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ambient;
use crate::provider::ResultHost;
use crate::queue::{HostStart, Queue};
use crate::store::{OutputTree, PictureLinks, Scratch};

use crate::engine::account::{Account, Endpoint, Remembered};
use crate::engine::clock::Clock;
use crate::engine::error::RunError;
use crate::engine::event::RunEvent;
use crate::engine::inputs::people::People;
use crate::engine::inputs::request_pictures::{Links, RequestPictures};
use crate::engine::run::context::Shared;
use crate::engine::run::coordinator::Coordinator;
use crate::engine::run::end::Outcome;
use crate::engine::run::membership::{Membership, is_over};
use crate::engine::settings::{RunSettings, SlotCount};

/// A link to a picture lives at least this long: the provider fetches the picture when the task's turn comes.
const SHORTEST_LINK_LIFE: Duration = Duration::from_secs(24 * 3_600);

/// What a run works with.
#[derive(Debug)]
pub struct Resources {
    /// The jobs.
    pub queue: Arc<dyn Queue>,
    /// The accounts that take them; at least one.
    pub accounts: Vec<Endpoint>,
    /// Fetches results.
    pub results: Arc<dyn ResultHost>,
    /// Where results go.
    pub tree: OutputTree,
    /// Where the pictures that the run makes lie until it ends; nobody else's.
    pub scratch: Scratch,
    /// Makes links to local pictures, where there is something that can.
    pub links: Option<Arc<dyn PictureLinks>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who works the queue: this process, among others.
    pub host: HostStart,
}

/// Works the queue until nothing is left to do, or until `interrupted`.
///
/// Every event goes to `observe`, in order.
///
/// # Errors
/// The queue or the output folder failed. What is recorded is safe.
pub async fn run(
    resources: Resources,
    settings: RunSettings,
    interrupted: CancellationToken,
    mut observe: impl FnMut(&RunEvent) + Send,
) -> Result<Outcome, RunError> {
    let Resources { queue, accounts: endpoints, results, tree, scratch, links, clock, host } = resources;
    // What the run is said to begin with: without a limit where one of the accounts has none.
    let slots = endpoints.iter().map(|endpoint| endpoint.slots).reduce(SlotCount::and);
    let model = endpoints.first().map(|endpoint| endpoint.model.clone());
    let (Some(slot_count), Some(model)) = (slots, model) else {
        return Err(RunError::Bug("a run without an account".to_owned()));
    };
    let mut accounts = Vec::new();
    for endpoint in endpoints {
        let other_external_ids = match &endpoint.other_form {
            Some(other) => queue.external_ids(&other.name).await?,
            None => None,
        };
        let remembered = Remembered {
            slots: queue.slots_found(&endpoint.name).await?,
            external_ids: queue.external_ids(&endpoint.name).await?,
            creates_per_second: queue.pace_found(&endpoint.name).await?,
            other_external_ids,
        };
        let creates = Membership::turns(&queue, &format!("{} creates", endpoint.name), endpoint.rate_per_second);
        let queries = Membership::turns(&queue, &format!("{} queries", endpoint.name), endpoint.poll_rate_per_second);
        accounts.push(Account::new(endpoint, &remembered, &settings, (creates, queries)));
    }
    accounts.sort_by(|one, other| one.price.total_cmp(&other.price));
    let slots = accounts.iter().map(|account| account.slots.limit()).sum();
    let hosts = Membership::join(Arc::clone(&queue), Arc::clone(&clock), host).await?;
    let run = queue.begin_run(slots, settings.budget, model, clock.now()).await?;
    // A task that waits for longer than that at the provider is left to the next run anyway.
    let life = SHORTEST_LINK_LIFE.max(settings.task_timeout * 2);
    let links = links.map(|maker| Links { maker, life });
    let pictures = Arc::new(RequestPictures::new(
        scratch,
        (settings.inputs.clone(), queue.is_shared()),
        settings.fit_images,
        links,
    ));
    let people = Arc::new(People::new(pictures.objects().clone(), settings.inputs.clone()));
    let queue_name = match queue.is_shared() {
        true => Some(queue.keep_identity(ambient::unique_id().simple().to_string()).await?),
        false => None,
    };
    let (started, succeeded, mut is_first) = (Instant::now(), Arc::default(), true);
    let ended = loop {
        // Cannot fill: the coordinator takes every fact before it does anything else, and a worker has few of them to tell
        // between two verbs of the queue.
        let (facts, told) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            clock: Arc::clone(&clock),
            run,
            counts: Mutex::new(queue.counts().await?),
            pictures: Arc::clone(&pictures),
            people: Arc::clone(&people),
            queue: Arc::clone(&queue),
            hosts: Arc::clone(&hosts),
            accounts: accounts.clone(),
            results: Arc::clone(&results),
            tree: match &queue_name {
                Some(name) => tree.clone().of_epoch(name, hosts.epoch().0),
                None => tree.clone(),
            },
            downloads: Semaphore::new(settings.downloads),
            shutdown: interrupted.child_token(),
            facts,
            parked: Mutex::default(),
            is_budget_short: false.into(),
            settings: settings.clone(),
            started,
            succeeded: Arc::clone(&succeeded),
        });
        let told_first = std::mem::take(&mut is_first).then_some(slot_count);
        let ended = Coordinator::new(shared, told, &mut observe).run(told_first, interrupted.clone()).await;
        match ended {
            // It was paused, or cut off from its queue, for longer than its lease. What it had is others' by now, and what it was
            // submitting is in doubt; nothing of it is on its way any more, and it goes on like a process that was started.
            // Interrupted meanwhile, it ends as it would have.
            Err(RunError::Queue(error)) if is_over(&error) => {
                tracing::warn!("{error}; it goes on");
                hosts.join_again().await?;
            }
            ended => break ended,
        }
    };
    hosts.leave().await;
    ended
}
