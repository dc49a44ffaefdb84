//! What the engine asks of a provider. Implemented by the client that speaks HTTP, and by a simulation.

use std::fmt::Debug;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::job::{ExternalTaskId, Keep, ModelName, TaskId};

use super::{CreateFate, FetchError, ListAnswer, Picture, QueryAnswer};

/// What a create asks for.
#[derive(Debug, Clone, Copy)]
pub struct Submission<'a> {
    pub model: &'a ModelName,
    pub human: &'a Picture,
    pub cloth: &'a Picture,
    /// What is to stay as it is in the person's picture, for models that let one choose.
    pub keep: Keep,
    pub external_id: &'a ExternalTaskId,
}

/// Which tasks a question is about; one kind of id at a time.
#[derive(Debug, Clone, Copy)]
pub enum Ids<'a> {
    /// By the provider's ids; at most [`Provider::largest_question`].
    Tasks(&'a [TaskId]),
    /// One, by the id that we gave it.
    External(&'a ExternalTaskId),
}

/// One endpoint of a provider, in one form of its API. Each call is one request, and its answer says everything that
/// became of it: nothing is retried here.
pub trait Provider: Debug + Send + Sync {
    /// Whether a model is asked for here.
    fn takes(&self, model: &ModelName) -> bool;

    /// Asks for a task. Dropping the future does not take the request back.
    fn create<'a>(&'a self, submission: Submission<'a>) -> BoxFuture<'a, CreateFate>;

    /// How many tasks one question may be about; at least 1.
    fn largest_question(&self) -> usize;

    /// Asks how far tasks are.
    fn query<'a>(&'a self, ids: Ids<'a>) -> BoxFuture<'a, QueryAnswer>;

    /// Asks for a page of all the account's tasks: the first, or the one that the page before named. Newest first is usual,
    /// not certain. `size` is at most [`super::LARGEST_PAGE`].
    fn list<'a>(&'a self, from: Option<&'a str>, size: usize) -> BoxFuture<'a, ListAnswer>;
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
