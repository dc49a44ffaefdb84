//! What is before every API path: the body is taken in whole, the credentials and the pace are checked.
//!
//! The body comes first, as with a proxy in front: a refusal while a client is still sending would reach it as a
//! broken connection instead of an answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::SandboxConfig;
use super::between::Between;
use super::clock::Clock;
use super::fate::Fates;
use super::gateway::Gateway;
use super::wire::{self, Refusal, gateway};

/// Two pictures of 10 MiB in Base64 have 27 MiB; the rest is room for the other fields.
pub(super) const MAX_BODY_BYTES: u64 = 30 * 1024 * 1024;

/// How much of request bodies is in memory at once, so that a burst of large pictures does not fill it.
const BODIES_IN_MEMORY_KIB: u32 = 96 * 1024;

/// A client that stops in the middle of its body must not hold up the others for good.
const BODY_TIMEOUT: Duration = Duration::from_secs(120);

/// By which address a client comes in; they differ in what credentials they know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Below `/kling`: an API key.
    Dmxapi,
    /// At the root: an API key or a JWT.
    Kling,
}

/// The state of the gate, shared by all its paths.
#[derive(Debug)]
pub(super) struct Gate {
    clock: Clock,
    pace: Option<Pace>,
    answer_delay: Duration,
    gateway: Gateway,
    between: Between,
    memory: Arc<Semaphore>,
}

impl Gate {
    pub(super) fn new(clock: Clock, config: &SandboxConfig) -> Self {
        Self {
            clock,
            pace: config.requests_per_second.map(Pace::new),
            answer_delay: config.answer_delay,
            gateway: config.gateway,
            between: Between::new(Fates::new(config)),
            memory: Arc::new(Semaphore::new(BODIES_IN_MEMORY_KIB as usize)),
        }
    }
}

/// The middleware of one provider's paths.
pub(super) async fn enter(State((gate, door)): State<(Arc<Gate>, Door)>, request: Request, next: Next) -> Response {
    let response = match admit(&gate, door, request).await {
        // The room for the body is held until its request is answered.
        Ok((request, _room)) => match gate.between.strike(&request) {
            Some(fault) => wire::struck(fault, StatusCode::OK.into_response()),
            None => next.run(request).await,
        },
        Err(refusal) => *refusal,
    };
    let response = gate.gateway.reword(response);
    tokio::time::sleep(gate.answer_delay).await;
    response
}

async fn admit(
    gate: &Gate,
    door: Door,
    request: Request,
) -> Result<(Request, tokio::sync::OwnedSemaphorePermit), Box<Response>> {
    let (parts, body) = request.into_parts();
    let size = body.size_hint();
    let too_large = || gateway(StatusCode::PAYLOAD_TOO_LARGE, "request body too large", "invalid_request_error");
    if size.lower() > MAX_BODY_BYTES {
        return Err(Box::new(too_large()));
    }
    let expected_bytes = size.upper().unwrap_or(MAX_BODY_BYTES).min(MAX_BODY_BYTES);
    let room_kib = u32::try_from(expected_bytes.div_ceil(1024)).unwrap_or(u32::MAX).min(BODIES_IN_MEMORY_KIB);
    let room = Arc::clone(&gate.memory).acquire_many_owned(room_kib).await;
    let room = room.expect("the semaphore is never closed");

    let whole = tokio::time::timeout(BODY_TIMEOUT, take_in(body)).await;
    let bytes = match whole {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(Box::new(too_large())),
        Err(_) => return Err(Box::new(StatusCode::REQUEST_TIMEOUT.into_response())),
    };
    let refuse = |refusal: Refusal| Box::new(refusal.into_response());
    check_credentials(door, &parts.headers, gate.clock.now() / 1_000_000).map_err(refuse)?;
    if let Some(pace) = &gate.pace {
        pace.take(Instant::now()).map_err(|wait| refuse(Refusal::too_fast(wait)))?;
    }
    Ok((Request::from_parts(parts, Body::from(bytes)), room))
}

async fn take_in(body: Body) -> Option<Bytes> {
    to_bytes(body, usize::try_from(MAX_BODY_BYTES).unwrap_or(usize::MAX)).await.ok()
}

/// Checks what `docs/provider.md` says of the authorization header.
fn check_credentials(door: Door, headers: &HeaderMap, now_s: i64) -> Result<(), Refusal> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or("");
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(Refusal::unauthorized(1001, "Authorization is empty"));
    }
    if token == "invalid" {
        return Err(Refusal::unauthorized(1002, "Authorization is invalid"));
    }
    if door == Door::Kling && token.split('.').count() == 3 { check_jwt(token, now_s) } else { Ok(()) }
}

/// Checks the times of a JWT. Its signature is not checked: the sandbox knows no secret.
fn check_jwt(token: &str, now_s: i64) -> Result<(), Refusal> {
    #[derive(Deserialize)]
    struct Claims {
        exp: Option<f64>,
        nbf: Option<f64>,
    }
    let claims = token
        .split('.')
        .nth(1)
        .and_then(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok())
        .and_then(|json| serde_json::from_slice::<Claims>(&json).ok())
        .ok_or_else(|| Refusal::unauthorized(1002, "Authorization is invalid: its claims cannot be read"))?;
    let now_s = now_s as f64;
    if claims.nbf.is_some_and(|from| now_s < from) {
        return Err(Refusal::unauthorized(1003, "Authorization is not yet valid"));
    }
    if claims.exp.is_none_or(|until| now_s >= until) {
        return Err(Refusal::unauthorized(1004, "Authorization has expired"));
    }
    Ok(())
}

/// At most this many requests in any window of one second.
#[derive(Debug)]
pub(super) struct Pace {
    per_second: usize,
    taken: Mutex<VecDeque<Instant>>,
}

impl Pace {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second: per_second as usize, taken: Mutex::default() }
    }

    /// Counts a request, or says how long to wait. A refused request is not counted.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        const WINDOW: Duration = Duration::from_secs(1);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.front().is_some_and(|at| now.saturating_duration_since(*at) >= WINDOW) {
            taken.pop_front();
        }
        if taken.len() < self.per_second {
            taken.push_back(now);
            return Ok(());
        }
        Err(taken.front().map_or(WINDOW, |oldest| WINDOW.saturating_sub(now.saturating_duration_since(*oldest))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_holds_in_every_window_of_a_second() {
        let pace = Pace::new(2);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(pace.take(at(0)), Ok(()));
        assert_eq!(pace.take(at(600)), Ok(()));
        assert_eq!(pace.take(at(900)), Err(Duration::from_millis(100)));
        assert_eq!(pace.take(at(1_000)), Ok(()), "the first one has left the window");
        assert_eq!(pace.take(at(1_100)), Err(Duration::from_millis(500)));
    }

    #[test]
    fn every_refusal_of_credentials_has_its_own_code() {
        let code = |door, value: Option<String>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::AUTHORIZATION, value.parse().expect("a header"));
            }
            check_credentials(door, &headers, 1_000).err().map(|refusal| refusal.code)
        };
        let jwt = |claims: &str| Some(format!("Bearer e30.{}.sig", URL_SAFE_NO_PAD.encode(claims)));
        assert_eq!(code(Door::Dmxapi, None), Some(1001));
        assert_eq!(code(Door::Dmxapi, Some("Bearer ".to_owned())), Some(1001));
        assert_eq!(code(Door::Dmxapi, Some("Basic abc".to_owned())), Some(1001));
        assert_eq!(code(Door::Dmxapi, Some("Bearer invalid".to_owned())), Some(1002));
        assert_eq!(code(Door::Dmxapi, Some("Bearer sk-1".to_owned())), None);
        assert_eq!(code(Door::Kling, jwt(r#"{"exp":2000,"nbf":1001}"#)), Some(1003));
        assert_eq!(code(Door::Kling, jwt(r#"{"exp":1000,"nbf":900}"#)), Some(1004));
        assert_eq!(code(Door::Kling, jwt(r#"{"exp":1001,"nbf":1000}"#)), None);
        assert_eq!(code(Door::Kling, Some("Bearer a.b.c".to_owned())), Some(1002));
        assert_eq!(code(Door::Dmxapi, jwt(r#"{"exp":1}"#)), None, "the reseller's keys are opaque");
    }
}
