//! `/listeners`: where the sidecar accepts connections.

use serde_json::json;

use super::{Admin, AdminRequest, AdminResponse, Answer};

/// Each listener and the address that it is bound to.
pub(super) async fn list(admin: &Admin, _: &AdminRequest) -> Answer {
    Ok(AdminResponse::json(&json!({ "listeners": admin.operations.listeners() })))
}
