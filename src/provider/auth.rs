//! How requests are signed. No key is ever logged, stored or shown.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

/// A token is valid this long (`docs/provider.md`, "Two endpoints of the same service").
const TOKEN_LIFE: Duration = Duration::from_secs(1_800);

/// A token is valid from this long before it is signed, for clocks that differ a little.
const TOKEN_HEAD_START: Duration = Duration::from_secs(5);

/// A token older than this is replaced before it can expire on the way.
const TOKEN_USE: Duration = Duration::from_secs(1_500);

/// This many tokens that were replaced are still looked for in answers: one to a slow request may repeat an old one.
const RETIRED_TOKENS: usize = 4;

/// What is shorter than this is not looked for in answers.
const SHORTEST_KEY: usize = 8;

/// What proves to the provider who asks.
pub struct Auth(Kind);

enum Kind {
    /// An API key, sent as it is.
    ApiKey(SecretString),
    /// An access key and a secret key, from which short-lived tokens are signed.
    Signed { access_key: SecretString, secret_key: EncodingKey, token: Mutex<Token> },
}

/// The token in use, and what is known of the provider's clock.
#[derive(Default)]
struct Token {
    current: Option<(HeaderValue, SystemTime)>,
    /// Tokens that were in use before, the latest last; at most [`RETIRED_TOKENS`].
    retired: VecDeque<HeaderValue>,
    /// Seconds by which the provider's clock is ahead of ours.
    skew_seconds: i64,
}

/// A secret that cannot stand in an HTTP header, or that cannot sign.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnusableKey {
    #[error("the key has characters that cannot be sent (a line break inside it, perhaps)")]
    NoHeader,
    #[error("no token can be signed with the secret key")]
    NoToken,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    exp: i64,
    nbf: i64,
}

impl Auth {
    /// With an API key.
    #[must_use]
    pub fn api_key(key: SecretString) -> Self {
        Self(Kind::ApiKey(key))
    }

    /// With tokens signed by a pair of keys (kling).
    #[must_use]
    pub fn signed(access_key: SecretString, secret_key: &SecretString) -> Self {
        let secret_key = EncodingKey::from_secret(secret_key.expose_secret().as_bytes());
        Self(Kind::Signed { access_key, secret_key, token: Mutex::default() })
    }

    /// The value of the `Authorization` header, marked as sensitive so that no library logs it.
    pub(super) fn header(&self, now: SystemTime) -> Result<HeaderValue, UnusableKey> {
        match &self.0 {
            Kind::ApiKey(key) => bearer(key.expose_secret()),
            Kind::Signed { access_key, secret_key, token } => {
                let mut token = locked(token);
                if let Some((header, signed_at)) = &token.current
                    // A clock that was set back, or a laptop that slept, makes the age unknown or long: sign again.
                    && now.duration_since(*signed_at).is_ok_and(|age| age < TOKEN_USE)
                {
                    return Ok(header.clone());
                }
                let header = sign(access_key, secret_key, now, token.skew_seconds)?;
                token.retire();
                token.current = Some((header.clone(), now));
                Ok(header)
            }
        }
    }

    /// An answer without what was sent to prove who asks: some gateways repeat it in their errors, and what they say is
    /// stored, logged and shown. An answer may repeat a token that was replaced while it was on its way.
    pub(super) fn censored(&self, answer: Vec<u8>) -> Vec<u8> {
        self.secrets_in_use().iter().fold(answer, |answer, secret| without(answer, secret.as_bytes()))
    }

    /// Everything that answers may repeat.
    fn secrets_in_use(&self) -> Vec<HeaderValue> {
        match &self.0 {
            Kind::ApiKey(key) => bearer(key.expose_secret()).into_iter().collect(),
            Kind::Signed { token, .. } => {
                let token = locked(token);
                let current = token.current.iter().map(|(header, _)| header);
                current.chain(&token.retired).cloned().collect()
            }
        }
    }

    /// The provider has refused the token's times. Returns whether another try makes sense: the next header is then
    /// signed again, by the provider's clock if its answer carried one.
    pub(super) fn invalidate(&self, provider_time: Option<SystemTime>, now: SystemTime) -> bool {
        let Kind::Signed { token, .. } = &self.0 else { return false };
        let mut token = locked(token);
        token.retire();
        if let Some(provider_time) = provider_time {
            token.skew_seconds = unix_seconds(provider_time) - unix_seconds(now);
        }
        true
    }
}

impl Token {
    /// Takes the present token out of use.
    fn retire(&mut self) {
        if let Some((header, _)) = self.current.take() {
            if self.retired.len() >= RETIRED_TOKENS {
                self.retired.pop_front();
            }
            self.retired.push_back(header);
        }
    }
}

/// An answer without a header's secret, wherever it is repeated.
fn without(answer: Vec<u8>, header: &[u8]) -> Vec<u8> {
    let secret = header.strip_prefix(b"Bearer ").unwrap_or_default();
    // A word of a few letters is no key, and may stand anywhere.
    let is_at = |place: usize| answer[place..].starts_with(secret);
    if secret.len() < SHORTEST_KEY || !(0..answer.len()).any(is_at) {
        return answer;
    }
    let mut censored = Vec::with_capacity(answer.len());
    let mut place = 0;
    while place < answer.len() {
        if is_at(place) {
            censored.extend_from_slice(b"[key]");
            place += secret.len();
        } else {
            censored.push(answer[place]);
            place += 1;
        }
    }
    censored
}

fn locked(token: &Mutex<Token>) -> MutexGuard<'_, Token> {
    token.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sign(
    access_key: &SecretString,
    secret_key: &EncodingKey,
    now: SystemTime,
    skew_seconds: i64,
) -> Result<HeaderValue, UnusableKey> {
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    let now = unix_seconds(now) + skew_seconds;
    let claims = Claims {
        iss: access_key.expose_secret(),
        exp: now + seconds(TOKEN_LIFE),
        nbf: now - seconds(TOKEN_HEAD_START),
    };
    bearer(&encode(&Header::new(Algorithm::HS256), &claims, secret_key).map_err(|_| UnusableKey::NoToken)?)
}

fn bearer(token: &str) -> Result<HeaderValue, UnusableKey> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| UnusableKey::NoHeader)?;
    value.set_sensitive(true);
    Ok(value)
}

fn unix_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::ApiKey(_) => "Auth(an API key)",
            Kind::Signed { .. } => "Auth(signed tokens)",
        })
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Read {
        iss: String,
        exp: i64,
        nbf: i64,
    }

    fn auth() -> Auth {
        Auth::signed(SecretString::from("access"), &SecretString::from("secret"))
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn claims(header: &HeaderValue) -> Read {
        let token = header.to_str().expect("text").strip_prefix("Bearer ").expect("a bearer token").to_owned();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        let key = DecodingKey::from_secret(b"secret");
        decode::<Read>(&token, &key, &validation).expect("signed with the secret key").claims
    }

    #[test]
    fn a_token_carries_the_documented_claims() {
        let header = auth().header(at(1_000_000)).expect("a token");
        assert!(header.is_sensitive());
        assert_eq!(claims(&header), Read { iss: "access".to_owned(), exp: 1_001_800, nbf: 999_995 });
    }

    #[test]
    fn a_token_is_used_again_and_replaced_before_it_expires() {
        let auth = auth();
        let first = auth.header(at(1_000_000)).expect("a token");
        assert_eq!(auth.header(at(1_001_499)).expect("a token"), first);
        let later = auth.header(at(1_001_501)).expect("a token");
        assert_eq!(claims(&later).exp, 1_003_301);
        let set_back = auth.header(at(900_000)).expect("a token");
        assert_eq!(claims(&set_back).exp, 901_800);
    }

    #[test]
    fn a_refused_token_is_signed_anew_by_the_providers_clock() {
        let auth = auth();
        auth.header(at(1_000_000)).expect("a token");
        assert!(auth.invalidate(Some(at(999_400)), at(1_000_000)));
        assert_eq!(claims(&auth.header(at(1_000_001)).expect("a token")).nbf, 999_396);
        assert!(!Auth::api_key(SecretString::from("k")).invalidate(None, at(0)), "a plain key cannot be renewed");
    }

    #[test]
    fn a_key_never_shows_in_debug_output() {
        let shown = format!("{:?} {:?}", auth(), Auth::api_key(SecretString::from("sk-1")));
        assert!(!shown.contains("secret") && !shown.contains("access") && !shown.contains("sk-1"), "{shown}");
        assert!(Auth::api_key(SecretString::from("a\nb")).header(at(0)).is_err());
    }

    #[test]
    fn a_key_that_an_answer_repeats_is_taken_out_of_it() {
        let censored = |key: &str, answer: &str| {
            let auth = Auth::api_key(SecretString::from(key));
            String::from_utf8(auth.censored(answer.as_bytes().to_vec())).expect("text")
        };
        assert_eq!(censored("sk-12345678", "Bearer sk-12345678, sk-12345678."), "Bearer [key], [key].");
        assert_eq!(censored("sk-12345678", "sk-1234567"), "sk-1234567");
        assert_eq!(censored("task", "a task"), "a task", "a word is no key");
        let auth = auth();
        let token = auth.header(at(9)).expect("a header").to_str().expect("text").to_owned();
        let answer = format!("you sent {token}").into_bytes();
        assert_eq!(auth.censored(answer.clone()), b"you sent Bearer [key]");
        auth.invalidate(None, at(9));
        auth.header(at(10)).expect("a header");
        assert_eq!(auth.censored(answer), b"you sent Bearer [key]", "one of before the renewal");
    }
}
