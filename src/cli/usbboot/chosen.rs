//! What boards are served: by the command line, or by the rules of the settings.

use std::path::PathBuf;
use std::sync::Arc;

use super::Usbboot;
use crate::board::Ports;
use crate::cli::report::Usage;
use crate::cli::ui::Ui;
use crate::config::Settings;
use crate::usb::boot::BootOptions;
use crate::usb::choose::{AllAlike, Allowed, Choose, Decision, Serving};
use crate::usb::lookup::{self, Payload};
use crate::usb::payload;
use crate::usb::plan::{BySerial, Installed, OnePayload, PayloadPlan};
use crate::usb::rules::Rules;

/// What decides.
pub(super) struct Chosen {
    choose: Allowed,
    /// The rules, where they decide, and not the command line for all boards.
    rules: Option<Arc<Rules>>,
}

impl Chosen {
    pub(super) fn same(ports: &[Ports], plan: Arc<dyn PayloadPlan>, options: BootOptions) -> Self {
        Self::new(ports, Arc::new(AllAlike::new(plan, options)), None)
    }

    pub(super) fn of_rules(ports: &[Ports], rules: Rules) -> Self {
        let rules = Arc::new(rules);
        Self::new(ports, Arc::clone(&rules) as _, Some(rules))
    }

    fn new(ports: &[Ports], choose: Arc<dyn Choose>, rules: Option<Arc<Rules>>) -> Self {
        Self { choose: Allowed::new(ports.to_vec(), choose), rules }
    }

    pub(super) const fn choose(&self) -> &dyn Choose {
        &self.choose
    }

    pub(super) fn rules(&self) -> Option<&Rules> {
        self.rules.as_deref()
    }
}

impl Usbboot {
    pub(super) fn chosen(&self, settings: &Settings, ui: &Ui) -> crate::cli::Result<Chosen> {
        let mut allow = self.allow.clone();
        // The live tree's links lead there.
        if settings.usb.clients.value.is_dir() {
            allow.push(settings.usb.clients.value.clone());
        }
        let rules = &settings.usb.boards.value;
        if self.dir.is_none() && !self.by_serial && !rules.is_empty() {
            return Ok(Chosen::of_rules(
                &settings.usb.ports.value,
                by_rules(settings, allow, self.options(), ui),
            ));
        }
        if !rules.is_empty() {
            ui.detail("the rules of usb.board don't count: the command line says what is served");
        }
        let options = lookup::PayloadOptions { overlays: self.overlay, allow };
        let base: Arc<dyn PayloadPlan> = match &self.dir {
            Some(dir) => {
                let payload = Payload::open(dir, &options)?;
                // What is wrong with it for all boards is wrong before one comes.
                for note in payload::check(&payload, None, &self.wanted())? {
                    ui.warn(note);
                }
                Arc::new(OnePayload(Arc::new(payload)))
            }
            None => {
                let installed = Installed { options: options.clone(), ..Installed::default() };
                let folders = installed.folders(None);
                if !self.by_serial && !folders.iter().any(|dir| dir.is_dir()) {
                    return Err(crate::usb::Error::NoPayload { chip: None, tried: folders }.into());
                }
                ui.detail("no -d: the payload that is installed is served");
                Arc::new(installed)
            }
        };
        if !self.by_serial {
            return Ok(Chosen::same(&settings.usb.ports.value, base, self.options()));
        }
        let clients = settings.usb.clients.value.clone();
        if !clients.is_dir() {
            let message = format!("{} is no directory of clients", clients.display());
            let hint = "the setting usb.clients says where it is: `piprov config show`".into();
            return Err(Usage { message, hint: Some(hint) }.into());
        }
        let plan = Arc::new(BySerial { clients, options, others: base });
        Ok(Chosen::same(&settings.usb.ports.value, plan, self.options()))
    }
}

/// The rules of the settings, with what boards get that no rule is for. What is wrong with a payload is told.
pub(super) fn by_rules(settings: &Settings, allow: Vec<PathBuf>, given: BootOptions, ui: &Ui) -> Rules {
    let options = lookup::PayloadOptions { overlays: false, allow: allow.clone() };
    let installed = Installed { options, ..Installed::default() };
    let others = match installed.folders(None).iter().any(|dir| dir.is_dir()) {
        true => {
            let options = Arc::new(given.clone());
            Decision::Serve(Serving { plan: Arc::new(installed), options })
        }
        false => Decision::Leave("no rule is for it, and no payload is installed".to_owned()),
    };
    let rules = Rules::new(settings.usb.boards.value.clone(), allow, given, others);
    // What is wrong with a payload for all of its boards is told before one comes; other boards don't need it.
    for (number, rule) in (1..).zip(rules.all()) {
        let Some(dir) = &rule.payload else { continue };
        let options = rules.options(rule);
        let wanted = payload::Wanted {
            chips: rule.chip.into_iter().collect(),
            signed: options.signed,
            boot_sig: options.boot_sig,
            confirmed: options.confirmed,
        };
        let checked = Payload::open(dir, &rules.lookup(rule))
            .and_then(|payload| payload::check(&payload, rule.port, &wanted));
        match checked {
            Ok(notes) => notes.iter().for_each(|note| ui.warn(format_args!("rule {number}: {note}"))),
            Err(error) => ui.warn(format_args!("rule {number}: {}", crate::error::chain(&error))),
        }
    }
    rules
}
