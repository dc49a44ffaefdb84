//! A provider that misbehaves on request and keeps its own books.
//!
//! Written from `docs/provider.md` alone: it shares no type with the client under test nor with the program's own stand-in, so
//! that a misunderstanding there cannot hide here. It lives in a thread of the test process and so outlives every
//! kill of the program.

mod answers;
mod bill;
mod books;
mod pictures;
mod routes;
mod script;
mod shapes;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

pub(crate) use answers::Answer;
pub(crate) use bill::Bill;
pub(crate) use books::{Books, Kind, Seen};
pub(crate) use pictures::picture_of;
pub(crate) use script::{
    CreateSeen, Dice, DownloadSeen, ExternalIds, Fate, List, Loss, OnCreate, OnDownload, OnQuery, Outage, QuerySeen,
    Script,
};
pub(crate) use shapes::Shape;

/// The one key that this provider takes.
pub(crate) const KEY: &str = "test-key-5f3a9c";

/// A running provider. Stops when dropped.
pub(crate) struct Provider {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What its connections share.
struct Shared {
    state: Mutex<State>,
    /// Whether connections are taken at all.
    open: watch::Sender<bool>,
    /// Counts up whenever answers that were held back may go.
    let_go: watch::Sender<u64>,
}

struct State {
    script: Script,
    books: Books,
    outage: Outage,
    address: String,
}

impl Shared {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider {
    /// Starts a provider that follows `script`.
    pub(crate) fn start(script: Script) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let state =
            State { script, books: Books::default(), outage: Outage::None, address: format!("http://{address}") };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            open: watch::Sender::new(true),
            let_go: watch::Sender::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = serve(serving, listener) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { shared, address, stop: Some(stop), thread: Some(thread) }
    }

    /// What goes after `--base-url`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/kling", self.address)
    }

    /// The books as they are now.
    pub(crate) fn books(&self) -> Books {
        self.shared.locked().books.clone()
    }

    /// Changes the script from now on.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.shared.locked().script);
    }

    /// Tells of each task the id that its create gave it, whatever it was told before.
    pub(crate) fn finds_external_ids_again(&self) {
        let mut state = self.shared.locked();
        let books = &mut state.books;
        for task in &mut books.tasks {
            task.external_id = books.requests.iter().find_map(|seen| match &seen.kind {
                Kind::Create { job: Some(job), external_id } if *job == task.job => external_id.clone(),
                _ => None,
            });
        }
    }

    /// Begins an outage, or ends it.
    pub(crate) fn outage(&self, outage: Outage) {
        self.shared.open.send_replace(!matches!(outage, Outage::Closed));
        self.shared.locked().outage = outage;
    }

    /// Ends the tasks that are at work; later ones take `task_time`.
    pub(crate) fn end_tasks(&self, task_time: Duration) {
        let (mut state, now) = (self.shared.locked(), Instant::now());
        state.script.task_time = task_time;
        state.books.tasks.iter_mut().for_each(|task| task.ends_at = task.ends_at.min(now));
    }

    /// Gives the answers that are held back.
    pub(crate) fn let_go(&self) {
        self.shared.let_go.send_modify(|times| *times += 1);
    }

    /// Waits until the books show something. Panics with `what` when they do not within 30 s.
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&Books) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_so(&self.shared.locked().books) {
            assert!(Instant::now() < deadline, "never came: {what}\n{}", self.books().story());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Takes connections while the provider is open.
async fn serve(shared: Arc<Shared>, listener: std::net::TcpListener) {
    let address = listener.local_addr().expect("its address");
    listener.set_nonblocking(true).expect("a listener that does not block");
    let mut listener = Some(TcpListener::from_std(listener).expect("a listener"));
    let mut open = shared.open.subscribe();
    loop {
        let Some(listening) = &listener else {
            open.wait_for(|open| *open).await.expect("the provider lives");
            listener = Some(TcpListener::bind(address).await.expect("the port is still ours"));
            continue;
        };
        tokio::select! {
            taken = listening.accept() => {
                let Ok((stream, _)) = taken else { continue };
                tokio::spawn(converse(Arc::clone(&shared), stream));
            }
            _ = open.wait_for(|open| !*open) => listener = None,
        }
    }
}

/// One connection, until it ends or the provider closes.
async fn converse(shared: Arc<Shared>, stream: TcpStream) {
    let mut open = shared.open.subscribe();
    tokio::select! {
        () = routes::converse(&shared, stream) => {}
        _ = open.wait_for(|open| !*open) => {}
    }
}
