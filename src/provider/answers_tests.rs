//! The answers that others have seen (`tests/data/answers.json`), each with what it means: every row of the tables of
//! `docs/provider.md`, read by the tolerant reader and judged by the one table.

use std::time::Duration;

use serde_json::Value;

use crate::job::ExternalTaskId;

use super::answer::TaskStatus;
use super::client::{answered_fate, meaning_of};
use super::meaning::{Asked, Trust};
use super::shape::Body;
use super::transport::Answer;
use super::{CreateFate, Meaning, StopReason, TaskFault, task_fault};

/// What a row says of the job, word for word, and what the program makes of it.
const EXPECTED: &[(&str, &str)] = &[
    ("accepted T; says nothing about external ids", "accepted T"),
    ("accepted T; external ids are known", "accepted T, echoed"),
    ("accepted T", "accepted T"),
    ("in doubt", "in doubt"),
    ("nothing created", "web page"),
    ("nothing created; may be the job (as today)", "BackOff(MayBeTheJob)"),
    ("waits for room", "OverCap | Saturated"),
    ("untouched", "StopRun(Account) | Suspect(Permission) | NoChannel | StopRun(NoPrice) | Suspect(Credentials)"),
    ("untouched; the key does not follow", "Suspect(WrongUrl)"),
    ("refused", "JobRefused"),
    ("no such task (believed as carefully as 1203)", "unknown"),
    ("no such task; for a moment also of a fresh one", "unknown"),
    ("unknown whether it exists", "Suspect(WrongUrl)"),
    ("working", "working"),
    ("succeeded, one image", "succeeded, 1 image"),
    ("failed, the inputs' fault", "failed: Inputs"),
    ("succeeded; paid from a balance: 0.28; image without index", "succeeded, 1 image, paid 0.28"),
    ("failed: inputs", "failed: Inputs"),
    ("failed: room: waits, no attempt used", "failed: NoRoom"),
    ("failed: ask again before it is believed", "failed: TooYoung"),
    ("failed: may pass", "failed: MayPass"),
    ("-", "no packages"),
    ("succeeded, 1 unit", "succeeded, 1 image, 1 units"),
    ("no such task", "empty list"),
];

/// What a row says of the run, where the meaning decides it.
const RUN: &[(&str, Meaning)] = &[
    ("first contact: stop, wrong URL; later: pause and confirm", Meaning::WebPage),
    ("fewer in flight", Meaning::OverCap),
    ("stop: account empty", Meaning::StopRun(StopReason::Account)),
    ("stop: quota of the key", Meaning::StopRun(StopReason::Account)),
    ("first contact: stop; later: pause and confirm", Meaning::Suspect(StopReason::Permission)),
    ("stop: account", Meaning::StopRun(StopReason::Account)),
    ("stop: setting of the reseller", Meaning::StopRun(StopReason::NoPrice)),
    ("counts towards `every row refused alike`", Meaning::JobRefused),
];

fn rows() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../../tests/data/answers.json")).expect("JSON");
    file["answers"].as_array().expect("a list").clone()
}

fn answer(row: &Value) -> Answer {
    let status = u16::try_from(row["status"].as_u64().expect("a status")).expect("a status");
    let body = match &row["body"] {
        Value::String(text) => text.clone(),
        json => json.to_string(),
    };
    Answer::of(Body::read(status, body.as_bytes()))
}

/// What the program makes of a row, in the words of [`EXPECTED`].
fn made_of(row: &Value) -> String {
    let answer = answer(row);
    match row["op"].as_str().expect("a question") {
        "create" | "create-v3" => match answered_fate(&answer, &ExternalTaskId("X".to_owned())) {
            CreateFate::Accepted { task_id, echoed, .. } => {
                format!("accepted {}{}", task_id.0, if echoed && row["op"] == "create" { ", echoed" } else { "" })
            }
            CreateFate::InDoubt(trouble) if trouble.meaning == Meaning::WebPage => "web page".to_owned(),
            CreateFate::InDoubt(_) => "in doubt".to_owned(),
            CreateFate::Refused(trouble) => format!("{:?}", trouble.meaning),
            other => format!("{other:?}"),
        },
        "costs" => format!(
            "{} packages",
            super::account::packages(&answer)
                .map_or("no list of", |list| { if list.is_empty() { "no" } else { "some" } })
        ),
        _ => match (meaning_of(Asked::Query, &answer), answer.body.task(), answer.body.tasks()) {
            (Meaning::UnknownTask, ..) => "unknown".to_owned(),
            (Meaning::Ok, _, Some((tasks, 0))) if tasks.is_empty() => "empty list".to_owned(),
            (Meaning::Ok, task, tasks) => {
                let task = task.or_else(|| tasks?.0.pop()).expect("a task");
                assert_eq!(task.task_id.0, "T");
                let mut text = match task.status {
                    TaskStatus::Working => return "working".to_owned(),
                    TaskStatus::Failed => {
                        return format!("failed: {:?}", task_fault(&task.message.expect("a reason")));
                    }
                    TaskStatus::Succeeded => format!("succeeded, {} image", task.images.len()),
                };
                text += &task.units.map(|units| format!(", {units} units")).unwrap_or_default();
                text + &task.paid.map(|paid| format!(", paid {paid}")).unwrap_or_default()
            }
            (meaning, ..) => format!("{meaning:?}"),
        },
    }
}

#[test]
fn every_answer_that_was_seen_means_for_the_job_what_the_table_says() {
    let rows = rows();
    assert!(rows.len() >= 40, "the file has its rows");
    for row in rows {
        let said = row["job"].as_str().expect("a meaning");
        let (_, wanted) = EXPECTED.iter().find(|(job, _)| *job == said).unwrap_or_else(|| panic!("no line for {said}"));
        let made = made_of(&row);
        assert!(wanted.split(" | ").any(|one| one == made), "{row:#}\nis taken for `{made}`, not for `{wanted}`");
    }
}

#[test]
fn every_answer_to_a_create_means_for_the_run_what_the_table_says() {
    let mut told = 0;
    for row in rows().iter().filter(|row| row["op"] == "create") {
        let said = row["run"].as_str().expect("a meaning");
        let Some((_, wanted)) = RUN.iter().find(|(run, _)| *run == said) else { continue };
        // A redirect and a web page are both a wrong URL.
        let meaning = meaning_of(Asked::Create, &answer(row));
        let is_redirect = meaning == Meaning::Suspect(StopReason::WrongUrl) && *wanted == Meaning::WebPage;
        assert!(meaning == *wanted || is_redirect, "{row:#}\nis taken for {meaning:?}, not for {wanted:?}");
        told += 1;
    }
    assert!(told >= 10, "{told} rows");
}

#[test]
fn what_could_not_be_understood_is_kept_for_a_person() {
    for row in rows().iter().filter(|row| row["op"] == "create") {
        let answer = answer(row);
        let is_understood = answer.body.facts.is_of_the_api();
        let has_body = row["body"] != "";
        assert_eq!(answer.body.facts.excerpt.is_some(), !is_understood && has_body, "{row:#}");
    }
}

fn query(body: &str) -> Option<super::TaskReport> {
    Body::read(200, body.as_bytes()).task()
}

#[test]
fn a_gateways_id_and_the_native_answers_content_are_taken() {
    let task = query(
        r#"{"code":"success","data":{"task_id":"outer","status":"SUCCESS","progress":"100%","data":{"code":0,"data":{
            "task_id":"inner","task_status":"succeed","final_unit_deduction":"1","created_at":1000,"updated_at":31000,
            "task_info":{"external_task_id":"X"},"task_result":{"images":[{"index":0,"url":"https://h/a.png"}]}}}}}"#,
    );
    let task = task.expect("a task");
    assert_eq!((task.task_id.0.as_str(), task.status, task.units), ("outer", TaskStatus::Succeeded, Some(1.0)));
    assert_eq!(task.external_id, Some(ExternalTaskId("X".to_owned())));
    assert_eq!((task.images[0].url.as_str(), task.took), ("https://h/a.png", Some(Duration::from_secs(30))));
}

#[test]
fn a_url_in_the_reason_of_a_success_is_its_image() {
    let task = query(r#"{"code":"success","data":{"task_id":"T","status":"SUCCESS","fail_reason":"https://h/a.png"}}"#);
    assert_eq!(task.expect("a task").images.len(), 1);
    let failed =
        query(r#"{"code":"success","data":{"task_id":"T","status":"FAILURE","fail_reason":"https://h/a.png"}}"#);
    assert!(failed.expect("a task").images.is_empty());
}

#[test]
fn a_code_repeated_as_text_decides_and_an_http_status_in_its_place_does_not() {
    let meaning = |status: u16, body: &str| meaning_of(Asked::Create, &Answer::of(Body::read(status, body.as_bytes())));
    let nested =
        r#"{"code":"fail_to_fetch_task","message":"upstream: {\"code\":1303,\"message\":\"parallel task\"}."}"#;
    assert_eq!(meaning(429, nested), Meaning::OverCap);
    assert_eq!(meaning(500, &nested.replace("1303", "5000")), Meaning::BackOff(Trust::MayBeTheJob));
    assert_eq!(meaning(429, r#"{"code":429,"message":"slow down"}"#), Meaning::Saturated);
    let error =
        r#"{"error":{"message":"{\"code\":1102,\"message\":\"no balance\"}","type":"upstream_error","code":""}}"#;
    assert_eq!(meaning(429, error), Meaning::StopRun(StopReason::Account));
}

#[test]
fn a_success_of_any_shape_that_names_a_task_is_accepted() {
    let accepts = |body: &str| {
        let fate = answered_fate(&Answer::of(Body::read(200, body.as_bytes())), &ExternalTaskId("X".to_owned()));
        matches!(fate, CreateFate::Accepted { task_id, .. } if task_id.0 == "T")
    };
    for body in [
        r#"{"task_id":"T"}"#,
        r#"{"id":"T","object":"video","status":"queued"}"#,
        r#"{"code":200,"data":{"task_id":"T"}}"#,
        r#"{"code":"success","data":{"task_id":"T","status":"SUBMITTED"}}"#,
        r#"{"data":{"id":"T","status":"submitted"}}"#,
        r#"{"code":0,"message":"SUCCEED","task_id":"T"}"#,
        r#"{"code":"success","task_id":"T","data":null}"#,
        r#"{"code":200,"task_id":"T"}"#,
    ] {
        assert!(accepts(body), "{body}");
    }
    for body in [
        r#"{"id":"req-1"}"#,
        r#"{"error":{"message":"busy"},"task_id":"T"}"#,
        r#"{"code":1303,"data":{"task_id":"T"}}"#,
        r#"{"code":500,"message":"failed","task_id":"T"}"#,
        r#"{"code":0,"id":"req-1"}"#,
        r#"{"code":0,"data":{"task_id":null}}"#,
        "[]",
    ] {
        assert!(!accepts(body), "{body}");
    }
}

#[test]
fn which_fault_a_failed_tasks_reason_tells_is_known_for_every_shape() {
    let body = r#"{"code":"success","data":{"task_id":"T","status":"FAILURE","fail_reason":"Image pixel is invalid"}}"#;
    let task = query(body).expect("a task");
    assert_eq!(task_fault(&task.message.expect("a reason")), TaskFault::Inputs);
}
