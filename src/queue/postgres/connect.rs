//! The way to the server: connections that are kept, and transactions on them.

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, IsolationLevel, NoTls, Transaction};
use tokio_util::sync::CancellationToken;

use crate::ambient;
use crate::queue::{PostgresAddress, QueueError};

use super::error::{Result, said};
use super::{password, tls};

/// At most this many connections to the server are open for one queue of this process.
const MOST_CONNECTIONS: usize = 10;

/// How long a connection may take to be made, and how long one that is in use is waited for.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// After this long without an answer to what was sent, the way to the server is taken to be cut.
const SILENCE: Duration = Duration::from_secs(30);
const KEEPALIVE_AFTER: Duration = Duration::from_secs(10);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
const KEEPALIVES: u32 = 4;

/// How long what cannot reach the server waits before it tries again, at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How long a connection may still take to be made after that, where the server is away.
const LAST_TRY: Duration = Duration::from_millis(500);

/// A transaction that others are in the way of is tried again, after a moment of at most this long each time.
pub(super) const MOST_TRIES: u32 = 8;
const LONGEST_PAUSE_MS: f64 = 40.0;

/// Connections to one database.
#[derive(Clone)]
pub(super) struct Server {
    address: PostgresAddress,
    pool: Pool,
    patience: Arc<Patience>,
}

/// Whether what cannot reach the server waits for its return.
#[derive(Debug, Default)]
struct Patience {
    /// Until this is cancelled; nothing waits where there is none.
    until: OnceLock<CancellationToken>,
    is_away: AtomicBool,
}

impl Patience {
    /// Whoever waits for a server that is away has been told to end, a moment ago.
    async fn is_over(&self) {
        match self.until.get() {
            Some(until) if self.is_away.load(Ordering::Relaxed) => {
                until.cancelled().await;
                tokio::time::sleep(LAST_TRY).await;
            }
            _ => std::future::pending().await,
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// The address, a password file or a certificate file cannot be used.
    pub(super) fn at(address: &PostgresAddress) -> Result<Self> {
        let unusable = |why: String| QueueError::Unreadable { at: address.clone().into(), why };
        let (text, security) = tls::security_of(address.as_str()).map_err(unusable)?;
        let mut config = Config::from_str(&text).map_err(|error| unusable(said(&error)))?;
        if let Some(password) = password::password_for(address.password(), &config).map_err(unusable)? {
            config.password(secrecy::ExposeSecret::expose_secret(&password));
        }
        if config.get_application_name().is_none() {
            config.application_name("tryon");
        }
        config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(SILENCE);
        config.keepalives(true).keepalives_idle(KEEPALIVE_AFTER).keepalives_interval(KEEPALIVE_EVERY);
        config.keepalives_retries(KEEPALIVES).ssl_mode(security.mode());
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match config.get_ssl_mode() {
            SslMode::Disable => Manager::from_config(config, NoTls, recycling),
            _ => Manager::from_config(config, security.connector().map_err(unusable)?, recycling),
        };
        let pool = Pool::builder(manager)
            .max_size(MOST_CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(CONNECT_TIMEOUT))
            .wait_timeout(Some(WAIT_TIMEOUT))
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self { address: address.clone(), pool, patience: Arc::default() })
    }

    pub(super) fn address(&self) -> &PostgresAddress {
        &self.address
    }

    /// From now on what cannot reach the server waits for its return, until `until` is cancelled.
    pub(super) fn wait_for_return(&self, until: CancellationToken) {
        let _ = self.patience.until.set(until);
    }

    /// After the server could not be reached for the `tries`-th time in a row: waits a while. Returns whether it is to be tried
    /// again.
    pub(super) async fn is_to_be_tried_again(&self, tries: u32, why: &str) -> bool {
        let Some(until) = self.patience.until.get() else { return false };
        if !self.patience.is_away.swap(true, Ordering::Relaxed) {
            tracing::warn!("the queue at {} cannot be reached, and is waited for: {why}", self.address);
        }
        let wait = FIRST_WAIT * 2_u32.saturating_pow(tries.min(8));
        let wait = wait.min(LONGEST_WAIT).mul_f64(0.5 + 0.5 * ambient::fraction());
        tokio::select! {
            biased;
            () = until.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }

    /// The server was reached.
    pub(super) fn note_reached(&self) {
        if self.patience.is_away.load(Ordering::Relaxed) && self.patience.is_away.swap(false, Ordering::Relaxed) {
            tracing::warn!("the queue at {} can be reached again", self.address);
        }
    }

    /// A connection, which is kept for others when it is dropped.
    pub(super) async fn client(&self) -> Result<Object> {
        let client = tokio::select! {
            biased;
            client = self.pool.get() => client,
            () = self.patience.is_over() => return Err(QueueError::Unreachable("it is away".to_owned())),
        };
        client.map_err(|error| match error.into() {
            // What is wrong before anything is asked is the address, the password or the certificate.
            QueueError::Database(why) => QueueError::Unreadable { at: self.address.clone().into(), why },
            other => other,
        })
    }
}

/// Begins a transaction of a verb.
pub(super) async fn begin(client: &mut Object) -> Result<Transaction<'_>> {
    let client: &mut tokio_postgres::Client = client;
    Ok(client.transaction().await?)
}

/// Begins a transaction in which all that is read is of one moment.
pub(super) async fn begin_reading(client: &mut Object) -> Result<Transaction<'_>> {
    let client: &mut tokio_postgres::Client = client;
    let builder = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    Ok(builder.start().await?)
}

/// Waits a moment before a transaction is tried again, so that those in each other's way do not meet again.
pub(super) async fn pause_before_try(tries: u32) {
    let ms = LONGEST_PAUSE_MS * ambient::fraction() * f64::from(tries);
    tokio::time::sleep(Duration::from_secs_f64(ms / 1_000.0)).await;
}

/// What a transaction is to end with.
pub(super) enum End<T> {
    Commit(T),
    RollBack(T),
}

/// Runs a verb or a read again for as long as the server cannot be reached and is waited for. Where it was cut off in the middle, it
/// may have happened: verbs of workers are refused the second time then (the job is not where they believe it), and whoever
/// asked finds out where it is.
macro_rules! patiently {
    ($server:expr, $body:expr) => {{
        let mut cuts = 0_u32;
        loop {
            let outcome: crate::queue::postgres::error::Result<_> = async { $body }.await;
            match outcome {
                Err(crate::queue::QueueError::Unreachable(why)) => {
                    if !$server.is_to_be_tried_again(cuts, &why).await {
                        break Err(crate::queue::QueueError::Unreachable(why));
                    }
                    cuts += 1;
                }
                outcome => {
                    $server.note_reached();
                    break outcome;
                }
            }
        }
    }};
}
pub(super) use patiently;

/// Runs a verb as a transaction, again where another one was in its way: nothing of it has happened then. The body may run
/// several times; it ends with an [`End`], or with an error, which rolls it back.
macro_rules! in_transaction {
    ($server:expr, |$db:ident| $body:expr) => {{
        let mut tries = 0_u32;
        loop {
            let outcome: crate::queue::postgres::error::Result<_> = async {
                let mut client = $server.client().await?;
                let transaction = crate::queue::postgres::connect::begin(&mut client).await?;
                let $db = crate::queue::postgres::db::Db::within(&transaction);
                let ended: crate::queue::postgres::error::Result<_> = async { $body }.await;
                match ended? {
                    crate::queue::postgres::connect::End::Commit(value) => {
                        transaction.commit().await?;
                        Ok(value)
                    }
                    crate::queue::postgres::connect::End::RollBack(value) => {
                        transaction.rollback().await?;
                        Ok(value)
                    }
                }
            }
            .await;
            match outcome {
                Err(crate::queue::QueueError::Conflict(_)) if tries < crate::queue::postgres::connect::MOST_TRIES => {
                    tries += 1;
                    crate::queue::postgres::connect::pause_before_try(tries).await;
                }
                outcome => break outcome,
            }
        }
    }};
}
pub(super) use in_transaction;

/// Runs a read of one statement.
macro_rules! reading {
    ($queue:expr, |$db:ident| $body:expr) => {
        crate::queue::postgres::connect::patiently!($queue.server, {
            let client = $queue.server.client().await?;
            let $db = crate::queue::postgres::db::Db::by_itself(&client);
            $body.await
        })
    };
}

pub(super) use reading;

/// A read is of some hundred rows. PostgreSQL believes them to be many where it does not know how large the tables have become, and
/// compiles the statement then, which takes longer than to run it: seconds for a page of a report. Said for the transaction alone,
/// because a pooler may give the connection to others.
pub(super) const NO_COMPILING: &str = "SET LOCAL jit TO off";

/// Runs a read of several statements, all of one moment.
macro_rules! reading_at_once {
    ($queue:expr, |$db:ident| $body:expr) => {
        crate::queue::postgres::connect::patiently!($queue.server, {
            let mut client = $queue.server.client().await?;
            let transaction = crate::queue::postgres::connect::begin_reading(&mut client).await?;
            let read = {
                let $db = crate::queue::postgres::db::Db::within(&transaction);
                // Sent first, and not waited for.
                let (set, read) = tokio::join!(
                    biased;
                    $db.run(crate::queue::postgres::connect::NO_COMPILING, crate::queue::postgres::db::args![]),
                    async { $body.await }
                );
                set.and(read)
            };
            transaction.rollback().await?;
            read
        })
    };
}
pub(super) use reading_at_once;
