//! The live page (`tryon serve`): the queue's jobs as cards, their pictures, what goes on, and what reviewers say.
//!
//! It decides which requests are allowed ([`gate`]), and bounds the size of each answer, however long the queue is: a page of
//! cards costs the same wherever it is, pictures are streamed, and all windows share one look at the queue a second ([`pulse`]).
//! How connections are bounded is [`crate::serve`]'s; how a card looks, the templates' that the page in a file has too.

mod assets;
mod cards;
mod doorway;
mod gate;
mod list;
mod pictures;
mod pulse;
mod routes;
mod shell;
mod verdicts;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::gate::Gate;
pub use self::gate::SHORTEST_TOKEN;
use self::pictures::Pictures;
use self::pulse::Pulse;
use crate::queue::{Queue, QueueError, QueueReads};
use crate::store::Scratch;

/// This many windows follow what goes on at a time; further ones are shown what is there, and try again.
const MOST_STREAMS: usize = 32;

/// What the page is told when it is made.
#[derive(Debug)]
pub struct PageOptions<'a> {
    /// The output folder or bucket.
    pub out: &'a Path,
    /// The folder that relative names of local pictures are relative to, if it is known.
    pub inputs: Option<PathBuf>,
    /// Where copies of pictures in buckets are kept.
    pub scratch: Scratch,
    /// Names besides addresses and `localhost` under which the page is reached.
    pub hosts: Vec<String>,
    /// What has to be shown before anything is answered.
    pub token: Option<SecretString>,
    /// The command that has the rejected ones made again.
    pub retry_rejected: String,
}

/// Whose queue is shown.
#[derive(Debug, Clone)]
pub enum Shown {
    /// Nothing is changed.
    ReadOnly(Arc<dyn QueueReads>),
    /// Verdicts are stored.
    ToJudge(Arc<dyn Queue>),
}

/// What all answers share.
#[derive(Debug)]
struct Page {
    queue: Arc<dyn QueueReads>,
    /// Where verdicts go; `None` for a page that changes nothing.
    judge: Option<Arc<dyn Queue>>,
    pictures: Pictures,
    pulse: Arc<Pulse>,
    streams: Arc<Semaphore>,
    gate: Gate,
    title: String,
    retry_rejected: String,
    /// Ends the look at the queue when the page goes.
    _looking: DropGuard,
}

/// Why something is not answered.
#[derive(Debug, thiserror::Error)]
enum PageError {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("this page was started with --read-only")]
    ReadOnly,
    /// What was asked makes no sense.
    #[error("{0}")]
    Asked(String),
    #[error("a thread ended early: {0}")]
    Thread(String),
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Queue(QueueError::NoSuchJob(_)) => StatusCode::NOT_FOUND,
            Self::Queue(_) | Self::Thread(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::ReadOnly => StatusCode::FORBIDDEN,
            Self::Asked(_) => StatusCode::BAD_REQUEST,
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(error = %self, "the page could not answer");
        }
        (status, self.to_string()).into_response()
    }
}

/// The page's routes. Has to be called within a runtime, in which it looks at the queue while somebody has the page open.
pub fn router(shown: Shown, options: PageOptions<'_>) -> Router {
    let (queue, judge): (Arc<dyn QueueReads>, _) = match shown {
        Shown::ReadOnly(queue) => (queue, None),
        Shown::ToJudge(queue) => (Arc::clone(&queue) as _, Some(queue)),
    };
    let (pulse, looking) = Pulse::of(Arc::clone(&queue));
    let ending = CancellationToken::new();
    let until = ending.clone();
    tokio::spawn(async move { until.run_until_cancelled(looking).await });
    let name = options.out.file_name().map(|name| name.to_string_lossy().into_owned());
    let page = Page {
        queue,
        judge,
        pictures: Pictures::new(options.out, options.inputs, options.scratch),
        pulse,
        streams: Arc::new(Semaphore::new(MOST_STREAMS)),
        gate: Gate::new(options.hosts, options.token),
        title: name.unwrap_or_else(|| "results".to_owned()),
        retry_rejected: options.retry_rejected,
        _looking: ending.drop_guard(),
    };
    routes::of(Arc::new(page))
}
