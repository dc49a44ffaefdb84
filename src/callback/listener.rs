//! The port to which callbacks come.

use std::net::SocketAddr;

use tokio::sync::mpsc;

use crate::serve::{Patience, Server};

use super::reception::Reception;
use super::{Proof, Wake};

/// Hints that wait to be followed up. Each is a few hundred bytes at most.
const MOST_WAKES: usize = 1_024;

/// The port cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("could not listen for callbacks on {address}: {source}")]
pub struct ListenError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// What the system said.
    pub source: std::io::Error,
}

/// Listens for callbacks. It stops when it is dropped; [`Listener::stop`] also waits for the end.
#[derive(Debug)]
pub struct Listener(Server);

impl Listener {
    /// Starts listening; port 0 takes a free one, see [`Self::address`]. The receiver gets the hints.
    ///
    /// # Errors
    /// The address is taken, or not one of this machine.
    pub async fn start(listen: SocketAddr, proof: Proof) -> Result<(Self, mpsc::Receiver<Wake>), ListenError> {
        Self::start_with(listen, proof, Patience::default()).await
    }

    /// [`Self::start`], with other limits on how long a connection may last.
    pub(super) async fn start_with(
        listen: SocketAddr,
        proof: Proof,
        patience: Patience,
    ) -> Result<(Self, mpsc::Receiver<Wake>), ListenError> {
        let (wakes, receiver) = mpsc::channel(MOST_WAKES);
        let started = Server::start(listen, Reception::new(proof, wakes).router(), patience).await;
        let server = started.map_err(|source| ListenError { address: listen, source })?;
        Ok((Self(server), receiver))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Takes no more callbacks, and waits half a second at most for the answers that are on their way.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}
