//! The gateways that resell the service, and how they reword its answers (`docs/provider.md`, "Shapes of answers").

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clap::ValueEnum;
use serde_json::{Value, json};

use super::clock::{Micros, millis};
use super::fault::Canned;
use super::tasks::Task;
use super::wire::{self, Refusal};

/// Who answers: the service itself, or a gateway in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Gateway {
    /// Kling itself: `{"code":0,"data":{…}}`, no `task_info` in creates, an unknown task is 400 with code 1201.
    #[default]
    Native,
    /// Creates are `{"id":…,"task_id":…,"object":"video","status":""}`, without `code` and `data`; the rest is native.
    Flat,
    /// Creates are flat, queries are `{"code":"success","data":{"status":"IN_PROGRESS",…}}`, an unknown task is 400
    /// `task_not_exist`, refusals have the native answer as text in `message`. No external ids, no list.
    Wrapped,
    /// A gateway that does not know try-on, as a wrong base URL meets it: its web page under every path.
    IndexPage,
    /// Native, but every 429 is the same text without a number, whatever its reason.
    Saturated,
}

impl Gateway {
    /// The answer to a create that made `task`.
    pub(super) fn created(self, task: &Task, now: Micros) -> Response {
        match self {
            Self::Native | Self::IndexPage | Self::Saturated => wire::success(&wire::created(task, now)),
            Self::Flat | Self::Wrapped => wire::json_answer(
                StatusCode::OK,
                &json!({
                    "id": task.task_id,
                    "task_id": task.task_id,
                    "object": "video",
                    "model": task.model,
                    "status": "",
                    "progress": 0,
                    "created_at": millis(task.created_at) / 1_000,
                }),
            ),
        }
    }

    /// The answer to a question about `task`, which in the service's words is `native`.
    pub(super) fn task(self, task: &Task, native: &Value) -> Response {
        if self != Self::Wrapped {
            return wire::success(native);
        }
        let (status, progress) = match native["task_status"].as_str() {
            Some("submitted") => ("SUBMITTED", "10%"),
            Some("processing") => ("IN_PROGRESS", "30%"),
            Some("succeed") => ("SUCCESS", "100%"),
            _ => ("FAILURE", "100%"),
        };
        let mut data = json!({
            "task_id": task.task_id,
            "action": "kolors-virtual-try-on",
            "status": status,
            "fail_reason": native["task_status_msg"],
            "submit_time": millis(task.created_at) / 1_000,
            "progress": progress,
            "data": (status != "SUBMITTED").then(|| wire::enveloped(0, "SUCCEED", Some(native))),
        });
        if let Some(url) = native["task_result"]["images"][0]["url"].as_str() {
            data["result_url"] = json!(url);
        }
        wire::json_answer(StatusCode::OK, &json!({ "code": "success", "message": "", "data": data }))
    }

    /// The answer to a question about a task that does not exist.
    pub(super) fn unknown_task(self, id: &str) -> Response {
        match self {
            Self::Wrapped => wire::json_answer(
                StatusCode::BAD_REQUEST,
                &json!({ "code": "task_not_exist", "message": "task_not_exist", "data": null }),
            ),
            _ => Refusal::unknown_task(id).into_response(),
        }
    }

    /// Whether tasks can be asked for by their external ids, where the service knows them.
    pub(super) fn passes_external_ids(self) -> bool {
        self != Self::Wrapped
    }

    /// Whether there is a list of tasks, where the service has one.
    pub(super) fn has_list(self) -> bool {
        self != Self::Wrapped
    }

    /// The answer under a path that nobody knows; `None` leaves it to the service.
    pub(super) fn unknown_path(self) -> Option<Response> {
        (self != Self::Native).then(|| Canned::INDEX_PAGE.into_response())
    }

    /// What a client gets to see of an answer.
    pub(super) fn reword(self, response: Response) -> Response {
        let is_throttle = response.status() == StatusCode::TOO_MANY_REQUESTS;
        let Some(refusal) = response.extensions().get::<Refusal>() else {
            return if self == Self::Saturated && is_throttle { Canned::SATURATED.into_response() } else { response };
        };
        match self {
            Self::Saturated if is_throttle => Canned::SATURATED.into_response(),
            Self::Wrapped if refusal.status == StatusCode::UNAUTHORIZED => Canned::BAD_TOKEN.into_response(),
            Self::Wrapped => {
                let native = wire::enveloped(refusal.code, &refusal.message, None).to_string();
                let body = json!({ "code": "fail_to_fetch_task", "message": native, "data": null });
                wire::json_answer(refusal.status, &body)
            }
            _ => response,
        }
    }
}
