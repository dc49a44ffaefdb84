//! The server: one for all tests that run at a time, stopped by the last of them.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::support::wire::{Request, parted};

/// The server tells owners from strangers by whether a request is signed; it does not check signatures.
const ANY_SIGNATURE: &str =
    "AWS4-HMAC-SHA256 Credential=AKTEST/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// A running server, and a bucket in it that is this test's alone.
pub(crate) struct S3 {
    server: Arc<Server>,
    pub(crate) bucket: String,
}

struct Server {
    child: Child,
    port: u16,
}

static RUNNING: Mutex<(Weak<Server>, u32)> = Mutex::new((Weak::new(), 0));

impl S3 {
    /// A new bucket. `None`, and a word on standard error, where there is no server on this machine.
    #[expect(clippy::print_stderr, reason = "a test that was left out says so")]
    pub(crate) fn start(test: &str) -> Option<Self> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let server = match running.0.upgrade() {
            Some(server) => server,
            None => match Server::start() {
                Some(server) => Arc::new(server),
                None => {
                    eprintln!("left out: {test} (there is no moto_server; pip install 'moto[server]')");
                    return None;
                }
            },
        };
        running.0 = Arc::downgrade(&server);
        running.1 += 1;
        let s3 = Self { server, bucket: format!("shop-{}-{}", std::process::id(), running.1) };
        assert_eq!(s3.ask("PUT", "", &[]).0, 200, "a bucket");
        Some(s3)
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port
    }

    /// A URL of the bucket's, as the program takes it.
    pub(crate) fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    pub(crate) fn put(&self, key: &str, content: &[u8]) {
        assert_eq!(self.ask("PUT", key, content).0, 200, "{key} is put");
    }

    /// An object's content; `None` where there is none.
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let (status, _, body) = self.ask("GET", key, &[]);
        (status == 200).then_some(body)
    }

    /// The head of the answer about an object.
    pub(crate) fn head(&self, key: &str) -> String {
        self.ask("GET", key, &[]).1.to_lowercase()
    }

    pub(crate) fn remove(&self, key: &str) {
        assert_eq!(self.ask("DELETE", key, &[]).0, 204, "{key} is removed");
    }

    /// Every object, with its content.
    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let mut objects = BTreeMap::new();
        let mut after = String::new();
        loop {
            let (_, _, body) = self.ask("GET", &format!("?list-type=2&start-after={after}"), &[]);
            let text = String::from_utf8(body).expect("a list");
            let keys: Vec<&str> = text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()).collect();
            let Some(last) = keys.last() else { return objects };
            after = (*last).to_owned();
            for key in keys {
                objects.insert(key.to_owned(), self.get(key).unwrap_or_default());
            }
        }
    }

    fn ask(&self, method: &str, key: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
        let request = Request {
            first: format!("{method} /{}/{key} HTTP/1.1", self.bucket),
            headers: vec![
                ("host".to_owned(), format!("127.0.0.1:{}", self.server.port)),
                ("authorization".to_owned(), ANY_SIGNATURE.to_owned()),
            ],
            body: body.to_vec(),
        };
        parted(&request.ask(self.server.port).expect("an answer"))
    }
}

impl Server {
    fn start() -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
        let mut command = Command::new("moto_server");
        command.args(["-H", "127.0.0.1", "-p", &free.to_string()]).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let mut server = Self { child, port: free };
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", free)).is_err() {
            // A wrapper without a program behind it ends at once.
            if server.child.try_wait().expect("its state").is_some() || Instant::now() > deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
