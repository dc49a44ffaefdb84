//! The clients that a run works with: for the provider, or for the stand-in, in each form of its API.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc;
use tryon_sandbox::Sandbox;
use url::Url;

use crate::callback::Wake;
use crate::engine::{Endpoint, OtherForm, Resources, SlotCount, SystemClock};
use crate::job::{ModelName, StateName};
use crate::provider::{Auth, HttpProvider, HttpResultHost, Provider, SandboxShelf, SolutionsProvider, Timeouts};
use crate::queue::Queue;
use crate::settings::{Keys, ProviderName, Settings};
use crate::store::{OutputTree, PictureLinks, Scratch};

use super::Failure;

/// See the module's page.
pub(super) struct Clients {
    pub(super) provider: HttpProvider,
    /// Where the account is open in the "solutions" form.
    solutions: Option<SolutionsProvider>,
    results: HttpResultHost,
    links: Option<Arc<dyn PictureLinks>>,
    /// Under which name what is learnt of the account is remembered, in the form that rows without a model need.
    pub(super) name: String,
    other_name: String,
    callbacks: Option<mpsc::Receiver<Wake>>,
}

/// What a name has at its end that is about the "solutions" form. External ids and slots are learnt for each form.
const OF_SOLUTIONS: &str = " (try-on 3.0)";

/// At most this many jobs are under way at once.
const MOST_UNDER_WAY: usize = 100_000;

impl Clients {
    /// Has every create ask for callbacks, and hands the run their hints.
    pub(super) fn ask_for_callbacks(&mut self, url: &Url, wakes: mpsc::Receiver<Wake>) {
        self.provider.ask_for_callbacks(url.as_str());
        if let Some(solutions) = &mut self.solutions {
            solutions.ask_for_callbacks(url.as_str());
        }
        self.callbacks = Some(wakes);
    }

    /// What a run works with.
    pub(super) fn into_resources(
        self,
        settings: &Settings,
        queue: Arc<dyn Queue>,
        tree: OutputTree,
        scratch: Scratch,
    ) -> Resources {
        let older: Arc<dyn Provider> = Arc::new(self.provider);
        let solutions = self.solutions.map(|client| Arc::new(client) as Arc<dyn Provider>);
        // The form that most jobs need is asked the free questions: the other one may have ended.
        let (provider, other) = match solutions {
            Some(solutions) if settings.model.is_of_solutions() => (solutions, Some(older)),
            solutions => (older, solutions),
        };
        let endpoint = Endpoint {
            provider,
            other_form: other.map(|provider| OtherForm { provider, name: self.other_name }),
            name: self.name,
            callbacks: self.callbacks,
            slots: settings.concurrency.fixed().map_or(SlotCount::Auto, |slots| SlotCount::AtMost(slots.get())),
            rate_per_second: settings.rate,
            poll_rate_per_second: settings.poll_rate,
        };
        let (results, clock) = (Arc::new(self.results), Arc::new(SystemClock));
        Resources { queue, accounts: vec![endpoint], results, tree, scratch, links: self.links, clock }
    }
}

/// Sets up the clients for the provider, or for the stand-in.
pub(super) fn clients(settings: &Settings, keys: Keys, sandbox: Option<&Sandbox>) -> Result<Clients, Failure> {
    let timeouts =
        Timeouts { connect: Duration::from_secs(10), idle: Duration::from_secs(30), request: settings.request_timeout };
    let base_url = match (sandbox, settings.provider) {
        (Some(sandbox), ProviderName::Dmxapi) => sandbox.dmxapi_url(),
        (Some(sandbox), ProviderName::Kling) => sandbox.kling_url(),
        (None, _) => settings.base_url.clone(),
    };
    let solutions = solutions(settings, &keys, sandbox, timeouts).map_err(Failure::usage)?;
    let links = match sandbox {
        Some(sandbox) => {
            Some(Arc::new(SandboxShelf::new(&sandbox.kling_url(), timeouts).map_err(Failure::usage)?) as _)
        }
        None => None,
    };
    let auth = match keys {
        Keys::ApiKey(key) => Auth::api_key(key),
        Keys::Pair { access, secret } => Auth::signed(access, &secret),
    };
    let provider = HttpProvider::new(&base_url, auth, timeouts).map_err(Failure::usage)?;
    let results = HttpResultHost::new(timeouts).map_err(Failure::usage)?;
    // The stand-in listens on another port each time and is the same provider all the same.
    let older_name = if sandbox.is_some() { "sandbox".to_owned() } else { provider.base_url().to_owned() };
    let solutions_name = format!("{older_name}{OF_SOLUTIONS}");
    let (name, other_name) = match settings.model.is_of_solutions() {
        true => (solutions_name, older_name),
        false => (older_name, solutions_name),
    };
    Ok(Clients { provider, solutions, results, links, name, other_name, callbacks: None })
}

/// The client of the "solutions" form, where the account is open in it.
fn solutions(
    settings: &Settings,
    keys: &Keys,
    sandbox: Option<&Sandbox>,
    timeouts: Timeouts,
) -> Result<Option<SolutionsProvider>, String> {
    let key: &SecretString = match keys {
        Keys::ApiKey(key) if settings.no_solutions().is_none() => key,
        Keys::ApiKey(_) | Keys::Pair { .. } => return Ok(None),
    };
    // The reseller that the stand-in plays has this form no more than the real one has.
    let base_url = sandbox.map_or_else(|| settings.base_url.clone(), Sandbox::kling_url);
    SolutionsProvider::new(&base_url, key.clone(), timeouts).map(Some)
}

/// Checks that every job of the queue can be asked for, before anything is spent: jobs may have been loaded for another
/// account, or for a run with `--upload-to`.
pub(super) async fn check_models(queue: &dyn Queue, settings: &Settings, keys: &Keys) -> Result<(), Failure> {
    let three = || ModelName::parse(ModelName::THREE).map_err(Failure::usage);
    let first =
        |has_file| async move { Ok::<_, Failure>(queue.first_for(three()?, settings.model.clone(), has_file).await?) };
    if let Some(why) = settings.no_solutions().or_else(|| keys.no_solutions()) {
        let under_way = [StateName::Submitting, StateName::InDoubt, StateName::Running, StateName::Downloading];
        let active = queue.active(&under_way, MOST_UNDER_WAY).await?;
        let active = active.into_iter().find(|job| job.model.is_of_solutions()).map(|job| job.spec.id);
        if let Some(id) = active.or(first(false).await?) {
            return Err(Failure::usage(format!("job `{id}` is for virtual-try-on-3: {why}")));
        }
    }
    if !settings.links_local_pictures()
        && let Some(id) = first(true).await?
    {
        return Err(Failure::usage(format!(
            "job `{id}` has a local picture, and virtual-try-on-3 takes URLs only; --upload-to s3://BUCKET/PREFIX puts it \
             into a bucket first"
        )));
    }
    Ok(())
}
