//! Whether it pays to look at what the disk has.

/// Of so many pieces of a chunk one has to be on the disk already.
const SAMPLES: usize = 4;
/// After so many chunks without one, only few are looked at.
const PATIENCE: u32 = 16;
/// Of those every so many.
const SELDOM: u64 = 8;

/// What was seen so far. Looking costs reads of a few pieces a chunk, and a chunk that is like the disk is read whole.
#[derive(Debug, Default)]
pub(super) struct Similar {
    misses: u32,
}

impl Similar {
    /// Whether to look at samples of this chunk.
    pub(super) const fn asks(&self, chunk: u64) -> bool {
        self.misses < PATIENCE || chunk.is_multiple_of(SELDOM)
    }

    /// What came of it.
    pub(super) const fn learn(&mut self, hit: bool) {
        self.misses = if hit { 0 } else { self.misses.saturating_add(1) };
    }
}

/// Which ones of `count` things to look at: spread over all of them.
pub(super) fn samples(count: usize) -> impl Iterator<Item = usize> {
    let take = count.min(SAMPLES);
    (0..take).map(move |n| if take < 2 { 0 } else { n * (count - 1) / (take - 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_unlike_is_looked_at_seldom_until_it_is_like() {
        let mut similar = Similar::default();
        for chunk in 0..16 {
            assert!(similar.asks(chunk));
            similar.learn(false);
        }
        let asked: Vec<_> = (16..40).filter(|chunk| similar.asks(*chunk)).collect();
        assert_eq!(asked, [16, 24, 32]);
        similar.learn(true);
        assert!(similar.asks(41));
    }

    #[test]
    fn samples_are_spread() {
        let of = |count| samples(count).collect::<Vec<_>>();
        assert_eq!((of(0), of(1), of(2)), (vec![], vec![0], vec![0, 1]));
        assert_eq!((of(4), of(64)), (vec![0, 1, 2, 3], vec![0, 21, 42, 63]));
    }
}
