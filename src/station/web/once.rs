//! What is asked twice under one key is done once, and answered the same (`Idempotency-Key`).

use std::future::Future;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::row::Row;
use super::{JSON, Refusal, Who};
use crate::error::Kind;
use crate::format::hex;
use crate::station::store::Once;
use crate::station::{Station, now};

/// The header with the caller's key.
pub(super) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The key of a call, where it shows one: 1 to 100 visible characters of ASCII.
pub(super) fn key(row: &Row, headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut all = headers.get_all(&KEY).iter();
    let Some(value) = all.next().filter(|_| row.takes_key()) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let plain = (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain || all.next().is_some() {
        let text = "`Idempotency-Key` is one text of 1 to 100 letters, digits and signs, without spaces";
        return Err(Refusal::malformed(text));
    }
    if row.secret {
        let text = "this call takes no `Idempotency-Key`: it has a secret in it, of which nothing is kept";
        return Err(Refusal::meaningless(text));
    }
    Ok(Some(text.to_owned()))
}

/// What is asked: the same key with something else is a mistake of the caller's.
pub(super) fn digest(row: &Row, place: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    for part in [row.method.word().as_bytes(), place.as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// Does something, once. It goes on to its end when its caller goes away: the caller comes back with the same key and
/// gets the answer.
pub(super) async fn once<R>(
    station: Arc<Station>,
    who: &Who,
    key: String,
    digest: String,
    work: R,
) -> Result<Response, Refusal>
where
    R: Future<Output = Result<(StatusCode, String), Refusal>> + Send + 'static,
{
    // A user and a token may have one name.
    let by = if who.user == who.by { format!("user {}", who.by) } else { format!("token {}", who.by) };
    match station.store().begin_once(&by, &key, &digest, now()).await? {
        Once::New => {}
        Once::Done { status, answer } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            let mut answer = answered(status, answer);
            answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            return Ok(answer);
        }
        Once::Other => {
            return Err(Refusal::meaningless("something else was asked under this `Idempotency-Key`"));
        }
        Once::Unfinished { since } if since >= station.since => {
            return Err(Refusal::conflict("the same is being done: ask again in a moment"));
        }
        Once::Unfinished { .. } => {
            return Err(Refusal::conflict(
                "the station was stopped while it did this: whether it was done isn't known",
            )
            .with_hint("look whether it was done, and ask for it under another key if not"));
        }
    }
    let task = tokio::spawn(async move {
        let done = work.await;
        let kept = done.as_ref().ok().map(|(status, answer)| (status.as_u16(), answer.as_str()));
        if let Err(error) = station.store().end_once(&by, &key, kept).await {
            tracing::warn!(%error, "an answer can't be kept for its key");
        }
        done
    });
    let failed = |_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, Kind::Failed, "the call broke off");
    let (status, answer) = task.await.map_err(failed)??;
    Ok(answered(status, answer))
}

fn answered(status: StatusCode, answer: String) -> Response {
    if status == StatusCode::NO_CONTENT {
        return status.into_response();
    }
    let headers = [(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, "no-store")];
    (status, headers, answer).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station::web::Access;
    use crate::station_api::Role;

    #[test]
    fn a_key_is_short_and_plain_and_not_for_secrets() {
        let access = Access::Role(Role::Operator);
        let row = Row::post("/api/v1/boards/{board}/jobs", access, "");
        let read = |row: &Row, values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(KEY, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            key(row, &headers).map_err(|refusal| refusal.status().as_u16())
        };
        assert_eq!(read(&row, &[]), Ok(None));
        assert_eq!(read(&row, &["0b5a-7"]), Ok(Some("0b5a-7".to_owned())));
        for wrong in ["", "a b", "é", &"a".repeat(101)] {
            assert_eq!(read(&row, &[wrong]), Err(400), "{wrong}");
        }
        assert_eq!(read(&row, &["a", "b"]), Err(400));
        assert_eq!(read(&row.secret(), &["a"]), Err(422));
        assert_eq!(read(&Row::get("/api/v1/boards", access, ""), &["a b"]), Ok(None));
        assert_eq!(read(&Row::post("/api/v1/login", Access::Open, ""), &["a b"]), Ok(None));
    }

    #[test]
    fn what_is_asked_is_told_apart() {
        let row = Row::post("/x", Access::Open, "");
        let one = digest(&row, "/x", b"{}");
        assert_eq!(one, digest(&row, "/x", b"{}"));
        for other in [
            digest(&row, "/x", b"{ }"),
            digest(&row, "/x{", b"}"),
            digest(&Row::put("/x", Access::Open, ""), "/x", b"{}"),
        ] {
            assert_ne!(one, other);
        }
    }
}
