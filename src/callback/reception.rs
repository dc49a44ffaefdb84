//! What becomes of one request: is it the provider's, and what does it say?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use jiff::Timestamp;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::notice::{self, NoJson};
use super::signature::Unproven;
use super::{Proof, Wake};

/// A callback is a few hundred bytes long; with many images, a few thousand.
pub(super) const MOST_BODY_BYTES: usize = 64 * 1024;

/// Takes callbacks, and hands their hints on.
#[derive(Debug)]
pub(super) struct Reception {
    proof: Proof,
    wakes: mpsc::Sender<Wake>,
    told: Told,
}

/// What was told to the user already. The network decides how often it happens, so each is told once.
#[derive(Debug, Default)]
struct Told {
    first: AtomicBool,
    unsigned: AtomicBool,
    wrong: AtomicBool,
    stale: AtomicBool,
    full: AtomicBool,
}

impl Told {
    fn is_news(told: &AtomicBool) -> bool {
        !told.swap(true, Ordering::Relaxed)
    }
}

impl Reception {
    pub(super) fn new(proof: Proof, wakes: mpsc::Sender<Wake>) -> Self {
        Self { proof, wakes, told: Told::default() }
    }

    /// The routes: every path leads here, because a proxy may have cut the path or put something before it.
    pub(super) fn router(self) -> Router {
        let receive = post(receive).layer(DefaultBodyLimit::max(MOST_BODY_BYTES));
        Router::new().fallback_service(receive.with_state(Arc::new(self)))
    }

    /// What a callback is answered with.
    fn take(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> StatusCode {
        let notice = notice::read(body);
        if let Proof::Signature(secret) = &self.proof
            && let Err(why) = secret.verify(headers, body, now)
        {
            self.tell_refused(why, matches!(notice, Ok(Some(_))));
            return StatusCode::UNAUTHORIZED;
        }
        match notice {
            Ok(Some(wake)) => self.wake(wake),
            Ok(None) => tracing::debug!("a callback names no task"),
            Err(NoJson) => return StatusCode::BAD_REQUEST,
        }
        StatusCode::OK
    }

    /// Hands a hint on without waiting. Where too many wait already, it is dropped: polling finds out as well.
    fn wake(&self, wake: Wake) {
        if Told::is_news(&self.told.first) {
            tracing::info!("the first callback of the provider has arrived");
        }
        match self.wakes.try_send(wake) {
            // Without a receiver the run is ending; its next one asks.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => {
                if Told::is_news(&self.told.full) {
                    tracing::info!("callbacks come faster than they can be followed up; some are left to polling");
                }
            }
        }
    }

    /// Tells why callbacks are refused, as far as that is the user's business: passers-by send all kinds of things.
    fn tell_refused(&self, why: Unproven, names_a_task: bool) {
        const ELSE: &str = "such callbacks are refused, and the tasks are asked about without them";
        match why {
            Unproven::Stale { seconds_off } if Told::is_news(&self.told.stale) => tracing::warn!(
                "a callback was signed {seconds_off} s from now by this machine's clock: is the clock right? {ELSE}"
            ),
            Unproven::Wrong if Told::is_news(&self.told.wrong) => tracing::warn!(
                "a callback's signature does not fit KLING_WEBHOOK_SECRET: is it the secret of this account? {ELSE}"
            ),
            Unproven::Missing if names_a_task && Told::is_news(&self.told.unsigned) => tracing::warn!(
                "a callback came without a signature: does this account sign them? If not, unset KLING_WEBHOOK_SECRET; \
                 {ELSE}"
            ),
            Unproven::Stale { .. } | Unproven::Wrong | Unproven::Missing => tracing::debug!(?why, "a callback refused"),
        }
    }
}

async fn receive(State(reception): State<Arc<Reception>>, request: Request) -> Response {
    if let Proof::Path(path) = &reception.proof
        && !path.ends(request.uri().path())
    {
        return StatusCode::NOT_FOUND.into_response();
    }
    let headers = request.headers().clone();
    // Content types are not looked at: what is JSON is read, whatever it calls itself.
    match Bytes::from_request(request, &()).await {
        Ok(body) => reception.take(&headers, &body, Timestamp::now()).into_response(),
        Err(rejection) => rejection.into_response(),
    }
}
