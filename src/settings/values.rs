//! The values that options take, read from words and from a settings file alike.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use jiff::SignedDuration;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer};

/// `--provider`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderName {
    /// DMXAPI, a reseller; its key is in `TRYON_API_KEY`.
    Dmxapi,
    /// Kling itself; its keys are in `KLING_ACCESS_KEY` and `KLING_SECRET_KEY`, or in `KLING_API_KEY`.
    Kling,
}

/// `--in-doubt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum InDoubt {
    /// Keep it visible, for you to decide.
    Hold,
    /// Submit it again; it may be paid for twice.
    Resubmit,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// Every line on standard error is a JSON object.
    Json,
}

/// `--concurrency`: how many tasks are in flight at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// As many as the account turns out to allow.
    Auto,
    /// Never more than so many.
    Fixed(NonZeroUsize),
}

impl Concurrency {
    /// The number that was asked for; `None` when it is to be found out.
    #[must_use]
    pub fn fixed(self) -> Option<NonZeroUsize> {
        match self {
            Self::Auto => None,
            Self::Fixed(slots) => Some(slots),
        }
    }

    /// What holds where both are said.
    pub(super) fn and_at_most(self, other: Self) -> Self {
        self.fixed().into_iter().chain(other.fixed()).min().map_or(Self::Auto, Self::Fixed)
    }
}

/// As it can be written again.
impl fmt::Display for Concurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(slots) => slots.fmt(f),
        }
    }
}

impl FromStr for Concurrency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            number => {
                let number = number.parse().map(Self::Fixed);
                number.map_err(|_| format!("`{text}` is neither `auto` nor a whole number from 1"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Concurrency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AutoOrNumber;

        impl Visitor<'_> for AutoOrNumber {
            type Value = Concurrency;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"auto\" or a whole number from 1")
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Concurrency, E> {
                // The words of the number are checked in one place.
                number.to_string().parse().map_err(E::custom)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Concurrency, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(AutoOrNumber)
    }
}

/// A number of things a second, over 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(f64);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number: f64 = text.trim().parse().map_err(|_| format!("`{text}` is no number"))?;
        Self::checked(number)
    }
}

impl Rate {
    /// The number itself.
    #[must_use]
    pub fn per_second(self) -> f64 {
        self.0
    }

    fn checked(number: f64) -> Result<Self, String> {
        if number.is_finite() && (1e-4..=1e6).contains(&number) {
            Ok(Self(number))
        } else {
            Err(format!("{number} is no rate: give a number a second, from 0.0001 to 1000000"))
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::checked(Number::deserialize(deserializer)?.0).map_err(D::Error::custom)
    }
}

/// A length of time as people write it: `1s`, `500ms`, `30m`, `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(Duration);

impl Span {
    /// The length of time itself.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let no_span = || format!("`{text}` is no length of time; write for example 500ms, 1s, 30m or 2h");
        let span: SignedDuration = text.trim().parse().map_err(|_| no_span())?;
        let span = Duration::try_from(span).map_err(|_| no_span())?;
        let longest = Duration::from_secs(366 * 24 * 3_600);
        if span.is_zero() || span > longest { Err(no_span()) } else { Ok(Self(span)) }
    }
}

/// As it can be written again.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The longest span there is fits.
        let span = SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX);
        write!(f, "{span:#}")
    }
}

impl From<Duration> for Span {
    fn from(length: Duration) -> Self {
        Self(length)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Quoted;

        impl Visitor<'_> for Quoted {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time in quotes, for example \"500ms\", \"1s\" or \"30m\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Quoted)
    }
}

/// A number of the settings file, whole or not.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unquoted;

        impl Visitor<'_> for Unquoted {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number without quotes")
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Number, E> {
                #[expect(clippy::cast_precision_loss, reason = "a rate or a price")]
                let number = number as f64;
                Ok(Number(number))
            }
        }

        deserializer.deserialize_f64(Unquoted)
    }
}

/// What one unit costs, in whatever currency the user reckons in; 0 or more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price(f64);

impl Price {
    /// The number itself.
    #[must_use]
    pub fn of_one_unit(self) -> f64 {
        self.0
    }

    fn checked(number: f64) -> Result<Self, String> {
        if number.is_finite() && number >= 0.0 {
            Ok(Self(number))
        } else {
            Err(format!("{number} is no price: give what one unit costs as a number, 0 or more"))
        }
    }
}

impl FromStr for Price {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let no_number = |_| format!("`{text}` is no number; write for example 0.12, without a currency");
        Self::checked(text.trim().parse().map_err(no_number)?)
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::checked(Number::deserialize(deserializer)?.0).map_err(D::Error::custom)
    }
}

/// Where callbacks are listened for: an address of this machine and a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddress(SocketAddr);

impl ListenAddress {
    /// The address itself.
    #[must_use]
    pub fn address(self) -> SocketAddr {
        self.0
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let no_address =
            |_| format!("`{text}` is no address and port; write for example 0.0.0.0:8080 or 127.0.0.1:8080");
        text.trim().parse().map(Self).map_err(no_address)
    }
}

impl<'de> Deserialize<'de> for ListenAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_that_make_no_sense_are_refused() {
        for text in ["0s", "-1s", "soon", "", "5", "400000h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for (text, ms) in [("1s", 1_000), ("500ms", 500), ("1h 30m", 5_400_000), ("2m", 120_000)] {
            let span = Span(Duration::from_millis(ms));
            assert_eq!(text.parse(), Ok(span));
            assert_eq!(span.to_string().parse(), Ok(span), "{text} is written as {span}");
        }
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        for text in ["0", "-1", "inf", "NaN", "x"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        for text in ["-0.01", "inf", "NaN", "", "3 EUR"] {
            assert!(text.parse::<Price>().is_err(), "{text}");
        }
        assert_eq!("0".parse::<Price>().map(Price::of_one_unit), Ok(0.0));
        for text in ["0", "-3", "1.5", "Auto", ""] {
            assert!(text.parse::<Concurrency>().is_err(), "{text}");
        }
        assert_eq!("auto".parse(), Ok(Concurrency::Auto));
        assert_eq!("12".parse::<Concurrency>().map(Concurrency::fixed), Ok(NonZeroUsize::new(12)));
    }

    #[test]
    fn a_port_alone_and_a_name_are_no_place_to_listen() {
        for text in ["8080", ":8080", "localhost:8080", "127.0.0.1", "http://127.0.0.1:8080"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
        assert_eq!("[::1]:9".parse::<ListenAddress>().map(|address| address.address().port()), Ok(9));
    }
}
