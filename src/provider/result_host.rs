//! Fetching results: plain downloads from wherever the provider keeps pictures, without the key.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::Client;

use crate::picture::MAX_RESULT_BYTES;

use super::transport::chain;
use super::{Download, ResultHost, Timeouts};

/// A client for result hosts.
#[derive(Debug, Clone)]
pub struct HttpResultHost {
    http: Client,
    idle: Duration,
}

/// A result on its way.
#[derive(Debug)]
struct HttpDownload {
    response: reqwest::Response,
    promised: Option<u64>,
    arrived: u64,
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
}

impl HttpResultHost {
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

    async fn ask_for(&self, url: &str) -> Result<HttpDownload, FetchError> {
        let response =
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
        Ok(HttpDownload { response, promised, arrived: 0, idle: self.idle })
    }
}

impl HttpDownload {
    async fn next_piece(&mut self) -> Result<Option<Bytes>, FetchError> {
        let piece = tokio::time::timeout(self.idle, self.response.chunk()).await;
        let piece = piece.map_err(|_| FetchError::BrokeOff(format!("its host fell silent for {:?}", self.idle)))?;
        let Some(piece) = piece.map_err(|error| FetchError::BrokeOff(chain(&error)))? else {
            return match self.promised {
                Some(promised) if promised != self.arrived => {
                    Err(FetchError::BrokeOff(format!("it broke off after {} of {promised} bytes", self.arrived)))
                }
                _ => Ok(None),
            };
        };
        self.arrived += piece.len() as u64;
        if self.arrived > MAX_RESULT_BYTES { Err(FetchError::TooLarge) } else { Ok(Some(piece)) }
    }
}

impl ResultHost for HttpResultHost {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Box<dyn Download>, FetchError>> {
        async move { self.ask_for(url).await.map(|download| Box::new(download) as Box<dyn Download>) }.boxed()
    }
}

impl Download for HttpDownload {
    fn piece(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, FetchError>> {
        self.next_piece().boxed()
    }
}
