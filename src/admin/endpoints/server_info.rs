//! `/server_info`: which program this is, and how long it runs.

use serde_json::json;

use super::{Admin, AdminRequest, AdminResponse, Answer};

/// Version, state, uptime, generation of the configuration, number of workers.
pub(super) async fn get(admin: &Admin, _: &AdminRequest) -> Answer {
    Ok(AdminResponse::json(&json!({
        "version": admin.version,
        "state": admin.readiness.state(),
        "uptime_seconds": admin.started.elapsed().as_secs(),
        "generation": admin.operations.generation(),
        "threads": admin.threads,
    })))
}
