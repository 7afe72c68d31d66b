//! `piprov card build`.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::Args;

use super::bar::Bar;
use super::{Place, Spool, show};
use crate::cli::failure::Context;
use crate::cli::report::Usage;
use crate::cli::ui::{Style, Ui};
use crate::cli::unpacking;
use crate::format::json::json;
use crate::format::{self, count, hex, size, size_exact};
use crate::image::Image;
use crate::stop::Stop;
use crate::uboot::card::{Card, CardOptions, Settings, check_name, read_directory};
use crate::uboot::secret::Secret;

#[derive(Debug, Args)]
pub(super) struct Build {
    /// The image that goes behind U-Boot, raw or compressed
    #[arg(long, value_name = "BASE")]
    image: PathBuf,
    /// Directory with U-Boot's files; see `piprov card payload`
    ///
    /// Everything in it goes onto U-Boot's partition, sub-directories too. The boot script is added. If it
    /// has a config.txt but no device trees, those of the image's boot partition are added, and the overlays
    /// that config.txt names.
    #[arg(long, value_name = "DIR")]
    uboot: PathBuf,
    /// The file to write
    #[arg(short, long, value_name = "FILE", value_parser = crate::cli::output::place)]
    output: PathBuf,
    /// Address of the machine that runs `piprov flash`; default: from DHCP
    #[arg(long, value_name = "IP")]
    server: Option<Ipv4Addr>,
    /// The board's own address and prefix; default: from DHCP
    #[arg(long, value_name = "IP/PREFIX", value_parser = address, requires = "server")]
    board_ip: Option<(Ipv4Addr, u8)>,
    /// The board's way to other networks
    #[arg(long, value_name = "IP", requires = "board_ip")]
    gateway: Option<Ipv4Addr>,
    /// File of the card's secret; made if it isn't there
    ///
    /// The board proves by it that it is the board, so that no other host on the network can be flashed in
    /// its place or tell checksums in its name. The file belongs beside the targets database, whose column
    /// `secret` names it. It can be read from the card, from the card's file, and by root on the board;
    /// boards that shall not speak for each other need one each.
    #[arg(long, value_name = "FILE", conflicts_with = "stick")]
    secret: Option<PathBuf>,
    /// The board takes its images from a USB stick (`piprov card stick`)
    #[arg(long, conflicts_with = "server")]
    stick: bool,
    #[command(flatten)]
    place: Place,
    /// Length of the file; default: just what is needed
    #[arg(long, value_name = "BYTES", value_parser = format::parse_size)]
    size: Option<u64>,
    #[command(flatten)]
    spool: Spool,
    /// Replace the file if it is there
    #[arg(short, long)]
    force: bool,
    /// Say what would be built, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// `10.0.0.7/24`.
fn address(text: &str) -> Result<(Ipv4Addr, u8), String> {
    let wrong = || "an address with the length of its prefix is needed, such as 10.0.0.7/24".to_owned();
    let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
    let prefix = prefix.parse().ok().filter(|prefix| (1..=32).contains(prefix)).ok_or_else(wrong)?;
    Ok((address.parse().map_err(|_| wrong())?, prefix))
}

impl Build {
    pub(super) fn run(self, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let (secret, new) = match &self.secret {
            Some(path) if path.exists() => (Some(Secret::load(path)?), false),
            Some(_) => (Some(Secret::generate().context("making the secret")?), true),
            None => (None, false),
        };
        let settings = Settings {
            server: self.server,
            board: self.board_ip,
            gateway: self.gateway,
            stick: self.stick,
            secret: secret.clone(),
        };
        if let Some(message) = settings.problem() {
            let hint = Some("`--gateway` names the way to another network".into());
            return Err(Usage { message, hint }.into());
        }
        check_name(&self.output, &self.image, self.force)?;
        let place = self.place.card(self.size);
        let files = read_directory(&self.uboot, place.uboot_len)?;
        let image = Image::open(&self.image, &self.spool.options(stop))?;
        let options = CardOptions { card: place, settings, time: source_date_epoch()? };
        let card = unpacking::shown(ui, &image, || Card::new(&image, files, &options))?;

        for line in show::lines(&image, &card.fit, &place) {
            ui.say(line);
        }
        let files = card.files.files();
        let bytes = files.iter().map(|(_, contents)| contents.len() as u64).sum();
        ui.say(format_args!("files   {} on U-Boot's partition, {}", files.len(), size(bytes)));
        if !card.copied.files.is_empty() {
            let count = count(card.copied.files.len() as u64, "file");
            ui.say(format_args!("        {count} of these from the image's boot partition"));
            ui.detail(format_args!("        {}", card.copied.files.join(" ")));
        }
        if let Some(path) = &self.secret {
            let doing = match (new, self.dry_run) {
                (false, _) => "of",
                (true, false) => "new, in",
                (true, true) => "would be new, in",
            };
            ui.say(format_args!("secret  {doing} {}; the card has it in env.txt", path.display()));
        }
        for note in &card.notes {
            ui.warn(note);
        }
        let mut object = show::object(&image, &card.fit, &place);
        if let Some(object) = object.as_object_mut() {
            object.insert("card".to_owned(), json!(self.output));
            object.insert("secret".to_owned(), json!(self.secret));
            object.insert("size".to_owned(), json!(card.len));
            let paths: Vec<&String> = files.iter().map(|(path, _)| path).collect();
            object.insert("files".to_owned(), json!(paths));
            object.insert("files_from_image".to_owned(), json!(card.copied.files));
            object.insert("warnings".to_owned(), json!(card.notes));
        }
        if self.dry_run {
            card.check_output(&self.output, self.force)?;
            if ui.json {
                object["event"] = json!("would-build");
                ui.object(&object);
            } else {
                ui.result(format_args!("{} would be built, {}", self.output.display(), size_exact(card.len)));
            }
            return Ok(());
        }
        // Before the card: a card whose secret nobody has is of less use than a secret without a card.
        if let (Some(path), Some(secret), true) = (&self.secret, &secret, new) {
            secret.create(path)?;
        }
        let bar = Bar::new(ui);
        bar.begin("writing");
        let built = card.write(&self.output, self.force, stop, &bar, || bar.begin("reading back"))?;
        drop(bar);
        if ui.json {
            object["event"] = json!("built");
            object["sha256"] = json!(hex(&built.sha256));
            object["equal"] = json!(true);
            ui.object(&object);
        } else {
            ui.result(format_args!(
                "{} {}, {}, sha256 {}",
                self.output.display(),
                ui.paint(Style::Good, "built, read back and equal"),
                size_exact(built.len),
                hex(&built.sha256)
            ));
            if let Some(path) = &self.secret {
                ui.say(format_args!(
                    "`piprov targets add NAME --mac MAC --secret {}` lets the board with this card be flashed by \
                     proof only (the path counts from the database's directory on)",
                    path.display()
                ));
            }
        }
        Ok(())
    }
}

/// The time for everything that is built (reproducible-builds.org/specs/source-date-epoch), or 0.
fn source_date_epoch() -> Result<u64, Usage> {
    let Some(value) = std::env::var_os("SOURCE_DATE_EPOCH") else { return Ok(0) };
    let seconds = value.to_str().and_then(|text| text.parse().ok());
    seconds.ok_or_else(|| Usage {
        message: format!("SOURCE_DATE_EPOCH is `{}`, not a number of seconds", value.display()),
        hint: Some("`unset SOURCE_DATE_EPOCH`, or give it seconds since 1970".into()),
    })
}
