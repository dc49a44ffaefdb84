//! The sandbox as a client meets it: a real server on the loopback interface.

mod faults;
mod gateways;
mod misbehaviour;
mod protocol;
mod restart;
mod solutions;

use std::io::Cursor;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::{Value, json};

use super::{Gateway, Latency, PaidFrom, Sandbox, SandboxConfig};

const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A PNG of the given size, with a gradient so that sizes differ in bytes too.
pub(super) fn png(width: u32, height: u32) -> Vec<u8> {
    let picture = RgbImage::from_fn(width, height, |x, y| image::Rgb([(x % 256) as u8, (y % 256) as u8, 90]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(picture).write_to(&mut bytes, ImageFormat::Png).expect("encodes");
    bytes.into_inner()
}

/// Tasks that end after `ms` milliseconds.
fn taking_ms(ms: u64) -> SandboxConfig {
    SandboxConfig { latency: Latency::Fixed(Duration::from_millis(ms)), ..SandboxConfig::default() }
}

/// Endless tasks, with faults by their names.
fn faulty(faults: &[&str]) -> SandboxConfig {
    SandboxConfig { faults: faults.iter().map(|text| text.parse().expect("a fault")).collect(), ..endless() }
}

/// Tasks that nobody lives to see the end of.
fn endless() -> SandboxConfig {
    taking_ms(3_600_000)
}

async fn start(config: SandboxConfig) -> Sandbox {
    Sandbox::start(LOCAL, config).await.expect("the sandbox starts")
}

/// What came back: the status, the headers, and the body where it is JSON.
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
    json: Value,
}

impl Answer {
    fn code(&self) -> i64 {
        self.json["code"].as_i64().unwrap_or(-1)
    }

    fn outcome(&self) -> (u16, i64) {
        (self.status, self.code())
    }

    fn task_id(&self) -> String {
        self.json["data"]["task_id"].as_str().expect("a task id").to_owned()
    }
}

/// A client of one provider.
struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    fn new(base: String) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { http: http.build().expect("a client"), base }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        let response = request.header("authorization", "Bearer sk-test").send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, headers, text, json })
    }

    async fn try_create(&self, body: &Value) -> Result<Answer, reqwest::Error> {
        let url = format!("{}/v1/images/kolors-virtual-try-on", self.base);
        self.send(self.http.post(url).body(body.to_string())).await
    }

    async fn create(&self, body: &Value) -> Answer {
        self.try_create(body).await.expect("an answer")
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.base))).await.expect("an answer")
    }

    async fn query(&self, id: &str) -> Answer {
        self.get(&format!("/v1/images/kolors-virtual-try-on/{id}")).await
    }

    /// Asks until the task has ended.
    async fn ended(&self, id: &str) -> Value {
        for _ in 0..2_000 {
            let data = self.query(id).await.json["data"].take();
            if data["task_status"] == "succeed" || data["task_status"] == "failed" {
                return data;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("task {id} does not end");
    }

    async fn fetch(&self, url: &str) -> (u16, Vec<u8>) {
        let response = self.http.get(url).send().await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.bytes().await.expect("a body").to_vec())
    }
}

/// The body of a create whose pictures are addresses, which are cheap; the `n`th pair.
fn pair(n: usize) -> Value {
    json!({ "human_image": "https://example.com/h.jpg", "cloth_image": format!("https://example.com/{n}.jpg") })
}

/// The same with an external id.
fn named_pair(n: usize, external_id: &str) -> Value {
    let mut body = pair(n);
    body["external_task_id"] = json!(external_id);
    body
}

/// A create with pictures.
fn with_pictures(human: &[u8], cloth: &[u8]) -> Value {
    json!({ "human_image": STANDARD.encode(human), "cloth_image": STANDARD.encode(cloth) })
}
