//! Verdicts out of a window: stored at once, and never over one that the window has not seen.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::cards::{Card, Cards};
use super::{Page, PageError};
use crate::job::Verdict;
use crate::queue::{Judgement, QueueError, Seen};

/// Longer reasons and names are cut.
const MOST_CHARACTERS: usize = 200;

/// What a window says of an image.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    id: String,
    /// The image that was looked at.
    sha256: String,
    /// `approved` or `rejected`; null takes back what was said.
    verdict: Option<String>,
    reason: Option<String>,
    reviewer: Option<String>,
    /// When the verdict was given that the window shows, in Unix milliseconds; null where it shows none.
    seen: Option<i64>,
}

/// What became of it.
#[derive(Debug, Serialize)]
struct Outcome {
    /// Why it was not stored, a word that the script knows: `replaced` or `judged`.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'static str>,
    /// The job as it is now.
    card: Card,
}

pub(super) async fn judge(State(page): State<Arc<Page>>, Json(said): Json<Said>) -> Result<Response, PageError> {
    let Some(queue) = &page.judge else { return Err(PageError::ReadOnly) };
    let verdict = match said.verdict.as_deref() {
        None => None,
        Some(word) => {
            Some(Verdict::from_word(word).ok_or_else(|| PageError::Asked(format!("`{word}` is no verdict")))?)
        }
    };
    let seen = match said.seen.map(Timestamp::from_millisecond).transpose() {
        Ok(seen) => seen.map_or(Seen::Unjudged, Seen::Given),
        Err(error) => return Err(PageError::Asked(error.to_string())),
    };
    let judgement = Judgement {
        id: said.id.clone(),
        sha256: Some(said.sha256),
        verdict,
        reason: said.reason.map(|reason| cut(&reason)),
        reviewer: said.reviewer.map(|name| cut(&name)),
        seen,
    };
    let refused = match queue.judge(judgement, Timestamp::now()).await {
        Ok(()) => None,
        Err(QueueError::ImageReplaced { .. } | QueueError::NothingToJudge { .. }) => Some("replaced"),
        Err(QueueError::JudgedMeanwhile { .. }) => Some("judged"),
        Err(error) => return Err(error.into()),
    };
    page.pulse.hurry();
    let card = Cards::default().of(queue.job(&said.id).await?);
    let status = if refused.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    Ok((status, Json(Outcome { refused, card })).into_response())
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_CHARACTERS).collect()
}
