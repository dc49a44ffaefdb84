//! A way to a server that can be cut: a port of the loopback whose connections are handed on, or closed at once.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// See the module's page. Its threads end with their connections, or with the process.
pub(crate) struct Way {
    port: u16,
    is_open: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    losses: Arc<Losses>,
}

/// Transactions of which the client is not told that they were committed.
#[derive(Default)]
struct Losses {
    /// What a statement of such a transaction contains.
    marker: Mutex<Option<&'static str>>,
    /// How many are still to be lost.
    left: AtomicUsize,
}

impl Way {
    /// An open way to a port of this machine.
    pub(crate) fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let way = Self {
            port,
            is_open: Arc::new(AtomicBool::new(true)),
            connections: Arc::default(),
            losses: Arc::default(),
        };
        let (is_open, connections) = (Arc::clone(&way.is_open), Arc::clone(&way.connections));
        let losses = Arc::clone(&way.losses);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if !is_open.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { continue };
                let mut kept = connections.lock().unwrap_or_else(PoisonError::into_inner);
                hand_on(&client, &server, &losses);
                kept.extend([client, server]);
            }
        });
        way
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Closes what is connected, and whatever connects from now on.
    pub(crate) fn cut(&self) {
        self.is_open.store(false, Ordering::SeqCst);
        for connection in self.connections.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn mend(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }

    /// The next `number` transactions with a statement that contains `marker` are committed, and their connections cut before
    /// the client is told.
    pub(crate) fn lose_commits_of(&self, marker: &'static str, number: usize) {
        *self.losses.marker.lock().unwrap_or_else(PoisonError::into_inner) = Some(marker);
        self.losses.left.store(number, Ordering::SeqCst);
    }

    /// How many of these commits are still to be lost.
    pub(crate) fn commits_to_lose(&self) -> usize {
        self.losses.left.load(Ordering::SeqCst)
    }
}

/// Hands on what both sides say, each on a thread of its own.
fn hand_on(client: &TcpStream, server: &TcpStream, losses: &Arc<Losses>) {
    let two = || (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
    let (is_mute, losses) = (Arc::new(AtomicBool::new(false)), Arc::clone(losses));
    let ((from, to), is_lost) = (two(), Arc::clone(&is_mute));
    std::thread::spawn(move || {
        let _ = hand_on_requests(&from, &to, &losses, &is_lost);
        let _ = to.shutdown(Shutdown::Both);
    });
    let (to, from) = two();
    std::thread::spawn(move || {
        let _ = hand_on_answers(&from, &to, &is_mute);
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
}

fn hand_on_requests(mut from: &TcpStream, mut to: &TcpStream, losses: &Losses, is_mute: &AtomicBool) -> io::Result<()> {
    let (mut buffer, mut is_marked) = (vec![0; 1 << 16], false);
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&buffer[..read]);
        let marker = *losses.marker.lock().unwrap_or_else(PoisonError::into_inner);
        is_marked |= marker.is_some_and(|marker| said.contains(marker));
        if said.contains("COMMIT\0") && std::mem::take(&mut is_marked) {
            let one_less = |left: usize| left.checked_sub(1);
            let is_to_be_lost = losses.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok();
            is_mute.store(is_to_be_lost, Ordering::SeqCst);
        }
        to.write_all(&buffer[..read])?;
    }
}

/// Once it is mute, the first answer, which says that the transaction is committed, is kept back and the connection ends.
fn hand_on_answers(mut from: &TcpStream, mut to: &TcpStream, is_mute: &AtomicBool) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 || is_mute.load(Ordering::SeqCst) {
            return Ok(());
        }
        to.write_all(&buffer[..read])?;
    }
}
