//! What boards get in these tests.

use crate::small_image::IMAGE;

/// Bytes that no two images have in common.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        u8::try_from(state >> 56).unwrap()
    };
    (0..len).map(|_| next()).collect()
}

/// The small image, and behind it so many MiB that make it take a while.
pub(crate) fn image(more: usize) -> Vec<u8> {
    [&IMAGE[..], &noise(more << 20, 4)].concat()
}
