//! The settings as a list of options and values, for `tryon config`.

use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::values::{Concurrency, Span};
use super::{Callback, Settings};

impl Settings {
    /// Every option of `run` by its name, with its value as it can stand in a settings file; null where nothing is
    /// in force.
    #[must_use]
    pub fn in_force(&self) -> Vec<(&'static str, Value)> {
        // Named one by one, so that a setting without a line here does not compile.
        let Self {
            provider,
            base_url,
            sandbox,
            model,
            concurrency,
            rate,
            poll_rate,
            poll_interval,
            download_concurrency,
            callback,
            max_attempts,
            task_timeout,
            request_timeout,
            budget,
            price,
            dedupe,
            allow_repeats,
            in_doubt,
            max_in_doubt,
            doubt_age,
            skip_invalid,
            encoding,
            fit_images,
            min_result_px,
            strict,
        } = self;
        let (callback_url, callback_listen) = callback.as_ref().map(|Callback { url, listen }| (url, listen)).unzip();
        vec![
            ("provider", word(provider)),
            ("base-url", json!(base_url)),
            ("sandbox", json!(sandbox)),
            ("model", json!(model.as_str())),
            ("concurrency", slots(*concurrency)),
            ("rate", number(*rate)),
            ("poll-rate", number(*poll_rate)),
            ("poll-interval", span(*poll_interval)),
            ("download-concurrency", json!(download_concurrency)),
            ("callback-url", json!(callback_url.map(url::Url::as_str))),
            ("callback-listen", json!(callback_listen)),
            ("max-attempts", json!(max_attempts)),
            ("task-timeout", span(*task_timeout)),
            ("request-timeout", span(*request_timeout)),
            ("budget", json!(budget)),
            ("price", price.map_or(Value::Null, number)),
            ("dedupe", json!(dedupe)),
            ("allow-repeats", json!(allow_repeats)),
            ("in-doubt", word(in_doubt)),
            ("max-in-doubt", json!(max_in_doubt)),
            ("doubt-age", span(*doubt_age)),
            ("skip-invalid", json!(skip_invalid)),
            ("encoding", json!(encoding.map(|encoding| encoding.to_string()))),
            ("fit-images", json!(fit_images)),
            ("min-result-px", json!(min_result_px)),
            ("strict", json!(strict)),
        ]
    }
}

fn word(choice: &impl ValueEnum) -> Value {
    choice.to_possible_value().map_or(Value::Null, |word| json!(word.get_name()))
}

fn slots(concurrency: Concurrency) -> Value {
    concurrency.fixed().map_or_else(|| json!(concurrency.to_string()), |slots| json!(slots))
}

fn span(length: Duration) -> Value {
    json!(Span::from(length).to_string())
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
    use super::*;
    use crate::settings::Options;

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
