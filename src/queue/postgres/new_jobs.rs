//! A load that only adds jobs, to a queue in which nothing has been loaded since its rows were compared: they go from where they
//! are staged straight into the queue's tables, in streams of `COPY`.
//!
//! Whatever else a load does is done by statements about staged rows ([`super::keep_load`]).

use std::pin::{Pin, pin};

use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use crate::queue::sqlite::StagedRow;

use super::Db;
use super::db::args;
use super::error::Result;
use super::staged::{Staged, on_staged};

/// Rows that are read and sent at a time.
const PAGE: i64 = 5_000;

const COPY_PICTURES: &str = "COPY tryon.inputs (input, source, written) FROM STDIN BINARY";
const COPY_JOBS: &str = "COPY tryon.jobs (seq, human, cloth, cloth_2, priority, keep, id, id_key, cloth_type, cloth_type_2, \
     model, extra) FROM STDIN BINARY";

/// The name of the last load that the queue has taken.
const LAST_LOAD: &str = "last_load";

/// What rows are compared with, in short: where it is the same later on, what was found holds. It is the last load, because only
/// loads add jobs and pictures, and the names of further images.
pub(super) async fn compared_with(db: Db<'_>) -> Result<String> {
    let query = "SELECT coalesce((SELECT value FROM tryon.meta WHERE key = $1), '') || further.names
                   FROM (SELECT ' ' || count(*) || ' ' || coalesce(sum(hashtextextended(path_key, 0)::numeric), 0) AS names
                           FROM tryon.images WHERE image > 0) AS further";
    Ok(db.one(query, args![LAST_LOAD]).await?.try_get(0)?)
}

/// The same of a queue that is not made yet.
pub(super) const NOTHING: &str = " 0 0";

/// Whoever has compared rows with the queue up to now compares them again: jobs or pictures are added.
pub(super) async fn note_load(db: Db<'_>) -> Result<()> {
    db.run(
        "INSERT INTO tryon.meta (key, value) VALUES ($1, gen_random_uuid()::text)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        args![LAST_LOAD],
    )
    .await?;
    Ok(())
}

/// Whether the staged rows can be sent as they are, under the lock of loads. They were compared with `compared`.
pub(super) async fn are_all(db: Db<'_>, staged: &Staged, compared: &str) -> Result<bool> {
    let holds = compared_with(db).await? == compared;
    Ok(holds && !on_staged(staged, |loader| loader.staging.changes_jobs()).await?)
}

/// Writes the new jobs, behind job `last`. Returns how many there are.
pub(super) async fn write(db: Db<'_>, staged: &Staged, last: i64) -> Result<i64> {
    write_pictures(db, staged).await?;
    write_jobs(db, staged, last).await
}

async fn write_pictures(db: Db<'_>, staged: &Staged) -> Result<()> {
    let last = db.one("SELECT coalesce(max(input), 0) FROM tryon.inputs", args![]).await?.try_get(0)?;
    on_staged(staged, move |loader| loader.staging.number_pictures(last)).await?;
    let sink = db.client().copy_in(COPY_PICTURES).await?;
    let mut copy = pin!(BinaryCopyInWriter::new(sink, &[Type::INT8, Type::TEXT, Type::TEXT]));
    let mut after = 0;
    loop {
        let page = on_staged(staged, move |loader| loader.staging.new_pictures(after, PAGE)).await?;
        let Some(last) = page.last() else { break };
        after = last.staged;
        for picture in &page {
            copy.as_mut().write(&[&picture.number, &picture.source, &picture.written]).await?;
        }
    }
    copy.finish().await?;
    Ok(())
}

async fn write_jobs(db: Db<'_>, staged: &Staged, last: i64) -> Result<i64> {
    let mut types = vec![Type::INT8; 6];
    types.extend(vec![Type::TEXT; 6]);
    let sink = db.client().copy_in(COPY_JOBS).await?;
    let mut copy = pin!(BinaryCopyInWriter::new(sink, &types));
    let end = on_staged(staged, |loader| loader.staging.end()).await?;
    let page_from = |from: i64| on_staged(staged, move |loader| loader.staging.new_rows(from, end.min(from + PAGE)));
    let (mut seq, mut from) = (last, 1);
    let mut page = page_from(from).await?;
    while from < end {
        from += PAGE;
        // The next page is read while this one is sent.
        let next;
        (seq, next) = tokio::try_join!(write_page(copy.as_mut(), page, seq), page_from(from))?;
        page = next;
    }
    copy.finish().await?;
    Ok(seq - last)
}

/// Writes rows behind job `seq`. Returns the last one's number.
async fn write_page(mut copy: Pin<&mut BinaryCopyInWriter>, rows: Vec<StagedRow>, mut seq: i64) -> Result<i64> {
    for row in rows {
        seq += 1;
        let (inputs, keep) = (&row.inputs, i64::from(row.inputs.keep.bits()));
        let values: [&(dyn ToSql + Sync); 12] = [
            &seq,
            &inputs.human,
            &inputs.cloth,
            &inputs.cloth_2,
            &row.priority,
            &keep,
            &row.id,
            &row.id_key,
            &inputs.cloth_type,
            &inputs.cloth_type_2,
            &inputs.model,
            &row.extra,
        ];
        copy.as_mut().write(&values).await?;
    }
    Ok(seq)
}
