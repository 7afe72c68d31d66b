//! How much may be read for one look.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::image::read_at::ReadAt;

/// Bytes of an image of which so many are read, and no more.
pub struct Budget {
    image: Arc<dyn ReadAt>,
    left: AtomicU64,
}

impl Budget {
    /// So many bytes of this image.
    #[must_use]
    pub const fn new(image: Arc<dyn ReadAt>, most: u64) -> Self {
        Self { image, left: AtomicU64::new(most) }
    }
}

impl ReadAt for Budget {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let len = buf.len() as u64;
        let take = |left: u64| left.checked_sub(len);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            let why = "more would have to be read for this than a sound file system needs";
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, why));
        }
        self.image.read_at(buf, offset)
    }

    fn size(&self) -> io::Result<u64> {
        self.image.size()
    }

    fn available(&self) -> u64 {
        self.image.available()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_is_refused_and_what_fits_still_comes() {
        let budget = Budget::new(Arc::new(vec![1u8; 100]), 10);
        let mut buf = [0; 8];
        assert_eq!(budget.read_at(&mut buf, 0).unwrap(), 8);
        assert_eq!(budget.read_at(&mut buf, 0).unwrap_err().kind(), io::ErrorKind::QuotaExceeded);
        assert_eq!(budget.read_at(&mut buf[..2], 0).unwrap(), 2);
        assert!(budget.read_at(&mut buf[..1], 0).is_err());
    }
}
