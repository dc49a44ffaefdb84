//! The "solutions" form of the API, at Kling's own door only (`docs/provider.md`, "Try-on 3.0"): the same tasks, slots, faults
//! and books as the older form.

mod answers;
mod request;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};

use super::clock::{Micros, micros};
use super::fate::{PairKey, pair_key};
use super::fault::Young;
use super::pictures::Picture;
use super::routes::{Service, YOUTH};
use super::tasks::{Admission, Form, NewTask, Task};
use super::uploads;
use super::wire::{self, Refusal};

pub(super) use answers::callback;
use request::{CreateRequest, ListRequest, Place};

/// The model of all its tasks.
pub(super) const MODEL: &str = "virtual-try-on-3";

/// The most ids in one question.
const MOST_IDS: usize = 20;

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/solutions/virtual_try_on", post(create_task))
        .route("/solutions", post(list_tasks).get(query_tasks))
}

async fn create_task(State(service): State<Arc<Service>>, body: Bytes) -> Result<Response, Refusal> {
    let admission = service.blocking(move |service| admit(service, &body)).await?;
    match admission {
        Admission::Created(task, fault) => {
            let whole = wire::success(&answers::created(&task, service.clock.now()));
            service.callbacks.follow_new(task);
            Ok(match fault {
                Some(fault) => wire::struck(fault, whole),
                None => whole,
            })
        }
        Admission::Refused(fault) => Ok(wire::struck(fault, StatusCode::OK.into_response())),
        Admission::OverCap => Err(Refusal::over_cap()),
        Admission::ExternalIdTaken => Err(Refusal::bad_parameter("external_task_id already exists")),
    }
}

fn admit(service: &Service, body: &[u8]) -> Result<Admission, Refusal> {
    let CreateRequest { product, person, kept, external_id, callback_url } = request::read(body)?;
    let ((human, human_hash), (cloth, cloth_hash)) =
        (named(service, "person_image", person)?, named(service, "product_image", product)?);
    let new = NewTask {
        pair: asked_for_pair(&human_hash, &cloth_hash, kept),
        external_id: external_id.filter(|_| service.config.external_ids),
        model: MODEL.to_owned(),
        human,
        cloth,
        callback_url,
    };
    Ok(service.tasks.admit(&new, service.config.concurrency_cap, &service.fates, service.clock)?)
}

/// What a draw knows a create by: other settings make another image of the same pair.
fn asked_for_pair(human: &[u8; 32], cloth: &[u8; 32], kept: [bool; 3]) -> PairKey {
    let pair = pair_key(human, cloth);
    match kept {
        [true, true, true] => pair,
        kept => pair_key(&pair, &Picture::Bytes(kept.map(u8::from).to_vec()).hash()),
    }
}

/// Under which name a picture is kept, and what a draw knows it by. A picture that lies on this server's own shelf is
/// "fetched": that is the file itself, which has to be one that the service takes.
fn named(service: &Service, field: &str, url: url::Url) -> Result<(String, [u8; 32]), Refusal> {
    let Some(hash) = uploads::hash_in(&url) else {
        let picture = Picture::Url(url.to_string());
        return Ok((url.to_string(), picture.hash()));
    };
    let name = super::pictures::hex(&hash);
    match service.pictures.read(&name) {
        Ok(Picture::Bytes(bytes)) => request::check(field, &bytes).map(|()| (name, hash)),
        _ => Err(Refusal::bad_parameter(format!("{field}: there is nothing at {url}"))),
    }
}

async fn query_tasks(
    State(service): State<Arc<Service>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (ids, by_external_id) = asked_for(&query.unwrap_or_default())?;
    if by_external_id && !service.config.external_ids {
        return Ok(wire::success(&json!([])));
    }
    let now = service.clock.now();
    let found = service
        .blocking(move |service| {
            let find = |id: &String| service.tasks.find_by(id, by_external_id, Form::Solutions, now);
            Ok(ids.iter().map(find).collect::<Result<Vec<_>, _>>()?)
        })
        .await?;
    let origin = service.origin(&headers);
    let told = found.into_iter().flatten().filter_map(|task| told(&service, &task, now, &origin)).collect();
    Ok(wire::success(&Value::Array(told)))
}

/// A task in the service's words; a young one may not be there yet.
fn told(service: &Service, task: &Task, now: Micros, origin: &str) -> Option<Value> {
    match service.fates.of_youth(&task.task_id).filter(|_| now - task.created_at < micros(YOUTH)) {
        Some(Young::Unknown) => None,
        Some(Young::Failed) => Some(answers::failed_as_not_found(task)),
        None => Some(answers::task(task, now, service.view(task, origin))),
    }
}

/// The ids of a question, and whether they are the caller's own.
fn asked_for(query: &str) -> Result<(Vec<String>, bool), Refusal> {
    let of = |name: &str| {
        let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name)?;
        Some(found.1.split(',').map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect::<Vec<_>>())
    };
    let (ids, by_external_id) = match (of("task_ids"), of("external_task_ids")) {
        (Some(_), Some(_)) => return Err(Refusal::bad_parameter("task_ids or external_task_ids, not both")),
        (Some(ids), None) => (ids, false),
        (None, Some(ids)) => (ids, true),
        (None, None) => return Err(Refusal::bad_parameter("task_ids or external_task_ids is required")),
    };
    match ids.len() {
        0 => Err(Refusal::bad_parameter("no id is given")),
        1..=MOST_IDS => Ok((ids, by_external_id)),
        many => Err(Refusal::bad_parameter(format!("{many} ids are given, at most {MOST_IDS} are allowed"))),
    }
}

async fn list_tasks(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Result<Response, Refusal> {
    if !service.config.list_endpoint {
        return Err(Refusal::new(StatusCode::NOT_FOUND, 1202, "the requested method is invalid"));
    }
    let ListRequest { place, statuses } = request::read_list(&body)?;
    let now = service.clock.now();
    // One more than the page holds tells whether there is another page.
    let tasks = service.blocking(move |service| {
        Ok(service.tasks.solutions((place.from, place.to), place.before, place.limit + 1, now)?)
    });
    let tasks = tasks.await?;
    let shown = &tasks[..tasks.len().min(place.limit as usize)];
    let next = shown.last().filter(|_| tasks.len() > shown.len()).map(|last| Place { before: last.seq, ..place });
    let origin = service.origin(&headers);
    let wanted = |task: &&Task| statuses.is_empty() || statuses.iter().any(|word| word == wire::word(task.status(now)));
    let result: Vec<Value> =
        shown.iter().filter(wanted).filter_map(|task| told(&service, task, now, &origin)).collect();
    Ok(wire::success(&json!({
        "count": result.len(),
        "result": result,
        "has_more": next.is_some(),
        "next_cursor": next.map(|place| place.cursor(&statuses)).unwrap_or_default(),
    })))
}
