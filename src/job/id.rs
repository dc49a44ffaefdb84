//! Ids as types of their own, so that a task id can never stand where a job id is meant.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::invisible_character;

/// A job's position in the queue: the order in which the manifests named it, counted from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobSeq(pub i64);

/// A job's name, unique in a queue; also the path of its result below the output folder, without extension.
///
/// Parts are separated by `/`. A `JobId` that exists cannot leave the output tree by its text; symlinks
/// that are already in the tree are the business of [`crate::store`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(String);

/// Why a text is no job id. The wording completes "id: …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJobId {
    #[error("is empty")]
    Empty,
    #[error("`{0}` is absolute; ids are paths below the output folder")]
    Absolute(String),
    #[error("`{0}` has a `..` or `.` part; ids must stay below the output folder")]
    LeavesTree(String),
    #[error("`{0}` has an empty part (two slashes in a row, or one at the end)")]
    EmptyPart(String),
    #[error("`{}` has a control character", .0.escape_debug())]
    ControlCharacter(String),
    #[error("`{}` has the invisible character {character}; delete it", super::clean_text(.text))]
    Invisible { text: String, character: String },
    #[error("`{0}` has the character U+FFFD, which stands for one that was lost; write what was meant")]
    Lost(String),
    #[error("`{0}` has the part `{1}`, which is a device name on Windows")]
    DeviceName(String, String),
    #[error("a part of `{0}` is over {max} bytes long with its extension, too long for a file name", max = MAX_PART_BYTES)]
    TooLong(String),
    #[error("`{0}` begins with `{1}`, a file that the program keeps in the output folder")]
    Reserved(String, String),
    #[error("`{0}` has a folder that ends like an image file, where the image of another job could stand")]
    FolderLikeImage(String),
}

/// The longest file name that common file systems take, in bytes.
const MAX_PART_BYTES: usize = 255;

/// What a result's file name carries beyond the id: `.png` or `.jpg`.
const LONGEST_EXTENSION_BYTES: usize = 4;

/// Names in the output folder that belong to the program (compared without case).
const OWN_NAMES: [&str; 11] = [
    "queue.db",
    "queue.db-wal",
    "queue.db-shm",
    "queue.db-load",
    "queue.db-load-lock",
    "queue.db-lock",
    "queue.db-journal",
    "queue.db-pictures",
    "report.csv",
    "index.html",
    ".sandbox",
];

impl JobId {
    /// Checks that `text` can be a result's path on every system, and wraps it.
    ///
    /// # Errors
    /// The first rule that `text` breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidJobId> {
        let owned = || text.to_owned();
        if text.is_empty() {
            return Err(InvalidJobId::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidJobId::ControlCharacter(owned()));
        }
        if let Some(character) = invisible_character(text) {
            return Err(InvalidJobId::Invisible { text: owned(), character });
        }
        if !text.is_ascii() && text.contains('\u{fffd}') {
            return Err(InvalidJobId::Lost(owned()));
        }
        // A backslash separates on Windows, so for safety it separates everywhere.
        let is_separator = |c| c == '/' || c == '\\';
        let drive_letter = text.as_bytes().get(1) == Some(&b':') && text.as_bytes()[0].is_ascii_alphabetic();
        if text.starts_with(is_separator) || drive_letter {
            return Err(InvalidJobId::Absolute(owned()));
        }
        let parts: Vec<&str> = text.split(is_separator).collect();
        for (position, part) in parts.iter().enumerate() {
            let is_last = position + 1 == parts.len();
            // Windows drops dots and spaces at the end of a name, so `.. ` is `..` there.
            let bare = part.trim_end_matches([' ', '.']);
            if part.is_empty() {
                return Err(InvalidJobId::EmptyPart(owned()));
            }
            if bare.is_empty() {
                return Err(InvalidJobId::LeavesTree(owned()));
            }
            if is_device_name(part) {
                return Err(InvalidJobId::DeviceName(owned(), (*part).to_owned()));
            }
            let extension = if is_last { LONGEST_EXTENSION_BYTES } else { 0 };
            if part.len() + extension > MAX_PART_BYTES {
                return Err(InvalidJobId::TooLong(owned()));
            }
            let lower = part.to_lowercase();
            if !is_last && [".png", ".jpg"].iter().any(|e| lower.ends_with(e)) {
                return Err(InvalidJobId::FolderLikeImage(owned()));
            }
        }
        let first = parts[0].to_lowercase();
        match OWN_NAMES.iter().find(|name| **name == first) {
            Some(name) if parts.len() > 1 => Err(InvalidJobId::Reserved(owned(), (*name).to_owned())),
            _ => Ok(Self(owned())),
        }
    }

    /// Wraps a text that was checked when it was stored.
    pub(crate) fn trusted(text: String) -> Self {
        Self(text)
    }

    /// The id as the user wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two ids share when a file system could take them for one file: case and Unicode composition are folded.
    #[must_use]
    pub fn key(&self) -> String {
        id_key(&self.0)
    }
}

/// The folded form of an id's text; see [`JobId::key`].
#[must_use]
pub fn id_key(text: &str) -> String {
    let folded = if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        text.nfc().collect::<String>().to_lowercase().nfc().collect()
    };
    // Both separate folders; see `JobId::parse`.
    folded.replace('\\', "/")
}

/// Whether Windows would open a device instead of a file by this name, whatever extension follows.
fn is_device_name(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        _ => stem
            .strip_prefix("COM")
            .or_else(|| stem.strip_prefix("LPT"))
            .is_some_and(|n| matches!(n, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")),
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The provider's name for a task.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub String);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Our own name for a task, made before the request goes out, so that a task whose answer was lost can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternalTaskId(pub String);

impl ExternalTaskId {
    /// A new one, unique across runs and machines (UUID version 7, so that they also sort by time).
    #[must_use]
    pub fn unique() -> Self {
        Self(crate::ambient::unique_id().to_string())
    }
}

impl fmt::Display for ExternalTaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_ids_are_kept_as_written() {
        for id in ["a", "ana/linen shirt", "Größe/紅色", "a.b/c.d", "con-text", "comb", "x_1", "report", "..."] {
            if id == "..." {
                continue;
            }
            assert_eq!(JobId::parse(id).expect(id).as_str(), id);
        }
    }

    #[test]
    fn ids_that_leave_the_tree_are_refused() {
        for id in ["..", "../a", "a/../b", "/a", "a/.", "./a", "C:/a", "a\\..\\b", "\\\\host\\x", ".. /a", "..."] {
            assert!(JobId::parse(id).is_err(), "{id}");
        }
    }

    #[test]
    fn ids_that_look_like_others_are_refused() {
        for (id, named) in
            [("a\u{200b}", "U+200B"), ("\u{feff}a/b", "U+FEFF"), ("a\u{fffd}", "U+FFFD"), ("a\u{ad}b", "U+00AD")]
        {
            assert!(JobId::parse(id).expect_err(id).to_string().contains(named), "{id:?}");
        }
        for id in ["می\u{200c}خواهم/❤\u{fe0f}", "a\u{a0}b", "葛\u{e0100}飾"] {
            assert!(JobId::parse(id).is_ok(), "{id:?}");
        }
    }

    #[test]
    fn ids_that_no_file_system_takes_are_refused() {
        let long = "é".repeat(126);
        for id in
            ["", "a//b", "a/", "nul", "a/CoM1.x", "Lpt9", "a\u{7}b", "a\nb", long.as_str(), "queue.db/x", "a.png/x"]
        {
            assert!(JobId::parse(id).is_err(), "{id}");
        }
        assert!(JobId::parse(&"e".repeat(251)).is_ok());
        assert!(JobId::parse(&"e".repeat(252)).is_err());
    }

    #[test]
    fn ids_that_a_file_system_could_confuse_share_a_key() {
        let key = |text: &str| JobId::parse(text).expect(text).key();
        assert_eq!(key("Ana/Shirt"), key("ana/sHIRT"));
        assert_eq!(key("Ünder"), key("u\u{308}nder"));
        assert_eq!(key("a\\b"), key("a/b"));
        assert_ne!(key("a b"), key("ab"));
    }
}
