//! The name that a shop gives an account at a provider.

use std::fmt;

/// An account's name, as `tryon.toml` has it. It is told in reports and remembered with every attempt, so that a task is asked
/// for where it was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(String);

/// A text that is no account's name. The wording completes "name: …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name for an account: give 1 to {most} letters, digits, `-`, `_` or `.`", most = AccountName::MOST_CHARACTERS)]
pub struct NoAccountName(String);

impl AccountName {
    /// The longest name, in characters.
    pub const MOST_CHARACTERS: usize = 40;

    /// Checks a name: it is shown in lines, tables and file-like places, so it is one word.
    ///
    /// # Errors
    /// It is empty, too long, or has other characters than letters and digits of any script, `-`, `_` and `.`.
    pub fn parse(text: &str) -> Result<Self, NoAccountName> {
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let length = text.chars().count();
        if (1..=Self::MOST_CHARACTERS).contains(&length) && text.chars().all(is_plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoAccountName(super::clean_text(text)))
        }
    }

    /// Wraps a name that was checked when it was stored.
    pub(crate) fn trusted(text: String) -> Self {
        Self(text)
    }

    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_of_any_script() {
        for name in ["main", "kling-2", "主账号", "a.b_c", &"x".repeat(40)] {
            assert_eq!(AccountName::parse(name).expect(name).as_str(), name);
        }
        for text in ["", "two words", "a/b", "a\nb", "a,b", "\u{202e}x", &"x".repeat(41)] {
            let error = AccountName::parse(text).expect_err(text).to_string();
            assert!(error.contains("is no name for an account"), "{error}");
        }
    }
}
