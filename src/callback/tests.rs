//! The listener over real connections of this machine. What is sent is written by hand, so that it can be wrong.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::reception::MOST_BODY_BYTES;
use super::{Listener, Proof, SecretPath, Wake, WebhookSecret};
use crate::serve::Patience;

const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Nothing here takes longer, unless it hangs.
const LONGEST: Duration = Duration::from_secs(20);

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

/// The callback of the end of task `id`.
fn end_of(id: &str) -> String {
    format!(r#"{{"task_id":"{id}","task_status":"succeed","task_info":{{"external_task_id":"ours-{id}"}}}}"#)
}

fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The headers with which the account signs `body`.
fn signed(key: &[u8], at: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac.update(format!("msg-1.{at}.{body}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    format!("webhook-id: msg-1\r\nwebhook-timestamp: {at}\r\nwebhook-signature: v1,{signature}\r\n")
}

/// Sends bytes, closes its side if `closes`, and returns what came back: the status, or 0 where nothing did.
async fn send(address: SocketAddr, bytes: &[u8], closes: bool) -> u16 {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        // The listener may answer and close before all is sent.
        let _ = stream.write_all(bytes).await;
        if closes {
            let _ = stream.shutdown().await;
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    };
    tokio::time::timeout(LONGEST, talk).await.expect("the connection ends")
}

/// Longer than any test.
const ENDLESS: Duration = Duration::from_secs(3_600);

struct Heard {
    listener: Listener,
    wakes: mpsc::Receiver<Wake>,
}

impl Heard {
    async fn with(proof: Proof) -> Self {
        let (listener, wakes) = Listener::start(LOCAL, proof).await.expect("listens");
        Self { listener, wakes }
    }

    async fn at_path() -> Self {
        Self::with(Proof::Path(SecretPath::kept("c0ffee".to_owned()))).await
    }

    /// As [`Self::at_path`], with another patience for slow connections.
    async fn patient(patience: Patience) -> Self {
        let proof = Proof::Path(SecretPath::kept("c0ffee".to_owned()));
        let (listener, wakes) = Listener::start_with(LOCAL, proof, patience).await.expect("listens");
        Self { listener, wakes }
    }

    async fn signed() -> Self {
        let secret = format!("whsec_{}", STANDARD.encode(KEY));
        Self::with(Proof::Signature(WebhookSecret::parse(&secret.into()).expect("a secret"))).await
    }

    async fn send(&self, bytes: &[u8]) -> u16 {
        send(self.listener.address(), bytes, false).await
    }

    /// Nothing has woken the run, and a real callback, sent as `bytes`, still does.
    async fn wakes_only_by(mut self, id: &str, bytes: &[u8]) {
        assert_eq!(self.send(bytes).await, 200);
        let wake = tokio::time::timeout(LONGEST, self.wakes.recv()).await.expect("in time").expect("a hint");
        assert_eq!(wake.task_id.map(|id| id.0).as_deref(), Some(id), "the first hint is the real one");
        assert_eq!(wake.external_id.map(|id| id.0), Some(format!("ours-{id}")));
        assert!(wake.is_end);
        self.wakes.try_recv().expect_err("one callback, one hint");
        let stopped = tokio::time::timeout(LONGEST, self.listener.stop()).await;
        stopped.expect("it stops");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let first = Heard::at_path().await;
    let address = first.listener.address();
    let error = Listener::start(address, Proof::Path(SecretPath::fresh())).await.expect_err("taken");
    assert!(error.to_string().starts_with(&format!("could not listen for callbacks on {address}: ")), "{error}");
}

#[tokio::test]
async fn a_callback_to_the_secret_path_wakes_whatever_a_proxy_puts_before_it() {
    for path in ["/c0ffee", "/hooks/tryon/c0ffee", "/c0ffee?via=tunnel"] {
        Heard::at_path().await.wakes_only_by("831", &post(path, "", &end_of("831"))).await;
    }
}

#[tokio::test]
async fn a_callback_to_another_path_wakes_nothing() {
    let heard = Heard::at_path().await;
    for path in ["/", "/c0ffe", "/c0ffee/", "/hook", "/c0ffee0", "/%63%300ffee", "*"] {
        assert_eq!(heard.send(&post(path, "", &end_of("1"))).await, 404, "{path}");
    }
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let request = format!("{method} /c0ffee HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(heard.send(request.as_bytes()).await, 405, "{method}");
    }
    heard.wakes_only_by("2", &post("/c0ffee", "", &end_of("2"))).await;
}

#[tokio::test]
async fn only_a_callback_signed_now_with_the_accounts_secret_wakes() {
    let heard = Heard::signed().await;
    let (body, now) = (end_of("1"), Timestamp::now().as_second());
    for headers in [
        String::new(),
        "webhook-id: 1\r\nwebhook-timestamp: 1\r\nwebhook-signature: v1,AAAA\r\n".to_owned(),
        signed(b"another key", now, &body),
        signed(KEY, now - 400, &body),
        signed(KEY, now + 400, &body),
        signed(KEY, now, &end_of("2")),
    ] {
        assert_eq!(heard.send(&post("/hook", &headers, &body)).await, 401, "{headers}");
    }
    let right = post("/any/path", &signed(KEY, now, &body), &body);
    heard.wakes_only_by("1", &right).await;
}

#[tokio::test]
async fn a_replay_is_one_more_hint_and_nothing_else() {
    let mut heard = Heard::signed().await;
    let body = end_of("1");
    let request = post("/", &signed(KEY, Timestamp::now().as_second(), &body), &body);
    for _ in 0..3 {
        assert_eq!(heard.send(&request).await, 200);
        assert!(heard.wakes.recv().await.expect("a hint").is_end);
    }
}

#[tokio::test]
async fn a_body_up_to_64_kib_is_read_and_a_longer_one_is_not() {
    let heard = Heard::at_path().await;
    let padded = |bytes: usize| {
        let end = end_of("1");
        format!("{end}{}", " ".repeat(bytes - end.len()))
    };
    assert_eq!(heard.send(&post("/c0ffee", "", &padded(MOST_BODY_BYTES + 1))).await, 413);
    let chunked = format!(
        "POST /c0ffee HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        format!("2000\r\n{}\r\n", " ".repeat(0x2000)).repeat(9)
    );
    assert_eq!(heard.send(chunked.as_bytes()).await, 413);
    heard.wakes_only_by("1", &post("/c0ffee", "", &padded(MOST_BODY_BYTES))).await;
}

#[tokio::test]
async fn garbage_wakes_nothing_and_breaks_nothing() {
    let heard = Heard::at_path().await;
    let address = heard.listener.address();
    for body in ["", "nonsense", "{", "[[[[", "task_id=1&task_status=succeed", "<xml/>", "\u{0}\u{1}"] {
        assert_eq!(heard.send(&post("/c0ffee", "", body)).await, 400, "{body}");
    }
    for body in ["{}", "null", r#"{"task_id":{}}"#, r#"{"event":"ping"}"#] {
        assert_eq!(heard.send(&post("/c0ffee", "", body)).await, 200, "{body}");
    }
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"POST /c0ffee HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /c0ffee HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /c0ffee HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n{}",
        b"POST /c0ffee HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /c0ffee HTTP/1.1\r\nContent-Length: 100\r\n\r\n{\"task_id\":\"1\"",
        b"POST /c0ffee HT",
        b"",
    ] {
        let status = send(address, bytes, true).await;
        assert!([0, 400, 413, 505].contains(&status), "{status}: {}", String::from_utf8_lossy(bytes));
    }
    heard.wakes_only_by("1", &post("/c0ffee", "Content-Type: text/plain\r\n", &end_of("1"))).await;
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let heard = Heard::at_path().await;
    let long = format!("X-Long: {}\r\n", "a".repeat(60_000));
    let many = "X-Many: a\r\n".repeat(500);
    for headers in [long, many] {
        let status = heard.send(&post("/c0ffee", &headers, "{}")).await;
        assert!([0, 431].contains(&status), "{status}");
    }
    let path = format!("/{}", "a".repeat(60_000));
    let status = heard.send(&post(&path, "", "{}")).await;
    assert!([0, 414, 431].contains(&status), "{status}");
    heard.wakes_only_by("1", &post("/c0ffee", "", &end_of("1"))).await;
}

#[tokio::test]
async fn who_sends_slowly_is_cut_off() {
    let timeout = Duration::from_millis(300);
    let heard = Heard::patient(Patience { in_all: timeout, when_full: ENDLESS, ..Patience::default() }).await;
    let head = "POST /c0ffee HTTP/1.1\r\nHost: h\r\n";
    for start in ["", head, &format!("{head}Content-Length: 1000\r\n\r\n")] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(heard.listener.address()).await.expect("connects");
        stream.write_all(start.as_bytes()).await.expect("sent");
        // One byte now and then keeps a timeout of silence alive, but not this one.
        let dribble = async {
            let mut one = [0_u8; 1];
            loop {
                tokio::select! {
                    got = stream.read(&mut one) => break got,
                    () = tokio::time::sleep(Duration::from_millis(20)) => {
                        let _ = stream.write_all(b"a").await;
                    }
                }
            }
        };
        let got = tokio::time::timeout(LONGEST, dribble).await.expect("it is cut off");
        assert!(matches!(got, Ok(0) | Err(_)), "without an answer: {got:?}");
        assert!(begun.elapsed() >= timeout, "after its time");
    }
    heard.wakes_only_by("1", &post("/c0ffee", "", &end_of("1"))).await;
}

#[tokio::test]
async fn hints_that_nobody_takes_are_dropped_and_the_sender_is_answered_all_the_same() {
    let mut heard = Heard::at_path().await;
    let waiting = heard.wakes.capacity();
    for _ in 0..waiting + 50 {
        assert_eq!(heard.send(&post("/c0ffee", "", &end_of("1"))).await, 200);
    }
    let mut hints = 0;
    while heard.wakes.try_recv().is_ok() {
        hints += 1;
    }
    assert_eq!(hints, waiting);
    heard.wakes.close();
    assert_eq!(heard.send(&post("/c0ffee", "", &end_of("1"))).await, 200, "nobody listens any more");
}

#[tokio::test]
async fn idle_connections_without_number_keep_no_callback_out() {
    let heard =
        Heard::patient(Patience { in_all: ENDLESS, when_full: Duration::from_millis(50), ..Patience::default() }).await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(TcpStream::connect(heard.listener.address()).await.expect("connects"));
    }
    heard.wakes_only_by("1", &post("/c0ffee", "", &end_of("1"))).await;
    drop(idle);
}

#[tokio::test]
async fn a_connection_has_its_fair_time_even_where_others_wait() {
    let fair = Duration::from_millis(300);
    let heard = Heard::patient(Patience { in_all: ENDLESS, when_full: fair, ..Patience::default() }).await;
    let begun = Instant::now();
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(TcpStream::connect(heard.listener.address()).await.expect("connects"));
    }
    let closed = tokio::time::timeout(LONGEST, idle[0].read(&mut [0])).await.expect("the oldest has to go");
    assert!(matches!(closed, Ok(0) | Err(_)), "without an answer: {closed:?}");
    assert!(begun.elapsed() >= fair, "after {:?}", begun.elapsed());
    heard.wakes_only_by("1", &post("/c0ffee", "", &end_of("1"))).await;
}

#[tokio::test]
async fn a_burst_of_callbacks_is_heard_whole() {
    let mut heard = Heard::at_path().await;
    let address = heard.listener.address();
    let mut senders = tokio::task::JoinSet::new();
    for n in 0..400 {
        senders.spawn(async move { send(address, &post("/c0ffee", "", &end_of(&n.to_string())), false).await });
    }
    assert!(senders.join_all().await.into_iter().all(|status| status == 200));
    let mut ids = std::collections::BTreeSet::new();
    while let Ok(wake) = heard.wakes.try_recv() {
        ids.insert(wake.task_id);
    }
    assert_eq!(ids.len(), 400);
}

#[tokio::test]
async fn it_stops_at_once_and_gives_the_port_back() {
    let heard = Heard::patient(Patience { in_all: ENDLESS, when_full: ENDLESS, ..Patience::default() }).await;
    let address = heard.listener.address();
    let _idle = TcpStream::connect(address).await.expect("connects");
    tokio::time::timeout(LONGEST, heard.listener.stop()).await.expect("it stops");
    TcpStream::connect(address).await.expect_err("nobody listens");
    let (again, _) = Listener::start(address, Proof::Path(SecretPath::fresh())).await.expect("the port is free");
    drop(again);
}
