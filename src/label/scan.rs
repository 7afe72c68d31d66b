//! What a code in a picture says: frames of a camera, as brightness.

use std::collections::HashSet;

use rxing::{BarcodeFormat, DecodeHints};

/// A picture has so many dots at most.
pub const MOST_DOTS: usize = 1280 * 1024;
/// A side of a picture has so many dots at most: thin strips take longer than pictures of the same number of dots.
const MOST_SIDE: u32 = 4096;
/// A side of a picture has so many dots at least.
const LEAST_SIDE: u32 = 32;
/// A text of a code is so long at most, in characters; what is longer is cut.
const LONGEST: usize = 2000;

/// Why a picture can't be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPicture {
    /// Its sides and its bytes don't fit each other.
    #[error("a picture has a byte for each of its dots")]
    Length,
    /// It is too large, or too small for a code.
    #[error("a picture has sides of {LEAST_SIDE} to {MOST_SIDE} dots, and {MOST_DOTS} dots at most")]
    Size,
}

/// What a code says: QR, Data Matrix or Code 128; `None` where none is seen. `dots`: a byte each, 0 is black, row by row.
///
/// # Errors
/// [`BadPicture`].
pub fn read(dots: Vec<u8>, width: u32, height: u32) -> Result<Option<String>, BadPicture> {
    let all = u64::from(width) * u64::from(height);
    let sides = LEAST_SIDE..=MOST_SIDE;
    if !sides.contains(&width) || !sides.contains(&height) || all > MOST_DOTS as u64 {
        return Err(BadPicture::Size);
    }
    if dots.len() as u64 != all {
        return Err(BadPicture::Length);
    }
    let wanted = [BarcodeFormat::QR_CODE, BarcodeFormat::DATA_MATRIX, BarcodeFormat::CODE_128];
    let mut hints = DecodeHints {
        PossibleFormats: Some(HashSet::from(wanted)),
        TryHarder: Some(true),
        ..DecodeHints::default()
    };
    let seen = rxing::helpers::detect_in_luma_with_hints(dots, width, height, None, &mut hints);
    let text = seen.ok().map(|seen| seen.getText().chars().take(LONGEST).collect::<String>());
    Ok(text.filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::label::drawn;
    use crate::station_api::Values;

    /// A label as a camera sees it: brightness, enlarged, on a grey ground.
    fn seen(template: &str) -> (Vec<u8>, u32, u32) {
        let (picture, _) = drawn::draw(template, &Values::new()).unwrap();
        let (width, height) = (picture.width() + 80, picture.height() + 80);
        let mut dots = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let within = (40..width - 40).contains(&x) && (40..height - 40).contains(&y);
                let black = within && picture.is_black(x - 40, y - 40);
                dots.push(if black {
                    30
                } else if within {
                    230
                } else {
                    150
                });
            }
        }
        (dots, width, height)
    }

    #[test]
    fn what_was_drawn_is_read_again() {
        for kind in ["qr", "datamatrix"] {
            for text in ["10000000af04b2da", "https://station.example/find?q=10000000af04b2da"] {
                let (dots, width, height) = seen(&format!("size 50 40\n{kind} 5 5 30 {text}"));
                assert_eq!(read(dots, width, height).unwrap().as_deref(), Some(text), "{kind}");
            }
        }
        let (dots, width, height) = seen("size 50 40\ntext 5 5 5 nothing");
        assert_eq!(read(dots, width, height), Ok(None));
    }

    #[test]
    fn a_picture_that_isn_t_one_is_refused_before_it_is_looked_at() {
        assert_eq!(read(vec![0; 100], 10, 10), Err(BadPicture::Size));
        assert_eq!(read(Vec::new(), u32::MAX, u32::MAX), Err(BadPicture::Size));
        assert_eq!(read(vec![0; 64 * 64 - 1], 64, 64), Err(BadPicture::Length));
        assert_eq!(read(vec![0; 64 * 64], 64, 64), Ok(None));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn noise_is_no_code_and_ends_nothing(dots in proptest::collection::vec(any::<u8>(), 64 * 48)) {
            drop(read(dots, 64, 48).unwrap());
        }
    }
}
