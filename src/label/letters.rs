//! Texts as dots: fonts of fixed width that were drawn dot by dot, enlarged by whole numbers, so that each line of a letter
//! has the same width on each printer.

use std::convert::Infallible;

use embedded_graphics::Drawable;
use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::iso_8859_15::{
    FONT_6X10, FONT_6X13, FONT_7X13, FONT_8X13, FONT_9X15, FONT_9X18, FONT_10X20,
};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::text::{Baseline, Text};

use super::Bitmap;

/// The fonts, each with its dots.
const FONTS: [&MonoFont<'static>; 7] =
    [&FONT_6X10, &FONT_6X13, &FONT_7X13, &FONT_8X13, &FONT_9X15, &FONT_9X18, &FONT_10X20];

/// A text that is smaller can't be read: hundredths of a millimetre.
pub(super) const SMALLEST: u32 = 120;

/// A character that no font has; `None`: all are there.
pub(super) fn missing(text: &str) -> Option<char> {
    let glyphs = FONT_10X20.glyph_mapping;
    // What isn't there is drawn as a question mark.
    let other = glyphs.index('?');
    text.chars().find(|char| *char != '?' && glyphs.index(*char) == other)
}

/// The font and the number that it is enlarged by which are the highest within these dots.
fn choose(chars: u32, width: u32, height: u32) -> Option<(&'static MonoFont<'static>, u32)> {
    let mut best: Option<(&MonoFont<'static>, u32)> = None;
    for font in FONTS {
        let Size { width: wide, height: high } = font.character_size;
        let by = (height / high).min(width / wide.saturating_mul(chars.max(1)).max(1));
        let is_higher = best.is_none_or(|(best, times)| {
            // Of two that are as high the one with more dots of its own.
            let (new, old) = (high * by, best.character_size.height * times);
            new > old || new == old && high > best.character_size.height
        });
        if by > 0 && is_higher {
            best = Some((font, by));
        }
    }
    best
}

/// Draws a text as high as there is room for it: how high it became, in dots; `None` where it would be lower than `least`.
pub(super) fn draw(
    to: &mut Bitmap,
    text: &str,
    (x, y): (u32, u32),
    (width, height): (u32, u32),
    least: u32,
) -> Option<u32> {
    let chars = u32::try_from(text.chars().count()).ok()?;
    let (font, by) = choose(chars, width, height)?;
    let high = font.character_size.height * by;
    if high < least {
        return None;
    }
    let mut target = Enlarged { to, x, y, by };
    let Ok(_) =
        Text::with_baseline(text, Point::zero(), MonoTextStyle::new(font, BinaryColor::On), Baseline::Top)
            .draw(&mut target);
    Some(high)
}

/// A part of a picture, of which each dot is several.
struct Enlarged<'a> {
    to: &'a mut Bitmap,
    x: u32,
    y: u32,
    by: u32,
}

impl OriginDimensions for Enlarged<'_> {
    fn size(&self) -> Size {
        let left = |all: u32, at: u32| all.saturating_sub(at) / self.by.max(1);
        Size::new(left(self.to.width(), self.x), left(self.to.height(), self.y))
    }
}

impl DrawTarget for Enlarged<'_> {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<BinaryColor>>,
    {
        for Pixel(at, color) in pixels {
            if let (true, Ok(x), Ok(y)) = (color.is_on(), u32::try_from(at.x), u32::try_from(at.y)) {
                let place = |at: u32, from: u32| at.saturating_mul(self.by).saturating_add(from);
                self.to.fill(place(x, self.x), place(y, self.y), self.by, self.by);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_high_as_there_is_room_for() {
        let size = |chars, width, height| {
            choose(chars, width, height).map(|(font, by)| (font.character_size.height, by))
        };
        assert_eq!(size(1, 1000, 20), Some((20, 1)));
        assert_eq!(size(1, 1000, 41), Some((20, 2)));
        assert_eq!(size(1, 1000, 39), Some((13, 3)));
        assert_eq!(size(10, 100, 100), Some((20, 1)));
        assert_eq!(size(10, 95, 100), Some((18, 1)));
        assert_eq!(size(10, 59, 100), None);
        assert_eq!(size(1, 100, 9), None);
        assert_eq!(size(u32::MAX, 100, 100), None);
    }

    #[test]
    fn what_no_font_has_is_known_before_it_becomes_a_question_mark() {
        assert_eq!(missing("gate-01 Größe 5 € ?"), None);
        assert_eq!(missing("gate ж"), Some('ж'));
        assert_eq!(missing("a\u{1b}"), Some('\u{1b}'));
    }

    #[test]
    fn letters_are_dots_and_stay_within() {
        let mut picture = Bitmap::new(40, 20);
        assert_eq!(draw(&mut picture, "H", (10, 0), (30, 20), 10), Some(20));
        let black = |x| (0..20).filter(|y| picture.is_black(x, *y)).count();
        assert!((0..10).all(|x| black(x) == 0) && (10..20).any(|x| black(x) > 5));
        assert!((20..40).all(|x| black(x) == 0));
        assert_eq!(draw(&mut picture, "HHHHH", (10, 0), (30, 20), 10), Some(13));
        assert_eq!(draw(&mut picture, "HHHHHH", (10, 0), (30, 20), 10), None);
    }
}
