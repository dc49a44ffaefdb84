//! HTTP on a port: connections in bounded number, for a bounded time.
//!
//! axum's own `serve` bounds neither the number of connections nor the time that a request's head may take, so the
//! loop that accepts them is written out here. What is answered is the router's business.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Connections at a time. Together with what one may send, this bounds the memory: 128 × (64 + 16) KiB.
const MOST_CONNECTIONS: usize = 128;

/// A request's line and headers, at most.
const MOST_HEAD_BYTES: usize = 16 * 1024;

/// A request's head takes no longer; nor does a connection wait longer for its next one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// After an error that is the machine's, such as too many open files, before the next connection is accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// How long [`Server::stop`] waits for answers that are on their way.
const STOP_TIMEOUT: Duration = Duration::from_millis(500);

/// How long connections may last.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From its beginning to its end: of one with one request, to the answer.
    pub in_all: Duration,
    /// While others wait for its place.
    pub when_full: Duration,
    /// Whether a connection may bring further requests after its first.
    pub keeps_alive: bool,
}

impl Default for Patience {
    /// For one request each: 10 s, and half a second while others wait.
    fn default() -> Self {
        Self { in_all: Duration::from_secs(10), when_full: Duration::from_millis(500), keeps_alive: false }
    }
}

/// Serves a router. It stops when it is dropped; [`Server::stop`] also waits for the end.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    server: JoinHandle<()>,
    /// Cancels the server when this goes out of scope.
    stopping: DropGuard,
}

impl Server {
    /// Starts listening; port 0 takes a free one, see [`Self::address`].
    ///
    /// # Errors
    /// The address is taken, or not one of this machine.
    pub async fn start(listen: SocketAddr, router: Router, patience: Patience) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let stopping = CancellationToken::new();
        let server = tokio::spawn(serve(listener, router, patience, stopping.clone()));
        Ok(Self { address, server, stopping: stopping.drop_guard() })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, and waits half a second at most for the answers that are on their way.
    pub async fn stop(self) {
        let Self { server, stopping, .. } = self;
        drop(stopping);
        if let Err(error) = server.await {
            tracing::error!(%error, "the listener broke down");
        }
    }
}

/// Accepts connections until it is told to stop.
async fn serve(listener: TcpListener, router: Router, patience: Patience, stopping: CancellationToken) {
    let mut open = Connections::new(patience);
    let accept_all = async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => open.take(converse(stream, router.clone(), patience.keeps_alive)).await,
                Err(error) => rest_after(&error).await,
            }
        }
    };
    let _: Option<()> = stopping.run_until_cancelled(accept_all).await;
    drop(listener);
    open.end().await;
}

/// The connections that are open, the oldest first; a few that have ended may still be among them.
#[derive(Debug)]
struct Connections {
    patience: Patience,
    places: Arc<Semaphore>,
    open: VecDeque<(Instant, AbortHandle)>,
    tracker: TaskTracker,
}

impl Connections {
    fn new(patience: Patience) -> Self {
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        Self { patience, places, open: VecDeque::with_capacity(MOST_CONNECTIONS), tracker: TaskTracker::new() }
    }

    /// Begins a connection, once there is a place for it.
    async fn take(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        let place = self.place().await;
        let in_all = self.patience.in_all;
        let task = self.tracker.spawn(async move {
            // One that takes longer is closed, and its sender learns no more than that.
            let _ = tokio::time::timeout(in_all, connection).await;
            drop(place);
        });
        self.open.push_back((Instant::now(), task.abort_handle()));
    }

    /// Waits for a place. Where none is free, the oldest connection has to go once it had its fair time: honest
    /// ones last for milliseconds, so that one is somebody's who sends nothing, or slowly.
    async fn place(&mut self) -> Option<OwnedSemaphorePermit> {
        self.open.retain(|(_, connection)| !connection.is_finished());
        loop {
            let free = Arc::clone(&self.places).acquire_owned();
            let Some((since, oldest)) = self.open.front() else { return free.await.ok() };
            match tokio::time::timeout_at(*since + self.patience.when_full, free).await {
                Ok(place) => return place.ok(),
                Err(_) => {
                    oldest.abort();
                    self.open.pop_front();
                }
            }
        }
    }

    /// Waits a moment for the connections that are open, and breaks off those that are left.
    async fn end(self) {
        self.tracker.close();
        if tokio::time::timeout(STOP_TIMEOUT, self.tracker.wait()).await.is_err() {
            self.open.iter().for_each(|(_, connection)| connection.abort());
        }
    }
}

/// Waits after an error of the machine. An error of one connection, which is gone already, is nothing to wait for.
async fn rest_after(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::debug!(%error, "could not accept a connection");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// One connection with its requests. Where strangers may connect it is one request: a connection that stays open for the next
/// one would have to be told from an idle attacker's.
async fn converse(stream: TcpStream, router: Router, keeps_alive: bool) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    http.keep_alive(keeps_alive).max_buf_size(MOST_HEAD_BYTES);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = connection.await {
        tracing::trace!(%error, "a connection ended early");
    }
}
