//! What a request says: who asks, for what, and with which body. What cannot be understood is a [`Problem`].

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
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

impl FromRequestParts<AppState> for Authentication {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app_state: &AppState) -> Result<Self, Problem> {
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
}

impl FromRequestParts<AppState> for AuthContext {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app_state: &AppState) -> Result<Self, Problem> {
        let authentication = Authentication::from_request_parts(parts, app_state).await?;
        Ok(Self::new(authentication.worker, authentication.caller))
    }
}

fn find_bearer(headers: &HeaderMap) -> Option<SecretString> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
        .then(|| SecretString::from(token.to_owned()))
}

/// What follows the question mark.
pub struct Query<T>(pub T);
/// What stands in the path.
pub struct Path<T>(pub T);
/// A body that is a JSON object.
pub struct JsonBody<T>(pub T);
/// A body that is a recommendation, as JSON or as the text of its file.
pub struct Recommendation(pub Sent);

fn malformed(detail: impl Into<String>, next: &str) -> Problem {
    ServiceError::new(Kind::Malformed, detail, next).into()
}

impl<T: DeserializeOwned> FromRequestParts<AppState> for Query<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Problem> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(asked)) => Ok(Self(asked)),
            Err(error) => Err(malformed(
                error.body_text(),
                "/api/v1/openapi.json lists the parameters of every address",
            )),
        }
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<AppState> for Path<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app_state: &AppState) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, app_state).await {
            Ok(axum::extract::Path(named)) => Ok(Self(named)),
            Err(error) => Err(malformed(error.body_text(), "mend the address")),
        }
    }
}

async fn body(request: Request, app_state: &AppState) -> Result<Bytes, Problem> {
    let body = Bytes::from_request(request, app_state).await;
    body.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => malformed(
            "the body is too large",
            "a recommendation has at most 64 KiB",
        ),
        _ => malformed(error.body_text(), "send the request again"),
    })
}

impl<T: DeserializeOwned> FromRequest<AppState> for JsonBody<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, app_state: &AppState) -> Result<Self, Problem> {
        let read = read_object(&body(request, app_state).await?);
        read.map(Self).map_err(|error| {
            malformed(
                format!("the body is not what is expected here: {error}"),
                "/api/v1/openapi.json says what is expected",
            )
        })
    }
}

impl FromRequest<AppState> for Recommendation {
    type Rejection = Problem;
    async fn from_request(request: Request, app_state: &AppState) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|value| value.to_str().ok());
        let kind = kind
            .and_then(|kind| kind.split(';').next())
            .unwrap_or("application/json")
            .trim()
            .to_ascii_lowercase();
        let bytes = body(request, app_state).await?;
        match kind.as_str() {
            "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => {
                Ok(Self(Sent::Yaml(bytes.to_vec())))
            }
            "application/json" => Ok(Self(read_json(&bytes)?)),
            _ => Err(malformed(
                "the body is neither JSON nor YAML, as its type says",
                "send `Content-Type: application/json` or `application/yaml`",
            )),
        }
    }
}
