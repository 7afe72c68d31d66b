//! `piprov netboot enable --boot-partition DIR`: the line in a card's config.txt.

use std::path::Path;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::{Enable, Error, confirm, diff, file};
use crate::beneath::Dir;
use crate::cli::ui::{Style, Ui, wrap};
use crate::eeprom::usb_boot::{ConfigTxt, SETTING, State};
use crate::format::json::json;
use crate::stop::Stop;

const CONFIG: &str = "config.txt";

/// What can't be taken back.
const PERMANENT: &str = "a board that is started from this card burns it in: from then on it looks for a system on the \
                         network and on USB disks too, and nothing takes that back. A 3A+ can then never again be booted \
                         by a host (piprov usbboot).";

/// What comes after.
const THEN: [&str; 3] = [
    "start the board from this card once",
    "`vcgencmd otp_dump | grep 17:` shows 17:3020000a then",
    "take the line out with --undo before the card goes into another board",
];

pub(super) fn run(args: &Enable, dir: &Path, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
    let path = dir.join(CONFIG);
    let (card, bytes) = open(dir)?;
    let mut config = ConfigTxt::parse(&bytes);
    let state = config.state();
    let changes = if args.undo { config.disable() } else { config.enable() };
    let shown = path.display();
    if !ui.json {
        ui.result(format_args!("{}  {shown}", ui.paint(Style::Strong, "config")));
        diff(&changes, ui);
    }
    if changes.is_empty() {
        tell(args, &path, "unchanged", &changes, ui);
        match (args.undo, state) {
            (true, _) => ui.say(format_args!("{SETTING} is not in it")),
            (false, _) => ui.say(format_args!("{SETTING}=1 is in it already")),
        }
        return Ok(());
    }
    if !args.undo {
        warn_of(&card, &state, ui);
        ui.warn(wrap(PERMANENT, 9, 2, ui.width_err));
    }
    if args.dry_run {
        tell(args, &path, "would-change", &changes, ui);
        ui.say(format_args!("would change {shown}"));
        return Ok(());
    }
    if !args.undo {
        confirm::confirm(SETTING, args.confirm.as_deref(), ui, stop)?;
    }
    file::replace(&card, CONFIG, &config.bytes())?;
    tell(args, &path, "changed", &changes, ui);
    ui.say(format_args!("changed {shown}, read back and equal"));
    if args.undo {
        ui.say("what a board has burned in already stays so");
    } else {
        for (n, step) in THEN.iter().enumerate() {
            ui.say(format_args!("{}. {step}", n + 1));
        }
    }
    Ok(())
}

/// The directory and the file's bytes, where the directory looks like a boot partition.
fn open(dir: &Path) -> Result<(Dir, Vec<u8>), Error> {
    let no = |why: &str, instead| Error::NoPartition { dir: dir.to_owned(), why: why.to_owned(), instead };
    let card = match Dir::open(dir) {
        Ok(card) => card,
        Err(Errno::NOENT | Errno::NOTDIR) => return Err(no("there is no such directory", None)),
        Err(error) => return Err(Error::os("opening", dir)(error.into())),
    };
    let firmware = card.dir("firmware").is_ok_and(|inner| is_file(&inner, CONFIG));
    let instead = firmware.then(|| dir.join("firmware"));
    if card.kind(CONFIG) == Some(FileType::Symlink) {
        return Err(no("its config.txt is a symbolic link, and none is followed here", instead));
    }
    let Some(bytes) = file::read_in(&card, CONFIG)? else {
        return Err(no("there is no config.txt in it", instead));
    };
    if ConfigTxt::is_moved(&bytes) {
        return Err(no("its config.txt says that it has moved to firmware/", instead));
    }
    Ok((card, bytes))
}

fn is_file(dir: &Dir, name: &str) -> bool {
    dir.kind(name) == Some(FileType::RegularFile)
}

/// What may keep the line from doing what it is for.
fn warn_of(card: &Dir, state: &State, ui: &Ui) {
    if !is_file(card, "bootcode.bin") || !is_file(card, "start.elf") {
        ui.warn(format_args!(
            "bootcode.bin or start.elf is missing in {}: a Pi 2 or 3 doesn't start from this card",
            card.path().display()
        ));
    }
    if let State::For(filters) = state {
        ui.warn(format_args!("it was set for [{}] only; now it is for every board", filters.join("], [")));
    }
}

fn tell(args: &Enable, path: &Path, event: &str, changes: &[crate::eeprom::Change], ui: &Ui) {
    if ui.json {
        ui.object(&json!({
            "event": event, "file": path, "setting": SETTING, "undo": args.undo, "changes": changes,
        }));
    }
}
