//! What a bucket's error means for a run, and how it is told: in short, without addresses that carry a signature and
//! without the keeper's whole answer, in which keys are named.

use object_store::Error;

/// What an error means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Meaning {
    /// Nothing has this name.
    Missing,
    /// A condition of the request does not hold: something has this name, or something else than was expected.
    Condition,
    /// The keys, the bucket's name or its region are wrong, or something is not allowed. Asking again does not help.
    Refused,
    /// Conditions are not known there.
    NoConditions,
    /// It may pass: the keeper is not reached or has trouble.
    Away,
}

pub(in crate::store) fn meaning(error: &Error) -> Meaning {
    match error {
        Error::NotFound { .. } => match code_of(&error.to_string()) {
            Some("NoSuchBucket") => Meaning::Refused,
            _ => Meaning::Missing,
        },
        Error::AlreadyExists { .. } | Error::Precondition { .. } => Meaning::Condition,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } | Error::InvalidPath { .. } => Meaning::Refused,
        Error::NotImplemented { .. } | Error::NotSupported { .. } => Meaning::NoConditions,
        other => match status_of(&other.to_string()) {
            Some(501) => Meaning::NoConditions,
            Some(408 | 429) => Meaning::Away,
            Some(400..=499) => Meaning::Refused,
            None if other.to_string().contains("redirect") => Meaning::Refused,
            _ => Meaning::Away,
        },
    }
}

/// An error in a few words.
pub(in crate::store) fn told(error: &Error) -> String {
    let text = error.to_string();
    if text.contains(METADATA_SERVICE) {
        return "there are no credentials, neither in the environment nor in a file nor from this machine".to_owned();
    }
    let status = status_of(&text).map(|status| format!("HTTP {status}"));
    let code = code_of(&text).map(str::to_owned);
    let words = between(&text, "<Message>", "</Message>").map(crate::job::clean_text);
    let known: Vec<String> = [status, code, words].into_iter().flatten().collect();
    match error {
        _ if !known.is_empty() => known.join(", "),
        Error::PermissionDenied { .. } => "access is denied".to_owned(),
        Error::Unauthenticated { .. } => "the credentials are refused".to_owned(),
        Error::NotFound { .. } => "not found".to_owned(),
        _ if text.contains("redirect") => "it redirects; check the region (AWS_REGION)".to_owned(),
        _ if text.contains("error sending request") => "it is not reached; check the endpoint".to_owned(),
        // What was tried, and how often, comes before the dash.
        _ => without_addresses(text.rsplit(" - ").next().unwrap_or(&text)),
    }
}

/// Where machines of a cloud get their credentials, when there are no others.
const METADATA_SERVICE: &str = "169.254.169.254";

fn status_of(text: &str) -> Option<u16> {
    text.split("status code: ").nth(1)?.get(..3)?.parse().ok()
}

fn code_of(text: &str) -> Option<&str> {
    between(text, "<Code>", "</Code>").filter(|code| code.len() < 64)
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let rest = text.split_once(start)?.1;
    rest.split_once(end).map(|(inside, _)| inside)
}

/// The first words of a text, with every address cut off before its query.
fn without_addresses(text: &str) -> String {
    const MOST_CHARACTERS: usize = 300;
    let words = text.split_whitespace().map(|word| match word.split_once('?') {
        Some((address, _)) if address.contains("://") => format!("{address}?…"),
        _ => word.to_owned(),
    });
    let text = words.collect::<Vec<_>>().join(" ");
    crate::job::clean_text(&text).chars().take(MOST_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> Error {
        Error::Generic { store: "S3", source: text.to_owned().into() }
    }

    #[test]
    fn every_status_has_its_meaning() {
        let of = |status: u16| meaning(&generic(&format!("Server returned non-2xx status code: {status} Whatever: ")));
        for status in [500, 502, 503, 504, 408, 429] {
            assert_eq!(of(status), Meaning::Away, "{status}");
        }
        for status in [400, 405, 411] {
            assert_eq!(of(status), Meaning::Refused, "{status}");
        }
        assert_eq!(of(501), Meaning::NoConditions);
        assert_eq!(meaning(&generic("error sending request")), Meaning::Away);
    }

    #[test]
    fn what_is_told_has_no_signature_and_no_key() {
        let text = "Error performing PUT https://s.example/b/k?sig=hush in 1ms - Server returned non-2xx status code: \
                    403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code><Message>It does not match</Message>\
                    <AWSAccessKeyId>AKID</AWSAccessKeyId></Error>";
        assert_eq!(told(&generic(text)), "HTTP 403, SignatureDoesNotMatch, It does not match");
        let told = told(&generic("Error performing PUT in 1ms - no answer from https://s.example/b/k?sig=hush (cut)"));
        assert_eq!(told, "no answer from https://s.example/b/k?… (cut)");
    }
}
