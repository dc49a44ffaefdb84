//! The shapes that answers come in (`docs/provider.md`, "Shapes of answers"). What they mean is the same.

use serde_json::{Value, json};

use super::answers::Answer;

/// How creates, queries and unknown tasks are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As Kling documents it: no `task_info` in a create's answer, an unknown task is 400 with code 1201.
    Native,
    /// The same with `task_info` in a create's answer, as seen on sibling endpoints.
    NativeEcho,
    /// Creates without `code` and `data`; the rest is native.
    Flat,
    /// Flat creates, `{"code":"success","data":{…}}` around the native answer, unknown tasks are `task_not_exist`.
    Wrapped,
    /// The same without the native answer inside: only a status, a reason, a URL.
    WrappedBare,
}

impl Shape {
    pub(crate) const ALL: [Self; 5] = [Self::Native, Self::NativeEcho, Self::Flat, Self::Wrapped, Self::WrappedBare];

    /// The answer to a create that made a task; an empty `id` is how an answer without one looks.
    pub(super) fn created(self, id: &str, external_id: Option<&str>) -> Answer {
        let request_id = format!("r-{id}");
        let mut data = json!({ "task_id": id, "task_status": "submitted", "created_at": 1_746_773_850_590_u64 });
        match self {
            Self::Flat => {
                let (model, object) = ("kolors-virtual-try-on-v1", "video");
                let flat = json!({ "created_at": 1_761_000_000, "id": id, "model": model, "object": object,
                    "progress": 0, "status": "", "task_id": id });
                return Answer::json(200, &flat);
            }
            Self::Wrapped | Self::WrappedBare => return Answer::json(200, &json!({ "task_id": id, "status": "" })),
            Self::Native => {}
            Self::NativeEcho => {
                if let Some(external_id) = external_id {
                    data["task_info"] = json!({ "external_task_id": external_id });
                }
            }
        }
        Answer::json(200, &json!({ "code": 0, "message": "SUCCEED", "request_id": request_id, "data": data }))
    }

    /// The answer to a question about one task, which in the native words is `task`.
    pub(super) fn told(self, mut task: Value) -> Answer {
        // `index` has been seen as a number, as a string, and not at all.
        if let Some(image) = task.pointer_mut("/task_result/images/0").and_then(Value::as_object_mut) {
            match self {
                Self::Native => {}
                Self::NativeEcho => drop(image.insert("index".to_owned(), json!("0"))),
                Self::Flat | Self::Wrapped | Self::WrappedBare => drop(image.remove("index")),
            }
        }
        match self {
            Self::Native | Self::NativeEcho | Self::Flat => native(task),
            Self::Wrapped | Self::WrappedBare => self.wrapped(&task),
        }
    }

    fn wrapped(self, task: &Value) -> Answer {
        let status = match task["task_status"].as_str() {
            Some("submitted") => "SUBMITTED",
            Some("processing") => "IN_PROGRESS",
            Some("succeed") => "SUCCESS",
            _ => "FAILURE",
        };
        let mut data = json!({ "task_id": task["task_id"], "action": "kolors-virtual-try-on", "status": status,
            "fail_reason": task["task_status_msg"], "progress": "30%", "data": null });
        if let Some(url) = task.pointer("/task_result/images/0/url") {
            data["result_url"] = url.clone();
        }
        if self == Self::Wrapped {
            data["data"] = json!({ "code": 0, "message": "SUCCEED", "request_id": "r-upstream", "data": task });
        }
        Answer::json(200, &json!({ "code": "success", "message": "", "data": data }))
    }

    /// The answer to a question about a task that does not exist.
    pub(super) fn unknown(self, id: &str) -> Answer {
        match self {
            Self::Native | Self::NativeEcho | Self::Flat => Answer::unknown_task(id),
            Self::Wrapped | Self::WrappedBare => {
                Answer::json(400, &json!({ "code": "task_not_exist", "message": "task_not_exist", "data": null }))
            }
        }
    }
}

/// The native answer around `data`.
pub(super) fn native(data: Value) -> Answer {
    Answer::json(200, &json!({ "code": 0, "message": "SUCCEED", "request_id": "r-query", "data": data }))
}
