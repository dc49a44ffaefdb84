//! The settings that are more than one option with its default: what is checked, or follows from several.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::job::{Keep, ModelName, ObjectUrl, is_on_this_network};

use super::values::{ListenAddress, ProviderName, Span};
use super::{Options, Settings, SettingsError};

/// dmxapi's usual address.
pub const DMXAPI_URL: &str = "https://www.dmxapi.cn/kling";

/// Kling's own address outside China.
pub const KLING_URL: &str = "https://api-singapore.klingai.com";

/// How the provider can tell that a task has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// What the provider is told to call; the listener adds a path of its own.
    pub url: Url,
    /// Where this machine listens for it.
    pub listen: SocketAddr,
}

impl Settings {
    /// Being told by the provider, if that was asked for.
    #[must_use]
    pub fn callback(&self) -> Option<Callback> {
        let (url, listen) = self.callback_url.clone().zip(self.callback_listen)?;
        Some(Callback { url, listen })
    }

    /// Whether local pictures can be linked to, for models that take URLs only: from a bucket, or by the stand-in, which
    /// serves them itself.
    #[must_use]
    pub fn links_local_pictures(&self) -> bool {
        self.sandbox || self.upload_to.is_some()
    }

    /// What is to stay as it is in the pictures of people whose rows do not say.
    #[must_use]
    pub fn keep(&self) -> Keep {
        Keep { face: self.keep_face, pose: self.keep_pose, background: self.keep_background }
    }

    /// The base URL, where it is not the provider's usual one, nor the sandbox's.
    #[must_use]
    pub fn unusual_base_url(&self) -> Option<&str> {
        let is_usual = self.sandbox || self.base_url == usual_url(self.provider);
        (!is_usual).then_some(&self.base_url)
    }
}

pub(super) fn usual_url(provider: ProviderName) -> &'static str {
    match provider {
        ProviderName::Dmxapi => DMXAPI_URL,
        ProviderName::Kling => KLING_URL,
    }
}

fn wrong(option: &'static str, why: impl Into<String>) -> SettingsError {
    SettingsError::Value { option, why: why.into() }
}

pub(super) fn model(options: &Options) -> Result<ModelName, SettingsError> {
    match &options.model {
        Some(name) => {
            let model = ModelName::parse(name).map_err(|error| wrong("model", error.to_string()))?;
            match no_solutions(options).filter(|_| model.is_of_solutions()) {
                Some(why) => Err(wrong("model", why)),
                None => Ok(model),
            }
        }
        None => Ok(ModelName::default()),
    }
}

/// Why try-on 3.0 cannot be asked for, if it cannot.
pub(super) fn no_solutions(options: &Options) -> Option<&'static str> {
    let tables = options.account.as_deref().unwrap_or_default();
    let is_there = match tables {
        _ if options.sandbox == Some(true) => true,
        [] => options.provider == Some(ProviderName::Kling),
        tables => tables.iter().any(|table| table.provider.or(options.provider) == Some(ProviderName::Kling)),
    };
    (!is_there).then_some(
        "virtual-try-on-3 is at Kling itself; add --provider kling, or --sandbox to try it without an account",
    )
}

/// Whether all accounts can fetch what only this network knows.
pub(super) fn provider_shares_network(options: &Options) -> bool {
    if options.sandbox == Some(true) {
        return true;
    }
    match options.account.as_deref().unwrap_or_default() {
        [] => options.base_url.as_deref().is_some_and(is_near),
        tables => tables.iter().all(|table| table.base_url.as_deref().is_some_and(is_near)),
    }
}

/// Whether a base URL is on this machine or its network; a provider's usual one is not.
pub(super) fn is_near(base_url: &str) -> bool {
    Url::parse(base_url).is_ok_and(|url| is_on_this_network(&url))
}

/// The address that was named, or the usual one of the provider.
pub(super) fn base_url(options: &Options) -> Result<String, SettingsError> {
    let provider = options.provider.unwrap_or(ProviderName::Dmxapi);
    let base_url = options.base_url.clone().unwrap_or_else(|| usual_url(provider).to_owned());
    check_base_url(&base_url).map_err(|why| wrong("base-url", why))?;
    Ok(base_url)
}

/// A bucket, and a prefix in it.
pub(super) fn upload_to(options: &Options) -> Result<Option<ObjectUrl>, SettingsError> {
    let Some(text) = &options.upload_to else { return Ok(None) };
    match ObjectUrl::parse(text) {
        Some(url) => url.map(Some).map_err(|error| wrong("upload-to", error.to_string())),
        None => Err(wrong("upload-to", format!("`{text}` is no bucket; write it like s3://bucket/prefix"))),
    }
}

/// The folder, wherever the program works.
pub(super) fn inputs(options: &Options) -> Result<Option<PathBuf>, SettingsError> {
    let Some(folder) = &options.inputs else { return Ok(None) };
    if !folder.is_dir() {
        return Err(wrong("inputs", format!("`{}` is no folder on this host", folder.display())));
    }
    std::path::absolute(folder).map(Some).map_err(|error| wrong("inputs", error.to_string()))
}

/// A command without words is none.
#[expect(clippy::unnecessary_wraps, reason = "as the others")]
pub(super) fn host(options: &Options) -> Result<Option<String>, SettingsError> {
    Ok(options.host.clone())
}

/// A host is heard of every other second, and a lease that is hardly longer would end by a hiccup.
const SHORTEST_LEASE: Duration = Duration::from_secs(2);

pub(super) fn lease(options: &Options) -> Result<Duration, SettingsError> {
    let lease = options.lease.map_or(Duration::from_secs(30), Span::duration);
    if lease < SHORTEST_LEASE {
        return Err(wrong("lease", "is too short: at least 2s".to_owned()));
    }
    Ok(lease)
}

pub(super) fn on_end(options: &Options) -> Result<Option<String>, SettingsError> {
    Ok(options.on_end.clone().filter(|command| !command.trim().is_empty()))
}

/// An address that the provider can reach needs a listener behind it.
pub(super) fn callback_url(options: &Options) -> Result<Option<Url>, SettingsError> {
    let Some(text) = &options.callback_url else { return Ok(None) };
    if options.callback_listen.is_none() {
        return Err(wrong(
            "callback-url",
            "needs --callback-listen ADDR too, the address on this machine where the provider's calls arrive, \
             e.g. --callback-listen 0.0.0.0:8080",
        ));
    }
    web_address(text).map(Some).map_err(|why| wrong("callback-url", why))
}

/// A listener needs an address by which the provider reaches it.
pub(super) fn callback_listen(options: &Options) -> Result<Option<SocketAddr>, SettingsError> {
    if options.callback_listen.is_some() && options.callback_url.is_none() {
        return Err(wrong(
            "callback-listen",
            "needs --callback-url URL too, the address by which the provider reaches this machine, \
             e.g. --callback-url https://shop.example:8080",
        ));
    }
    Ok(options.callback_listen.map(ListenAddress::address))
}

/// A base URL is http(s), has a host, and carries no secret and no query.
pub(super) fn check_base_url(text: &str) -> Result<(), String> {
    let url = web_address(text)?;
    if url.query().is_some() {
        return Err(format!("`{text}` must end with its path, without `?` or `#`"));
    }
    Ok(())
}

/// An address is http(s), has a host, and carries neither a secret nor a fragment.
fn web_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{text}` is not http(s)"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "a URL must not carry a name or a password; keys are taken from the environment or from a file".to_owned()
        );
    }
    if url.fragment().is_some() {
        return Err(format!("`{text}` must end with its path, without `#`"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::{Concurrency, InDoubt};

    #[test]
    fn the_defaults_are_the_contracts() {
        let settings = Settings::resolve(&Options::default()).expect("defaults");
        assert_eq!(settings.model.as_str(), "kolors-virtual-try-on-v1");
        assert_eq!(settings.concurrency, Concurrency::Auto);
        assert_eq!((settings.rate, settings.poll_rate), (None, None), "the pace finds itself");
        assert_eq!(settings.poll_interval, Duration::from_secs(1));
        assert_eq!(settings.download_concurrency.get(), 8);
        assert_eq!(settings.max_attempts.get(), 5);
        assert_eq!(settings.task_timeout, Duration::from_secs(1_800));
        assert_eq!(settings.request_timeout, Duration::from_secs(120));
        assert_eq!((settings.budget, settings.in_doubt), (None, InDoubt::Hold));
        assert_eq!((settings.max_in_doubt.get(), settings.doubt_age), (50, Duration::from_secs(120)));
        assert_eq!((settings.callback(), settings.price), (None, None));
        assert!(!settings.skip_invalid && !settings.fit_images && !settings.dedupe && !settings.sandbox);
        assert_eq!((settings.min_result_px, settings.strict), (300, false));
    }

    #[test]
    fn a_file_speaks_where_the_command_line_is_silent() {
        let file = "poll-interval = \"250ms\"\nrate = 2\nsandbox = true\nout = \"results\"\nfit-images = true";
        let file: Options = toml::from_str(file).expect("TOML");
        let flags = Options { rate: "9".parse().ok(), ..Options::default() };
        let settings = Settings::resolve(&flags.or(file)).expect("settings");
        assert_eq!((settings.rate, settings.poll_interval), (Some(9.0), Duration::from_millis(250)));
        assert!(settings.sandbox && settings.fit_images);
    }

    #[test]
    fn addresses_that_make_no_sense_or_carry_secrets_are_refused() {
        for url in ["dmxapi.cn", "ftp://h/", "https://user:pw@h/", "https://h/?k=1", "https://h/#a", ""] {
            let options = Options { base_url: Some(url.to_owned()), ..Options::default() };
            let error = Settings::resolve(&options).expect_err(url).to_string();
            assert!(error.starts_with("--base-url: ") && !error.contains("pw"), "{error}");
        }
    }

    #[test]
    fn callbacks_need_an_address_outside_and_one_inside() {
        let callback = |url: Option<&str>, listen: Option<&str>| {
            let url = url.map(str::to_owned);
            let listen = listen.map(|text| text.parse().expect("an address"));
            let options = Options { callback_url: url, callback_listen: listen, ..Options::default() };
            Settings::resolve(&options).map(|settings| settings.callback()).map_err(|error| error.to_string())
        };
        let both = callback(Some("https://shop.example/hook?a=1"), Some("0.0.0.0:8080")).expect("fine").expect("some");
        assert_eq!((both.url.as_str(), both.listen.port()), ("https://shop.example/hook?a=1", 8080));
        assert!(callback(Some("https://shop.example"), None).expect_err("half").contains("--callback-listen ADDR"));
        assert!(callback(None, Some("0.0.0.0:8080")).expect_err("half").contains("--callback-url URL"));
        for url in ["shop.example", "ftp://shop.example", "https://a:b@shop.example", "https://shop.example/#x"] {
            let error = callback(Some(url), Some("0.0.0.0:8080")).expect_err(url);
            assert!(error.starts_with("--callback-url: "), "{error}");
        }
    }
}
