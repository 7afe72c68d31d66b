//! An image without a signature and a key, as it was before somebody put them into it.

use super::{BOOTCONF_SIG, Error, Image, PUBKEY, most};

/// Content of a blank `bootconf.sig`, in bytes, as images are published: zeros.
const SIG: usize = 1024;
/// Of a blank `pubkey.bin`: in images that can hold a certificate, and in older ones.
const KEY: (usize, usize) = (512, 1024);

impl Image {
    /// The image with neither signature nor key. Nothing is done where it has none.
    ///
    /// # Errors
    /// [`Error::CounterSigned`], where a program in it is signed by a customer too; and those of [`Self::with_file`].
    pub fn without_signature(&self) -> Result<Self, Error> {
        if self.is_counter_signed() {
            return Err(Error::CounterSigned);
        }
        let mut image = self.clone();
        let key = if self.file("cacert.der").is_ok() { KEY.0 } else { KEY.1 };
        for (name, length) in [(BOOTCONF_SIG, SIG), (PUBKEY, key)] {
            if self.has(name) {
                let room = self.section(name)?.room(most(name));
                image = image.with_file(name, &vec![0; length.min(room)])?;
            }
        }
        Ok(image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::eeprom::{Half, ab, pi4, signed_2712};

    #[test]
    fn signature_and_key_go_and_nothing_else() {
        let plain = Image::parse(ab(&Half { firmware: 7, conf: b"A=1\n" }, None)).unwrap();
        assert_eq!(plain.without_signature().unwrap(), plain);
        let signed = plain.with_file(BOOTCONF_SIG, &[b'a'; 602]).unwrap();
        let signed = signed.with_file(PUBKEY, &[7; 264]).unwrap();
        assert!(signed.is_signed() && signed.has_key());
        let back = signed.without_signature().unwrap();
        assert!(!back.is_signed() && !back.has_key());
        assert_eq!(back.bootconf(), plain.bootconf());
        // Where there is less room than a published image has.
        let four = Image::parse(pi4(b"")).unwrap().with_file(PUBKEY, &[7; 264]).unwrap();
        assert!(!four.without_signature().unwrap().has_key());
    }

    #[test]
    fn a_bootcode_that_a_customer_has_signed_stays() {
        let plain = Image::parse(ab(&Half { firmware: 7, conf: b"" }, None)).unwrap();
        let bootsys = plain.file("bootsys").unwrap().to_vec();
        let counter = plain.with_file("bootsys", &signed_2712(bootsys, 16)).unwrap();
        assert!(counter.is_counter_signed());
        assert_eq!(counter.without_signature(), Err(Error::CounterSigned));
    }
}
