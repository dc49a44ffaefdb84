//! Who may ask, and what every answer forbids the browser.
//!
//! - **DNS rebinding**: a name that somebody else controls can be made to lead here. So the `Host` has to be an address, `localhost`,
//!   or a name that was given with `--host`.
//! - **Other sites**: what a page of another site asks for is refused (`Sec-Fetch-Site`, `Origin`), and what changes something
//!   needs a header that only this page's own script can send.
//! - **Other people**: where a token was given, nothing is answered without the cookie that it is exchanged for.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::doorway;

/// What the page's script sends with everything that changes something. A form or a picture of another site cannot.
pub(super) const OWN_HEADER: HeaderName = HeaderName::from_static("x-tryon");

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Pictures, style, script and requests of this page alone; no script and no style in the page, and no frame around it.
const POLICY: &str = "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const COOKIE_NAME: &str = "tryon_session";

/// A shorter token could be guessed.
pub const SHORTEST_TOKEN: usize = 16;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Gate {
    /// Names besides addresses and `localhost` under which the page is reached.
    hosts: Vec<String>,
    session: Option<Session>,
}

/// What a token is exchanged for.
#[derive(Debug)]
struct Session {
    token: SecretString,
    /// The cookie's value: it proves the token, and does not tell it.
    cookie: SecretString,
}

/// What becomes of a request.
pub(super) enum Passage {
    Free,
    Refused(Response),
}

impl Gate {
    pub(super) fn new(hosts: Vec<String>, token: Option<SecretString>) -> Self {
        let hosts = hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect();
        Self { hosts, session: token.map(Session::of) }
    }

    /// Whether a request may go on; otherwise what it is answered.
    pub(super) fn check(&self, request: &Request) -> Passage {
        let headers = request.headers();
        if !self.knows_host(headers) {
            return Passage::Refused(refused(
                StatusCode::MISDIRECTED_REQUEST,
                "this page is not known under that name; open it by its address, or start tryon serve with --host NAME",
            ));
        }
        if !is_of_this_site(request.method(), request.uri(), headers) {
            return Passage::Refused(refused(StatusCode::FORBIDDEN, "asked by another site"));
        }
        match &self.session {
            Some(session) => session.check(request),
            None => Passage::Free,
        }
    }

    fn knows_host(&self, headers: &HeaderMap) -> bool {
        let mut all = headers.get_all(HOST).iter();
        let (Some(host), None) = (all.next().and_then(|host| host.to_str().ok()), all.next()) else { return false };
        let name = name_of(host).to_ascii_lowercase();
        name == "localhost" || name.parse::<IpAddr>().is_ok() || self.hosts.contains(&name)
    }
}

/// A `Host` without its port, and without the brackets of an IPv6 address.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

/// Whether a request comes from this page, or from a person: no other site's page may ask for anything but the page itself.
fn is_of_this_site(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let is_link = method == Method::GET && uri.path() == "/" && text(FETCH_MODE) == Some("navigate");
    let is_near = matches!(text(FETCH_SITE), None | Some("same-origin" | "none")) || is_link;
    if method == Method::GET || method == Method::HEAD {
        return is_near;
    }
    // An origin's own scheme does not count: a proxy may have taken off the encryption.
    let is_own = |origin: &str| origin.split_once("://").map(|(_, host)| host) == text(HOST);
    let is_json = text(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json"));
    is_near && text(OWN_HEADER) == Some("1") && is_json && text(ORIGIN).is_none_or(is_own)
}

impl Session {
    fn of(token: SecretString) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(token.expose_secret().as_bytes()).expect("a key of any length");
        mac.update(b"tryon serve");
        let cookie: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { token, cookie: cookie.into() }
    }

    fn check(&self, request: &Request) -> Passage {
        let is_page = request.method() == Method::GET && request.uri().path() == "/";
        if let Some(given) = token_in(request.uri()).filter(|_| is_page) {
            return Passage::Refused(if is_same(&given, &self.token) {
                self.welcome(request.headers())
            } else {
                doorway::page(StatusCode::UNAUTHORIZED, request.headers(), true)
            });
        }
        if cookies(request.headers()).any(|cookie| is_same(cookie, &self.cookie)) {
            return Passage::Free;
        }
        Passage::Refused(if is_page {
            doorway::page(StatusCode::UNAUTHORIZED, request.headers(), false)
        } else {
            refused(StatusCode::UNAUTHORIZED, "open the page with its token first")
        })
    }

    /// Hands out the cookie and leads on to the page, whose address has no token in it.
    fn welcome(&self, headers: &HeaderMap) -> Response {
        let is_encrypted = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
        let secure = if is_encrypted { "; Secure" } else { "" };
        let cookie = format!(
            "{COOKIE_NAME}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000{secure}",
            self.cookie.expose_secret()
        );
        // After a link in a mail the browser would send no strict cookie along with a redirect. So what leads on is a page of
        // this site.
        let mut response = if headers.get(FETCH_SITE).is_some_and(|site| site == "cross-site") {
            doorway::lead_on()
        } else {
            (StatusCode::SEE_OTHER, [(LOCATION, "/")]).into_response()
        };
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().insert(SET_COOKIE, cookie);
        }
        response
    }
}

/// Compares without telling by the time it takes how much of it is right.
fn is_same(given: &str, secret: &SecretString) -> bool {
    given.as_bytes().ct_eq(secret.expose_secret().as_bytes()).into()
}

/// The token in an address.
fn token_in(uri: &Uri) -> Option<String> {
    let pairs = url::form_urlencoded::parse(uri.query()?.as_bytes());
    pairs.into_iter().find(|(name, _)| name == "token").map(|(_, token)| token.into_owned())
}

/// The values of the session's cookies; a browser may send several.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value)
}

fn refused(status: StatusCode, why: &'static str) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], why).into_response()
}

/// Adds to an answer what it forbids the browser.
pub(super) fn forbid(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (RESOURCE_POLICY, "same-origin"),
        (OPENER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What says nothing about it is about the queue as it is now.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
