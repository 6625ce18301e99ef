//! Lets only known users through: 401 with a challenge for everybody else. Its configuration:
//! `{"realm": "books", "users": {"alice": "secret"}}`.

use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use configured::Filter;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use serde::Deserialize;

proxy_wasm::main! {{
    configured::serve::<BasicAuth>();
}}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    realm: String,
    users: BTreeMap<String, String>,
}

struct BasicAuth(Rc<Settings>);

impl Filter for BasicAuth {
    type Settings = Settings;

    fn new(settings: Rc<Settings>) -> BasicAuth {
        BasicAuth(settings)
    }
}

impl Context for BasicAuth {}

impl HttpContext for BasicAuth {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let authorization = self.get_http_request_header_bytes("authorization").unwrap_or_default();
        if credentials(&authorization).is_some_and(|(user, password)| self.0.knows(&user, &password)) {
            return Action::Continue;
        }
        let challenge = format!("Basic realm={:?}, charset=\"UTF-8\"", self.0.realm);
        self.send_http_response(401, vec![("www-authenticate", &challenge)], Some(b"Who are you?"));
        Action::Pause
    }
}

/// User and password of `Basic dXNlcjpwYXNzd29yZA==`.
fn credentials(authorization: &[u8]) -> Option<(String, String)> {
    let (scheme, token) = std::str::from_utf8(authorization).ok()?.split_once(' ')?;
    let credentials = String::from_utf8(STANDARD.decode(token.trim()).ok()?).ok()?;
    let (user, password) = credentials.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (user.to_owned(), password.to_owned()))
}

impl Settings {
    /// Looks at every byte of the password, so that the time taken tells nothing about where it differs.
    fn knows(&self, user: &str, password: &str) -> bool {
        let Some(known) = self.users.get(user) else { return false };
        let differences = known.bytes().zip(password.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
        known.len() == password.len() && differences == 0
    }
}
