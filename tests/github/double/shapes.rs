//! GitHub's objects as GitHub writes them, with every key that its description requires.
//!
//! Written out by hand and held against the description: shapes made from the description itself would agree with it
//! whatever mistake this double makes.

mod checks;
mod people;
mod pulls;
mod repository;

use serde_json::Value;

fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

/// A text as it may stand in an address.
pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
