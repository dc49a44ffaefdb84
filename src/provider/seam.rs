//! What the engine asks of a provider. Implemented by the client that speaks HTTP, and by a simulation.

use std::fmt::Debug;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::{CreateFate, FetchError, ListAnswer, QueryAnswer, Submission};

/// One endpoint of a provider. Each call is one request, and its answer says everything that became of it: nothing is
/// retried here.
pub trait Provider: Debug + Send + Sync {
    /// Asks for a task. Dropping the future does not take the request back.
    fn create<'a>(&'a self, submission: Submission<'a>) -> BoxFuture<'a, CreateFate>;

    /// Asks how far a task is, by the provider's id or by ours.
    fn query<'a>(&'a self, id: &'a str) -> BoxFuture<'a, QueryAnswer>;

    /// Asks for a page of all the account's tasks, from page 1; newest first is usual, not certain. `size` is at most
    /// [`super::LARGEST_PAGE`].
    fn list(&self, page: usize, size: usize) -> BoxFuture<'_, ListAnswer>;
}

/// Where results are fetched from, without the key.
pub trait ResultHost: Debug + Send + Sync {
    /// Asks for what is at `url`.
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Box<dyn Download>, FetchError>>;
}

/// A result on its way.
pub trait Download: Send {
    /// The next piece; `None` when all of it has arrived. What arrived before an error is no picture.
    fn piece(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, FetchError>>;
}
