//! Reads answers of every shape that the provider and the gateways in front of it give: native, flat, wrapped, the
//! API's own JSON as text within a gateway's message, web pages, nothing. Tolerant of fields that are missing, extra,
//! null, or of another type than documented.
//!
//! Answers for what a body *says*; what that means is [`super::meaning`]'s. The shapes are those of
//! `docs/provider.md`, "Shapes of answers".

use std::time::Duration;

use serde_json::Value;

use crate::job::{ExternalTaskId, TaskId, clean_text};

use super::{AnswerFacts, ResultImage, TaskReport, TaskStatus};

/// A task has one image, sometimes a few; more than this is garbage.
const MOST_IMAGES: usize = 16;

/// How many envelopes an answer may stand in: a gateway's, and a gateway's before that.
const MOST_ENVELOPES: usize = 3;

/// An answer's body, read as far as it can be.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) facts: AnswerFacts,
    pub(super) data: Value,
    /// The body itself, where it is an object without an envelope (a flat answer).
    flat: Option<Value>,
}

impl Body {
    /// Reads a body. One that is not JSON has no code, and its text is kept as the message.
    pub(super) fn read(http_status: u16, bytes: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
        let gateway = &value["error"];
        let said = [&value["message"], &value["msg"], &gateway["message"], gateway].into_iter().find_map(text);
        // Some gateways put the API's own answer into their message, as text.
        let nested = said.as_deref().and_then(nested_answer);
        let nested_code = nested.as_ref().and_then(|nested| whole_number(&nested["code"]));
        let nested_message = nested.as_ref().and_then(|nested| text(&nested["message"]));
        let message = nested_message.or(said).or_else(|| if value.is_object() { None } else { plain_text(bytes) });
        let word = [&value["code"], &gateway["code"], &gateway["type"]].into_iter().find_map(word);
        let own_code = whole_number(&value["code"]);
        // The success of a gateway that has words for codes.
        let said_well = (word.as_deref() == Some("success")).then_some(0);
        let code = own_code.filter(|code| is_of_the_api(*code)).or(nested_code).or(own_code).or(said_well);
        let facts = AnswerFacts {
            http_status: Some(http_status),
            code,
            word,
            message: message.map(|message| clean_text(&message)).filter(|message| !message.is_empty()),
            request_id: text(&value["request_id"]).map(|id| clean_text(&id)),
            is_web_page: !value.is_object() && is_web_page(bytes),
            excerpt: code.is_none_or(|code| !is_of_the_api(code)).then(|| excerpt(bytes)).flatten(),
        };
        let data = value.get("data").cloned().unwrap_or(Value::Null);
        let is_well = code.is_none_or(|code| matches!(code, 0 | 200));
        let is_flat = is_well && data.is_null() && gateway.is_null() && value.is_object();
        Self { facts, data, flat: is_flat.then_some(value) }
    }

    /// The task that the body describes, if it names one.
    pub(super) fn task(&self) -> Option<TaskReport> {
        match &self.flat {
            Some(flat) => Some(flat).filter(|flat| describes_a_task(flat)).and_then(read_task),
            None => read_wrapped(&self.data),
        }
    }

    /// The tasks of a page of the list, and how many entries the page has; `None` when it is no list.
    pub(super) fn tasks(&self) -> Option<(Vec<TaskReport>, usize)> {
        let entries = self.data.as_array()?;
        Some((entries.iter().filter_map(read_wrapped).collect(), entries.len()))
    }

    /// The tasks of a page of a list by cursor, and the cursor of the next page; `None` when it is no such list.
    pub(super) fn page(&self) -> Option<(Vec<TaskReport>, Option<String>)> {
        let entries = self.data["result"].as_array()?;
        let next = text(&self.data["next_cursor"]).filter(|cursor| (1..=LONGEST_CURSOR).contains(&cursor.len()));
        let has_more = self.data["has_more"].as_bool().unwrap_or(true);
        Some((entries.iter().filter_map(read_wrapped).collect(), next.filter(|_| has_more)))
    }
}

/// More than this is no cursor.
const LONGEST_CURSOR: usize = 4_096;

/// Whether a code is one of the API's numbers; gateways also put HTTP statuses there.
pub(super) fn is_of_the_api(code: i64) -> bool {
    code == 0 || (1_000..6_000).contains(&code)
}

/// Whether a flat object is about a task, and not about something else that has an `id`.
fn describes_a_task(flat: &Value) -> bool {
    !flat["task_id"].is_null() || (!flat["id"].is_null() && (!flat["status"].is_null() || !flat["object"].is_null()))
}

/// The API's own answer, where a message is one: `{"code":1102,…}` as text, perhaps with a gateway's words before it.
fn nested_answer(message: &str) -> Option<Value> {
    let from = message.find('{')?;
    // What follows the object, a full stop say, is not looked at.
    let object = serde_json::Deserializer::from_str(&message[from..]).into_iter::<Value>().next()?.ok()?;
    whole_number(&object["code"]).is_some().then_some(object)
}

/// A task in a gateway's envelope: the native answer inside tells most, and the envelope what that leaves out. The
/// envelope's id counts: it is the one that the gateway can be asked by.
fn read_wrapped(data: &Value) -> Option<TaskReport> {
    let mut envelopes = vec![data];
    while envelopes.len() <= MOST_ENVELOPES
        && let Some(inner) = envelopes.last().map(|outer| &outer["data"]).filter(|inner| inner.is_object())
    {
        envelopes.push(inner);
    }
    let mut reports = envelopes.into_iter().filter_map(read_task);
    let mut report = reports.next()?;
    for inner in reports {
        if inner.status != TaskStatus::Working {
            report.status = inner.status;
        }
        if !inner.images.is_empty() {
            report.images = inner.images;
        }
        report.message = inner.message.or(report.message);
        report.external_id = report.external_id.or(inner.external_id);
        report.units = inner.units.or(report.units);
        report.paid = inner.paid.or(report.paid);
        report.took = inner.took.or(report.took);
    }
    Some(report)
}

fn read_task(data: &Value) -> Option<TaskReport> {
    let task_id = [&data["task_id"], &data["id"]].into_iter().find_map(|id| text(id).filter(|id| is_usable_id(id)))?;
    let status = read_status(data);
    let own = |fields: &[&Value]| fields.iter().find_map(|field| text(field).filter(|text| !text.is_empty()));
    let external_id = own(&[&data["task_info"]["external_task_id"], &data["external_task_id"], &data["external_id"]]);
    let message = own(&[&data["task_status_msg"], &data["fail_reason"], &data["message"]])
        .map(|text| clean_text(&text))
        .filter(|text| !text.is_empty());
    let took = between(&data["created_at"], &data["updated_at"])
        .or_else(|| between(&data["create_time"], &data["update_time"]));
    let (units, paid) = read_cost(data);
    Some(TaskReport {
        task_id: TaskId(task_id),
        external_id: external_id.map(ExternalTaskId),
        status,
        images: read_images(data, status),
        message,
        units,
        paid,
        took,
    })
}

fn read_status(data: &Value) -> TaskStatus {
    let word = [&data["task_status"], &data["status"]].into_iter().find_map(text).unwrap_or_default();
    match word.to_ascii_lowercase().as_str() {
        "succeed" | "succeeded" | "success" | "completed" => TaskStatus::Succeeded,
        "failed" | "fail" | "failure" => TaskStatus::Failed,
        _ => TaskStatus::Working,
    }
}

/// The images of a task, in the order of their index; those without one in their own order.
fn read_images(data: &Value, status: TaskStatus) -> Vec<ResultImage> {
    let listed = [&data["task_result"]["images"], &data["outputs"]].into_iter().find_map(Value::as_array);
    let listed = listed.map(Vec::as_slice).unwrap_or_default();
    let mut images: Vec<ResultImage> = listed
        .iter()
        .enumerate()
        .take(MOST_IMAGES)
        .filter(|(_, image)| text(&image["type"]).is_none_or(|kind| kind == "image"))
        .filter_map(|(place, image)| {
            let index = whole_number(&image["index"]).and_then(|index| u32::try_from(index).ok());
            let url = text(&image["url"]).filter(|url| !url.is_empty())?;
            Some(ResultImage { index: index.unwrap_or(u32::try_from(place).ok()?), url })
        })
        .collect();
    images.sort_by_key(|image| image.index);
    if images.is_empty() && status == TaskStatus::Succeeded {
        // A gateway's own field; new-api once put the URL into the reason of a failure that was none.
        let is_url = |url: &String| url.starts_with("http://") || url.starts_with("https://");
        let urls = [&data["result_url"], &data["url"], &data["fail_reason"]];
        images
            .extend(urls.into_iter().find_map(|url| text(url).filter(is_url)).map(|url| ResultImage { index: 0, url }));
    }
    images
}

/// What a task cost: in units of a pack, and in money from a balance.
fn read_cost(data: &Value) -> (Option<f64>, Option<f64>) {
    let billed = |kind: &str| {
        let lines = data["billing"].as_array()?.iter().take(MOST_IMAGES);
        let amounts = lines.filter(|line| text(&line["charge_type"]).as_deref() == Some(kind));
        amounts.filter_map(|line| number(&line["amount"])).reduce(|sum, amount| sum + amount)
    };
    let units = number(&data["final_unit_deduction"]).or_else(|| billed("unit"));
    let paid = number(&data["final_balance_deduction"]["quota"]).or_else(|| billed("cash"));
    (units, paid)
}

/// The time between two moments in Unix milliseconds; `None` when one is missing or they are not in this order.
fn between(earlier: &Value, later: &Value) -> Option<Duration> {
    let ms = whole_number(later)?.checked_sub(whole_number(earlier)?)?;
    u64::try_from(ms).ok().map(Duration::from_millis)
}

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

/// A code that is a word and not a number.
fn word(value: &Value) -> Option<String> {
    let word = value.as_str()?.trim();
    let is_word = !word.is_empty() && word.len() <= 80 && word.parse::<i64>().is_err();
    is_word.then(|| clean_text(word).to_ascii_lowercase())
}

/// A whole number, or a string in its place.
pub(super) fn whole_number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A finite number that is not negative, or a string in its place.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|n| n.is_finite() && *n >= 0.0)
}

fn is_web_page(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(512)]).trim_start().to_ascii_lowercase();
    let head = head.trim_start_matches('\u{feff}');
    ["<!doctype html", "<html", "<head", "<body", "<title", "<!--"].iter().any(|tag| head.starts_with(tag))
}

/// The beginning of a body, fit for a terminal and bounded as all foreign text.
fn excerpt(bytes: &[u8]) -> Option<String> {
    let head = clean_text(&String::from_utf8_lossy(&bytes[..bytes.len().min(4_096)]));
    (!head.is_empty()).then_some(head)
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
