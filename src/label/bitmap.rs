//! A picture of black and white dots.

/// A picture. Rows begin with a byte of their own, the left dot is the highest bit, and 1 is black.
#[derive(Clone, PartialEq, Eq)]
pub struct Bitmap {
    width: u32,
    height: u32,
    bits: Vec<u8>,
}

impl std::fmt::Debug for Bitmap {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Bitmap {} x {}", self.width, self.height)
    }
}

impl Bitmap {
    /// A white one.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        let row = width.div_ceil(8) as usize;
        Self { width, height, bits: vec![0; row * height as usize] }
    }

    /// Dots of a row.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// Bytes of a row.
    #[must_use]
    pub const fn row(&self) -> usize {
        self.width.div_ceil(8) as usize
    }

    /// All rows.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bits
    }

    /// Whether a dot is black. Outside nothing is.
    #[must_use]
    pub fn is_black(&self, x: u32, y: u32) -> bool {
        if x >= self.width || y >= self.height {
            return false;
        }
        let at = y as usize * self.row() + (x / 8) as usize;
        self.bits.get(at).is_some_and(|byte| byte & (0x80 >> (x % 8)) != 0)
    }

    /// Makes a dot black. Outside nothing becomes so.
    pub fn put(&mut self, x: u32, y: u32) {
        if x >= self.width || y >= self.height {
            return;
        }
        let at = y as usize * self.row() + (x / 8) as usize;
        if let Some(byte) = self.bits.get_mut(at) {
            *byte |= 0x80 >> (x % 8);
        }
    }

    /// Makes a rectangle black, as far as it lies within.
    pub fn fill(&mut self, x: u32, y: u32, width: u32, height: u32) {
        for row in y..y.saturating_add(height).min(self.height) {
            for column in x..x.saturating_add(width).min(self.width) {
                self.put(column, row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_where_they_were_put_and_nothing_is_outside() {
        let mut picture = Bitmap::new(10, 2);
        assert_eq!((picture.row(), picture.bytes().len()), (2, 4));
        picture.put(0, 0);
        picture.put(9, 1);
        picture.put(10, 0);
        picture.put(0, 2);
        assert_eq!(picture.bytes(), [0x80, 0, 0, 0x40]);
        assert!(picture.is_black(9, 1) && !picture.is_black(10, 1) && !picture.is_black(0, 7));
        picture.fill(4, 0, u32::MAX, u32::MAX);
        assert_eq!(picture.bytes(), [0x8f, 0xc0, 0x0f, 0xc0]);
    }
}
