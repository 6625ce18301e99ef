//! The functions a guest may import, one row each, in the order of the ABI specification v0.2.1.
//!
//! To find the code of an import, search for its ABI name: the Rust function has the same name. A host call's body never
//! calls the guest: it decodes, does, and returns what is to be copied out. The wrapper (`call.rs`) around it allocates
//! and copies, once plain and once async, so that one table links both kinds of vm.

mod buffers;
mod call;
mod clocks;
mod contexts;
mod foreign_functions;
mod grpc_calls;
mod header_maps;
mod http_calls;
mod layotto;
mod logging;
mod metrics;
mod properties;
mod shared_data;
mod shared_queues;
mod streams;
mod wasi;

pub(crate) use call::Linkers;
pub(crate) use wasi::Exit;

use wasmtime::Result;

/// Links every row of the table for both kinds of vm.
pub(crate) fn link(engine: &wasmtime::Engine) -> Result<Linkers> {
    let mut linkers = Linkers::new(engine);
    let env = &mut linkers.module("env");
    // Context lifecycle
    env.plain("proxy_set_effective_context", contexts::proxy_set_effective_context)?;
    env.plain("proxy_done", contexts::proxy_done)?;
    // Logging
    env.early("proxy_log", logging::proxy_log)?;
    env.early("proxy_get_log_level", logging::proxy_get_log_level)?;
    // Clocks and timers
    env.plain("proxy_get_current_time_nanoseconds", clocks::proxy_get_current_time_nanoseconds)?;
    env.plain("proxy_set_tick_period_milliseconds", clocks::proxy_set_tick_period_milliseconds)?;
    // Buffers
    env.copying("proxy_get_buffer_bytes", buffers::proxy_get_buffer_bytes)?;
    env.plain("proxy_get_buffer_status", buffers::proxy_get_buffer_status)?;
    env.plain("proxy_set_buffer_bytes", buffers::proxy_set_buffer_bytes)?;
    env.copying("proxy_get_configuration", buffers::proxy_get_configuration)?;
    // HTTP fields
    env.plain("proxy_get_header_map_size", header_maps::proxy_get_header_map_size)?;
    env.copying("proxy_get_header_map_pairs", header_maps::proxy_get_header_map_pairs)?;
    env.plain("proxy_set_header_map_pairs", header_maps::proxy_set_header_map_pairs)?;
    env.copying("proxy_get_header_map_value", header_maps::proxy_get_header_map_value)?;
    env.plain("proxy_add_header_map_value", header_maps::proxy_add_header_map_value)?;
    env.plain("proxy_replace_header_map_value", header_maps::proxy_replace_header_map_value)?;
    env.plain("proxy_remove_header_map_value", header_maps::proxy_remove_header_map_value)?;
    // Streams
    env.plain("proxy_continue_stream", streams::proxy_continue_stream)?;
    env.plain("proxy_close_stream", streams::proxy_close_stream)?;
    env.plain("proxy_continue_request", streams::proxy_continue_request)?;
    env.plain("proxy_continue_response", streams::proxy_continue_response)?;
    env.plain("proxy_clear_route_cache", streams::proxy_clear_route_cache)?;
    env.plain("proxy_send_local_response", streams::proxy_send_local_response)?;
    env.copying("proxy_get_status", http_calls::proxy_get_status)?;
    // HTTP calls
    env.plain("proxy_http_call", http_calls::proxy_http_call)?;
    // Shared key-value store
    env.copying("proxy_get_shared_data", shared_data::proxy_get_shared_data)?;
    env.plain("proxy_set_shared_data", shared_data::proxy_set_shared_data)?;
    // Shared queues
    env.plain("proxy_register_shared_queue", shared_queues::proxy_register_shared_queue)?;
    env.plain("proxy_resolve_shared_queue", shared_queues::proxy_resolve_shared_queue)?;
    env.copying("proxy_dequeue_shared_queue", shared_queues::proxy_dequeue_shared_queue)?;
    env.plain("proxy_enqueue_shared_queue", shared_queues::proxy_enqueue_shared_queue)?;
    // gRPC calls
    env.plain("proxy_grpc_call", grpc_calls::proxy_grpc_call)?;
    env.plain("proxy_grpc_stream", grpc_calls::proxy_grpc_stream)?;
    env.plain("proxy_grpc_send", grpc_calls::proxy_grpc_send)?;
    env.plain("proxy_grpc_close", grpc_calls::proxy_grpc_close)?;
    env.plain("proxy_grpc_cancel", grpc_calls::proxy_grpc_cancel)?;
    // Metrics
    env.plain("proxy_define_metric", metrics::proxy_define_metric)?;
    env.plain("proxy_increment_metric", metrics::proxy_increment_metric)?;
    env.plain("proxy_record_metric", metrics::proxy_record_metric)?;
    env.plain("proxy_get_metric", metrics::proxy_get_metric)?;
    // Properties
    env.copying("proxy_get_property", properties::proxy_get_property)?;
    env.plain("proxy_set_property", properties::proxy_set_property)?;
    // Foreign functions
    env.copying("proxy_call_foreign_function", foreign_functions::proxy_call_foreign_function)?;
    // Layotto's state and service calls (not part of the ABI), and MOSN's names for calls of the ABI
    env.waiting("proxy_get_state", layotto::proxy_get_state)?;
    env.waiting("proxy_invoke_service", layotto::proxy_invoke_service)?;
    env.plain("proxy_dispatch_http_call", http_calls::proxy_http_call)?;
    env.plain("proxy_send_http_response", streams::proxy_send_local_response)?;
    env.plain("proxy_resume_http_request", streams::proxy_continue_request)?;
    env.plain("proxy_resume_http_response", streams::proxy_continue_response)?;
    wasi::link(&mut linkers)?;
    Ok(linkers)
}

#[cfg(test)]
mod tests;
