//! `http`: sends the approved recommendation to an address that the rules on `main` name, signed.
//!
//! It is sent once. An answer says how it went; when there is none, what was sent may have arrived, and
//! then nobody knows. The secret comes from the environment and is never written anywhere.

use std::collections::BTreeMap;
use std::io::Read as _;

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret as _, SecretString};

use super::output::{MOST_OUTPUT, printable};
use super::{ExecutionRequest, ExecutionResult};
use crate::domain::value::Value;
use crate::http::{self, Answer, Message, NoAnswer, Timeouts};
use crate::rules::executor::Hook;

/// The header with the signature of the raw body: `sha256=` and the HMAC in hexadecimal digits.
pub const SIGNATURE_HEADER: &str = "X-Countersign-Signature-256";
/// The header that is the same for every delivery of an attempt.
pub const IDEMPOTENCY_HEADER: &str = "Idempotency-Key";
/// A shorter secret could be guessed.
const LEAST_SECRET: usize = 16;

/// This process was not given a secret that is long enough.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the environment has no `{name}` of at least {LEAST_SECRET} characters, which the rules name to sign the request"
)]
pub struct NoSecret {
    name: String,
}

/// The secret that signs the requests to a hook.
pub fn read_secret(hook: &Hook) -> Result<SecretString, NoSecret> {
    let name = &hook.secret_variable;
    let secret = std::env::var(name).unwrap_or_default();
    if secret.len() < LEAST_SECRET {
        let name = name.clone();
        return Err(NoSecret { name });
    }
    Ok(SecretString::from(secret))
}

/// Sends the order and waits for the answer.
pub fn send(hook: &Hook, secret: &SecretString, request: &ExecutionRequest<'_>) -> ExecutionResult {
    let body = match serde_json::to_vec(request) {
        Ok(body) => body,
        Err(error) => return ExecutionResult::badly(format!("cannot write it as JSON: {error}")),
    };
    let (signature, key) = (sign(secret, &body), request.idempotency_key());
    let headers = [
        ("Content-Type", "application/json"),
        ("Accept", "*/*"),
        (SIGNATURE_HEADER, signature.as_str()),
        (IDEMPOTENCY_HEADER, key.as_str()),
    ];
    let message = Message {
        url: &hook.url,
        user_agent: concat!("countersign/", env!("CARGO_PKG_VERSION")),
        headers: &headers,
        body: &body,
    };
    let timeouts = Timeouts {
        connection: hook.time_limit,
        whole: hook.time_limit,
    };
    match http::send(message, timeouts) {
        Ok(answer) => finished(answer),
        Err(NoAnswer {
            reason,
            may_have_arrived: false,
        }) => ExecutionResult::badly(format!("it was not sent: {reason}")),
        Err(NoAnswer { reason, .. }) => ExecutionResult::unknown(format!(
            "it was sent and not answered ({reason}): look what happened, then report it with `countersign outcome`"
        )),
    }
}

/// The signature of a body, as the receiver computes it again.
fn sign(secret: &SecretString, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let tag = hmac::sign(&key, body);
    let digits = tag.as_ref().iter().map(|byte| format!("{byte:02x}"));
    format!("sha256={}", digits.collect::<String>())
}

/// The status alone says how it went; of the body the beginning is kept, as far as it comes in time.
fn finished(answer: Answer) -> ExecutionResult {
    let status = answer.status;
    let error = match status {
        200..=299 => None,
        300..=399 => Some(format!(
            "it answered with HTTP {status}: a redirect is not followed, so let the rules name the final address"
        )),
        _ => Some(format!("it answered with HTTP {status}")),
    };
    let mut details = BTreeMap::from([("status".to_owned(), Value::from(i64::from(status)))]);
    let text = beginning(answer);
    if !text.is_empty() {
        details.insert("answer".to_owned(), Value::Text(text));
    }
    ExecutionResult {
        success: Some(error.is_none()),
        details,
        error,
    }
}

fn beginning(answer: Answer) -> String {
    let mut bytes = Vec::new();
    let one_more = u64::try_from(MOST_OUTPUT)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let read = answer.take(one_more).read_to_end(&mut bytes);
    let is_more = bytes.len() > MOST_OUTPUT;
    bytes.truncate(MOST_OUTPUT);
    let mut text = printable(&bytes);
    if is_more {
        text.push_str("\n[the rest was not read]");
    } else if read.is_err() {
        text.push_str("\n[it broke off]");
    }
    text.trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_that_receivers_of_webhooks_compute() {
        // GitHub's own example for testing the validation of a delivery.
        let secret = SecretString::from("It's a Secret to Everybody");
        assert_eq!(
            sign(&secret, b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
