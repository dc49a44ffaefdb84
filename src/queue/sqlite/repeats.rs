//! What a load would cost: how much of it is still to be made, and which of its pairs are in the queue under other ids.

use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension, params};

use crate::job::{Content, ImageSource, JobId, ModelName, StateName};
use crate::queue::{PairAgain, PairsAgain, QueueError, Workload};

use super::Result;
use super::contents::equal_picture;
use super::load::Loader;
use super::same_request::Asking;
use super::selected::SQLITE;
use super::workload::{Waiting, workload};

/// New jobs, and jobs with new inputs, whose pictures the queue knows: only these can ask for a pair that is there.
const CANDIDATES: &str = "
    SELECT r.id, r.id_key, ifnull(h.known, h.equal), ifnull(c.known, c.equal), ifnull(c2.known, c2.equal), r.cloth_type, r.cloth_type_2, coalesce(r.model, ?1), r.keep, r.n
      FROM rows r
      JOIN inputs h ON h.input = r.human
      JOIN inputs c ON c.input = r.cloth
      LEFT JOIN inputs c2 ON c2.input = r.cloth_2
     WHERE (r.fate = 0 OR r.fate = 2) AND ifnull(h.known, h.equal) IS NOT NULL AND ifnull(c.known, c.equal) IS NOT NULL
       AND (r.cloth_2 IS NULL OR ifnull(c2.known, c2.equal) IS NOT NULL) AND r.n > ?2
     ORDER BY r.n LIMIT ?3";

/// A row of a load that may ask for a pair that a queue elsewhere has, with that queue's numbers for its pictures.
pub(in crate::queue) struct Candidate {
    pub(in crate::queue) n: i64,
    pub(in crate::queue) id: String,
    pub(in crate::queue) id_key: String,
    pub(in crate::queue) human: i64,
    pub(in crate::queue) cloth: i64,
    pub(in crate::queue) cloth_2: Option<i64>,
    pub(in crate::queue) cloth_type: Option<String>,
    pub(in crate::queue) cloth_type_2: Option<String>,
    pub(in crate::queue) model: String,
    pub(in crate::queue) keep: i64,
}

/// Jobs with the same pair under another id that are paid for, or will be. One that was refused, that failed at the
/// provider, or that a person took out, leaves nothing that could be used instead.
static SAME_PAIR: LazyLock<String> = LazyLock::new(|| {
    let wanted = Asking {
        human: "?1",
        cloth: "?2",
        cloth_type: "?4",
        cloth_2: "?3",
        cloth_type_2: "?5",
        model: "?6",
        keep: "?9",
    };
    let there = Asking {
        human: "t.human",
        cloth: "t.cloth",
        cloth_type: "t.cloth_type",
        cloth_2: "t.cloth_2",
        cloth_type_2: "t.cloth_type_2",
        model: "coalesce(a.model, t.model, ?7)",
        keep: "t.keep",
    };
    let same = there.same_contents_as(&wanted, SQLITE);
    format!(
        "SELECT t.seq, t.id, t.state
           FROM jobs t LEFT JOIN attempts a ON a.job = t.seq AND a.attempt = t.attempt AND t.state <> 'pending'
          WHERE {same} AND t.id_key <> ?8
            AND t.state <> 'cancelled' AND (t.state <> 'failed' OR t.failure_kind = 'download')"
    )
});

impl Loader {
    /// Pictures of this load that the queue does not have, after number `after`, at most `most`.
    pub(in crate::queue) fn unread_pictures(&self, after: i64, most: usize) -> Result<Vec<(i64, ImageSource)>> {
        let query = "SELECT input, source FROM inputs WHERE known IS NULL AND input > ?1 ORDER BY input LIMIT ?2";
        let mut statement = self.staging.db.prepare_cached(query)?;
        let pictures = statement.query_map(params![after, most], |row| {
            Ok((row.get(0)?, ImageSource::from_stored(&row.get::<_, String>(1)?)))
        })?;
        Ok(pictures.collect::<rusqlite::Result<_>>()?)
    }

    /// Pictures of this load were read. Those of the same bytes count as one, and as the one that the queue has.
    pub(super) fn know_equal(&self, read: &[(i64, Content)]) -> Result<()> {
        for (picture, content) in read {
            let equal = self.queue.sqlite().map(|queue| equal_picture(queue, &content.sha256)).transpose()?.flatten();
            self.set_read(*picture, &content.sha256, equal)?;
        }
        Ok(())
    }

    /// A picture of this load was read; `equal` is one of the same bytes that the queue has.
    pub(in crate::queue) fn set_read(&self, picture: i64, sha256: &str, equal: Option<i64>) -> Result<()> {
        let statement = "UPDATE inputs SET sha256 = ?2, equal = ?3 WHERE input = ?1";
        self.staging.db.prepare_cached(statement)?.execute(params![picture, sha256, equal])?;
        Ok(())
    }

    /// The pairs of this load that the queue has under other ids. `default_model` is the model of rows that name none;
    /// at most `most_named` of the pairs are named.
    pub(super) fn pairs_again(&self, default_model: &ModelName, most_named: usize) -> Result<PairsAgain> {
        let mut again = PairsAgain::default();
        let Some(queue) = self.queue.sqlite() else { return Ok(again) };
        let mut statement = self.staging.db.prepare_cached(CANDIDATES)?;
        let mut rows = statement.query(params![default_model.as_str(), 0, i64::MAX])?;
        while let Some(row) = rows.next()? {
            let Some((earlier, state)) = self.earlier(queue, row, default_model)? else { continue };
            again.jobs += 1;
            if again.named.len() < most_named {
                again.named.push(PairAgain { id: JobId::trusted(row.get(0)?), earlier, state });
            }
        }
        Ok(again)
    }

    /// The candidates after row `after`, in their order: a page of them.
    pub(in crate::queue) fn candidates(
        &self,
        default_model: &ModelName,
        after: i64,
        most: i64,
    ) -> Result<Vec<Candidate>> {
        let mut statement = self.staging.db.prepare_cached(CANDIDATES)?;
        let rows = statement.query_map(params![default_model.as_str(), after, most], |row| {
            Ok(Candidate {
                id: row.get(0)?,
                id_key: row.get(1)?,
                human: row.get(2)?,
                cloth: row.get(3)?,
                cloth_2: row.get(4)?,
                cloth_type: row.get(5)?,
                cloth_type_2: row.get(6)?,
                model: row.get(7)?,
                keep: row.get(8)?,
                n: row.get(9)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The first job of the queue that has a row's pair and goes on having it.
    fn earlier(
        &self,
        queue: &Connection,
        row: &rusqlite::Row<'_>,
        default_model: &ModelName,
    ) -> Result<Option<(JobId, StateName)>> {
        let (human, cloth, second): (i64, i64, Option<i64>) = (row.get(2)?, row.get(3)?, row.get(4)?);
        let (cloth_type, cloth_type_2): (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
        let (model, id_key): (String, String) = (row.get(7)?, row.get(1)?);
        let mut statement = queue.prepare_cached(&SAME_PAIR)?;
        let mut found = statement.query(params![
            human,
            cloth,
            second,
            cloth_type,
            cloth_type_2,
            model,
            default_model.as_str(),
            id_key,
            row.get::<_, u8>(8)?
        ])?;
        while let Some(job) = found.next()? {
            if self.staging.asks_otherwise(job.get(0)?)? {
                continue;
            }
            let state: String = job.get(2)?;
            let state =
                StateName::from_word(&state).ok_or_else(|| QueueError::Damaged(format!("`{state}` is no state")))?;
            return Ok(Some((JobId::trusted(job.get(1)?), state)));
        }
        Ok(None)
    }

    /// How much of this load is to be submitted once it is in the queue: its new rows, and those of its jobs that wait.
    pub(in crate::queue) fn workload(&self, default_model: &ModelName, most_repeats: usize) -> Result<Workload> {
        workload(&self.staging.db, &Waiting::IN_A_LOAD, default_model, most_repeats)
    }

    /// Whether there is a queue that the rows are compared with.
    pub(super) fn has_queue(&self) -> bool {
        self.queue.sqlite().is_some()
    }

    /// Whether the queue was loaded with `--dedupe`: then its runs make identical pairs once.
    pub(super) fn queue_dedupes(&self) -> Result<bool> {
        let Some(queue) = self.queue.sqlite() else { return Ok(false) };
        let found = queue.query_row("SELECT 1 FROM meta WHERE key = 'dedupe'", [], |_| Ok(())).optional()?;
        Ok(found.is_some())
    }
}
