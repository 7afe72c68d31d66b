//! What udev calls when a board's first stage or a boot ROM comes or leaves: reads udev's environment, changes the
//! live tree, tells the board what to do. Done in milliseconds; what takes longer is left to `piprov udev finish`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use piprov::config::Settings;
use piprov::format::message;
use piprov::live::Tree;
use piprov::live::event::Source;
use piprov::live::handle::{Helper, TELL_LIMIT};
use piprov::live::journal::{self, Level};
use piprov::live::record::Records;
use piprov::live::tell::tell_within;

fn main() -> ExitCode {
    if let Some(argument) = std::env::args().nth(1) {
        let version = matches!(argument.as_str(), "-V" | "--version");
        let text = if version {
            concat!("piprov-udev ", env!("CARGO_PKG_VERSION"))
        } else {
            "piprov-udev: called by udev's rules, without arguments; see `piprov udev --help`"
        };
        say(text);
        return if version { ExitCode::SUCCESS } else { ExitCode::from(2) };
    }
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(Level::Error, &error);
            ExitCode::FAILURE
        }
    }
}

fn work() -> Result<(), String> {
    // The rules give it on where `piprov udev install` was run with a configuration file of its own.
    let config = std::env::var_os("PIPROV_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    let settings = Settings::load(config.as_deref()).map_err(|error| chain(&error))?;
    let env = |name: &str| std::env::var(name).ok();
    let source = Source { env: &env, sys: Path::new("/sys"), gadget: settings.usb.gadget.value };
    let event = source.event().map_err(|error| error.to_string())?;
    let tree = Tree::new(&settings.usb.live.value, &settings.usb.clients.value)
        .map_err(|error| error.to_string())?;
    let helper = Helper {
        tree: &tree,
        records: &Records::new(&settings.runtime_dir.value),
        window: settings.usb.restart_window.value,
        log: &log,
        tell: &|tty, command| tell_within(tty, command, TELL_LIMIT),
    };
    helper.handle(event).map_err(|error| error.to_string())
}

/// To the system's log, and to stderr for users that call this by hand and for udev's own debugging.
fn log(level: Level, text: &str) {
    let _ = journal::send(Path::new(journal::SOCKET), "piprov-udev", level, text);
    say(text);
}

/// The only place that writes to stderr.
#[expect(clippy::disallowed_methods, reason = "a program of its own, without the command line's gate")]
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", message(text));
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
