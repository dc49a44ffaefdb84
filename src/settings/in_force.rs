//! Values as they can be written into a settings file, for `tryon config`.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};
use url::Url;

use crate::job::{ModelName, ObjectUrl};

use super::text_encoding::TextEncoding;
use super::values::{Concurrency, InDoubt, ProviderName, Span};

/// A value that can be in force.
pub(super) trait InForce {
    /// As it can be written in a settings file; null where nothing is in force.
    fn in_force(&self) -> Value;
}

/// Values that JSON writes as a settings file does.
macro_rules! written_as_they_are {
    ($($type:ty),*) => {
        $(impl InForce for $type {
            fn in_force(&self) -> Value {
                json!(self)
            }
        })*
    };
}

written_as_they_are!(bool, u32, u64, NonZeroU32, NonZeroUsize, String, Url, SocketAddr);

impl<T: InForce> InForce for Option<T> {
    fn in_force(&self) -> Value {
        self.as_ref().map_or(Value::Null, InForce::in_force)
    }
}

impl InForce for ProviderName {
    fn in_force(&self) -> Value {
        word(self)
    }
}

impl InForce for InDoubt {
    fn in_force(&self) -> Value {
        word(self)
    }
}

impl InForce for Concurrency {
    fn in_force(&self) -> Value {
        self.fixed().map_or_else(|| json!(self.to_string()), |slots| json!(slots))
    }
}

impl InForce for PathBuf {
    fn in_force(&self) -> Value {
        json!(self.to_string_lossy())
    }
}

impl InForce for ObjectUrl {
    fn in_force(&self) -> Value {
        self.to_string().into()
    }
}

impl InForce for ModelName {
    fn in_force(&self) -> Value {
        json!(self.as_str())
    }
}

impl InForce for TextEncoding {
    fn in_force(&self) -> Value {
        json!(self.to_string())
    }
}

impl InForce for Duration {
    fn in_force(&self) -> Value {
        json!(Span::from(*self).to_string())
    }
}

impl InForce for f64 {
    fn in_force(&self) -> Value {
        number(*self)
    }
}

fn word(choice: &impl ValueEnum) -> Value {
    choice.to_possible_value().map_or(Value::Null, |word| json!(word.get_name()))
}

/// A whole number is told without a fraction.
fn number(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "a number that does not survive it is told as it is")]
    let whole = number as i64;
    #[expect(clippy::cast_precision_loss, reason = "compared with what it came from")]
    let is_whole = whole as f64 == number;
    if is_whole { json!(whole) } else { json!(number) }
}

#[cfg(test)]
mod tests {
    use crate::settings::{Options, Settings};

    #[test]
    fn what_is_in_force_can_be_written_into_a_settings_file_and_means_the_same() {
        let text = "provider = \"kling\"\nconcurrency = 7\nrate = 2.5\npoll-interval = \"250ms\"\nbudget = 0\nprice = 0.12\n\
                    in-doubt = \"resubmit\"\nencoding = \"gbk\"\nfit-images = true\ncallback-url = \"https://shop.example/\"\n\
                    callback-listen = \"0.0.0.0:80\"\ntask-timeout = \"1h 30m\"";
        let options: Options = toml::from_str(text).expect("TOML");
        let settings = Settings::resolve(&options).expect("settings");
        let said = settings.in_force().into_iter().filter(|(_, value)| !value.is_null());
        let again: String = said.map(|(key, value)| format!("{key} = {value}\n")).collect();
        let again: Options = toml::from_str(&again).expect("what was written is a settings file");
        assert_eq!(Settings::resolve(&again).expect("settings").in_force(), settings.in_force());
        assert_eq!(options.clone().or(again.clone()), again, "what was said is kept");
    }
}
