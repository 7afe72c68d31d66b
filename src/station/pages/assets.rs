//! The style sheet, the script and the icons: within the program, named by their content, so that browsers may keep them
//! for ever and a page of another version never gets these.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::station::Station;

/// Where each of them is.
#[derive(Debug)]
pub(super) struct Assets {
    pub(super) style: String,
    pub(super) script: String,
    pub(super) icon: String,
    pub(super) icon_failed: String,
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    name: String,
    kind: &'static str,
    text: &'static str,
}

/// All of them.
pub(super) static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let mut files = Vec::new();
    let mut put = |stem: &str, ending: &str, kind, text: &'static str| {
        let hash = blake3::hash(text.as_bytes()).to_hex();
        let name = format!("{stem}.{}.{ending}", &hash[..12]);
        let path = format!("/static/{name}");
        files.push(File { name, kind, text });
        path
    };
    Assets {
        style: put("style", "css", "text/css; charset=utf-8", include_str!("../../../web/style.css")),
        script: put("piprov", "js", "text/javascript; charset=utf-8", include_str!("../../../web/piprov.js")),
        icon: put("icon", "svg", "image/svg+xml", include_str!("../../../web/icon.svg")),
        icon_failed: put("failed", "svg", "image/svg+xml", include_str!("../../../web/icon-failed.svg")),
        files,
    }
});

/// Puts them beside the pages.
pub(super) fn add_to(router: Router<Arc<Station>>) -> Router<Arc<Station>> {
    router.route("/static/{file}", get(file))
}

async fn file(Path(name): Path<String>) -> Response {
    match ASSETS.files.iter().find(|file| file.name == name) {
        Some(file) => {
            let headers = [
                (header::CONTENT_TYPE, file.kind),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, file.text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_a_name_of_its_own_and_loads_nothing_from_elsewhere() {
        let names: std::collections::HashSet<_> = ASSETS.files.iter().map(|file| &file.name).collect();
        assert_eq!(names.len(), ASSETS.files.len());
        for file in &ASSETS.files {
            let foreign = file.text.replace("http://www.w3.org/2000/svg", "");
            assert!(!foreign.contains("http:") && !foreign.contains("https:"), "{}", file.name);
            assert!(!foreign.contains("//cdn"), "{}", file.name);
        }
    }
}
