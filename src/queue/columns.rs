//! What is stored of states, attempts and times, whatever the database: the words of the columns, and what they mean.

use jiff::Timestamp;

use crate::job::state::{JobState, Transition};
use crate::job::{
    ExternalTaskId, ExtraColumns, Failure, FailureKind, Flags, Garment, JobSeq, Review, StateName, TaskId, Verdict,
    id_key,
};

use super::error::{QueueError, QueueResult as Result};
use super::record::{JobRecord, ReportPlace, ReportRow};

/// A time as it is stored: Unix milliseconds.
pub(in crate::queue) fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// The time that [`millis`] stored.
pub(in crate::queue) fn timestamp(millis: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(millis).map_err(|_| QueueError::Damaged(format!("{millis} is no time")))
}

pub(in crate::queue) fn maybe_timestamp(millis: Option<i64>) -> Result<Option<Timestamp>> {
    millis.map(timestamp).transpose()
}

pub(in crate::queue) fn state_of(word: &str) -> Result<StateName> {
    StateName::from_word(word).ok_or_else(|| QueueError::Damaged(format!("`{word}` is no state")))
}

pub(in crate::queue) fn garment(word: &str) -> Result<Garment> {
    Garment::from_word(word).ok_or_else(|| QueueError::Damaged(format!("`{word}` is no garment")))
}

/// The columns of `jobs` that hold its state.
pub(in crate::queue) struct StoredState {
    pub(in crate::queue) state: String,
    pub(in crate::queue) retry_at: Option<i64>,
    pub(in crate::queue) failure_kind: Option<String>,
    pub(in crate::queue) error_code: Option<String>,
    pub(in crate::queue) error: Option<String>,
}

impl StoredState {
    /// The columns of a state.
    pub(in crate::queue) fn of(state: &JobState) -> Self {
        let (retry_at, failure) = match state {
            JobState::Pending { retry_at } => (retry_at.map(millis), None),
            JobState::Failed { failure, .. } => (None, Some(failure)),
            _ => (None, None),
        };
        Self {
            state: state.name().word().to_owned(),
            retry_at,
            failure_kind: failure.map(|f| f.kind.word().to_owned()),
            error_code: failure.map(|f| f.code.clone()),
            error: failure.map(|f| f.message.clone()),
        }
    }

    /// The state of the columns; the ids are those of the job's present attempt.
    pub(in crate::queue) fn read(
        self,
        external_id: Option<ExternalTaskId>,
        task_id: Option<TaskId>,
    ) -> Result<JobState> {
        let name = StateName::from_word(&self.state)
            .ok_or_else(|| QueueError::Damaged(format!("`{}` is no state", self.state)))?;
        let missing = |what: &str| QueueError::Damaged(format!("a job is {} without {what}", name.word()));
        let external = || external_id.clone().ok_or_else(|| missing("an external task id"));
        let task = || task_id.clone().ok_or_else(|| missing("a task id"));
        Ok(match name {
            StateName::Pending => JobState::Pending { retry_at: maybe_timestamp(self.retry_at)? },
            StateName::Submitting => JobState::Submitting { external_id: external()? },
            StateName::InDoubt => JobState::InDoubt { external_id: external()? },
            StateName::Running => JobState::Running { task_id: task()? },
            StateName::Downloading => JobState::Downloading { task_id: task()? },
            StateName::Succeeded => JobState::Succeeded { task_id: task()? },
            StateName::Failed => {
                let kind = self.failure_kind.as_deref().and_then(FailureKind::from_word);
                let failure = Failure {
                    kind: kind.ok_or_else(|| missing("a reason"))?,
                    code: self.error_code.unwrap_or_default(),
                    message: self.error.unwrap_or_default(),
                };
                JobState::Failed { failure, task_id }
            }
            StateName::Cancelled => JobState::Cancelled,
        })
    }
}

/// What a transition makes of the attempt it belongs to; `None` leaves the attempt as it is.
pub(in crate::queue) fn outcome(transition: &Transition, before: &JobState) -> Option<&'static str> {
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

/// Whether a job's end is open, and its duplicates wait for it.
pub(in crate::queue) fn is_under_way(state: &JobState) -> bool {
    use JobState::{Downloading, InDoubt, Running, Submitting};
    matches!(state, Submitting { .. } | InDoubt { .. } | Running { .. } | Downloading { .. })
}

/// What two image paths share when a file system could take them for one file, or a viewer for one picture.
pub(in crate::queue) fn path_key(path: &str) -> String {
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    id_key(stem)
}

/// How far a page was looked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::queue) struct Reach {
    /// The last job that was looked at.
    pub(in crate::queue) last: i64,
    /// Whether there is none behind it.
    pub(in crate::queue) is_end: bool,
}

/// Where a further page goes on: `reach` is how far this one was looked for, where it was not looked for to the end.
pub(in crate::queue) fn next_place(jobs: &[JobRecord], most: usize, reach: Option<Reach>) -> Option<JobSeq> {
    match jobs.last() {
        Some(last) if jobs.len() >= most => Some(last.seq),
        _ => reach.filter(|reach| !reach.is_end).map(|reach| JobSeq(reach.last)),
    }
}

/// What a person has said, of its columns.
pub(in crate::queue) fn read_review(
    verdict: Option<String>,
    reason: Option<String>,
    reviewer: Option<String>,
    at: Option<i64>,
) -> Result<Option<Review>> {
    let Some((verdict, at)) = read_verdict(verdict)?.zip(maybe_timestamp(at)?) else { return Ok(None) };
    Ok(Some(Review { verdict, reason, reviewer, at }))
}

pub(in crate::queue) fn read_verdict(word: Option<String>) -> Result<Option<Verdict>> {
    let read =
        |word: String| Verdict::from_word(&word).ok_or_else(|| QueueError::Damaged(format!("`{word}` is no verdict")));
    word.map(read).transpose()
}

/// The manifest columns that are kept with a job.
pub(in crate::queue) fn read_extra(stored: Option<&str>) -> Result<ExtraColumns> {
    ExtraColumns::from_stored(stored).map_err(|error| QueueError::Damaged(format!("the columns of a job: {error}")))
}

/// The names of the columns that a queue keeps.
pub(in crate::queue) fn read_names(stored: Option<&str>) -> Result<Vec<String>> {
    let damaged = |error| QueueError::Damaged(format!("the names of columns: {error}"));
    stored.map_or_else(|| Ok(Vec::new()), |text| serde_json::from_str(text).map_err(damaged))
}

/// These names, and those of `more` that are not among them; `None` where there are none.
pub(in crate::queue) fn with_names(mut names: Vec<String>, more: &[String]) -> Option<String> {
    let before = names.len();
    for name in more {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    (names.len() > before).then(|| serde_json::json!(names).to_string())
}

/// Under which name the names of the columns are kept.
pub(in crate::queue) const COLUMN_NAMES: &str = "columns";

/// What a verdict is counted as.
pub(in crate::queue) fn tally_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approved => "approved",
        Verdict::Rejected => "rejected_images",
    }
}

/// The flags that a column holds.
pub(in crate::queue) fn read_flags(bits: u8) -> Result<Flags> {
    Flags::from_bits(bits).ok_or_else(|| QueueError::Damaged(format!("{bits} are no flags")))
}

/// Whether the provider has said by it that the attempt's task has come to an end.
pub(in crate::queue) fn has_task_ended(transition: &Transition) -> bool {
    matches!(
        transition,
        Transition::TaskSucceed
            | Transition::TaskFail { .. }
            | Transition::TaskFailForNow { .. }
            | Transition::TaskFindsNoRoom { .. }
    )
}

/// Whether an attempt of this outcome is over.
pub(in crate::queue) fn is_over(outcome: &str) -> bool {
    !matches!(outcome, "running" | "submitting" | "downloading" | "in_doubt")
}

/// Where a manifest row that was passed over is in the report.
pub(in crate::queue) struct RejectedPlace {
    /// Behind this job.
    pub(in crate::queue) after_seq: i64,
    pub(in crate::queue) manifest: String,
    pub(in crate::queue) line: i64,
}

/// A manifest row that was passed over, as the report shows it.
pub(in crate::queue) fn rejected_report_row(id: String, human: String, cloth: String, reason: String) -> ReportRow {
    ReportRow {
        id,
        state: StateName::Failed,
        human_image: human,
        cloth_image: cloth,
        human_source: String::new(),
        cloth_source: String::new(),
        second_cloth: None,
        model: String::new(),
        output: None,
        error_code: Some(FailureKind::InvalidInput.word().to_owned()),
        error: Some(reason),
        attempts: 0,
        task_id: None,
        external_task_id: None,
        request_id: None,
        units: None,
        paid: None,
        width: None,
        height: None,
        bytes: None,
        sha256: None,
        submitted_at: None,
        finished_at: None,
        sent_as: None,
        flags: Flags::NONE,
        account: None,
        review: None,
        human_sha256: None,
        cloth_sha256: None,
    }
}

/// A page of the report: jobs, and the manifest rows that were passed over, each behind the job that came before it; at
/// most `most` of both. Both are in the order of their places, and begin behind `after`.
pub(in crate::queue) fn in_manifest_order(
    after: ReportPlace,
    jobs: Vec<(JobSeq, ReportRow)>,
    rejected: Vec<(RejectedPlace, ReportRow)>,
    most: usize,
) -> (Vec<ReportRow>, ReportPlace) {
    let mut place = after;
    let (mut rejected, mut jobs) = (rejected.into_iter().peekable(), jobs.into_iter().peekable());
    let mut page = Vec::new();
    while page.len() < most {
        let next_job = jobs.peek().map(|(seq, _)| seq.0);
        let is_before = |behind: &RejectedPlace| next_job.is_none_or(|seq| behind.after_seq < seq);
        if let Some((behind, row)) = rejected.next_if(|(behind, _)| is_before(behind)) {
            place.rejected = Some((JobSeq(behind.after_seq), behind.manifest, behind.line));
            page.push(row);
        } else if let Some((seq, row)) = jobs.next() {
            place.job = seq;
            page.push(row);
        } else {
            break;
        }
    }
    (page, place)
}
