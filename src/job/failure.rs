//! Why a job has failed, in a form that reports, retries and people can use.

use std::borrow::Cow;
use std::fmt;

/// At which step a job failed for good. It decides what a retry by hand does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The provider would not take the request; nothing was created.
    Refused,
    /// The provider made a task, and the task failed.
    Task,
    /// The task succeeded without an image. It was paid for, and is not submitted again by itself.
    NoImage,
    /// The image exists at the provider and could not be fetched. A retry fetches again and pays nothing.
    Download,
    /// The job's own input was at fault (a picture that vanished, say); nothing was sent.
    InvalidInput,
}

impl FailureKind {
    /// Every kind, for tables and tests.
    pub const ALL: [Self; 5] = [Self::Refused, Self::Task, Self::NoImage, Self::Download, Self::InvalidInput];

    /// The word that is in `error_code` where the provider gave no code, and in the queue.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Task => "task_failed",
            Self::NoImage => "no_image",
            Self::Download => "download",
            Self::InvalidInput => "invalid_input",
        }
    }

    /// The kind that [`Self::word`] names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// The recorded reason of a job in state `failed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// At which step.
    pub kind: FailureKind,
    /// The provider's code where it gave one, else [`FailureKind::word`].
    pub code: String,
    /// What happened, for a person; without control characters.
    pub message: String,
}

impl Failure {
    /// A failure without a provider's code.
    #[must_use]
    pub fn of(kind: FailureKind, message: &str) -> Self {
        Self { kind, code: kind.word().to_owned(), message: clean_text(message) }
    }

    /// A failure that carries the provider's own code.
    #[must_use]
    pub fn with_code(kind: FailureKind, code: Option<i64>, message: &str) -> Self {
        // 0 is the code of success, and says nothing of a failure.
        let code = code.filter(|code| *code != 0).map_or_else(|| kind.word().to_owned(), |code| code.to_string());
        Self { kind, code, message: clean_text(message) }
    }

    /// What failures have in common that are counted, shown and retried together; see [`reason_of`].
    #[must_use]
    pub fn reason(&self) -> Cow<'_, str> {
        reason_of(&self.code, &self.message)
    }
}

/// The reason that a failure of this code and message shares with others: `1301: content safety`.
///
/// What we say ourselves about a picture names its file or address, so that no two messages are the same; there the
/// code alone is the reason.
#[must_use]
pub fn reason_of<'a>(code: &'a str, message: &str) -> Cow<'a, str> {
    match FailureKind::from_word(code) {
        Some(FailureKind::InvalidInput | FailureKind::Download) => code.into(),
        _ => format!("{code}: {message}").into(),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// The longest text that is kept of what others say, in characters.
const MAX_TEXT_CHARS: usize = 500;

/// Foreign text made fit for a terminal and a table: one line, no control or direction-changing characters, bounded.
/// Spaces stay as many as they are, so that a path in a message is the path of the file.
#[must_use]
pub fn clean_text(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut clean = String::new();
    let mut kept_chars = 0;
    let mut gap = String::new();
    for c in text.chars().take(MAX_TEXT_CHARS * 8) {
        if is_hidden(c) || c.is_whitespace() {
            gap.push(c);
            continue;
        }
        // Line ends, and the indentation around them, are one space.
        let gap_shown = if gap.chars().any(is_hidden) { " " } else { &gap };
        let gap_shown = if kept_chars > 0 { gap_shown } else { "" };
        for c in gap_shown.chars().chain([c]) {
            if kept_chars >= MAX_TEXT_CHARS {
                clean.push('…');
                return clean;
            }
            clean.push(c);
            kept_chars += 1;
        }
        gap.clear();
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_kept_without_what_a_terminal_would_obey() {
        assert_eq!(clean_text("no\r\n human\u{1b}[31m\t in \u{202e}it "), "no human [31m in it");
        assert_eq!(clean_text(" {\n    \"code\":  1303\n} "), "{ \"code\":  1303 }");
        assert_eq!(clean_text("&\u{2028}\u{200b}"), "&");
        assert_eq!(
            clean_text("no such file (/shop/two  spaces/\u{3000}a.png)"),
            "no such file (/shop/two  spaces/\u{3000}a.png)"
        );
        assert_eq!(clean_text(&"é".repeat(2_000)).chars().count(), MAX_TEXT_CHARS + 1);
    }

    #[test]
    fn every_kind_is_found_again_by_its_word() {
        for kind in FailureKind::ALL {
            assert_eq!(FailureKind::from_word(kind.word()), Some(kind));
        }
    }
}
