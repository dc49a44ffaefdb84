//! Hears the provider's callbacks, and makes of each a hint to ask about a task now.
//!
//! Answers for: nobody but the provider can wake the run ([`Proof`]), and whatever else arrives from the network costs
//! no more than a bounded amount of memory, connections and time ([`Listener`]). Leaves to whoever takes the hints to
//! ask the provider: a callback may be lost, repeated, out of order or replayed, so a [`Wake`] proves nothing, and
//! polling goes on beside it. The forms and the signature are `docs/provider.md`'s ("Callback").
//!
//! # The way from the provider to here
//!
//! The listener speaks plain HTTP/1.1. What is on the public side of `--callback-url`, a reverse proxy or a tunnel,
//! ends TLS and forwards `POST` requests to `--callback-listen` with
//!
//! - the last component of the path: what is before it may be cut off or kept, as is the proxy's way,
//! - the body byte for byte, and the three `webhook-…` headers, where callbacks are signed.
//!
//! Each connection is for one request and closed after it. A request that is none of the provider's is answered with
//! 404 (another path) or 401 (no or another signature); so `curl -X POST` on the public URL that is answered with one
//! of these has found its way here.

mod listener;
mod notice;
mod path;
mod reception;
mod signature;
#[cfg(test)]
mod tests;

use url::Url;

use crate::job::{ExternalTaskId, TaskId};

pub use listener::{ListenError, Listener};
pub use path::SecretPath;
pub use signature::{InvalidSecret, WebhookSecret};

/// A hint to ask about a task now. It has one id at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wake {
    /// The provider's name for the task.
    pub task_id: Option<TaskId>,
    /// Our name for it.
    pub external_id: Option<ExternalTaskId>,
    /// Whether the callback says that the task has ended. A status that is not known is taken for one of work, as it
    /// is in the answer to a query.
    pub is_end: bool,
}

/// How a callback shows that it comes from the provider.
#[derive(Debug, Clone)]
pub enum Proof {
    /// It is signed with the account's webhook secret. Its path does not matter.
    Signature(WebhookSecret),
    /// It comes to a path that only the provider was told.
    Path(SecretPath),
}

impl Proof {
    /// The URL that the provider is given: the public one of the listener, with the secret path at its end if that is
    /// the proof.
    #[must_use]
    pub fn url_below(&self, public: &Url) -> Url {
        match self {
            Self::Signature(_) => public.clone(),
            Self::Path(path) => path.below(public),
        }
    }
}
