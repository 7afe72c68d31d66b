//! `piprov udev`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli::ui::{Style, Ui};
use crate::cli::{Global, common, remedy};
use crate::config::Settings;
use crate::error::{Explain, Kind, Remedy};
use crate::format::json::json;
use crate::live::Tree;
use crate::live::finish::Finisher;
use crate::live::install::{self, Change, Install};
use crate::live::journal::{self, Level};
use crate::live::record::Records;
use crate::live::rules::{self, Rules};
use crate::live::serial_port::tell_patiently;
use crate::stop::Stop;

#[derive(Debug, clap::Args)]
pub struct Udev {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Install the udev rules, the helper and its systemd units
    Install(Place),
    /// Remove what `install` has installed
    Remove(Place),
    /// Print the udev rules
    Print(Ids),
    /// Finish what the helper left over: boards that do not listen, empty ports
    ///
    /// A systemd unit runs this when the helper has left something; it ends when nothing is left.
    Finish,
}

#[derive(Debug, clap::Args)]
struct Place {
    /// Install below this directory, such as that of an image
    ///
    /// It has to be there. An image has its own programs, where it has piprov's package; else those that run
    /// now are copied below usr/local/lib/piprov.
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Say what would be done, and touch nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    ids: Ids,
}

#[derive(Debug, clap::Args)]
struct Ids {
    /// The group that may use boot ROMs [default: plugdev, if there is one]
    #[arg(long, value_name = "NAME", value_parser = group_name)]
    group: Option<String>,
}

/// Why something can't be installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The helper isn't there.
    #[error("there is no piprov-udev beside {}", program.display())]
    NoHelper {
        /// The program that runs.
        program: PathBuf,
    },
    /// There is nothing to install below.
    #[error("there is no directory {}", root.display())]
    NoRoot {
        /// The directory that was named.
        root: PathBuf,
    },
    /// The program's own path isn't known.
    #[error("finding this program: {0}")]
    NoProgram(#[source] std::io::Error),
    /// The configuration file's path can't stand in udev's rules.
    #[error("{} has characters that udev's rules can't have", path.display())]
    BadPath {
        /// The path.
        path: PathBuf,
    },
    /// What was installed can't be put to use.
    #[error("`{command}` failed: {said}")]
    Failed {
        /// The command.
        command: String,
        /// What it said.
        said: String,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoHelper { .. } | Self::NoRoot { .. } => Kind::NoInput,
            Self::NoProgram(source) => Kind::of_io(source),
            Self::BadPath { .. } => Kind::Usage,
            Self::Failed { .. } => Kind::Failed,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::NoHelper { .. } => Some("`make build` builds both; `make install` installs both".into()),
            Self::NoRoot { .. } => Some("is it the right one? An image has to be mounted there first".into()),
            Self::NoProgram(_) => None,
            Self::BadPath { .. } => Some(
                "letters, digits and / . _ - + @ : , = are fine; move the file, or use /etc/piprov".into(),
            ),
            Self::Failed { .. } => Some("the files are installed; try the command by hand".into()),
        }
    }
}

fn group_name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let good = !text.is_empty() && !text.starts_with('-') && text.bytes().all(plain);
    if good { Ok(text.to_owned()) } else { Err("a group's name is letters, digits, - _ .".to_owned()) }
}

impl Udev {
    pub(super) fn run(self, global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let settings = common::settings(global, ui)?;
        match self.command {
            What::Print(ids) => {
                let rules = Rules { config: config(global)?, ..ids.rules(&settings, Path::new("/")) }.text();
                if ui.json {
                    ui.object(&json!({ "event": "rules", "text": rules }));
                    return Ok(());
                }
                rules.trim_end().lines().for_each(|line| ui.result(line));
                Ok(())
            }
            What::Install(place) => {
                place.must_be_there()?;
                let config = if place.live() { config(global)? } else { None };
                place.install(&settings, config, ui)
            }
            What::Remove(place) => {
                place.must_be_there()?;
                let changes = install::removals(&place.root);
                let any = changes.iter().any(|change| !change.is_done());
                if place.live() && !place.dry_run && any && systemd() {
                    // Stopped before its files go. Not there is as good.
                    let _ = call(&[
                        "systemctl",
                        "--quiet",
                        "disable",
                        "--now",
                        "piprov-usb.path",
                        "piprov-clnlive",
                    ]);
                }
                place.carry_out(&changes, ui)?;
                if any {
                    place.reload(ui)?;
                }
                Ok(())
            }
            What::Finish => finish(&settings, ui, stop),
        }
    }
}

/// The configuration file that was named, for the helper and the units too: they are started without this command line.
fn config(global: &Global) -> Result<Option<PathBuf>, Error> {
    let Some(named) = global.config() else { return Ok(None) };
    let path = std::path::absolute(named).map_err(Error::NoProgram)?;
    if rules::plain(&path) { Ok(Some(path)) } else { Err(Error::BadPath { path }) }
}

fn has_group(root: &Path, name: &str) -> bool {
    crate::config::group_id(root, name).is_some()
}

impl Ids {
    fn rules(&self, settings: &Settings, root: &Path) -> Rules {
        let known = || has_group(root, "plugdev").then(|| "plugdev".to_owned());
        Rules {
            gadget: settings.usb.gadget.value,
            group: self.group.clone().or_else(known),
            runtime: settings.runtime_dir.value.clone(),
            ..Rules::default()
        }
    }
}

impl Place {
    /// Whether it is this system, and not an image of another one.
    fn live(&self) -> bool {
        self.root == Path::new("/")
    }

    fn must_be_there(&self) -> Result<(), Error> {
        if self.root.is_dir() { Ok(()) } else { Err(Error::NoRoot { root: self.root.clone() }) }
    }

    fn install(&self, settings: &Settings, config: Option<PathBuf>, ui: &Ui) -> crate::cli::Result<()> {
        let program = std::env::current_exe().map_err(Error::NoProgram)?;
        let helper = install::find_helper(&program).ok_or(Error::NoHelper { program: program.clone() })?;
        let units = !self.live() || systemd();
        if units && self.live() && !install::only_roots(&program) {
            ui.warn(format_args!(
                "others than root can change {}, which the units run as root; `make install` puts it elsewhere",
                program.display()
            ));
        }
        if let Some(config) = config.as_ref().filter(|config| !install::only_roots(config)) {
            ui.warn(format_args!(
                "others than root can change {}, which the helper and the units read as root",
                config.display()
            ));
        }
        let rules = Rules { config, ..self.ids.rules(settings, &self.root) };
        if let Some(group) = self.ids.group.as_deref().filter(|group| !has_group(&self.root, group)) {
            ui.warn(format_args!(
                "there is no group {group} in {}; udev ignores what it doesn't know",
                self.root.join("etc/group").display()
            ));
        }
        if rules.group.is_none() {
            ui.warn(format_args!(
                "there is no group plugdev in {}: only root, and who sits at its screen, may boot boards; --group names another",
                self.root.join("etc/group").display()
            ));
        }
        let image = !self.live();
        let install = Install { root: self.root.clone(), rules, program, helper, units, image };
        let changes = install.changes()?;
        self.carry_out(&changes, ui)?;
        self.reload(ui)?;
        if units && self.live() {
            self.call(ui, &["systemctl", "--quiet", "enable", "piprov-clnlive.service"])?;
            self.call(ui, &["systemctl", "--quiet", "enable", "--now", "piprov-usb.path"])?;
        } else if !units {
            ui.say(format_args!(
                "this system isn't run by systemd: run `piprov udev finish` when there is something in {}",
                settings.runtime_dir.value.join("due").display()
            ));
        }
        if !self.live() {
            ui.say(format_args!(
                "in the image nothing is switched on yet: `systemctl --root={} enable piprov-usb.path piprov-clnlive.service`",
                remedy::quoted(&self.root.to_string_lossy())
            ));
        }
        if self.live() {
            // What is plugged in already gets its permissions; no event begins a boot by this.
            self.call(ui, &["udevadm", "trigger", "--subsystem-match=usb", "--action=change"])?;
        }
        Ok(())
    }

    fn carry_out(&self, changes: &[Change], ui: &Ui) -> Result<(), crate::live::Error> {
        for change in changes {
            let done = change.is_done();
            if !done && !self.dry_run {
                change.apply()?;
            }
            let verb = match (&change.contents, done, self.dry_run) {
                (_, true, _) => "unchanged",
                (Some(_), false, false) => "installed",
                (Some(_), false, true) => "would install",
                (None, false, false) => "removed",
                (None, false, true) => "would remove",
            };
            if ui.json {
                ui.object(&json!({ "event": verb.replace(' ', "-"), "path": change.path }));
            } else if done && change.contents.is_none() {
                ui.detail(format_args!("not there: {}", change.path.display()));
            } else {
                ui.result(format_args!("{} {}", ui.paint(Style::Good, verb), change.path.display()));
            }
        }
        Ok(())
    }

    /// Lets udev and systemd read what has changed.
    fn reload(&self, ui: &Ui) -> Result<(), Error> {
        if !self.live() {
            return Ok(());
        }
        if systemd() {
            self.call(ui, &["systemctl", "daemon-reload"])?;
        }
        self.call(ui, &["udevadm", "control", "--reload"])
    }

    fn call(&self, ui: &Ui, command: &[&str]) -> Result<(), Error> {
        if self.dry_run {
            ui.say(format_args!("would run {}", command.join(" ")));
            return Ok(());
        }
        ui.detail(format_args!("running {}", command.join(" ")));
        call(command)
    }
}

/// Whether systemd runs this system (sd_booted(3)).
fn systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

fn call(command: &[&str]) -> Result<(), Error> {
    let failed = |said: String| Error::Failed { command: command.join(" "), said };
    let output = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    Err(failed(if said.is_empty() { output.status.to_string() } else { said.to_owned() }))
}

fn finish(settings: &Settings, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
    let tree = Tree::new(&settings.usb.live.value, &settings.usb.clients.value)?;
    let log = |level: Level, text: &str| {
        // In the log under the helper's name: it is the same story.
        let logged = journal::send(Path::new(journal::SOCKET), "piprov-udev", level, text);
        match level {
            Level::Error | Level::Warning => ui.warn(text),
            Level::Info if logged.is_err() || ui.verbose > 0 => ui.say(text),
            Level::Info => {}
        }
    };
    let finisher = Finisher {
        tree: &tree,
        records: &Records::new(&settings.runtime_dir.value),
        window: settings.usb.restart_window.value,
        log: &log,
        tell: &tell_patiently,
    };
    finisher.run(stop)?;
    Ok(())
}
