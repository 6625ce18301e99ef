//! Stores and clusters.

use super::checks::Checks;
use crate::config::place::Place;
use crate::config::value::Size;
use crate::config::{Cluster, Memory, Redis, Store};

pub(super) fn check_store(checks: &mut Checks, place: &Place, store: &Store) {
    let name = &store.name;
    match (&store.redis, &store.memory) {
        (None, None) => checks.refuse(
            place.clone(),
            format!("the store `{name}` is neither `redis` nor `memory`"),
            "add `redis: {url: redis://localhost:6379}` or `memory: {}`",
        ),
        (Some(_), Some(_)) => checks.refuse(
            place.clone(),
            format!("the store `{name}` is both `redis` and `memory`"),
            "remove one of them, or make two stores of it",
        ),
        (Some(redis), None) => check_redis(checks, &place.key("redis"), redis),
        (None, Some(memory)) => check_memory(checks, &place.key("memory"), memory),
    }
}

fn check_redis(checks: &mut Checks, place: &Place, redis: &Redis) {
    if redis.url.has_credentials() && (redis.username.is_some() || redis.password_file.is_some()) {
        checks.refuse(
            place.key("url"),
            "the credentials are given in the URL and beside it",
            "keep `username` and `password_file`, and remove them from the URL",
        );
    }
    checks.some_time(place.key("timeout"), redis.timeout);
    checks.some_time(place.key("connect_timeout"), redis.connect_timeout);
    checks.at_least_one(place.key("breaker").key("failures"), redis.breaker.failures);
    checks.some_time(place.key("breaker").key("retry"), redis.breaker.retry);
    checks.range(place.key("max_reply"), redis.max_reply, Size::kib(1)..=Size::gib(1));
}

fn check_memory(checks: &mut Checks, place: &Place, memory: &Memory) {
    checks.range(place.key("max_bytes"), memory.max_bytes, Size::kib(1)..=Size::gib(1024));
    let seed: usize = memory.seed.iter().map(|(key, value)| key.len() + value.len()).sum();
    if seed > memory.max_bytes.as_usize() {
        let message = format!("the seed has {seed} bytes, more than `max_bytes`");
        checks.refuse(place.key("seed"), message, "raise `max_bytes`, or seed less");
    }
}

pub(super) fn check_cluster(checks: &mut Checks, place: &Place, cluster: &Cluster) {
    let endpoints = place.key("endpoints");
    if cluster.endpoints.is_empty() {
        let message = format!("the cluster `{}` has no endpoint", cluster.name);
        checks.refuse(endpoints.clone(), message, "add one, as `endpoints: [{address: 127.0.0.1:8080}]`");
    }
    for (nth, endpoint) in cluster.endpoints.iter().enumerate() {
        let place = endpoints.index(nth);
        checks.range(place.key("weight"), endpoint.weight, 1..=1000);
        let address = endpoint.address;
        if address.get().port() == 0 || address.get().ip().is_unspecified() {
            let message = format!("nothing can be reached at `{address}`");
            checks.refuse(place.key("address"), message, "write the IP and the port of a server, as `127.0.0.1:8080`");
        }
    }
    let connections = place.key("connections");
    checks.at_least_one(connections.key("max"), cluster.connections.max);
    checks.at_least_one(connections.key("requests"), cluster.connections.requests);
    checks.some_time(connections.key("idle"), cluster.connections.idle);
    checks.some_time(place.key("timeouts").key("connect"), cluster.timeouts.connect);
}
