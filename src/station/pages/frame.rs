//! What stands around each page: the menu, who is signed in, what is wrong with the station, what was just done.

use crate::error::sentence;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::assets::{ASSETS, Assets};
use super::visit::Visit;
use super::words;
use crate::format::message;
use crate::station_api::{Bootd, BootdState, Role, Room, Trouble, TroubleIs, TroubleOf};

/// The menu: section, path, words.
const MENU: &[(&str, &str, &str, Role)] = &[
    ("floor", "/", "Floor", Role::Viewer),
    ("boards", "/boards", "Boards", Role::Viewer),
    ("slots", "/slots", "Slots", Role::Viewer),
    ("runs", "/runs", "Runs", Role::Viewer),
    ("statistics", "/statistics", "Statistics", Role::Viewer),
    ("images", "/images", "Images", Role::Viewer),
    ("backups", "/backups", "Backups", Role::Viewer),
    ("firmware", "/firmware", "Firmware", Role::Viewer),
    ("projects", "/projects", "Projects", Role::Viewer),
    ("scripts", "/scripts", "Scripts", Role::Viewer),
    ("rules", "/rules", "Rules", Role::Viewer),
    ("values", "/values", "Values", Role::Viewer),
    ("labels", "/labels", "Labels", Role::Viewer),
    ("printers", "/printers", "Printers", Role::Viewer),
    ("scan", "/scan", "Scan", Role::Viewer),
    ("network", "/network", "Network", Role::Viewer),
    ("users", "/users", "Users and tokens", Role::Admin),
    ("hooks", "/hooks", "Hooks", Role::Admin),
    ("audit", "/audit", "Audit", Role::Admin),
    ("settings", "/settings", "Settings", Role::Viewer),
    ("help", "/help", "Help", Role::Viewer),
];

/// Things that are kept to be told, for one session, and for all.
const MOST_OF_ONE: usize = 20;
const MOST: usize = 1000;

/// Something that was done, or wasn't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::station) struct Notice {
    pub(super) bad: bool,
    pub(super) text: String,
}

/// What sessions are told on their next page.
#[derive(Debug, Default)]
pub(in crate::station) struct Notices(Mutex<HashMap<String, Vec<Notice>>>);

impl Notices {
    /// For the next page of a session.
    pub(super) fn put(&self, session: &str, bad: bool, text: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(session) {
            // Those that never came back for theirs.
            all.clear();
        }
        let of_one = all.entry(session.to_owned()).or_default();
        if of_one.len() < MOST_OF_ONE {
            of_one.push(Notice { bad, text });
        }
    }

    fn take(&self, session: &str) -> Vec<Notice> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(session).unwrap_or_default()
    }
}

/// A service's light.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::station) struct Light {
    /// `on`, `off`, `warn`, `bad`.
    pub(super) class: &'static str,
    pub(super) sign: &'static str,
    pub(super) name: &'static str,
    /// All of it, for those that look closer and for screen readers.
    pub(super) words: String,
}

/// An entry of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::station) struct Entry {
    pub(super) path: &'static str,
    pub(super) words: &'static str,
    pub(super) here: bool,
}

/// Something that is or will be a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::station) struct Line {
    pub(super) here: bool,
    pub(super) text: String,
    pub(super) hint: String,
    pub(super) help: String,
}

impl Line {
    fn of(trouble: &Trouble) -> Self {
        Self {
            here: trouble.is == TroubleIs::Here,
            text: message(&trouble.text).into_owned(),
            hint: sentence(&words::remedy(&trouble.hint)),
            help: trouble.help.clone(),
        }
    }
}

/// What stands around a page.
pub(in crate::station) struct Frame {
    pub(super) title: String,
    pub(super) menu: Vec<Entry>,
    /// The user and its role; `None` where nobody is signed in.
    pub(super) user: Option<(String, Role)>,
    /// The proof for forms.
    pub(super) proof: String,
    pub(super) notices: Vec<Notice>,
    /// What is wrong with the station.
    pub(super) alarms: Vec<String>,
    pub(super) lights: Vec<Light>,
    /// What of the station is or will be a problem.
    pub(super) troubles: Vec<Line>,
    /// The station's time, for browsers to compare theirs: unix milliseconds.
    pub(super) now: i64,
    /// How far its time zone is ahead of UTC: milliseconds.
    pub(super) zone: i64,
    pub(super) armed: bool,
    /// Failures that nobody has seen.
    pub(super) failed: u64,
    /// The number of the newest change when this page began to be made.
    pub(super) number: u64,
    /// The path of this page.
    pub(super) place: String,
    pub(super) assets: &'static Assets,
}

impl Frame {
    pub(super) async fn new(visit: &Visit, title: &str, section: &'static str, proof: String) -> Self {
        let station = &visit.station;
        let user = visit.session.as_ref().map(|known| (known.who.by.clone(), known.who.role));
        let (mut lights, mut alarms, mut failed, mut armed) = (Vec::new(), Vec::new(), 0, true);
        let (mut notices, mut troubles) = (Vec::new(), Vec::new());
        if let Some(known) = &visit.session {
            lights = station.lights().await;
            troubles = station.troubles().iter().map(Line::of).collect();
            failed = station.store().count_unnoticed().await.unwrap_or_default();
            armed = station.store().is_armed().await.unwrap_or(true);
            notices = station.notices.take(&known.digest);
            if !visit.secure() && !visit.from.is_here() {
                alarms.push(
                    "This page came over the network without HTTPS: others on it can read passwords and take over \
                     sessions. Give the station a certificate: “piprov station cert NAME”, and start it anew."
                        .to_owned(),
                );
            }
        }
        let role = visit.session.as_ref().map(|known| known.who.role);
        let menu = MENU.iter().filter(|(.., least)| role.is_some_and(|role| role >= *least));
        let menu = menu.map(|(name, path, words, _)| Entry { path, words, here: *name == section });
        Self {
            title: title.to_owned(),
            menu: menu.collect(),
            user,
            proof,
            notices,
            alarms,
            lights,
            troubles,
            now: crate::station::now(),
            zone: words::zone(crate::station::now()),
            armed,
            failed,
            number: visit.number,
            place: visit.place.clone(),
            assets: &ASSETS,
        }
    }

    /// Whether whoever looks may do this much. For templates: `operator`, `admin`.
    pub(super) fn can(&self, role: &str) -> bool {
        let least = match role {
            "admin" => Role::Admin,
            "operator" => Role::Operator,
            _ => Role::Viewer,
        };
        self.user.as_ref().is_some_and(|(_, role)| *role >= least)
    }
}

impl crate::station::Station {
    /// The lights of the station's services.
    pub(super) async fn lights(&self) -> Vec<Light> {
        let mut lights = boots(&self.privileged.known());
        let database = if self.options.store.is_some() { "PostgreSQL" } else { "SQLite" };
        lights.push(if self.answers().await {
            light("on", "●", "Store", format!("{database} answers"))
        } else {
            light("bad", "✕", "Store", format!("{database} doesn't answer"))
        });
        lights.push(match (self.room(), self.disk_used()) {
            (Room::Enough, Some(used)) => {
                light("on", "●", "Disk", format!("{used} % of the station's disk is used"))
            }
            (Room::Enough, None) => light("on", "●", "Disk", "there is room".to_owned()),
            (Room::Short, _) => light(
                "warn",
                "▲",
                "Disk",
                "the station's disk gets full: logs are kept for a week".to_owned(),
            ),
            (Room::Last, _) => {
                light("bad", "✕", "Disk", "the station's disk is full: nothing new is begun".to_owned())
            }
        });
        let (place, leaving) = self.images.objects().places();
        if place.is_far() || leaving.is_some() {
            let words = match leaving {
                None => format!("images are in {place}"),
                Some(leaving) => format!("images are being moved from {leaving} to {place}"),
            };
            lights.push(objects(&self.troubles(), words));
        }
        lights.extend(self.printers_light().await);
        lights
    }

    /// The light of its printers, where there are some.
    async fn printers_light(&self) -> Option<Light> {
        let printers = self.store().printers().await.ok().filter(|printers| !printers.is_empty())?;
        let waiting = printers.iter().map(|printer| printer.waiting).sum();
        let labels = crate::format::count(waiting, "label");
        if let Some(off) = printers.iter().find(|printer| !printer.why.is_empty()) {
            let words = format!("{} takes nothing; {labels} to be printed: {}", off.name, message(&off.why));
            return Some(light("warn", "▲", "Printers", words));
        }
        if printers.iter().any(|printer| printer.unsure > 0) {
            let words = "labels were perhaps printed: somebody has to look".to_owned();
            return Some(light("warn", "▲", "Printers", words));
        }
        Some(light("on", "●", "Printers", format!("{labels} to be printed")))
    }

    fn disk_used(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(self.state()).ok()?;
        let used = disk.f_blocks.checked_sub(disk.f_bavail)?;
        (used * 100).checked_div(disk.f_blocks)
    }
}

const fn light(class: &'static str, sign: &'static str, name: &'static str, words: String) -> Light {
    Light { class, sign, name, words }
}

/// The light of the place where the bytes of images are.
fn objects(troubles: &[Trouble], words: String) -> Light {
    let worst = troubles.iter().filter(|one| one.about == TroubleOf::Objects).max_by_key(|one| one.is);
    match worst.map(|one| (one.is, one.text.clone())) {
        None => light("on", "●", "Objects", words),
        Some((TroubleIs::Coming, text)) => light("warn", "▲", "Objects", text),
        Some((TroubleIs::Here, text)) => light("bad", "✕", "Objects", text),
    }
}

/// The lights of what boots boards.
fn boots(bootd: &Bootd) -> Vec<Light> {
    let on = |name, words| light("on", "●", name, words);
    let off = |name, words| light("off", "○", name, words);
    let all = |class, sign, words: &str| {
        ["DHCP", "TFTP", "USB"].map(|name| light(class, sign, name, words.to_owned())).to_vec()
    };
    let mut lights = match bootd.state {
        BootdState::NotUsed => vec![
            off("DHCP", "this station boots no boards from the network".to_owned()),
            off("TFTP", "this station serves no boot files".to_owned()),
            off("USB", "this station boots no boards over USB".to_owned()),
        ],
        BootdState::Away => {
            let why = bootd.why.as_deref().unwrap_or("it doesn't answer");
            if bootd.served {
                all("bad", "✕", &format!("what boots boards is away: {why}"))
            } else {
                all(
                    "off",
                    "◌",
                    "not needed so far: what boots boards was never started; boards with a system of their own come by \
                     themselves",
                )
            }
        }
        BootdState::Serving => {
            let net = |name: &'static str, what: &str| match &bootd.interface {
                None => off(name, format!("no network is served: {what}")),
                Some(place) => on(name, format!("{what} on {place}")),
            };
            let dhcp = match bootd.mode.as_deref() {
                Some("proxy") => "beside another DHCP server",
                _ => "addresses",
            };
            let usb = if bootd.usb {
                on("USB", "boards at this host's ports are booted".to_owned())
            } else {
                off("USB", "no board is booted over USB".to_owned())
            };
            vec![net("DHCP", dhcp), net("TFTP", "boot files"), usb]
        }
    };
    if let (Some(trouble), Some(first)) = (&bootd.trouble, lights.first_mut()) {
        *first = light("warn", "▲", "DHCP", trouble.clone());
    }
    lights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_a_light_that_goes_out_with_it() {
        let with = |troubles: &[(TroubleOf, TroubleIs)]| {
            let trouble = |(about, is): &(TroubleOf, TroubleIs)| Trouble {
                about: *about,
                is: *is,
                text: format!("{is:?}"),
                hint: "x".into(),
                help: String::new(),
            };
            let all: Vec<_> = troubles.iter().map(trouble).collect();
            let light = objects(&all, "images are in s3://abc".into());
            (light.class, light.sign, light.words)
        };
        assert_eq!(with(&[]), ("on", "●", "images are in s3://abc".into()));
        assert_eq!(with(&[(TroubleOf::Disk, TroubleIs::Here)]).0, "on");
        let coming = (TroubleOf::Objects, TroubleIs::Coming);
        assert_eq!(with(&[coming]), ("warn", "▲", "Coming".into()));
        assert_eq!(with(&[coming, (TroubleOf::Objects, TroubleIs::Here)]), ("bad", "✕", "Here".into()));
    }

    #[test]
    fn what_was_never_started_is_no_failure_and_what_went_away_is_one() {
        let signs = |bootd: &Bootd| {
            boots(bootd).iter().map(|light| (light.class, light.sign, light.name)).collect::<Vec<_>>()
        };
        let mut bootd = Bootd { state: BootdState::Away, why: Some("no socket".into()), ..Bootd::default() };
        assert_eq!(signs(&bootd), ["DHCP", "TFTP", "USB"].map(|name| ("off", "◌", name)));
        assert!(boots(&bootd).iter().all(|light| light.words.starts_with("not needed so far")));
        bootd.served = true;
        assert_eq!(signs(&bootd), ["DHCP", "TFTP", "USB"].map(|name| ("bad", "✕", name)));
        bootd = Bootd { state: BootdState::Serving, interface: Some("eth1".into()), ..bootd };
        assert_eq!(signs(&bootd), [("on", "●", "DHCP"), ("on", "●", "TFTP"), ("off", "○", "USB")]);
        bootd.state = BootdState::NotUsed;
        assert_eq!(signs(&bootd), ["DHCP", "TFTP", "USB"].map(|name| ("off", "○", name)));
    }
}
