//! Images and EEPROM images, which lie beside a database: found below the directory that the user names, and sent.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::{EEPROM, IMAGE, Lack, Taking};
use crate::beneath::Dir;
use crate::cli::bar::Bar;
use crate::cli::client::path;
use crate::cli::{firmware, image};
use crate::format::hex;
use crate::image::chunk::LONGEST_IMAGE;
use crate::progress::Progress;
use crate::station::takeover::{Found, FoundFirmware, FoundImage};
use crate::station_api::{Fate, Firmware, Image, ImageState, NO_IMAGE, Taken};

/// No image of an EEPROM is longer.
const LONGEST_FIRMWARE: u64 = 2 << 20;
/// Bytes at a time.
const BUF: usize = 1 << 20;
/// So many names are tried for what is called like something else at the station.
const MOST_NAMES: usize = 100;

const NEEDED: &str = "its file is needed: --files says where it is";

/// What it is called at the station, and whether it is new there; or why it isn't taken.
type Came = Result<(String, bool), String>;

/// Where a thing is at the station, under its name or another one.
enum Spot {
    /// It is there.
    There(String),
    /// Nothing is there.
    Free(String),
}

/// The names that a thing may get, its own first. Those that others of the same database have are theirs.
fn names<'a>(own: &'a str, others: &'a BTreeSet<String>) -> impl Iterator<Item = String> + 'a {
    let more = (2..=MOST_NAMES).map(move |n| format!("{own}-{n}"));
    let free = more.filter(|name| !others.contains(&name.to_lowercase()));
    std::iter::once(own.to_owned()).chain(free)
}

/// Why a file below the directory isn't read.
fn not_read(dir: &Dir, below: &Path, error: &io::Error) -> String {
    let path = dir.at(below);
    match error.raw_os_error() {
        Some(code) if code == Errno::LOOP.raw_os_error() => {
            format!("{}: it is a link, or lies behind one, and links aren't followed", path.display())
        }
        _ => format!("{}: {error}", path.display()),
    }
}

/// The sha256 of a file, which is read from its beginning and is at its beginning afterwards.
fn digest(taking: &Taking<'_>, file: &mut File) -> crate::cli::Result<io::Result<String>> {
    let len = match file.metadata() {
        Ok(about) if about.len() <= LONGEST_IMAGE => about.len(),
        Ok(_) => return Ok(Err(io::Error::other("it is longer than any image"))),
        Err(error) => return Ok(Err(error)),
    };
    let bar = Bar::new(taking.ui, "reading");
    let (mut hash, mut buf, mut at) = (Sha256::new(), vec![0; BUF], 0);
    loop {
        if taking.stop.is_set() {
            Err(crate::http::Error::Stopped)?;
        }
        match file.read(&mut buf) {
            Ok(0) => break,
            Ok(read) => {
                hash.update(buf.get(..read).unwrap_or_default());
                at += read as u64;
                bar.at(at, Some(len));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(file.rewind().map(|()| hex(&hash.finalize())))
}

impl Taking<'_> {
    /// How many of a kind are taken.
    fn count(&mut self, what: &str, (new, already): (u64, u64)) {
        if new + already > 0 {
            let what = what.to_owned();
            self.taken.push(Taken { what, new, already });
        }
    }

    /// Images come first: projects name them.
    pub(super) fn images(&mut self, found: &mut Found, files: Option<&Dir>) -> crate::cli::Result<()> {
        let images = std::mem::take(&mut found.images);
        let others: BTreeSet<String> = images.iter().map(|one| one.name.to_lowercase()).collect();
        let (mut new, mut already) = (0, 0);
        for one in &images {
            match self.image(one, files, &others)? {
                Ok((name, is_new)) => {
                    if is_new {
                        new += 1
                    } else {
                        already += 1
                    }
                    if name != one.name {
                        let why =
                            format!("it is called `{name}` here: the station has another image of this name");
                        self.changed("image", &one.name, why);
                        found.image_is_called(&one.name, &name);
                    }
                }
                Err(why) => {
                    for project in found.without_image(&one.name) {
                        let why = format!(
                            "it is taken without its image: the image `{}` isn't taken; {NO_IMAGE}",
                            one.name
                        );
                        self.lacks.push(Lack { project, what: IMAGE, why });
                    }
                    self.left("image", &one.name, why);
                }
            }
        }
        self.count("image", (new, already));
        Ok(())
    }

    fn image(
        &mut self,
        one: &FoundImage,
        files: Option<&Dir>,
        others: &BTreeSet<String>,
    ) -> crate::cli::Result<Came> {
        let below: PathBuf = ["public/uploads", &one.file].iter().collect();
        let mut file = match files {
            None => Err(NEEDED.to_owned()),
            Some(dir) => dir.file(&below).map_err(|error| not_read(dir, &below, &error)),
        };
        let mut sha256 = one.sha256.clone();
        let spot = match self.spot(one, &mut file, &mut sha256, others)? {
            Ok(spot) => spot,
            Err(why) => return Ok(Err(why)),
        };
        let name = match spot {
            Spot::There(name) => return Ok(Ok((name, false))),
            Spot::Free(name) => name,
        };
        let (mut file, dir) = match (file, files) {
            (Ok(file), Some(dir)) => (file, dir),
            (Err(why), _) => return Ok(Err(why)),
            (Ok(_), None) => return Ok(Err(NEEDED.to_owned())),
        };
        let shown = dir.at(&below);
        // The station sees what is packed by its first bytes: what is damaged there would be an image as it is.
        if let Some(packed) = one.packed
            && let Err(error) = image::is_as_named(&mut file, &shown, packed)
        {
            return Ok(Err(error.message().unwrap_or_default()));
        }
        if self.dry {
            if let Some(wanted) = &one.sha256 {
                match digest(self, &mut file)? {
                    Ok(got) if got == *wanted => {}
                    Ok(got) => {
                        let why = format!(
                            "{}: its sha256 is {got}, and the old database says {wanted}",
                            shown.display()
                        );
                        return Ok(Err(why));
                    }
                    Err(error) => return Ok(Err(format!("{}: {error}", shown.display()))),
                }
            }
        } else {
            let wanted = (name.as_str(), one.sha256.as_deref());
            let why = match image::add(file, &shown, wanted, self.station, self.ui, self.stop) {
                Ok(added) if added.image.state == ImageState::Ready => {
                    image::told(&added, self.ui);
                    None
                }
                Ok(added) => Some(added.image.why),
                Err(error) if self.stop.is_set() => return Err(error),
                // A file that isn't whole keeps nothing else from coming over.
                Err(error) => Some(error.message()),
            };
            if let Some(why) = why {
                let why = why.unwrap_or_else(|| "it didn't come whole".to_owned());
                return Ok(Err(self.cleared(&name, why)?));
            }
        }
        if one.sha256.is_none() {
            let why = "it isn't compared with anything: the old database has no sha256 for it";
            self.tell_of(Fate::Noted, "image", &one.name, why);
        }
        Ok(Ok((name, true)))
    }

    /// Where an image is, or may come. `sha256` is that of its file, computed where the old database has none.
    fn spot(
        &self,
        one: &FoundImage,
        file: &mut Result<File, String>,
        sha256: &mut Option<String>,
        others: &BTreeSet<String>,
    ) -> crate::cli::Result<Result<Spot, String>> {
        for name in names(&one.name, others) {
            let there = match self.station.get::<Image>(&path(["images", &name])) {
                // What didn't come whole before makes room for what is sent now.
                Ok(there) if there.state == ImageState::Failed => return Ok(Ok(Spot::Free(name))),
                Ok(there) if there.state == ImageState::Coming => {
                    let why = "an image of this name is coming just now: take it over again after that";
                    return Ok(Err(why.to_owned()));
                }
                Ok(there) => there,
                Err(error) if error.status() == Some(404) => return Ok(Ok(Spot::Free(name))),
                Err(error) => return Err(error)?,
            };
            match (&mut *file, sha256.is_some()) {
                (_, true) => {}
                (Ok(file), false) => match digest(self, file)? {
                    Ok(got) => *sha256 = Some(got),
                    Err(error) => return Ok(Err(error.to_string())),
                },
                (Err(why), false) => {
                    let why =
                        format!("whether the station's image of this name is the same can't be told: {why}");
                    return Ok(Err(why));
                }
            }
            if sha256.as_deref() == Some(&there.file_sha256) {
                return Ok(Ok(Spot::There(name)));
            }
        }
        Ok(Err(format!("the station has {MOST_NAMES} other images of this name")))
    }

    /// What hasn't come whole doesn't stay among the images.
    fn cleared(&self, name: &str, why: String) -> crate::cli::Result<String> {
        let there = match self.station.get::<Image>(&path(["images", name])) {
            Ok(there) => there,
            Err(error) if error.status() == Some(404) => return Ok(why),
            Err(error) => return Err(error)?,
        };
        if there.state != ImageState::Failed || self.station.delete(&path(["images", &there.id])).is_err() {
            return Ok(format!(
                "{why}; `{name}` stays among the station's images as one that hasn't come whole"
            ));
        }
        Ok(why)
    }

    pub(super) fn firmware(&mut self, found: &mut Found, files: Option<&Dir>) -> crate::cli::Result<()> {
        let images = std::mem::take(&mut found.firmware);
        let others: BTreeSet<String> = images.iter().map(|one| one.name.to_lowercase()).collect();
        let (mut new, mut already) = (0, 0);
        for one in &images {
            match self.one_firmware(one, files, &others)? {
                Ok((name, is_new)) => {
                    if is_new {
                        new += 1
                    } else {
                        already += 1
                    }
                    if name != one.name {
                        let why = format!(
                            "it is called `{name}` here: the station has another EEPROM image of this name"
                        );
                        self.changed("EEPROM image", &one.name, why);
                        found.firmware_is_called(&one.name, &name);
                    }
                }
                Err(why) => {
                    for project in found.without_firmware(&one.name) {
                        let why = format!(
                            "it is taken without its EEPROM image and settings: the EEPROM image `{}` isn't taken",
                            one.name
                        );
                        self.lacks.push(Lack { project, what: EEPROM, why });
                    }
                    self.left("EEPROM image", &one.name, why);
                }
            }
        }
        self.count("EEPROM image", (new, already));
        Ok(())
    }

    fn one_firmware(
        &self,
        one: &FoundFirmware,
        files: Option<&Dir>,
        others: &BTreeSet<String>,
    ) -> crate::cli::Result<Came> {
        let below: PathBuf = ["storage/app/firmware", &one.channel, &one.file].iter().collect();
        let bytes = match files {
            None => Err(NEEDED.to_owned()),
            Some(dir) => dir.read(&below, LONGEST_FIRMWARE).map_err(|error| not_read(dir, &below, &error)),
        };
        for name in names(&one.name, others) {
            let there = match self.station.get::<Firmware>(&path(["firmware", &name])) {
                Ok(there) => there,
                Err(error) if error.status() == Some(404) => {
                    return match bytes {
                        Ok(bytes) => self.send_firmware(one, name, bytes),
                        Err(why) => Ok(Err(why)),
                    };
                }
                Err(error) => return Err(error)?,
            };
            match &bytes {
                Ok(bytes) if hex(&Sha256::digest(bytes)) == there.sha256 => return Ok(Ok((name, false))),
                Ok(_) => {}
                // The old database has no digest of it.
                Err(why) => {
                    let why = format!(
                        "whether the station's EEPROM image of this name is the same can't be told: {why}"
                    );
                    return Ok(Err(why));
                }
            }
        }
        Ok(Err(format!("the station has {MOST_NAMES} other EEPROM images of this name")))
    }

    fn send_firmware(&self, one: &FoundFirmware, name: String, bytes: Vec<u8>) -> crate::cli::Result<Came> {
        if self.dry {
            return Ok(match crate::eeprom::Image::parse(bytes) {
                Ok(_) => Ok((name, true)),
                Err(error) => Err(format!("it is no image of an EEPROM: {error}")),
            });
        }
        match firmware::put(self.station, &name, Some(&one.channel), &bytes) {
            Ok(_) => Ok(Ok((name, true))),
            Err(error) if error.status().is_some_and(|status| (400..500).contains(&status)) => {
                Ok(Err(error.to_string()))
            }
            Err(error) => Err(error)?,
        }
    }
}
