//! The clients of a run: one for each of its accounts, or for the stand-in.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc;
use tryon_sandbox::Sandbox;
use url::Url;

use crate::callback::Wake;
use crate::engine::{Endpoint, Resources, SlotCount, SystemClock};
use crate::job::AccountName;
use crate::ops::estimate;
use crate::provider::{Auth, HttpProvider, HttpResultHost, Timeouts};
use crate::queue::Queue;
use crate::settings::{Account, Keys, ProviderName, Settings, account_keys};
use crate::store::{OutputTree, PictureLinks, Scratch};

use super::Failure;

/// Connecting, and silence in a body (`docs/promises.md`, `--request-timeout`).
const CONNECT: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(30);

/// Callbacks that wait for an account's watcher; what does not fit is learnt by asking.
const MOST_WAKES: usize = 1_024;

/// The clients of a run.
pub(super) struct Clients {
    accounts: Vec<Client>,
    results: HttpResultHost,
}

/// The client of one account.
struct Client {
    account: Account,
    provider: HttpProvider,
    /// Under which name the queue remembers what is learnt of it.
    name: String,
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
        let accounts = clients.collect::<Result<Vec<_>, _>>()?;
        let results = HttpResultHost::new(timeouts).map_err(Failure::usage)?;
        Ok(Self { accounts, results })
    }

    /// What estimates reckon with.
    pub(super) fn endpoints(&self) -> Vec<estimate::Endpoint<'_>> {
        let accounts = self.accounts.iter();
        accounts.map(|client| estimate::Endpoint::of(&client.account, &client.name)).collect()
    }

    /// The accounts that can be asked what they hold: Kling's own tell it.
    pub(super) fn that_tell_what_they_hold(&self) -> impl Iterator<Item = (Option<&AccountName>, &HttpProvider)> {
        let tells = |client: &&Client| client.account.provider == ProviderName::Kling;
        self.accounts.iter().filter(tells).map(|client| (client.account.name.as_ref(), &client.provider))
    }

    /// Has every create ask for callbacks, and hands each account the hints: whose a task is, they know.
    pub(super) fn ask_for_callbacks(&mut self, url: &Url, mut wakes: mpsc::Receiver<Wake>) {
        for client in &mut self.accounts {
            client.provider.ask_for_callbacks(url.clone());
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

    /// What a run works with.
    pub(super) fn into_resources(
        self,
        queue: Arc<dyn Queue>,
        tree: OutputTree,
        links: Option<Arc<dyn PictureLinks>>,
        scratch: Scratch,
    ) -> Resources {
        let accounts = self.accounts.into_iter().map(Client::into_endpoint).collect();
        Resources {
            queue,
            accounts,
            results: Arc::new(self.results),
            tree,
            scratch,
            links,
            clock: Arc::new(SystemClock),
        }
    }
}

impl Client {
    fn of(account: Account, keys: Keys, timeouts: Timeouts, sandbox: Option<&Sandbox>) -> Result<Self, Failure> {
        let base_url = match (sandbox, account.provider) {
            (Some(sandbox), ProviderName::Dmxapi) => sandbox.dmxapi_url(),
            (Some(sandbox), ProviderName::Kling) => sandbox.kling_url(),
            (None, _) => account.base_url.clone(),
        };
        let auth = match keys {
            Keys::ApiKey(key) => Auth::api_key(key),
            Keys::Pair { access, secret } => Auth::signed(access, &secret),
        };
        let provider = HttpProvider::new(&base_url, auth, timeouts).map_err(Failure::usage)?;
        let name = match &account.name {
            // The stand-in listens on another port each time and is the same provider all the same.
            _ if sandbox.is_some() => "sandbox".to_owned(),
            Some(name) => format!("{name} at {}", provider.base_url()),
            None => provider.base_url().to_owned(),
        };
        Ok(Self { account, provider, name, callbacks: None })
    }

    fn into_endpoint(self) -> Endpoint {
        let Self { account, provider, name, callbacks } = self;
        Endpoint {
            provider: Arc::new(provider),
            other_form: None,
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
