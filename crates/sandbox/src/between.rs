//! What is between a client and the service (a firewall, a login page, a wrong key) and answers in its place.
//!
//! Creates draw this fate with their others, in the file of tasks, so that it survives a restart; here it is every
//! other request. How often a path was asked for is counted, so that each time has a draw of its own.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::Request;
use axum::http::Method;

use super::fate::Fates;
use super::fault::Fault;

/// Paths that are counted; when there are more, the counting begins again.
const MOST_PATHS: usize = 100_000;

/// Draws what befalls requests that are no creates.
#[derive(Debug)]
pub(super) struct Between {
    fates: Fates,
    asked: Mutex<HashMap<String, u32>>,
}

impl Between {
    pub(super) fn new(fates: Fates) -> Self {
        Self { fates, asked: Mutex::default() }
    }

    /// The fault that answers this request in the service's place.
    pub(super) fn strike(&self, request: &Request) -> Option<Fault> {
        let path = request.uri().path();
        if request.method() == Method::POST
            && (path.ends_with("/kolors-virtual-try-on") || path == "/solutions/virtual_try_on")
        {
            return None;
        }
        self.fates.of_request(path, self.nth(path))
    }

    fn nth(&self, path: &str) -> u32 {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= MOST_PATHS && !asked.contains_key(path) {
            asked.clear();
        }
        let times = asked.entry(path.to_owned()).or_default();
        *times += 1;
        *times
    }
}
