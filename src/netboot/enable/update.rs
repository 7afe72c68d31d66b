//! The pair of files that makes a Pi 4's or 5's bootloader update itself.

use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::{Error, file};
use crate::beneath::Dir;
use crate::board::Model;
use crate::eeprom::update::{Edited, SIGNATURE, Signing, UPDATE, configure};
use crate::eeprom::{BootConf, BootOrder, Image};

/// An image that was chosen, with its configuration.
#[derive(Debug, Clone)]
pub struct Bootloader {
    /// The file.
    pub path: PathBuf,
    /// The image.
    pub image: Image,
    /// Its configuration.
    pub conf: BootConf,
}

impl Bootloader {
    /// Takes the bytes of the file `path`, if it is an image for this board.
    ///
    /// # Errors
    /// [`Error::Content`] and [`Error::OtherBoard`].
    pub fn new(path: &Path, bytes: Vec<u8>, board: Option<Model>) -> Result<Self, Error> {
        let image = Image::parse(bytes).map_err(Error::content(path))?;
        if let Some(board) = board.filter(|board| board.family() != Some(image.family())) {
            return Err(Error::OtherBoard { path: path.to_owned(), family: image.family(), board });
        }
        let conf = BootConf::parse(image.bootconf().map_err(Error::content(path))?);
        Ok(Self { path: path.to_owned(), image, conf })
    }

    /// The image with these settings; `board` is the one that its notes are for.
    ///
    /// # Errors
    /// [`Error::Setting`]; and [`Error::Content`], where the image can't have them.
    pub fn edit(
        &self,
        order: Option<BootOrder>,
        settings: &[(String, String)],
        board: Option<Model>,
    ) -> Result<Edited, Error> {
        let mut conf = self.conf.clone();
        configure(&mut conf, order, settings)?;
        Edited::new(&self.image, conf, board).map_err(Error::content(&self.path))
    }
}

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
        let signature = file::read_in(&dir, SIGNATURE)?;
        let update = file::read_in(&dir, UPDATE)?;
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
    /// When they can't be written, and [`Error::Differs`].
    pub fn write(&self) -> Result<(), Error> {
        let Signing::New(sig) = &self.signing else { return Ok(()) };
        self.dir.remove_file(SIGNATURE).map_err(Error::os("removing", &self.signature()))?;
        file::replace(&self.dir, UPDATE, self.image.bytes())?;
        file::replace(&self.dir, SIGNATURE, sig.to_string().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eeprom::Sig;
    use crate::samples::eeprom::pi4;

    fn bootloader() -> Bootloader {
        Bootloader::new(Path::new("x.bin"), pi4(b"[all]\nBOOT_ORDER=0xf41\n"), None).unwrap()
    }

    #[test]
    fn a_pair_is_written_once_and_each_new_one_is_newer() {
        let dir = tempfile::tempdir().unwrap();
        let order = BootOrder::parse_words("network,sd").unwrap();
        let edited = bootloader().edit(Some(order), &[], None).unwrap();
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

    #[test]
    fn an_image_for_other_boards_is_refused() {
        let other = Bootloader::new(Path::new("x.bin"), pi4(b"[all]\n"), Some(Model::Pi5));
        assert!(matches!(other, Err(Error::OtherBoard { board: Model::Pi5, .. })));
        assert!(Bootloader::new(Path::new("x.bin"), pi4(b"[all]\n"), Some(Model::Pi4B)).is_ok());
    }

    #[test]
    fn a_setting_that_cannot_be_is_told_without_the_image() {
        let settings = [("BOOT_UART".to_owned(), "yes".to_owned())];
        let error = bootloader().edit(None, &settings, None).unwrap_err();
        assert!(!error.to_string().contains("x.bin"), "{error}");
    }
}
