//! Listeners and their chains.

use std::collections::HashMap;

use super::checks::Checks;
use super::names::{Known, Thing};
use crate::config::filter::{DirectResponse, Dispatch, Filter, FilterConfig, Router, Wasm};
use crate::config::place::Place;
use crate::config::value::Size;
use crate::config::{Listener, Name};

pub(super) fn check_listener(checks: &mut Checks, place: &Place, listener: &Listener, known: &Known) {
    let (limits, timeouts) = (place.key("limits"), place.key("timeouts"));
    checks.at_least_one(limits.key("connections"), listener.limits.connections);
    checks.range(limits.key("header_bytes"), listener.limits.header_bytes, Size::kib(1)..=Size::mib(1));
    checks.range(limits.key("headers"), listener.limits.headers, 1..=1000);
    checks.at_least_one(limits.key("requests_per_connection"), listener.limits.requests_per_connection);
    checks.some_time(timeouts.key("header"), listener.timeouts.header);
    checks.some_time(timeouts.key("idle"), listener.timeouts.idle);
    checks.some_time(timeouts.key("stream_idle"), listener.timeouts.stream_idle);
    checks.some_time(timeouts.key("write"), listener.timeouts.write);
    checks.range(place.key("trusted_hops"), listener.trusted_hops, 0..=100);
    let filters = place.key("filters");
    check_shape(checks, &filters, listener);
    check_labels(checks, &filters, &listener.filters);
    for (nth, filter) in listener.filters.iter().enumerate() {
        let place = filters.index(nth).key("config");
        match &filter.config {
            FilterConfig::Dispatch(dispatch) => check_dispatch(checks, &place, dispatch, known),
            FilterConfig::FunctionLookup(lookup) => {
                known.check_all(checks, &place.key("allow"), Thing::Function, &lookup.allow);
            }
            FilterConfig::Wasm(Wasm { function: Some(function) }) => {
                known.check(checks, place.key("function"), Thing::Function, function);
            }
            FilterConfig::Wasm(Wasm { function: None }) => {}
            FilterConfig::Router(router) => check_router(checks, &place, router, known),
            FilterConfig::DirectResponse(response) => check_direct_response(checks, &place, response),
        }
    }
}

/// The order of the filters: something answers in the end, nothing stands behind it, lookups stand in front.
fn check_shape(checks: &mut Checks, place: &Place, listener: &Listener) {
    if !checks.whole(place) {
        return;
    }
    let filters = &listener.filters;
    let Some((last, rest)) = filters.split_last() else {
        let message = format!("the listener `{}` has no filter", listener.name);
        return checks.refuse(place.clone(), message, "end its `filters` with `wasm`, `router` or `direct_response`");
    };
    if let FilterConfig::Dispatch(_) | FilterConfig::FunctionLookup(_) = last.config {
        checks.refuse(
            place.index(rest.len()),
            format!("the last filter is `{}`, which answers nothing", last.config.name()),
            "the last filter must be `wasm`, `router` or `direct_response`",
        );
    }
    for (nth, filter) in rest.iter().enumerate().filter(|(_, filter)| !filter.disabled) {
        if let FilterConfig::Router(_) | FilterConfig::DirectResponse(_) = filter.config {
            let message =
                format!("`{}` answers every exchange, so the filters behind it never run", filter.config.name());
            checks.refuse(place.index(nth), message, "move it to the end, or remove what stands behind it");
        }
    }
    let mut looked_up = false;
    for (nth, filter) in filters.iter().enumerate().filter(|(_, filter)| !filter.disabled) {
        match &filter.config {
            FilterConfig::FunctionLookup(_) => looked_up = true,
            FilterConfig::Wasm(Wasm { function: None }) if !looked_up => checks.refuse(
                place.index(nth),
                "`wasm` names no function, and no `function_lookup` in front of it chooses one",
                "set `config: {function: NAME}`, or put a `function_lookup` filter in front",
            ),
            _ => {}
        }
    }
}

fn check_labels(checks: &mut Checks, place: &Place, filters: &[Filter]) {
    let mut first: HashMap<&Name, usize> = HashMap::new();
    for (nth, filter) in filters.iter().enumerate() {
        let Some(other) = first.get(&filter.label) else {
            first.insert(&filter.label, nth);
            continue;
        };
        let message =
            format!("`{}` is already the label of `{}`", filter.label, checks.in_source(&place.index(*other)));
        checks.refuse(
            place.index(nth).key("label"),
            message,
            "give one of them another `label`; without one it is the filter's name",
        );
    }
}

fn check_dispatch(checks: &mut Checks, place: &Place, dispatch: &Dispatch, known: &Known) {
    known.check_all(checks, &place.key("stores"), Thing::Store, &dispatch.stores);
    known.check_all(checks, &place.key("clusters"), Thing::Cluster, &dispatch.clusters);
    known.check_all(checks, &place.key("functions"), Thing::Function, &dispatch.functions);
    for (nth, pattern) in dispatch.keys.iter().enumerate() {
        if pattern.is_empty() {
            checks.refuse(place.key("keys").index(nth), "the pattern is empty", "write `*` for every key");
        }
    }
    checks.at_least_one(place.key("budget").key("calls"), dispatch.budget.calls);
    checks.at_least_one(place.key("budget").key("in_flight"), dispatch.budget.in_flight);
    checks.some_time(place.key("function_timeout"), dispatch.function_timeout);
    checks.some_time(place.key("max_call_time"), dispatch.max_call_time);
    checks.range(place.key("depth"), dispatch.depth, 1..=64);
}

fn check_router(checks: &mut Checks, place: &Place, router: &Router, known: &Known) {
    known.check(checks, place.key("cluster"), Thing::Cluster, &router.cluster);
    checks.range(place.key("retries"), router.retries, 0..=10);
    let (whole, each) = (router.timeout, router.per_try_timeout);
    if !whole.is_zero() && each > whole {
        let message = format!("`{each}` is longer than `timeout`, which is `{whole}` for all tries together");
        checks.refuse(place.key("per_try_timeout"), message, "lower it, or raise `timeout`");
    }
}

fn check_direct_response(checks: &mut Checks, place: &Place, response: &DirectResponse) {
    checks.range(place.key("status"), response.status, 200..=599);
    if matches!(response.status, 204 | 205 | 304) && !response.body.is_empty() {
        let message = format!("a response with status {} has no body", response.status);
        checks.refuse(place.key("body"), message, "remove the body, or choose another status");
    }
    for (name, value) in &response.headers {
        let place = place.key("headers").key(name.as_str());
        if matches!(name.as_str(), "content-length" | "transfer-encoding" | "connection") {
            checks.refuse(place, format!("`{name}` is set by the proxy itself"), "remove it");
        } else if value.chars().any(|c| c != '\t' && c.is_control()) {
            checks.refuse(place, format!("the value of `{name}` has a control character"), "write it on one line");
        }
    }
}
