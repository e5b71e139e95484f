//! What GitHub signs and what it checks: the signature of a webhook, and the token with which an App shows who it is.
//!
//! The App's key is made afresh in every test process, so that no private key lies in the repository.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey,
};
use aws_lc_rs::{hmac, rsa};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// `sha256=…`, as in `X-Hub-Signature-256`.
pub fn hub_signature(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, body);
    let hex: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256={hex}")
}

/// Standard base64, as in Basic authentication.
pub fn base64_decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

fn key() -> &'static rsa::KeyPair {
    static KEY: OnceLock<rsa::KeyPair> = OnceLock::new();
    KEY.get_or_init(|| rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap())
}

/// The App's private key, as GitHub lets one download it.
pub fn private_key_pem() -> String {
    let der: Pkcs8V1Der<'static> = key().as_der().unwrap();
    let text = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines.join("\n")
    )
}

/// A token of the App itself.
pub fn app_jwt(app_id: u64, issued_at: i64, lifetime_seconds: i64) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({"alg": "RS256", "typ": "JWT"}));
    let claims = part(
        json!({"iss": app_id.to_string(), "iat": issued_at, "exp": issued_at + lifetime_seconds}),
    );
    let signed = format!("{head}.{claims}");
    let mut signature = vec![0; key().public_modulus_len()];
    key()
        .sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            signed.as_bytes(),
            &mut signature,
        )
        .unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Checks a token of the App as GitHub does: algorithm, signature, issuer, not older than ten minutes.
pub fn check_app_jwt(token: &str, app_id: u64, now: i64) -> Result<(), String> {
    let parts: Vec<&str> = token.split('.').collect();
    let [head, claims, signature] = parts[..] else {
        return Err("A JSON web token could not be decoded".to_owned());
    };
    let read = |part: &str| -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    let undecodable = || "A JSON web token could not be decoded".to_owned();
    if read(head).ok_or_else(undecodable)?["alg"] != "RS256" {
        return Err(undecodable());
    }
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key().public_key().as_ref());
    let raw = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| undecodable())?;
    public
        .verify(format!("{head}.{claims}").as_bytes(), &raw)
        .map_err(|_| undecodable())?;
    let claims = read(claims).ok_or_else(undecodable)?;
    let issuer = match &claims["iss"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if issuer != app_id.to_string() {
        return Err("Integration not found".to_owned());
    }
    let time = |name: &str| claims[name].as_i64();
    match (time("iat"), time("exp")) {
        (Some(iat), Some(exp)) if iat <= now + 60 && exp > now && exp - now <= 600 => Ok(()),
        (Some(_), Some(exp)) if exp <= now => {
            Err("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires".to_owned())
        }
        _ => Err("'Expiration time' claim ('exp') is too far in the future".to_owned()),
    }
}
