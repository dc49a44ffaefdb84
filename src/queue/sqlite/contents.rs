//! What pictures were when they were read, and which attempts they were sent for.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::job::{Content, ImageSource, JobId, JobSeq, SentContents};
use crate::queue::{KnownContent, MadeFrom};

use super::{QueueError, Result};

/// What is known of the next `?2` pictures after number `?1`.
pub(super) const KNOWN_CONTENTS: &str = "
    SELECT c.input, i.source, c.content, c.sha256, c.bytes, c.modified, nullif(c.etag, '')
      FROM (SELECT DISTINCT input FROM contents WHERE input > ?1 ORDER BY input LIMIT ?2) AS p
      JOIN contents c ON c.input = p.input
      JOIN inputs i ON i.input = c.input
     WHERE c.sha256 <> ''
     ORDER BY c.input, c.content";

/// What the next `?2` results after job `?1` were made of.
pub(super) const MADE_FROM: &str = "
    SELECT j.seq, j.id, j.human, hc.sha256, j.cloth, cc.sha256, j.cloth_2, sc.sha256
      FROM (SELECT seq FROM jobs WHERE state = 'succeeded' AND seq > ?1 ORDER BY seq LIMIT ?2) AS p
      JOIN jobs j ON j.seq = p.seq
      JOIN attempts a ON a.job = j.seq AND a.attempt = j.attempt
      LEFT JOIN contents hc ON hc.content = a.human_content
      LEFT JOIN contents cc ON cc.content = a.cloth_content
      LEFT JOIN contents sc ON sc.content = a.cloth_2_content
     ORDER BY j.seq";

/// The next `?2` pictures after number `?1` of which nothing is known.
const UNREAD: &str = "SELECT input, source FROM inputs WHERE content IS NULL AND input > ?1 ORDER BY input LIMIT ?2";

/// What was sent for a job's present attempt.
const SENT: &str = "
    SELECT hc.sha256, cc.sha256, sc.sha256
      FROM jobs j JOIN attempts a ON a.job = j.seq AND a.attempt = j.attempt
      LEFT JOIN contents hc ON hc.content = a.human_content
      LEFT JOIN contents cc ON cc.content = a.cloth_content
      LEFT JOIN contents sc ON sc.content = a.cloth_2_content
     WHERE j.seq = ?1";

/// What is known of a job's pictures.
const KNOWN_OF: &str = "
    SELECT c.input, i.source, c.content, c.sha256, c.bytes, c.modified, nullif(c.etag, '')
      FROM jobs j JOIN inputs i ON i.input IN (j.human, j.cloth, j.cloth_2)
      JOIN contents c ON c.input = i.input
     WHERE j.seq = ?1 AND c.sha256 <> ''
     ORDER BY c.input, c.content";

/// What the person, the garment and the second garment were, by their sha256.
pub(in crate::queue) type SentSha256 = [Option<String>; 3];

/// Writes down what was sent for an attempt.
pub(super) fn note_sent(db: &Connection, seq: JobSeq, attempt: u32, sent: &SentContents) -> Result<()> {
    let (human, cloth, second): (i64, i64, Option<i64>) = db
        .prepare_cached("SELECT human, cloth, cloth_2 FROM jobs WHERE seq = ?1")?
        .query_row([seq.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let number = |picture: Option<i64>, content: &Option<Content>| match picture.zip(content.as_ref()) {
        Some((picture, content)) => number_of(db, picture, content).map(Some),
        None => Ok(None),
    };
    let numbers = (number(Some(human), &sent.human)?, number(Some(cloth), &sent.cloth)?, number(second, &sent.second)?);
    let changed = db
        .prepare_cached(
            "UPDATE attempts SET human_content = ?3, cloth_content = ?4, cloth_2_content = ?5
              WHERE job = ?1 AND attempt = ?2",
        )?
        .execute(params![seq.0, attempt, numbers.0, numbers.1, numbers.2])?;
    match changed {
        1 => Ok(()),
        _ => Err(QueueError::Damaged(format!("attempt {attempt} of job {} is gone", seq.0))),
    }
}

/// The number of what a picture is now.
fn number_of(db: &Connection, picture: i64, content: &Content) -> Result<i64> {
    let etag = content.etag.as_deref().unwrap_or_default();
    let known: Option<(i64, Option<i64>)> = db
        .prepare_cached("SELECT content, modified FROM contents WHERE input = ?1 AND sha256 = ?2 AND etag = ?3")?
        .query_row(params![picture, content.sha256, etag], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let number = match known {
        Some((number, modified)) => {
            if modified != content.modified {
                set_seen(db, number, content.modified)?;
            }
            number
        }
        None => {
            db.prepare_cached(
                "INSERT INTO contents (input, sha256, etag, bytes, modified) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![picture, content.sha256, etag, content.bytes, content.modified])?;
            db.last_insert_rowid()
        }
    };
    db.prepare_cached("UPDATE inputs SET content = ?2 WHERE input = ?1 AND content IS NOT ?2")?
        .execute([picture, number])?;
    Ok(number)
}

/// A picture was read and is what it was: its file shows this time now.
pub(super) fn set_seen(db: &Connection, number: i64, modified: Option<i64>) -> Result<()> {
    db.prepare_cached("UPDATE contents SET modified = ?2 WHERE content = ?1")?.execute(params![number, modified])?;
    Ok(())
}

/// A job's pictures are at other places now, and are what was sent for it.
pub(super) fn note_moved(db: &Connection, job: i64) -> Result<()> {
    for (picture, content) in [("human", "human_content"), ("cloth", "cloth_content"), ("cloth_2", "cloth_2_content")] {
        db.prepare_cached(&format!(
            "INSERT INTO contents (input, sha256, etag, bytes, modified)
             SELECT j.{picture}, c.sha256, c.etag, c.bytes, c.modified
               FROM jobs j JOIN attempts a ON a.job = j.seq AND a.attempt = j.attempt
               JOIN contents c ON c.content = a.{content}
              WHERE j.seq = ?1 AND j.{picture} IS NOT NULL AND j.{picture} <> c.input
             ON CONFLICT (input, sha256, etag) DO NOTHING"
        ))?
        .execute([job])?;
    }
    Ok(())
}

/// What was sent for a job's present attempt, as far as that is known.
pub(super) fn sent_for(db: &Connection, job: i64) -> Result<SentSha256> {
    let found =
        db.prepare_cached(SENT)?.query_row([job], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).optional()?;
    Ok(found.unwrap_or_default())
}

pub(super) fn known_contents(db: &Connection, after: i64, most: usize) -> Result<Vec<KnownContent>> {
    let mut statement = db.prepare_cached(KNOWN_CONTENTS)?;
    let mut rows = statement.query(params![after, most])?;
    let mut known = Vec::new();
    while let Some(row) = rows.next()? {
        known.push(read_known(row)?);
    }
    Ok(known)
}

/// Pictures of which it is not known what they are.
pub(super) fn unread_pictures(db: &Connection, after: i64, most: usize) -> Result<Vec<(i64, ImageSource)>> {
    let mut statement = db.prepare_cached(UNREAD)?;
    let pictures = statement.query_map(params![after, most], |row| {
        Ok((row.get(0)?, ImageSource::from_stored(&row.get::<_, String>(1)?)))
    })?;
    Ok(pictures.collect::<rusqlite::Result<_>>()?)
}

/// The first picture that was of this content when it last was read.
pub(super) fn equal_picture(db: &Connection, sha256: &str) -> Result<Option<i64>> {
    let query = "SELECT min(i.input) FROM contents c JOIN inputs i ON i.input = c.input AND i.content = c.content
                  WHERE c.sha256 = ?1 AND c.sha256 <> ''";
    Ok(db.prepare_cached(query)?.query_row([sha256], |row| row.get(0))?)
}

/// Pictures were read: this is what they are.
pub(super) fn note_contents(db: &Connection, read: &[(i64, Content)]) -> Result<()> {
    read.iter().try_for_each(|(picture, content)| number_of(db, *picture, content).map(drop))
}

/// What is known of a job's pictures.
pub(super) fn known_of(db: &Connection, job: i64) -> Result<Vec<KnownContent>> {
    let mut statement = db.prepare_cached(KNOWN_OF)?;
    let mut rows = statement.query([job])?;
    let mut known = Vec::new();
    while let Some(row) = rows.next()? {
        known.push(read_known(row)?);
    }
    Ok(known)
}

fn read_known(row: &Row<'_>) -> Result<KnownContent> {
    Ok(KnownContent {
        picture: row.get(0)?,
        source: ImageSource::from_stored(&row.get::<_, String>(1)?),
        number: row.get(2)?,
        content: Content { sha256: row.get(3)?, bytes: row.get(4)?, modified: row.get(5)?, etag: row.get(6)? },
    })
}

pub(super) fn made_from(db: &Connection, after: JobSeq, most: usize) -> Result<Vec<MadeFrom>> {
    let mut statement = db.prepare_cached(MADE_FROM)?;
    let mut rows = statement.query(params![after.0, most])?;
    let mut made = Vec::new();
    while let Some(row) = rows.next()? {
        let mut pictures = Vec::new();
        for column in [2, 4, 6] {
            let picture: Option<i64> = row.get(column)?;
            pictures.extend(picture.zip(row.get(column + 1)?));
        }
        made.push(MadeFrom { seq: JobSeq(row.get(0)?), id: JobId::trusted(row.get(1)?), pictures });
    }
    Ok(made)
}
