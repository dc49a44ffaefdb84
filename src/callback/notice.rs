//! Reading a callback's body, in both forms of `docs/provider.md`: tolerant of fields that are missing, extra or null.

use serde_json::Value;

use crate::job::{ExternalTaskId, TaskId};

use super::Wake;

/// The body is no JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoJson;

/// What a body tells; `None` when it names no task.
///
/// # Errors
/// It is no JSON, cut off, or nested beyond reason.
pub(super) fn read(body: &[u8]) -> Result<Option<Wake>, NoJson> {
    let body: Value = serde_json::from_slice(body).map_err(|_| NoJson)?;
    let first = |names: [&Value; 2]| names.into_iter().find_map(usable_id);
    let task_id = first([&body["task_id"], &body["id"]]).map(TaskId);
    let external_id = first([&body["task_info"]["external_task_id"], &body["external_id"]]).map(ExternalTaskId);
    if task_id.is_none() && external_id.is_none() {
        return Ok(None);
    }
    let is_end = [&body["task_status"], &body["status"]].into_iter().find_map(Value::as_str).is_some_and(says_end);
    Ok(Some(Wake { task_id, external_id, is_end }))
}

fn says_end(status: &str) -> bool {
    ["succeed", "succeeded", "success", "failed", "fail"].iter().any(|end| status.eq_ignore_ascii_case(end))
}

/// An id as a string, or a number in its place. One that is empty, huge or unprintable is none: the hints that wait
/// are held in memory, and ids go into messages.
fn usable_id(value: &Value) -> Option<String> {
    const MOST_BYTES: usize = 256;
    let text = match value {
        Value::String(text) if text.len() <= MOST_BYTES => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wake(task_id: Option<&str>, external_id: Option<&str>, is_end: bool) -> Wake {
        let external_id = external_id.map(|id| ExternalTaskId(id.to_owned()));
        Wake { task_id: task_id.map(|id| TaskId(id.to_owned())), external_id, is_end }
    }

    #[test]
    fn both_forms_name_the_task_and_say_whether_it_has_ended() {
        let old = r#"{"task_id":"831","task_status":"succeed","task_status_msg":"","created_at":1,"updated_at":2,
            "final_unit_deduction":"1","task_info":{"external_task_id":"mine"},
            "task_result":{"images":[{"index":0,"url":"https://host/a.png"}]}}"#;
        assert_eq!(read(old.as_bytes()), Ok(Some(wake(Some("831"), Some("mine"), true))));
        let new = r#"{"id":"1234567890","status":"succeeded","message":"","external_id":"mine",
            "outputs":[{"url":"https://host/a.png"}],"create_time":1781080778802,"update_time":1781080794151}"#;
        assert_eq!(read(new.as_bytes()), Ok(Some(wake(Some("1234567890"), Some("mine"), true))));
    }

    #[test]
    fn only_the_words_for_an_end_say_that_a_task_has_ended() {
        for (word, is_end) in [
            ("succeed", true),
            ("succeeded", true),
            ("failed", true),
            ("FAILED", true),
            ("submitted", false),
            ("processing", false),
            ("succeeding", false),
            ("", false),
        ] {
            for field in ["task_status", "status"] {
                let body = format!(r#"{{"id":"1","{field}":"{word}"}}"#);
                assert_eq!(read(body.as_bytes()), Ok(Some(wake(Some("1"), None, is_end))), "{body}");
            }
        }
        assert_eq!(read(br#"{"id":"1"}"#), Ok(Some(wake(Some("1"), None, false))));
        assert_eq!(read(br#"{"id":"1","task_status":null,"status":"failed"}"#), Ok(Some(wake(Some("1"), None, true))));
    }

    #[test]
    fn one_id_is_enough_and_may_be_a_number() {
        assert_eq!(read(br#"{"task_id":831,"task_info":null}"#), Ok(Some(wake(Some("831"), None, false))));
        let ours = br#"{"task_id":null,"task_info":{"external_task_id":"mine"},"task_status":"failed"}"#;
        assert_eq!(read(ours), Ok(Some(wake(None, Some("mine"), true))));
    }

    #[test]
    fn a_body_that_names_no_usable_id_wakes_nothing() {
        let huge = format!(r#"{{"task_id":"{}"}}"#, "1".repeat(257));
        for body in [
            "{}",
            "[]",
            "null",
            "7",
            r#""text""#,
            r#"{"task_id":""}"#,
            r#"{"id":["1"]}"#,
            r#"{"id":"a\u0000b"}"#,
            &huge,
        ] {
            assert_eq!(read(body.as_bytes()), Ok(None), "{body}");
        }
        for body in ["", "{", r#"{"task_id":"1""#, "task_id=1", "\u{feff}{}", "\0\0", &"[".repeat(60_000)] {
            assert_eq!(read(body.as_bytes()), Err(NoJson), "{}", &body[..body.len().min(40)]);
        }
    }

    proptest! {
        #[test]
        fn no_body_is_too_strange(body in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = read(&body);
        }

        #[test]
        fn no_value_in_a_known_field_is_too_strange(
            field in prop::sample::select(vec!["task_id", "id", "task_status", "status", "task_info", "external_id"]),
            value in prop::sample::select(vec!["null", "0", "-1e308", "true", "[]", "{}", "[[[]]]", "\"\"", "{\"external_task_id\":{}}"]),
        ) {
            let body = format!(r#"{{"{field}":{value},"task_info":{{"external_task_id":"mine"}},"extra":1}}"#);
            let read = read(body.as_bytes()).expect("JSON");
            prop_assert!(read.is_some_and(|wake| !wake.is_end));
        }
    }
}
