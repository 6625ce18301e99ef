//! Echoes state: the body is a key, the answer is `key=value` from the store `state_demo`, or `key failed: STATUS`. What
//! a host does with a guest whose store hangs is seen here.

use layotto::Function;

proxy_wasm::main! {{
    layotto::serve::<StateReader>();
}}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_get_id() {
    layotto::announce("state_reader");
}

struct StateReader;

impl Function for StateReader {
    fn call(key: Vec<u8>) -> Result<Vec<u8>, String> {
        Ok(match layotto::get_state("state_demo", &key) {
            Ok(value) => [&key[..], b"=", &value].concat(),
            Err(failed) => [&key[..], format!(" failed: {}", failed.0).as_bytes()].concat(),
        })
    }
}
