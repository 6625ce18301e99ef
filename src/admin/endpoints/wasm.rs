//! `/wasm/…`: the endpoints of Layotto's hot deployment, with answers that say what happened.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{Admin, AdminError, AdminRequest, AdminResponse, Answer};

/// Contract §2.2: instances of a function.
const INSTANCES: std::ops::RangeInclusive<u64> = 1..=1024;

/// Other keys are ignored, so that the body of an installation can be sent back to undo it.
#[derive(Deserialize)]
struct Uninstall {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    name: String,
    instance_num: u64,
}

/// Installs the function that the body describes and begins to serve it.
pub(super) async fn install(admin: &Admin, request: &AdminRequest) -> Answer {
    let body = Bytes::clone(&request.body);
    parse::<IgnoredAny>(&body)?;
    admin.operations.install(body).await?;
    Ok(AdminResponse::done())
}

/// Takes a function away; exchanges that are in it end in it.
pub(super) async fn uninstall(admin: &Admin, request: &AdminRequest) -> Answer {
    let Uninstall { name } = parse(&request.body)?;
    admin.operations.uninstall(&name).await?;
    Ok(AdminResponse::done())
}

/// Sets the number of a function's instances.
pub(super) async fn update(admin: &Admin, request: &AdminRequest) -> Answer {
    let Update { name, instance_num } = parse(&request.body)?;
    let instances = u16::try_from(instance_num).ok().filter(|_| INSTANCES.contains(&instance_num));
    let instances = instances.ok_or_else(|| {
        let (least, most) = (INSTANCES.start(), INSTANCES.end());
        AdminError::bad_request(format!("`instance_num` must be {least} to {most}, not {instance_num}"))
    })?;
    admin.operations.update(&name, instances).await?;
    Ok(AdminResponse::done())
}

/// Reads a JSON object. The derived readers would take arrays too, so those are refused first.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, AdminError> {
    let refusal = |problem: String| AdminError::bad_request(format!("the body {problem}"));
    if body.trim_ascii_start().first() != Some(&b'{') {
        serde_json::from_slice::<IgnoredAny>(body).map_err(|error| refusal(format!("is not JSON: {error}")))?;
        return Err(refusal("is not a JSON object".to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| {
        let what = if error.is_data() { "is not what is wanted" } else { "is not JSON" };
        refusal(format!("{what}: {error}"))
    })
}
