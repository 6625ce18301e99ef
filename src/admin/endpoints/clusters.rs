//! `/clusters`: where the sidecar sends requests.

use serde_json::json;

use super::{Admin, AdminRequest, AdminResponse, Answer};

/// Each cluster, its endpoints and their health.
pub(super) async fn list(admin: &Admin, _: &AdminRequest) -> Answer {
    Ok(AdminResponse::json(&json!({ "clusters": admin.operations.clusters() })))
}
