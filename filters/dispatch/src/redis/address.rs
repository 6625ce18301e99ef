//! Where a redis server is, and who we are there.

use std::path::PathBuf;

use ::redis::{ConnectionAddr, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo};

/// A server's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Tcp { host: String, port: u16 },
    Tls { host: String, port: u16 },
    Unix(PathBuf),
}

/// Reads a url. The error says what is wrong without quoting it: it may hold a password.
pub(super) fn read(url: &str) -> Result<(Address, RedisConnectionInfo), String> {
    let (scheme, rest) = url.split_once("://").ok_or("it has no scheme")?;
    if !matches!(scheme, "redis" | "rediss" | "redis+unix") {
        return Err(format!("`{scheme}` is no scheme of redis"));
    }
    if rest.contains(['?', '#']) {
        return Err("`?` and `#` have no meaning here; the database is the last part of the path".to_owned());
    }
    if scheme == "redis+unix" { unix(rest) } else { tcp(url) }
}

fn tcp(url: &str) -> Result<(Address, RedisConnectionInfo), String> {
    let info = url.into_connection_info().map_err(|error| error.to_string())?;
    let address = match info.addr() {
        ConnectionAddr::Tcp(host, port) => Address::Tcp { host: host.clone(), port: *port },
        ConnectionAddr::TcpTls { host, port, .. } => Address::Tls { host: host.clone(), port: *port },
        _ => return Err("it names no host".to_owned()),
    };
    let login = info.redis_settings().clone();
    if login.db() < 0 {
        return Err("the number of the database is negative".to_owned());
    }
    Ok((address, with_our_protocol(login)))
}

/// `/PATH/DB`, or `/PATH` for database 0.
fn unix(path: &str) -> Result<(Address, RedisConnectionInfo), String> {
    if !path.starts_with('/') {
        return Err("the path of a socket begins with `/`: redis+unix:///PATH".to_owned());
    }
    let (path, db) = match path.rsplit_once('/') {
        Some((path, db)) if !path.is_empty() && !db.is_empty() && db.bytes().all(|byte| byte.is_ascii_digit()) => {
            (path, db.parse().map_err(|_| "the number of the database is too large")?)
        }
        _ => (path, 0),
    };
    Ok((Address::Unix(PathBuf::from(path)), with_our_protocol(RedisConnectionInfo::default().set_db(db))))
}

/// RESP2: every server speaks it, and it has no replies that nobody asked for. The client names itself to nobody, which
/// an ACL user need not be allowed to.
fn with_our_protocol(login: RedisConnectionInfo) -> RedisConnectionInfo {
    login.set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_address_database_and_user() {
        let (address, login) = read("redis://me:p%40ss@cache.example:7000/3").unwrap();
        assert_eq!(address, Address::Tcp { host: "cache.example".into(), port: 7000 });
        assert_eq!((login.db(), login.username(), login.password()), (3, Some("me"), Some("p@ss")));
        let (address, login) = read("rediss://[::1]").unwrap();
        assert_eq!(address, Address::Tls { host: "::1".into(), port: 6379 });
        assert_eq!((login.db(), login.username(), login.password()), (0, None, None));
    }

    #[test]
    fn the_path_of_a_socket_may_end_in_a_database() {
        let read = |url| read(url).map(|(address, login)| (address, login.db()));
        assert_eq!(read("redis+unix:///run/redis.sock"), Ok((Address::Unix("/run/redis.sock".into()), 0)));
        assert_eq!(read("redis+unix:///run/redis.sock/12"), Ok((Address::Unix("/run/redis.sock".into()), 12)));
        assert_eq!(read("redis+unix:///12"), Ok((Address::Unix("/12".into()), 0)));
    }

    #[test]
    fn what_is_no_url_is_refused_without_quoting_it() {
        for url in [
            "localhost:6379",
            "http://secret@host",
            "redis://secret@host/x",
            "redis://secret@host/-1",
            "redis://secret@host/0?protocol=resp3",
            "rediss://secret@host/#insecure",
            "redis+unix://secret/sock",
        ] {
            let error = read(url).map(|(address, _)| address).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
