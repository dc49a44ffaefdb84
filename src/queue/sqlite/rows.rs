//! Between rows and the program's types, in both directions.

use jiff::Timestamp;
use rusqlite::Row;

use crate::job::{
    AccountName, ExternalTaskId, ImageRef, ImageSource, JobId, JobSeq, JobSpec, Keep, ModelName, SecondGarment,
    StateName, TaskId,
};
use crate::queue::{ActiveJob, AttemptRecord, Epoch, Holder, JobRecord, Note, QueueError, ReportRow};

use super::Result;
pub(super) use crate::queue::columns::{RejectedPlace, read_flags};
pub(super) use crate::queue::columns::{StoredState, millis, timestamp};
use crate::queue::columns::{garment, maybe_timestamp, read_extra, read_review, rejected_report_row, state_of};

/// The columns that every query for jobs selects, in the order that the readers below expect. `a` is the
/// attempt that the job's counter names; a released attempt is not counted, and so not shown.
pub(super) const JOB_COLUMNS: &str = "j.seq, j.id, j.priority, j.state, j.attempt, j.retry_at, j.failure_kind, \
     j.error_code, j.error, j.finished_at, j.model, j.cloth_type, j.cloth_type_2, \
     h.source, h.written, c.source, c.written, c2.source, c2.written, \
     a.external_task_id, a.task_id, a.model, a.claimed_at, a.accepted_at, a.message, \
     i.path, j.forgiven, a.shares, j.flags, j.keep, a.account, a.endpoint, j.epoch, \
     j.extra, i.sha256, r.verdict, r.reason, r.reviewer, r.at";

/// What [`JOB_COLUMNS`] are taken from. The image of a job that is fetched again is not there until it is.
pub(super) const JOB_TABLES: &str = "jobs j \
     JOIN inputs h ON h.input = j.human \
     JOIN inputs c ON c.input = j.cloth \
     LEFT JOIN inputs c2 ON c2.input = j.cloth_2 \
     LEFT JOIN attempts a ON a.job = j.seq AND a.attempt = j.attempt \
     LEFT JOIN images i ON i.job = j.seq AND i.image = 0 AND j.state = 'succeeded' \
     LEFT JOIN reviews r ON r.review = j.review";

/// A job as read by [`JOB_COLUMNS`], whatever its state.
pub(super) struct FullJob {
    pub(super) record: JobRecord,
    external_id: Option<ExternalTaskId>,
    model: Option<ModelName>,
    claimed_at: Option<Timestamp>,
    accepted_at: Option<Timestamp>,
    forgiven: u32,
    shares: Option<JobSeq>,
    endpoint: Option<String>,
    epoch: Option<i64>,
}

impl FullJob {
    pub(super) fn read(row: &Row<'_>) -> Result<Self> {
        let image = |source: usize, written: usize| -> Result<ImageRef> {
            let source: String = row.get(source)?;
            Ok(ImageRef { written: row.get(written)?, source: ImageSource::from_stored(&source) })
        };
        let second = match row.get::<_, Option<String>>(12)? {
            Some(word) => Some(SecondGarment { image: image(17, 18)?, garment: garment(&word)? }),
            None => None,
        };
        let spec = JobSpec {
            id: JobId::trusted(row.get(1)?),
            keep: Keep::of_bits(row.get(29)?),
            priority: row.get(2)?,
            human: image(13, 14)?,
            cloth: image(15, 16)?,
            cloth_type: row.get::<_, Option<String>>(11)?.map(|word| garment(&word)).transpose()?,
            second,
            model: row.get::<_, Option<String>>(10)?.map(ModelName::trusted),
            extra: read_extra(row.get::<_, Option<String>>(33)?.as_deref())?,
        };
        let external_id = row.get::<_, Option<String>>(19)?.map(ExternalTaskId);
        let task_id = row.get::<_, Option<String>>(20)?.map(TaskId);
        let state = StoredState {
            state: row.get(3)?,
            retry_at: row.get(5)?,
            failure_kind: row.get(6)?,
            error_code: row.get(7)?,
            error: row.get(8)?,
        };
        let record = JobRecord {
            seq: JobSeq(row.get(0)?),
            state: state.read(external_id.clone(), task_id)?,
            spec,
            attempt: row.get(4)?,
            finished_at: maybe_timestamp(row.get(9)?)?,
            output: row.get(25)?,
            flags: read_flags(row.get(28)?)?,
            message: row.get(24)?,
            account: read_account(row, 30)?,
            sha256: row.get(34)?,
            review: read_review(row.get(35)?, row.get(36)?, row.get(37)?, row.get(38)?)?,
        };
        Ok(Self {
            record,
            external_id,
            model: row.get::<_, Option<String>>(21)?.map(ModelName::trusted),
            claimed_at: maybe_timestamp(row.get(22)?)?,
            accepted_at: maybe_timestamp(row.get(23)?)?,
            forgiven: row.get(26)?,
            shares: row.get::<_, Option<i64>>(27)?.map(JobSeq),
            endpoint: row.get(31)?,
            epoch: row.get(32)?,
        })
    }

    /// The job as its worker needs it; only for a job that has an attempt.
    pub(super) fn active(self) -> Result<ActiveJob> {
        let missing = || QueueError::Damaged(format!("job `{}` has lost its attempt", self.record.spec.id));
        Ok(ActiveJob {
            seq: self.record.seq,
            attempt: self.record.attempt,
            tries: self.record.attempt.saturating_sub(self.forgiven),
            external_id: self.external_id.clone().ok_or_else(missing)?,
            model: self.model.clone().ok_or_else(missing)?,
            account: self.record.account.clone(),
            endpoint: self.endpoint.clone(),
            claimed_at: self.claimed_at.ok_or_else(missing)?,
            accepted_at: self.accepted_at,
            shares: self.shares,
            holder: Holder::Ours,
            epoch: self.epoch.map(Epoch),
            state: self.record.state.clone(),
            spec: self.record.spec.clone(),
        })
    }
}

/// The columns of an attempt, as [`read_attempt`] expects them.
pub(super) const ATTEMPT_COLUMNS: &str = "attempt, external_task_id, model, claimed_at, asked, outcome, accepted_at, \
     task_id, task_ended_at, ended_at, request_id, http_status, code, message, units, sent_as, \
     (SELECT id FROM jobs WHERE seq = shares), paid, answer, account";

pub(super) fn read_attempt(row: &Row<'_>) -> Result<AttemptRecord> {
    Ok(AttemptRecord {
        attempt: row.get(0)?,
        external_id: ExternalTaskId(row.get(1)?),
        model: ModelName::trusted(row.get(2)?),
        account: read_account(row, 19)?,
        claimed_at: timestamp(row.get(3)?)?,
        asked: row.get(4)?,
        outcome: row.get(5)?,
        accepted_at: maybe_timestamp(row.get(6)?)?,
        task_id: row.get::<_, Option<String>>(7)?.map(TaskId),
        task_ended_at: maybe_timestamp(row.get(8)?)?,
        ended_at: maybe_timestamp(row.get(9)?)?,
        note: Note {
            submission: None,
            request_id: row.get(10)?,
            http_status: row.get(11)?,
            code: row.get(12)?,
            message: row.get(13)?,
            units: row.get(14)?,
            paid: row.get(17)?,
            answer: row.get(18)?,
            sent: None,
        },
        sent_as: row.get(15)?,
        shares: row.get::<_, Option<String>>(16)?.map(JobId::trusted),
    })
}

/// A page of the jobs as the report shows them, in manifest order: after job `?1`, at most `?2`.
///
/// `units` is what all attempts of the job have cost. A job that waits or is in doubt shows what was last said
/// about it.
pub(super) const REPORT_PAGE: &str = "
    SELECT j.seq AS place, 0 AS kind, j.id, j.state, h.written, c.written, h.source, c.source,
           coalesce(a.model, j.model, (SELECT value FROM meta WHERE key = 'default_model')) AS model,
           i.path, j.error_code, coalesce(j.error, CASE WHEN j.state IN ('pending', 'in_doubt') THEN a.message END),
           j.attempt, a.task_id, CASE WHEN a.shares IS NULL THEN a.external_task_id END, a.request_id,
           (SELECT sum(units) FROM attempts u WHERE u.job = j.seq) AS units,
           i.width, i.height, i.bytes, i.sha256, a.claimed_at, j.finished_at, a.sent_as, c2.written, c2.source,
           (SELECT sum(paid) FROM attempts u WHERE u.job = j.seq) AS paid, j.flags,
           a.account, r.verdict, r.reason, r.reviewer, r.at, nullif(hc.sha256, ''), nullif(cc.sha256, '')
      FROM jobs j
      JOIN inputs h ON h.input = j.human
      JOIN inputs c ON c.input = j.cloth
      LEFT JOIN inputs c2 ON c2.input = j.cloth_2
      LEFT JOIN attempts a ON a.job = j.seq AND a.attempt = j.attempt
      LEFT JOIN images i ON i.job = j.seq AND i.image = 0 AND j.state = 'succeeded'
      LEFT JOIN reviews r ON r.review = j.review
      LEFT JOIN contents hc ON hc.content = a.human_content
      LEFT JOIN contents cc ON cc.content = a.cloth_content
     WHERE j.seq > ?1
     ORDER BY j.seq LIMIT ?2";

pub(super) fn read_report_row(row: &Row<'_>) -> Result<ReportRow> {
    let state = state_of(&row.get::<_, String>(3)?)?;
    let error_code: Option<String> = row.get(10)?;
    Ok(ReportRow {
        id: row.get(2)?,
        state,
        human_image: row.get(4)?,
        cloth_image: row.get(5)?,
        human_source: row.get(6)?,
        cloth_source: row.get(7)?,
        model: row.get::<_, Option<String>>(8)?.unwrap_or_else(|| ModelName::DEFAULT.to_owned()),
        output: row.get(9)?,
        error_code: error_code.or_else(|| (state == StateName::InDoubt).then(|| "in_doubt".to_owned())),
        error: row.get(11)?,
        attempts: row.get(12)?,
        task_id: row.get::<_, Option<String>>(13)?.map(TaskId),
        external_task_id: row.get::<_, Option<String>>(14)?.map(ExternalTaskId),
        request_id: row.get(15)?,
        units: row.get(16)?,
        width: row.get(17)?,
        height: row.get(18)?,
        bytes: row.get(19)?,
        sha256: row.get(20)?,
        submitted_at: maybe_timestamp(row.get(21)?)?,
        finished_at: maybe_timestamp(row.get(22)?)?,
        sent_as: row.get(23)?,
        second_cloth: row.get::<_, Option<String>>(24)?.zip(row.get(25)?),
        paid: row.get(26)?,
        flags: read_flags(row.get(27)?)?,
        account: read_account(row, 28)?,
        review: read_review(row.get(29)?, row.get(30)?, row.get(31)?, row.get(32)?)?,
        human_sha256: row.get(33)?,
        cloth_sha256: row.get(34)?,
    })
}

/// A page of the manifest rows that were passed over, in the order of their places: after the one at the place
/// `?1`, `?2`, `?3`, at most `?4`.
pub(super) const REJECTED_PAGE: &str = "
    SELECT after_seq, manifest, line, id, human, cloth, reason
      FROM rejected_rows
     WHERE (after_seq, manifest, line) > (?1, ?2, ?3)
     ORDER BY after_seq, manifest, line LIMIT ?4";

pub(super) fn read_rejected_row(row: &Row<'_>) -> Result<(RejectedPlace, ReportRow)> {
    let place = RejectedPlace { after_seq: row.get(0)?, manifest: row.get(1)?, line: row.get(2)? };
    let report = rejected_report_row(row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?);
    Ok((place, report))
}

/// The account's name that a column holds.
pub(super) fn read_account(row: &Row<'_>, column: usize) -> Result<Option<AccountName>> {
    Ok(row.get::<_, Option<String>>(column)?.map(AccountName::trusted))
}
