//! An image that a user has named, and what is made of it.

use std::path::{Path, PathBuf};

use super::Error;
use crate::board::Model;
use crate::eeprom::edit::{Wanted, edit};
use crate::eeprom::update::{Edited, about, configure};
use crate::eeprom::{BootConf, BootOrder, Image, Needs};

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
    /// Takes the bytes of the file `path`, if a board that needs this starts from them.
    ///
    /// # Errors
    /// [`Error::Content`].
    pub fn new(path: &Path, bytes: Vec<u8>, needs: Needs) -> Result<Self, Error> {
        let image = Image::parse(bytes).map_err(Error::content(path))?;
        needs.check(&image).map_err(Error::content(path))?;
        let conf = BootConf::parse(image.bootconf().map_err(Error::content(path))?);
        Ok(Self { path: path.to_owned(), image, conf })
    }

    /// The same of an image that is to be written: one with damaged modules is refused.
    ///
    /// # Errors
    /// [`Error::Content`].
    pub fn to_write(path: &Path, bytes: Vec<u8>, needs: Needs) -> Result<Self, Error> {
        let chosen = Self::new(path, bytes, needs)?;
        chosen.image.check_modules().map_err(Error::content(path))?;
        Ok(chosen)
    }

    /// The image with these settings, for a board to fetch over the network; `board` is the one that its notes are for.
    ///
    /// # Errors
    /// [`Error::Setting`]; and [`Error::Content`], where the image can't have them.
    pub fn for_network(
        &self,
        order: Option<BootOrder>,
        settings: &[(String, String)],
        board: Option<Model>,
    ) -> Result<Edited, Error> {
        self.image.check_modules().map_err(Error::content(&self.path))?;
        let mut conf = self.conf.clone();
        configure(&mut conf, order, settings)?;
        let mut edited = Edited::new(&self.image, conf).map_err(Error::content(&self.path))?;
        edited.notes.extend(about(&edited, board));
        Ok(edited)
    }

    /// The image, changed.
    ///
    /// # Errors
    /// [`Error::Setting`] for what can't be as it was given; [`Error::Content`], where the image can't have it.
    pub fn edit(&self, wanted: &Wanted) -> Result<Edited, Error> {
        edit(&self.image, &self.conf, wanted).map_err(|error| match error {
            error if error.is_of_use() => Error::Setting(error),
            error => Error::content(&self.path)(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::eeprom::{KIB_512, Writer, pi4, signed_2711};

    fn chosen(board: Option<Model>) -> Result<Bootloader, Error> {
        let needs = Needs { model: board, mfg_ver: None };
        Bootloader::new(Path::new("x.bin"), pi4(b"[all]\nBOOT_ORDER=0xf41\n"), needs)
    }

    #[test]
    fn an_image_for_other_boards_is_refused() {
        let error = chosen(Some(Model::Pi5)).unwrap_err();
        assert!(error.to_string().starts_with("x.bin: it is an image for Pi 4"), "{error}");
        assert!(chosen(Some(Model::Pi4B)).is_ok());
    }

    #[test]
    fn a_damaged_image_is_shown_and_never_written() {
        // A packed module of which the digest is another one.
        let module = [&b"memsys00.bin\0\0\0\0"[..], &0x184d_2204_u32.to_le_bytes(), &[0; 60]].concat();
        let code = signed_2711(vec![1; 1000]);
        let writer = Writer::new(KIB_512).section(0x55aa_f00f, &code).section(0x55aa_f44f, &module);
        let bytes = writer.pad_to(0x1_0000).file("bootconf.txt", b"[all]\n").done();
        let path = Path::new("x.bin");
        let shown = Bootloader::new(path, bytes.clone(), Needs::default()).unwrap();
        assert_eq!(shown.image.modules().damaged.len(), 1);
        let errors = [
            Bootloader::to_write(path, bytes, Needs::default()).map(drop),
            shown.for_network(None, &[], None).map(drop),
            shown.edit(&Wanted::default()).map(drop),
        ];
        for error in errors {
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with("x.bin: the module memsys00.bin in it is damaged"), "{error}");
        }
    }

    #[test]
    fn a_setting_that_cannot_be_is_told_without_the_image() {
        let settings = [("BOOT_UART".to_owned(), "yes".to_owned())];
        let error = chosen(None).unwrap().for_network(None, &settings, None).unwrap_err();
        assert!(!error.to_string().contains("x.bin"), "{error}");
        let error = chosen(None).unwrap().edit(&Wanted { set: settings.into(), ..Wanted::default() });
        assert!(!error.unwrap_err().to_string().contains("x.bin"));
    }
}
