//! The answers of the "solutions" form (`docs/provider.md`, "Try-on 3.0"), read as the client reads them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::job::{ExternalTaskId, TaskId};

use super::client::answered_fate;
use super::shape::Body;
use super::solutions::told;
use super::transport::Answer;
use super::{CreateFate, Ids, Meaning, QueryAnswer, TaskReport, TaskStatus, Told};

fn answer(status: u16, body: &Value) -> Answer {
    Answer::of(Body::read(status, body.to_string().as_bytes()))
}

fn well(data: &Value) -> Answer {
    answer(200, &json!({ "code": 0, "message": "SUCCEED", "request_id": "r", "data": data }))
}

fn ours() -> ExternalTaskId {
    ExternalTaskId("mine".to_owned())
}

fn tasks(ids: &[&str]) -> Vec<TaskId> {
    ids.iter().map(|id| TaskId((*id).to_owned())).collect()
}

/// What is told of each task: its id, `unknown` or `nothing`; or the trouble's meaning.
fn read(ids: Ids<'_>, answer: &Answer) -> Result<Vec<String>, Meaning> {
    let in_words = |told: Told| match told {
        Told::Task(task) => task.task_id.0,
        Told::Unknown => "unknown".to_owned(),
        Told::Nothing => "nothing".to_owned(),
    };
    match told(ids, answer) {
        QueryAnswer::Told(told) => Ok(told.into_iter().map(in_words).collect()),
        QueryAnswer::Trouble(trouble) => Err(trouble.meaning),
    }
}

fn the_task(data: &Value) -> TaskReport {
    match told(Ids::Tasks(&tasks(&["t"])), &well(&json!([data]))) {
        QueryAnswer::Told(mut told) => match told.pop() {
            Some(Told::Task(task)) => *task,
            other => panic!("{other:?}"),
        },
        QueryAnswer::Trouble(trouble) => panic!("{trouble:?}"),
    }
}

#[test]
fn a_create_is_accepted_with_its_external_id_or_without() {
    let created = |data: Value| match answered_fate(&well(&data), &ours()) {
        CreateFate::Accepted { task_id, echoed, .. } => (task_id.0, echoed),
        other => panic!("{other:?}"),
    };
    let data = json!({"task_id":"t","status":"submitted","create_time":1,"update_time":1,"external_id":"mine"});
    assert_eq!(created(data), ("t".to_owned(), true));
    assert_eq!(created(json!({"id":"t","status":"submitted"})), ("t".to_owned(), false));
    assert!(matches!(answered_fate(&well(&Value::Null), &ours()), CreateFate::InDoubt(_)), "no id in it");
}

#[test]
fn a_finished_task_has_its_outputs_and_what_it_cost() {
    let by = |billing: Value| {
        the_task(&json!({
            "id": "t", "status": "succeed", "message": "", "create_time": 1_000, "update_time": "31000",
            "external_id": "mine", "billing": billing,
            "outputs": [
                {"type": "video", "url": "https://h/v.mp4"},
                {"type": "image", "url": "https://h/a.png", "watermark_url": "https://h/w.png"},
            ],
        }))
    };
    let task = by(json!([{"charge_type": "unit", "amount": "1", "package_type": "image"}]));
    assert_eq!((task.status, task.units, task.paid), (TaskStatus::Succeeded, Some(1.0), None));
    assert_eq!(task.took, Some(Duration::from_secs(30)));
    assert_eq!(task.external_id, Some(ours()));
    assert_eq!(task.images.iter().map(|image| image.url.as_str()).collect::<Vec<_>>(), ["https://h/a.png"]);
    let cash =
        json!([{"charge_type": "cash", "amount": 0.28, "cash_type": "balance", "list_price": 0.35, "currency": "USD"}]);
    assert_eq!((by(cash.clone()).units, by(cash).paid), (None, Some(0.28)));
    let both = by(json!([{"charge_type": "unit", "amount": 0.5}, {"charge_type": "cash", "amount": "0.1"}]));
    assert_eq!((both.units, both.paid), (Some(0.5), Some(0.1)));
    assert_eq!((by(Value::Null).units, by(json!([])).paid), (None, None), "nothing is said to cost 0");
}

#[test]
fn every_status_word_is_understood_and_a_failure_says_why() {
    for (word, status) in [
        ("submitted", TaskStatus::Working),
        ("processing", TaskStatus::Working),
        ("succeed", TaskStatus::Succeeded),
        ("succeeded", TaskStatus::Succeeded),
        ("failed", TaskStatus::Failed),
    ] {
        assert_eq!(the_task(&json!({"id": "t", "status": word})).status, status, "{word}");
    }
    let failed = the_task(&json!({"id": "t", "status": "failed", "message": "no human in the picture"}));
    assert_eq!(failed.message.as_deref(), Some("no human in the picture"));
}

#[test]
fn a_task_that_is_missing_is_unknown_where_the_answer_is_about_nothing_else() {
    let (a_and_b, entry) = (tasks(&["a", "b"]), |id: &str| json!({"id": id, "status": "processing"}));
    let of = |data: Value| read(Ids::Tasks(&a_and_b), &well(&data)).expect("told");
    assert_eq!(of(json!([entry("b"), entry("a")])), ["a", "b"], "in the order of the question");
    assert_eq!(of(json!([entry("b")])), ["unknown", "b"]);
    assert_eq!(of(json!([])), ["unknown", "unknown"]);
    assert_eq!(of(json!([entry("b"), entry("other")])), ["nothing", "b"], "a filter that is not heeded");
    assert_eq!(of(json!([entry("b"), null])), ["nothing", "b"], "an entry that cannot be read");
    assert_eq!(of(entry("a")), ["a", "unknown"], "the task itself");
    for nothing in [Value::Null, json!("x"), json!({})] {
        assert!(read(Ids::Tasks(&a_and_b), &well(&nothing)).is_err(), "{nothing} is no word about any task");
    }
}

#[test]
fn one_unknown_task_among_several_spoils_no_answer_about_the_others() {
    for code in [1201, 1203] {
        let refusal = answer(400, &json!({"code": code, "message": "Task not found by id/external id: a"}));
        assert_eq!(read(Ids::Tasks(&tasks(&["a", "b"])), &refusal), Err(Meaning::UnknownTask), "it may be either");
        assert_eq!(read(Ids::Tasks(&tasks(&["a"])), &refusal), Ok(vec!["unknown".to_owned()]));
        assert_eq!(read(Ids::External(&ours()), &refusal), Ok(vec!["unknown".to_owned()]));
    }
}

#[test]
fn a_task_is_found_by_our_id_only_where_it_carries_it_or_is_alone() {
    let of = |data: Value| read(Ids::External(&ours()), &well(&data)).expect("told");
    let entry = |id: &str, external: Value| json!({"id": id, "status": "processing", "external_id": external});
    assert_eq!(of(json!([entry("a", json!("other")), entry("b", json!("mine"))])), ["b"]);
    assert_eq!(of(json!([entry("a", Value::Null)])), ["a"], "the asker decides whether that is believed");
    assert_eq!(of(json!([entry("a", Value::Null), entry("b", Value::Null)])), ["nothing"]);
    assert_eq!(of(json!([entry("a", json!("other"))])), ["nothing"]);
    assert_eq!(of(json!([])), ["unknown"]);
}

#[test]
fn the_codes_mean_what_they_mean_in_the_older_form() {
    let of = |status, code| read(Ids::Tasks(&tasks(&["a"])), &answer(status, &json!({"code": code, "message": "m"})));
    assert_eq!(of(429, 1302), Err(Meaning::SlowDown));
    assert_eq!(of(429, 1303), Err(Meaning::SlowDown), "a question holds no slot");
    assert!(matches!(of(401, 1002), Err(Meaning::Suspect(_))));
    assert!(matches!(of(503, 5001), Err(Meaning::BackOff(_))));
    assert!(matches!(of(200, 200), Err(Meaning::BackOff(_))), "a success that is none is asked for again");
}

#[test]
fn a_list_goes_on_where_its_cursor_says_so() {
    let page = |data: Value| well(&data).body.page().map(|(tasks, next)| (tasks.len(), next));
    let entries = json!([{"id": "a", "status": "succeed"}, {"id": "b", "status": "failed"}, null]);
    let more = json!({"result": entries, "count": 3, "next_cursor": "c", "has_more": true});
    assert_eq!(page(more), Some((2, Some("c".to_owned()))));
    assert_eq!(page(json!({"result": [], "next_cursor": "c", "has_more": false})), Some((0, None)));
    assert_eq!(page(json!({"result": [], "next_cursor": ""})), Some((0, None)));
    assert_eq!(page(json!([])), None, "the other form's");
}
