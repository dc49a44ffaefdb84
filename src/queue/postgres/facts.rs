//! Facts about the queue as a whole, its endpoints and its runs.

use std::time::Duration;

use jiff::Timestamp;

use crate::job::{AccountName, JobSeq, ModelName, clean_text};
use crate::queue::columns::{millis, timestamp};
use crate::queue::{AccountStanding, AccountTally, Beat, Epoch, Pause, ProviderKind, QueueError, RunId, RunRecord};

use super::Db;
use super::db::{Typed, args, typed};
use super::epochs::is_live;
use super::error::Result;
use super::last_tasks;
use super::rows::whole;
use super::transition::{attempt_is_gone, one_row};

/// Which transactions have ended: another text after every one that wrote, also into another database of the server.
pub(super) async fn revision(db: Db<'_>) -> Result<String> {
    Ok(db.one("SELECT pg_current_snapshot()::text", args![]).await?.try_get(0)?)
}

/// The value under a name; `None` where there is none.
pub(super) async fn get_meta(db: Db<'_>, key: &str) -> Result<Option<String>> {
    let row = db.row("SELECT value FROM tryon.meta WHERE key = $1", args![key]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Stores a value under a name, in place of an earlier one.
pub(super) async fn set_meta(db: Db<'_>, key: &str, value: &str) -> Result<()> {
    db.run(
        "INSERT INTO tryon.meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        args![key, value],
    )
    .await?;
    Ok(())
}

/// The key of the place to which the queue was copied.
pub(super) const MOVED_TO: &str = "moved_to";

/// Remembers where the queue goes on; `None` takes it back.
pub(super) async fn mark_moved(db: Db<'_>, to: Option<&str>) -> Result<()> {
    match to {
        Some(to) => set_meta(db, MOVED_TO, to).await,
        None => db.run("DELETE FROM tryon.meta WHERE key = $1", args![MOVED_TO]).await.map(drop),
    }
}

/// A text that is drawn once for a queue and kept: the one that is there, or else `fresh`.
pub(super) async fn keep_text(db: Db<'_>, name: &str, fresh: &str) -> Result<String> {
    let statement = "INSERT INTO tryon.meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
    db.run(statement, args![name, fresh]).await?;
    get_meta(db, name).await?.ok_or_else(|| QueueError::Damaged(format!("`{name}` is gone")))
}

pub(super) async fn check_provider(db: Db<'_>, kind: ProviderKind) -> Result<()> {
    match get_meta(db, "provider").await? {
        Some(bound) if !kind.may_follow(&bound) => {
            Err(QueueError::OtherProvider { bound, wanted: kind.word().to_owned() })
        }
        _ => Ok(()),
    }
}

/// Binds the queue to the kind of provider of its first run. Of two first runs at once the second sees the first.
pub(super) async fn bind(db: Db<'_>, kind: ProviderKind) -> Result<()> {
    db.lock("tryon: provider").await?;
    check_provider(db, kind).await?;
    set_meta(db, "provider", kind.word()).await
}

/// Notes something about an endpoint in its column.
pub(super) async fn learn<T: Typed>(db: Db<'_>, column: &'static str, base_url: &str, value: T) -> Result<()> {
    let statement = format!(
        "INSERT INTO tryon.doors (base_url, {column}) VALUES ($1, $2)
         ON CONFLICT (base_url) DO UPDATE SET {column} = excluded.{column}"
    );
    db.run(&statement, &[typed(&base_url), typed(&value)]).await?;
    Ok(())
}

/// Begins a run: its record, and the model for rows that name none.
pub(super) async fn begin_run(
    db: Db<'_>,
    me: Option<Epoch>,
    slots: u32,
    budget: Option<u64>,
    model: &ModelName,
    now: Timestamp,
) -> Result<RunId> {
    set_meta(db, "default_model", model.as_str()).await?;
    // Duplicate links are recomputed; ignored without `--dedupe`.
    db.run("UPDATE tryon.jobs SET waits_for = NULL WHERE waits_for IS NOT NULL", args![]).await?;
    // A budget beyond what can be counted to is none.
    let budget = budget.and_then(|budget| i64::try_from(budget).ok());
    let row = db
        .one(
            "INSERT INTO tryon.runs (started_at, seen_at, budget, slots, epoch) VALUES ($1, $1, $2, $3, $4) RETURNING run",
            args![millis(now), budget, i64::from(slots), me.map(|epoch| epoch.0)],
        )
        .await?;
    Ok(RunId(row.try_get(0)?))
}

/// A run's heartbeat.
pub(super) async fn beat(db: Db<'_>, run: RunId, me: Option<Epoch>, beat: &Beat, now: Timestamp) -> Result<()> {
    let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let pause = beat.pause.as_ref();
    let changed = db
        .run(
            "UPDATE tryon.runs SET seen_at = $2, succeeded = $3, paused_until = $4, paused_why = $5,
                    ended_at = CASE WHEN $6 THEN $2 END, slot_ms_busy = $7, slot_ms_all = $8, slots = $9,
                    epoch = coalesce($10, epoch)
              WHERE run = $1",
            args![
                run.0,
                millis(now),
                i64::try_from(beat.succeeded).unwrap_or(i64::MAX),
                pause.map(|pause| millis(pause.until)),
                pause.map(|pause| clean_text(&pause.why)),
                beat.ended,
                ms(beat.slots.time.0),
                ms(beat.slots.time.1),
                i64::from(beat.slots.limit),
                me.map(|epoch| epoch.0),
            ],
        )
        .await?;
    one_row(changed, || QueueError::Damaged(format!("run {} is gone", run.0)))?;
    for (place, account) in (0..).zip(&beat.accounts) {
        write_standing(db, run, place, account).await?;
    }
    Ok(())
}

/// How one of a run's accounts goes on.
async fn write_standing(db: Db<'_>, run: RunId, place: i64, account: &AccountStanding) -> Result<()> {
    let done = account.done;
    let told = |cost: f64| (done.has_told_cost && cost.is_finite()).then_some(cost);
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    db.run(
        "INSERT INTO tryon.run_accounts (run, place, account, slots, in_flight, submitted, trouble, has_ended,
                                         images, failed, units, paid)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (run, place) DO UPDATE SET
                slots = excluded.slots, in_flight = excluded.in_flight, submitted = excluded.submitted,
                trouble = excluded.trouble, has_ended = excluded.has_ended, images = excluded.images,
                failed = excluded.failed, units = excluded.units, paid = excluded.paid",
        args![
            run.0,
            place,
            account.name.as_str(),
            i64::from(account.slots),
            i64::from(account.in_flight),
            count(done.submitted),
            account.trouble.as_deref().map(clean_text),
            account.has_ended,
            count(done.images),
            count(done.failed),
            told(done.units),
            told(done.paid),
        ],
    )
    .await?;
    Ok(())
}

/// Writes down which account has been found to have an attempt's task.
pub(super) async fn assign_account(
    db: Db<'_>,
    seq: JobSeq,
    attempt: u32,
    account: Option<&AccountName>,
    endpoint: Option<&str>,
) -> Result<()> {
    let known_by = last_tasks::task_of_the_same_account(db, seq, attempt).await?;
    let changed = db
        .run(
            "UPDATE tryon.attempts SET account = $3, endpoint = $4
              WHERE job = $1 AND attempt = $2
                AND EXISTS (SELECT 1 FROM tryon.jobs WHERE seq = $1 AND attempt = $2)",
            args![seq.0, i64::from(attempt), account.map(AccountName::as_str), endpoint],
        )
        .await?;
    one_row(changed, || QueueError::Stale { seq: seq.0, attempt })?;
    match known_by {
        Some(task) => last_tasks::keep_for_doubt(db, seq, attempt, &task).await,
        None => Ok(()),
    }
}

/// Writes down what is made of an attempt's pictures, before they are sent.
pub(super) async fn note_sent_as(db: Db<'_>, seq: JobSeq, attempt: u32, sent_as: &str) -> Result<()> {
    let statement = "UPDATE tryon.attempts SET sent_as = $3 WHERE job = $1 AND attempt = $2";
    let changed = db.run(statement, args![seq.0, i64::from(attempt), clean_text(sent_as)]).await?;
    one_row(changed, || attempt_is_gone(seq, attempt))
}

/// The last run, going on or ended; where hosts are at work, all of their runs as one.
pub(super) async fn last_run(db: Db<'_>) -> Result<Option<RunRecord>> {
    let columns = "r.started_at, r.seen_at, r.ended_at, r.slots, r.slot_ms_busy, r.slot_ms_all, r.succeeded,
                   r.paused_until, r.paused_why, r.run";
    let going_on = format!(
        "SELECT {columns} FROM tryon.runs r
          WHERE r.ended_at IS NULL AND r.epoch IN (SELECT epoch FROM tryon.hosts WHERE {}) ORDER BY r.run",
        is_live()
    );
    let mut rows = db.rows(&going_on, args![]).await?;
    if rows.is_empty() {
        rows = db.rows(&format!("SELECT {columns} FROM tryon.runs r ORDER BY r.run DESC LIMIT 1"), args![]).await?;
    }
    let mut all: Option<RunRecord> = None;
    for row in &rows {
        let run = read_run(db, row).await?;
        all = Some(match all {
            Some(before) => before.and(run),
            None => run,
        });
    }
    Ok(all)
}

async fn read_run(db: Db<'_>, row: &tokio_postgres::Row) -> Result<RunRecord> {
    let pause = match (row.try_get::<_, Option<i64>>(7)?, row.try_get::<_, Option<String>>(8)?) {
        (Some(until), Some(why)) => Some(Pause { until: timestamp(until)?, why }),
        _ => None,
    };
    Ok(RunRecord {
        hosts: 1,
        started_at: timestamp(row.try_get(0)?)?,
        seen_at: timestamp(row.try_get(1)?)?,
        ended_at: row.try_get::<_, Option<i64>>(2)?.map(timestamp).transpose()?,
        slots: whole(row, 3)?,
        slot_ms_busy: whole(row, 4)?,
        slot_ms_all: whole(row, 5)?,
        succeeded: whole(row, 6)?,
        pause,
        accounts: accounts_of(db, row.try_get(9)?).await?,
    })
}

/// How the accounts of a run go on, in their order.
async fn accounts_of(db: Db<'_>, run: i64) -> Result<Vec<AccountStanding>> {
    let query = "SELECT account, slots, in_flight, submitted, trouble, has_ended, images, failed, units, paid
                   FROM tryon.run_accounts WHERE run = $1 ORDER BY place";
    let rows = db.rows(query, args![run]).await?;
    let read = |row: &tokio_postgres::Row| -> Result<AccountStanding> {
        Ok(AccountStanding {
            name: AccountName::trusted(row.try_get(0)?),
            slots: whole(row, 1)?,
            in_flight: whole(row, 2)?,
            done: AccountTally {
                submitted: whole(row, 3)?,
                images: whole(row, 6)?,
                failed: whole(row, 7)?,
                units: row.try_get::<_, Option<f64>>(8)?.unwrap_or_default(),
                paid: row.try_get::<_, Option<f64>>(9)?.unwrap_or_default(),
                has_told_cost: row.try_get::<_, Option<f64>>(8)?.is_some(),
            },
            trouble: row.try_get(4)?,
            has_ended: row.try_get(5)?,
        })
    };
    rows.iter().map(read).collect()
}
