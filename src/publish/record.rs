//! What was published to a place, kept there: which file was made of which image, and how. By it a second run writes nothing,
//! and a file of somebody else's is told from ours.
//!
//! Lines of JSON, the last one of a name counts. In a folder a line is on disk before its file has its name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Its name in the place.
pub(super) const RECORD: &str = ".tryon-publish.jsonl";

const VERSION: u32 = 1;

/// A published file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Relative to the place, with `/`.
    pub(super) name: String,
    /// The job's id; empty for the channel's table.
    pub(super) job: String,
    /// The sha256 of the image that it was made of.
    pub(super) image: String,
    /// What was made of it, and how it was marked.
    pub(super) treatment: String,
    /// The file's own checksum, and its length.
    pub(super) sha256: String,
    pub(super) bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct Head {
    tryon_publish: u32,
    queue: String,
}

#[derive(Serialize, Deserialize)]
struct Gone {
    gone: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Entry(Entry),
    Gone(Gone),
    Head(Head),
}

/// See the module's page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// The queue that the place is filled from; `None` before the first time.
    pub(super) queue: Option<String>,
    pub(super) entries: BTreeMap<String, Entry>,
    /// Lines in the file, and whether its last one is whole.
    lines: usize,
    is_whole: bool,
}

/// Why a record cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RecordError {
    #[error("line {0} is damaged")]
    Damaged(usize),
    #[error("it was written by a newer version of this program")]
    Newer,
}

impl Record {
    /// Reads what is kept. A last line that was cut off by a power cut belongs to a file that did not get its name.
    pub(super) fn read(content: &[u8]) -> Result<Self, RecordError> {
        let mut record = Self { is_whole: content.is_empty() || content.ends_with(b"\n"), ..Self::default() };
        let mut lines = content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).peekable();
        while let Some(line) = lines.next() {
            record.lines += 1;
            let is_cut = lines.peek().is_none() && !record.is_whole;
            match serde_json::from_slice(line) {
                Ok(Line::Head(head)) if head.tryon_publish > VERSION => return Err(RecordError::Newer),
                Ok(Line::Head(head)) => record.queue = Some(head.queue),
                Ok(Line::Entry(entry)) => drop(record.entries.insert(entry.name.clone(), entry)),
                Ok(Line::Gone(Gone { gone })) => drop(record.entries.remove(&gone)),
                Err(_) if is_cut => {}
                Err(_) => return Err(RecordError::Damaged(record.lines)),
            }
        }
        Ok(record)
    }

    /// Whether it is better written again: much of it is of no use, or its end is not whole.
    pub(super) fn wants_rewriting(&self) -> bool {
        !self.is_whole || self.lines > 2 * self.entries.len() + 64
    }

    /// Adds entries; the lines that say so.
    pub(super) fn add(&mut self, entries: Vec<Entry>) -> String {
        let lines: String = entries.iter().map(line).collect();
        self.lines += entries.len();
        self.entries.extend(entries.into_iter().map(|entry| (entry.name.clone(), entry)));
        lines
    }

    /// Takes an entry out; the line that says so.
    pub(super) fn take_out(&mut self, name: &str) -> String {
        self.lines += 1;
        self.entries.remove(name);
        line(&Gone { gone: name.to_owned() })
    }

    /// The whole of it, for a place that `queue` fills.
    pub(super) fn written(&self, queue: &str) -> Vec<u8> {
        let head = line(&Head { tryon_publish: VERSION, queue: queue.to_owned() });
        let entries = self.entries.values().map(line);
        std::iter::once(head).chain(entries).collect::<String>().into_bytes()
    }
}

/// Texts and numbers alone: there is nothing that could fail.
fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, image: &str) -> Entry {
        let text = str::to_owned;
        Entry {
            name: text(name),
            job: text("a"),
            image: text(image),
            treatment: text("t"),
            sha256: text("s"),
            bytes: 7,
        }
    }

    #[test]
    fn the_last_line_of_a_name_counts_and_what_is_written_is_read() {
        let mut record = Record::read(b"").expect("empty");
        let mut content = record.written("q1");
        content.extend(record.add(vec![entry("a.jpg", "1"), entry("b.jpg", "2")]).into_bytes());
        content.extend(record.add(vec![entry("a.jpg", "3")]).into_bytes());
        content.extend(record.take_out("b.jpg").into_bytes());
        let read = Record::read(&content).expect("read");
        assert_eq!((read.queue.as_deref(), &read.entries), (Some("q1"), &record.entries));
        assert_eq!(read.entries.values().collect::<Vec<_>>(), [&entry("a.jpg", "3")]);
        assert_eq!(Record::read(&read.written("q1")).expect("read").entries, read.entries);
    }

    #[test]
    fn a_line_that_was_cut_off_is_passed_over_at_the_end_and_nowhere_else() {
        let mut record = Record::default();
        let lines = record.add(vec![entry("a.jpg", "1"), entry("b.jpg", "2")]);
        let cut = Record::read(&lines.as_bytes()[..lines.len() - 9]).expect("read");
        assert_eq!((cut.entries.len(), cut.wants_rewriting()), (1, true));
        let damaged = lines.replacen("\"name\"", "\"nam", 1);
        assert_eq!(Record::read(damaged.as_bytes()), Err(RecordError::Damaged(1)));
        assert_eq!(Record::read(b"{\"tryon_publish\":2,\"queue\":\"q\"}\n"), Err(RecordError::Newer));
    }
}
