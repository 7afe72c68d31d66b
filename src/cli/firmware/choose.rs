//! Which image is meant: the one that a user names, or the newest one of a directory or a package.

use std::path::{Path, PathBuf};

use crate::board::Model;
use crate::cli::eeprom::{input, is_package};
use crate::cli::report::Usage;
use crate::debian::bootloaders;
use crate::eeprom::Image;
use crate::eeprom::files::{Error, Newest, each, place};

/// An image with its channel.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) channel: Option<String>,
}

/// Reads what is meant. What is in it is looked at here, so that a mistake is told with the file's name.
pub(super) fn choose(path: &Path, channel: Option<&str>, board: Option<Model>) -> crate::cli::Result<Chosen> {
    let newest = if path.is_dir() {
        let mut newest = Newest::default();
        each(path, &mut |path, bytes| newest.take(path, bytes))?;
        newest
    } else if is_package(path) {
        let file = crate::beneath::open_regular(path).map_err(Error::os("opening", path))?;
        bootloaders::newest(std::io::BufReader::new(file), path)?.0
    } else {
        let bytes = input(path)?;
        let image = Image::parse(bytes).map_err(Error::content(path))?;
        let needs = crate::eeprom::Needs { model: board, mfg_ver: None };
        needs.check(&image).map_err(Error::content(path))?;
        let of_path = || place(path).channel.map(|channel| channel.to_string());
        let channel = channel.map(str::to_owned).or_else(of_path);
        return Ok(Chosen { path: path.to_owned(), bytes: image.bytes().to_vec(), channel });
    };
    if newest.is_empty() {
        return Err(Error::NoImage { path: path.to_owned() }.into());
    }
    let one = newest.one(channel, board.and_then(Model::family)).map_err(|error| Usage {
        message: format!("{}: {error}", path.display()),
        hint: Some("Give --board MODEL, --channel CHANNEL, or the file itself.".into()),
    })?;
    let channel = one.channel.map(|channel| channel.to_string());
    Ok(Chosen { path: one.path, bytes: one.image.bytes().to_vec(), channel })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::eeprom::pi4_of;

    fn put(root: &Path, name: &str, built: &str) -> Vec<u8> {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let image = pi4_of(built, b"[all]\nBOOT_UART=0\n");
        std::fs::write(path, &image).unwrap();
        image
    }

    #[test]
    fn the_newest_image_of_the_channel_is_meant() {
        let room = tempfile::tempdir().unwrap();
        let root = room.path();
        put(root, "bootloader-2711/default/pieeprom-2025-01-01.bin", "1735689600");
        let new = put(root, "bootloader-2711/default/pieeprom-2025-08-04.bin", "1754265600");
        let latest = put(root, "bootloader-2711/latest/pieeprom-2026-01-01.bin", "1767225600");
        let chosen = choose(root, None, None).unwrap();
        assert_eq!((&chosen.bytes, chosen.channel.as_deref()), (&new, Some("default")));
        assert!(chosen.path.ends_with("pieeprom-2025-08-04.bin"), "{chosen:?}");
        let chosen = choose(root, Some("latest"), Some(Model::Pi4B)).unwrap();
        assert_eq!((chosen.bytes, chosen.channel.as_deref()), (latest.clone(), Some("latest")));
        // One of another board, or of a channel that isn't there, is told with what is there.
        for (channel, board) in [(Some("beta"), None), (None, Some(Model::Pi5))] {
            let error = choose(root, channel, board).unwrap_err().message().unwrap();
            assert!(error.contains("BCM2711 default 2025-08-04"), "{error}");
        }
        // A file is what it is; its channel is that of its directory, or what was said.
        let file = root.join("bootloader-2711/latest/pieeprom-2026-01-01.bin");
        let chosen = choose(&file, None, None).unwrap();
        assert_eq!((chosen.bytes, chosen.channel.as_deref()), (latest, Some("latest")));
        assert_eq!(choose(&file, Some("lab"), None).unwrap().channel.as_deref(), Some("lab"));
        let error = choose(&file, None, Some(Model::Pi5)).unwrap_err().message().unwrap();
        assert!(error.contains("it is an image for Pi 4"), "{error}");
        assert!(choose(&root.join("bootloader-2711/none"), None, None).is_err());
        let empty = tempfile::tempdir().unwrap();
        assert!(choose(empty.path(), None, None).unwrap_err().message().unwrap().contains("no EEPROM image"));
    }
}
