//! Images of boards' EEPROMs that come in: one by itself, out of a package, or out of a directory of the station's host.

use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use sha2::{Digest as _, Sha256};

use crate::board::Model;
use crate::debian::bootloaders;
use crate::eeprom::Image;
use crate::eeprom::files::{self, Newest, OneOf};
use crate::error::{Explain as _, Kind};
use crate::format::{hex, is_hidden};
use crate::station::web::{Refusal, Who};
use crate::station::{Station, now, store};
use crate::station_api::{Firmware, HostFirmware, HostFirmwares, TakeFirmware};

/// No image is longer.
pub(in crate::station) const LONGEST: usize = 2 << 20;
/// Nor is a package with images; that of 2026 has 9 MB.
pub(in crate::station) const LONGEST_PACKAGE: usize = 32 << 20;

/// One at a time: what is unpacked, and what is read in a directory, is in memory.
static ONE_LOOK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What an image has to be to be taken.
#[derive(Debug, Clone, Default)]
pub(in crate::station) struct Wanted {
    /// The channel: of one image what people say of it, of a package the one that is looked for.
    pub(in crate::station) channel: Option<String>,
    /// The board that it is for.
    pub(in crate::station) board: Option<Model>,
}

impl Wanted {
    /// Of words of a form or a query; empty ones say nothing.
    pub(in crate::station) fn of(channel: Option<&str>, board: Option<&str>) -> Result<Self, Refusal> {
        let there = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let board = match there(board) {
            None => None,
            Some(text) => match Model::named(&text).filter(|model| model.family().is_some()) {
                Some(model) => Some(model),
                None => return Err(Refusal::meaningless("a board is 4, 400, cm4, cm4s, 5, 500 or cm5")),
            },
        };
        Ok(Self { channel: channel.map(str::to_owned), board })
    }
}

/// An image out of what somebody has sent, with its channel, and out of what it was taken.
type Chosen = (Vec<u8>, Option<String>, Option<String>);

fn chosen(bytes: Vec<u8>, wanted: &Wanted) -> Result<Chosen, Refusal> {
    if !bootloaders::is_package(&bytes) {
        if bytes.len() > LONGEST {
            let why = "the file is too long: an image of an EEPROM has 2 MiB at most";
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Kind::BadData, why));
        }
        return Ok((bytes, wanted.channel.clone(), None));
    }
    let (newest, package) = bootloaders::newest(&bytes[..], Path::new("the package"))
        .map_err(|error| Refusal::meaningless(error.to_string()))?;
    if newest.is_empty() {
        return Err(Refusal::meaningless("no image of an EEPROM is in the package"));
    }
    let one =
        newest.one(wanted.channel.as_deref(), wanted.board.and_then(Model::family)).map_err(|error| {
            let refusal = Refusal::meaningless(format!("the package: {error}"));
            refusal.with_hint("say for which board, or of which channel")
        })?;
    let from = from(&format!("{package}: {}", one.path.display()));
    Ok((one.image.bytes().to_vec(), one.channel.map(|channel| channel.to_string()), Some(from)))
}

/// Out of what an image came, as it is kept: texts of packages and names of files may hold anything.
fn from(text: &str) -> String {
    text.chars()
        .map(|char| if is_hidden(char) { '\u{fffd}' } else { char })
        .take(Firmware::LONGEST_FROM)
        .collect()
}

/// What is read in an image. What isn't one is refused.
fn read(name: &str, channel: Option<&str>, bytes: Vec<u8>) -> Result<(Firmware, Vec<u8>), Refusal> {
    let sha256 = hex(&Sha256::digest(&bytes));
    let bad = |error: crate::eeprom::Error| {
        let refusal = Refusal::meaningless(format!("it is no image of an EEPROM: {error}"));
        match error.hint() {
            Some(hint) => refusal.with_hint(hint),
            None => refusal,
        }
    };
    let image = Image::parse(bytes).map_err(bad)?;
    image.check_modules().map_err(bad)?;
    let bootconf = image.bootconf().map_err(bad)?.to_owned();
    if bootconf.contains(|char| !matches!(char, '\n' | '\r' | '\t') && is_hidden(char)) {
        return Err(Refusal::meaningless("its bootconf.txt has control characters"));
    }
    if channel.is_some_and(|channel| {
        channel.is_empty()
            || channel.len() > 32
            || !channel.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    }) {
        return Err(Refusal::meaningless("a channel has 1 to 32 letters, digits and hyphens"));
    }
    let told = Firmware {
        name: name.to_owned(),
        chip: image.family().chip().to_owned(),
        channel: channel.map(str::to_owned),
        built: image.built(),
        version: image.version().map(str::to_owned),
        mfg_ver: image.mfg_ver(),
        sha256,
        size: image.bytes().len() as u64,
        signed: image.is_signed() || image.is_counter_signed(),
        ab: image.is_ab(),
        bootconf,
        from: None,
        made: now(),
    };
    Ok((told, image.bytes().to_vec()))
}

/// Does what takes memory and time on a thread that may wait, one after the other.
async fn alone<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    let _one = ONE_LOOK.lock().await;
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Refusal::meaningless(error.to_string()))
}

/// The newest images of each chip and channel in a directory: path below it, what is read in it, its bytes. What the station
/// wouldn't take isn't told.
fn look_into(directory: &Path) -> Result<Vec<(String, Firmware, Vec<u8>)>, files::Error> {
    let mut newest = Newest::default();
    files::each(directory, &mut |path, bytes| newest.take(path, bytes))?;
    if newest.is_empty() {
        return Err(files::Error::NoImage { path: directory.to_owned() });
    }
    let one = |of: OneOf| {
        let file = of.path.strip_prefix(directory).ok()?.to_str()?.to_owned();
        let channel = of.channel.map(|channel| channel.to_string());
        let (told, bytes) = read("", channel.as_deref(), of.image.bytes().to_vec()).ok()?;
        (!file.contains(is_hidden)).then_some((file, told, bytes))
    };
    Ok(newest.all().into_iter().filter_map(one).collect())
}

impl Station {
    /// Keeps an image: the bytes of one, or the one of a package that is wanted.
    pub(in crate::station) async fn add_firmware(
        &self,
        who: &Who,
        name: &str,
        wanted: Wanted,
        bytes: Vec<u8>,
    ) -> Result<Firmware, Refusal> {
        let named = name.to_owned();
        let look = move || {
            let (bytes, channel, from) = chosen(bytes, &wanted)?;
            let (told, bytes) = read(&named, channel.as_deref(), bytes)?;
            if let Some(board) =
                wanted.board.filter(|board| board.family().is_some_and(|of| of.chip() != told.chip))
            {
                return Err(Refusal::meaningless(format!(
                    "the image is for {}, and not for a {board}",
                    told.chip
                )));
            }
            Ok((Firmware { from, ..told }, bytes))
        };
        let (told, bytes) = alone(look).await??;
        self.keep_firmware(who, &told, &bytes).await
    }

    /// What lies on the station's host.
    pub(in crate::station) async fn host_firmware(&self) -> Result<HostFirmwares, Refusal> {
        let Some(directory) = self.firmware_dir() else { return Ok(HostFirmwares::default()) };
        let told = Some(from(&directory.display().to_string()));
        let known = self.store().all_firmware().await?;
        let found = match alone(move || look_into(&directory)).await? {
            Ok(found) => found,
            Err(error) => {
                let why = Some(from(&error.to_string()));
                return Ok(HostFirmwares { directory: told, why, images: Vec::new() });
            }
        };
        let images = found.into_iter().map(|(file, image, _)| {
            let same = known.iter().find(|known| known.sha256 == image.sha256);
            let name = same.map(|same| same.name.clone()).unwrap_or_default();
            HostFirmware { file, image: Firmware { name, ..image } }
        });
        Ok(HostFirmwares { directory: told, why: None, images: images.collect() })
    }

    /// Keeps an image that lies on the station's host: one of those that [`Station::host_firmware`] tells.
    pub(in crate::station) async fn take_firmware(
        &self,
        who: &Who,
        take: TakeFirmware,
    ) -> Result<Firmware, Refusal> {
        let missing = || Refusal::missing("there is no such image on the station's host");
        let directory = self.firmware_dir().ok_or_else(missing)?;
        let from = from(&directory.join(&take.file).display().to_string());
        // What is named is looked for among what is there, and never opened by its name.
        let found = alone(move || look_into(&directory)).await?.map_err(|_| missing())?;
        let (_, image, bytes) =
            found.into_iter().find(|(file, ..)| *file == take.file).ok_or_else(missing)?;
        let told = Firmware { name: take.name, from: Some(from), made: now(), ..image };
        self.keep_firmware(who, &told, &bytes).await
    }

    fn firmware_dir(&self) -> Option<PathBuf> {
        self.options.settings.station.firmware_dir.value.clone()
    }

    async fn keep_firmware(&self, who: &Who, told: &Firmware, bytes: &[u8]) -> Result<Firmware, Refusal> {
        let firmware = match self.store().add_firmware(told, bytes).await {
            Ok(firmware) => firmware,
            Err(error @ store::Error::Many { .. }) => return Err(Refusal::conflict(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        self.changed(who, "firmware.add", &firmware.name).await;
        Ok(firmware)
    }

    /// Removes an image.
    pub(in crate::station) async fn remove_firmware(&self, who: &Who, name: &str) -> Result<(), Refusal> {
        self.store().remove_firmware(name).await?;
        self.changed(who, "firmware.remove", name).await;
        Ok(())
    }
}
