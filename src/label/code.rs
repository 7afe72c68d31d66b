//! Codes as modules: QR (ISO/IEC 18004) and Data Matrix (ISO/IEC 16022).

use datamatrix::{DataMatrix, SymbolList};
use qrcode::{Color, EcLevel, QrCode};

/// Which code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Qr,
    DataMatrix,
}

/// The modules of a square code.
pub(super) struct Modules {
    /// Modules of a side.
    pub(super) side: u32,
    /// White modules that belong around it.
    pub(super) quiet: u32,
    /// Columns and rows of those that are black.
    pub(super) black: Vec<(u32, u32)>,
}

/// The code of a text; `None` where it is too long for one.
pub(super) fn modules(kind: Kind, text: &str) -> Option<Modules> {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    match kind {
        Kind::Qr => {
            let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
            let side = code.width();
            let colors = code.to_colors().into_iter().enumerate();
            let black = colors.filter(|(_, color)| *color == Color::Dark);
            let black = black.map(|(at, _)| (small(at % side), small(at / side))).collect();
            Some(Modules { side: small(side), quiet: 4, black })
        }
        Kind::DataMatrix => {
            // Some scanners don't know the rectangular ones.
            let code = DataMatrix::encode(text.as_bytes(), SymbolList::default().enforce_square()).ok()?;
            let bitmap = code.bitmap();
            let black = bitmap.pixels().map(|(x, y)| (small(x), small(y))).collect();
            Some(Modules { side: small(bitmap.width()), quiet: 1, black })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_marks_by_which_they_are_found() {
        let qr = modules(Kind::Qr, "https://station.example/find?q=10000000af04b2da").unwrap();
        let is_black = |of: &Modules, x, y| of.black.contains(&(x, y));
        assert_eq!(qr.side, 33, "version 4");
        for (x, y) in [(0, 0), (6, 0), (0, 6), (qr.side - 1, 0), (0, qr.side - 1)] {
            assert!(is_black(&qr, x, y) && !is_black(&qr, 7, 7), "{x} {y}");
        }
        let matrix = modules(Kind::DataMatrix, "10000000af04b2da").unwrap();
        // Left and below all are black, the other sides change.
        assert!(
            (0..matrix.side).all(|at| is_black(&matrix, 0, at) && is_black(&matrix, at, matrix.side - 1))
        );
        assert!((0..matrix.side).all(|at| is_black(&matrix, at, 0) == (at % 2 == 0)));
        assert!(modules(Kind::Qr, &"x".repeat(3000)).is_none());
        assert!(modules(Kind::DataMatrix, &"x".repeat(3000)).is_none());
    }
}
