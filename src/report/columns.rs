//! What is in each column of the report, whatever its format.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::job::AccountName;
use crate::queue::ReportRow;

use crate::view::utc;

use super::place::Way;

/// What every `model` cell of a sandbox run ends in, so that nobody takes its pictures for real ones.
const SANDBOX_SUFFIX: &str = " (sandbox)";

/// The columns' names, in order (`docs/promises.md`, "The report"). Scripts rely on them.
pub(super) const HEADER: [&str; 26] = [
    "id",
    "state",
    "human_image",
    "cloth_image",
    "model",
    "output",
    "error_code",
    "error",
    "attempts",
    "task_id",
    "external_task_id",
    "request_id",
    "units",
    "width",
    "height",
    "bytes",
    "sha256",
    "submitted_at",
    "finished_at",
    "seconds",
    "account",
    "flags",
    "review",
    "review_reason",
    "human_sha256",
    "cloth_sha256",
];

/// One row of the report. The fields are [`HEADER`]'s, in its order, and what only JSON has room for; a test compares
/// them.
#[derive(Serialize)]
pub(super) struct Columns<'a> {
    pub(super) id: &'a str,
    pub(super) state: &'a str,
    pub(super) human_image: &'a str,
    pub(super) cloth_image: &'a str,
    pub(super) model: Cow<'a, str>,
    pub(super) output: Option<Cow<'a, str>>,
    pub(super) error_code: Option<&'a str>,
    pub(super) error: Option<&'a str>,
    pub(super) attempts: u32,
    pub(super) task_id: Option<&'a str>,
    pub(super) external_task_id: Option<&'a str>,
    pub(super) request_id: Option<&'a str>,
    #[serde(serialize_with = "whole_where_whole")]
    pub(super) units: Option<f64>,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) bytes: Option<u64>,
    pub(super) sha256: Option<&'a str>,
    pub(super) submitted_at: Option<String>,
    pub(super) finished_at: Option<String>,
    /// From the submission of the last attempt to the end of the job.
    pub(super) seconds: Option<f64>,
    /// The account of the last attempt, where it has a name.
    pub(super) account: Option<&'a str>,
    /// What was noticed about the result, a word each.
    pub(super) flags: Vec<&'static str>,
    /// What a person has said of the result: `approved` or `rejected`.
    pub(super) review: Option<&'static str>,
    pub(super) review_reason: Option<&'a str>,
    /// What the pictures were when they were sent, where that is known.
    pub(super) human_sha256: Option<&'a str>,
    pub(super) cloth_sha256: Option<&'a str>,
    /// What was made of the pictures before they were sent; `null` where every file went as it is. JSON only: the
    /// table's columns are fixed.
    pub(super) sent_as: Option<&'a str>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(row: &'a ReportRow, is_sandbox: bool, way_to_output: &Way) -> Self {
        let model = if is_sandbox {
            Cow::Owned(format!("{}{SANDBOX_SUFFIX}", row.model))
        } else {
            Cow::Borrowed(row.model.as_str())
        };
        Self {
            id: &row.id,
            state: row.state.word(),
            human_image: &row.human_image,
            cloth_image: &row.cloth_image,
            model,
            output: row.output.as_deref().map(|path| way_to_output.to(path)),
            error_code: row.error_code.as_deref(),
            error: row.error.as_deref(),
            attempts: row.attempts,
            task_id: row.task_id.as_ref().map(|id| id.0.as_str()),
            external_task_id: row.external_task_id.as_ref().map(|id| id.0.as_str()),
            request_id: row.request_id.as_deref(),
            units: row.units,
            width: row.width,
            height: row.height,
            bytes: row.bytes,
            sha256: row.sha256.as_deref(),
            submitted_at: row.submitted_at.map(utc),
            finished_at: row.finished_at.map(utc),
            seconds: row.submitted_at.zip(row.finished_at).map(|(from, to)| seconds_between(from, to)),
            account: row.account.as_ref().map(AccountName::as_str),
            flags: row.flags.words(),
            review: row.review.as_ref().map(|review| review.verdict.word()),
            review_reason: row.review.as_ref().and_then(|review| review.reason.as_deref()),
            human_sha256: row.human_sha256.as_deref(),
            cloth_sha256: row.cloth_sha256.as_deref(),
            sent_as: row.sent_as.as_deref(),
        }
    }
}

/// Seconds to the millisecond. A clock that was set back in between makes no negative durations.
pub(super) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a job are far below 2^52")]
    let millis = (to.as_millisecond() - from.as_millisecond()).max(0) as f64;
    millis / 1000.0
}

/// Units are mostly whole; `1` reads better than `1.0`.
#[expect(clippy::ref_option, reason = "serde hands the field by reference")]
pub(super) fn whole_where_whole<S: Serializer>(units: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
    const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;
    match *units {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within the exact range")]
        Some(units) if units.fract() == 0.0 && units.abs() < LARGEST_EXACT => to.serialize_i64(units as i64),
        other => other.serialize(to),
    }
}
