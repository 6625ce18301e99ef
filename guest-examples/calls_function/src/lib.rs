//! Calls the function that its body names: `target=id_2&param=book1` is answered with what `id_2` answered to `book1`, or
//! with `failed: STATUS`. Its own id is the environment variable `FUNCTION_ID`, so that one module can be several
//! functions that call each other.

use layotto::Function;

proxy_wasm::main! {{
    layotto::serve::<CallsFunction>();
}}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_get_id() {
    layotto::announce(&std::env::var("FUNCTION_ID").unwrap_or_else(|_| "calls_function".to_owned()));
}

struct CallsFunction;

impl Function for CallsFunction {
    fn call(input: Vec<u8>) -> Result<Vec<u8>, String> {
        let value = |name: &str| {
            let found = form_urlencoded::parse(&input).find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        let answer = layotto::invoke(&value("target"), "", value("param").as_bytes());
        Ok(answer.unwrap_or_else(|failed| format!("failed: {}", failed.0).into_bytes()))
    }
}
