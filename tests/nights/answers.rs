//! Answers in every shape that the client can make of what gateways say.

use std::time::Duration;

use tryon::job::{ExternalTaskId, TaskId};
use tryon::provider::meaning::Trust;
use tryon::provider::{AnswerFacts, CreateFate, Meaning, ResultImage, StopReason, TaskReport, TaskStatus, Trouble};

use crate::books::{Outcome, Task};
use crate::dice::Dice;
use crate::weather::{Ids, Odd};

pub(crate) fn facts(status: u16, code: Option<i64>, message: &str) -> AnswerFacts {
    AnswerFacts { http_status: Some(status), code, message: Some(message.to_owned()), ..AnswerFacts::default() }
}

pub(crate) fn trouble(meaning: Meaning, status: u16, code: Option<i64>, message: &str) -> Trouble {
    Trouble::of(meaning, facts(status, code, message))
}

fn no_answer(meaning: Meaning, message: &str) -> Trouble {
    let facts = AnswerFacts { message: Some(message.to_owned()), ..AnswerFacts::default() };
    let mut trouble = Trouble::of(meaning, facts);
    trouble.was_reached = false;
    trouble
}

pub(crate) fn over_cap(dice: &mut Dice) -> Trouble {
    match dice.chance(0.7) {
        true => trouble(Meaning::OverCap, 429, Some(1303), "parallel task over resource pack limit"),
        false => trouble(Meaning::Saturated, 429, None, "the upstream load of this group is saturated"),
    }
}

pub(crate) fn empty_account() -> Trouble {
    trouble(Meaning::StopRun(StopReason::Account), 429, Some(1102), "resource pack used up")
}

/// What an odd answer to a create is. Whether a task is made is decided elsewhere.
pub(crate) fn odd_create(odd: Odd, dice: &mut Dice) -> CreateFate {
    let refused = CreateFate::Refused;
    match odd {
        Odd::AnswerLost | Odd::RequestLost => CreateFate::InDoubt(no_answer(Meaning::InDoubt, "timed out")),
        Odd::LateTask => CreateFate::InDoubt(trouble(Meaning::InDoubt, 504, None, "gateway timeout")),
        Odd::NoTaskId => CreateFate::InDoubt(trouble(Meaning::InDoubt, 200, Some(0), "SUCCEED")),
        Odd::WebPage => CreateFate::InDoubt(trouble(Meaning::WebPage, 200, None, "a web page")),
        Odd::NotSent => CreateFate::NotSent(no_answer(Meaning::BackOff(Trust::Outage), "connection refused")),
        other => refused(odd_question(other, dice)),
    }
}

/// What an odd answer to a question is, and to a create in which nothing was made.
pub(crate) fn odd_question(odd: Odd, dice: &mut Dice) -> Trouble {
    match odd {
        Odd::AnswerLost | Odd::RequestLost | Odd::NotSent => no_answer(Meaning::BackOff(Trust::Outage), "timed out"),
        Odd::LateTask => trouble(Meaning::BackOff(Trust::Outage), 504, None, "gateway timeout"),
        Odd::NoTaskId => trouble(Meaning::BackOff(Trust::Outage), 200, Some(0), "SUCCEED"),
        Odd::WebPage => trouble(Meaning::WebPage, 200, None, "a web page"),
        Odd::Unauthorized => trouble(Meaning::Suspect(StopReason::Credentials), 401, None, "unauthorized"),
        Odd::Forbidden => trouble(Meaning::Suspect(StopReason::Permission), 403, None, "forbidden"),
        Odd::NotFound => trouble(Meaning::Suspect(StopReason::WrongUrl), 404, None, "no such path"),
        Odd::NoChannel => trouble(Meaning::NoChannel, 503, None, "no available channel for the model"),
        Odd::Saturated => trouble(Meaning::Saturated, 429, None, "saturated"),
        Odd::SlowDown => {
            let mut slower = trouble(Meaning::SlowDown, 429, Some(1302), "too many requests");
            slower.retry_after = dice.chance(0.5).then(|| dice.time(0, 8_000));
            slower
        }
        Odd::Refused => trouble(Meaning::JobRefused, 400, Some(1200), "bad request"),
        Odd::InternalError => trouble(Meaning::BackOff(Trust::MayBeTheJob), 500, Some(5000), "internal error"),
        Odd::Maintenance => trouble(Meaning::BackOff(Trust::Outage), 503, Some(5001), "maintenance"),
        Odd::TokenExpired => trouble(Meaning::RenewToken, 401, Some(1004), "token expired"),
    }
}

/// A task as a question, or the list, tells it.
pub(crate) fn report(task: &Task, now: Duration, ids: Ids, is_whole: bool) -> TaskReport {
    let has_ended = task.ends_at <= now;
    let (status, message) = match task.outcome {
        _ if !has_ended => (TaskStatus::Working, None),
        Outcome::Image | Outcome::NoImage => (TaskStatus::Succeeded, None),
        Outcome::Fails(why) => (TaskStatus::Failed, Some(why.to_owned())),
    };
    let has_image = has_ended && task.outcome == Outcome::Image && is_whole;
    TaskReport {
        task_id: TaskId(task.id.clone()),
        external_id: ids.are_echoed().then(|| ExternalTaskId(task.external_id.clone())),
        status,
        message: message.filter(|_| is_whole),
        units: (has_ended && task.is_charged()).then_some(1.0),
        paid: None,
        images: if has_image {
            vec![ResultImage { index: 0, url: format!("sim://{}", task.image()) }]
        } else {
            Vec::new()
        },
        took: has_ended.then(|| task.ends_at - task.made_at),
    }
}
