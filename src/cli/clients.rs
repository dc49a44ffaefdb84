//! The clients of a run: for each of its accounts, or for the stand-in, in each form of the API that it is open in.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc;
use tryon_sandbox::Sandbox;
use url::Url;

use crate::callback::Wake;
use crate::engine::{Endpoint, OtherForm, Resources, SlotCount, SystemClock};
use crate::job::{AccountName, ModelName, StateName};
use crate::ops::reconcile::BilledAccount;
use crate::provider::{Auth, HttpProvider, HttpResultHost, Provider, SandboxShelf, SolutionsProvider, Timeouts};
use crate::queue::{HostStart, Queue};
use crate::settings::{Account, Keys, ProviderName, Settings, account_keys};
use crate::store::{OutputTree, PictureLinks, Scratch};

use super::Failure;

/// Connecting, and silence in a body (`docs/promises.md`, `--request-timeout`).
const CONNECT: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(30);

/// Callbacks that wait for an account's watcher; what does not fit is learnt by asking.
const MOST_WAKES: usize = 1_024;

/// What a name has at its end that is about the "solutions" form. External ids and slots are learnt for each form.
const OF_SOLUTIONS: &str = " (try-on 3.0)";

/// At most this many jobs are under way at once.
const MOST_UNDER_WAY: usize = 100_000;

/// The clients of a run.
pub(super) struct Clients {
    accounts: Vec<Client>,
    results: HttpResultHost,
    /// The stand-in serves local pictures itself.
    links: Option<Arc<dyn PictureLinks>>,
}

/// The clients of one account.
struct Client {
    account: Account,
    provider: HttpProvider,
    /// Where the account is open in the "solutions" form.
    solutions: Option<SolutionsProvider>,
    /// Under which name the queue remembers what is learnt of it in the older form.
    older_name: String,
    callbacks: Option<mpsc::Receiver<Wake>>,
}

/// Looks for the keys of the accounts, before anything is changed. The stand-in takes any.
pub(super) fn with_keys(accounts: Vec<Account>, is_sandbox: bool) -> Result<Vec<(Account, Keys)>, Failure> {
    let mut with_keys = Vec::new();
    for account in accounts {
        let keys = match is_sandbox {
            true => Keys::ApiKey(SecretString::from("sandbox")),
            false => account_keys(&account)?,
        };
        if let Some(why) = keys.no_solutions().filter(|_| account.model.is_of_solutions()) {
            let option = account.name.as_ref().map_or("--model".to_owned(), |name| format!("account `{name}`: model"));
            return Err(Failure::usage(format!("{option}: {why}")));
        }
        with_keys.push((account, keys));
    }
    Ok(with_keys)
}

impl Clients {
    /// Sets up the clients for accounts, or for the stand-in in their place.
    pub(super) fn of(
        settings: &Settings,
        accounts: Vec<(Account, Keys)>,
        sandbox: Option<&Sandbox>,
    ) -> Result<Self, Failure> {
        let timeouts = Timeouts { connect: CONNECT, idle: IDLE, request: settings.request_timeout };
        let clients = accounts.into_iter().map(|(account, keys)| Client::of(account, keys, timeouts, sandbox));
        let accounts = clients.collect::<Result<Vec<_>, _>>().map_err(Failure::usage)?;
        let results = HttpResultHost::new(timeouts).map_err(Failure::usage)?;
        let shelf = sandbox.map(|sandbox| SandboxShelf::new(&sandbox.kling_url(), timeouts)).transpose();
        let links = shelf.map_err(Failure::usage)?.map(|shelf| Arc::new(shelf) as Arc<dyn PictureLinks>);
        Ok(Self { accounts, results, links })
    }

    /// What estimates reckon with.
    pub(super) fn endpoints(&self) -> Vec<(&Account, String)> {
        self.accounts.iter().map(|client| (&client.account, client.names().0)).collect()
    }

    /// The accounts that can be asked what they hold: Kling's own tell it.
    pub(super) fn that_tell_what_they_hold(&self) -> impl Iterator<Item = (Option<&AccountName>, &HttpProvider)> {
        let tells = |client: &&Client| client.account.provider == ProviderName::Kling;
        self.accounts.iter().filter(tells).map(|client| (client.account.name.as_ref(), &client.provider))
    }

    /// The accounts whose bill can be read: Kling's own.
    pub(super) fn that_have_a_bill(&self) -> impl Iterator<Item = BilledAccount<'_>> {
        let tells = |client: &&Client| client.account.provider == ProviderName::Kling;
        self.accounts.iter().filter(tells).map(|client| BilledAccount {
            name: client.account.name.as_ref(),
            provider: &client.provider,
            other_form: client.solutions.as_ref().map(|solutions| solutions as &dyn Provider),
            poll_rate: client.account.poll_rate,
        })
    }

    /// Has every create ask for callbacks, and hands each account the hints: whose a task is, they know.
    pub(super) fn ask_for_callbacks(&mut self, url: &Url, mut wakes: mpsc::Receiver<Wake>) {
        for client in &mut self.accounts {
            client.provider.ask_for_callbacks(url.as_str());
            if let Some(solutions) = &mut client.solutions {
                solutions.ask_for_callbacks(url.as_str());
            }
        }
        if let [client] = &mut self.accounts[..] {
            client.callbacks = Some(wakes);
            return;
        }
        let mut watchers = Vec::new();
        for client in &mut self.accounts {
            let (wake, callbacks) = mpsc::channel(MOST_WAKES);
            client.callbacks = Some(callbacks);
            watchers.push(wake);
        }
        tokio::spawn(async move {
            while let Some(wake) = wakes.recv().await {
                for watcher in &watchers {
                    let _ = watcher.try_send(wake.clone());
                }
            }
        });
    }

    /// What a run works with; `links` are those of `--upload-to`.
    pub(super) fn into_resources(
        self,
        queue: Arc<dyn Queue>,
        tree: OutputTree,
        links: Option<Arc<dyn PictureLinks>>,
        scratch: Scratch,
        host: HostStart,
    ) -> Resources {
        let accounts = self.accounts.into_iter().map(Client::into_endpoint).collect();
        let (results, clock) = (Arc::new(self.results), Arc::new(SystemClock));
        Resources { queue, accounts, results, tree, scratch, links: links.or(self.links), clock, host }
    }
}

impl Client {
    fn of(account: Account, keys: Keys, timeouts: Timeouts, sandbox: Option<&Sandbox>) -> Result<Self, String> {
        let base_url = match (sandbox, account.provider) {
            (Some(sandbox), ProviderName::Dmxapi) => sandbox.dmxapi_url(),
            (Some(sandbox), ProviderName::Kling) => sandbox.kling_url(),
            (None, _) => account.base_url.clone(),
        };
        let solutions = match &keys {
            Keys::ApiKey(key) if sandbox.is_some() || account.provider == ProviderName::Kling => {
                // The reseller that the stand-in plays has this form no more than the real one has.
                let base_url = sandbox.map_or_else(|| account.base_url.clone(), Sandbox::kling_url);
                Some(SolutionsProvider::new(&base_url, key.clone(), timeouts)?)
            }
            Keys::ApiKey(_) | Keys::Pair { .. } => None,
        };
        let auth = match keys {
            Keys::ApiKey(key) => Auth::api_key(key),
            Keys::Pair { access, secret } => Auth::signed(access, &secret),
        };
        let provider = HttpProvider::new(&base_url, auth, timeouts)?;
        let older_name = match &account.name {
            // The stand-in listens on another port each time and is the same provider all the same.
            _ if sandbox.is_some() => "sandbox".to_owned(),
            Some(name) => format!("{name} at {}", provider.base_url()),
            None => provider.base_url().to_owned(),
        };
        Ok(Self { account, provider, solutions, older_name, callbacks: None })
    }

    /// The names of the form that rows without a model need, and of the other one.
    fn names(&self) -> (String, String) {
        let (older, solutions) = (self.older_name.clone(), format!("{}{OF_SOLUTIONS}", self.older_name));
        if self.account.model.is_of_solutions() { (solutions, older) } else { (older, solutions) }
    }

    fn into_endpoint(self) -> Endpoint {
        let (name, other_name) = self.names();
        let Self { account, provider, solutions, callbacks, .. } = self;
        let older: Arc<dyn Provider> = Arc::new(provider);
        let solutions = solutions.map(|client| Arc::new(client) as Arc<dyn Provider>);
        // The form that most jobs need is asked the free questions: the other one may have ended.
        let (provider, other) = match solutions {
            Some(solutions) if account.model.is_of_solutions() => (solutions, Some(older)),
            solutions => (older, solutions),
        };
        Endpoint {
            provider,
            other_form: other.map(|provider| OtherForm { provider, name: other_name }),
            account: account.name,
            name,
            model: account.model,
            price: account.price,
            callbacks,
            slots: account.concurrency.fixed().map_or(SlotCount::Auto, |slots| SlotCount::AtMost(slots.get())),
            rate_per_second: account.rate,
            poll_rate_per_second: account.poll_rate,
        }
    }
}

/// Checks that every job of the queue can be asked for, before anything is spent: jobs may have been loaded for another
/// account, or for a run with `--upload-to`.
pub(super) async fn check_models(
    queue: &dyn Queue,
    settings: &Settings,
    accounts: &[(Account, Keys)],
) -> Result<(), Failure> {
    let three = ModelName::parse(ModelName::THREE).map_err(Failure::usage)?;
    // Rows that name no model are made with that of any account.
    let models: Vec<&ModelName> = accounts.iter().map(|(account, _)| &account.model).collect();
    let default = match models.iter().any(|model| model.is_of_solutions()) {
        true => three.clone(),
        false => ModelName::default(),
    };
    if let Some(why) = no_solutions(settings, accounts) {
        let under_way = [StateName::Submitting, StateName::InDoubt, StateName::Running, StateName::Downloading];
        let active = queue.active(&under_way, MOST_UNDER_WAY).await?;
        let active = active.into_iter().find(|job| job.model.is_of_solutions()).map(|job| job.spec.id);
        if let Some(id) = active.or(queue.first_for(three.clone(), default.clone(), false).await?) {
            return Err(Failure::usage(format!("job `{id}` is for virtual-try-on-3: {why}")));
        }
    }
    if !settings.links_local_pictures()
        && let Some(id) = queue.first_for(three, default, true).await?
    {
        return Err(Failure::usage(format!(
            "job `{id}` has a local picture, and virtual-try-on-3 takes URLs only; --upload-to s3://BUCKET/PREFIX puts it \
             into a bucket first"
        )));
    }
    Ok(())
}

/// Why none of the accounts can be asked for try-on 3.0, if none can.
fn no_solutions(settings: &Settings, accounts: &[(Account, Keys)]) -> Option<&'static str> {
    let is_open = |(account, keys): &(Account, Keys)| {
        settings.sandbox || (account.provider == ProviderName::Kling && keys.no_solutions().is_none())
    };
    if accounts.iter().any(is_open) {
        return None;
    }
    settings.no_solutions.or_else(|| accounts.iter().find_map(|(_, keys)| keys.no_solutions()))
}
