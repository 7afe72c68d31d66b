//! A bucket, by the protocol of Amazon S3: the crate's words and signatures, over our own client.
//!
//! | part | what it is |
//! |---|---|
//! | `keys` | by what it is spoken to, from the environment or a file |
//! | `said` | what its server says that says no; pure |
//! | `wire` | what carries requests, bounded in size and time |

mod keys;
mod said;
mod wire;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};

pub use keys::KeyError;
pub use said::Said;

use super::Error;
use crate::config::objects::ObjectPlace;
use crate::http::{Client, Origin, Trust};
use crate::stop::Stop;
use keys::Keys;
use wire::{Wire, limits};

/// So many times a bucket is asked again within the patience: it is the time that counts.
const AGAIN: usize = 10_000;
/// How long is waited between two questions, at first and at last.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A bucket as a store of the crate's.
#[derive(Debug)]
pub(super) struct Bucket {
    /// It asks again as long as its patience lasts.
    pub(super) patient: Arc<dyn ObjectStore>,
    /// It asks once, for what only looks whether all is well.
    pub(super) quick: Arc<dyn ObjectStore>,
}

/// Opens one. Nothing is asked yet.
pub(super) fn open(
    place: &ObjectPlace,
    (bucket, prefix): (&str, &str),
    credentials: Option<&Path>,
    patience: Duration,
    stop: &Stop,
) -> Result<Bucket, Error> {
    let keys = Keys::get(credentials).map_err(|source| Error::Keys { place: place.clone(), source })?;
    let unfit =
        |why: &dyn std::error::Error| Error::Place { place: place.clone(), why: crate::error::chain(why) };
    let amazon = || format!("https://s3.{}.amazonaws.com", keys.region).parse::<Origin>();
    let origin = match keys.endpoint.clone() {
        Some(origin) => origin,
        None => amazon().map_err(|error| unfit(&error))?,
    };
    let tls = matches!(origin, Origin::Tcp { tls: true, .. });
    let scheme = if tls { "https" } else { "http" };
    let endpoint = format!("{scheme}://{}", origin.host_header());
    let trust = keys.bundle.clone().map_or(Trust::System, Trust::File);
    let client = Client::new(origin, trust, limits(patience), stop).map_err(|error| unfit(&error))?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(&keys.region)
        .with_endpoint(endpoint)
        .with_allow_http(!tls)
        .with_access_key_id(&keys.id)
        .with_secret_access_key(&keys.secret)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // Each server knows how to delete one; of a thousand at once some know nothing.
        .with_disable_bulk_delete(true)
        .with_disable_tagging(true)
        .with_http_connector(Wire::new(client));
    if let Some(token) = &keys.token {
        builder = builder.with_token(token);
    }
    let open = |max_retries, retry_timeout| {
        let backoff = BackoffConfig { init_backoff: PAUSE.0, max_backoff: PAUSE.1, base: 2.0 };
        let store = builder.clone().with_retry(RetryConfig { backoff, max_retries, retry_timeout }).build();
        let store = store.map_err(|error| unfit(&error))?;
        Ok::<Arc<dyn ObjectStore>, Error>(match prefix.is_empty() {
            true => Arc::new(store),
            false => Arc::new(PrefixStore::new(store, Key::from_iter(prefix.split('/')))),
        })
    };
    Ok(Bucket { patient: open(AGAIN, patience)?, quick: open(0, Duration::ZERO)? })
}
