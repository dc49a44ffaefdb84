//! What is kept of each attempt: its outcome, what was said about it, and when.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use crate::job::state::{JobState, Transition};
use crate::job::{FailureKind, JobSeq, clean_text};
use crate::queue::Note;

use super::rows::millis;
use super::verbs::one_row;
use super::{QueueError, Result};

/// What a transition makes of the attempt it belongs to; `None` leaves the attempt as it is.
pub(super) fn outcome(transition: &Transition, before: &JobState) -> Option<&'static str> {
    match transition {
        // What begins an attempt writes its row itself.
        Transition::Claim { .. } | Transition::Share { .. } | Transition::ShareFailure { .. } => None,
        Transition::Cancel | Transition::MakeAnew => None,
        Transition::Retry => {
            let JobState::Failed { failure, task_id: Some(_) } = before else { return None };
            (failure.kind == FailureKind::Download).then_some("downloading")
        }
        Transition::Accept { .. } => Some("running"),
        Transition::Release { .. } | Transition::WithdrawRefusal => Some("released"),
        Transition::TurnAway { .. } => Some("turned_away"),
        Transition::Refuse { .. } => Some("refused"),
        Transition::LoseAnswer => Some("in_doubt"),
        Transition::SubmitAgain => Some("submitting"),
        Transition::GiveUpDoubt => Some("doubt_given_up"),
        Transition::TaskSucceed | Transition::Refetch => Some("downloading"),
        Transition::TaskFailForNow { .. } | Transition::TaskFindsNoRoom { .. } | Transition::TaskFail { .. } => {
            Some("task_failed")
        }
        Transition::Publish => Some("succeeded"),
        Transition::DownloadFail { .. } => Some("download_failed"),
    }
}

/// Writes what a transition means for the attempt it belongs to, and what was said along with it.
pub(super) fn write_attempt(
    db: &Connection,
    seq: JobSeq,
    attempt: u32,
    transition: &Transition,
    outcome: &str,
    note: &Note,
    now: Timestamp,
) -> Result<()> {
    let task_id = match transition {
        Transition::Accept { task_id } => Some(&task_id.0),
        _ => None,
    };
    let task_has_ended = matches!(
        transition,
        Transition::TaskSucceed
            | Transition::TaskFail { .. }
            | Transition::TaskFailForNow { .. }
            | Transition::TaskFindsNoRoom { .. }
    );
    let is_over = !matches!(outcome, "running" | "submitting" | "downloading" | "in_doubt");
    let changed = db
        .prepare_cached(
            "UPDATE attempts SET
                    outcome = :outcome,
                    asked = asked + :asked_again,
                    accepted_at = coalesce(accepted_at, CASE WHEN :task_id IS NOT NULL THEN :now END),
                    task_id = coalesce(:task_id, task_id),
                    request_id = coalesce(:request_id, request_id),
                    http_status = coalesce(:http_status, http_status),
                    code = :code,
                    message = :message,
                    answer = coalesce(:answer, answer),
                    units = coalesce(:units, units),
                    paid = coalesce(:paid, paid),
                    task_ended_at = coalesce(task_ended_at, CASE WHEN :task_has_ended THEN :now END),
                    ended_at = CASE WHEN :is_over THEN :now END
              WHERE job = :job AND attempt = :attempt",
        )?
        .execute(named_params! {
            ":outcome": outcome,
            ":asked_again": matches!(transition, Transition::SubmitAgain),
            ":task_id": task_id,
            ":now": millis(now),
            ":request_id": note.request_id.as_deref().map(clean_text),
            ":http_status": note.http_status,
            ":code": note.code.as_deref().map(clean_text),
            ":message": note.message.as_deref().map(clean_text),
            // The sum over all attempts is kept; what is no number would spoil it for good.
            ":units": note.units.filter(|units| units.is_finite()),
            ":paid": note.paid.filter(|paid| paid.is_finite()),
            ":answer": note.answer.as_deref().map(clean_text),
            ":task_has_ended": task_has_ended,
            ":is_over": is_over,
            ":job": seq.0,
            ":attempt": attempt,
        })?;
    one_row(changed, || QueueError::Damaged(format!("attempt {attempt} of job {} is gone", seq.0)))
}
