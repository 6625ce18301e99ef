//! `/functions`: what is installed and how it does.

use serde_json::json;

use super::{Admin, AdminError, AdminRequest, AdminResponse, Answer};

/// Every function, by id.
pub(super) async fn list(admin: &Admin, _: &AdminRequest) -> Answer {
    let functions = admin.operations.functions();
    Ok(AdminResponse::json(&json!({ "generation": admin.operations.generation(), "functions": functions })))
}

/// One function.
pub(super) async fn get(admin: &Admin, request: &AdminRequest) -> Answer {
    let id = &request.parameter;
    match admin.operations.function(id) {
        Some(function) => Ok(AdminResponse::json(&function)),
        None => Err(AdminError::not_found(format!("no function has the id `{id}`"))),
    }
}
