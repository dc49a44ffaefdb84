//! Staged rows on their way to the server: streams of `COPY` into tables that last as long as their transaction.

use std::pin::pin;

use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use crate::queue::sqlite::Places;

use super::Db;
use super::error::Result;
use super::rows::storable;
use super::staged::{Staged, on_staged};

/// Rows that are read and sent at a time.
const PAGE: i64 = 5_000;

/// The tables: `fate` is what a row becomes (`sqlite/staging.rs`), and 9 that it came too late. `behind` is the place of a
/// rejected row in the report, where it does not follow from its neighbours.
const TABLES: &str = "
CREATE TEMPORARY TABLE load_inputs (input BIGINT NOT NULL, source TEXT NOT NULL, written TEXT NOT NULL) ON COMMIT DROP;
CREATE TEMPORARY TABLE load_numbers (staged BIGINT NOT NULL, number BIGINT NOT NULL) ON COMMIT DROP;
CREATE TEMPORARY TABLE load_rows (
    n BIGINT NOT NULL, human BIGINT NOT NULL, cloth BIGINT NOT NULL, cloth_2 BIGINT, priority BIGINT NOT NULL,
    keep BIGINT NOT NULL, fate BIGINT NOT NULL, job BIGINT, manifest BIGINT NOT NULL, line BIGINT NOT NULL,
    id TEXT NOT NULL, id_key TEXT NOT NULL COLLATE \"C\", cloth_type TEXT, cloth_type_2 TEXT, model TEXT,
    extra TEXT, relabels BOOLEAN NOT NULL
) ON COMMIT DROP";
const REJECTED_TABLE: &str = "
CREATE TEMPORARY TABLE load_rejected (
    n BIGINT NOT NULL, line BIGINT NOT NULL, behind BIGINT, manifest TEXT NOT NULL COLLATE \"C\", id TEXT NOT NULL,
    human TEXT NOT NULL, cloth TEXT NOT NULL, reason TEXT NOT NULL
) ON COMMIT DROP";

const COPY_INPUTS: &str = "COPY load_inputs (input, source, written) FROM STDIN BINARY";
const COPY_ROWS: &str = "COPY load_rows (n, human, cloth, cloth_2, priority, keep, fate, job, manifest, line, id, id_key, \
     cloth_type, cloth_type_2, model, extra, relabels) FROM STDIN BINARY";
const COPY_REJECTED: &str =
    "COPY load_rejected (n, line, behind, manifest, id, human, cloth, reason) FROM STDIN BINARY";

/// Sends everything that is staged.
pub(super) async fn send(db: Db<'_>, staged: &Staged) -> Result<()> {
    db.client().batch_execute(TABLES).await?;
    send_inputs(db, staged).await?;
    send_rows(db, staged).await?;
    send_rejected(db, staged, None).await
}

async fn send_inputs(db: Db<'_>, staged: &Staged) -> Result<()> {
    let sink = db.client().copy_in(COPY_INPUTS).await?;
    let mut copy = pin!(BinaryCopyInWriter::new(sink, &[Type::INT8, Type::TEXT, Type::TEXT]));
    let mut after = 0;
    loop {
        let page = on_staged(staged, move |loader| loader.staging.pictures_after(after, PAGE)).await?;
        let Some(last) = page.last() else { break };
        after = last.0;
        for (input, source, written) in &page {
            copy.as_mut().write(&[input, source, written]).await?;
        }
    }
    copy.finish().await?;
    Ok(())
}

async fn send_rows(db: Db<'_>, staged: &Staged) -> Result<()> {
    let mut types = vec![Type::INT8; 10];
    types.extend(vec![Type::TEXT; 6]);
    types.push(Type::BOOL);
    let sink = db.client().copy_in(COPY_ROWS).await?;
    let mut copy = pin!(BinaryCopyInWriter::new(sink, &types));
    let end = on_staged(staged, |loader| loader.staging.end()).await?;
    let mut from = 1;
    while from < end {
        let to = end.min(from + PAGE);
        for row in on_staged(staged, move |loader| loader.staging.rows(from, to)).await? {
            let numbers =
                (i64::from(row.inputs.keep.bits()), row.fate as i64, i64::from(row.manifest), line_of(row.line));
            let values: [&(dyn ToSql + Sync); 17] = [
                &row.n,
                &row.inputs.human,
                &row.inputs.cloth,
                &row.inputs.cloth_2,
                &row.priority,
                &numbers.0,
                &numbers.1,
                &row.job,
                &numbers.2,
                &numbers.3,
                &row.id,
                &row.id_key,
                &row.inputs.cloth_type,
                &row.inputs.cloth_type_2,
                &row.inputs.model,
                &row.extra,
                &row.relabels,
            ];
            copy.as_mut().write(&values).await?;
        }
        from = to;
    }
    copy.finish().await?;
    Ok(())
}

/// Sends the rejected rows, with their places where these are known.
pub(super) async fn send_rejected(db: Db<'_>, staged: &Staged, mut places: Option<Places>) -> Result<()> {
    db.client().batch_execute(REJECTED_TABLE).await?;
    let mut types = vec![Type::INT8; 3];
    types.extend(vec![Type::TEXT; 5]);
    let sink = db.client().copy_in(COPY_REJECTED).await?;
    let mut copy = pin!(BinaryCopyInWriter::new(sink, &types));
    let end = on_staged(staged, |loader| loader.staging.end()).await?;
    let mut from = 1;
    while from < end {
        let to = end.min(from + PAGE);
        let (rows, behind);
        (rows, behind, places) = on_staged(staged, move |loader| {
            let staging = &loader.staging;
            let behind = places.as_mut().map(|places| staging.places_of_rejected(places, from, to)).transpose()?;
            Ok((staging.rejections(from, to)?, behind.unwrap_or_default(), places))
        })
        .await?;
        let mut behind = behind.into_iter();
        for row in rows {
            let texts = [&row.manifest, &row.id, &row.human, &row.cloth, &row.reason].map(|text| storable(text));
            let (line, behind) = (line_of(row.line), behind.next());
            let values: [&(dyn ToSql + Sync); 8] =
                [&row.n, &line, &behind, &texts[0], &texts[1], &texts[2], &texts[3], &texts[4]];
            copy.as_mut().write(&values).await?;
        }
        from = to;
    }
    copy.finish().await?;
    Ok(())
}

fn line_of(line: u64) -> i64 {
    i64::try_from(line).unwrap_or(i64::MAX)
}
