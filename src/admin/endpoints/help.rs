//! `/help`: the table of endpoints as text.

use super::{Admin, AdminRequest, AdminResponse, Answer, ENDPOINTS};

/// Lists the endpoints, one a line.
pub(super) async fn list(_: &Admin, _: &AdminRequest) -> Answer {
    Ok(AdminResponse::text(text()))
}

// Apart from `list`, whose future's type would else depend on the table that it stands in.
fn text() -> String {
    let lines = ENDPOINTS.iter().map(|endpoint| {
        let (method, path) = (endpoint.method, endpoint.path);
        format!("{method:<4} {path:<18} {}\n", endpoint.about)
    });
    lines.collect()
}
