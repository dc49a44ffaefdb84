//! The page's list of jobs: blocks of JSON that the page's script reads, written as the rows stream by.
//!
//! A block holds a portion of the jobs and each of their pictures once, so that writing needs the memory of one block
//! however many jobs there are. Reading is the browser's, whose memory does grow; so the list has a bound.

use std::collections::HashMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

use crate::job::StateName;
use crate::queue::{Counts, ReportRow};
use crate::view::web::SaidOfResult;

use super::links::Links;
use crate::report::columns::{seconds_between, whole_where_whole};

/// This many jobs are listed. A browser takes a second to read them; ten times as many would take its memory.
pub(super) const MOST_LISTED: u64 = 100_000;

/// This many jobs make a block.
const BLOCK_JOBS: usize = 1_000;

/// So much of a picture's checksum tells it from the one that is made after it.
pub const SHA256_SHOWN: usize = 12;

/// Which jobs are listed where not all can be: those that need somebody come first, then manifest order decides.
#[derive(Debug)]
pub(super) struct Quota {
    needing_somebody: u64,
    others: u64,
}

impl Quota {
    /// The quota of a queue with these counts. They are only approximate while a run is going on, and need not be more.
    pub(super) fn of(counts: &Counts, most: u64) -> Self {
        let needing_somebody =
            (counts.of(StateName::Failed) + counts.of(StateName::InDoubt) + counts.flagged).min(most);
        Self { needing_somebody, others: most - needing_somebody }
    }

    /// Whether a job in this state is listed, whose result is flagged or not.
    fn admits(&mut self, state: StateName, is_flagged: bool) -> bool {
        let needs_somebody = is_flagged || matches!(state, StateName::Failed | StateName::InDoubt);
        let left =
            if needs_somebody && self.needing_somebody > 0 { &mut self.needing_somebody } else { &mut self.others };
        let admits = *left > 0;
        *left = left.saturating_sub(1);
        admits
    }
}

/// The list that is being written.
pub(super) struct Listing<'a, W: Write> {
    to: W,
    links: &'a Links,
    quota: Quota,
    block: Block,
    listed: u64,
}

/// A portion of the list.
#[derive(Default, Serialize)]
struct Block {
    /// Each picture once: as the manifest names it, and the link to it.
    pictures: Vec<(String, Option<String>)>,
    models: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<String>,
    jobs: Vec<Job>,
    #[serde(skip)]
    by_source: HashMap<(String, String), usize>,
}

/// A job as the page's script reads it. What is absent is left out.
#[derive(Serialize)]
struct Job {
    id: String,
    state: &'static str,
    human: usize,
    cloth: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_cloth: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// The number of its failure's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    /// Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished: Option<i64>,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "whole_where_whole")]
    units: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<(u32, u32)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// What was made of its pictures before they were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_as: Option<String>,
    /// What was noticed about its result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flags: Vec<&'static str>,
    /// What the queue has of verdicts about its result.
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<SaidOfResult>,
}

impl<'a, W: Write> Listing<'a, W> {
    pub(super) fn begin(to: W, links: &'a Links, quota: Quota) -> Self {
        Self { to, links, quota, block: Block::default(), listed: 0 }
    }

    /// Lists a job, if it still finds room. `reason` is the number of its failure's reason.
    pub(super) fn add(&mut self, row: ReportRow, reason: Option<usize>) -> io::Result<()> {
        if !self.quota.admits(row.state, !row.flags.is_empty()) {
            return Ok(());
        }
        self.listed += 1;
        self.block.add(row, reason, self.links);
        if self.block.jobs.len() == BLOCK_JOBS { self.write_block() } else { Ok(()) }
    }

    /// Ends the list. Returns what it was written to, and how many jobs are listed.
    pub(super) fn end(mut self) -> io::Result<(W, u64)> {
        if !self.block.jobs.is_empty() {
            self.write_block()?;
        }
        Ok((self.to, self.listed))
    }

    fn write_block(&mut self) -> io::Result<()> {
        self.to.write_all(b"<script type=\"application/json\" class=\"jobs\">")?;
        let mut json = serde_json::Serializer::with_formatter(&mut self.to, InScript);
        // An io error inside becomes itself again, so that a pipe whose reader has left is still known as one.
        self.block.serialize(&mut json).map_err(io::Error::from)?;
        self.to.write_all(b"</script>\n")?;
        self.block = Block::default();
        Ok(())
    }
}

impl Block {
    fn add(&mut self, row: ReportRow, reason: Option<usize>, links: &Links) {
        let human = self.picture(row.human_image, row.human_source, links);
        let cloth = self.picture(row.cloth_image, row.cloth_source, links);
        let second_cloth = row.second_cloth.map(|(written, source)| self.picture(written, source, links));
        let why = match (row.state, row.error_code, row.error) {
            (StateName::Failed, Some(code), error) => Some(format!("{code}: {}", error.unwrap_or_default())),
            (_, _, error) => error,
        };
        let job = Job {
            id: row.id,
            state: row.state.word(),
            human,
            cloth,
            second_cloth,
            model: (!row.model.is_empty()).then(|| number_of(&mut self.models, row.model)),
            account: row.account.map(|account| number_of(&mut self.accounts, account.as_str().to_owned())),
            result: row.output.map(|path| links.to_result(&path)),
            why,
            reason,
            seconds: row.submitted_at.zip(row.finished_at).map(|(from, to)| seconds_between(from, to)),
            finished: row.finished_at.map(jiff::Timestamp::as_millisecond),
            attempts: row.attempts,
            task: row.task_id.map(|task| task.0),
            units: row.units,
            size: row.width.zip(row.height),
            sha256: row.sha256.map(|sha256| sha256.chars().take(SHA256_SHOWN).collect()),
            sent_as: row.sent_as,
            flags: row.flags.words(),
            review: row.review.map(SaidOfResult::from),
        };
        self.jobs.push(job);
    }

    /// The number of a picture in this block.
    fn picture(&mut self, written: String, source: String, links: &Links) -> usize {
        let next = self.pictures.len();
        let key = (written, source);
        if let Some(number) = self.by_source.get(&key) {
            return *number;
        }
        self.pictures.push((key.0.clone(), links.to_input(&key.1)));
        self.by_source.insert(key, next);
        next
    }
}

/// The number of a name in this block; there are few.
fn number_of(names: &mut Vec<String>, name: String) -> usize {
    names.iter().position(|known| *known == name).unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    })
}

/// JSON that can stand in a `<script>`: without `<` no text in it can end the element, or open a comment.
struct InScript;

impl Formatter for InScript {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, to: &mut W, fragment: &str) -> io::Result<()> {
        let mut pieces = fragment.split('<');
        to.write_all(pieces.next().unwrap_or_default().as_bytes())?;
        for piece in pieces {
            to.write_all(b"\\u003c")?;
            to.write_all(piece.as_bytes())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_end_the_script_element_and_json_reads_the_same() {
        let hostile = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(1)> \u{2028} \"\\";
        let mut written = Vec::new();
        let mut json = serde_json::Serializer::with_formatter(&mut written, InScript);
        hostile.serialize(&mut json).expect("written");
        assert!(!written.contains(&b'<'), "{}", String::from_utf8_lossy(&written));
        assert_eq!(serde_json::from_slice::<String>(&written).expect("JSON"), hostile);
    }

    #[test]
    fn where_not_all_find_room_those_that_need_somebody_do() {
        let mut counts = Counts::default();
        counts.set(StateName::Succeeded, 7);
        counts.set(StateName::Failed, 2);
        counts.set(StateName::InDoubt, 1);
        counts.flagged = 1;
        let mut quota = Quota::of(&counts, 5);
        let states = [StateName::Succeeded; 5].into_iter().chain([StateName::Failed, StateName::InDoubt]);
        let admitted: Vec<_> =
            states.chain([StateName::Failed, StateName::Succeeded]).map(|s| quota.admits(s, false)).collect();
        assert_eq!(admitted, [true, false, false, false, false, true, true, true, false]);
        let mut quota = Quota::of(&counts, 5);
        let flagged = [false, false, false, true].map(|is_flagged| quota.admits(StateName::Succeeded, is_flagged));
        assert_eq!(flagged, [true, false, false, true], "a flagged result needs somebody too");
    }

    #[test]
    fn a_list_of_failures_only_ends_at_its_bound_too() {
        let mut counts = Counts::default();
        counts.set(StateName::Failed, 9);
        let mut quota = Quota::of(&counts, 5);
        assert_eq!((0..9).filter(|_| quota.admits(StateName::Failed, false)).count(), 5);
    }
}
