//! What a board in USB boot is given so that it writes its EEPROM: Raspberry Pi's `recovery.bin` under the name that the
//! board's ROM asks for, the image with its digest, and a `config.txt`.
//!
//! Source: the directories `recovery` and `recovery5` of Raspberry Pi's repository usbboot. `recovery.bin` is Raspberry Pi's and
//! comes from whoever has it: it isn't part of this program.

use super::image::{Image, signed};
use super::update::SIGNATURE;
use crate::board::Family;

/// The longest `recovery.bin`: a ROM loads it into memory inside the chip. The largest that was published has 105,984 bytes.
pub const LONGEST: usize = 1 << 20;

/// The board starts again when the EEPROM is written, instead of blinking for ever. It never burns anything in.
const CONFIG: &str =
    "# Made by piprov: the EEPROM is written, then the board starts again.\nrecovery_reboot=1\n";

/// Why a program can't write an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It has more bytes than any.
    #[error("it has {len} bytes; a recovery.bin has {LONGEST} at most")]
    Long {
        /// How many.
        len: usize,
    },
    /// It isn't signed as a program for boards' ROMs.
    #[error("it is no recovery.bin: nothing that a board's ROM starts")]
    NoProgram,
    /// It is for another chip.
    #[error("it is a program for the {}, and the image is for the {}", is.chip(), image.chip())]
    Chip {
        /// What it is for.
        is: Family,
        /// What the image is for.
        image: Family,
    },
}

/// The files of the directory, by name; `made` is in seconds since 1970.
///
/// # Errors
/// [`Wrong`]: with what is wrong with `recovery.bin`.
pub fn files(image: &Image, recovery: &[u8], made: u64) -> Result<Vec<(&'static str, Vec<u8>)>, Wrong> {
    if recovery.len() > LONGEST {
        return Err(Wrong::Long { len: recovery.len() });
    }
    let is = signed(recovery).ok_or(Wrong::NoProgram)?.chip;
    let family = image.family();
    if is != family {
        return Err(Wrong::Chip { is, image: family });
    }
    let bootcode = match family {
        Family::Pi4 => "bootcode4.bin",
        Family::Pi5 => "bootcode5.bin",
    };
    Ok(vec![
        (bootcode, recovery.to_vec()),
        ("pieeprom.bin", image.bytes().to_vec()),
        (SIGNATURE, image.sig(made).to_string().into_bytes()),
        ("config.txt", CONFIG.as_bytes().to_vec()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::eeprom::{Half, ab, pi4, signed_2711, signed_2712};

    #[test]
    fn a_directory_has_the_program_of_its_chip_the_image_and_its_digest() {
        let four = Image::parse(pi4(b"A=1\n")).unwrap();
        let five = Image::parse(ab(&Half { firmware: 7, conf: b"" }, None)).unwrap();
        let programs = [signed_2711(vec![1; 5000]), signed_2712(vec![2; 5000], 1)];
        for (image, program, name) in
            [(&four, &programs[0], "bootcode4.bin"), (&five, &programs[1], "bootcode5.bin")]
        {
            let files = files(image, program, 1_700_000_000).unwrap();
            let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, [name, "pieeprom.bin", "pieeprom.sig", "config.txt"]);
            assert!(files[0].1 == *program && files[1].1 == image.bytes());
            let sig = super::super::Sig::parse(std::str::from_utf8(&files[2].1).unwrap()).unwrap();
            assert!(sig.fits(image.bytes()) && sig.ts == Some(1_700_000_000));
            // Nothing in it burns a fuse.
            let config = String::from_utf8(files[3].1.clone()).unwrap();
            assert!(
                !config.contains("program_")
                    && !config.contains("revoke")
                    && config.contains("recovery_reboot=1\n")
            );
        }
        let chip = Wrong::Chip { is: Family::Pi5, image: Family::Pi4 };
        assert_eq!(files(&four, &programs[1], 0), Err(chip));
        assert_eq!(files(&four, b"\x7fELF", 0), Err(Wrong::NoProgram));
        assert_eq!(files(&four, &vec![0; LONGEST + 1], 0), Err(Wrong::Long { len: LONGEST + 1 }));
    }
}
