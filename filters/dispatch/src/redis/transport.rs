//! The bytes' way to a redis server: TCP, TLS over TCP, or a unix socket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use super::address::Address;

/// A connected stream.
pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for T {}

/// How long a connection with nothing to say waits before it is tested, and between tests. Three tests without an
/// answer end it, so a host that vanished is noticed within 40 s even when nobody calls.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// How long sent bytes may stay unacknowledged. Calls have given up long before; this ends the connection.
const UNACKNOWLEDGED: Duration = Duration::from_secs(2);

/// Makes streams to one address.
pub(super) struct Dialer {
    address: Address,
    /// The trusted roots are read once, with the first TLS connection.
    tls: OnceCell<TlsConnector>,
}

impl Dialer {
    pub(super) fn new(address: Address) -> Self {
        Self { address, tls: OnceCell::new() }
    }

    pub(super) async fn dial(&self) -> io::Result<Box<dyn Transport>> {
        match &self.address {
            Address::Tcp { host, port } => Ok(Box::new(tcp(host, *port).await?)),
            Address::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Address::Tls { host, port } => {
                let connector = self.tls.get_or_try_init(trusting_the_system).await?;
                let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                Ok(Box::new(connector.connect(name, tcp(host, *port).await?).await?))
            }
        }
    }
}

async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE).with_retries(3);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(stream)
}

/// Verifies servers against the system's roots (or those in `SSL_CERT_FILE` and `SSL_CERT_DIR`).
async fn trusting_the_system() -> io::Result<TlsConnector> {
    let read = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(read.certs);
    if roots.is_empty() {
        let why = read.errors.first().map_or_else(|| "there is none".to_owned(), ToString::to_string);
        return Err(io::Error::other(format!("cannot read the system's trusted certificates: {why}")));
    }
    trusting(roots)
}

fn trusting(roots: RootCertStore) -> io::Result<TlsConnector> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
