//! What an answer means for the job and for the run: the table of `docs/provider.md`, as one pure function.
//!
//! By kind: HTTP status, number code, word code. Three texts are read, because gateways give nothing else: that there
//! is no channel for the model, that a refused task is about the balance, and why a task failed.

use super::AnswerFacts;

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// It worked.
    Ok,
    /// The token is not valid yet or not any more: sign a new one, try once more, then as [`Self::Suspect`].
    RenewToken,
    /// The provider's own word that no job can succeed until a person has done something. Nothing was created.
    StopRun(StopReason),
    /// An answer that would stop the run, but that a firewall, a login page or a gateway in trouble gives as well:
    /// believed at first contact, and once the API has answered in this run only when it is confirmed. Nothing was
    /// created.
    Suspect(StopReason),
    /// A web page with a success status. At first contact it is a wrong URL and nothing was created; later a create
    /// that got it is in doubt.
    WebPage,
    /// The reseller has no channel for the model at present. Before anything was accepted that is a setting, later an
    /// outage. Nothing was created.
    NoChannel,
    /// The provider will never take this job. Nothing was created.
    JobRefused,
    /// Asked for a task: the provider says that there is none.
    UnknownTask,
    /// Too many requests: everything goes slower. Nothing was created.
    SlowDown,
    /// Over the account's cap of tasks in flight. Nothing was created.
    OverCap,
    /// 429 in a gateway's words, which it gives for 1302, 1303 and worse alike: over the cap while tasks of ours are
    /// in flight, else to be taken more slowly. Nothing was created.
    Saturated,
    /// Trouble that passes. Nothing was created.
    BackOff(Trust),
    /// Whether something was created cannot be told from the answer.
    InDoubt,
}

impl Meaning {
    /// What it means for a question, which holds no slot: being over the cap is being too quick.
    pub(crate) fn of_a_question(self) -> Self {
        match self {
            Self::OverCap | Self::Saturated => Self::SlowDown,
            other => other,
        }
    }
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
    /// The key is missing, wrong, expired, or of another region or site.
    Credentials,
    /// The account is abnormal, in arrears, or its resource pack or quota is used up.
    Account,
    /// The key may not use this API or model, or its quota at the reseller is used up.
    Permission,
    /// This machine's address is not on the account's allow list.
    Address,
    /// What answers at the base URL is not this API.
    WrongUrl,
    /// The reseller has no channel for the model.
    NoChannel,
    /// The reseller has set no price for the model.
    NoPrice,
    /// The reseller has been saturated for a long time, with nothing of ours in flight.
    Saturated,
    /// One job after the other was refused with the same code, and none was accepted.
    AllRefused,
    /// Local pictures cannot be put where the provider could fetch them.
    NoUpload,
    /// This host has none of the local pictures.
    NoInputs,
}

/// What a request asks for, as far as the meaning of its answer depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asked {
    /// To make a task.
    Create,
    /// How one task is; the question carries nothing but its id.
    Query,
    /// A list of tasks, or something about the account.
    Other,
}

impl StopReason {
    /// Every reason, for tables and tests.
    pub const ALL: [Self; 11] = [
        Self::Credentials,
        Self::Account,
        Self::Permission,
        Self::Address,
        Self::WrongUrl,
        Self::NoChannel,
        Self::NoPrice,
        Self::Saturated,
        Self::AllRefused,
        Self::NoUpload,
        Self::NoInputs,
    ];

    /// What the person has to do; a sentence.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Credentials => {
                "The provider refuses the key. Check it, and that it has not expired. A key belongs to one region or \
                 site: one of Kling's Singapore is refused in Beijing, one of www.dmxapi.cn at www.dmxapi.com; \
                 --base-url (TRYON_BASE_URL) says which is asked. Then run again."
            }
            Self::Account => {
                "The account is empty or blocked, or its quota is used up. Top it up in the provider's console, then \
                 run again."
            }
            Self::Permission => {
                "The key may not use this API or model, or its quota is used up. Change that in the provider's \
                 console, then run again."
            }
            Self::Address => {
                "This machine's address is not on the account's allow list. Add it in the provider's console, then \
                 run again."
            }
            Self::WrongUrl => "What answers there is not this API. Check --base-url (TRYON_BASE_URL), then run again.",
            Self::NoChannel => {
                "The reseller has no channel for this model. Check the model's name (--model) and the group that the \
                 key belongs to in the reseller's console, then run again."
            }
            Self::NoPrice => {
                "The reseller has set no price for this model. Ask the reseller, or choose another --model, then run \
                 again."
            }
            Self::Saturated => {
                "The reseller has been saturated for a long time while nothing of this run was in flight: the account \
                 behind it may be empty, or others may use it up. Ask the reseller, or run again later."
            }
            Self::AllRefused => {
                "Every job is refused alike, which is about a setting and not about the rows. Check --model, --base-url \
                 and what the key may do, then run again: the jobs refused so are pending."
            }
            Self::NoUpload => {
                "Pictures cannot be had from their bucket, or not be put where the provider fetches them. Check the \
                 bucket, --upload-to, and what the key may do, then run again."
            }
            Self::NoInputs => {
                "This host has none of the local pictures. Check --inputs, and that its disk is mounted, then run again."
            }
        }
    }
}

/// The table. A number code decides whatever the status it comes with, because gateways change statuses; an unknown
/// one is taken for the group that its hundreds place it in. Then a word code decides, then the HTTP status, as a
/// gateway in front means it.
#[must_use]
pub fn meaning(asked: Asked, facts: &AnswerFacts) -> Meaning {
    let status = facts.http_status.unwrap_or_default();
    let is_success = (200..300).contains(&status);
    let word = facts.word.as_deref().unwrap_or_default();
    match facts.code {
        Some(1201 | 1203) if asked == Asked::Query => return Meaning::UnknownTask,
        Some(0) if is_success => return Meaning::Ok,
        Some(code) if code != 0 => {
            if let Some(meaning) = meaning_of_code(code) {
                return meaning;
            }
        }
        _ => {}
    }
    if asked == Asked::Query && word == "task_not_exist" {
        return Meaning::UnknownTask;
    }
    if is_success && facts.is_web_page {
        return Meaning::WebPage;
    }
    meaning_of_word(word, status, facts.message.as_deref().unwrap_or_default())
        .unwrap_or_else(|| meaning_of_status(status))
}

fn meaning_of_code(code: i64) -> Option<Meaning> {
    Some(match code {
        1003 | 1004 => Meaning::RenewToken,
        1000..=1099 => Meaning::Suspect(StopReason::Credentials),
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

/// What a gateway's word for a code means, where that is known.
fn meaning_of_word(word: &str, status: u16, message: &str) -> Option<Meaning> {
    match word {
        "insufficient_quota" | "insufficient_user_quota" | "pre_consume_token_quota_failed" => {
            Some(Meaning::StopRun(StopReason::Account))
        }
        "model_price_error" => Some(Meaning::StopRun(StopReason::NoPrice)),
        // What new-api makes of every refusal of the upstream; only this one is not about the row.
        "task_failed" if (400..500).contains(&status) && is_about_the_balance(message) => {
            Some(Meaning::StopRun(StopReason::Account))
        }
        _ if status == 503 && (word == "model_not_found" || is_about_a_channel(message)) => Some(Meaning::NoChannel),
        _ => None,
    }
}

fn is_about_the_balance(message: &str) -> bool {
    let text = message.to_lowercase();
    ["balance", "arrears", "resource pack", "余额", "额度", "欠费"].iter().any(|sign| text.contains(sign))
}

fn is_about_a_channel(message: &str) -> bool {
    let text = message.to_lowercase();
    ["无可用渠道", "no available channel"].iter().any(|sign| text.contains(sign))
}

fn meaning_of_status(http_status: u16) -> Meaning {
    match http_status {
        401 => Meaning::Suspect(StopReason::Credentials),
        402 => Meaning::Suspect(StopReason::Account),
        403 => Meaning::Suspect(StopReason::Permission),
        404 | 405 | 407 | 501 | 505 | 300..=399 => Meaning::Suspect(StopReason::WrongUrl),
        408 => Meaning::InDoubt,
        425 => Meaning::SlowDown,
        429 => Meaning::Saturated,
        400..=499 => Meaning::JobRefused,
        503 => Meaning::BackOff(Trust::Outage),
        // 502, 504, 524 and their relatives: somebody in between got no answer. So is a 500 without a number code: new-api
        // answers so when the upstream may have taken the task. And a 2xx that does not say what became of the request.
        _ => Meaning::InDoubt,
    }
}

/// Whose fault it is that a task failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskFault {
    /// The pictures': it would fail again.
    Inputs,
    /// The account had no room for it: it waits, and no attempt is used.
    NoRoom,
    /// It may only be too young to be found: ask again before believing it.
    TooYoung,
    /// Anything else may pass.
    MayPass,
}

/// Reads the reason that a failed task gives (`docs/provider.md`, "Why tasks fail").
#[must_use]
pub fn task_fault(task_status_msg: &str) -> TaskFault {
    const ROOM: [&str; 2] = ["parallel task", "resource pack"];
    const YOUNG: [&str; 2] = ["task not found", "task_not_exist"];
    const INPUTS: [&str; 24] = [
        "pixel",
        "ratio",
        "resolution",
        "base64",
        "can not be null",
        "cannot be null",
        "no human",
        "human in the",
        "no person",
        "no face",
        "multiple",
        "risk",
        "sensitive",
        "content",
        "policy",
        "nsfw",
        "violat",
        "combination",
        "no cloth",
        "no garment",
        "image format",
        "风控",
        "人像",
        "敏感",
    ];
    let text = task_status_msg.to_lowercase();
    // "ratio" is a word of its own here, and no part of "operation" or "generation".
    let has = |sign: &str| match sign {
        "ratio" => text.split(|c: char| !c.is_alphanumeric()).any(|word| word == "ratio"),
        _ => text.contains(sign),
    };
    let is_any = |signs: &[&str]| signs.iter().any(|sign| has(sign));
    if is_any(&ROOM) {
        TaskFault::NoRoom
    } else if is_any(&YOUNG) {
        TaskFault::TooYoung
    } else if is_any(&INPUTS) {
        TaskFault::Inputs
    } else {
        TaskFault::MayPass
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(asked: Asked, status: u16, code: Option<i64>) -> Meaning {
        meaning(asked, &AnswerFacts { http_status: Some(status), code, ..AnswerFacts::default() })
    }

    /// `docs/provider.md`, the table of codes, row by row.
    #[test]
    fn every_code_of_the_table_means_what_the_table_says() {
        use Meaning as M;
        let table: &[(u16, &[i64], Meaning)] = &[
            (200, &[0], M::Ok),
            (401, &[1000, 1001, 1002], M::Suspect(StopReason::Credentials)),
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
                assert_eq!(of(Asked::Create, *status, Some(*code)), *wanted, "{status} {code}");
                // A code decides whatever the status it arrives with: gateways change statuses.
                if *code != 0 {
                    assert_eq!(of(Asked::Create, 200, Some(*code)), *wanted, "200 {code}");
                    assert_eq!(of(Asked::Create, 500, Some(*code)), *wanted, "500 {code}");
                }
            }
        }
    }

    /// `docs/provider.md`, the table of a gateway's statuses without a code, row by row.
    #[test]
    fn every_status_without_a_code_means_what_the_gateway_means() {
        use Meaning as M;
        let table: &[(&[u16], Meaning)] = &[
            (&[401], M::Suspect(StopReason::Credentials)),
            (&[403], M::Suspect(StopReason::Permission)),
            (&[301, 302, 307, 308, 404, 405, 501], M::Suspect(StopReason::WrongUrl)),
            (&[400, 413], M::JobRefused),
            (&[429], M::Saturated),
            (&[503], M::BackOff(Trust::Outage)),
            (&[200, 500, 502, 504, 524], M::InDoubt),
        ];
        for (statuses, wanted) in table {
            for status in *statuses {
                assert_eq!(of(Asked::Create, *status, None), *wanted, "{status}");
            }
        }
    }

    #[test]
    fn no_status_but_a_success_with_code_0_is_ok() {
        for status in 100..=999 {
            let is_success = (200..300).contains(&status);
            assert_eq!(of(Asked::Create, status, Some(0)) == Meaning::Ok, is_success, "{status}");
            assert_ne!(of(Asked::Create, status, None), Meaning::Ok, "{status}");
        }
    }

    #[test]
    fn a_server_error_without_a_number_code_never_claims_that_nothing_was_created() {
        for status in (500..=599).filter(|status| ![501, 503, 505].contains(status)) {
            assert_eq!(of(Asked::Create, status, None), Meaning::InDoubt, "{status}");
        }
        assert_eq!(of(Asked::Create, 200, Some(77_777)), Meaning::InDoubt);
        assert_eq!(of(Asked::Create, 500, Some(5_003)), Meaning::InDoubt);
    }

    #[test]
    fn only_a_question_about_a_task_can_learn_that_there_is_none() {
        for code in [1201, 1203] {
            assert_eq!(of(Asked::Query, 400, Some(code)), Meaning::UnknownTask);
            assert_eq!(of(Asked::Create, 400, Some(code)), Meaning::JobRefused);
            assert_eq!(of(Asked::Other, 400, Some(code)), Meaning::JobRefused);
        }
        let word = |asked| {
            let word = Some("task_not_exist".to_owned());
            meaning(asked, &AnswerFacts { http_status: Some(400), word, ..AnswerFacts::default() })
        };
        assert_eq!(word(Asked::Query), Meaning::UnknownTask);
        assert_eq!([word(Asked::Create), word(Asked::Other)], [Meaning::JobRefused; 2]);
        assert_eq!(of(Asked::Query, 404, Some(1202)), Meaning::JobRefused);
        assert_eq!(of(Asked::Query, 404, None), Meaning::Suspect(StopReason::WrongUrl), "a 404 in a gateway's words");
    }

    #[test]
    fn every_reason_of_a_failed_task_has_its_fault() {
        let table: &[(&[&str], TaskFault)] = &[
            (
                &[
                    "there is no human in the video",
                    "Failure to pass the risk control system",
                    "platform policy",
                    "unsupported garment combination",
                    "触发平台的内容风控",
                    "Image pixel is invalid",
                    "The image ratio must be between 1:2.5 and 2.5:1",
                    "image resolution is too low",
                    "File is not in a valid base64 format",
                    "image can not be null",
                ],
                TaskFault::Inputs,
            ),
            (&["parallel task over resource pack limit", "Resource pack is full"], TaskFault::NoRoom),
            (&["task not found"], TaskFault::TooYoung),
            (
                &[
                    "internal error",
                    "timeout",
                    "",
                    "Service busy",
                    "GPU lost",
                    "generation failed",
                    "illegal operation",
                ],
                TaskFault::MayPass,
            ),
        ];
        for (reasons, fault) in table {
            for reason in *reasons {
                assert_eq!(task_fault(reason), *fault, "{reason}");
            }
        }
    }
}
