//! The answers, as they go over the wire (`docs/provider.md`).
//!
//! Written from the documentation and not from the client's code, so that a misreading there is not repeated here.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::{Value, json};

use super::account::{self, PaidFrom};
use super::clock::{Micros, millis};
use super::fault::{Cut, Effect, Fault, ResultFlaw};
use super::tasks::{MemoryError, Status, Task};

/// `{"code":0,…}` around `data`.
pub(super) fn success(data: &Value) -> Response {
    envelope(StatusCode::OK, 0, "SUCCEED", Some(data))
}

/// An answer that is no success, in the provider's own envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: u32,
    pub(super) message: String,
    pub(super) retry_after: Option<Duration>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: u32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    pub(super) fn unauthorized(code: u32, message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
    }

    pub(super) fn bad_parameter(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 1201, message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, 1203, message)
    }

    pub(super) fn unknown_task(id: &str) -> Self {
        Self::bad_parameter(format!("Task not found by id/external id: {id}"))
    }

    pub(super) fn over_cap() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, 1303, "parallel task over resource pack limit")
    }

    pub(super) fn too_fast(retry_after: Duration) -> Self {
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, 1302, "too many requests, please slow down");
        Self { retry_after: Some(retry_after), ..refusal }
    }

    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, 5000, "internal error")
    }
}

impl From<MemoryError> for Refusal {
    fn from(error: MemoryError) -> Self {
        tracing::error!(%error, "the sandbox answers with an error");
        Self::internal()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = envelope(self.status, self.code, &self.message, None);
        if let Some(wait) = self.retry_after {
            // The header knows whole seconds only; rounded up, or the client comes back too early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // For a gateway in front, which has words of its own.
        response.extensions_mut().insert(self);
        response
    }
}

fn envelope(status: StatusCode, code: u32, message: &str, data: Option<&Value>) -> Response {
    let body = enveloped(code, message, data).to_string();
    (status, [(header::CONTENT_TYPE, "application/json;charset=utf-8")], body).into_response()
}

/// What every answer of the service looks like.
pub(super) fn enveloped(code: u32, message: &str, data: Option<&Value>) -> Value {
    let request_id = uuid::Uuid::now_v7().to_string();
    let mut body = json!({ "code": code, "message": message, "request_id": request_id });
    if let Some(data) = data {
        body["data"] = data.clone();
    }
    body
}

/// JSON of a gateway.
pub(super) fn json_answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body.to_string()).into_response()
}

/// What a gateway in front of the service says in its own words.
pub(super) fn gateway(status: StatusCode, message: &str, kind: &str) -> Response {
    let body = json!({ "error": { "message": message, "type": kind, "param": "", "code": null } });
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// What arrives of the answer `whole` to a create that meets `fault`.
pub(super) fn struck(fault: Fault, whole: Response) -> Response {
    match fault.effect() {
        Effect::Refused(answer)
        | Effect::Interposed(answer)
        | Effect::Made(answer)
        | Effect::MadeLate(answer)
        | Effect::Question(answer) => answer.into_response(),
        Effect::MadeAndCut(Cut::BeforeAnswer) => cut_after(whole, Bytes::new()),
        Effect::MadeAndCut(Cut::InAnswer) => cut_after(whole, Bytes::from_static(HALF_ANSWER)),
        Effect::MadeAndCut(Cut::HalfJson) => whole.map(|_| Body::from(HALF_ANSWER)),
        Effect::Young(_) | Effect::TaskFails(_) | Effect::Result(_) => whole,
        Effect::NoPackages => account::no_packages(),
    }
}

const HALF_ANSWER: &[u8] = b"{\"code\":0,\"message\":\"SUCC";

/// A response whose body breaks off after `part`; the server then drops the connection.
///
/// With an empty part the error comes before anything was flushed, so not even the status line goes out.
fn cut_after(whole: Response, part: Bytes) -> Response {
    let cut = || Err(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "cut on purpose"));
    let head: Option<Result<Bytes, std::io::Error>> = (!part.is_empty()).then_some(Ok(part));
    let tail = stream::once(async move {
        // The runtime gets a turn to send the first part before the error tears the connection down.
        tokio::time::sleep(Duration::from_millis(5)).await;
        cut()
    });
    let body = match head {
        Some(_) => Body::from_stream(stream::iter(head).chain(tail)),
        None => Body::from_stream(stream::iter([cut()])),
    };
    whole.map(|_| body)
}

/// A task as the create answers it. `task_info` is not documented there, and its absence proves nothing.
pub(super) fn created(task: &Task, now: Micros) -> Value {
    json!({
        "task_id": task.task_id,
        "task_status": word(Status::Submitted),
        "created_at": millis(task.created_at),
        "updated_at": millis(task.created_at.min(now)),
    })
}

/// What the account of a task shows besides the task itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    /// Where the asker reaches this server, without a slash at its end.
    pub(super) origin: &'a str,
    pub(super) paid_from: PaidFrom,
    pub(super) flaw: Option<ResultFlaw>,
}

/// A task as a query shows it.
pub(super) fn task(task: &Task, now: Micros, view: View<'_>) -> Value {
    let status = task.status(now);
    let mut data = json!({
        "task_id": task.task_id,
        "task_status": word(status),
        "task_status_msg": "",
        "task_info": task_info(task),
        "created_at": millis(task.created_at),
        "updated_at": millis(task.updated_at(now)),
    });
    match status {
        Status::Submitted | Status::Processing => {}
        Status::Succeed => {
            view.paid_from.tell(&mut data);
            data["task_result"] = json!({ "images": images(task, view) });
        }
        Status::Failed => {
            data["final_unit_deduction"] = json!("0");
            data["task_status_msg"] = json!(task.failure);
        }
    }
    data
}

/// How a young task reads that is said to have failed.
pub(super) fn failed_as_not_found(task: &Task) -> Value {
    json!({ "task_id": task.task_id, "task_status": word(Status::Failed), "task_status_msg": "task not found" })
}

fn images(task: &Task, view: View<'_>) -> Value {
    let url = result_url(task, view.origin);
    match view.flaw {
        Some(ResultFlaw::NoImage) => json!([]),
        Some(ResultFlaw::NoIndex) => json!([{ "url": url }]),
        Some(ResultFlaw::WebP) | None => json!([{ "index": 0, "url": url }]),
    }
}

pub(super) fn result_url(task: &Task, origin: &str) -> String {
    format!("{origin}/results/{}.png", task.task_id)
}

/// Empty where no external id was given, or where the provider does not know them.
fn task_info(task: &Task) -> Value {
    #[derive(Serialize)]
    struct TaskInfo<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        external_task_id: Option<&'a str>,
    }
    json!(TaskInfo { external_task_id: task.external_id.as_deref() })
}

/// The API's word for a status.
pub(super) fn word(status: Status) -> &'static str {
    match status {
        Status::Submitted => "submitted",
        Status::Processing => "processing",
        Status::Succeed => "succeed",
        Status::Failed => "failed",
    }
}
