//! What the pages say in another language: one table for the page in a file and for the live one, with the English text as
//! the key.
//!
//! Numbers in a text are one `#` each in the table, so that `16 jobs failed` is found under `# jobs failed`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The table as the pages' scripts read it: an object of English texts and Chinese ones.
pub(super) const CHINESE_TABLE: &str = include_str!("../../templates/report/chinese.json");

static CHINESE: LazyLock<HashMap<&str, &str>> =
    LazyLock::new(|| serde_json::from_str(CHINESE_TABLE).unwrap_or_default());

/// A language that the pages speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    English,
    Chinese,
}

impl Language {
    /// The one that an `Accept-Language` asks for most; English where it asks for neither.
    #[must_use]
    pub fn wanted(accept_language: &str) -> Self {
        let ranked = accept_language.split(',').filter_map(|range| {
            let (tag, rank) = range.split_once(';').unwrap_or((range, ""));
            let rank = rank.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>).ok()?;
            let language = match tag.trim().split('-').next()?.to_ascii_lowercase().as_str() {
                "zh" => Self::Chinese,
                "en" => Self::English,
                _ => return None,
            };
            (rank > 0.0).then_some((rank, language))
        });
        // The first of those that are wanted most.
        let most = ranked.reduce(|best, next| if next.0 > best.0 { next } else { best });
        most.map_or(Self::English, |(_, language)| language)
    }

    /// The tag for a page's `lang`.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// A text without numbers in this language; as it is where the table does not have it.
    #[must_use]
    pub fn says(self, english: &str) -> Cow<'_, str> {
        let translated = (self == Self::Chinese).then(|| CHINESE.get(english)).flatten();
        translated.map_or_else(|| english.to_owned().into(), |text| (*text).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_is_wanted_most_is_spoken() {
        for (header, language) in [
            ("", Language::English),
            ("de-DE,de;q=0.9", Language::English),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Chinese),
            ("en-GB,en;q=0.9,zh;q=0.8", Language::English),
            ("de,zh;q=0.5,en;q=0.4", Language::Chinese),
            ("ZH-hant", Language::Chinese),
            ("zh;q=0, en;q=0.1", Language::English),
        ] {
            assert_eq!(Language::wanted(header), language, "{header}");
        }
    }

    #[test]
    fn the_table_is_whole_and_every_text_has_the_numbers_of_its_key() {
        assert!(CHINESE.len() > 100, "{}", CHINESE.len());
        for (english, chinese) in CHINESE.iter() {
            assert!(!chinese.trim().is_empty(), "{english}");
            assert_eq!(english.matches('#').count(), chinese.matches('#').count(), "{english}: {chinese}");
        }
        assert_eq!(Language::Chinese.says("Approve"), "通过");
        assert_eq!(Language::English.says("Approve"), "Approve");
        assert_eq!(Language::Chinese.says("no such text"), "no such text");
    }
}
