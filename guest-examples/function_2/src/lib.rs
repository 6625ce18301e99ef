//! A Layotto function that reads the state: its body is a key, its answer is what the store `state_demo` holds.

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
    fn call(key: Vec<u8>) -> Vec<u8> {
        layotto::get_state("state_demo", &key)
            .unwrap_or_else(|reason| format!("The state is out of reach: {reason}.").into_bytes())
    }
}
