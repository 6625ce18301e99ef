//! `/config_dump`: the configuration.

use super::{Admin, AdminRequest, AdminResponse, Answer};

/// The configuration in force with all defaults filled in, secrets redacted.
pub(super) async fn dump(admin: &Admin, _: &AdminRequest) -> Answer {
    Ok(AdminResponse::json(&admin.operations.config_dump()))
}
