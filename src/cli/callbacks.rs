//! Callbacks for a run: the proof they need, the listener, and the URL that the provider is told.

use secrecy::SecretString;
use tokio::sync::mpsc;
use url::Url;

use super::clients::Clients;
use crate::callback::{Listener, Proof, SecretPath, Wake, WebhookSecret};
use crate::queue::Queue;
use crate::settings::{self, Settings, WEBHOOK_SECRET};

use super::Failure;

/// What `--callback-url` and `--callback-listen` ask for, before anything is changed.
#[derive(Debug)]
pub(super) struct Wanted {
    callback: settings::Callback,
    secret: Option<SecretString>,
    signed_by: Option<WebhookSecret>,
}

/// Callbacks that are listened for.
#[derive(Debug)]
pub(super) struct Callbacks {
    listener: Listener,
    /// What every create carries.
    url: Url,
    wakes: mpsc::Receiver<Wake>,
}

impl Callbacks {
    /// Has every create of these clients ask for callbacks, and hands the run their hints. Returns the listener, to be
    /// stopped after the run.
    pub(super) fn connect(self, clients: &mut Clients) -> Listener {
        clients.ask_for_callbacks(&self.url, self.wakes);
        self.listener
    }
}

impl Wanted {
    /// `None` when no callbacks are asked for; the webhook secret is not looked at then.
    pub(super) fn by(settings: &Settings) -> Result<Option<Self>, Failure> {
        let Some(callback) = settings.callback() else { return Ok(None) };
        let secret = settings::webhook_secret()?;
        let signed_by = secret.as_ref().map(WebhookSecret::parse).transpose();
        let signed_by = signed_by.map_err(|error| Failure::usage(format!("{WEBHOOK_SECRET}: {error}")))?;
        Ok(Some(Self { callback, secret, signed_by }))
    }

    /// What the embedded stand-in signs with, as the account would.
    pub(super) fn secret(&self) -> Option<&SecretString> {
        self.secret.as_ref()
    }

    /// Begins to listen. A port that cannot be had is a wrong choice: nothing was spent yet.
    pub(super) async fn listen(self, queue: &dyn Queue) -> Result<Callbacks, Failure> {
        let proof = match self.signed_by {
            Some(secret) => Proof::Signature(secret),
            None => {
                let fresh = SecretPath::fresh().component().to_owned();
                Proof::Path(SecretPath::kept(queue.keep_callback_path(fresh).await?))
            }
        };
        let settings::Callback { url: public, listen } = self.callback;
        let url = proof.url_below(&public);
        let how = match proof {
            Proof::Signature(_) => "signed callbacks",
            Proof::Path(_) => "callbacks to a secret path",
        };
        let (listener, wakes) = Listener::start(listen, proof).await.map_err(|error| {
            Failure::usage(format!(
                "--callback-listen: {error}; give a free port of this machine, or leave both --callback options out"
            ))
        })?;
        tracing::info!("listening on {} for {how}; the provider calls {public}", listener.address());
        Ok(Callbacks { listener, url, wakes })
    }
}
