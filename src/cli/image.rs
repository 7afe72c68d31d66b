//! `piprov image`: the images that a station has.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::cli::bar::Bar;
use crate::cli::client::{self, At, Station, moment, new_name, path, tell, tell_one, word};
use crate::cli::confirm::confirm;
use crate::cli::failure::Context;
use crate::cli::output::{Output, Readers};
use crate::cli::report::Usage;
use crate::cli::ui::{Style, Ui};
use crate::cli::{Failure, Global};
use crate::error::Kind;
use crate::format::{hex, size, size_exact};
use crate::http::{Limits, Pauses, Resuming, Trust, Url};
use crate::image::chunk::LONGEST_IMAGE;
use crate::image::format::{Format, HEAD};
use crate::progress::Progress;
use crate::station_api::{AddedImage, Image as Known, ImageState, Verdict, image_name};
use crate::stop::{Stop, read_or_stop};

/// Taking an image in may take so long after its last byte has gone out.
const TAKE_IN: Duration = Duration::from_secs(3600);
/// Bytes at a time.
const BUF: usize = 1 << 20;

/// Show the station's images, and add, check and take out some
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Image {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Take an image into the station
    ///
    /// What comes from a URL goes through this host; where the connection to it breaks, it goes on from there. All forms that piprov reads will do: raw, gz, xz, zst, bz2, zip. It is there as soon as all
    /// of it is on the station's disk.
    Add(Add),
    /// List images
    List(List),
    /// Show one image
    Show(One),
    /// Take an image out; what other images share stays
    Remove(Remove),
    /// Read an image in the station again, and compare it with its digests
    Verify(One),
    /// Get the raw image back, byte for byte
    ///
    /// What arrives is compared with the image's sha256 before the file is there under its name. Standard output gets it
    /// as it comes: there only the exit code says that it was all and equal.
    Export(Export),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// A file, a URL, or - for standard input
    #[arg(value_name = "FILE|URL|-")]
    source: String,
    /// What to call it [default: the name of the file, without .img.xz and the like]
    #[arg(long, value_parser = new_name)]
    name: Option<String>,
    /// What sha256 of the file has to be
    #[arg(long, value_name = "HEX", value_parser = digest)]
    sha256: Option<String>,
}

#[derive(Debug, clap::Args)]
struct List {
    /// At most N of them
    #[arg(short = 'n', long, value_name = "N")]
    most: Option<usize>,
}

#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// Its name or id
    #[arg(value_name = "IMAGE")]
    pub(super) image: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    #[command(flatten)]
    pub(super) one: One,
    /// Its name, to show that it is meant
    #[arg(long, value_name = "IMAGE")]
    pub(super) confirm: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Export {
    #[command(flatten)]
    one: One,
    /// The new file that is written; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

fn digest(text: &str) -> Result<String, String> {
    let good = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    good.then(|| text.to_ascii_lowercase()).ok_or_else(|| "64 hexadecimal digits are needed".to_owned())
}

impl Image {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let station = self.at.open(global, ui, stop)?;
        match self.command {
            Command::Add(args) => args.run(&station, ui, stop),
            Command::List(args) => args.run(&station, ui),
            Command::Show(args) => show(&known(&args.image, &station)?, ui),
            Command::Remove(args) => remove(&args, "image", &station, ui, stop),
            Command::Verify(args) => verify(&args, &station, ui),
            Command::Export(args) => args.run(&station, ui),
        }
    }
}

/// An image by its name or id.
pub(super) fn known(image: &str, station: &Station) -> Result<Known, crate::http::Error> {
    station.get(&path(["images", image]))
}

/// Takes an open file of this host into the station. What became of it isn't told.
#[cfg(feature = "station")]
pub(super) fn add(
    file: File,
    path: &Path,
    (name, sha256): (&str, Option<&str>),
    station: &Station,
    ui: &Ui,
    stop: &Stop,
) -> crate::cli::Result<AddedImage> {
    let bar = Arc::new(Bar::new(ui, "sending"));
    let (from, len) = local(file, path)?;
    let shown = path.display().to_string();
    Sending { name, sha256, shown: &shown, bar }.send(from, len, station, ui, stop)
}

/// Whether a file begins as one that is packed like that. It is at its beginning afterwards.
pub(super) fn is_as_named(file: &mut File, path: &Path, packed: Format) -> crate::cli::Result<()> {
    let mut head = Vec::new();
    file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(packed.is_what_it_says(path, &head)?)
}

impl Add {
    fn run(self, station: &Station, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let name = self.name.clone().or_else(|| image_name(&self.source));
        let name = name.ok_or_else(|| Usage {
            message: "it isn't said what to call the image".to_owned(),
            hint: Some("`--name NAME` says it.".into()),
        })?;
        let bar = Arc::new(Bar::new(ui, "sending"));
        let remote = ["http://", "https://"].iter().any(|scheme| self.source.starts_with(scheme));
        let (from, len) = if remote {
            let url: Url = self.source.parse().map_err(Failure::from)?;
            let (limits, pauses) = (Limits::default(), Pauses::usual());
            let again = client::again(ui, Some(Arc::clone(&bar)));
            let file = Resuming::open(&url, Trust::System, limits, pauses, stop, again)?;
            let len = file.len();
            let (mut file, mut head) = (file, Vec::new());
            if let Some(packed) =
                Format::of_name(Path::new(url.path.split(['?', '#']).next().unwrap_or_default()))
            {
                file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
                packed.is_what_it_says(Path::new(&self.source), &head)?;
            }
            (From::Far(Box::new(io::Cursor::new(head).chain(file))), len)
        } else if let Some((scheme, _)) = self.source.split_once("://") {
            let message = format!("{}: images come by http and https, not by {scheme}", self.source);
            return Err(Usage { message, hint: Some("`-` reads what another program fetches.".into()) })?;
        } else if self.source == "-" {
            (From::Here(File::from(rustix::io::dup(io::stdin()).map_err(io::Error::from)?)), None)
        } else {
            let path = Path::new(&self.source);
            local(open(path)?, path)?
        };
        let sending = Sending { name: &name, sha256: self.sha256.as_deref(), shown: &self.source, bar };
        added(&sending.send(from, len, station, ui, stop)?, ui)
    }
}

/// A file of this host, with its length.
fn local(mut file: File, path: &Path) -> crate::cli::Result<(From, Option<u64>)> {
    let len = file.metadata()?.len();
    // The station doesn't hear what the file is called: what is damaged at its beginning would be an image as it is.
    if let Some(packed) = Format::of_name(path) {
        is_as_named(&mut file, path, packed)?;
    }
    // What is packed may be shorter than what it holds, never longer than the longest.
    if len > LONGEST_IMAGE {
        let (has, most) = (size(len), size(LONGEST_IMAGE));
        let what = format!("it has {has}, and an image has {most} at most");
        Err(crate::image::Error::NotAnImage {
            path: path.to_owned(),
            what,
            hint: "give the image itself".into(),
        })?;
    }
    Ok((From::Here(file), Some(len)))
}

/// An image on its way to the station.
struct Sending<'a> {
    name: &'a str,
    sha256: Option<&'a str>,
    /// What messages call the file.
    shown: &'a str,
    bar: Arc<Bar>,
}

impl Sending<'_> {
    fn send(
        self,
        from: From,
        len: Option<u64>,
        station: &Station,
        ui: &Ui,
        stop: &Stop,
    ) -> crate::cli::Result<AddedImage> {
        let mut source = Source { from, at: 0, len, bar: &self.bar, stop };
        let mut call = station.client.put(&path(["images", self.name])).answer_within(TAKE_IN);
        if let Some(sha256) = self.sha256 {
            call = call.query("sha256", sha256);
        }
        let answer = call.send_stream(&mut source, len);
        drop(self.bar);
        if answer.is_err() && stop.is_set() {
            ui.say(format_args!("the station hasn't got all of {}; adding it again begins anew", self.name));
            Err(crate::http::Error::Stopped)?;
        }
        Ok(answer.context(format_args!("adding {}", self.shown))?.json()?)
    }
}

/// Opens a file that is to be sent.
fn open(path: &Path) -> crate::cli::Result<File> {
    use io::ErrorKind::{InvalidInput, IsADirectory};
    crate::beneath::open_regular(path).map_err(|source| {
        let (what, hint) = match source.kind() {
            IsADirectory => ("this is a directory", "give the image file in it"),
            InvalidInput => ("this is neither a file nor a URL", "`-` reads standard input"),
            _ => return Failure::from(source).context(format_args!("opening {}", path.display())),
        };
        crate::image::Error::NotAnImage { path: path.to_owned(), what: what.into(), hint: hint.into() }.into()
    })
}

/// Where the bytes come from.
enum From {
    /// A file or standard input of this host.
    Here(File),
    /// A URL.
    Far(Box<dyn Read>),
}

/// What is sent, with how far that is.
struct Source<'a> {
    from: From,
    at: u64,
    len: Option<u64>,
    bar: &'a Bar,
    stop: &'a Stop,
}

impl Read for Source<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = match (&mut self.from, self.len) {
            (From::Far(file), _) => file.read(buf)?,
            (From::Here(file), Some(_)) => file.read(buf)?,
            // Nobody knows when more comes.
            (From::Here(file), None) => {
                read_or_stop(file, buf, &[self.stop])?.ok_or_else(|| io::Error::other("interrupted"))?
            }
        };
        self.at += len as u64;
        self.bar.at(self.at, self.len);
        Ok(len)
    }
}

fn added(added: &AddedImage, ui: &Ui) -> crate::cli::Result<()> {
    told(added, ui);
    let image = &added.image;
    if matches!(image.state, ImageState::Failed | ImageState::Damaged) {
        let why = image.why.as_deref().unwrap_or("it didn't come whole");
        crate::cli::report::error(ui, Some(&image.name), why, &[], None);
        return Err(Failure::already_told(Kind::BadData));
    }
    Ok(())
}

/// Tells of an image that was taken in.
pub(super) fn told(added: &AddedImage, ui: &Ui) {
    let image = &added.image;
    if ui.json {
        ui.object(&crate::format::json::json!({ "event": "image", "value": added }));
    } else {
        let style = if image.state == ImageState::Ready { Style::Good } else { Style::Warn };
        let word = ui.paint(style, word(image.state));
        ui.result(format_args!("{}: {word}, {}", image.name, size(image.raw_len)));
        for name in &added.mended {
            ui.result(format_args!("{name}: {}, it was damaged", ui.paint(Style::Good, "whole again")));
        }
        if !image.raw_len.is_multiple_of(512) {
            ui.warn(format_args!(
                "{}: {} is no whole number of sectors of 512 bytes; is the end missing?",
                image.name,
                size_exact(image.raw_len)
            ));
        }
    }
}

impl List {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let mut all: Vec<Known> = Vec::new();
        station.each("/api/v1/images", &[], self.most, |page| all.extend(page))?;
        let heading = ["IMAGE", "STATE", "SIZE", "STORED", "ADDED"];
        tell(ui, "image", heading, &all, row, "the station has no images");
        let told = all.iter().filter_map(|image| Some((image, image.why.as_deref()?)));
        for (image, why) in told.filter(|_| !ui.json) {
            ui.warn(format_args!("{}: {}: {why}", image.name, word(image.state)));
        }
        Ok(())
    }
}

fn row(image: &Known) -> [String; 5] {
    // Nothing but zeros takes no room.
    let known = image.stored > 0 || image.state == ImageState::Ready;
    let stored = if known { size(image.stored) } else { String::new() };
    [image.name.clone(), word(image.state), size(image.raw_len), stored, moment(image.added)]
}

pub(super) fn show(image: &Known, ui: &Ui) -> crate::cli::Result<()> {
    let bytes = |len: u64| if len > 0 { size_exact(len) } else { String::new() };
    tell_one(
        ui,
        "image",
        image,
        &[
            ("name", image.name.clone()),
            ("state", word(image.state)),
            ("why", image.why.clone().unwrap_or_default()),
            ("size", bytes(image.raw_len)),
            ("stored", bytes(image.stored)),
            ("zero", bytes(image.zero)),
            ("unused", bytes(image.unused)),
            ("sha256 (raw)", image.raw_sha256.clone()),
            ("sha256 (file)", image.file_sha256.clone()),
            ("index", image.index.clone()),
            ("backup of", image.backup_of.clone().unwrap_or_default()),
            ("added", moment(image.added)),
            ("id", image.id.clone()),
        ],
    );
    Ok(())
}

pub(super) fn remove(
    args: &Remove,
    what: &str,
    station: &Station,
    ui: &Ui,
    stop: &Stop,
) -> crate::cli::Result<()> {
    let image = known(&args.one.image, station)?;
    confirm(&image.name, args.confirm.as_deref(), ui, stop)?;
    station.delete(&path(["images", &image.id]))?;
    client::done(ui, "removed", what, &image.name);
    Ok(())
}

pub(super) fn verify(args: &One, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
    let call = station.client.post(&path(["images", &args.image, "verify"]));
    let verdict: Verdict = call.answer_within(TAKE_IN).send()?.json()?;
    let good = verdict.image.state == ImageState::Ready && verdict.damaged.is_empty();
    if ui.json {
        ui.object(&crate::format::json::json!({ "event": "verdict", "value": verdict }));
    } else if good {
        let equal = ui.paint(Style::Good, "equal");
        let chunks = crate::format::count(verdict.chunks, "chunk");
        ui.result(format_args!("{}: {equal}, {chunks} read", verdict.image.name));
    }
    if good {
        return Ok(());
    }
    let message = format!("it is {} in the store", word(verdict.image.state));
    crate::cli::report::error(ui, Some(&verdict.image.name), &message, &verdict.damaged, None);
    Err(Failure::already_told(Kind::BadData))
}

impl Export {
    fn run(self, station: &Station, ui: &Ui) -> crate::cli::Result<()> {
        let image = known(&self.one.image, station)?;
        let output = Output::at(&self.output, true, ui)?;
        let new = output.begin(Readers::Usual)?;
        let bar = Arc::new(Bar::new(ui, "getting"));
        let (raw, again) = (path(["images", &image.id, "raw"]), client::again(ui, Some(Arc::clone(&bar))));
        let mut from = Resuming::of(&station.client, &raw, Pauses::usual(), again)?;
        let (mut hash, mut buf) = (Sha256::new(), vec![0; BUF]);
        loop {
            let len = from.read(&mut buf).map_err(of_reader)?;
            if len == 0 {
                break;
            }
            hash.update(&buf[..len]);
            new.write(&buf[..len])?;
            bar.at(from.at(), from.len());
        }
        drop(bar);
        let got = hex(&hash.finalize());
        if from.at() != image.raw_len || got != image.raw_sha256 {
            let kept = output.is_standard();
            return Err(NotEqual { name: image.name, got, want: image.raw_sha256, kept })?;
        }
        new.end()?;
        if ui.json {
            let path = &self.output;
            ui.object(&crate::format::json::json!({
                "event": "exported", "value": image, "path": path, "bytes": from.at(),
            }));
        } else {
            let equal = ui.paint(Style::Good, "equal");
            let line = format_args!("{}: {equal}, {}", output.label(), size_exact(from.at()));
            if output.is_standard() { ui.say(line) } else { ui.result(line) }
        }
        Ok(())
    }
}

/// An error of a reader of the HTTP client.
pub(super) fn of_reader(error: io::Error) -> Failure {
    match error.downcast::<crate::http::Error>() {
        Ok(error) => error.into(),
        Err(error) => error.into(),
    }
}

/// What arrived isn't the image.
#[derive(Debug, thiserror::Error)]
#[error(
    "what came of {name} is not the image: its sha256 is {got}, and {want} is expected; {}",
    if *.kept { "what has got the bytes has the wrong ones" } else { "nothing was kept" }
)]
struct NotEqual {
    name: String,
    got: String,
    want: String,
    kept: bool,
}

impl crate::error::Explain for NotEqual {
    fn kind(&self) -> Kind {
        Kind::BadData
    }
}
