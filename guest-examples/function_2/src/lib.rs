//! A Layotto function that reads the state: its body is a key, its answer is what the store `state_demo` holds, or
//! 503 when the store does not say.

use layotto::Function;

proxy_wasm::main! {{
    layotto::serve::<State>();
}}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_get_id() {
    layotto::announce("id_2");
}

struct State;

impl Function for State {
    fn call(key: Vec<u8>) -> Result<Vec<u8>, String> {
        layotto::get_state("state_demo", &key).map_err(|reason| format!("The state is out of reach: {reason}."))
    }
}
