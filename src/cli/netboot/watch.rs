//! `piprov netboot watch`.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags};

use crate::cli::table;
use crate::cli::ui::{Style, Text, Ui};
use crate::cli::{Global, common, remedy};
use crate::dhcp;
use crate::format;
use crate::format::json::json;
use crate::netboot::steps::Step;
use crate::netboot::watch;
use crate::netboot::watch::picture::{Other, Picture, Seen};
use crate::stop::Stop;
use crate::wire::{Interface, PacketSocket, interfaces};

/// What is said below the options.
const MORE: &str = "\
Listens and changes nothing: no port is opened, nobody is answered. It tells \
which boards look for a boot server and how far they come, which DHCP servers \
answer and whether a Raspberry Pi would boot with their answers, and whether \
spanning tree holds ports back. At the end it says what that comes to.

A switch passes on what is meant for one host to that host's port only. Run \
this on the host that serves, or behind a mirror port, to see files too.";

#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub(super) struct Watch {
    /// Listen on this network interface; it is never guessed
    #[arg(short, long, value_name = "IF")]
    interface: Option<String>,
    /// End after this time: 90, 90s, 5m, 1h
    #[arg(long = "for", value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    duration: Option<Duration>,
    /// Ask for DHCP servers too, once; this is the only thing that is sent
    #[arg(long)]
    probe: bool,
}

impl Watch {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let settings = common::settings(global, ui)?;
        let name =
            super::interface(self.interface.or(settings.netboot.interface.value.clone()), "netboot watch")?;
        let interface = interfaces::find(&name)?;
        let mut capture =
            watch::open(&interface).map_err(|source| CantListen { name: name.clone(), source })?;
        let ours = interface.addresses.iter().map(|(address, _)| *address).collect();
        let mut ouis = dhcp::pi::OUIS.to_vec();
        ouis.extend(&settings.netboot.oui.value);
        let mut picture = Picture::new(ours, ouis);
        let begun = Instant::now();
        let end = self.duration.map(|time| begun + time);
        if ui.json {
            ui.object(&json!({"event": "watching", "interface": name}));
        } else {
            ui.say(format_args!("listening on {name}; Ctrl-C ends it and tells what was seen"));
        }
        if self.probe {
            probe(&interface, ui, stop)?;
        }
        while !stop.is_set() && end.is_none_or(|end| Instant::now() < end) {
            wait(&capture, stop, picture.deadline().into_iter().chain(end).min())?;
            let now = Instant::now();
            while let Some(frame) = capture.take()? {
                picture.hear(&frame, now).iter().for_each(|seen| tell(ui, seen));
            }
            picture.tick(now).iter().for_each(|seen| tell(ui, seen));
        }
        summary(ui, &picture, begun.elapsed());
        Ok(())
    }
}

/// Why nothing can be seen.
#[derive(Debug, thiserror::Error)]
#[error("listening on {name}")]
pub(crate) struct CantListen {
    name: String,
    source: std::io::Error,
}

impl crate::error::Explain for CantListen {
    fn kind(&self) -> crate::error::Kind {
        crate::error::Kind::of_io(&self.source)
    }

    fn hint(&self) -> Option<crate::error::Remedy> {
        (self.kind() == crate::error::Kind::Permission)
            .then(|| "run it with sudo, or give the program CAP_NET_RAW".into())
    }
}

fn probe(interface: &Interface, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
    // What comes back is seen by the capture as well, and judged there.
    let found = dhcp::probe::servers(interface, dhcp::probe::PATIENCE, stop, &|_| false)?;
    if ui.json {
        for server in &found {
            ui.object(&json!({"event": "probed", "server": server}));
        }
    } else if found.is_empty() {
        ui.say("no DHCP server answered the probe");
    } else {
        for server in &found {
            let offered = server.offered.map_or("no address".to_owned(), |address| address.to_string());
            ui.say(format_args!("{} DHCP server {} answered the probe with {offered}", now(), server.server));
        }
    }
    Ok(())
}

fn wait(capture: &PacketSocket, stop: &Stop, until: Option<Instant>) -> std::io::Result<()> {
    let mut fds = [
        PollFd::from_borrowed_fd(capture.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN),
    ];
    crate::stop::until(&mut fds, until).map(drop)
}

pub(super) fn tell(ui: &Ui, seen: &Seen) {
    if ui.json {
        ui.object(seen);
        return;
    }
    let line = match seen {
        Seen::Board { step, .. } if step.is_detail() && ui.verbose == 0 => return,
        Seen::Other(Other::Arp { .. }) if ui.verbose == 0 => return,
        Seen::Board { board, model, step } => {
            let model = model.map(|model| format!(" ({model})")).unwrap_or_default();
            let line = step.line();
            let (word, rest) = line.split_at(line.find([' ', ':']).unwrap_or(line.len()));
            let word = style(step).map_or_else(|| Text::line(word), |style| ui.paint_err(style, word));
            let line = Text::message(format_args!("{board}{model} {word}{rest}"));
            let hint = match step {
                Step::Stuck { hint, .. } => Some(hint),
                Step::Reason(told) => Some(&told.hint).filter(|hint| !hint.is_empty()),
                _ => None,
            };
            let hint = hint.map(|hint| {
                let word = ui.paint_err(Style::Strong, "hint:");
                Text::message(format_args!("  {word} {}", remedy::hint(hint)))
            });
            Text::lines(std::iter::once(line).chain(hint))
        }
        Seen::Other(Other::Pc { mac, .. }) => {
            Text::message(format_args!("{mac} is a PC that looks for a boot server"))
        }
        Seen::Other(Other::Dhcpv6 { mac, boots: true, hint, .. }) => {
            let word = ui.paint_err(Style::Strong, "hint:");
            Text::lines([
                Text::message(format_args!("{mac} is a Raspberry Pi that looks for a boot server by DHCPv6")),
                Text::message(format_args!("  {word} {}", remedy::hint(hint))),
            ])
        }
        Seen::Other(Other::Dhcpv6 { mac, .. }) => Text::message(format_args!(
            "{mac} is a system on a Raspberry Pi that asks for an address by DHCPv6"
        )),
        Seen::Other(Other::Server { ip, mac, answer, tftp }) => {
            let tftp = if answer.verdict.boots() { format!(", files from {tftp}") } else { String::new() };
            let line = format!("DHCP server {ip} ({mac}) {}{tftp}", answer.verdict.phrase());
            let doubts = answer.doubts.iter().map(|doubt| {
                let word = ui.paint_err(Style::Warn, "warning:");
                Text::message(format_args!("  {word} it {}", doubt.phrase()))
            });
            Text::lines(std::iter::once(Text::message(line)).chain(doubts))
        }
        Seen::Other(Other::Tree(tree)) => Text::message(tree),
        Seen::Other(Other::Arp { mac, target }) => Text::message(format_args!("{mac} looks for {target}")),
    };
    ui.say(format_args!("{} {line}", now()));
}

/// How the first word of a step is shown.
fn style(step: &Step) -> Option<Style> {
    match step {
        Step::Loaded { .. } | Step::Up { .. } => Some(Style::Good),
        Step::Stuck { .. } | Step::Broken { .. } | Step::Missing { fatal: true, .. } => Some(Style::Bad),
        Step::Missing { .. } | Step::Reason(_) => Some(Style::Warn),
        step if step.is_detail() => Some(Style::Faint),
        _ => None,
    }
}

fn now() -> impl std::fmt::Display {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ")
}

fn summary(ui: &Ui, picture: &Picture, time: Duration) {
    if ui.json {
        let boards: Vec<_> = picture.book().all().iter().map(|(id, steps)| {
            json!({
                "board": picture.who(*id, Some(steps)), "trail": steps.trail(), "loaded": steps.is_loaded(),
            })
        }).collect();
        ui.object(&json!({
            "event": "summary", "seconds": time.as_secs_f64().round(), "boards": boards,
            "conclusions": picture.conclusions(),
        }));
        return;
    }
    let mut rows = vec![["BOARD", "MODEL", "SERIAL", "SEEN"].map(str::to_owned)];
    for (id, steps) in picture.book().all() {
        rows.push([
            id.to_string(),
            steps.model().unwrap_or("?").to_owned(),
            steps.serial().map_or_else(|| "?".to_owned(), |serial| serial.to_string()),
            steps.trail(),
        ]);
    }
    if rows.len() == 1 {
        ui.result(format_args!("no board was seen in {}", format::minutes(time)));
    } else {
        table::tell(ui, Style::Strong, &rows);
    }
    let servers: Vec<_> = picture.servers().collect();
    for (ip, answer) in &servers {
        ui.result(format_args!("DHCP server {ip} {}", answer.verdict.phrase()));
    }
    for tree in picture.trees() {
        ui.result(tree);
    }
    for line in picture.conclusions() {
        ui.result(format_args!("{} {}", ui.paint(Style::Strong, "note:"), remedy::word(&line)));
    }
}

/// A time as `90`, `90s`, `5m` or `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time such as 90s, 5m or 1h is needed".to_owned();
    // Not longer than a year, so that an end can be computed.
    common::seconds(text)
        .ok()
        .filter(|time| !time.is_zero() && *time <= Duration::from_secs(366 * 86400))
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let secs = |text: &str| duration(text).map(|time| time.as_secs_f64());
        assert_eq!(
            [secs("90"), secs("1.5s"), secs("2m"), secs("1h")],
            [Ok(90.0), Ok(1.5), Ok(120.0), Ok(3600.0)]
        );
        for bad in ["", "s", "-1", "0", "1w", "nan", "inf", "1e9h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
