//! Tells a task's `callback_url` of its status changes, signed where the account has a webhook secret.
//!
//! Only addresses of this machine are told. A stand-in that posts to the hosts which a manifest names would
//! reach real services with invented news.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use super::account::PaidFrom;
use super::clock::{Clock, Micros};
use super::solutions;
use super::tasks::{Form, Task};
use super::wire::{self, View};

/// How long a listener may take; a callback that fails is lost, as it may be with the real service.
const POST_TIMEOUT: Duration = Duration::from_secs(5);

/// Tells of the status changes of all tasks that ask for it.
#[derive(Debug, Clone)]
pub(super) struct Callbacks {
    client: reqwest::Client,
    clock: Clock,
    origin: String,
    paid_from: PaidFrom,
    secret: Option<Arc<[u8]>>,
    stopping: CancellationToken,
}

impl Callbacks {
    /// `None` if the secret is not `whsec_` followed by Base64.
    pub(super) fn new(
        clock: Clock,
        address: SocketAddr,
        secret: Option<&str>,
        paid_from: PaidFrom,
        stopping: CancellationToken,
    ) -> Option<Self> {
        let secret = match secret {
            Some(text) => Some(STANDARD.decode(text.strip_prefix("whsec_")?).ok()?.into()),
            None => None,
        };
        let client = reqwest::Client::builder().no_proxy().timeout(POST_TIMEOUT).build();
        let client = client.inspect_err(|error| tracing::error!(%error, "the sandbox has no HTTP client")).ok()?;
        Some(Self { client, clock, origin: format!("http://{address}"), paid_from, secret, stopping })
    }

    /// Tells of every status change of a task that was just created, if it asks for that.
    pub(super) fn follow_new(&self, task: Task) {
        let since = task.created_at;
        self.follow(task, since);
    }

    /// Tells of the status changes of `task` from `since` on, if it asks for that.
    ///
    /// What came before has been told by the process that ran then, or is lost.
    pub(super) fn follow(&self, task: Task, since: Micros) {
        let Some(url) = task.callback_url.as_deref().and_then(loopback) else { return };
        let this = self.clone();
        tokio::spawn(async move {
            let stopping = this.stopping.clone();
            let _: Option<()> = stopping.run_until_cancelled(this.tell_all(&url, &task, since)).await;
        });
    }

    async fn tell_all(&self, url: &Url, task: &Task, since: Micros) {
        for moment in [task.starts_at, task.ends_at].into_iter().filter(|moment| *moment >= since) {
            tokio::time::sleep(until(moment, self.clock.now())).await;
            self.tell(url, task, moment).await;
        }
    }

    async fn tell(&self, url: &Url, task: &Task, moment: Micros) {
        let view = View { origin: &self.origin, paid_from: self.paid_from, flaw: None };
        let body = match task.form() {
            Form::Kolors => wire::task(task, moment, view),
            Form::Solutions => solutions::callback(task, moment, view),
        };
        let body = body.to_string();
        let mut request = self.client.post(url.clone()).header("content-type", "application/json");
        if let Some(secret) = &self.secret {
            let id = uuid::Uuid::now_v7().to_string();
            let seconds = (self.clock.now() / 1_000_000).to_string();
            request = request
                .header("webhook-signature", signature(secret, &id, &seconds, &body))
                .header("webhook-id", id)
                .header("webhook-timestamp", seconds);
        }
        if let Err(error) = request.body(body).send().await {
            tracing::debug!(%error, "a callback of the sandbox was lost");
        }
    }
}

/// How long it is until `moment`; zero if it has passed.
fn until(moment: Micros, now: Micros) -> Duration {
    Duration::from_micros(u64::try_from(moment - now).unwrap_or(0))
}

/// The URL, if it leads to this machine.
fn loopback(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_loopback = match url.host()? {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
    };
    is_loopback.then_some(url)
}

/// The `webhook-signature` header, as Standard Webhooks describes it (`docs/provider.md`, "Callback").
fn signature(secret: &[u8], id: &str, timestamp: &str, body: &str) -> String {
    let mac = hmac_sha256(secret, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac))
}

/// RFC 2104, in its own words: written out so that the client's verification is tested against another code.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    const BLOCK_BYTES: usize = 64;
    let mut block = [0_u8; BLOCK_BYTES];
    if key.len() > BLOCK_BYTES {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_test_vector_is_signed_as_published() {
        let secret = STANDARD.decode("dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=").expect("Base64");
        let body = r#"{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}"#;
        assert_eq!(
            signature(&secret, "9876543210", "1781080794", body),
            "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="
        );
    }

    #[test]
    fn only_addresses_of_this_machine_are_told() {
        for url in ["http://127.0.0.1:8080/x", "http://localhost/", "http://[::1]:1/"] {
            assert!(loopback(url).is_some(), "{url}");
        }
        for url in ["https://example.com/hook", "http://127.0.0.1.example.com/", "http://10.0.0.1/", "nonsense"] {
            assert!(loopback(url).is_none(), "{url}");
        }
    }
}
