//! `piprov doctor --fix` and `--undo`: the network of this host on its boards' side.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::confirm;
use super::report::Usage;
use super::waiting::Waiting;
use crate::cli::remedy::{self as words_of, quoted};
use crate::cli::ui::{Style, Ui};
use crate::config::Settings;
use crate::error::{Action, Knob, Task, remedy};
use crate::format::json::json;
use crate::host_network::plan::{self, Change, Contents, Name, Plan, Seen, Step, Wanted};
use crate::host_network::{Doing, Doubt, Error, Record, Site, Stands, USUAL};
use crate::stop::Stop;

/// Stands for the interface over which this host reaches everybody else.
const DEFAULT_ROUTE: &str = "auto";

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The network of this host")]
#[command(group = clap::ArgGroup::new("change").args(["fix", "undo"]))]
pub(super) struct Args {
    /// Give the boards' interface a fixed address; shows the change and asks
    ///
    /// The address is written into the settings of NetworkManager, systemd-networkd, dhcpcd or ifupdown, whichever has the
    /// interface, holds at once and after each start, and is read back from the kernel. `--undo` takes all of it back.
    #[arg(long, conflicts_with_all = ["bundle", "usb", "tftp", "network"])]
    pub(super) fix: bool,
    /// Take back what --fix has changed; shows it and asks
    #[arg(long, conflicts_with_all = ["bundle", "usb", "tftp", "network"])]
    pub(super) undo: bool,
    /// The boards' interface [default: the setting netboot.interface]
    #[arg(long, value_name = "IF", value_parser = name, conflicts_with = "undo")]
    interface: Option<Name>,
    /// Its address [default: the one that it has, else 10.20.50.1/24]
    #[arg(long, value_name = "CIDR", value_parser = cidr, requires = "fix")]
    address: Option<(Ipv4Addr, u8)>,
    /// Let boards out through UPLINK [default: what leads to everybody else]
    #[arg(long, value_name = "UPLINK", value_parser = name, num_args = 0..=1, default_missing_value = DEFAULT_ROUTE)]
    #[arg(requires = "fix")]
    nat: Option<Name>,
    /// Change also the interface that leads to everybody else
    #[arg(long, requires_all = ["fix", "interface"])]
    force: bool,
    /// Show what would be changed, and touch nothing
    #[arg(short = 'n', long, requires = "change")]
    dry_run: bool,
    /// Don't ask
    #[arg(long, requires = "change")]
    yes: bool,
    /// Change the settings below this directory, such as that of an image
    #[arg(long, value_name = "DIR", default_value = "/", requires = "change")]
    root: PathBuf,
}

fn name(text: &str) -> Result<Name, plan::NotAName> {
    text.parse()
}

/// An address with the length of its prefix.
fn cidr(text: &str) -> Result<(Ipv4Addr, u8), String> {
    let both = text.split_once('/').and_then(|(ip, prefix)| Some((ip.parse().ok()?, prefix.parse().ok()?)));
    both.filter(|(_, prefix)| (8..=30).contains(prefix))
        .ok_or_else(|| "an IPv4 address with its prefix is needed, such as 10.20.50.1/24".to_owned())
}

impl Args {
    /// The interface that was named.
    pub(super) fn interface(&self) -> Option<&Name> {
        self.interface.as_ref()
    }

    /// `--fix`.
    pub(super) fn fix(&self, settings: &Settings, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let site = Site::open(&self.root)?;
        if let Some(record) = site.record()? {
            return self.again(&site, &record, settings, ui, stop);
        }
        let seen = site.look()?;
        let wanted = self.wanted(&seen, settings)?;
        let plan = plan::plan(&seen, &wanted, self.force).map_err(Error::from)?;
        if plan.is_empty() {
            let file = seen.at(seen.named_in(wanted.address).unwrap_or_default());
            state(ui, "nothing", &plan, &[]);
            ui.say(format_args!(
                "nothing to do: {} has {}, which {file} gives it",
                wanted.interface,
                wanted.cidr()
            ));
            return Ok(());
        }
        self.go(&site, &plan, ui, stop)
    }

    /// `--fix`, where something was changed before.
    fn again(
        &self,
        site: &Site,
        record: &Record,
        settings: &Settings,
        ui: &Ui,
        stop: &Stop,
    ) -> crate::cli::Result<()> {
        let plan = &record.plan;
        let was = &plan.wanted;
        let uplink = match &self.nat {
            Some(nat) if nat.as_str() == DEFAULT_ROUTE => was.uplink.is_some(),
            Some(nat) => was.uplink.as_ref() == Some(nat),
            None => true,
        };
        let interface = self.named(settings);
        let same = interface.is_none_or(|name| name == was.interface)
            && self.address.is_none_or(|address| address == (was.address, was.prefix));
        if !same || !uplink {
            let root = (!site.is_live()).then(|| self.root.clone());
            Err(Error::Stands { interface: was.interface.to_string(), address: was.cidr(), root })?;
        }
        match site.stands(record, stop)? {
            Stands::Changed(paths) => Err(Error::Changed { paths })?,
            Stands::Whole(doubts) => {
                state(ui, "nothing", plan, &doubts);
                ui.say(format_args!(
                    "nothing to do: {} has {}, as it was changed on {}",
                    was.interface,
                    was.cidr(),
                    record.time
                ));
                doubts.iter().for_each(|doubt| ui.warn(&doubt.0));
                Ok(())
            }
            Stands::Half => {
                ui.say("an earlier change was cut short; it goes on");
                self.go(site, plan, ui, stop)
            }
            Stands::Not(error) => {
                ui.say(format_args!("{error}; the steps are done again"));
                self.go(site, plan, ui, stop)
            }
        }
    }

    /// The interface that is meant. It is never guessed: the wrong one is somebody's network.
    fn named(&self, settings: &Settings) -> Option<Name> {
        self.interface.clone().or_else(|| settings.netboot.interface.value.as_ref()?.parse().ok())
    }

    /// What the host is to have.
    fn wanted(&self, seen: &Seen, settings: &Settings) -> crate::cli::Result<Wanted> {
        let interface = self.named(settings).ok_or_else(|| {
            let have: Vec<_> =
                seen.interfaces.iter().filter(|one| one.ethernet).map(|one| quoted(&one.name)).collect();
            Usage {
                message: "the interface that the boards are behind isn't known".to_owned(),
                hint: Some(remedy![
                    "name it: ",
                    Knob::Interface,
                    // Which there are in the root of another host isn't known.
                    if have.is_empty() { String::new() } else { format!("; there are: {}", have.join(", ")) },
                ]),
            }
        })?;
        let has = seen.interface(&interface).and_then(plan::Found::fixed).map(|one| (one.ip, one.prefix));
        let by_range = settings.netboot.range.value.map(|(first, _)| {
            let [a, b, c, _] = first.octets();
            (Ipv4Addr::new(a, b, c, 1), 24)
        });
        let (address, prefix) = self.address.or(has).or(by_range).unwrap_or(USUAL);
        let nowhere = match &seen.root {
            None => "this host has no way to everybody else that its boards could use".to_owned(),
            Some(root) => {
                format!(
                    "no settings in {root} name the interface that leads to everybody else, or they name several"
                )
            }
        };
        let uplink = match &self.nat {
            Some(nat) if nat.as_str() == DEFAULT_ROUTE => Some(seen.way_out().ok_or_else(|| Usage {
                message: nowhere,
                hint: Some("name the interface of the way out: `--nat UPLINK`".into()),
            })?),
            nat => nat.clone(),
        };
        Ok(Wanted { interface, address, prefix, uplink })
    }

    /// Shows a plan, asks, and does it.
    fn go(&self, site: &Site, plan: &Plan, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        self.show(site, ui, plan, false);
        state(ui, "planned", plan, &[]);
        if self.dry_run {
            return Ok(());
        }
        confirm::agree(self.yes, ui, stop)?;
        let waiting = Waiting::new(ui);
        let doubts = site.carry_out(plan, stop, &mut |doing| tell(&waiting, ui, &doing))?;
        drop(waiting);
        state(ui, "done", plan, &doubts);
        let (interface, address) = (&plan.wanted.interface, plan.wanted.cidr());
        if site.is_live() {
            ui.say(format_args!("done: {interface} has {address}, read back from the kernel"));
            if let Some(uplink) = &plan.wanted.uplink {
                ui.say(format_args!(
                    "boards get out through {uplink}: its rules are read back from the kernel"
                ));
            }
        } else {
            ui.say(format_args!("written: {interface} gets {address} when that system starts"));
        }
        doubts.iter().for_each(|doubt| ui.warn(&doubt.0));
        let undo = match site.is_live() {
            true => Action::from(Task::HostNetworkUndo),
            false => Task::HostNetworkUndoBelow.of(self.root.display()),
        };
        ui.say(format_args!("{} takes it back", words_of::word(&undo.into())));
        Ok(())
    }

    /// `--undo`.
    pub(super) fn undo(&self, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let site = Site::open(&self.root)?;
        let Some(record) = site.record()? else {
            match site.is_live() {
                true => ui.say("nothing to take back: nothing of this host's network was changed"),
                false => ui.say(format_args!(
                    "nothing to take back: nothing of the network was changed in {}",
                    self.root.display()
                )),
            }
            return Ok(());
        };
        // Looked at first: nothing is shown as taken back that isn't.
        site.may_undo(&record)?;
        self.show(&site, ui, &record.plan, true);
        if self.dry_run {
            return Ok(());
        }
        confirm::agree(self.yes, ui, stop)?;
        let waiting = Waiting::new(ui);
        site.undo(&record, stop, &mut |doing| tell(&waiting, ui, &doing))?;
        drop(waiting);
        state(ui, "undone", &record.plan, &[]);
        ui.say("taken back: each file is as it was before");
        Ok(())
    }

    /// Shows what is done, or what is taken back.
    fn show(&self, site: &Site, ui: &Ui, plan: &Plan, back: bool) {
        let root = if site.is_live() { std::path::Path::new("/") } else { &self.root };
        for change in &plan.changes {
            one(ui, root, change, back);
        }
        let around = if back { &plan.undo } else { &plan.apply };
        for step in around.before.iter().chain(&around.after) {
            if ui.json {
                ui.object(&json!({ "event": "host-step", "command": words(step) }));
            } else {
                ui.result(format_args!("{} {}", ui.paint(Style::Strong, "run"), words(step)));
            }
        }
        if !ui.json && !back {
            plan.notes.iter().for_each(|note| ui.say(format_args!("note: {note}")));
        }
    }
}

/// Shows what is being done, or waited for.
fn tell(waiting: &Waiting, ui: &Ui, doing: &Doing<'_>) {
    match doing {
        Doing::Step(step) => waiting.now(format_args!("running {}", words(step))),
        Doing::Address { interface, address, patience } if !patience.is_zero() => waiting.now(format_args!(
            "waiting until {interface} has {address}, for {} s at most",
            patience.as_secs()
        )),
        Doing::Gone { interface, address } => {
            waiting.now(format_args!("looking whether {interface} has lost {address}"));
        }
        Doing::Rules => waiting.now("reading the rules back from the kernel"),
        Doing::Needless { step, said } => waiting.aside(|| {
            ui.say(format_args!("{} failed, and it goes on without: {said}", words(step)));
        }),
        _ => {}
    }
}

/// What became of a plan, for programs.
fn state(ui: &Ui, state: &str, plan: &Plan, doubts: &[Doubt]) {
    if ui.json {
        let doubts: Vec<_> = doubts.iter().map(|doubt| &doubt.0).collect();
        ui.object(&json!({
            "event": "host-network", "state": state, "interface": plan.wanted.interface, "address": plan.wanted.cidr(),
            "uplink": plan.wanted.uplink, "manager": plan.manager, "notes": plan.notes, "doubts": doubts,
        }));
    }
}

/// A step as a person would type it.
fn words(step: &Step) -> String {
    match step {
        Step::Run(words) | Step::Try(words) => {
            words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
        }
        Step::Forward(on) => format!("sysctl net.ipv4.ip_forward={}", u8::from(*on)),
    }
}

fn one(ui: &Ui, root: &std::path::Path, change: &Change, back: bool) {
    let path = format!("/{}", change.path);
    let (verb, taken, given) = match (&change.after, &change.before) {
        (Contents::Link { target }, _) => ("link", String::new(), target.clone()),
        (Contents::File { text, .. }, None) => ("new", String::new(), text.clone()),
        (Contents::File { text, .. }, Some(before)) => {
            let (taken, given) = difference(before, text);
            ("change", taken, given)
        }
    };
    let (verb, taken, given) = match (back, verb) {
        (false, verb) => (verb, taken, given),
        (true, "change") => ("change", given, taken),
        (true, _) => ("remove", given, taken),
    };
    if ui.json {
        ui.object(
            &json!({ "event": "host-change", "what": verb, "path": path, "removed": taken, "added": given }),
        );
        return;
    }
    ui.result(format_args!("{} {}", ui.paint(Style::Strong, verb), root.join(&change.path).display()));
    for (sign, style, text) in [("-", Style::Bad, &taken), ("+", Style::Good, &given)] {
        text.lines().for_each(|line| ui.result(ui.paint(style, format_args!("  {sign} {line}"))));
    }
}

/// The lines that go, and those that come: all between the first and the last that differ.
fn difference(before: &str, after: &str) -> (String, String) {
    let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let front = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let rest = old.len().min(new.len()) - front;
    let back =
        old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(one, other)| one == other).count();
    (old[front..old.len() - back].join("\n"), new[front..new.len() - back].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_by_what_differs() {
        assert_eq!(difference("a\nb\nc\n", "a\nb\nc\n\nd\n"), (String::new(), "\nd".to_owned()));
        assert_eq!(difference("a\nb\nc\n", "a\nx\nc\n"), ("b".to_owned(), "x".to_owned()));
        assert_eq!(difference("a\n", "a\n"), (String::new(), String::new()));
        assert_eq!(difference("", "a\na\n"), (String::new(), "a\na".to_owned()));
        assert_eq!(difference("a\na\n", "a\n"), ("a".to_owned(), String::new()));
    }

    #[test]
    fn an_address_has_its_prefix() {
        assert_eq!(cidr("10.0.0.1/24"), Ok((Ipv4Addr::new(10, 0, 0, 1), 24)));
        for bad in
            ["10.0.0.1", "10.0.0.1/33", "10.0.0.1/0", "10.0.0.1/31", "::1/64", "/24", "x/24", "10.0.0.1/24/1"]
        {
            assert!(cidr(bad).is_err(), "{bad}");
        }
    }
}
