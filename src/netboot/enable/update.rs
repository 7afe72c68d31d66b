//! The pair of files that makes a Pi 4's or 5's bootloader update itself.

use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::Error;
use crate::beneath::Dir;
use crate::eeprom::update::{SIGNATURE, Signing, UPDATE};
use crate::eeprom::{Image, files};

/// What is to be done in the directory that boards ask.
#[derive(Debug)]
pub struct Update<'a> {
    dir: Dir,
    image: &'a Image,
    /// Whether there is something to write, and the signature.
    pub signing: Signing,
}

impl<'a> Update<'a> {
    /// Looks at what is there; `now` is what the signature gets for its time, in seconds since 1970, unless it has to be
    /// later.
    ///
    /// # Errors
    /// [`Error::NoDirectory`]; and what reading ends with.
    pub fn plan(dir: &Path, image: &'a Image, now: u64) -> Result<Self, Error> {
        let dir = match Dir::open(dir) {
            Ok(dir) => dir,
            Err(Errno::NOENT | Errno::NOTDIR) => return Err(Error::NoDirectory { dir: dir.to_owned() }),
            Err(error) => return Err(Error::os("opening", dir)(error.into())),
        };
        let signature = files::read_in(&dir, SIGNATURE)?;
        let update = files::read_in(&dir, UPDATE)?;
        let signing = Signing::plan(image, update.as_deref(), signature.as_deref(), now);
        Ok(Self { dir, image, signing })
    }

    /// The image's place.
    #[must_use]
    pub fn update(&self) -> PathBuf {
        self.dir.at(UPDATE)
    }

    /// The signature's place.
    #[must_use]
    pub fn signature(&self) -> PathBuf {
        self.dir.at(SIGNATURE)
    }

    /// Writes both and reads them back. The old signature goes first and the new one comes last: a board never finds half
    /// an update.
    ///
    /// # Errors
    /// When they can't be written, and where it reads back as something else.
    pub fn write(&self) -> Result<(), Error> {
        let Signing::New(sig) = &self.signing else { return Ok(()) };
        self.dir.remove_file(SIGNATURE).map_err(Error::os("removing", &self.signature()))?;
        files::replace(&self.dir, UPDATE, self.image.bytes())?;
        Ok(files::replace(&self.dir, SIGNATURE, sig.to_string().as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eeprom::files::Bootloader;
    use crate::eeprom::{BootOrder, Needs, Sig};
    use crate::samples::eeprom::pi4;

    fn bootloader() -> Bootloader {
        Bootloader::new(Path::new("x.bin"), pi4(b"[all]\nBOOT_ORDER=0xf41\n"), Needs::default()).unwrap()
    }

    #[test]
    fn a_pair_is_written_once_and_each_new_one_is_newer() {
        let dir = tempfile::tempdir().unwrap();
        let order = BootOrder::parse_words("network,sd").unwrap();
        let edited = bootloader().for_network(Some(order), &[], None).unwrap();
        let plan = Update::plan(dir.path(), &edited.image, 100).unwrap();
        assert_eq!(plan.signing, Signing::New(edited.image.sig(100)));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "a plan touches nothing");
        plan.write().unwrap();
        let sig = std::fs::read_to_string(plan.signature()).unwrap();
        assert!(Sig::parse(&sig).unwrap().fits(&std::fs::read(plan.update()).unwrap()));
        let again = Update::plan(dir.path(), &edited.image, 200).unwrap();
        assert_eq!(again.signing, Signing::There(edited.image.sig(100)));
        // The clock may be wrong; a bootloader takes only what is newer.
        let other = bootloader().image;
        let next = Update::plan(dir.path(), &other, 50).unwrap();
        assert_eq!(next.signing, Signing::New(other.sig(101)));
    }
}
