//! A copy of the store into a file and back, for a caller without tokio: while the station serves, and while it doesn't.

use std::io::{Read, Write};

use super::store::{Error, Store, StoreUrl};
use super::{OpenError, Options};

/// Writes a copy of the store, as it is at one moment; a station that serves goes on. How many rows there are.
///
/// # Errors
/// When the store can't be read, or `out` not be written.
pub fn backup(options: &Options, out: impl Write + Send) -> Result<u64, OpenError> {
    look(options, async |store| store.copy_to(out).await)
}

/// Takes a copy into the store, which has to be empty. How many rows there are.
///
/// # Errors
/// When the store isn't empty or can't be written, or the copy isn't whole. The store stays empty then.
pub fn restore(options: &Options, from: impl Read + Send) -> Result<u64, OpenError> {
    let state = |source| OpenError::State { path: options.state.clone(), source };
    std::fs::create_dir_all(&options.state).map_err(state)?;
    opened(options, async |store| store.copy_from(from).await)
}

/// Looks at a store that has to be there.
pub(super) fn look<T>(
    options: &Options,
    work: impl AsyncFnOnce(&Store) -> Result<T, Error>,
) -> Result<T, OpenError> {
    // Opening makes a database where there is none; one without anything in it is of no use.
    if let StoreUrl::Sqlite(file) =
        StoreUrl::read(options.store.as_deref().unwrap_or_default(), &options.state)?
    {
        std::fs::metadata(&file).map_err(|source| OpenError::State { path: file, source })?;
    }
    opened(options, work)
}

fn opened<T>(options: &Options, work: impl AsyncFnOnce(&Store) -> Result<T, Error>) -> Result<T, OpenError> {
    let state = |source| OpenError::State { path: options.state.clone(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(state)?;
    runtime.block_on(async {
        let url = StoreUrl::read(options.store.as_deref().unwrap_or_default(), &options.state)?;
        Ok(work(&Store::open(&url).await?).await?)
    })
}
