//! A real S3 server (`moto_server`, from PyPI's `moto[server]`), and a proxy before it that has bad days.
//!
//! Where the server is not installed, the tests that need it say so on standard error and pass.

mod proxy;
mod server;
mod shop;
mod wire;

pub(crate) use proxy::{Asked, Fault, Proxy};
pub(crate) use server::S3;
pub(crate) use shop::{BucketShop, FOREIGN};

/// What the program under test reads of its bucket.
pub(crate) fn variables(endpoint: &str) -> [(&'static str, String); 4] {
    [
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKTESTKEYID".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
    ]
}

/// What must be found nowhere.
pub(crate) const SECRET: &str = "hush-5f3a9c-bucket";
