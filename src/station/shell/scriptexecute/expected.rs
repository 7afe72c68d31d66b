//! What a board of the old utility OS has to have read back: SHA-256 over the token of its attempt and then the image. Who
//! knows the image's own digest, which is the same for all boards and attempts, has read nothing by that.

use std::sync::Arc;

use axum::http::StatusCode;
use sha2::{Digest as _, Sha256};

use crate::error::Kind;
use crate::format::hex;
use crate::station::Station;
use crate::station::web::Refusal;
use crate::station_api::{Image, Job};

/// The digest that proves an attempt. It is made once for an attempt, however often and by how many calls it is asked for.
pub(super) async fn expected(
    station: &Station,
    job: &Job,
    image: &Image,
    token: &str,
) -> Result<String, Refusal> {
    let cell = station.begun.expected(&job.id, job.fence);
    cell.get_or_try_init(|| salted(station, image, token)).await.cloned()
}

/// Begins to make it, so that it is there when the board has read its disk.
pub(super) fn begin(station: &Arc<Station>, job: &Job, image: Image, token: &str) {
    let (station, job, token) = (Arc::clone(station), job.clone(), token.to_owned());
    tokio::spawn(async move {
        if let Err(refusal) = expected(&station, &job, &image, &token).await {
            let why = refusal.detail();
            tracing::warn!(why, job = job.id, "what its board has to read back isn't known yet");
        }
    });
}

async fn salted(station: &Station, image: &Image, token: &str) -> Result<String, Refusal> {
    let mut raw = station.images.raw(image, 0..image.raw_len).await?;
    let mut sum = Sha256::new_with_prefix(token);
    let all = tokio::task::spawn_blocking(move || {
        while let Some(bytes) = raw.next_bytes()? {
            sum.update(&bytes);
        }
        Ok::<_, crate::station::images::Error>(hex(&sum.finalize()))
    });
    let broke = |error: tokio::task::JoinError| {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, Kind::Failed, error.to_string())
    };
    Ok(all.await.map_err(broke)??)
}
