//! Reading answers: tolerant of fields that are missing, extra, null, or of another type than documented.

use std::time::Duration;

use serde_json::Value;

use crate::job::{ExternalTaskId, TaskId, clean_text};

/// What every answer carries, good or bad.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerFacts {
    /// The HTTP status.
    pub http_status: Option<u16>,
    /// The body's `code`, where it has one that is a number.
    pub code: Option<i64>,
    /// What the provider, or a gateway, says about it; without control characters.
    pub message: Option<String>,
    /// The id to give to the provider's support.
    pub request_id: Option<String>,
}

/// A task as the provider describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskReport {
    /// The provider's name for it.
    pub task_id: TaskId,
    /// Our name for it, where the door knows such names.
    pub external_id: Option<ExternalTaskId>,
    /// How far it is.
    pub status: TaskStatus,
    /// Why it failed.
    pub message: Option<String>,
    /// What it cost, in units.
    pub units: Option<f64>,
    /// Its images, in the order of their index.
    pub images: Vec<ResultImage>,
    /// From its creation to its last change, by the provider's clock: how long an ended task has held its slot.
    pub took: Option<Duration>,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// It waits or works; a status that is not known is taken for this, and asked about again.
    Working,
    /// Its images are there.
    Succeeded,
    /// It failed.
    Failed,
}

/// One image of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultImage {
    /// Which one, from 0.
    pub index: u32,
    /// Where it can be fetched for 30 days.
    pub url: String,
}

/// An answer's body, read as far as it can be.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) facts: AnswerFacts,
    pub(super) data: Value,
}

impl Body {
    /// Reads a body. One that is not JSON has no code, and its text is kept as the message.
    pub(super) fn read(http_status: u16, bytes: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
        let gateway = &value["error"];
        let message = [&value["message"], &value["msg"], &gateway["message"], gateway]
            .into_iter()
            .find_map(text)
            .or_else(|| if value.is_object() { None } else { plain_text(bytes) });
        let facts = AnswerFacts {
            http_status: Some(http_status),
            code: whole_number(&value["code"]),
            message: message.map(|message| clean_text(&message)).filter(|message| !message.is_empty()),
            request_id: text(&value["request_id"]).map(|id| clean_text(&id)),
        };
        Self { facts, data: value.get("data").cloned().unwrap_or(Value::Null) }
    }

    /// The task that the body describes, if it names one.
    pub(super) fn task(&self) -> Option<TaskReport> {
        read_task(&self.data)
    }

    /// The tasks of a page of the list, and how many entries the page has; `None` when it is no list.
    pub(super) fn tasks(&self) -> Option<(Vec<TaskReport>, usize)> {
        let entries = self.data.as_array()?;
        Some((entries.iter().filter_map(read_task).collect(), entries.len()))
    }
}

fn read_task(data: &Value) -> Option<TaskReport> {
    let task_id = text(&data["task_id"]).filter(|id| is_usable_id(id))?;
    let status = match text(&data["task_status"]).unwrap_or_default().to_ascii_lowercase().as_str() {
        "succeed" | "succeeded" | "success" => TaskStatus::Succeeded,
        "failed" | "fail" => TaskStatus::Failed,
        _ => TaskStatus::Working,
    };
    let images = data["task_result"]["images"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut images: Vec<ResultImage> = images
        .iter()
        .enumerate()
        .take(MOST_IMAGES)
        .filter_map(|(place, image)| {
            let index = whole_number(&image["index"]).and_then(|index| u32::try_from(index).ok());
            let url = text(&image["url"]).filter(|url| !url.is_empty())?;
            Some(ResultImage { index: index.unwrap_or(u32::try_from(place).ok()?), url })
        })
        .collect();
    images.sort_by_key(|image| image.index);
    Some(TaskReport {
        task_id: TaskId(task_id),
        external_id: text(&data["task_info"]["external_task_id"]).filter(|id| !id.is_empty()).map(ExternalTaskId),
        status,
        message: text(&data["task_status_msg"]).map(|text| clean_text(&text)).filter(|text| !text.is_empty()),
        units: number(&data["final_unit_deduction"]),
        images,
        took: between(&data["created_at"], &data["updated_at"]),
    })
}

/// The time between two moments in Unix milliseconds; `None` when one is missing or they are not in this order.
fn between(earlier: &Value, later: &Value) -> Option<Duration> {
    let ms = whole_number(later)?.checked_sub(whole_number(earlier)?)?;
    u64::try_from(ms).ok().map(Duration::from_millis)
}

/// A task has one image, sometimes a few; more than this is garbage.
const MOST_IMAGES: usize = 16;

/// An id goes into paths, queues and reports; one that is empty, huge or unprintable is none.
fn is_usable_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 256 && !id.chars().any(char::is_control)
}

/// A string, or a number in its place.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A whole number, or a string in its place.
pub(super) fn whole_number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A finite number that is not negative, or a string in its place.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|n| n.is_finite() && *n >= 0.0)
}

/// What a body that is not JSON says: its title, where it is a page that has one, else its text without HTML tags.
fn plain_text(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(4_096)]);
    let title = head.split_once("<title>").and_then(|(_, after)| Some(after.split_once("</title>")?.0));
    // The title is mostly said again below it.
    let head = title.filter(|title| !title.trim().is_empty()).unwrap_or(&head);
    let mut plain = String::with_capacity(head.len());
    let mut in_tag = false;
    for c in head.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                plain.push(' ');
            }
            c if !in_tag => plain.push(c),
            _ => {}
        }
    }
    (!plain.trim().is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documented_answer_is_read_whole() {
        let body =
            br#"{"code":0,"message":"SUCCEED","request_id":"r-1","data":{"task_id":"t-1","task_status":"succeed",
            "task_info":{"external_task_id":"x-1"},"final_unit_deduction":"1.5","created_at":1746773850590,
            "updated_at":"1746773880690","task_result":{"images":[{"index":1,"url":"https://h/b.png"},{"index":"0","url":"https://h/a.png"}]}}}"#;
        let body = Body::read(200, body);
        assert_eq!(body.facts.code, Some(0));
        assert_eq!(body.facts.request_id.as_deref(), Some("r-1"));
        let task = body.task().expect("a task");
        assert_eq!(task.task_id, TaskId("t-1".to_owned()));
        assert_eq!(task.external_id, Some(ExternalTaskId("x-1".to_owned())));
        assert_eq!(task.status, TaskStatus::Succeeded);
        assert_eq!(task.units, Some(1.5));
        assert_eq!(task.took, Some(Duration::from_millis(30_100)));
        let urls: Vec<_> = task.images.iter().map(|image| image.url.as_str()).collect();
        assert_eq!(urls, ["https://h/a.png", "https://h/b.png"]);
    }

    #[test]
    fn fields_may_be_missing_null_extra_or_of_another_type() {
        let body = br#"{"code":"0","message":null,"request_id":7,"new":[],"data":{"task_id":42,"task_status":null,
            "task_info":null,"final_unit_deduction":2,"task_result":{"images":[null,{"url":null},{"url":"u"}]}}}"#;
        let body = Body::read(200, body);
        assert_eq!((body.facts.code, body.facts.message.clone()), (Some(0), None));
        let task = body.task().expect("a task");
        assert_eq!((task.task_id.0.as_str(), task.status, task.units), ("42", TaskStatus::Working, Some(2.0)));
        assert_eq!(task.images, [ResultImage { index: 2, url: "u".to_owned() }]);
        for body in ["{}", "[]", "null", "3", r#"{"data":[]}"#, r#"{"data":{"task_id":""}}"#, ""] {
            assert_eq!(Body::read(200, body.as_bytes()).task(), None, "{body}");
        }
    }

    #[test]
    fn a_page_of_the_list_is_read_past_entries_that_make_no_sense() {
        let page = br#"{"code":0,"data":[{"task_id":"t-1","task_status":"processing"},null,{"task_id":""},
            {"task_id":"t-2","task_status":"succeed","created_at":2000,"updated_at":1000}]}"#;
        let (tasks, entries) = Body::read(200, page).tasks().expect("a list");
        let ids: Vec<_> = tasks.iter().map(|task| task.task_id.0.as_str()).collect();
        assert_eq!((ids, entries), (vec!["t-1", "t-2"], 4));
        assert_eq!(tasks[1].took, None, "a clock that runs backwards tells nothing");
        assert_eq!(Body::read(200, br#"{"code":0,"data":{"task_id":"t-1"}}"#).tasks(), None);
    }

    proptest::proptest! {
        /// Whatever arrives, it is read without a panic, and what is kept of it is bounded and printable.
        #[test]
        fn no_answer_breaks_the_reader(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2_000)) {
            check_bounds(&Body::read(200, &bytes));
        }

        /// The same for bodies that are JSON of the right outline with arbitrary values in it.
        #[test]
        fn no_value_in_an_answer_breaks_the_reader(values in proptest::collection::vec(any_value(), 9)) {
            let body = serde_json::json!({
                "code": values[0], "message": values[1], "request_id": values[2], "error": values[3],
                "data": {
                    "task_id": values[4], "task_status": values[5], "task_status_msg": values[6],
                    "final_unit_deduction": values[7], "task_info": {"external_task_id": values[1]},
                    "task_result": {"images": [values[8], {"index": values[0], "url": values[2]}]},
                },
            });
            check_bounds(&Body::read(200, body.to_string().as_bytes()));
        }
    }

    fn any_value() -> impl proptest::strategy::Strategy<Value = Value> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
            Just(Value::from("x".repeat(100_000))),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map("[a-z_]{1,8}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn check_bounds(body: &Body) {
        let texts = [&body.facts.message, &body.facts.request_id];
        for text in texts.into_iter().flatten() {
            assert!(text.len() < 5_000 && !text.chars().any(char::is_control));
        }
        if let Some(task) = body.task() {
            assert!(!task.task_id.0.is_empty() && task.task_id.0.len() <= 256 && task.images.len() <= MOST_IMAGES);
            assert!(task.units.is_none_or(|units| units.is_finite() && units >= 0.0));
            assert!(task.message.is_none_or(|text| text.len() < 5_000));
        }
    }

    #[test]
    fn a_gateways_words_are_kept_as_the_message() {
        let said = |body: &str| Body::read(502, body.as_bytes()).facts.message;
        assert_eq!(said(r#"{"error":{"message":"no channel","type":"x","code":"y"}}"#).as_deref(), Some("no channel"));
        assert_eq!(said("<html><h1>502 Bad\tGateway</h1></html>").as_deref(), Some("502 Bad Gateway"));
        let nginx =
            "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1>nginx</body></html>";
        assert_eq!(said(nginx).as_deref(), Some("502 Bad Gateway"));
        assert_eq!(said("<title> </title>busy").as_deref(), Some("busy"));
        assert_eq!(said(""), None);
        assert_eq!(said(r#"{"error":"busy"}"#).as_deref(), Some("busy"));
    }
}
