//! Secrets: from the environment, or from a file that it names; never from an argument or a settings file.

use std::path::{Path, PathBuf};

use base64::Engine;
use secrecy::{ExposeSecret, SecretString};

use super::accounts::{Account, KeyPlace};
use super::{ProviderName, SettingsError};

/// Where dmxapi's key is looked for.
pub const API_KEY: &str = "TRYON_API_KEY";

/// Where kling's key is looked for, if there is one.
pub const KLING_API_KEY: &str = "KLING_API_KEY";

/// Where kling's pair of keys is looked for.
pub const KLING_KEY_PAIR: [&str; 2] = ["KLING_ACCESS_KEY", "KLING_SECRET_KEY"];

/// Where the secret is looked for by which the provider signs its callbacks.
pub const WEBHOOK_SECRET: &str = "KLING_WEBHOOK_SECRET";

/// Where the token is looked for that the live page asks for.
pub(super) const SERVE_TOKEN: &str = "TRYON_SERVE_TOKEN";

/// What every webhook secret begins with.
const WEBHOOK_SECRET_PREFIX: &str = "whsec_";

/// What proves to a provider who asks, as it was found in the environment.
#[derive(Debug)]
pub enum Keys {
    /// One key.
    ApiKey(SecretString),
    /// A pair of keys, from which tokens are signed.
    Pair { access: SecretString, secret: SecretString },
}

impl Keys {
    /// Why try-on 3.0 cannot be asked for with these keys, if it cannot.
    #[must_use]
    pub fn no_solutions(&self) -> Option<&'static str> {
        matches!(self, Self::Pair { .. }).then_some(
            "virtual-try-on-3 takes an API key only; set KLING_API_KEY instead of KLING_ACCESS_KEY and KLING_SECRET_KEY",
        )
    }
}

/// Looks for the keys of an account: where its table says, or else in its provider's usual variables.
///
/// # Errors
/// They are missing, or a file that is named cannot be read. The message names the place, never a value.
pub fn account_keys(account: &Account) -> Result<Keys, SettingsError> {
    let missing = |why: String| match &account.name {
        Some(name) => SettingsError::Account { name: name.to_string(), why },
        None => SettingsError::Account { name: String::new(), why },
    };
    let key = match &account.key {
        KeyPlace::Usual => {
            return keys(account.provider).map_err(|error| match (&account.name, error) {
                (Some(_), SettingsError::NoKey { variables }) => {
                    missing(format!("no key: set {variables}, or name another place with key-env or key-file"))
                }
                (_, error) => error,
            });
        }
        KeyPlace::Variable(variable) => find(variable)?
            .map(|(key, _)| key)
            .ok_or_else(|| missing(format!("key-env: {variable} is not set, nor {variable}_FILE")))?,
        KeyPlace::File(path) => {
            let unusable = |why: &dyn std::fmt::Display| missing(format!("key-file: {}: {why}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|error| unusable(&error))?;
            match text.trim() {
                "" => return Err(unusable(&"it is empty")),
                key => SecretString::from(key.to_owned()),
            }
        }
    };
    Ok(Keys::ApiKey(key))
}

/// Looks for the keys of a provider in the environment.
///
/// # Errors
/// They are missing, or a file that is named cannot be read. The message names the variables, never a value.
fn keys(provider: ProviderName) -> Result<Keys, SettingsError> {
    match provider {
        ProviderName::Dmxapi => secret(API_KEY)?.map(Keys::ApiKey).ok_or(SettingsError::NoKey { variables: API_KEY }),
        ProviderName::Kling => {
            if let Some(key) = secret(KLING_API_KEY)? {
                return Ok(Keys::ApiKey(key));
            }
            match (secret(KLING_KEY_PAIR[0])?, secret(KLING_KEY_PAIR[1])?) {
                (Some(access), Some(secret)) => Ok(Keys::Pair { access, secret }),
                (Some(_), None) => Err(SettingsError::NoKey { variables: KLING_KEY_PAIR[1] }),
                (None, Some(_)) => Err(SettingsError::NoKey { variables: KLING_KEY_PAIR[0] }),
                (None, None) => {
                    Err(SettingsError::NoKey { variables: "KLING_ACCESS_KEY and KLING_SECRET_KEY (or KLING_API_KEY)" })
                }
            }
        }
    }
}

/// Looks for the token that the live page asks for: in the file that is named, or else in the environment.
///
/// # Errors
/// A file that is named cannot be read, or is empty.
pub fn serve_token(file: Option<&Path>) -> Result<Option<SecretString>, SettingsError> {
    let Some(path) = file else { return secret(SERVE_TOKEN) };
    let unusable = |why: String| SettingsError::SecretFile { path: path.to_owned(), why };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    match text.trim() {
        "" => Err(unusable("it is empty".to_owned())),
        token => Ok(Some(token.to_owned().into())),
    }
}

/// Looks for the secret by which callbacks are signed; without one they are not.
///
/// # Errors
/// It is no secret of this kind, or a file that is named cannot be read.
pub fn webhook_secret() -> Result<Option<SecretString>, SettingsError> {
    let secret = secret(WEBHOOK_SECRET)?;
    if let Some(secret) = &secret {
        check_webhook_secret(secret.expose_secret())
            .map_err(|why| SettingsError::Secret { variable: WEBHOOK_SECRET, why })?;
    }
    Ok(secret)
}

/// `whsec_` and the Base64 of the bytes that sign (`docs/provider.md`, "Callback").
fn check_webhook_secret(text: &str) -> Result<(), &'static str> {
    let no_secret = "this is no webhook secret; it begins with whsec_ and is shown where the webhook was set up";
    let encoded = text.strip_prefix(WEBHOOK_SECRET_PREFIX).ok_or(no_secret)?;
    match base64::engine::general_purpose::STANDARD.decode(encoded) {
        Ok(bytes) if !bytes.is_empty() => Ok(()),
        _ => Err("what follows whsec_ is not the Base64 of a secret; was it copied whole?"),
    }
}

/// Where a secret was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// In the variable itself.
    Variable,
    /// In the file that `<variable>_FILE` names.
    File(PathBuf),
}

/// What there is of one secret. It holds where, never what.
#[derive(Debug)]
pub struct SecretLookup {
    pub variable: &'static str,
    /// What it is for, in a few words.
    pub purpose: &'static str,
    /// `None` when it is not set; an error when it is set and cannot be used.
    pub place: Result<Option<SecretPlace>, SettingsError>,
}

/// Looks for every secret there can be, to tell which are set.
#[must_use]
pub fn look_for_secrets() -> [SecretLookup; 5] {
    let look = |variable, purpose| SecretLookup {
        variable,
        purpose,
        place: find(variable).map(|found| found.map(|(_, place)| place)),
    };
    let webhook = webhook_secret().and_then(|_| find(WEBHOOK_SECRET)).map(|found| found.map(|(_, place)| place));
    [
        look(API_KEY, "for --provider dmxapi"),
        look(KLING_KEY_PAIR[0], "for --provider kling, with its secret key"),
        look(KLING_KEY_PAIR[1], "for --provider kling, with its access key"),
        look(KLING_API_KEY, "for --provider kling, instead of the pair"),
        SecretLookup { variable: WEBHOOK_SECRET, purpose: "for callbacks that are signed", place: webhook },
    ]
}

fn secret(variable: &'static str) -> Result<Option<SecretString>, SettingsError> {
    Ok(find(variable)?.map(|(secret, _)| secret))
}

/// Reads a secret from the environment variable, or from the file that `<variable>_FILE` names; `None` when neither
/// is set.
fn find(variable: &str) -> Result<Option<(SecretString, SecretPlace)>, SettingsError> {
    if let Some(value) = std::env::var(variable).ok().map(|value| value.trim().to_owned())
        && !value.is_empty()
    {
        return Ok(Some((SecretString::from(value), SecretPlace::Variable)));
    }
    let Some(path) = std::env::var_os(format!("{variable}_FILE")).filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let path = PathBuf::from(path);
    let unusable = |why: String| SettingsError::KeyFile { variable: variable.to_owned(), path: path.clone(), why };
    let text = std::fs::read_to_string(&path).map_err(|error| unusable(error.to_string()))?;
    match text.trim() {
        "" => Err(unusable("it is empty".to_owned())),
        key => Ok(Some((SecretString::from(key.to_owned()), SecretPlace::File(path)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_secret_is_taken_only_whole() {
        assert_eq!(check_webhook_secret("whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="), Ok(()));
        for text in ["dGVzdHNlY3JldA==", "whsec_", "whsec_dGVzdHNlY3J%", "whsec_dGVzdHNlY3JldHR", "sk-123"] {
            assert!(check_webhook_secret(text).is_err(), "{text}");
        }
    }
}
