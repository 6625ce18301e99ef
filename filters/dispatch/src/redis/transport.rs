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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::path::Path;
    use std::process::Command;

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::server::RedisServer;

    /// Makes a certificate for `localhost` that vouches for itself.
    fn certify(folder: &Path) -> CertificateDer<'static> {
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(folder)
            .output()
            .expect("openssl is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap()
    }

    fn tls_server(folder: &Path) -> (RedisServer, u16) {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let path = |file: &str| folder.join(file).display().to_string();
        let (certificate, key, port_text) = (path("cert.pem"), path("key.pem"), port.to_string());
        let settings = [
            "--tls-port",
            &port_text,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-auth-clients",
            "no",
        ];
        (RedisServer::with(&settings), port)
    }

    fn dialer(host: &str, port: u16, trusted: Option<CertificateDer<'static>>) -> Dialer {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(trusted);
        let tls = OnceCell::new_with(Some(trusting(roots).unwrap()));
        Dialer { address: Address::Tls { host: host.to_owned(), port }, tls }
    }

    #[tokio::test]
    async fn a_server_with_a_trusted_certificate_of_its_name_is_spoken_to_and_no_other() {
        let folder = TempDir::new().unwrap();
        let certificate = certify(folder.path());
        let (_server, port) = tls_server(folder.path());
        let mut stream = dialer("localhost", port, Some(certificate.clone())).dial().await.unwrap();
        stream.write_all(b"PING\r\n").await.unwrap();
        let mut reply = [0; 7];
        stream.read_exact(&mut reply).await.unwrap();
        assert_eq!(&reply, b"+PONG\r\n");

        let refused = async |host, trusted| dialer(host, port, trusted).dial().await.map(drop).unwrap_err().to_string();
        let other_name = refused("127.0.0.1", Some(certificate)).await;
        assert!(other_name.contains("not valid for name"), "{other_name}");
        let unknown = refused("localhost", None).await;
        assert!(unknown.contains("UnknownIssuer"), "{unknown}");
    }
}
