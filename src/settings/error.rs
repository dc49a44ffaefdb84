//! What can be wrong with the settings, in whole sentences for the user.

use std::path::PathBuf;

/// A setting that cannot be used. The wording is a whole sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The settings file cannot be read.
    #[error("cannot read the settings file {}: {source}", .path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The settings file has errors, each with its file and line.
    #[error("{problems}")]
    Syntax { problems: String },
    /// A value is not usable.
    #[error("--{option}: {why}")]
    Value { option: &'static str, why: String },
    /// An `[[account]]` table is not usable.
    #[error("account `{name}`: {why}")]
    Account { name: String, why: String },
    /// A secret is missing.
    #[error(
        "no key: set {variables}, or the same with _FILE to a file that holds it; without an account, try --sandbox"
    )]
    NoKey { variables: &'static str },
    /// A secret does not look like one of its kind.
    #[error("{variable}: {why}")]
    Secret { variable: &'static str, why: &'static str },
    /// A secret's file cannot be read, or is empty.
    #[error("{variable}_FILE: cannot use {}: {why}", .path.display())]
    KeyFile { variable: String, path: PathBuf, why: String },
    /// A secret's file that an argument names cannot be read, or is empty.
    #[error("cannot use {}: {why}", .path.display())]
    SecretFile { path: PathBuf, why: String },
}
