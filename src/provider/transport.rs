//! How requests go out, whatever they ask for: one request a call, with the key, no retries, no redirects, bounded answers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, DATE, HeaderName, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response};

use super::auth::UnusableKey;
use super::meaning::{Meaning, Trust};
use super::shape::Body;
use super::{AnswerFacts, Auth, Trouble};

/// An answer larger than this is none of this API's; a page of 500 tasks with long URLs stays well below it.
const LARGEST_ANSWER_BYTES: usize = 4 << 20;

/// The longest that a `Retry-After` is believed: nonsense in it must not park a job for a year.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// How long requests may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection is made. 10 s by `docs/promises.md`.
    pub connect: Duration,
    /// Silence in an answer's body. 30 s by `docs/promises.md`.
    pub idle: Duration,
    /// One request in all (`--request-timeout`).
    pub request: Duration,
}

/// The way to one endpoint.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    pub(super) http: Client,
    /// Without a slash at its end.
    pub(super) base_url: String,
    auth: Arc<Auth>,
    timeouts: Timeouts,
}

/// A request that got no complete answer.
pub(super) struct NoAnswer {
    /// Nothing of the request left this machine.
    pub(super) not_sent: bool,
    why: String,
    http_status: Option<u16>,
}

/// An answer, whatever it says.
pub(super) struct Answer {
    pub(super) body: Body,
    retry_after: Option<Duration>,
    provider_time: Option<SystemTime>,
}

impl Transport {
    /// To the provider at `base_url`.
    ///
    /// # Errors
    /// The key cannot be written into a header, or TLS cannot be set up.
    pub(super) fn new(base_url: &str, auth: Auth, timeouts: Timeouts) -> Result<Self, String> {
        auth.header(SystemTime::now()).map_err(|error: UnusableKey| error.to_string())?;
        let http = Client::builder()
            .user_agent(concat!("tryon/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.request)
            // A redirect would carry the key along; and a POST would be sent twice.
            .redirect(reqwest::redirect::Policy::none())
            // Shorter than servers keep idle connections, so that a create never meets one that is just closing.
            .pool_idle_timeout(Duration::from_secs(15))
            .build()
            .map_err(|error| chain(&error))?;
        Ok(Self { http, base_url: base_url.trim_end_matches('/').to_owned(), auth: Arc::new(auth), timeouts })
    }

    /// Whether a refusal was about a token's times, and another token may be better.
    pub(super) fn can_renew(&self, trouble: &Trouble) -> bool {
        trouble.meaning == Meaning::RenewToken && self.auth.invalidate(trouble.provider_time, SystemTime::now())
    }

    /// Asks for a page below the base URL.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, Trouble> {
        let answer = self.call(self.http.get(format!("{}/{path}", self.base_url))).await;
        answer.map_err(|silence| silence.trouble(Meaning::BackOff(Trust::Outage)))
    }

    pub(super) async fn call(&self, request: RequestBuilder) -> Result<Answer, NoAnswer> {
        let key = self.auth.header(SystemTime::now()).map_err(|error| NoAnswer {
            not_sent: true,
            why: error.to_string(),
            http_status: None,
        })?;
        let response = request.header(AUTHORIZATION, key).send().await.map_err(|error| NoAnswer {
            not_sent: error.is_connect() || error.is_builder(),
            why: chain(&error),
            http_status: None,
        })?;
        let http_status = response.status().as_u16();
        let retry_after = retry_after(&response, SystemTime::now());
        let provider_time = header(&response, &DATE).and_then(|text| httpdate::parse_http_date(text).ok());
        let cut_off = |why: String| NoAnswer { not_sent: false, why, http_status: Some(http_status) };
        let bytes = self.read_bounded(response).await.map_err(cut_off)?;
        let bytes = self.auth.censored(bytes);
        Ok(Answer { body: Body::read(http_status, &bytes), retry_after, provider_time })
    }

    async fn read_bounded(&self, mut response: Response) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        loop {
            let piece = tokio::time::timeout(self.timeouts.idle, response.chunk()).await;
            let piece = piece.map_err(|_| format!("the answer fell silent for {:?}", self.timeouts.idle))?;
            let Some(piece) = piece.map_err(|error| chain(&error))? else { return Ok(bytes) };
            if bytes.len() + piece.len() > LARGEST_ANSWER_BYTES {
                return Err(format!("the answer is over {LARGEST_ANSWER_BYTES} bytes long"));
            }
            bytes.extend_from_slice(&piece);
        }
    }
}

impl Answer {
    #[cfg(test)]
    pub(super) fn of(body: Body) -> Self {
        Self { body, retry_after: None, provider_time: None }
    }

    pub(super) fn trouble(&self, meaning: Meaning) -> Trouble {
        Trouble {
            meaning,
            facts: self.body.facts.clone(),
            retry_after: self.retry_after,
            provider_time: self.provider_time,
            was_reached: true,
        }
    }
}

impl NoAnswer {
    pub(super) fn trouble(self, meaning: Meaning) -> Trouble {
        let facts = AnswerFacts {
            http_status: self.http_status,
            message: Some(crate::job::clean_text(&self.why)),
            ..AnswerFacts::default()
        };
        Trouble { meaning, facts, retry_after: None, provider_time: None, was_reached: self.http_status.is_some() }
    }
}

fn header<'a>(response: &'a Response, name: &HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok().map(str::trim)
}

/// The `Retry-After` of an answer, in seconds or as a date; [`LONGEST_RETRY_AFTER`] at most.
fn retry_after(response: &Response, now: SystemTime) -> Option<Duration> {
    let text = header(response, &RETRY_AFTER)?;
    let wait = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// An error with its causes in one line. A URL in it is cut to its host: some carry signatures.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = match error.url().and_then(|url| url.host_str()) {
        Some(host) => format!("request to {host} failed"),
        None => "request failed".to_owned(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    if error.is_timeout() && !text.contains("timed out") {
        text.push_str(": timed out");
    }
    text
}
