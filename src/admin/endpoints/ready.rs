//! `/ready`: whether the process serves.

use http::StatusCode;

use super::{Admin, AdminRequest, AdminResponse, Answer};
use crate::admin::Readiness;

/// The state in one word: 200 when it is `LIVE`, else 503.
pub(super) async fn get(admin: &Admin, _: &AdminRequest) -> Answer {
    Ok(state(&admin.readiness))
}

pub(in crate::admin) fn state(readiness: &Readiness) -> AdminResponse {
    let mut response = AdminResponse::text(format!("{}\n", readiness.state()));
    if !readiness.is_live() {
        response.status = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}
