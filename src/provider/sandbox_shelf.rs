//! Links to pictures on the shelf of the stand-in, which takes the place of a bucket there: a picture is put under its SHA-256
//! once, and its address is sent.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::Client;

use crate::store::{Link, LinkError, Linkable, PictureLinks, PutOnce};

use super::Timeouts;
use super::transport::chain;

/// The shelf of a stand-in on this machine.
#[derive(Debug)]
pub struct SandboxShelf {
    http: Client,
    /// Where it is, with a slash at its end.
    place: String,
    put: PutOnce,
}

impl SandboxShelf {
    /// The shelf of the stand-in at `base_url`.
    ///
    /// # Errors
    /// No client can be set up.
    pub fn new(base_url: &str, timeouts: Timeouts) -> Result<Self, String> {
        let http = Client::builder().no_proxy().connect_timeout(timeouts.connect).timeout(timeouts.request).build();
        let place = format!("{}/uploads/", base_url.trim_end_matches('/'));
        Ok(Self { http: http.map_err(|error| chain(&error))?, place, put: PutOnce::default() })
    }

    async fn put(&self, picture: Linkable) -> Result<String, LinkError> {
        let read = tokio::task::spawn_blocking(move || picture.read()).await;
        let (bytes, sha256) = read.map_err(|error| LinkError::Passing(error.to_string()))??;
        let url = format!("{}{sha256}", self.place);
        let answer = self.http.put(&url).body(bytes).send().await;
        match answer.and_then(reqwest::Response::error_for_status) {
            Ok(_) => Ok(url),
            Err(error) => Err(LinkError::Passing(chain(&error))),
        }
    }
}

impl PictureLinks for SandboxShelf {
    fn link<'a>(&'a self, picture: &'a Linkable, _life: Duration) -> BoxFuture<'a, Result<Link, LinkError>> {
        async move {
            let (url, took_time) = self.put.place_of(picture, self.put(picture.clone())).await?;
            Ok(Link { url, took_time })
        }
        .boxed()
    }

    /// The older form is sent the pictures themselves, as at the real service.
    fn is_for_every_model(&self) -> bool {
        false
    }
}
