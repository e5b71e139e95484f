//! What a request says: who asks, and with which body.

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::Problem;
use crate::server::authentication::Authentication;
use crate::server::client_address::ClientAddress;
use crate::server::service::{
    AuthContext, Kind, NEW_TOKEN, Sent, ServiceError, read_json, read_object,
};
use crate::server::state::AppState;

/// Somebody who was let in, with the token that said so.
pub struct Authenticated {
    pub auth: AuthContext,
    pub authentication: Authentication,
}

impl FromRequestParts<AppState> for Authenticated {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app_state: &AppState) -> Result<Self, Problem> {
        let authentication = authenticate(parts, app_state).await?;
        Ok(Self {
            auth: AuthContext::new(authentication.worker.clone(), authentication.caller.clone()),
            authentication,
        })
    }
}

/// Who asks.
///
/// # Errors
/// When that is not clear, or they are not let in.
pub async fn auth(parts: &Parts, app_state: &AppState) -> Result<AuthContext, Problem> {
    let authentication = authenticate(parts, app_state).await?;
    Ok(AuthContext::new(
        authentication.worker,
        authentication.caller,
    ))
}

async fn authenticate(parts: &Parts, app_state: &AppState) -> Result<Authentication, Problem> {
    let Some(ClientAddress(address)) = parts.extensions.get() else {
        return Err(
            ServiceError::internal(&"the server does not know its callers' addresses").into(),
        );
    };
    let secret = find_bearer(&parts.headers).ok_or_else(|| {
        ServiceError::new(
            Kind::Unauthorized,
            "the request carries no token",
            format!("send it as `Authorization: Bearer TOKEN`; {NEW_TOKEN}"),
        )
    })?;
    let authentication = app_state.authenticate(secret, *address).await;
    Ok(authentication.map_err(ServiceError::from)?)
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
    ServiceError::new(Kind::Malformed, detail, next).into()
}

/// What follows the question mark.
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
