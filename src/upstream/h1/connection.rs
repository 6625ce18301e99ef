//! One connection to an endpoint.

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Receiver, Sender};

/// A connection, its halves apart so that a request can be sent while its response comes.
#[derive(Debug)]
pub(in crate::upstream) struct Connection {
    pub(in crate::upstream) sender: Sender,
    pub(in crate::upstream) receiver: Receiver,
}

impl Connection {
    /// Connects to an endpoint.
    pub(in crate::upstream) async fn open(endpoint: SocketAddr, limit: Duration) -> io::Result<Self> {
        let late = |_| io::Error::new(ErrorKind::TimedOut, format!("not established within {limit:?}"));
        let stream = timeout(limit, TcpStream::connect(endpoint)).await.map_err(late)??;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        Ok(Self { sender: Sender::new(write), receiver: Receiver::new(read) })
    }

    /// Whether nothing that the runtime has heard of says that an idle connection is of no use any more. Costs no system
    /// call: enough where a request that finds it closed is sent again.
    pub(in crate::upstream) fn seems_alive(&self) -> bool {
        self.receiver.buffer.is_empty() && would_block(self.receiver.read.try_read(&mut [0]))
    }

    /// Whether the server neither closed an idle connection nor sent anything on it, as far as the kernel knows. For
    /// requests that must not be sent twice.
    pub(in crate::upstream) fn is_alive(&self) -> bool {
        let peek = || SockRef::from(self.receiver.read.as_ref()).peek(&mut [MaybeUninit::uninit()]);
        self.seems_alive() && would_block(peek())
    }
}

fn would_block(read: io::Result<usize>) -> bool {
    read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_kernel_knows_of_a_close_before_the_runtime_does() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let limit = Duration::from_secs(1);
        let connection = Connection::open(listener.local_addr().unwrap(), limit).await.unwrap();
        let (server, _) = listener.accept().unwrap();
        assert!(connection.seems_alive() && connection.is_alive());
        drop(server);
        // No await in between: the runtime had no turn to hear of it.
        assert!(connection.seems_alive() && !connection.is_alive());
        connection.receiver.read.readable().await.unwrap();
        assert!(!connection.seems_alive());
    }
}
