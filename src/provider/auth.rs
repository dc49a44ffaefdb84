//! How requests are signed. The key is never logged, stored or shown.

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// What proves to the provider who asks.
#[derive(Debug, Clone)]
pub enum Auth {
    /// An API key, sent as it is.
    ApiKey(SecretString),
}

/// A secret that cannot stand in an HTTP header.
#[derive(Debug, thiserror::Error)]
#[error("the key has characters that cannot be sent (a line break inside it, perhaps)")]
pub(super) struct UnusableKey;

impl Auth {
    /// The value of the `Authorization` header, marked as sensitive so that no library logs it.
    pub(super) fn header(&self) -> Result<HeaderValue, UnusableKey> {
        let Self::ApiKey(key) = self;
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())).map_err(|_| UnusableKey)?;
        value.set_sensitive(true);
        Ok(value)
    }
}
