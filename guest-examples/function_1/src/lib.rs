//! A Layotto function that asks another function: `?name=book1` arrives as its body, `id_2` knows the number, and
//! `There are 100 inventories for book1.` is the answer.

use layotto::Function;

proxy_wasm::main! {{
    layotto::serve::<Inventories>();
}}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_get_id() {
    layotto::announce("id_1");
}

struct Inventories;

impl Function for Inventories {
    fn call(input: Vec<u8>) -> Result<Vec<u8>, String> {
        let answer = match book(&input) {
            Some(book) => inventories(&book),
            None => "Which book? Send its name: ?name=book1".to_owned(),
        };
        Ok(answer.into_bytes())
    }
}

/// The value of `name` in `a=b&name=book1`; whatever else the client sent is ignored.
fn book(input: &[u8]) -> Option<String> {
    let (_, book) = form_urlencoded::parse(input).find(|(key, value)| key == "name" && !value.is_empty())?;
    Some(book.into_owned())
}

fn inventories(book: &str) -> String {
    match layotto::invoke("id_2", "", book.as_bytes()) {
        Ok(number) if number.is_empty() => format!("There are no inventories for {book}."),
        Ok(number) => format!("There are {} inventories for {book}.", String::from_utf8_lossy(&number)),
        Err(reason) => format!("The inventories for {book} are unknown: calling id_2 failed: {reason}."),
    }
}
