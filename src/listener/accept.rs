//! Accepted connections: counted, described, and handed to the exchange loop.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use chain::Connection;
use pingora::apps::ServerApp;
use pingora::protocols::Stream;
use pingora::server::ShutdownWatch;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::gate::{Gate, Pass};
use crate::exchange::{self, Front, InFlight, Transport};

/// The application that pingora's listening service runs for every connection.
pub(super) struct App {
    front: Arc<Front>,
    gate: Arc<Gate>,
    process: Option<Arc<Gate>>,
    in_flight: InFlight,
}

impl App {
    pub(super) fn new(front: Arc<Front>, gate: Arc<Gate>, process: Option<Arc<Gate>>, in_flight: InFlight) -> Self {
        Self { front, gate, process, in_flight }
    }

    /// Lets a connection through the listener's gate and the process's.
    fn enter(&self) -> Option<(Pass, Option<Pass>)> {
        let pass = self.gate.enter()?;
        match &self.process {
            None => Some((pass, None)),
            Some(process) => process.enter().map(|shared| (pass, Some(shared))),
        }
    }

    fn describe(&self, stream: &Stream) -> Arc<Connection> {
        static LAST_ID: AtomicU64 = AtomicU64::new(0);
        let digest = stream.get_socket_digest();
        let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let address = |address: Option<&pingora::protocols::l4::socket::SocketAddr>| {
            address.and_then(|address| address.as_inet().copied()).unwrap_or(unknown)
        };
        Arc::new(Connection {
            id: LAST_ID.fetch_add(1, Ordering::Relaxed) + 1,
            listener: Arc::clone(&self.front.name),
            peer: address(digest.as_ref().and_then(|digest| digest.peer_addr())),
            local: address(digest.as_ref().and_then(|digest| digest.local_addr())),
        })
    }
}

#[async_trait]
impl ServerApp for App {
    async fn process_new(self: &Arc<Self>, stream: Stream, stopping: &ShutdownWatch) -> Option<Stream> {
        let _entry = self.in_flight.enter(); // dropped last: who waits for a drain then finds all gates left
        let _pass = self.enter()?;
        let _open = Open::new(&self.front);
        let connection = self.describe(&stream);
        let front = Arc::clone(&self.front);
        exchange::serve(front, connection, Accepted(stream), stopping.clone(), self.in_flight.clone()).await;
        None
    }
}

/// Tells the observers that a connection is open, and, when dropped, that it is closed.
struct Open<'a>(&'a Front);

impl<'a> Open<'a> {
    fn new(front: &'a Front) -> Self {
        front.observers.iter().for_each(|observer| observer.connection_opened());
        Self(front)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.observers.iter().for_each(|observer| observer.connection_closed());
    }
}

/// A connection as pingora accepted it.
#[derive(Debug)]
struct Accepted(Stream);

impl Transport for Accepted {
    #[expect(unsafe_code, reason = "pingora's stream gives its descriptor as a number only")]
    fn abort(&mut self) {
        // SAFETY: the stream owns the descriptor and is borrowed for as long as it is used here.
        let socket = unsafe { BorrowedFd::borrow_raw(self.0.id()) };
        if let Err(error) = socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)) {
            tracing::debug!(%error, "a connection is closed without a reset");
        }
    }
}

impl AsyncRead for Accepted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
