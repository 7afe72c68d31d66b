//! The EEPROM of a project: its part of the form, and what boards get of it.

use super::encoded;
use crate::eeprom::edit::{Wanted, edit};
use crate::eeprom::keys::Key;
use crate::eeprom::remarks::remarks;
use crate::eeprom::{BootConf, Image, day};
use crate::format::message;
use crate::station::pages::firmware::{Told, told};
use crate::station::pages::form::Form;
use crate::station::pages::visit::Visit;
use crate::station::web::Refusal;
use crate::station_api::{EepromOtherwise, EepromWhen, Firmware, ProjectEeprom};

/// That part of the form, as it stands on the page.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    /// Empty where nothing is done.
    pub(super) firmware: String,
    pub(super) if_older: bool,
    pub(super) go_on: bool,
    pub(super) boot: bool,
    /// A line each.
    pub(super) settings: String,
}

/// What the boards of a project get.
pub(super) struct Shown {
    pub(super) firmware: String,
    pub(super) path: String,
    pub(super) when: &'static str,
    pub(super) otherwise: &'static str,
    pub(super) boot: bool,
    /// Each line of the configuration, with what it does. Lines that the project has changed come with a `+`.
    pub(super) lines: Vec<(bool, Told)>,
    /// Lines of the image that boards don't get.
    pub(super) gone: Vec<String>,
    /// What is worth a look.
    pub(super) remarks: Vec<String>,
    /// Why no board can have it.
    pub(super) wrong: Option<String>,
}

impl Fields {
    pub(super) fn of_form(form: &Form) -> Self {
        Self {
            firmware: form.text("eeprom-firmware").to_owned(),
            if_older: form.text("eeprom-when") == "if-older",
            go_on: form.text("eeprom-otherwise") == "go-on",
            boot: form.is_on("eeprom-boot"),
            settings: form.text("eeprom-settings").replace("\r\n", "\n"),
        }
    }

    pub(super) fn of_project(eeprom: Option<&ProjectEeprom>) -> Self {
        let Some(eeprom) = eeprom else { return Self::default() };
        let unset = eeprom.unset.iter().map(|key| format!("-{key}\n"));
        Self {
            firmware: eeprom.firmware.clone(),
            if_older: eeprom.when == EepromWhen::IfOlder,
            go_on: eeprom.otherwise == EepromOtherwise::GoOn,
            boot: eeprom.boot_from_target,
            settings: unset.chain(eeprom.set.iter().map(|(key, value)| format!("{key}={value}\n"))).collect(),
        }
    }

    /// What a form does with EEPROMs; `None` where it names no image.
    pub(super) fn eeprom(&self, form: &Form) -> Result<Option<ProjectEeprom>, Refusal> {
        let bad = |text: String| Err(Refusal::meaningless(text));
        if self.firmware.is_empty() {
            if self.boot || !self.settings.is_empty() {
                return bad("EEPROM: settings stand there, and no image is chosen that gets them".to_owned());
            }
            return Ok(None);
        }
        let mut eeprom = ProjectEeprom {
            firmware: self.firmware.clone(),
            when: form.word("eeprom-when")?.unwrap_or_default(),
            otherwise: form.word("eeprom-otherwise")?.unwrap_or_default(),
            boot_from_target: self.boot,
            ..ProjectEeprom::default()
        };
        for line in self.settings.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match (line.strip_prefix('-'), line.split_once('=')) {
                (Some(key), _) => eeprom.unset.push(key.trim().to_owned()),
                (None, Some((key, value))) => {
                    let (key, value) = (key.trim_end(), value.trim_start());
                    if eeprom.set.insert(key.to_owned(), value.to_owned()).is_some() {
                        return bad(format!("EEPROM: {key} stands there twice"));
                    }
                }
                (None, None) => {
                    return bad(format!(
                        "EEPROM: a line is KEY=VALUE, or -KEY to take it out; it is `{line}`"
                    ));
                }
            }
        }
        Ok(Some(eeprom))
    }
}

/// What is to be said of a project's settings that nobody knows: most often a key is mistyped.
pub(super) fn unknown(eeprom: Option<&ProjectEeprom>) -> Vec<String> {
    eeprom.map(|eeprom| Key::unknown_of(eeprom.set.keys().chain(&eeprom.unset))).unwrap_or_default()
}

/// The images that there are, each with what it is.
pub(super) async fn choices(visit: &Visit, chosen: &str) -> Result<Vec<(String, String)>, Refusal> {
    let says = |one: Firmware| {
        let mut words = vec![one.chip];
        words.extend(one.channel);
        words.extend(one.built.and_then(day).map(|day| format!("built {day}")));
        words.extend(one.signed.then(|| "signed".to_owned()));
        (one.name, words.join(", "))
    };
    let mut all: Vec<_> = visit.station.store().all_firmware().await?.into_iter().map(says).collect();
    if !chosen.is_empty() && !all.iter().any(|(name, _)| name == chosen) {
        all.push((chosen.to_owned(), "the station hasn't got it".to_owned()));
    }
    Ok(all)
}

/// Settings that bootloaders know, with what they do.
pub(super) fn known() -> Vec<(&'static str, &'static str)> {
    Key::all().iter().map(|key| (key.name, key.what().unwrap_or("what it does is not documented"))).collect()
}

/// What the boards of a project get.
pub(super) async fn shown(visit: &Visit, eeprom: &ProjectEeprom) -> Result<Shown, Refusal> {
    let mut shown = Shown {
        firmware: eeprom.firmware.clone(),
        path: encoded(&eeprom.firmware),
        when: match eeprom.when {
            EepromWhen::IfDifferent => "where bootloader or settings differ",
            EepromWhen::IfOlder => "where the board’s bootloader is older",
        },
        otherwise: match eeprom.otherwise {
            EepromOtherwise::Fail => "the job fails, the board is not touched",
            EepromOtherwise::GoOn => "the job goes on without it",
        },
        boot: eeprom.boot_from_target,
        lines: Vec::new(),
        gone: Vec::new(),
        remarks: Vec::new(),
        wrong: None,
    };
    let store = visit.station.store();
    let sha256 = store.firmware(&eeprom.firmware).await?.sha256;
    let bytes = store.firmware_bytes(&sha256).await?;
    let made = || {
        let image = Image::parse(bytes)?;
        let set = eeprom.set.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let wanted = Wanted { unset: eeprom.unset.clone(), set, ..Wanted::default() };
        edit(&image, &BootConf::parse(image.bootconf()?), &wanted)
    };
    match made() {
        Ok(edited) => {
            let new: Vec<_> =
                edited.conf.changes().iter().filter_map(|change| change.after.clone()).collect();
            shown.lines =
                told(&edited.conf).into_iter().map(|line| (new.contains(&line.text), line)).collect();
            let gone = edited.conf.changes().iter().filter(|change| change.after.is_none());
            shown.gone =
                gone.filter_map(|change| Some(message(change.before.as_deref()?).into_owned())).collect();
            // A key that nobody knows is told once.
            let unknown = unknown(Some(eeprom));
            let of_lines = remarks(&edited.conf).into_iter().filter(|remark| !unknown.contains(&remark.what));
            let mut all: Vec<String> = of_lines.map(|remark| remark.to_string()).collect();
            all.extend(unknown);
            all.extend(edited.warnings.into_iter().chain(edited.notes));
            for one in all {
                let one = message(&one).into_owned();
                if !shown.remarks.contains(&one) {
                    shown.remarks.push(one);
                }
            }
        }
        Err(error) => shown.wrong = Some(message(&error.to_string()).into_owned()),
    }
    Ok(shown)
}
