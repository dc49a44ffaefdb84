//! The settings file, `tryon.toml`.

use std::path::Path;

use super::{Options, SettingsError};

/// The file that is read from the working directory when none is named.
pub const DEFAULT_FILE: &str = "tryon.toml";

impl Options {
    /// Reads the settings file: the named one, which must exist, or `tryon.toml` if there is one.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, or has a key that is no option.
    pub fn from_file(named: Option<&Path>) -> Result<Self, SettingsError> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => return Ok(Self::default()),
            Err(source) => return Err(SettingsError::File { path: path.to_owned(), source }),
        };
        toml::from_str(&text)
            .map_err(|error| SettingsError::Syntax { path: path.to_owned(), why: error.to_string().trim().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_toml(text: &str) -> Result<Options, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn a_key_that_is_no_option_is_refused_and_so_is_a_secret() {
        for text in ["poll-intervall = \"1s\"", "api-key = \"sk\"", "rate = 0", "rate = \"fast\"", "poll-interval = 1"]
        {
            assert!(from_toml(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_and_words_are_taken_where_both_make_sense() {
        let options = from_toml("concurrency = 12\nprice = 2\ncallback-listen = \"0.0.0.0:8080\"").expect("TOML");
        assert_eq!(options.concurrency, "12".parse().ok());
        assert_eq!(options.price, "2".parse().ok());
        assert_eq!(options.callback_listen, "0.0.0.0:8080".parse().ok());
        assert_eq!(from_toml("concurrency = \"auto\"").expect("TOML").concurrency, "auto".parse().ok());
        for text in ["concurrency = 0", "concurrency = -1", "concurrency = 2.5", "concurrency = \"many\"", "price = -1"]
        {
            assert!(from_toml(text).is_err(), "{text}");
        }
    }
}
