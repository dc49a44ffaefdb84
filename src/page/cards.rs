//! Jobs as the page's script reads them, with the addresses of their pictures.

use std::collections::HashMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::job::{ImageRef, ImageSource, JobState, clean_text};
use crate::queue::JobRecord;
use crate::view::web::SaidOfResult;

/// This part of a picture's checksum is in its address.
const TAG_CHARACTERS: usize = 16;

/// A job. What is absent is left out. Named as in the page in a file, whose script shows it in the same way.
#[derive(Debug, Serialize)]
pub(super) struct Card {
    seq: i64,
    id: String,
    state: &'static str,
    human: Picture,
    cloths: Vec<Picture>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    small: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished: Option<i64>,
    attempts: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flags: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<SaidOfResult>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<(String, String)>,
    /// Another one when anything above is.
    version: String,
}

/// A picture that a job names.
#[derive(Debug, Clone, Serialize)]
struct Picture {
    name: String,
    /// Where it is as it is; absent where nobody knows.
    link: Option<String>,
    /// Where it is made small; absent for one on the web, which is not fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    small: Option<String>,
}

impl Card {
    pub(super) fn version(&self) -> &str {
        &self.version
    }
}

/// Makes the cards of one answer: a picture that several of them have has one address, so that it is asked for once.
#[derive(Debug, Default)]
pub(super) struct Cards {
    by_source: HashMap<ImageSource, Picture>,
}

impl Cards {
    pub(super) fn of(&mut self, job: JobRecord) -> Card {
        let seq = job.seq.0;
        let human = self.input(seq, "human", &job.spec.human);
        let mut cloths = vec![self.input(seq, "garment", &job.spec.cloth)];
        cloths.extend(job.spec.second.as_ref().map(|second| self.input(seq, "garment2", &second.image)));
        let image = job.output.as_ref().and(job.sha256.as_deref()).map(|sha256| {
            let tag: String = sha256.chars().take(TAG_CHARACTERS).collect();
            move |size: &str| format!("/pictures/{seq}/result/{size}?v={tag}")
        });
        let mut card = Card {
            seq,
            state: job.state.name().word(),
            human,
            cloths,
            result: image.as_ref().map(|at| at("whole")),
            small: image.as_ref().map(|at| at("small")),
            model: job.spec.model.as_ref().map(|model| model.as_str().to_owned()),
            account: job.account.as_ref().map(ToString::to_string),
            why: why(&job),
            finished: job.finished_at.map(jiff::Timestamp::as_millisecond),
            attempts: job.attempt,
            flags: job.flags.words(),
            review: job.review.map(SaidOfResult::from),
            columns: job.spec.extra.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            sha256: job.sha256,
            id: job.spec.id.to_string(),
            version: String::new(),
        };
        card.version = version(&card);
        card
    }

    fn input(&mut self, seq: i64, role: &str, image: &ImageRef) -> Picture {
        let name = clean_text(&image.written);
        if let ImageSource::Url(url) = &image.source {
            return Picture { name, link: Some(url.clone()), small: None };
        }
        let address = |size: &str| Some(format!("/pictures/{seq}/{role}/{size}"));
        let fresh = || Picture { name: name.clone(), link: address("whole"), small: address("small") };
        let known = self.by_source.entry(image.source.clone()).or_insert_with(fresh);
        Picture { name, ..known.clone() }
    }
}

/// Why a job has failed, is in doubt, or waits.
fn why(job: &JobRecord) -> Option<String> {
    match &job.state {
        JobState::Failed { failure, .. } => Some(format!("{}: {}", failure.code, failure.message)),
        JobState::Succeeded { .. } => None,
        _ => job.message.as_deref().map(clean_text),
    }
}

/// Of everything but the inputs' addresses, which depend on what is answered along with the card.
fn version(card: &Card) -> String {
    let Card { state, result, account, why, finished, attempts, flags, review, columns, .. } = card;
    let all = (state, result, account, why, finished, attempts, flags, review, columns);
    let text = serde_json::to_vec(&all).unwrap_or_default();
    Sha256::digest(text).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
