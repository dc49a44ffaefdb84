//! The page's own style and script: files of their own, since the policy allows none in the page. Their names say their
//! content, so that a browser keeps them until it changes.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::view::web;

/// For a file whose name says its content.
pub(super) const IMMUTABLE: &str = "private, max-age=31536000, immutable";

static STYLE: LazyLock<String> =
    LazyLock::new(|| format!("{}{}", web::STYLE, include_str!("../../templates/serve/live.css")));

static SCRIPT: LazyLock<String> = LazyLock::new(|| web::script(LIVE_PARTS));

const LIVE_PARTS: &str = concat!(
    include_str!("../../templates/serve/asking.js"),
    include_str!("../../templates/serve/verdicts.js"),
    include_str!("../../templates/serve/live.js"),
);

static STYLE_PATH: LazyLock<String> = LazyLock::new(|| named("css", &STYLE));
static SCRIPT_PATH: LazyLock<String> = LazyLock::new(|| named("js", &SCRIPT));

/// Where the style is.
pub(super) fn style_path() -> &'static str {
    &STYLE_PATH
}

/// Where the script is.
pub(super) fn script_path() -> &'static str {
    &SCRIPT_PATH
}

pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", &STYLE)
}

pub(super) async fn script() -> Response {
    file("text/javascript; charset=utf-8", &SCRIPT)
}

fn file(kind: &'static str, content: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, IMMUTABLE)], content).into_response()
}

fn named(extension: &str, content: &str) -> String {
    let digest = Sha256::digest(content.as_bytes());
    let name: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("/page-{name}.{extension}")
}
