//! What pictures were when they were read, and which attempts they were sent for.

use std::collections::HashMap;

use tokio_postgres::Row;

use crate::job::{Content, ImageSource, JobId, JobSeq, SentContents};
use crate::queue::sqlite::SentSha256;
use crate::queue::{KnownContent, MadeFrom, QueueError};

use super::Db;
use super::db::args;
use super::error::Result;
use super::rows::whole;

/// Writes down what was sent for an attempt of job `seq`, whose row is locked.
pub(super) async fn note_sent(db: Db<'_>, seq: JobSeq, attempt: u32, sent: &SentContents) -> Result<()> {
    let mut numbers = [None; 3];
    let columns = [("human", &sent.human), ("cloth", &sent.cloth), ("cloth_2", &sent.second)];
    for (place, (column, content)) in columns.into_iter().enumerate() {
        if let Some(content) = content {
            let picture = format!("(SELECT {column} FROM tryon.jobs WHERE seq = $1)");
            numbers[place] = number_of(db, &picture, seq.0, content).await?;
        }
    }
    let changed = db
        .run(
            "UPDATE tryon.attempts SET human_content = $3, cloth_content = $4, cloth_2_content = $5
              WHERE job = $1 AND attempt = $2",
            args![seq.0, i64::from(attempt), numbers[0], numbers[1], numbers[2]],
        )
        .await?;
    match changed {
        1 => Ok(()),
        _ => Err(QueueError::Damaged(format!("attempt {attempt} of job {} is gone", seq.0))),
    }
}

/// The number of what a picture is now: the one whose number is the expression `picture` over `of` as `$1`. Many workers share
/// a picture, so nothing is written where nothing changes.
async fn number_of(db: Db<'_>, picture: &str, of: i64, content: &Content) -> Result<Option<i64>> {
    let etag = content.etag.as_deref().unwrap_or_default();
    let bytes = i64::try_from(content.bytes).unwrap_or(i64::MAX);
    let find = format!(
        "SELECT c.content, c.modified, i.input, i.content FROM tryon.inputs i
           LEFT JOIN tryon.contents c ON c.input = i.input AND c.sha256 = $2 AND c.etag = $3 WHERE i.input = {picture}"
    );
    let Some(row) = db.row(&find, args![of, content.sha256, etag]).await? else { return Ok(None) };
    let (known, modified): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    let (picture, last): (i64, Option<i64>) = (row.try_get(2)?, row.try_get(3)?);
    let number = match known {
        Some(number) => {
            if modified != content.modified {
                set_seen(db, number, content.modified).await?;
            }
            number
        }
        None => {
            // Another worker may have added it meanwhile: then that row is there when this has waited for it.
            let add =
                "INSERT INTO tryon.contents AS c (input, sha256, etag, bytes, modified) VALUES ($1, $2, $3, $4, $5)
                       ON CONFLICT (input, sha256, etag) DO UPDATE SET modified = excluded.modified RETURNING content";
            let added = db.one(add, args![picture, content.sha256, etag, bytes, content.modified]).await?;
            added.try_get(0)?
        }
    };
    if last != Some(number) {
        db.run("UPDATE tryon.inputs SET content = $2 WHERE input = $1", args![picture, number]).await?;
    }
    Ok(Some(number))
}

/// Pictures were read: this is what they are.
pub(super) async fn note_contents(db: Db<'_>, read: &[(i64, Content)]) -> Result<()> {
    for (picture, content) in read {
        number_of(db, "$1", *picture, content).await?;
    }
    Ok(())
}

/// Pictures of which it is not known what they are.
pub(super) async fn unread_pictures(db: Db<'_>, after: i64, most: usize) -> Result<Vec<(i64, ImageSource)>> {
    let query = "SELECT input, source FROM tryon.inputs WHERE content IS NULL AND input > $1 ORDER BY input LIMIT $2";
    let rows = db.rows(query, args![after, number(most)]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, ImageSource::from_stored(&row.try_get::<_, String>(1)?)))).collect()
}

/// The first picture of each of these contents, as they last were read.
pub(super) async fn equal_pictures(db: Db<'_>, sha256: Vec<String>) -> Result<HashMap<String, i64>> {
    let query = "SELECT c.sha256, min(i.input)
                   FROM tryon.contents c JOIN tryon.inputs i ON i.input = c.input AND i.content = c.content
                  WHERE c.sha256 = ANY ($1) AND c.sha256 <> '' GROUP BY c.sha256";
    db.rows(query, args![sha256]).await?.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn set_seen(db: Db<'_>, number: i64, modified: Option<i64>) -> Result<()> {
    db.run("UPDATE tryon.contents SET modified = $2 WHERE content = $1", args![number, modified]).await?;
    Ok(())
}

/// Pictures were read and are what they were: their files show these times now.
pub(super) async fn note_seen(db: Db<'_>, seen: &[(i64, Option<i64>)]) -> Result<()> {
    let (numbers, times): (Vec<i64>, Vec<Option<i64>>) = seen.iter().copied().unzip();
    let statement = "UPDATE tryon.contents c SET modified = s.modified FROM unnest($1, $2) AS s (content, modified)
                      WHERE c.content = s.content";
    db.run(statement, args![numbers, times]).await?;
    Ok(())
}

/// The pictures of the jobs of rows that were moved are what was sent for them.
pub(super) async fn note_moved(db: Db<'_>) -> Result<()> {
    for (picture, content) in [("human", "human_content"), ("cloth", "cloth_content"), ("cloth_2", "cloth_2_content")] {
        let statement = format!(
            "INSERT INTO tryon.contents (input, sha256, etag, bytes, modified)
             SELECT DISTINCT ON (j.{picture}, c.sha256, c.etag) j.{picture}, c.sha256, c.etag, c.bytes, c.modified
               FROM load_rows r JOIN tryon.jobs j ON j.seq = r.job
               JOIN tryon.attempts a ON a.job = j.seq AND a.attempt = j.attempt
               JOIN tryon.contents c ON c.content = a.{content}
              WHERE r.fate = 7 AND j.{picture} IS NOT NULL AND j.{picture} <> c.input
             ON CONFLICT (input, sha256, etag) DO NOTHING"
        );
        db.run(&statement, args![]).await?;
    }
    Ok(())
}

/// What was sent for these jobs' present attempts, as far as that is known.
pub(super) async fn sent_for(db: Db<'_>, jobs: Vec<i64>) -> Result<HashMap<i64, SentSha256>> {
    let query = "SELECT j.seq, hc.sha256, cc.sha256, sc.sha256
                   FROM tryon.jobs j JOIN tryon.attempts a ON a.job = j.seq AND a.attempt = j.attempt
                   LEFT JOIN tryon.contents hc ON hc.content = a.human_content
                   LEFT JOIN tryon.contents cc ON cc.content = a.cloth_content
                   LEFT JOIN tryon.contents sc ON sc.content = a.cloth_2_content
                  WHERE j.seq = ANY ($1)";
    let mut sent = HashMap::new();
    for row in db.rows(query, args![jobs]).await? {
        sent.insert(row.try_get(0)?, [row.try_get(1)?, row.try_get(2)?, row.try_get(3)?]);
    }
    Ok(sent)
}

pub(super) async fn known_contents(db: Db<'_>, after: i64, most: usize) -> Result<Vec<KnownContent>> {
    let query = "SELECT c.input, i.source, c.content, c.sha256, c.bytes, c.modified, nullif(c.etag, '')
                   FROM (SELECT DISTINCT input FROM tryon.contents WHERE input > $1 ORDER BY input LIMIT $2) AS p
                   JOIN tryon.contents c ON c.input = p.input
                   JOIN tryon.inputs i ON i.input = c.input
                  WHERE c.sha256 <> '' ORDER BY c.input, c.content";
    db.rows(query, args![after, number(most)]).await?.iter().map(read_known).collect()
}

/// What is known of a job's pictures.
pub(super) async fn known_of(db: Db<'_>, job: JobSeq) -> Result<Vec<KnownContent>> {
    let query = "SELECT c.input, i.source, c.content, c.sha256, c.bytes, c.modified, nullif(c.etag, '')
                   FROM tryon.jobs j JOIN tryon.inputs i ON i.input IN (j.human, j.cloth, j.cloth_2)
                   JOIN tryon.contents c ON c.input = i.input
                  WHERE j.seq = $1 AND c.sha256 <> '' ORDER BY c.input, c.content";
    db.rows(query, args![job.0]).await?.iter().map(read_known).collect()
}

fn read_known(row: &Row) -> Result<KnownContent> {
    let (sha256, bytes) = (row.try_get(3)?, whole(row, 4)?);
    Ok(KnownContent {
        picture: row.try_get(0)?,
        source: ImageSource::from_stored(&row.try_get::<_, String>(1)?),
        number: row.try_get(2)?,
        content: Content { sha256, bytes, modified: row.try_get(5)?, etag: row.try_get(6)? },
    })
}

pub(super) async fn made_from(db: Db<'_>, after: JobSeq, most: usize) -> Result<Vec<MadeFrom>> {
    let query = "SELECT j.seq, j.id, j.human, hc.sha256, j.cloth, cc.sha256, j.cloth_2, sc.sha256
                   FROM (SELECT * FROM tryon.jobs WHERE state = 'succeeded' AND seq > $1 ORDER BY seq LIMIT $2) AS j
                   JOIN tryon.attempts a ON a.job = j.seq AND a.attempt = j.attempt
                   LEFT JOIN tryon.contents hc ON hc.content = a.human_content
                   LEFT JOIN tryon.contents cc ON cc.content = a.cloth_content
                   LEFT JOIN tryon.contents sc ON sc.content = a.cloth_2_content
                  ORDER BY j.seq";
    let mut made = Vec::new();
    for row in db.rows(query, args![after.0, number(most)]).await? {
        let mut pictures = Vec::new();
        for column in [2, 4, 6] {
            let picture: Option<i64> = row.try_get(column)?;
            pictures.extend(picture.zip(row.try_get(column + 1)?));
        }
        made.push(MadeFrom { seq: JobSeq(row.try_get(0)?), id: JobId::trusted(row.try_get(1)?), pictures });
    }
    Ok(made)
}

fn number(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
