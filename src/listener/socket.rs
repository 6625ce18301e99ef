//! Sockets that listen.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{IntoRawFd, RawFd};

use socket2::{Domain, Protocol, Socket, Type};

use super::Error;

/// Connections that the kernel holds until they are accepted; it caps the number at `net.core.somaxconn`.
const BACKLOG: i32 = 65_535;

/// A socket that listens and whose connections nobody accepts yet.
#[derive(Debug)]
pub struct Bound {
    socket: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Listens on an address; port 0 is any free one. An IPv6 socket takes IPv6 clients only.
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] when the system refuses.
    pub fn new(address: SocketAddr) -> Result<Self, Error> {
        listen(address).map_err(|source| Error::Bind { address, source })
    }

    /// The address with its port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn into_raw_fd(self) -> RawFd {
        self.socket.into_raw_fd()
    }
}

fn listen(address: SocketAddr) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let socket = TcpListener::from(socket);
    let address = socket.local_addr()?;
    Ok(Bound { socket, address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_zero_becomes_the_port_that_was_given() {
        assert_ne!(Bound::new("127.0.0.1:0".parse().unwrap()).unwrap().address().port(), 0);
    }

    #[test]
    fn a_taken_port_is_an_error_that_names_the_address() {
        let taken = Bound::new("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = Bound::new(taken.address()).unwrap_err();
        assert!(error.to_string().contains(&taken.address().to_string()), "{error}");
    }

    #[test]
    fn ipv4_and_ipv6_listen_on_the_same_port_side_by_side() {
        let v6 = Bound::new("[::]:0".parse().unwrap()).unwrap();
        let v4 = SocketAddr::new("0.0.0.0".parse().unwrap(), v6.address().port());
        assert_eq!(Bound::new(v4).unwrap().address(), v4);
    }
}
