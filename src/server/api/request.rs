//! What a request says: who asks, and with which body.

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::Problem;
use crate::server::admission::Admitted;
use crate::server::client_address::ClientAddress;
use crate::server::counter::{Kind, NEW_TOKEN, Refusal, Sent, Visitor, read_json, read_object};
use crate::server::office::Office;

/// Somebody who was let in, with the token that said so.
pub struct Guest {
    pub visitor: Visitor,
    pub admitted: Admitted,
}

impl FromRequestParts<Office> for Guest {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, office: &Office) -> Result<Self, Problem> {
        let admitted = admit(parts, office).await?;
        Ok(Self {
            visitor: Visitor::new(admitted.keeper.clone(), admitted.caller.clone()),
            admitted,
        })
    }
}

/// Who asks.
///
/// # Errors
/// When that is not clear, or they are not let in.
pub async fn visitor(parts: &Parts, office: &Office) -> Result<Visitor, Problem> {
    let admitted = admit(parts, office).await?;
    Ok(Visitor::new(admitted.keeper, admitted.caller))
}

async fn admit(parts: &Parts, office: &Office) -> Result<Admitted, Problem> {
    let Some(ClientAddress(address)) = parts.extensions.get() else {
        return Err(Refusal::internal(&"the server does not know its callers' addresses").into());
    };
    let secret = find_bearer(&parts.headers).ok_or_else(|| {
        Refusal::new(
            Kind::Unauthorized,
            "the request carries no token",
            format!("send it as `Authorization: Bearer TOKEN`; {NEW_TOKEN}"),
        )
    })?;
    let admitted = office.admit(secret, *address).await;
    Ok(admitted.map_err(Refusal::from)?)
}

fn find_bearer(headers: &HeaderMap) -> Option<SecretString> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
        .then(|| SecretString::from(token.to_owned()))
}

/// The body of a request.
pub type Body = Result<Bytes, BytesRejection>;
/// What follows the question mark.
pub type Asked<T> = Result<axum::extract::Query<T>, QueryRejection>;
/// What stands in the path.
pub type Named<T> = Result<axum::extract::Path<T>, PathRejection>;

fn malformed(detail: impl Into<String>, next: &str) -> Problem {
    Refusal::new(Kind::Malformed, detail, next).into()
}

/// What follows the question mark.
///
/// # Errors
/// When there is something that is not known there.
pub fn asked<T>(asked: Asked<T>) -> Result<T, Problem> {
    let asked = asked.map_err(|error| {
        malformed(
            error.body_text(),
            "/api/v1/openapi.json lists the parameters of every address",
        )
    })?;
    Ok(asked.0)
}

/// What stands in the path.
///
/// # Errors
/// When it is no text.
pub fn named<T>(named: Named<T>) -> Result<T, Problem> {
    Ok(named
        .map_err(|error| malformed(error.body_text(), "mend the address"))?
        .0)
}

fn body(body: Body) -> Result<Bytes, Problem> {
    body.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => malformed(
            "the body is too large",
            "a recommendation has at most 64 KiB",
        ),
        _ => malformed(error.body_text(), "send the request again"),
    })
}

/// A body of JSON.
///
/// # Errors
/// When it is none, or of another shape.
pub fn json<T: DeserializeOwned>(sent: Body) -> Result<T, Problem> {
    let bytes = body(sent)?;
    read_object(&bytes).map_err(|error| {
        malformed(
            format!("the body is not what is expected here: {error}"),
            "/api/v1/openapi.json says what is expected",
        )
    })
}

/// A recommendation, as JSON or as the text of its file.
///
/// # Errors
/// When it is neither.
pub fn recommendation(headers: &HeaderMap, sent: Body) -> Result<Sent, Problem> {
    let bytes = body(sent)?;
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let kind = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or("application/json");
    match kind.trim().to_ascii_lowercase().as_str() {
        "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => {
            Ok(Sent::Yaml(bytes.to_vec()))
        }
        "application/json" => Ok(read_json(&bytes)?),
        _ => Err(malformed(
            "the body is neither JSON nor YAML, as its type says",
            "send `Content-Type: application/json` or `application/yaml`",
        )),
    }
}
