//! Addresses: `IP:PORT`, `[v6]:PORT`.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use super::{Refusal, from_text};

/// An IP address and a port, `127.0.0.1:8080` or `[::1]:8080`; port 0 is any free one where something listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(SocketAddr);

impl Address {
    /// As the standard library's type.
    #[must_use]
    pub const fn get(self) -> SocketAddr {
        self.0
    }

    /// Whether only this machine can reach it.
    #[must_use]
    pub const fn is_loopback(self) -> bool {
        self.0.ip().to_canonical().is_loopback()
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self(address)
    }
}

impl From<Address> for SocketAddr {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl FromStr for Address {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        text.parse().map(Self).map_err(|_| {
            let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
            let message = format!("`{text}` is not an address");
            if host.parse::<std::net::Ipv6Addr>().is_ok() || text.parse::<std::net::Ipv6Addr>().is_ok() {
                Refusal::new(message, "an IPv6 address stands in brackets, as `[::1]:8080`")
            } else if text.parse::<std::net::IpAddr>().is_ok() {
                Refusal::new(message, format!("the port is missing, as in `{text}:8080`"))
            } else if host.chars().any(char::is_alphabetic) {
                Refusal::new(message, format!("write an IP address, as `127.0.0.1:8080`; `{host}` is a host name"))
            } else {
                Refusal::new(message, "write an IP address and a port, as `127.0.0.1:8080` or `[::1]:8080`")
            }
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

from_text!(Address, "an address such as `127.0.0.1:8080`");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_an_ip_and_a_port() {
        assert!("127.0.0.1:0".parse::<Address>().unwrap().is_loopback());
        assert!("[::1]:80".parse::<Address>().unwrap().is_loopback());
        assert!("[::ffff:127.0.0.1]:80".parse::<Address>().unwrap().is_loopback());
        assert!(!"0.0.0.0:80".parse::<Address>().unwrap().is_loopback());
    }

    #[test]
    fn what_is_missing_is_said() {
        for (text, hint) in [
            ("127.0.0.1", "port is missing"),
            ("localhost:80", "host name"),
            ("::1:80", "brackets"),
            (":80", "an IP address and a port"),
            ("127.0.0.1:99999", "an IP address and a port"),
        ] {
            let refusal = text.parse::<Address>().unwrap_err();
            assert!(refusal.hint.contains(hint), "{text}: {}", refusal.hint);
        }
    }
}
