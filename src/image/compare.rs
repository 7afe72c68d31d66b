//! Comparing an image with bytes that came from somewhere else, and where they differ first.

use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use super::error::Error;
use super::open::Image;
use crate::progress::Progress;
use crate::stop::Stop;

/// How much is compared at once.
const BUFFER: usize = 1 << 20;
/// How many bytes of a difference are shown.
const SHOWN: usize = 16;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// All bytes are equal.
    Equal {
        /// How many.
        bytes: u64,
    },
    /// They are not.
    Differs(Difference),
    /// The other side ends first; up to there it is equal.
    Ends {
        /// Offset in the image at which the other side has no more bytes.
        at: u64,
    },
}

/// The first difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Offset in the image.
    pub offset: u64,
    /// Up to 16 bytes of the image from there on.
    pub expected: Vec<u8>,
    /// What is there instead; as many.
    pub got: Vec<u8>,
}

/// The other side of a comparison.
pub struct Other<'a> {
    /// Its name, for errors.
    pub path: &'a Path,
    /// Its bytes in order.
    pub bytes: &'a mut dyn Read,
}

/// Compares a range of the image with another side's bytes. The range may end behind the image (`u64::MAX`
/// for everything), and then ends with it. Bytes that the other side has beyond are not looked at.
///
/// # Errors
/// [`Error::Os`] with the side that can't be read; what reading a damaged image ends with;
/// [`Error::Stopped`].
pub fn compare(
    image: &Image,
    range: Range<u64>,
    other: &mut Other<'_>,
    stop: &Stop,
    progress: &dyn Progress,
) -> Result<Found, Error> {
    let content = image.content();
    let (mut ours, mut theirs) = (vec![0u8; BUFFER], vec![0u8; BUFFER]);
    let mut at = range.start;
    loop {
        if stop.is_set() {
            return Err(Error::Stopped);
        }
        let want = range.end.saturating_sub(at).min(BUFFER as u64) as usize;
        let count = content
            .read_at(&mut ours[..want], at)
            .map_err(|error| Error::os(image.path(), format!("reading at byte {at}"), error))?;
        if count == 0 {
            return Ok(Found::Equal { bytes: at - range.start });
        }
        let there = read_full(other.bytes, &mut theirs[..count])
            .map_err(|error| Error::os(other.path, format!("reading at byte {at} of the image"), error))?;
        if let Some(place) = first_difference(&ours[..there], &theirs[..there]) {
            let end = (place + SHOWN).min(there);
            return Ok(Found::Differs(Difference {
                offset: at + place as u64,
                expected: ours[place..end].to_vec(),
                got: theirs[place..end].to_vec(),
            }));
        }
        at += there as u64;
        if there < count {
            return Ok(Found::Ends { at });
        }
        let total = image.raw_len().map(|len| len.min(range.end) - range.start);
        progress.at(at - range.start, total);
    }
}

/// Fills the buffer, less only at the end.
fn read_full(from: &mut dyn Read, buf: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buf.len() {
        match from.read(&mut buf[done..]) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    // Equality of slices is a memcmp; the place is looked for only where it fails.
    if a == b { None } else { a.iter().zip(b).position(|(a, b)| a != b) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::image::open::ImageOptions;
    use crate::progress::Silent;

    /// Gives its bytes in pieces as it is told, with interruptions, and perhaps an error at some place.
    struct Faulty<'a> {
        bytes: &'a [u8],
        steps: Vec<u8>,
        step: usize,
        fails_at: Option<usize>,
        given: usize,
    }

    impl Read for Faulty<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let step = self.steps[self.step % self.steps.len()];
            self.step += 1;
            if step == 0 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let until = self.fails_at.unwrap_or(usize::MAX).min(self.bytes.len());
            if self.fails_at.is_some_and(|place| self.given >= place) {
                return Err(io::Error::from_raw_os_error(5));
            }
            let count = buf.len().min(usize::from(step) * 97).min(until - self.given);
            buf[..count].copy_from_slice(&self.bytes[self.given..self.given + count]);
            self.given += count;
            Ok(count)
        }
    }

    fn image(bytes: &[u8]) -> Image {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        Image::open(file.path(), &ImageOptions::default()).unwrap()
    }

    fn run(image: &Image, range: Range<u64>, other: &mut dyn Read) -> Result<Found, Error> {
        let mut other = Other { path: Path::new("/dev/card"), bytes: other };
        compare(image, range, &mut other, &Stop::new().unwrap(), &Silent)
    }

    #[test]
    fn equal_longer_shorter_and_stopped() {
        let bytes = vec![7u8; BUFFER + 1000];
        let image = image(&bytes);
        let all = 0..u64::MAX;
        let long = [&bytes[..], b"more"].concat();
        let len = bytes.len() as u64;
        assert_eq!(run(&image, all.clone(), &mut &long[..]).unwrap(), Found::Equal { bytes: len });
        assert_eq!(run(&image, all.clone(), &mut &bytes[1..]).unwrap(), Found::Ends { at: len - 1 });
        assert_eq!(run(&image, 10..20, &mut &bytes[..10]).unwrap(), Found::Equal { bytes: 10 });
        assert_eq!(run(&image, all.clone(), &mut io::empty()).unwrap(), Found::Ends { at: 0 });
        let stop = Stop::new().unwrap();
        stop.set();
        let mut other = Other { path: Path::new(""), bytes: &mut io::empty() };
        assert!(matches!(compare(&image, all, &mut other, &stop, &Silent), Err(Error::Stopped)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_the_reader_does_the_answer_is_right(
            bytes in proptest::collection::vec(any::<u8>(), 1..20_000),
            flip in proptest::option::of(0usize..20_000),
            fails in proptest::option::of(0usize..20_000),
            mut steps in proptest::collection::vec(0u8..9, 1..20),
        ) {
            steps.push(5);
            let image = image_of_any(&bytes);
            let mut other = bytes.clone();
            let flip = flip.filter(|place| *place < other.len());
            if let Some(place) = flip {
                other[place] ^= 0x40;
            }
            let fails = fails.filter(|place| *place < other.len());
            let mut reader = Faulty { bytes: &other, steps, step: 0, fails_at: fails, given: 0 };
            let found = run(&image, 0..u64::MAX, &mut reader);
            match (flip, fails) {
                // The buffer is larger than all of it, so the failure comes before any comparison.
                (_, Some(_)) => {
                    let error = found.unwrap_err().to_string();
                    prop_assert!(error.starts_with("/dev/card: reading at byte 0"), "{}", error);
                }
                (Some(place), None) => match found.unwrap() {
                    Found::Differs(difference) => {
                        prop_assert_eq!(difference.offset, place as u64);
                        prop_assert_eq!(difference.got[0], difference.expected[0] ^ 0x40);
                    }
                    other => prop_assert!(false, "{:?}", other),
                },
                (None, None) => prop_assert_eq!(found.unwrap(), Found::Equal { bytes: bytes.len() as u64 }),
            }
        }
    }

    /// As [`image`], with a first byte that is no compressed format's.
    fn image_of_any(bytes: &[u8]) -> Image {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        match Image::open(file.path(), &ImageOptions::default()) {
            Ok(image) if !image.format().is_compressed() => image,
            // One input in thousands happens to begin like something else; any other will do.
            _ => image(&vec![1; bytes.len()]),
        }
    }
}
