//! What somebody sees who has not shown the token yet.

use askama::Template;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use super::assets;
use crate::view::Language;

/// Asks for the token.
#[derive(Template)]
#[template(path = "serve/doorway.html")]
struct Doorway {
    language: Language,
    style: &'static str,
    is_wrong: bool,
}

/// The page that asks for the token; `is_wrong` where one was given.
pub(super) fn page(status: StatusCode, headers: &HeaderMap, is_wrong: bool) -> Response {
    rendered(status, &Doorway { language: language_of(headers), style: assets::style_path(), is_wrong })
}

/// A page that leads on to `/`.
pub(super) fn lead_on() -> Response {
    Html("<!DOCTYPE html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0;url=/\"><a href=\"/\">tryon</a>")
        .into_response()
}

/// The language that a browser asks for.
pub(super) fn language_of(headers: &HeaderMap) -> Language {
    Language::wanted(headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default())
}

/// A page out of a template.
pub(super) fn rendered(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
