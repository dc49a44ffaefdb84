//! The stand-in of the provider's API: a real HTTP server that behaves as the documentation says, makes
//! pictures that nobody takes for real ones, and misbehaves on request.
//!
//! It answers for the provider's side only (`docs/provider.md`), and is a crate of its own, so that the compiler proves that it
//! shares nothing with the client: what the client misreads would otherwise be misread here as well, and every test would
//! still pass.
//!
//! A sandbox that is killed and started again on the same `state_dir` knows its tasks, as a service that runs
//! on its own would: every create is on disk before it is answered, and time alone decides when a task ends.

mod account;
mod between;
mod callback;
mod clock;
mod composite;
mod create;
mod fate;
mod fault;
mod garment;
mod gate;
mod gateway;
mod pictures;
mod placeholder;
mod render;
mod routes;
mod solutions;
mod stamp;
mod tasks;
#[cfg(test)]
mod tests;
mod uploads;
mod wire;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use callback::Callbacks;
use clock::Clock;
use fate::Fates;
use gate::{Gate, Pace};
use pictures::Pictures;
use render::Renderer;
use routes::Service;
use tasks::Tasks;

pub use account::PaidFrom;
pub use fate::Latency;
pub use fault::{Fault, FaultError, FaultShare};
pub use gateway::Gateway;
pub use tasks::MemoryError;

/// How a sandbox behaves. Fractions are between 0 (never) and 1 (always).
#[derive(Debug, Clone, PartialEq)]
pub struct SandboxConfig {
    /// Decides every draw; two sandboxes with the same seed treat the same requests alike.
    pub seed: u64,
    /// Tasks that may be in flight at once; one more is answered with 429, code 1303.
    pub concurrency_cap: usize,
    /// API requests in any window of a second; one more is answered with 429, code 1302. `None` is no limit.
    pub requests_per_second: Option<u32>,
    /// How long tasks take.
    pub latency: Latency,
    /// Added to every answer of the API, as the way to a far server would.
    pub answer_delay: Duration,
    /// The fraction of tasks that fail, for a mix of reasons.
    pub task_failures: f64,
    /// The fraction of creates that are answered with a transient error, with nothing created.
    pub create_errors: f64,
    /// The fraction of creates that make a task and whose answer is lost: they are in doubt.
    pub lost_answers: f64,
    /// Further faults, by name; see [`Fault`].
    pub faults: Vec<FaultShare>,
    /// How long after its answer the task of a `504-late` is made.
    pub late_by: Duration,
    /// What is between the client and the service.
    pub gateway: Gateway,
    /// What the account pays from.
    pub paid_from: PaidFrom,
    /// Whether external task ids are known; if not they are ignored, as a reseller may do.
    pub external_ids: bool,
    /// Whether the list query exists.
    pub list_endpoint: bool,
    /// The longer side of a result, in pixels. Results are small by default, so that making them is cheap.
    pub result_long_side_px: u32,
    /// The account's secret (`whsec_…`) with which callbacks are signed; `None` leaves them unsigned.
    pub webhook_secret: Option<String>,
    /// Where tasks and pictures are remembered. `None` is a temporary folder that is forgotten at the end.
    pub state_dir: Option<PathBuf>,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            concurrency_cap: 10,
            requests_per_second: None,
            latency: Latency::LogNormal { mean: Duration::from_secs(30), sigma: 0.3 },
            answer_delay: Duration::ZERO,
            task_failures: 0.0,
            create_errors: 0.0,
            lost_answers: 0.0,
            faults: Vec::new(),
            late_by: Duration::from_secs(12),
            gateway: Gateway::Native,
            paid_from: PaidFrom::Package,
            external_ids: true,
            list_endpoint: true,
            result_long_side_px: 768,
            webhook_secret: None,
            state_dir: None,
        }
    }
}

/// Why a sandbox could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address is taken, or not ours.
    #[error("could not listen on {address}: {source}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder cannot be made or written.
    #[error("could not use the sandbox's folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file of tasks cannot be used.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// A fraction is not between 0 and 1.
    #[error("`{name}` must be between 0 and 1, not {value}")]
    Fraction {
        /// The name of the field.
        name: &'static str,
        /// What it was set to.
        value: f64,
    },
    /// The webhook secret is not `whsec_` followed by Base64.
    #[error("the webhook secret must be `whsec_` followed by Base64")]
    WebhookSecret,
}

/// A running stand-in. It stops when it is dropped; [`Sandbox::stop`] also waits for the end.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    server: JoinHandle<()>,
    /// Cancels the server when the sandbox goes out of scope.
    stopping: DropGuard,
    /// The folder of a sandbox that forgets; removed last.
    _temporary: Option<tempfile::TempDir>,
}

/// How long [`Sandbox::stop`] waits for answers that are on their way.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

impl Sandbox {
    /// Starts listening; port 0 takes a free one, see [`Self::address`].
    ///
    /// # Errors
    /// The configuration makes no sense, or the address or the folder cannot be used.
    pub async fn start(listen: SocketAddr, config: SandboxConfig) -> Result<Self, SandboxError> {
        check_fractions(&config)?;
        let (folder, temporary) = folder(config.state_dir.as_deref())?;
        let pictures = Pictures::open(&folder.join("pictures"))
            .map_err(|source| SandboxError::Folder { path: folder.clone(), source })?;
        let tasks = Arc::new(Tasks::open(&folder.join("tasks.db"))?);

        let listener = TcpListener::bind(listen).await;
        let listener = listener.map_err(|source| SandboxError::Listen { address: listen, source })?;
        let address = listener.local_addr().map_err(|source| SandboxError::Listen { address: listen, source })?;

        let clock = Clock::start();
        let stopping = CancellationToken::new();
        let callbacks =
            Callbacks::new(clock, address, config.webhook_secret.as_deref(), config.paid_from, stopping.clone())
                .ok_or(SandboxError::WebhookSecret)?;
        let now = clock.now();
        for task in tasks.awaited(now)? {
            callbacks.follow(task, now);
        }
        let service = Service {
            fates: Fates::new(&config),
            renderer: Arc::new(Renderer::new(pictures.clone(), config.result_long_side_px)),
            gate: Arc::new(Gate::new(clock, &config)),
            config,
            address,
            clock,
            pictures,
            tasks,
            callbacks,
            costs_pace: Pace::new(1),
        };
        let router = routes::router(Arc::new(service));
        let stop = stopping.clone();
        let server = tokio::spawn(async move {
            // Small answers must not wait for the client's next acknowledgement.
            let listener = listener.tap_io(|stream| {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "the sandbox could not switch Nagle's algorithm off");
                }
            });
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await {
                tracing::error!(%error, "the sandbox has stopped");
            }
        });
        Ok(Self { address, server, stopping: stopping.drop_guard(), _temporary: temporary })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL of the provider that looks like DMXAPI.
    #[must_use]
    pub fn dmxapi_url(&self) -> String {
        format!("{}/kling", self.kling_url())
    }

    /// The base URL of the provider that looks like Kling itself.
    #[must_use]
    pub fn kling_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no more requests and waits for the answers that are on their way, two seconds at most.
    pub async fn stop(self) {
        let Self { mut server, stopping, .. } = self;
        drop(stopping);
        if tokio::time::timeout(STOP_TIMEOUT, &mut server).await.is_err() {
            server.abort();
        }
    }
}

fn check_fractions(config: &SandboxConfig) -> Result<(), SandboxError> {
    let faults = &config.faults;
    let of_creates: f64 = faults.iter().filter(|asked| asked.fault.is_of_creates()).map(|asked| asked.share).sum();
    let fractions = [
        ("task_failures", config.task_failures),
        ("create_errors", config.create_errors),
        ("lost_answers", config.lost_answers),
        ("create_errors + lost_answers + faults of creates", config.create_errors + config.lost_answers + of_creates),
    ];
    let mut fractions = fractions.into_iter().chain(faults.iter().map(|asked| (asked.fault.name(), asked.share)));
    match fractions.find(|(_, value)| !(0.0..=1.0).contains(value)) {
        Some((name, value)) => Err(SandboxError::Fraction { name, value }),
        None => Ok(()),
    }
}

/// The folder to remember in, and its guard where it is a temporary one.
fn folder(state_dir: Option<&Path>) -> Result<(PathBuf, Option<tempfile::TempDir>), SandboxError> {
    match state_dir {
        Some(path) => Ok((path.to_owned(), None)),
        None => {
            let folder = tempfile::Builder::new().prefix("tryon-sandbox-").tempdir();
            let folder = folder.map_err(|source| SandboxError::Folder { path: std::env::temp_dir(), source })?;
            Ok((folder.path().to_owned(), Some(folder)))
        }
    }
}
