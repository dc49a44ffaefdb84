//! Settings: flags over environment over file over defaults, resolved once.
//!
//! One struct, [`Options`], is both what the command line (and its environment) gives and what `tryon.toml` gives;
//! [`Options::or`] lays one over the other, and [`Settings::resolve`] fills in the defaults and checks the values. Both are made
//! from one table, `options.rs`.
//! After that nobody sees a flag again.

mod accounts;
mod declare;
mod error;
mod file;
mod in_force;
mod nearest;
mod options;
mod resolve;
mod secrets;
mod text_encoding;
mod values;

pub use accounts::{Account, AccountTable, KeyPlace};
pub use error::SettingsError;
pub use file::{DEFAULT_FILE, SettingsFile};
pub use options::{Options, Settings};
pub use resolve::{Callback, DMXAPI_URL, KLING_URL};
pub use secrets::{
    API_KEY, KLING_API_KEY, KLING_KEY_PAIR, Keys, SecretLookup, SecretPlace, WEBHOOK_SECRET, account_keys,
    look_for_secrets, serve_token, webhook_secret,
};
pub use text_encoding::TextEncoding;
pub use values::{Concurrency, InDoubt, ListenAddress, LogFormat, Price, ProviderName, Rate, Span};
