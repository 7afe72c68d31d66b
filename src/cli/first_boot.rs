//! First-boot settings on the command line: `--set`, `--set-file`, `--set-format`.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};

use super::report::Usage;
use super::ui::Ui;
use crate::error::{Explain, Kind, Remedy};
use crate::firstboot::{self, Format, KEYS, Prepared, Problem, Settings};
use crate::image::Image;

/// The key that may be given several times.
pub(super) const SEVERAL: &str = "ssh-key";
/// A file of settings has at most so many bytes: twenty SSH keys and the rest.
const LONGEST: u64 = 256 << 10;

/// What a system is to find at its first start.
#[derive(Debug, clap::Args)]
pub(super) struct FirstBoot {
    /// First-boot setting, like hostname=gate-7; one for each key
    ///
    /// It is written into the boot partition in the format that the image's system reads, and read back with the rest. The keys
    /// are: hostname, user, password, password-hash, sudo, ssh, ssh-password, ssh-key, wifi-ssid, wifi-password,
    /// wifi-country, wifi-hidden, timezone and keyboard. Only ssh-key may be given twice. Others on this host see what stands on a command line: passwords
    /// belong into --set-file.
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = "First boot")]
    set: Vec<String>,
    /// File with such settings, as TOML: hostname = "gate-7"
    #[arg(long = "set-file", value_name = "FILE", help_heading = "First boot")]
    file: Option<PathBuf>,
    /// Format of the settings, where the image doesn't show which one it reads
    ///
    /// first-run, cloud-init, cloud-init-rpi, preseed or custom-toml.
    #[arg(long = "set-format", value_name = "FORMAT", help_heading = "First boot")]
    format: Option<Format>,
}

/// Why settings can't be taken.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// One of the command line.
    #[error("--set: {0}")]
    Argument(String),
    /// The file can't be read.
    #[error("{}", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// The file isn't what it has to be.
    #[error("{}: {what}", .path.display())]
    File { path: PathBuf, what: String },
    /// They don't fit together.
    #[error("first-boot settings: {0}")]
    Together(Problem),
    /// The system has no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Argument(_) | Self::Together(_) => Kind::Usage,
            Self::Read { source, .. } => Kind::of_io(source),
            Self::File { .. } => Kind::BadData,
            Self::Random => Kind::Failed,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        None
    }
}

/// Settings that were taken.
pub(super) struct Wanted(firstboot::Wanted);

impl FirstBoot {
    /// What was said, if anything was.
    ///
    /// # Errors
    /// Unknown keys, values that can't be, and a file that can't be read.
    pub(super) fn wanted(&self) -> crate::cli::Result<Option<Wanted>> {
        let mut settings = Settings::default();
        let in_file = match &self.file {
            Some(path) => read(path, &mut settings)?,
            None => Vec::new(),
        };
        let mut given = BTreeSet::new();
        for text in &self.set {
            let Some((key, value)) = text.split_once('=') else {
                return Err(Error::Argument(format!("{text}: it is KEY=VALUE")).into());
            };
            settings.set(key, value).map_err(|problem| Error::Argument(problem.to_string()))?;
            // Which of the two counts, nobody would see.
            if key != SEVERAL && !given.insert(key) {
                return Err(Error::Argument(format!("{key}: it is given twice")).into());
            }
            if let Some(path) =
                self.file.as_ref().filter(|_| key != SEVERAL && in_file.iter().any(|name| name == key))
            {
                let text = format!("{key}: it is given in {} and on the command line", path.display());
                return Err(Error::Argument(text).into());
            }
        }
        if settings.is_empty() {
            return match self.format {
                Some(_) => {
                    let message = "--set-format says the format of settings, and none are given".to_owned();
                    Err(Usage { message, hint: None }.into())
                }
                None => Ok(None),
            };
        }
        settings.check().map_err(Error::Together)?;
        let mut salt = [0; 16];
        SystemRandom::new().fill(&mut salt).map_err(|_| Error::Random)?;
        let time = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
        Ok(Some(Wanted(firstboot::Wanted { settings, format: self.format, salt, time })))
    }
}

impl Wanted {
    /// Makes the files for an image, and says which. Waits for a compressed image to be unpacked as far as its system.
    ///
    /// # Errors
    /// As [`firstboot::prepare`].
    pub(super) fn prepare(&self, image: &Image, ui: &Ui) -> crate::cli::Result<Prepared> {
        let prepared = firstboot::prepare(&image.content(), &self.0)
            .map_err(|error| crate::cli::Failure::from(error).context(image.name()))?;
        ui.say(format_args!(
            "first-boot settings: {} (format {}: {} on partition {})",
            prepared.keys.join(", "),
            prepared.format,
            prepared.files.join(", "),
            prepared.partition
        ));
        for note in &prepared.notes {
            ui.warn(note);
        }
        Ok(prepared)
    }
}

/// Reads a file of settings into some. The keys that it has.
fn read(path: &Path, settings: &mut Settings) -> Result<Vec<String>, Error> {
    let wrong = |what: String| Error::File { path: path.to_owned(), what };
    let all = pairs(path)?;
    for (key, value) in &all {
        settings.set(key, value).map_err(|problem| wrong(problem.to_string()))?;
    }
    Ok(all.into_iter().map(|(key, _)| key).collect())
}

/// The texts of a file of settings, whatever their keys are.
///
/// # Errors
/// Where it can't be read, or is none.
pub(super) fn texts(path: &Path) -> crate::cli::Result<Vec<(String, String)>> {
    Ok(pairs(path)?)
}

/// What stands in a file of settings: texts, truths, and lists of texts for what may be given several times.
fn pairs(path: &Path) -> Result<Vec<(String, String)>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let wrong = |what: String| Error::File { path: path.to_owned(), what };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(LONGEST + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LONGEST {
        return Err(wrong(format!("it has more than {LONGEST} bytes")));
    }
    // What the reader quotes of the line may be a secret.
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line =
            error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        wrong(format!("line {line}: {}", error.message()))
    })?;
    // In the order of the keys, whatever the file's: what is unknown comes last.
    let known = KEYS.iter().map(|key| key.name).filter(|name| table.contains_key(*name));
    let unknown = table.keys().map(String::as_str).filter(|name| KEYS.iter().all(|key| key.name != *name));
    let mut all = Vec::new();
    for name in known.chain(unknown) {
        let mut put = |value: &toml::Value| {
            let value = match value {
                toml::Value::String(text) => text.clone(),
                toml::Value::Boolean(truth) => if *truth { "yes" } else { "no" }.to_owned(),
                _ => return Err(wrong(format!("{name}: it is a text, true or false"))),
            };
            all.push((name.to_owned(), value));
            Ok(())
        };
        match table.get(name) {
            Some(toml::Value::Array(values)) if name == SEVERAL => values.iter().try_for_each(&mut put)?,
            Some(value) => put(value)?,
            None => {}
        }
    }
    Ok(all)
}
