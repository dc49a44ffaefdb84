//! Fetching results: plain downloads from wherever the provider keeps pictures, without the key.

use std::time::Duration;

use reqwest::Client;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::picture::MAX_RESULT_BYTES;

use super::Timeouts;
use super::client::chain;

/// A client for result hosts.
#[derive(Debug, Clone)]
pub struct ResultHost {
    http: Client,
    idle: Duration,
}

/// Why a download did not work.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The link is dead or was never right: ask the provider for a fresh one.
    #[error("its link is dead (HTTP {0})")]
    Gone(u16),
    /// The host answers with an error that may pass.
    #[error("its host answered HTTP {0}")]
    Status(u16),
    /// The host gave no answer.
    #[error("{0}")]
    Unreached(String),
    /// The answer broke off, fell silent or leads nowhere, or the link is no URL: the host is not to blame.
    #[error("{0}")]
    BrokeOff(String),
    /// The answer is too large to be a result.
    #[error("it is over {} MB", MAX_RESULT_BYTES / 1_000_000)]
    TooLarge,
    /// The file could not be written here.
    #[error("it could not be written: {0}")]
    Write(#[source] std::io::Error),
}

impl ResultHost {
    /// A client that sends no key and follows a few redirects.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(timeouts: Timeouts) -> Result<Self, String> {
        let http = Client::builder()
            .user_agent(concat!("tryon/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.request)
            .redirect(reqwest::redirect::Policy::limited(5))
            .build()
            .map_err(|error| chain(&error))?;
        Ok(Self { http, idle: timeouts.idle })
    }

    /// Writes what is at `url` to `to`, as it comes.
    ///
    /// # Errors
    /// See [`FetchError`]; what was written until then is no picture.
    pub async fn fetch(&self, url: &str, to: &mut (impl AsyncWrite + Unpin)) -> Result<u64, FetchError> {
        let mut response =
            self.http.get(url).send().await.map_err(|error| match error.is_redirect() || error.is_builder() {
                true => FetchError::BrokeOff(chain(&error)),
                false => FetchError::Unreached(chain(&error)),
            })?;
        let status = response.status().as_u16();
        match status {
            200..=299 => {}
            408 | 425 | 429 | 500..=599 => return Err(FetchError::Status(status)),
            _ => return Err(FetchError::Gone(status)),
        }
        let promised = response.content_length();
        if promised.is_some_and(|bytes| bytes > MAX_RESULT_BYTES) {
            return Err(FetchError::TooLarge);
        }
        let mut written = 0_u64;
        loop {
            let piece = tokio::time::timeout(self.idle, response.chunk()).await;
            let piece = piece.map_err(|_| FetchError::BrokeOff(format!("its host fell silent for {:?}", self.idle)))?;
            let Some(piece) = piece.map_err(|error| FetchError::BrokeOff(chain(&error)))? else { break };
            written += piece.len() as u64;
            if written > MAX_RESULT_BYTES {
                return Err(FetchError::TooLarge);
            }
            to.write_all(&piece).await.map_err(FetchError::Write)?;
        }
        to.flush().await.map_err(FetchError::Write)?;
        match promised {
            Some(promised) if promised != written => {
                Err(FetchError::BrokeOff(format!("it broke off after {written} of {promised} bytes")))
            }
            _ => Ok(written),
        }
    }
}
