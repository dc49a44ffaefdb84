//! A proxy between the program and the server, which does to a request what networks and keepers do.

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::support::wire::Request;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answered 503 `SlowDown`; it does not arrive.
    Unavailable,
    /// The connection ends; it does not arrive.
    Dropped,
    /// It arrives, and its answer is lost.
    LostAnswer,
    /// It arrives, and half of its answer comes back.
    CutAnswer,
    /// It arrives twice; the second answer comes back.
    Repeated,
    /// Half of its body arrives, and is taken for the whole.
    ShortBody,
    /// Answered 403 `AccessDenied`.
    Denied,
}

impl Fault {
    /// Those of a bad day.
    pub(crate) const WEATHER: [Self; 6] =
        [Self::Unavailable, Self::Dropped, Self::LostAnswer, Self::CutAnswer, Self::Repeated, Self::ShortBody];
}

/// A request, as a script sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
}

type Script = Box<dyn FnMut(&Asked) -> Option<Fault> + Send>;

/// A running proxy. Stops when dropped.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    port: u16,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    server: u16,
    is_over: AtomicBool,
    script: Mutex<Script>,
    asked: Mutex<Vec<Asked>>,
    faults: AtomicUsize,
}

impl Proxy {
    /// Starts one before the server at `server`.
    pub(crate) fn start(server: u16, script: impl FnMut(&Asked) -> Option<Fault> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared {
            server,
            is_over: false.into(),
            script: Mutex::new(Box::new(script)),
            asked: Mutex::default(),
            faults: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, Ok(stream)) = (Arc::clone(&serving), stream) else { continue };
                std::thread::spawn(move || shared.converse(&stream));
            }
        });
        Self { shared, port, thread: Some(thread) }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Changes what happens from now on.
    pub(crate) fn change(&self, script: impl FnMut(&Asked) -> Option<Fault> + Send + 'static) {
        *locked(&self.shared.script) = Box::new(script);
    }

    /// How many requests met something.
    pub(crate) fn faults(&self) -> usize {
        self.shared.faults.load(Ordering::SeqCst)
    }

    /// Every request that came.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        locked(&self.shared.asked).clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn converse(&self, stream: &TcpStream) {
        // What cannot be read or answered any more is over.
        if let Ok(request) = Request::read(stream)
            && let Some(answer) = self.answer(request)
        {
            let mut stream = stream;
            let _ = stream.write_all(&answer);
        }
        let _ = stream.shutdown(Shutdown::Both);
    }

    /// The bytes that come back; `None` for none.
    fn answer(&self, request: Request) -> Option<Vec<u8>> {
        let mut words = request.first.split(' ');
        let asked = Asked { method: words.next()?.to_owned(), path: words.next()?.to_owned() };
        locked(&self.asked).push(asked.clone());
        let fault = locked(&self.script)(&asked);
        self.faults.fetch_add(usize::from(fault.is_some()), Ordering::SeqCst);
        let ask = |request: &Request| request.ask(self.server).ok().map(closing);
        match fault {
            None => ask(&request),
            Some(Fault::Unavailable) => Some(refusal("503 Slow Down", "SlowDown", "Please reduce your request rate.")),
            Some(Fault::Denied) => Some(refusal("403 Forbidden", "AccessDenied", "Access Denied")),
            Some(Fault::Dropped) => None,
            Some(Fault::LostAnswer) => ask(&request).and(None),
            Some(Fault::CutAnswer) => ask(&request).map(|answer| answer[..answer.len() / 2].to_vec()),
            Some(Fault::Repeated) => ask(&request).and_then(|_| ask(&request)),
            Some(Fault::ShortBody) => {
                let body = request.body[..request.body.len() / 2].to_vec();
                ask(&Request { body, ..request })
            }
        }
    }
}

/// An answer that says that its connection ends with it.
fn closing(answer: Vec<u8>) -> Vec<u8> {
    let Some(end) = answer.windows(2).position(|bytes| bytes == b"\r\n") else { return answer };
    let (first, rest) = answer.split_at(end + 2);
    [first, b"x-proxy: 1\r\nconnection: close\r\n", rest].concat()
}

fn refusal(status: &str, code: &str, message: &str) -> Vec<u8> {
    let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
