//! The signature of a callback, as Standard Webhooks describes it (`docs/provider.md`, "Callback").
//!
//! The crate `standardwebhooks` does not fit: it reads the clock itself, and subtracts the sender's time unchecked.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;

/// A signature is believed for this long before and after the time it carries.
const TOLERANCE_SECONDS: u64 = 5 * 60;

/// What the account's webhook secret begins with.
const PREFIX: &str = "whsec_";

/// The key with which the provider signs callbacks.
#[derive(Debug, Clone)]
pub struct WebhookSecret(SecretSlice<u8>);

/// A webhook secret that is none. The wording completes "`KLING_WEBHOOK_SECRET`: …", and never shows the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not `whsec_` followed by Base64; copy it whole from the account's webhook settings")]
pub struct InvalidSecret;

/// Why a callback is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unproven {
    /// A header is missing, or holds what no signature does.
    Missing,
    /// It was signed with another secret, or changed on the way.
    Wrong,
    /// It was signed with this secret, this many seconds from now.
    Stale { seconds_off: u64 },
}

impl WebhookSecret {
    /// Reads the secret as the account shows it.
    ///
    /// # Errors
    /// It is not `whsec_` followed by the Base64 of something.
    pub fn parse(text: &SecretString) -> Result<Self, InvalidSecret> {
        let encoded = text.expose_secret().trim().strip_prefix(PREFIX).ok_or(InvalidSecret)?;
        let key = STANDARD.decode(encoded).map_err(|_| InvalidSecret)?;
        if key.is_empty() { Err(InvalidSecret) } else { Ok(Self(key.into())) }
    }

    /// Whether `body` was signed with this secret within five minutes of `now`.
    ///
    /// The time is looked at last, so that only who has the secret is told that a clock is wrong.
    pub(super) fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Unproven> {
        let header = |name: &str| headers.get(name)?.to_str().ok();
        let (Some(id), Some(timestamp), Some(signatures)) =
            (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"))
        else {
            return Err(Unproven::Missing);
        };
        let signed_at: i64 = timestamp.parse().map_err(|_| Unproven::Missing)?;
        // A key of any length is one for HMAC.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).map_err(|_| Unproven::Wrong)?;
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        // `verify_slice` compares in constant time. Other versions than v1 are for others to read.
        let mut offered = signatures.split(' ').filter_map(|item| STANDARD.decode(item.strip_prefix("v1,")?).ok());
        if !offered.any(|signature| mac.clone().verify_slice(&signature).is_ok()) {
            return Err(Unproven::Wrong);
        }
        match now.as_second().abs_diff(signed_at) {
            0..=TOLERANCE_SECONDS => Ok(()),
            seconds_off => Err(Unproven::Stale { seconds_off }),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    /// The published test vector of `docs/provider.md`.
    const SECRET: &str = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=";
    const ID: &str = "9876543210";
    const TIMESTAMP: i64 = 1_781_080_794;
    const BODY: &str = r#"{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}"#;
    const SIGNATURE: &str = "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=";

    fn secret() -> WebhookSecret {
        WebhookSecret::parse(&SecretString::from(SECRET)).expect("a secret")
    }

    fn headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
        let pairs = [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)];
        let pairs = pairs.map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).expect("a header"))
        });
        pairs.into_iter().collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn verify(id: &str, timestamp: &str, signature: &str, body: &str) -> Result<(), Unproven> {
        secret().verify(&headers(id, timestamp, signature), body.as_bytes(), at(TIMESTAMP))
    }

    #[test]
    fn the_published_test_vector_is_believed() {
        assert_eq!(verify(ID, &TIMESTAMP.to_string(), SIGNATURE, BODY), Ok(()));
    }

    #[test]
    fn one_right_signature_among_several_is_enough() {
        let timestamp = TIMESTAMP.to_string();
        let another = format!("v1,{}", STANDARD.encode([7; 32]));
        for signatures in [
            format!("{another} {SIGNATURE}"),
            format!("{SIGNATURE} {another}"),
            format!("v1a,{} v2,x {SIGNATURE} v1,", STANDARD.encode([7; 64])),
            format!("  {SIGNATURE}  "),
        ] {
            assert_eq!(verify(ID, &timestamp, &signatures, BODY), Ok(()), "{signatures}");
        }
        assert_eq!(verify(ID, &timestamp, &format!("{another} {another}"), BODY), Err(Unproven::Wrong));
    }

    #[test]
    fn whatever_is_changed_on_the_way_breaks_the_signature() {
        let timestamp = TIMESTAMP.to_string();
        let later = (TIMESTAMP + 1).to_string();
        let padded = format!("0{TIMESTAMP}");
        let bare = &SIGNATURE["v1,".len()..];
        for (id, timestamp, signature, body) in [
            ("9876543211", timestamp.as_str(), SIGNATURE, BODY),
            (ID, later.as_str(), SIGNATURE, BODY),
            (ID, padded.as_str(), SIGNATURE, BODY),
            (ID, timestamp.as_str(), SIGNATURE, &BODY[1..]),
            (ID, timestamp.as_str(), SIGNATURE, ""),
            (ID, timestamp.as_str(), bare, BODY),
            (ID, timestamp.as_str(), &format!("v2,{bare}"), BODY),
            (ID, timestamp.as_str(), "v1,", BODY),
            (ID, timestamp.as_str(), "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NA==", BODY),
            (ID, timestamp.as_str(), "v1,~~~", BODY),
            (ID, timestamp.as_str(), "", BODY),
        ] {
            assert_eq!(verify(id, timestamp, signature, body), Err(Unproven::Wrong), "{id} {timestamp} {signature}");
        }
    }

    #[test]
    fn a_signature_of_another_secret_is_wrong() {
        let other = WebhookSecret::parse(&SecretString::from("whsec_AAAA")).expect("a secret");
        let headers = headers(ID, &TIMESTAMP.to_string(), SIGNATURE);
        assert_eq!(other.verify(&headers, BODY.as_bytes(), at(TIMESTAMP)), Err(Unproven::Wrong));
    }

    #[test]
    fn a_header_that_is_missing_or_no_time_is_no_signature() {
        let whole = headers(ID, &TIMESTAMP.to_string(), SIGNATURE);
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            let mut headers = whole.clone();
            headers.remove(name);
            assert_eq!(secret().verify(&headers, BODY.as_bytes(), at(TIMESTAMP)), Err(Unproven::Missing), "{name}");
            headers.insert(name, HeaderValue::from_bytes(b"\xff\xfe").expect("a header"));
            assert_eq!(secret().verify(&headers, BODY.as_bytes(), at(TIMESTAMP)), Err(Unproven::Missing), "{name}");
        }
        for timestamp in ["", "now", "1781080794.5", "99999999999999999999"] {
            assert_eq!(verify(ID, timestamp, SIGNATURE, BODY), Err(Unproven::Missing), "{timestamp}");
        }
    }

    #[test]
    fn a_signature_is_believed_for_five_minutes_around_its_time() {
        let headers = headers(ID, &TIMESTAMP.to_string(), SIGNATURE);
        for (off, verdict) in [
            (0, Ok(())),
            (300, Ok(())),
            (-300, Ok(())),
            (301, Err(Unproven::Stale { seconds_off: 301 })),
            (-301, Err(Unproven::Stale { seconds_off: 301 })),
        ] {
            assert_eq!(secret().verify(&headers, BODY.as_bytes(), at(TIMESTAMP + off)), verdict, "{off} s");
        }
    }

    #[test]
    fn times_at_the_ends_of_the_number_line_are_survived() {
        for timestamp in [i64::MIN, i64::MAX, -1, 0] {
            let timestamp = timestamp.to_string();
            let mut mac = Hmac::<Sha256>::new_from_slice(secret().0.expose_secret()).expect("a key");
            mac.update(format!("{ID}.{timestamp}.{BODY}").as_bytes());
            let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
            let verdict = verify(ID, &timestamp, &signature, BODY);
            assert!(matches!(verdict, Err(Unproven::Stale { .. })), "{timestamp}: {verdict:?}");
        }
    }

    #[test]
    fn what_is_no_secret_is_refused_and_never_shown() {
        for text in ["", "whsec_", "whsec_!!!", "sk-hidden", "dGVzdHNlY3JldA==", "WHSEC_dGVzdA=="] {
            let error = WebhookSecret::parse(&SecretString::from(text)).expect_err(text);
            assert!(!error.to_string().contains("hidden"));
        }
        assert!(!format!("{:?}", secret()).contains("116"), "the key's bytes are not shown");
    }
}
