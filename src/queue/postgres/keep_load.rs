//! Writing a staged load to the queue: all of it in one transaction, by statements about all rows at once. A load that only adds
//! jobs needs none of them (`new_jobs.rs`).
//!
//! Loads follow each other here. Runs go on meanwhile; a job that this load changes is locked, and one that a run has
//! submitted since its row was read keeps its inputs.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::job::JobSeq;
use crate::job::state::Transition;
use crate::queue::columns::{COLUMN_NAMES, read_names, state_of, with_names};
use crate::queue::sqlite::{against_queue, name_of_further_image};
use crate::queue::{Keeping, Kept, Note, RejectedRow, TooLate};

use super::Db;
use super::connect::End;
use super::contents::note_moved;
use super::db::args;
use super::error::Result;
use super::facts::{get_meta, set_meta};
use super::rows::{storable, whole};
use super::staged::{Staged, on_staged};
use super::tally::Changes;
use super::transition::{By, apply};
use super::{loaded_elsewhere, new_jobs, staged_copy};

/// Loads of more rows than this are looked at by the planner.
const MANY_ROWS: i64 = 1_000;

/// Whether some attempt of job `j` was accepted, or may have been.
const MAY_EXIST: &str = "EXISTS (SELECT 1 FROM tryon.attempts a
                                  WHERE a.job = j.seq AND a.outcome NOT IN ('released', 'turned_away', 'refused'))";

/// How many rows there are of each kind.
struct Kinds {
    rows: i64,
    /// They become jobs, or give jobs new inputs.
    with_inputs: i64,
    /// They change jobs that are there.
    of_jobs: i64,
}

/// Writes a load to the queue, whole, under the lock of loads. Its rows were compared with `compared`
/// ([`new_jobs::compared_with`]).
pub(super) async fn keep(
    db: Db<'_>,
    staged: &Staged,
    compared: &str,
    keeping: Keeping,
    now: Timestamp,
) -> Result<End<Kept>> {
    let mut changes = Changes::default();
    let are_new = new_jobs::are_all(db, staged, compared).await?;
    let too_late = if are_new { Vec::new() } else { stage_and_change(db, staged, &mut changes, now).await? };
    if keeping.all_or_nothing && !too_late.is_empty() {
        return Ok(End::RollBack(Kept { too_late, is_kept: false }));
    }
    for (is_wanted, key) in [(keeping.fit_images, "fit_images"), (keeping.dedupe, "dedupe")] {
        if is_wanted {
            set_meta(db, key, "yes").await?;
        }
    }
    let fresh = on_staged(staged, |loader| Ok(loader.column_names.all().to_vec())).await?;
    let names = read_names(get_meta(db, COLUMN_NAMES).await?.as_deref())?;
    if let Some(names) = with_names(names, &fresh) {
        set_meta(db, COLUMN_NAMES, &names).await?;
    }
    new_jobs::note_load(db).await?;
    let to_forget = on_staged(staged, |loader| Ok(loader.to_forget.clone())).await?;
    let forgotten = db.run("DELETE FROM tryon.rejected_rows WHERE manifest = ANY ($1)", args![to_forget]).await?;
    changes.count("rejected", -number(forgotten));
    let last = db.one("SELECT coalesce(max(seq), 0) FROM tryon.jobs", args![]).await?.try_get::<_, i64>(0)?;
    if are_new {
        changes.count("pending", new_jobs::write(db, staged, last).await?);
        changes.count("rejected", send_and_write_rejected(db, staged, last).await?);
    } else {
        changes.count("pending", number(db.run(INSERT_JOBS, args![last]).await?));
        changes.count("rejected", write_rejected(db, last).await?);
    }
    changes.count("rejected", -number(loaded_elsewhere::forget(db, &to_forget).await?));
    changes.write(db).await?;
    Ok(End::Commit(Kept { too_late, is_kept: true }))
}

/// Sends the staged rows, and changes jobs of the queue as they say. Returns those that have become wrong since they were read.
async fn stage_and_change(db: Db<'_>, staged: &Staged, changes: &mut Changes, now: Timestamp) -> Result<Vec<TooLate>> {
    staged_copy::send(db, staged).await?;
    let kinds = kinds_of(db).await?;
    if kinds.rows > MANY_ROWS {
        db.client().batch_execute("ANALYZE load_rows; ANALYZE load_inputs").await?;
    }
    number_pictures(db, &kinds).await?;
    let mut too_late = Vec::new();
    if kinds.of_jobs > 0 {
        change_jobs(db, staged, changes, &mut too_late, now).await?;
    }
    pass_over_taken_names(db, staged, &mut too_late).await?;
    Ok(too_late)
}

fn number(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

async fn kinds_of(db: Db<'_>) -> Result<Kinds> {
    let query =
        "SELECT count(*), count(*) FILTER (WHERE fate IN (0, 2, 7)), count(*) FILTER (WHERE fate IN (2, 3, 6, 7) OR relabels)
                   FROM load_rows";
    let row = db.one(query, args![]).await?;
    Ok(Kinds { rows: row.try_get(0)?, with_inputs: row.try_get(1)?, of_jobs: row.try_get(2)? })
}

/// Finds the numbers of the pictures that are needed, and gives new ones to those that the queue does not know.
async fn number_pictures(db: Db<'_>, kinds: &Kinds) -> Result<()> {
    db.run(
        "INSERT INTO load_numbers SELECT l.input, i.input FROM load_inputs l JOIN tryon.inputs i ON i.source = l.source",
        args![],
    )
    .await?;
    let is_needed = if kinds.with_inputs == kinds.rows {
        "TRUE"
    } else {
        "l.input IN (SELECT human FROM load_rows WHERE fate IN (0, 2, 7) UNION SELECT cloth FROM load_rows WHERE fate IN (0, 2, 7)
               UNION SELECT cloth_2 FROM load_rows WHERE fate IN (0, 2, 7))"
    };
    let statement = format!(
        "WITH fresh AS (
            SELECT l.input, l.source, l.written,
                   (SELECT coalesce(max(input), 0) FROM tryon.inputs) + row_number() OVER (ORDER BY l.input) AS number
              FROM load_inputs l LEFT JOIN load_numbers n ON n.staged = l.input
             WHERE n.staged IS NULL AND {is_needed}),
         added AS (INSERT INTO tryon.inputs (input, source, written) SELECT number, source, written FROM fresh)
         INSERT INTO load_numbers SELECT input, number FROM fresh"
    );
    db.run(&statement, args![]).await?;
    if kinds.rows > MANY_ROWS {
        db.client().batch_execute("ANALYZE load_numbers").await?;
    }
    Ok(())
}

/// Changes jobs of the queue as their rows say, or takes them out; those that were submitted since stay as they are.
async fn change_jobs(
    db: Db<'_>,
    staged: &Staged,
    changes: &mut Changes,
    too_late: &mut Vec<TooLate>,
    now: Timestamp,
) -> Result<()> {
    db.run(
        "SELECT 1 FROM tryon.jobs j JOIN load_rows r ON r.job = j.seq WHERE r.fate IN (2, 6, 7)
          ORDER BY j.seq FOR NO KEY UPDATE OF j",
        args![],
    )
    .await?;
    let overtaken = format!(
        "SELECT {TOO_LATE}, j.id, j.state
           FROM load_rows r {PICTURES} LEFT JOIN tryon.jobs j ON j.seq = r.job
          WHERE r.fate = 2 AND (j.seq IS NULL OR {MAY_EXIST}) ORDER BY r.n"
    );
    for row in db.rows(&overtaken, args![]).await? {
        let id: String = row.try_get(1)?;
        let reason = match row.try_get::<_, Option<String>>(7)? {
            Some(theirs) => against_queue(&id, &theirs, state_of(&row.try_get::<_, String>(8)?)?),
            None => format!("job `{id}` was taken out of the queue meanwhile; load the row again"),
        };
        too_late.push(is_too_late(db, staged, &row, reason, false).await?);
    }
    db.run(CHANGE_INPUTS, args![]).await?;
    note_moved(db).await?;
    let failed =
        "SELECT j.seq FROM tryon.jobs j JOIN load_rows r ON r.job = j.seq WHERE r.fate = 2 AND j.state = 'failed'";
    for row in db.rows(failed, args![]).await? {
        apply(db, JobSeq(row.try_get(0)?), By::Person, &Transition::Retry, &Note::default(), now).await?;
    }
    // One that no longer waits has no use for a priority.
    db.run(
        "UPDATE tryon.jobs j SET priority = r.priority FROM load_rows r
          WHERE r.fate = 3 AND j.seq = r.job AND j.state = 'pending'",
        args![],
    )
    .await?;
    db.run(
        "UPDATE tryon.jobs j SET extra = r.extra FROM load_rows r
             WHERE r.relabels AND (r.fate < 5 OR r.fate = 7) AND j.seq = r.job",
        args![],
    )
    .await?;
    remove_contradicted(db, changes).await
}

const CHANGE_INPUTS: &str = "
    UPDATE tryon.jobs j
       SET human = h.number, cloth = c.number, cloth_type = r.cloth_type, cloth_2 = c2.number,
           cloth_type_2 = r.cloth_type_2, model = r.model, priority = r.priority, keep = r.keep, waits_for = NULL
      FROM load_rows r
      JOIN load_numbers h ON h.staged = r.human
      JOIN load_numbers c ON c.staged = r.cloth
      LEFT JOIN load_numbers c2 ON c2.staged = r.cloth_2
     WHERE r.fate IN (2, 7) AND j.seq = r.job";

/// Takes contradicted jobs out of the queue. One that was submitted stays what it is.
async fn remove_contradicted(db: Db<'_>, changes: &mut Changes) -> Result<()> {
    let statement = format!(
        "DELETE FROM tryon.jobs j USING load_rows r WHERE r.fate = 6 AND j.seq = r.job AND NOT {MAY_EXIST}
         RETURNING j.seq, j.state"
    );
    let mut removed = Vec::new();
    for row in db.rows(&statement, args![]).await? {
        removed.push(row.try_get::<_, i64>(0)?);
        changes.count(state_of(&row.try_get::<_, String>(1)?)?.word(), -1);
    }
    // The numbers may be given again to the next jobs, so no row may go on standing behind them.
    db.run(
        "UPDATE tryon.rejected_rows r
            SET after_seq = coalesce((SELECT max(seq) FROM tryon.jobs j WHERE j.seq < r.after_seq), 0)
          WHERE r.after_seq = ANY ($1)",
        args![removed],
    )
    .await?;
    Ok(())
}

/// The columns of a row that came too late, and where the names of its pictures are.
const TOO_LATE: &str = "r.n, r.id, r.manifest, r.line, h.written, c.written, r.job";
const PICTURES: &str = "JOIN load_inputs h ON h.input = r.human JOIN load_inputs c ON c.input = r.cloth";

/// Rejects a row that was right when it was read.
async fn is_too_late(db: Db<'_>, staged: &Staged, row: &Row, reason: String, was_new: bool) -> Result<TooLate> {
    let (n, manifest, behind): (i64, i64, Option<i64>) = (row.try_get(0)?, row.try_get(2)?, row.try_get(6)?);
    let number = u32::try_from(manifest).unwrap_or(u32::MAX);
    let (name, identity) = on_staged(staged, move |loader| loader.staging.manifest(number)).await?;
    let rejected = RejectedRow {
        line: whole(row, 3)?,
        id: row.try_get(1)?,
        human: row.try_get(4)?,
        cloth: row.try_get(5)?,
        column: "id".to_owned(),
        reason,
    };
    db.run("UPDATE load_rows SET fate = 9 WHERE n = $1", args![n]).await?;
    let said = format!("{name}:{}: {}: {}", rejected.line, rejected.column, rejected.reason);
    db.run(
        "INSERT INTO load_rejected (n, line, behind, manifest, id, human, cloth, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![
            n,
            row.try_get::<_, i64>(3)?,
            behind,
            storable(&identity),
            rejected.id,
            rejected.human,
            rejected.cloth,
            storable(&said),
        ],
    )
    .await?;
    Ok(TooLate { manifest: name, row: rejected, was_new })
}

/// New rows whose names have been taken since they were read. One that another load has added as it is here is unchanged.
async fn pass_over_taken_names(db: Db<'_>, staged: &Staged, too_late: &mut Vec<TooLate>) -> Result<()> {
    db.run(
        "UPDATE load_rows r SET fate = 1, job = j.seq
           FROM tryon.jobs j, load_numbers h, load_numbers c
          WHERE r.fate = 0 AND j.id_key = r.id_key AND j.id = r.id
            AND h.staged = r.human AND h.number = j.human AND c.staged = r.cloth AND c.number = j.cloth
            AND j.cloth_2 IS NOT DISTINCT FROM (SELECT number FROM load_numbers n WHERE n.staged = r.cloth_2)
            AND j.cloth_type IS NOT DISTINCT FROM r.cloth_type AND j.cloth_type_2 IS NOT DISTINCT FROM r.cloth_type_2
            AND j.model IS NOT DISTINCT FROM r.model AND j.keep = r.keep",
        args![],
    )
    .await?;
    let taken = format!(
        "SELECT {TOO_LATE}, NULL::text FROM load_rows r {PICTURES} JOIN tryon.jobs j ON j.id_key = r.id_key WHERE r.fate = 0
         UNION ALL
         SELECT {TOO_LATE}, o.id FROM load_rows r {PICTURES}
           JOIN tryon.images i ON i.path_key = r.id_key AND i.image > 0 JOIN tryon.jobs o ON o.seq = i.job
          WHERE r.fate = 0"
    );
    for row in db.rows(&taken, args![]).await? {
        let id: String = row.try_get(1)?;
        let reason = match row.try_get::<_, Option<String>>(7)? {
            Some(owner) => name_of_further_image(&id, &owner),
            None => format!("`{id}` was put into the queue by another process meanwhile"),
        };
        too_late.push(is_too_late(db, staged, &row, reason, true).await?);
    }
    Ok(())
}

/// New jobs, behind job `$1`, in the order of their rows.
const INSERT_JOBS: &str = "
    INSERT INTO tryon.jobs (seq, id, id_key, human, cloth, cloth_type, cloth_2, cloth_type_2, model, priority, keep,
                            extra)
    SELECT $1 + row_number() OVER (ORDER BY r.n), r.id, r.id_key, h.number, c.number, r.cloth_type, c2.number,
           r.cloth_type_2, r.model, r.priority, r.keep, r.extra
      FROM load_rows r
      JOIN load_numbers h ON h.staged = r.human
      JOIN load_numbers c ON c.staged = r.cloth
      LEFT JOIN load_numbers c2 ON c2.staged = r.cloth_2
     WHERE r.fate = 0
     ORDER BY r.n";

/// Sends the rejected rows of a load that only adds jobs, and writes them. Returns by how many there are more.
async fn send_and_write_rejected(db: Db<'_>, staged: &Staged, last: i64) -> Result<i64> {
    let places = on_staged(staged, move |loader| {
        let staging = &loader.staging;
        Ok(if staging.has_rejected()? { Some(staging.places_behind(last)?) } else { None })
    })
    .await?;
    if places.is_none() {
        return Ok(0);
    }
    staged_copy::send_rejected(db, staged, places).await?;
    insert_rejected(db, "behind", last).await
}

/// Writes the rejected rows, each behind the job that came before it; the new jobs are those behind `last`. Returns by how many
/// there are more.
async fn write_rejected(db: Db<'_>, last: i64) -> Result<i64> {
    if db.row("SELECT 1 FROM load_rejected LIMIT 1", args![]).await?.is_none() {
        return Ok(0);
    }
    db.client()
        .batch_execute(&format!(
            "CREATE TEMPORARY TABLE load_places ON COMMIT DROP AS
             SELECT n, fate, CASE WHEN fate = 0 THEN {last} + row_number() OVER (PARTITION BY fate = 0 ORDER BY n)
                                  ELSE job END AS seq
               FROM load_rows WHERE fate < 5 OR fate = 7 OR (fate = 9 AND job IS NOT NULL);
             CREATE INDEX ON load_places (n); ANALYZE load_places"
        ))
        .await?;
    // Rows before the first that was taken are in front of its job, or behind all jobs where it is a new one.
    let first =
        db.row("SELECT fate, seq FROM load_places WHERE fate < 5 OR fate = 7 ORDER BY n LIMIT 1", args![]).await?;
    let first_place = match first.map(|row| Ok::<_, tokio_postgres::Error>((row.try_get(0)?, row.try_get(1)?))) {
        Some(place) => match place? {
            (0_i64, _) => last,
            (_, seq) => i64::max(seq, 1) - 1,
        },
        None => last,
    };
    let place = "(SELECT p.seq FROM load_places p WHERE p.n < r.n ORDER BY p.n DESC LIMIT 1)";
    insert_rejected(db, &format!("coalesce(behind, {place})"), first_place).await
}

/// Writes the rejected rows, each behind the job `place`, or else `first_place`. Returns by how many there are more.
async fn insert_rejected(db: Db<'_>, place: &str, first_place: i64) -> Result<i64> {
    let taken_over = number(db.run(TAKE_OVER_REJECTED, args![]).await?);
    let statement = format!(
        "INSERT INTO tryon.rejected_rows (manifest, line, after_seq, id, human, cloth, reason)
         SELECT DISTINCT ON (manifest, line) manifest, line, coalesce({place}, $1), id, human, cloth,
                last_value(reason) OVER (PARTITION BY manifest, line ORDER BY n
                                         ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
           FROM load_rejected r ORDER BY manifest, line, n
         ON CONFLICT (manifest, line) DO UPDATE SET reason = excluded.reason
         RETURNING (xmax = 0)"
    );
    let mut added = 0;
    for row in db.rows(&statement, args![first_place]).await? {
        added += i64::from(row.try_get::<_, bool>(0)?);
    }
    Ok(added - taken_over)
}

/// A manifest is known by its path, and hosts may have one manifest under several paths: a row that another host was told of under
/// the same file's name is listed once, under the path of whoever loads it last, and forgotten when that one loads it again.
const TAKE_OVER_REJECTED: &str = r"
    DELETE FROM tryon.rejected_rows o USING load_rejected r
     WHERE o.line = r.line AND o.manifest <> r.manifest
       AND regexp_replace(o.manifest, '^.*[/\\]', '') = regexp_replace(r.manifest, '^.*[/\\]', '')
       AND o.id = r.id AND o.human = r.human AND o.cloth = r.cloth";
