//! Which address leads to what.

use std::convert::Infallible;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;

use super::gate::{Passage, forbid};
use super::list::{self, Wish};
use super::pictures::{Found, Role, Shown};
use super::{Page, PageError, assets, shell, verdicts};
use crate::ambient;
use crate::picture::Bytes as Opened;

/// A verdict with its reason is a few hundred bytes long.
const MOST_BODY_BYTES: usize = 8 * 1024;

/// A picture is sent in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;

/// A proxy between is told that a stream without news is alive.
const STREAM_SIGN: Duration = Duration::from_secs(15);

pub(super) fn of(page: Arc<Page>) -> Router {
    Router::new()
        .route("/", get(root))
        .route(assets::style_path(), get(assets::style))
        .route(assets::script_path(), get(assets::script))
        .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
        .route("/api/cards", get(cards))
        .route("/api/changed", get(changed))
        .route("/api/events", get(events))
        .route("/api/verdict", post(verdicts::judge).layer(DefaultBodyLimit::max(MOST_BODY_BYTES)))
        .route("/pictures/{seq}/{role}/{size}", get(picture))
        .layer(from_fn_with_state(Arc::clone(&page), guarded))
        .with_state(page)
}

async fn guarded(State(page): State<Arc<Page>>, request: Request, next: Next) -> Response {
    // The style says nothing, and the page that asks for the token needs it.
    let is_style = request.uri().path() == assets::style_path();
    let response = match page.gate.check(&request) {
        Passage::Refused(refused) if !(is_style && refused.status() == StatusCode::UNAUTHORIZED) => refused,
        _ => next.run(request).await,
    };
    forbid(response)
}

async fn root(State(page): State<Arc<Page>>, headers: HeaderMap) -> Result<Response, PageError> {
    shell::page(&page, &headers).await
}

async fn cards(State(page): State<Arc<Page>>, Query(wish): Query<Wish>) -> Result<Response, PageError> {
    Ok(Json(list::page(&*page.queue, &wish).await?).into_response())
}

#[derive(Debug, Deserialize)]
struct Asked {
    cards: String,
}

async fn changed(State(page): State<Arc<Page>>, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    Ok(Json(list::changed(&*page.queue, &asked.cards).await?).into_response())
}

/// What goes on, as long as the window is open and there is room for its stream.
async fn events(State(page): State<Arc<Page>>) -> Response {
    let Ok(place) = Arc::clone(&page.streams).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "10")], "too many windows are open").into_response();
    };
    let news = page.pulse.subscribe();
    let events = stream::unfold((news, place), |(mut news, place)| async move {
        loop {
            news.changed().await.ok()?;
            let text = news.borrow_and_update().clone();
            if let Some(text) = text {
                return Some((Ok::<_, Infallible>(Event::default().data(&*text)), (news, place)));
            }
        }
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(STREAM_SIGN)).into_response()
}

#[derive(Debug, Deserialize)]
struct Version {
    #[serde(default)]
    v: String,
}

async fn picture(
    State(page): State<Arc<Page>>,
    Path((seq, role, size)): Path<(i64, String, String)>,
    Query(version): Query<Version>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let none = || Ok(StatusCode::NOT_FOUND.into_response());
    let is_small = match size.as_str() {
        "small" => true,
        "whole" => false,
        _ => return none(),
    };
    let (Some(role), Some(job)) = (Role::from_word(&role), list::job(&page, seq).await?) else { return none() };
    // An address with a version is of that image alone, and may be kept for ever.
    let is_of_version = !version.v.is_empty();
    if is_of_version && !job.sha256.as_deref().is_some_and(|sha256| sha256.starts_with(&version.v)) {
        return none();
    }
    let Some(found) = page.pictures.find(&job, role).await? else { return none() };
    let cache = if is_of_version && role == Role::Result { assets::IMMUTABLE } else { "private, no-cache" };
    let mut response = if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == found.tag.as_bytes()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if is_small {
        small(&page, &found).await?
    } else {
        whole(&page, &found).await?
    };
    if response.status() == StatusCode::OK || response.status() == StatusCode::NOT_MODIFIED {
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
        if let Ok(tag) = found.tag.parse() {
            headers.insert(ETAG, tag);
        }
    }
    Ok(response)
}

/// A small picture; where it cannot be made, the picture itself, whose format the browser may know.
async fn small(page: &Page, found: &Found) -> Result<Response, PageError> {
    match page.pictures.small(found).await? {
        Some(small) => Ok(([(CONTENT_TYPE, "image/jpeg")], small).into_response()),
        None => whole(page, found).await,
    }
}

async fn whole(page: &Page, found: &Found) -> Result<Response, PageError> {
    Ok(match page.pictures.whole(found).await? {
        Some(Shown::Small(made)) => ([(CONTENT_TYPE, "image/jpeg")], made).into_response(),
        Some(Shown::File(format, length, opened)) => {
            let kind = (CONTENT_TYPE, format.media_type().to_owned());
            ([kind, (CONTENT_LENGTH, length.to_string())], Body::from_stream(pieces(opened, length))).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    })
}

/// The bytes of an opened picture, a piece at a time, read on threads that may wait.
fn pieces(opened: Box<dyn Opened>, length: u64) -> impl stream::Stream<Item = std::io::Result<Bytes>> {
    stream::try_unfold((opened, length), |(mut opened, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let read = move || {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            let count = (&mut opened).take(left.min(PIECE_BYTES as u64)).read_to_end(&mut piece)?;
            Ok::<_, std::io::Error>((piece, count as u64, opened))
        };
        let (piece, count, opened) = ambient::blocking(read).await.map_err(std::io::Error::other)??;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some((Bytes::from(piece), (opened, left - count))))
    })
}
