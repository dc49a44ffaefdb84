//! The error table of the API: what an HTTP status and a code mean for the job and for the run.
//!
//! One pure function, by kind and never by text. The source of each row is `api.md`, "Error codes".

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// It worked.
    Ok,
    /// The token is not valid yet or not any more: sign a new one, try once more, then stop.
    RenewToken,
    /// No job can succeed until a person has done something. Nothing was created; every job stays untouched.
    StopRun(StopReason),
    /// The provider will never take this job. Nothing was created.
    JobRefused,
    /// Too many requests: everything goes slower. Nothing was created.
    SlowDown,
    /// Over the account's cap of tasks in flight. Nothing was created.
    OverCap,
    /// Trouble that passes. Nothing was created.
    BackOff(Trust),
    /// Whether something was created cannot be told from the answer.
    InDoubt,
}

/// How far a transient answer can be about the job itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trust {
    /// The service as a whole is in trouble (maintenance, a gateway's error): never held against a job.
    Outage,
    /// An internal error (code 5000): mostly the service's trouble, but some jobs get it every time.
    MayBeTheJob,
}

/// Why a run has to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// The key is missing, wrong or expired.
    Credentials,
    /// The account is abnormal, in arrears, or its resource pack is used up.
    Account,
    /// The key may not use this API or model, or its quota at the reseller is used up.
    Permission,
    /// This machine's address is not on the account's allow list.
    Address,
    /// What answers at the base URL is not this API.
    WrongUrl,
}

impl StopReason {
    /// What the person has to do; a sentence.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Credentials => {
                "The provider refuses the key. Check it (and that it has not expired), then run again."
            }
            Self::Account => "The account is empty or blocked. Top it up in the provider's console, then run again.",
            Self::Permission => {
                "The key may not use this API or model, or its quota is used up. Change that in the provider's \
                 console, then run again."
            }
            Self::Address => {
                "This machine's address is not on the account's allow list. Add it in the provider's console, then \
                 run again."
            }
            Self::WrongUrl => "What answers there is not this API. Check --base-url (TRYON_BASE_URL), then run again.",
        }
    }
}

/// The error table. `code` is the body's `code` where it has one that is a number.
///
/// A known code decides. An unknown one is taken for the group that its hundreds place it in; without a code the
/// HTTP status decides, as a gateway in front means it.
#[must_use]
pub fn meaning(http_status: u16, code: Option<i64>) -> Meaning {
    match code {
        Some(0) if (200..300).contains(&http_status) => Meaning::Ok,
        Some(0) | None => meaning_of_status(http_status),
        Some(code) => meaning_of_code(code).unwrap_or_else(|| meaning_of_status(http_status)),
    }
}

fn meaning_of_code(code: i64) -> Option<Meaning> {
    Some(match code {
        1003 | 1004 => Meaning::RenewToken,
        1000..=1099 => Meaning::StopRun(StopReason::Credentials),
        1103 => Meaning::StopRun(StopReason::Permission),
        1100..=1199 => Meaning::StopRun(StopReason::Account),
        1200..=1299 => Meaning::JobRefused,
        1302 => Meaning::SlowDown,
        1303 => Meaning::OverCap,
        1304 => Meaning::StopRun(StopReason::Address),
        1300 | 1301 => Meaning::JobRefused,
        5000 => Meaning::BackOff(Trust::MayBeTheJob),
        5001 => Meaning::BackOff(Trust::Outage),
        5002..=5999 => Meaning::InDoubt,
        _ => return None,
    })
}

fn meaning_of_status(http_status: u16) -> Meaning {
    match http_status {
        401 => Meaning::StopRun(StopReason::Credentials),
        402 => Meaning::StopRun(StopReason::Account),
        403 => Meaning::StopRun(StopReason::Permission),
        404 | 405 | 407 | 501 | 505 | 300..=399 => Meaning::StopRun(StopReason::WrongUrl),
        408 => Meaning::InDoubt,
        425 | 429 => Meaning::SlowDown,
        400..=499 => Meaning::JobRefused,
        500 | 503 => Meaning::BackOff(Trust::Outage),
        // 502, 504, 524 and their relatives: somebody in between got no answer. So is a 2xx that does not say what
        // became of the request.
        _ => Meaning::InDoubt,
    }
}

/// Whether an answer to a query says that there is no such task. Only the API itself can say that, by its code: a
/// 404 in a gateway's words is what a wrong URL or a lost upstream gives too (`api.md`), and no word about a task
/// that was paid for.
#[must_use]
pub fn is_unknown_task(code: Option<i64>) -> bool {
    code == Some(1203)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `api.md`, the table of codes, row by row.
    #[test]
    fn every_code_of_the_table_means_what_the_table_says() {
        use Meaning as M;
        let table: &[(u16, &[i64], Meaning)] = &[
            (200, &[0], M::Ok),
            (401, &[1000, 1001, 1002], M::StopRun(StopReason::Credentials)),
            (401, &[1003, 1004], M::RenewToken),
            (429, &[1100, 1101, 1102], M::StopRun(StopReason::Account)),
            (403, &[1103], M::StopRun(StopReason::Permission)),
            (429, &[1304], M::StopRun(StopReason::Address)),
            (400, &[1200, 1201], M::JobRefused),
            (404, &[1202, 1203], M::JobRefused),
            (400, &[1300, 1301], M::JobRefused),
            (429, &[1302], M::SlowDown),
            (429, &[1303], M::OverCap),
            (500, &[5000], M::BackOff(Trust::MayBeTheJob)),
            (503, &[5001], M::BackOff(Trust::Outage)),
            (504, &[5002], M::InDoubt),
        ];
        for (status, codes, wanted) in table {
            for code in *codes {
                assert_eq!(meaning(*status, Some(*code)), *wanted, "{status} {code}");
                // A code decides whatever the status it arrives with: gateways change statuses.
                if *code != 0 {
                    assert_eq!(meaning(200, Some(*code)), *wanted, "200 {code}");
                    assert_eq!(meaning(500, Some(*code)), *wanted, "500 {code}");
                }
            }
        }
    }

    /// `api.md`, the table of a gateway's statuses without a code, row by row.
    #[test]
    fn every_status_without_a_code_means_what_the_gateway_means() {
        use Meaning as M;
        let table: &[(&[u16], Meaning)] = &[
            (&[401], M::StopRun(StopReason::Credentials)),
            (&[403], M::StopRun(StopReason::Permission)),
            (&[404, 405, 501], M::StopRun(StopReason::WrongUrl)),
            (&[413], M::JobRefused),
            (&[429], M::SlowDown),
            (&[500, 503], M::BackOff(Trust::Outage)),
            (&[502, 504, 524], M::InDoubt),
        ];
        for (statuses, wanted) in table {
            for status in *statuses {
                assert_eq!(meaning(*status, None), *wanted, "{status}");
            }
        }
    }

    #[test]
    fn no_status_but_a_success_with_code_0_is_ok() {
        for status in 100..=999 {
            let is_success = (200..300).contains(&status);
            assert_eq!(meaning(status, Some(0)) == Meaning::Ok, is_success, "{status}");
            assert_ne!(meaning(status, None), Meaning::Ok, "{status}");
        }
    }

    #[test]
    fn an_unknown_server_error_never_claims_that_nothing_was_created() {
        for status in (502..=599).filter(|status| ![503, 505].contains(status)) {
            assert_eq!(meaning(status, None), Meaning::InDoubt, "{status}");
        }
        assert_eq!(meaning(200, Some(77_777)), Meaning::InDoubt);
        assert_eq!(meaning(500, Some(5_003)), Meaning::InDoubt);
    }

    #[test]
    fn an_unknown_task_is_told_from_a_wrong_url() {
        assert!(is_unknown_task(Some(1203)));
        assert!(!is_unknown_task(Some(1202)) && !is_unknown_task(None));
    }
}
