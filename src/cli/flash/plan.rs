//! What a flash is going to do, for the real run and the dry one.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::cli::ui::Ui;
use crate::cli::{boots, remedy, report};
use crate::error::{self, Explain, Remedy};
use crate::format::json::json;
use crate::format::size;
use crate::image::table::Scheme;
use crate::power;
use crate::stop::Stop;
use crate::targets::Target;
use crate::uboot::flash::FlashOptions;
use crate::uboot::job::ORIGINAL_PART;
use crate::uboot::layout::CardInfo;
use crate::uboot::material::ImageMaterial;
use crate::uboot::staged::{Files, Kind};
use crate::uboot::step::Material;

/// How the boards get their files.
#[derive(Clone, Copy)]
pub(super) enum Way<'a> {
    /// From piprov's own server.
    Serve(SocketAddr),
    /// From another server, which serves a directory.
    Stage(&'a Files),
}

impl Way<'_> {
    fn card(self) -> CardInfo {
        match self {
            Self::Serve(_) => CardInfo::default(),
            Self::Stage(files) => files.card,
        }
    }

    fn listen(self) -> Option<SocketAddr> {
        match self {
            Self::Serve(listen) => Some(listen),
            Self::Stage(_) => None,
        }
    }

    fn root(&self) -> Option<&Path> {
        match self {
            Self::Serve(_) => None,
            Self::Stage(files) => Some(&files.root),
        }
    }

    fn original(self) -> bool {
        matches!(self, Self::Stage(files) if files.kind == Kind::Original)
    }
}

impl fmt::Display for Way<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serve(listen) => write!(out, "{listen}"),
            Self::Stage(files) => write!(out, "your server with {}", files.root.display()),
        }
    }
}

/// The lines that say what is going to be done, for the real run and the dry one.
pub(super) fn head(ui: &Ui, material: &ImageMaterial, way: Way<'_>, boards: usize) {
    if ui.json {
        return;
    }
    let table = material.table();
    let scheme = match table.scheme {
        Scheme::Mbr { .. } => "MBR",
        Scheme::Gpt { .. } => "GPT",
    };
    let raw = material.image().raw_len().map_or_else(
        || "length not known yet (it is read to its end only when it is written)".to_owned(),
        |len| format!("{} raw", size(len)),
    );
    let mut partitions = String::new();
    for partition in &table.partitions {
        partitions.push_str(&format!(", p{} {}", partition.number, size(partition.len)));
    }
    ui.say(format_args!("image   {}   {raw}, {scheme}{partitions}", material.image().name()));
    let (parts, bytes) = match (way.original(), material.image().raw_len()) {
        (true, Some(len)) => (len.div_ceil(ORIGINAL_PART), ORIGINAL_PART.min(len)),
        _ => (material.parts() as u64, material.part_size().min(material.total_bytes())),
    };
    ui.say(format_args!(
        "tftp    {way}, {}, {} of {}",
        crate::format::count(boards as u64, "target"),
        crate::format::count(parts, "part"),
        size(bytes),
    ));
}

/// What would be done with a board first.
struct Start {
    /// As a clause.
    how: String,
    /// Why its reset would fail.
    fails: Option<power::Error>,
}

impl Start {
    fn of(target: &Target, reset: Option<&power::ResetOptions>) -> Result<Self, power::Otherwise> {
        let Some(reset) = reset else {
            return Ok(Self { how: "would wait for it to be switched on".to_owned(), fails: None });
        };
        let power = power::of_target(target, reset).map_err(|error| error.or(power::by_hand()))?;
        Ok(Self { how: format!("would reset it: {}", power.describe()), fails: power.probe().err() })
    }

    fn hint(&self) -> Option<Remedy> {
        self.fails.as_ref().and_then(|error| error.hint_or(power::by_hand()))
    }
}

/// What would be done, for `--dry-run`. Gives of each board the kind of failure that its reset would end with, as the run
/// itself would: the others go on.
///
/// # Errors
/// Where the image doesn't fit, or a target's reset is wrong.
pub(super) fn plan(
    ui: &Ui,
    targets: &[Target],
    material: &ImageMaterial,
    options: &FlashOptions,
    way: Way<'_>,
    stop: &Stop,
) -> crate::cli::Result<Vec<Option<error::Kind>>> {
    let layout = material.layout(&way.card())?;
    let answers = material.answers(Some(Duration::ZERO), stop);
    let starts = targets.iter().map(|target| Start::of(target, options.reset.as_ref()));
    let starts = starts.collect::<Result<Vec<_>, _>>()?;
    let kinds = starts.iter().map(|start| start.fails.as_ref().map(Explain::kind)).collect();
    if ui.json {
        for (target, start) in targets.iter().zip(&starts) {
            let hint = start.hint();
            ui.object(&json!({
                "event": "plan", "board": target.board(), "reset": start.how,
                "why": start.fails.as_ref().map(|error| error::chain(error)),
                "kind": start.fails.as_ref().map(Explain::kind), "hint": hint.as_ref().map(remedy::hint), "listen": way.listen(), "tftp_root": way.root().map(|root| root.to_string_lossy()),
                "parts": material.parts(), "part_size": material.part_size(), "bytes": material.total_bytes(),
                "shift": layout.shift, "card_len": layout.card_len, "boot": answers, "warnings": material.warnings(),
            }));
        }
        tell_failures(ui, targets, &starts);
        return Ok(kinds);
    }
    head(ui, material, way, targets.len());
    for (target, start) in targets.iter().zip(&starts) {
        ui.folded(2, format_args!("{}  {}  {}", target.name, target.mac, start.how));
    }
    tell_failures(ui, targets, &starts);
    if way.original() {
        ui.folded(2, "would let each card write the image by its own fixed addresses, and read nothing back");
        for warning in material.warnings() {
            ui.warn(warning);
        }
        return Ok(kinds);
    }
    ui.folded(
        2,
        format_args!(
            "would write {} in {} to each card, from {} on, read it back and compare",
            size(material.total_bytes()),
            crate::format::count(material.parts() as u64, "part"),
            size(layout.target.start),
        ),
    );
    for moved in &layout.partitions {
        ui.folded(
            2,
            format_args!(
                "would put partition {} as {} at {}, {} long",
                moved.old.number,
                moved.number,
                size(moved.start),
                size(moved.old.len),
            ),
        );
    }
    boots::tell(ui, answers.map(boots::lines).unwrap_or_default());
    for warning in material.warnings() {
        ui.warn(warning);
    }
    Ok(kinds)
}

/// The boards whose resets would fail.
fn tell_failures(ui: &Ui, targets: &[Target], starts: &[Start]) {
    for (target, start) in targets.iter().zip(starts) {
        let Some(error) = &start.fails else { continue };
        let (why, hint) = (error::chain(error), start.hint());
        let why = format!("its reset would fail: {why}");
        report::error(ui, Some(&target.name), &why, &[], hint.as_ref().map(remedy::hint).as_deref());
    }
}
