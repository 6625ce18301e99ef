//! Attributes by path: those of the plugin, and those of the exchange that host calls act on.

use std::net::SocketAddr;

use chain::Exchange;

use super::encoding::{boolean, number, optional, text};
use super::{Lookup, Missing, message};
use crate::guest::Guest;
use crate::stream::Stream;

/// Roots of attributes, which have no value of their own.
const OBJECTS: [&[u8]; 6] = [b"request", b"response", b"connection", b"source", b"destination", b"upstream"];

/// The value of an attribute. Without a stream there are the plugin's alone.
pub(super) fn find(guest: &Guest, path: &[&[u8]]) -> Lookup {
    let settings = &guest.plugin.settings;
    match path {
        [] => Err(Missing::Object),
        [b"plugin_name"] => Ok(text(guest.plugin.name())),
        [b"plugin_root_id"] => Ok(text(&settings.root_id)),
        [b"plugin_vm_id"] => Ok(text(&settings.vm_id)),
        [name] if OBJECTS.contains(name) => Err(Missing::Object),
        _ => guest.stream().map_or(Err(Missing::Unknown), |stream| of_stream(stream, path)),
    }
}

pub(super) fn of_stream(stream: &Stream, path: &[&[u8]]) -> Lookup {
    let exchange = &stream.exchange;
    match path {
        [b"request", path @ ..] => message::request(stream, path),
        [b"response", path @ ..] => message::response(stream, path),
        [b"connection", path @ ..] => connection(exchange, path),
        [b"source", path @ ..] => address(Some(exchange.connection().peer), path),
        [b"destination", path @ ..] => address(Some(exchange.connection().local), path),
        [b"upstream", path @ ..] => address(exchange.record(|record| record.upstream_host), path),
        [b"connection_id"] => connection(exchange, &[b"id"]),
        // Newer guests ask for these below `xds`, all others at the top.
        [b"xds", name] | [name] => route(exchange, name),
        _ => Err(Missing::Unknown),
    }
}

fn connection(exchange: &Exchange, path: &[&[u8]]) -> Lookup {
    match path {
        [b"id"] => Ok(number(exchange.connection().id)),
        [b"mtls"] => Ok(boolean(false)),
        [b"requested_server_name"] => Ok(text("")),
        _ => Err(Missing::Unknown),
    }
}

fn address(address: Option<SocketAddr>, path: &[&[u8]]) -> Lookup {
    let address = || address.ok_or(Missing::Unavailable);
    match path {
        [b"address"] => Ok(text(&address()?.to_string())),
        [b"port"] => Ok(number(address()?.port().into())),
        _ => Err(Missing::Unknown),
    }
}

fn route(exchange: &Exchange, name: &[u8]) -> Lookup {
    let route = exchange.route();
    let route = route.as_deref();
    match name {
        b"route_name" => optional(route.map(|route| &*route.name)),
        b"cluster_name" => {
            // The cluster that was gone to, once there is one.
            let cluster = exchange.record(|record| record.upstream_cluster.clone());
            optional(cluster.as_deref().or(route.map(|route| &*route.cluster)))
        }
        b"listener_direction" => Ok(number(0)), // unspecified
        _ => Err(Missing::Unknown),
    }
}
