//! Style, script and icon: compiled in, each named by its content, so that a browser keeps it for ever
//! and never keeps an old one.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

struct Asset {
    name: String,
    kind: &'static str,
    text: &'static str,
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        asset(
            "style",
            "css",
            "text/css; charset=utf-8",
            include_str!("../templates/dashboard/assets/style.css"),
        ),
        asset(
            "live",
            "js",
            "text/javascript; charset=utf-8",
            include_str!("../templates/dashboard/assets/live.js"),
        ),
        asset(
            "icon",
            "svg",
            "image/svg+xml",
            include_str!("../templates/dashboard/assets/icon.svg"),
        ),
    ]
});

fn asset(stem: &str, ending: &str, kind: &'static str, text: &'static str) -> Asset {
    let mut hash = hex::encode(digest(&SHA256, text.as_bytes()));
    hash.truncate(16);
    let name = format!("{stem}-{hash}.{ending}");
    Asset { name, kind, text }
}

#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    pub style: &'static str,
    pub script: &'static str,
    pub icon: &'static str,
}

/// Their names below `/assets/`.
pub fn addresses() -> Addresses {
    let [style, script, icon] = &*ASSETS;
    Addresses {
        style: &style.name,
        script: &script.name,
        icon: &icon.name,
    }
}

pub async fn serve(Path(name): Path<String>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.text).into_response()
}
