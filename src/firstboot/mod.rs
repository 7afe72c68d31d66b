//! What a system does when it starts for the first time: host name, user, SSH, Wi-Fi, locale.
//!
//! Raspberry Pi OS and others read such settings from files on the boot partition, each release in a format of its own. Which
//! one an image reads is seen by looking at it. The files are put into the boot partition as patches of the
//! image, so that what is written to the board is read back with them.
//!
//! The formats are those of Raspberry Pi Imager (doc/os_customisation_formats.md), of raspberrypi-sys-mods (`firstboot`,
//! `imager_custom`), of cloud-init (NoCloud) and of rpi-preseed.

mod cloud;
mod cmdline;
mod format;
mod hash;
mod look;
mod script;
mod settings;
mod tables;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::error::{Explain, Kind, Remedy};
use crate::image::files::{FatFile, Patch, PutError, fat_file_within, fat_put};
use crate::image::read_at::ReadAt;
use crate::run::FirstBoot;

pub use format::Format;
pub use hash::{hashed_password, wifi_key};
pub use settings::{KEYS, Key, Problem, Settings};

/// A kernel's command line on a boot partition is longer than this only where it is damaged.
const CMDLINE: u64 = 64 << 10;

/// Why settings can't be put into an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The image can't be read.
    #[error("the image can't be read where its system says what it reads at its first start")]
    Image(#[from] std::io::Error),
    /// It has no partition table.
    #[error("the image has no partition table, so no boot partition for first-boot settings")]
    NoTable,
    /// Its partition table is damaged.
    #[error("the image's partition table can't be read")]
    Table(#[source] crate::image::Error),
    /// It has no FAT partition.
    #[error("the image has no FAT partition for first-boot settings")]
    NoBoot,
    /// Nothing says that it reads such settings.
    #[error("nothing in the image says that it reads first-boot settings: {looked}")]
    Unknown {
        /// What was looked for, in words.
        looked: String,
    },
    /// The format can't say this.
    #[error("{format} can't set {key}")]
    CannotSay {
        /// The format.
        format: Format,
        /// The key.
        key: &'static str,
    },
    /// The file with the kernel's command line isn't what it has to be.
    #[error("cmdline.txt on partition {partition} {what}")]
    Cmdline {
        /// The partition's number.
        partition: u32,
        /// What is wrong.
        what: String,
    },
    /// The files can't be put into the boot partition.
    #[error(transparent)]
    Put(#[from] PutError),
    /// A password can't be hashed.
    #[error("the password can't be hashed: {0}")]
    Hash(String),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Image(error) => Kind::of_io(error),
            Self::Table(error) => error.kind(),
            Self::Put(error) => error.kind(),
            Self::CannotSay { .. } => Kind::Usage,
            Self::Hash(_) => Kind::Failed,
            Self::NoTable | Self::NoBoot | Self::Unknown { .. } | Self::Cmdline { .. } => Kind::BadData,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Put(error) => error.hint(),
            Self::Table(error) => error.hint(),
            Self::Unknown { .. } => Some(
                "name the format that the system reads, or leave the settings out and use a script".into(),
            ),
            _ => None,
        }
    }
}

/// Settings, and what makes them a certain image's and a certain board's.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What is to be set.
    pub settings: Settings,
    /// The format, where a person said it.
    pub format: Option<Format>,
    /// 16 random bytes that go into a password's hash. With the same ones the same files come out.
    pub salt: [u8; 16],
    /// Time of the files, in seconds since 1970.
    pub time: u64,
}

/// What was made of them for an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The format.
    pub format: Format,
    /// The boot partition's number.
    pub partition: u32,
    /// What changes in the image.
    pub patches: Vec<Patch>,
    /// The names of the files on the boot partition.
    pub files: Vec<String>,
    /// The keys that are set, without their values.
    pub keys: Vec<&'static str>,
    /// What is worth a word, each a sentence.
    pub notes: Vec<String>,
}

impl Prepared {
    /// What a record keeps of it.
    #[must_use]
    pub fn kept(&self) -> FirstBoot {
        FirstBoot {
            format: self.format.to_string(),
            partition: self.partition,
            files: self.files.clone(),
            keys: self.keys.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Makes the files for an image. Waits for parts of the image that are still on their way.
///
/// # Errors
/// When the image reads no such settings, when its format can't say one of them, or its boot partition can't take them.
pub fn prepare(image: &Arc<dyn ReadAt>, wanted: &Wanted) -> Result<Prepared, Error> {
    prepare_with(image, wanted, Vec::new())
}

/// The same, and puts other files beside them.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_with(
    image: &Arc<dyn ReadAt>,
    wanted: &Wanted,
    beside: Vec<FatFile>,
) -> Result<Prepared, Error> {
    let found = look::Found::of(image, wanted.format)?;
    let old = fat_file_within(image, std::slice::from_ref(&found.boot), "cmdline.txt", CMDLINE)?;
    let made = render(wanted, &found, old.as_deref())?;
    let names = made.files.iter().map(|file| file.path.clone()).collect();
    let files: Vec<FatFile> = made.files.into_iter().chain(beside).collect();
    let patches = fat_put(image, &found.boot, &files, wanted.time)?;
    Ok(Prepared {
        format: found.format,
        partition: found.boot.number,
        patches,
        files: names,
        keys: wanted.settings.keys(),
        notes: made.notes,
    })
}

/// Puts files onto the boot partition of an image, which need not read settings. `time` of the files is in seconds since 1970.
///
/// # Errors
/// When it has no boot partition, or that can't take them.
pub fn put(image: &Arc<dyn ReadAt>, files: &[FatFile], time: u64) -> Result<Vec<Patch>, Error> {
    Ok(fat_put(image, &look::boot(image)?, files, time)?)
}

/// Files for the root of the boot partition.
struct Made {
    files: Vec<FatFile>,
    notes: Vec<String>,
}

fn render(wanted: &Wanted, found: &look::Found, old: Option<&[u8]>) -> Result<Made, Error> {
    let settings = &wanted.settings;
    let secrets = hash::Secrets::of(settings, &wanted.salt)?;
    found.format.can_say(settings)?;
    let mut notes = Vec::new();
    let file = |path: &str, text: String| FatFile { path: path.to_owned(), bytes: text.into_bytes() };
    let mut files = match found.format {
        Format::FirstRun => vec![file("firstrun.sh", script::firstrun(settings, &secrets, found.mounted()))],
        Format::CloudInit | Format::CloudInitRpi => {
            let made = cloud::files(settings, &secrets);
            // Systems run once for each of these names; the same settings have the same one.
            let all = Sha256::new().chain_update(&made.user).chain_update(&made.network).finalize();
            let id = format!("piprov-{}", &crate::format::hex(&all)[..16]);
            vec![
                file("meta-data", format!("instance-id: {id}\n")),
                file("user-data", made.user),
                file("network-config", made.network),
            ]
        }
        Format::Preseed => vec![file("rpi-preseed.toml", tables::preseed(settings, &secrets))],
        Format::CustomToml => vec![file("custom.toml", tables::custom(settings, &secrets))],
    };
    let instance = files.first().and_then(|file| std::str::from_utf8(&file.bytes).ok()).unwrap_or_default();
    let instance = instance.trim().trim_start_matches("instance-id: ").to_owned();
    let wants =
        cmdline::Wants { format: found.format, mounted: found.mounted(), instance: &instance, settings };
    if let Some(new) =
        cmdline::changed(old, &wants).map_err(|what| Error::Cmdline { partition: found.boot.number, what })?
    {
        files.push(FatFile { path: "cmdline.txt".to_owned(), bytes: new });
    }
    if settings.user.is_none() && (settings.ssh == Some(true) || !settings.ssh_keys.is_empty()) {
        notes.push("No user is set: the system may ask for one before anybody can sign in.".to_owned());
    }
    if found.format == Format::CustomToml && settings.sudo {
        notes.push(
            "custom.toml has no word for what the first user may do: the systems that read it let it do everything."
                .to_owned(),
        );
    }
    Ok(Made { files, notes })
}

#[cfg(test)]
mod tests;
