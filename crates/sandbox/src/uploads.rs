//! The stand-in's own shelf, in place of a bucket: a picture is put there under its SHA-256, and its address is sent to the
//! form that takes addresses only. Like a bucket's signed address it needs no key.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use url::{Host, Url};

use super::pictures::{Picture, hex};
use super::routes::Service;

/// Where the shelf is.
const PATH: &str = "/uploads/";

/// The largest file that is taken, in bytes: more than any picture that the service takes.
const LARGEST_BYTES: usize = 32 << 20;

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/uploads/{hash}", get(fetch).put(put)).layer(DefaultBodyLimit::max(LARGEST_BYTES))
}

/// The hash of the picture that an address of the shelf names, whatever port the stand-in had when it was made.
pub(super) fn hash_in(url: &Url) -> Option<[u8; 32]> {
    let is_local = match url.host()? {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
    };
    unhex(url.path().strip_prefix(PATH).filter(|_| is_local)?)
}

async fn put(State(service): State<Arc<Service>>, Path(name): Path<String>, body: Bytes) -> Response {
    let Some(hash) = unhex(&name) else { return StatusCode::BAD_REQUEST.into_response() };
    let picture = Picture::Bytes(body.to_vec());
    if picture.hash() != hash {
        return (StatusCode::BAD_REQUEST, "this is not the file of that SHA-256").into_response();
    }
    let kept = service.blocking(move |service| {
        service.pictures.keep(&picture, &hash).map_err(|error| {
            tracing::error!(%error, "the sandbox could not keep a picture");
            super::wire::Refusal::internal()
        })
    });
    match kept.await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn fetch(State(service): State<Arc<Service>>, Path(name): Path<String>) -> Response {
    let Some(hash) = unhex(&name) else { return StatusCode::NOT_FOUND.into_response() };
    match service.blocking(move |service| Ok(service.pictures.read(&hex(&hash)).ok())).await {
        Ok(Some(Picture::Bytes(bytes))) => {
            ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response()
        }
        Ok(_) => StatusCode::NOT_FOUND.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let is_hex = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    for (index, byte) in hash.iter_mut().enumerate().filter(|_| is_hex) {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
    }
    is_hex.then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_of_the_shelf_names_a_picture_of_it() {
        let name = "ab".repeat(32);
        let of = |text: &str| hash_in(&Url::parse(text).expect("a URL"));
        assert_eq!(of(&format!("http://127.0.0.1:1/uploads/{name}")), Some([0xab; 32]));
        for other in [
            format!("http://127.0.0.1:1/uploads/{name}/.."),
            format!("http://127.0.0.1:1/results/{name}"),
            format!("https://shop.example/uploads/{name}"),
            format!("http://127.0.0.1:1/uploads/{}", "AB".repeat(32)),
            "http://127.0.0.1:1/uploads/abc".to_owned(),
        ] {
            assert_eq!(of(&other), None, "{other}");
        }
    }
}
