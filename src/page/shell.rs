//! The page without its cards: those are asked for by its script.

use askama::Template;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::{Page, PageError, assets, doorway};
use crate::queue::ProviderKind;
use crate::view::{Language, SANDBOX_NOTICE};

#[derive(Template)]
#[template(path = "serve/shell.html")]
struct Shell<'a> {
    language: Language,
    style: &'static str,
    script: &'static str,
    title: &'a str,
    sandbox_notice: Option<&'static str>,
    is_read_only: bool,
    retry_rejected: &'a str,
    columns: Vec<String>,
}

/// The page as this browser wants it.
pub(super) async fn page(page: &Page, headers: &HeaderMap) -> Result<Response, PageError> {
    let is_sandbox = page.queue.provider().await? == Some(ProviderKind::Sandbox);
    let shell = Shell {
        language: doorway::language_of(headers),
        style: assets::style_path(),
        script: assets::script_path(),
        title: &page.title,
        sandbox_notice: is_sandbox.then_some(SANDBOX_NOTICE),
        is_read_only: page.judge.is_none(),
        retry_rejected: &page.retry_rejected,
        columns: page.queue.column_names().await?,
    };
    Ok(doorway::rendered(StatusCode::OK, &shell))
}
