//! `--encoding`: the encoding of the texts that are handed in.

use std::fmt;
use std::str::FromStr;

use encoding_rs::{Encoding, REPLACEMENT, X_USER_DEFINED};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// An encoding by its usual name, e.g. `gb18030`, or by what Windows calls it, e.g. `cp936`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextEncoding(&'static Encoding);

/// Names that people use and that the Encoding Standard does not list.
const OTHER_NAMES: [(&str, &str); 8] = [
    ("cp936", "gbk"),
    ("936", "gbk"),
    ("gb-18030", "gb18030"),
    ("cp950", "big5"),
    ("cp932", "shift_jis"),
    ("cp949", "euc-kr"),
    ("utf-8-sig", "utf-8"),
    ("utf-16-le", "utf-16le"),
];

impl TextEncoding {
    /// The encoding itself.
    #[must_use]
    pub fn encoding(self) -> &'static Encoding {
        self.0
    }
}

impl FromStr for TextEncoding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim().to_ascii_lowercase();
        let name = OTHER_NAMES.iter().find(|(other, _)| *other == name).map_or(name.as_str(), |(_, usual)| usual);
        let known = Encoding::for_label(name.as_bytes()).filter(|known| ![REPLACEMENT, X_USER_DEFINED].contains(known));
        known.map(Self).ok_or_else(|| {
            format!(
                "`{text}` is no encoding known here; write for example utf-8, gb18030, big5, shift_jis, euc-kr, \
                 windows-1252 or utf-16le"
            )
        })
    }
}

/// As it can be written again.
impl fmt::Display for TextEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name().to_ascii_lowercase())
    }
}

impl<'de> Deserialize<'de> for TextEncoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_has_many_names_and_is_written_by_one() {
        for (text, name) in [
            ("GB18030", "gb18030"),
            ("gb2312", "gbk"),
            ("cp936", "gbk"),
            ("Big5", "big5"),
            ("SJIS", "shift_jis"),
            ("latin1", "windows-1252"),
            ("cp1250", "windows-1250"),
            ("utf8", "utf-8"),
            ("UTF-16", "utf-16le"),
            (" cp949 ", "euc-kr"),
        ] {
            let encoding: TextEncoding = text.parse().expect(text);
            assert_eq!(encoding.to_string(), name);
            assert_eq!(name.parse(), Ok(encoding), "{name} is read again");
        }
        for text in ["", "ebcdic", "hz-gb-2312", "x-user-defined", "iso-2022-cn"] {
            assert!(text.parse::<TextEncoding>().expect_err(text).contains("gb18030"), "{text}");
        }
    }
}
