//! A proxy on loopback that stands before a real server, counts what passes, and lets things go wrong on demand.
//!
//! HTTP/1.1 without TLS, a thread per connection. The client's connection is kept from one request to the next; the
//! server gets a new one for each, so that it never closes one that the client still counts on. Heads pass unchanged:
//! signatures over the host hold, as clients sign the proxy's address.

mod connection;
mod http;
mod rule;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

pub(crate) use self::http::Head;
pub(crate) use self::rule::{Fault, Rule};
use crate::services::authority;

/// Ends with the value.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What passed between the proxy and its clients, heads and framing included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) from_client: u64,
    pub(crate) to_client: u64,
}

impl Counts {
    pub(crate) fn total(self) -> u64 {
        self.from_client + self.to_client
    }
}

struct Shared {
    address: SocketAddr,
    upstream: String,
    from_client: AtomicU64,
    to_client: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    requests: Vec<Head>,
    /// Those of clients and to the server, to end them all at once.
    connections: HashMap<u64, TcpStream>,
    next_connection: u64,
    is_dead: bool,
    is_listening: bool,
    is_over: bool,
}

impl Proxy {
    /// Before the server that a URL, or `HOST:PORT`, names.
    pub(crate) fn to(upstream: &str) -> Self {
        let listener = listen("127.0.0.1:0".parse().unwrap());
        let shared = Arc::new(Shared {
            address: listener.local_addr().unwrap(),
            upstream: authority(upstream).to_owned(),
            from_client: AtomicU64::new(0),
            to_client: AtomicU64::new(0),
            state: Mutex::new(State { is_listening: true, ..State::default() }),
            changed: Condvar::new(),
        });
        let acceptor = std::thread::spawn({
            let shared = shared.clone();
            move || accept(&shared, listener)
        });
        Self { shared, acceptor: Some(acceptor) }
    }

    /// A URL of the server, as one that leads here.
    pub(crate) fn url(&self, url: &str) -> String {
        assert_eq!(authority(url), self.shared.upstream, "{url} is not of the server behind this proxy");
        url.replacen(&self.shared.upstream, &self.shared.address.to_string(), 1)
    }

    /// From now on. Of several rules for a request, the one given first strikes.
    pub(crate) fn add(&self, rule: Rule) {
        self.shared.state().rules.push(rule);
    }

    /// Nothing goes wrong any more. A dead server stays dead.
    pub(crate) fn clear(&self) {
        self.shared.state().rules.clear();
    }

    /// As [`Fault::Kill`], now.
    pub(crate) fn kill(&self) {
        self.shared.kill();
    }

    /// Connections are taken again.
    pub(crate) fn revive(&self) {
        let mut state = self.shared.state();
        state.is_dead = false;
        self.shared.changed.notify_all();
        while !state.is_listening {
            state = self.shared.changed.wait(state).unwrap();
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            from_client: self.shared.from_client.load(Ordering::SeqCst),
            to_client: self.shared.to_client.load(Ordering::SeqCst),
        }
    }

    /// Every request whose head has come, also those that a fault struck.
    pub(crate) fn requests(&self) -> Vec<Head> {
        self.shared.state().requests.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.shared.kill();
        if let Some(acceptor) = self.acceptor.take() {
            let ended = acceptor.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the proxy has panicked");
        }
    }
}

/// Bytes that a connection takes in before anybody reads them: few, so that what a client sends does not arrive whole
/// after it has gone.
const RECEIVE_BUFFER: usize = 64 << 10;

fn listen(address: SocketAddr) -> TcpListener {
    let listener = TcpListener::bind(address).unwrap();
    socket2::SockRef::from(&listener).set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
    listener
}

/// Takes connections while the server lives.
fn accept(shared: &Arc<Shared>, listener: TcpListener) {
    let mut listener = Some(listener);
    loop {
        if let Some((client, _)) = listener.as_ref().and_then(|listener| listener.accept().ok()) {
            let shared = shared.clone();
            std::thread::spawn(move || connection::serve(&shared, &client));
        }
        let mut state = shared.state();
        if !state.is_dead {
            continue;
        }
        drop(listener.take());
        state.is_listening = false;
        shared.changed.notify_all();
        while state.is_dead && !state.is_over {
            state = shared.changed.wait(state).unwrap();
        }
        if state.is_over {
            return;
        }
        listener = Some(listen(shared.address));
        state.is_listening = true;
        shared.changed.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Has the connection end with the server, for as long as the answer is kept.
    fn keep(&self, stream: &TcpStream) -> io::Result<Kept<'_>> {
        stream.set_nodelay(true)?;
        let mut state = self.state();
        if state.is_dead {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let id = state.next_connection;
        state.next_connection += 1;
        state.connections.insert(id, stream.try_clone()?);
        Ok(Kept { shared: self, id })
    }

    /// Returns when new connections are refused.
    fn kill(&self) {
        let mut state = self.state();
        state.is_dead = true;
        self.changed.notify_all();
        if state.is_listening {
            // So that the acceptor looks up.
            let _ = TcpStream::connect(self.address);
        }
        while state.is_listening {
            state = self.changed.wait(state).unwrap();
        }
        // Last, since clients try again as soon as they notice.
        for connection in state.connections.values() {
            // It may have ended by itself.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Notes the request, and says what goes wrong with it.
    fn strike(&self, head: &Head) -> Option<Fault> {
        let mut state = self.state();
        state.requests.push(head.clone());
        state.rules.iter_mut().find_map(|rule| rule.strike(head))
    }

    fn wait_for_death(&self) {
        let mut state = self.state();
        while !state.is_dead {
            state = self.changed.wait(state).unwrap();
        }
    }
}

/// A connection that ends when this is dropped, or with the server.
struct Kept<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.shared.state().connections.remove(&self.id) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}
