//! Between rows and the program's types.

use tokio_postgres::Row;

use crate::job::{
    AccountName, ExternalTaskId, Flags, ImageRef, ImageSource, JobId, JobSeq, JobSpec, Keep, ModelName, SecondGarment,
    StateName, TaskId,
};
use crate::queue::columns::{
    RejectedPlace, StoredState, garment, maybe_timestamp, read_extra, read_flags, read_review, rejected_report_row,
    state_of, timestamp,
};
use crate::queue::{ActiveJob, AttemptRecord, Epoch, Holder, JobRecord, Note, PublishedImage, QueueError, ReportRow};

use super::error::Result;

/// A whole number of a type that is smaller than the column's.
pub(super) fn whole<T: TryFrom<i64>>(row: &Row, column: usize) -> Result<T> {
    let stored: i64 = row.try_get(column)?;
    T::try_from(stored).map_err(|_| QueueError::Damaged(format!("{stored} is out of bounds")))
}

pub(super) fn maybe_whole<T: TryFrom<i64>>(row: &Row, column: usize) -> Result<Option<T>> {
    let stored: Option<i64> = row.try_get(column)?;
    let smaller = |stored| T::try_from(stored).map_err(|_| QueueError::Damaged(format!("{stored} is out of bounds")));
    stored.map(smaller).transpose()
}

pub(super) fn flags(row: &Row, column: usize) -> Result<Flags> {
    read_flags(whole(row, column)?)
}

/// The account's name that a column holds.
pub(super) fn account(row: &Row, column: usize) -> Result<Option<AccountName>> {
    Ok(row.try_get::<_, Option<String>>(column)?.map(AccountName::trusted))
}

/// What PostgreSQL can keep of a text: everything but the character NUL.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The columns that every query for jobs selects, in the order that the readers below expect. `a` is the attempt that the
/// job's counter names; a released attempt is not counted, and so not shown.
pub(super) const JOB_COLUMNS: &str = "j.seq, j.id, j.priority, j.state, j.attempt, j.retry_at, j.failure_kind, \
     j.error_code, j.error, j.finished_at, j.model, j.cloth_type, j.cloth_type_2, \
     h.source, h.written, c.source, c.written, c2.source, c2.written, \
     a.external_task_id, a.task_id, a.model, a.claimed_at, a.accepted_at, a.message, \
     i.path, j.forgiven, a.shares, j.flags, j.keep, a.account, a.endpoint, j.epoch, \
     j.extra, i.sha256, r.verdict, r.reason, r.reviewer, r.at";

/// What [`JOB_COLUMNS`] are taken from. The image of a job that is fetched again is not there until it is.
///
/// What belongs to a job is looked up by its index, row by row: each subquery with `OFFSET 0` is left as it is. Joined freely, a
/// page of jobs or of the report would be planned by what is known of how large tables are, which while a run fills them is
/// little: each page read whole tables then.
pub(super) const JOB_TABLES: &str = "tryon.jobs j \
     CROSS JOIN LATERAL (SELECT source, written FROM tryon.inputs WHERE input = j.human OFFSET 0) AS h \
     CROSS JOIN LATERAL (SELECT source, written FROM tryon.inputs WHERE input = j.cloth OFFSET 0) AS c \
     LEFT JOIN LATERAL (SELECT source, written FROM tryon.inputs WHERE input = j.cloth_2 OFFSET 0) AS c2 ON TRUE \
     LEFT JOIN LATERAL (SELECT * FROM tryon.attempts WHERE job = j.seq AND attempt = j.attempt AND j.attempt > 0 \
                        OFFSET 0) AS a ON TRUE \
     LEFT JOIN LATERAL (SELECT path, sha256 FROM tryon.images WHERE job = j.seq AND image = 0 AND j.state = 'succeeded' \
                        OFFSET 0) AS i ON TRUE \
     LEFT JOIN LATERAL (SELECT * FROM tryon.reviews WHERE review = j.review OFFSET 0) AS r ON TRUE";

/// A job as read by [`JOB_COLUMNS`], whatever its state.
pub(super) struct FullJob {
    pub(super) record: JobRecord,
    external_id: Option<ExternalTaskId>,
    model: Option<ModelName>,
    claimed_at: Option<i64>,
    accepted_at: Option<i64>,
    forgiven: u32,
    shares: Option<JobSeq>,
    endpoint: Option<String>,
    epoch: Option<i64>,
}

impl FullJob {
    pub(super) fn read(row: &Row) -> Result<Self> {
        let image = |source: usize, written: usize| -> Result<ImageRef> {
            let source: String = row.try_get(source)?;
            Ok(ImageRef { written: row.try_get(written)?, source: ImageSource::from_stored(&source) })
        };
        let word = |column: usize| -> Result<Option<String>> { Ok(row.try_get(column)?) };
        let second = match word(12)? {
            Some(word) => Some(SecondGarment { image: image(17, 18)?, garment: garment(&word)? }),
            None => None,
        };
        let spec = JobSpec {
            id: JobId::trusted(row.try_get(1)?),
            keep: Keep::of_bits(whole(row, 29)?),
            priority: row.try_get(2)?,
            human: image(13, 14)?,
            cloth: image(15, 16)?,
            cloth_type: word(11)?.map(|word| garment(&word)).transpose()?,
            second,
            model: word(10)?.map(ModelName::trusted),
            extra: read_extra(row.try_get(33)?)?,
        };
        let external_id = word(19)?.map(ExternalTaskId);
        let task_id = word(20)?.map(TaskId);
        let state = StoredState {
            state: row.try_get(3)?,
            retry_at: row.try_get(5)?,
            failure_kind: row.try_get(6)?,
            error_code: row.try_get(7)?,
            error: row.try_get(8)?,
        };
        let record = JobRecord {
            seq: JobSeq(row.try_get(0)?),
            state: state.read(external_id.clone(), task_id)?,
            spec,
            attempt: whole(row, 4)?,
            finished_at: maybe_timestamp(row.try_get(9)?)?,
            output: row.try_get(25)?,
            flags: flags(row, 28)?,
            message: row.try_get(24)?,
            account: account(row, 30)?,
            sha256: row.try_get(34)?,
            review: read_review(row.try_get(35)?, row.try_get(36)?, row.try_get(37)?, row.try_get(38)?)?,
        };
        Ok(Self {
            record,
            external_id,
            model: word(21)?.map(ModelName::trusted),
            claimed_at: row.try_get(22)?,
            accepted_at: row.try_get(23)?,
            forgiven: whole(row, 26)?,
            shares: row.try_get::<_, Option<i64>>(27)?.map(JobSeq),
            endpoint: row.try_get(31)?,
            epoch: row.try_get(32)?,
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
            claimed_at: timestamp(self.claimed_at.ok_or_else(missing)?)?,
            accepted_at: maybe_timestamp(self.accepted_at)?,
            shares: self.shares,
            holder: Holder::Ours,
            epoch: self.epoch.map(Epoch),
            state: self.record.state.clone(),
            spec: self.record.spec.clone(),
        })
    }
}

/// The columns of an attempt, as [`read_attempt`] expects them.
pub(super) const ATTEMPT_COLUMNS: &str = "t.attempt, t.external_task_id, t.model, t.claimed_at, t.asked, t.outcome, \
     t.accepted_at, t.task_id, t.task_ended_at, t.ended_at, t.request_id, t.http_status, t.code, t.message, t.units, \
     t.sent_as, (SELECT j.id FROM tryon.jobs j WHERE j.seq = t.shares), t.paid, t.answer, t.account";

pub(super) fn read_attempt(row: &Row) -> Result<AttemptRecord> {
    Ok(AttemptRecord {
        attempt: whole(row, 0)?,
        external_id: ExternalTaskId(row.try_get(1)?),
        model: ModelName::trusted(row.try_get(2)?),
        account: account(row, 19)?,
        claimed_at: timestamp(row.try_get(3)?)?,
        asked: whole(row, 4)?,
        outcome: row.try_get(5)?,
        accepted_at: maybe_timestamp(row.try_get(6)?)?,
        task_id: row.try_get::<_, Option<String>>(7)?.map(TaskId),
        task_ended_at: maybe_timestamp(row.try_get(8)?)?,
        ended_at: maybe_timestamp(row.try_get(9)?)?,
        note: Note {
            submission: None,
            request_id: row.try_get(10)?,
            http_status: maybe_whole(row, 11)?,
            code: row.try_get(12)?,
            message: row.try_get(13)?,
            units: row.try_get(14)?,
            paid: row.try_get(17)?,
            answer: row.try_get(18)?,
            sent: None,
        },
        sent_as: row.try_get(15)?,
        shares: row.try_get::<_, Option<String>>(16)?.map(JobId::trusted),
    })
}

/// The columns of an image, as [`read_image`] expects them.
pub(super) const IMAGE_COLUMNS: &str = "image, path, width, height, bytes, sha256, flags, fingerprint";

pub(super) fn read_image(row: &Row) -> Result<PublishedImage> {
    Ok(PublishedImage {
        image: whole(row, 0)?,
        path: row.try_get(1)?,
        width: whole(row, 2)?,
        height: whole(row, 3)?,
        bytes: whole(row, 4)?,
        sha256: row.try_get(5)?,
        flags: flags(row, 6)?,
        fingerprint: row.try_get(7)?,
    })
}

/// A page of the jobs as the report shows them, in manifest order: after job `$1`, at most `$2`.
///
/// `units` is what all attempts of the job have cost. A job that waits or is in doubt shows what was last said about it.
/// Everything is looked up row by row, as for [`JOB_TABLES`], and in the order in which the page is cut out: nothing is sorted, so
/// the first rows are here, and read, while the server still looks up the last ones.
pub(super) const REPORT_PAGE: &str = "
    SELECT j.seq, j.id, j.state, h.written, c.written, h.source, c.source,
           coalesce(a.model, j.model, (SELECT value FROM tryon.meta WHERE key = 'default_model')),
           i.path, j.error_code, coalesce(j.error, CASE WHEN j.state IN ('pending', 'in_doubt') THEN a.message END),
           j.attempt, a.task_id, CASE WHEN a.shares IS NULL THEN a.external_task_id END, a.request_id, cost.units,
           i.width, i.height, i.bytes, i.sha256, a.claimed_at, j.finished_at, a.sent_as, c2.written, c2.source,
           cost.paid, j.flags, a.account,
           r.verdict, r.reason, r.reviewer, r.at, nullif(hc.sha256, ''), nullif(cc.sha256, '')
      FROM (SELECT * FROM tryon.jobs WHERE seq > $1 ORDER BY seq LIMIT $2) AS j
     CROSS JOIN LATERAL (SELECT written, source FROM tryon.inputs WHERE input = j.human OFFSET 0) AS h
     CROSS JOIN LATERAL (SELECT written, source FROM tryon.inputs WHERE input = j.cloth OFFSET 0) AS c
      LEFT JOIN LATERAL (SELECT written, source FROM tryon.inputs WHERE input = j.cloth_2 OFFSET 0) AS c2 ON TRUE
      LEFT JOIN LATERAL (SELECT * FROM tryon.attempts WHERE job = j.seq AND attempt = j.attempt AND j.attempt > 0
                         OFFSET 0) AS a ON TRUE
      LEFT JOIN LATERAL (SELECT sum(units) AS units, sum(paid) AS paid FROM tryon.attempts
                          WHERE job = j.seq AND j.attempt > 0) AS cost ON TRUE
      LEFT JOIN LATERAL (SELECT * FROM tryon.images WHERE job = j.seq AND image = 0 AND j.state = 'succeeded'
                         OFFSET 0) AS i ON TRUE
      LEFT JOIN LATERAL (SELECT * FROM tryon.reviews WHERE review = j.review OFFSET 0) AS r ON TRUE
      LEFT JOIN LATERAL (SELECT sha256 FROM tryon.contents WHERE content = a.human_content OFFSET 0) AS hc ON TRUE
      LEFT JOIN LATERAL (SELECT sha256 FROM tryon.contents WHERE content = a.cloth_content OFFSET 0) AS cc ON TRUE
     ORDER BY j.seq";

pub(super) fn read_report_row(row: &Row) -> Result<(JobSeq, ReportRow)> {
    let state = state_of(&row.try_get::<_, String>(2)?)?;
    let error_code: Option<String> = row.try_get(9)?;
    let report = ReportRow {
        id: row.try_get(1)?,
        state,
        human_image: row.try_get(3)?,
        cloth_image: row.try_get(4)?,
        human_source: row.try_get(5)?,
        cloth_source: row.try_get(6)?,
        model: row.try_get::<_, Option<String>>(7)?.unwrap_or_else(|| ModelName::DEFAULT.to_owned()),
        output: row.try_get(8)?,
        error_code: error_code.or_else(|| (state == StateName::InDoubt).then(|| "in_doubt".to_owned())),
        error: row.try_get(10)?,
        attempts: whole(row, 11)?,
        task_id: row.try_get::<_, Option<String>>(12)?.map(TaskId),
        external_task_id: row.try_get::<_, Option<String>>(13)?.map(ExternalTaskId),
        request_id: row.try_get(14)?,
        units: row.try_get(15)?,
        width: maybe_whole(row, 16)?,
        height: maybe_whole(row, 17)?,
        bytes: maybe_whole(row, 18)?,
        sha256: row.try_get(19)?,
        submitted_at: maybe_timestamp(row.try_get(20)?)?,
        finished_at: maybe_timestamp(row.try_get(21)?)?,
        sent_as: row.try_get(22)?,
        second_cloth: row.try_get::<_, Option<String>>(23)?.zip(row.try_get(24)?),
        paid: row.try_get(25)?,
        flags: flags(row, 26)?,
        account: account(row, 27)?,
        review: read_review(row.try_get(28)?, row.try_get(29)?, row.try_get(30)?, row.try_get(31)?)?,
        human_sha256: row.try_get(32)?,
        cloth_sha256: row.try_get(33)?,
    };
    Ok((JobSeq(row.try_get(0)?), report))
}

/// A page of the manifest rows that were passed over, in the order of their places: after the one at the place
/// `$1`, `$2`, `$3`, at most `$4`.
pub(super) const REJECTED_PAGE: &str = "
    SELECT after_seq, manifest, line, id, human, cloth, reason
      FROM tryon.rejected_rows
     WHERE (after_seq, manifest, line) > ($1, $2, $3)
     ORDER BY after_seq, manifest, line LIMIT $4";

pub(super) fn read_rejected_row(row: &Row) -> Result<(RejectedPlace, ReportRow)> {
    let place = RejectedPlace { after_seq: row.try_get(0)?, manifest: row.try_get(1)?, line: row.try_get(2)? };
    let report = rejected_report_row(row.try_get(3)?, row.try_get(4)?, row.try_get(5)?, row.try_get(6)?);
    Ok((place, report))
}
