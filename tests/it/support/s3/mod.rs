//! A real S3 server (`moto_server`, from `PyPI`'s `moto[server]`), and a proxy before it that has bad days.
//!
//! Where the server is not installed, the tests that need it say so on standard error and pass.

mod proxy;
mod server;
mod shop;

pub(crate) use proxy::{Asked, Fault, Proxy};
pub(crate) use server::S3;
pub(crate) use shop::{BucketShop, FOREIGN};

use crate::support::wire;

/// What the program under test reads of its bucket.
pub(crate) fn variables(endpoint: &str) -> [(&'static str, String); 4] {
    [
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKTESTKEYID".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
    ]
}

/// What is at a URL of this machine's; `None` where it is refused.
pub(crate) fn fetched(url: &str) -> Option<Vec<u8>> {
    let (host, path) = url.strip_prefix("http://")?.split_once('/')?;
    let port = host.rsplit_once(':')?.1.parse().ok()?;
    let request = wire::Request {
        first: format!("GET /{path} HTTP/1.1"),
        headers: vec![("host".to_owned(), host.to_owned())],
        body: Vec::new(),
    };
    let (status, _, body) = wire::parted(&request.ask(port).ok()?);
    (status == 200).then_some(body)
}

/// What must be found nowhere.
pub(crate) const SECRET: &str = "hush-5f3a9c-bucket";
