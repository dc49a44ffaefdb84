//! A job as JSON, for `list --json` and `show --json`. Scripts rely on the keys.

use jiff::Timestamp;
use serde::Serialize;

use crate::job::{AccountName, ExtraColumns, JobId, JobState, Keep, ModelName};
use crate::queue::{AttemptRecord, JobRecord};

/// A job.
#[derive(Debug, Serialize)]
pub struct JobJson<'a> {
    id: &'a str,
    state: &'a str,
    attempts: u32,
    /// The failure's code, as in the report.
    error_code: Option<&'a str>,
    /// Why it has failed, is in doubt, or waits.
    reason: Option<&'a str>,
    retry_at: Option<String>,
    finished_at: Option<String>,
    task_id: Option<&'a str>,
    external_task_id: Option<&'a str>,
    /// Relative to the output folder.
    output: Option<&'a str>,
    human_image: &'a str,
    cloth_image: &'a str,
    cloth_type: Option<&'a str>,
    cloth_image_2: Option<&'a str>,
    cloth_type_2: Option<&'a str>,
    /// The account of the present attempt, where it has a name.
    account: Option<&'a str>,
    /// Only where the row named one.
    model: Option<&'a str>,
    /// What is to stay as it is in the person's picture, where not all of it is (try-on 3.0).
    #[serde(skip_serializing_if = "Option::is_none")]
    keep: Option<KeepJson>,
    priority: i64,
    /// What was noticed about the result, a word each.
    flags: Vec<&'static str>,
    /// What a person has said of the result: `approved` or `rejected`.
    review: Option<&'static str>,
    review_reason: Option<&'a str>,
    reviewer: Option<&'a str>,
    reviewed_at: Option<String>,
    /// The manifest columns that are not read.
    columns: &'a ExtraColumns,
}

impl<'a> JobJson<'a> {
    pub fn of(job: &'a JobRecord) -> Self {
        let spec = &job.spec;
        let said = job.message.as_deref();
        let (mut error_code, mut reason, mut retry_at) = (None, None, None);
        let (mut task_id, mut external_task_id) = (None, None);
        match &job.state {
            JobState::Pending { retry_at: at } => (reason, retry_at) = (said, at.map(utc)),
            JobState::Submitting { external_id } => external_task_id = Some(external_id.0.as_str()),
            JobState::InDoubt { external_id } => {
                (error_code, reason, external_task_id) = (Some("in_doubt"), said, Some(external_id.0.as_str()));
            }
            JobState::Running { task_id: task }
            | JobState::Downloading { task_id: task }
            | JobState::Succeeded { task_id: task } => task_id = Some(task.0.as_str()),
            JobState::Failed { failure, task_id: task } => {
                (error_code, reason) = (Some(failure.code.as_str()), Some(failure.message.as_str()));
                task_id = task.as_ref().map(|task| task.0.as_str());
            }
            JobState::Cancelled => {}
        }
        Self {
            id: spec.id.as_str(),
            state: job.state.name().word(),
            attempts: job.attempt,
            error_code,
            reason,
            retry_at,
            finished_at: job.finished_at.map(utc),
            task_id,
            external_task_id,
            output: job.output.as_deref(),
            human_image: &spec.human.written,
            cloth_image: &spec.cloth.written,
            cloth_type: spec.cloth_type.map(crate::job::Garment::word),
            cloth_image_2: spec.second.as_ref().map(|second| second.image.written.as_str()),
            cloth_type_2: spec.second.as_ref().map(|second| second.garment.word()),
            account: job.account.as_ref().map(AccountName::as_str),
            model: spec.model.as_ref().map(ModelName::as_str),
            keep: (spec.keep != Keep::ALL).then_some(KeepJson {
                face: spec.keep.face,
                pose: spec.keep.pose,
                background: spec.keep.background,
            }),
            priority: spec.priority,
            flags: job.flags.words(),
            review: job.review.as_ref().map(|review| review.verdict.word()),
            review_reason: job.review.as_ref().and_then(|review| review.reason.as_deref()),
            reviewer: job.review.as_ref().and_then(|review| review.reviewer.as_deref()),
            reviewed_at: job.review.as_ref().map(|review| utc(review.at)),
            columns: &spec.extra,
        }
    }
}

/// [`crate::job::Keep`].
#[derive(Debug, Serialize)]
struct KeepJson {
    face: bool,
    pose: bool,
    background: bool,
}

/// A job with every attempt made for it.
#[derive(Debug, Serialize)]
pub struct StoryJson<'a> {
    #[serde(flatten)]
    pub job: JobJson<'a>,
    pub history: Vec<AttemptJson<'a>>,
}

/// One attempt.
#[derive(Debug, Serialize)]
pub struct AttemptJson<'a> {
    attempt: u32,
    outcome: &'a str,
    model: &'a str,
    /// The account that it was sent to, where it has a name.
    account: Option<&'a str>,
    /// `null` where nothing was submitted, because the task is another job's.
    external_task_id: Option<&'a str>,
    /// The job of the same pair whose task it shares.
    shares: Option<&'a str>,
    task_id: Option<&'a str>,
    request_id: Option<&'a str>,
    asked: u32,
    http_status: Option<u16>,
    code: Option<&'a str>,
    message: Option<&'a str>,
    units: Option<f64>,
    /// Paid from a balance, in the account's currency.
    paid: Option<f64>,
    /// The beginning of a create's answer that could not be understood.
    answer: Option<&'a str>,
    /// What was made of its pictures before they were sent; `null` where every file went as it is.
    sent_as: Option<&'a str>,
    submitted_at: String,
    accepted_at: Option<String>,
    task_ended_at: Option<String>,
    ended_at: Option<String>,
}

impl<'a> AttemptJson<'a> {
    pub fn of(attempt: &'a AttemptRecord) -> Self {
        let note = &attempt.note;
        Self {
            attempt: attempt.attempt,
            outcome: &attempt.outcome,
            model: attempt.model.as_str(),
            account: attempt.account.as_ref().map(AccountName::as_str),
            external_task_id: attempt.shares.is_none().then_some(attempt.external_id.0.as_str()),
            shares: attempt.shares.as_ref().map(JobId::as_str),
            task_id: attempt.task_id.as_ref().map(|task| task.0.as_str()),
            request_id: note.request_id.as_deref(),
            asked: attempt.asked,
            http_status: note.http_status,
            code: note.code.as_deref(),
            message: note.message.as_deref(),
            units: note.units,
            paid: note.paid,
            answer: note.answer.as_deref(),
            sent_as: attempt.sent_as.as_deref(),
            submitted_at: utc(attempt.claimed_at),
            accepted_at: attempt.accepted_at.map(utc),
            task_ended_at: attempt.task_ended_at.map(utc),
            ended_at: attempt.ended_at.map(utc),
        }
    }
}

/// RFC 3339 in UTC, always with milliseconds, so that the texts sort as the times do.
#[must_use]
pub fn utc(time: Timestamp) -> String {
    format!("{time:.3}")
}
