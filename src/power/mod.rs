//! Reset back-ends: how a board is made to start again.

mod command;
mod gpio;
mod pulse;
pub mod run;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Action, Explain, Kind, Knob, Remedy, remedy};
use crate::stop::Stop;
use crate::targets::{Line, ResetSpec, Target};

/// Something that can reset a board.
pub trait Power: Send {
    /// Resets the board. Returns when that is done, and when it can't be done; a stop ends the wait, but
    /// never leaves a line driven or a command running.
    ///
    /// # Errors
    /// What was in the way. After an error the board may or may not have been reset.
    fn reset(&mut self, stop: &Stop) -> Result<(), Error>;

    /// Looks whether that could work, and touches nothing. A command is not looked at.
    ///
    /// # Errors
    /// What would be in the way: no such chip or line, no permission, in use by another program.
    fn probe(&self) -> Result<(), Error> {
        Ok(())
    }

    /// What [`Power::reset`] does, as a phrase: `gpiochip0:17 low for 0.5 s, then released`.
    fn describe(&self) -> String;

    /// The same for the record, which others may read: a command may hold a password.
    fn describe_to_all(&self) -> String {
        self.describe()
    }
}

/// What all back-ends of a run have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResetOptions {
    /// How long a line is held low. RUN needs a few microseconds; half a second is heard by slow level
    /// shifters and relays too.
    pub hold: Duration,
    /// How long a command may take.
    pub command_timeout: Duration,
}

impl Default for ResetOptions {
    fn default() -> Self {
        Self { hold: Duration::from_millis(500), command_timeout: Duration::from_secs(30) }
    }
}

/// The back-end that resets a target.
///
/// # Errors
/// [`Error::NotConfigured`] when the database doesn't say how. Whether the chip and the line exist
/// shows only at [`Power::reset`]; [`probe`] looks beforehand.
pub fn of_target(target: &Target, options: &ResetOptions) -> Result<Box<dyn Power>, Error> {
    match &target.reset {
        None => Err(Error::NotConfigured { target: target.name.clone() }),
        Some(ResetSpec::Gpio { chip, line }) => Ok(of_line(chip, line.clone(), options)),
        Some(ResetSpec::Command(text)) => Ok(Box::new(command::Command {
            text: text.clone(),
            variables: vec![
                ("PIPROV_TARGET", target.name.clone()),
                ("PIPROV_MAC", target.mac.to_string()),
                ("PIPROV_IP", target.ip.map_or_else(String::new, |ip| ip.to_string())),
            ],
            limit: options.command_timeout,
        })),
    }
}

/// The back-end that pulls one GPIO line. The chip is written as in the database.
#[must_use]
pub fn of_line(chip: &str, line: Line, options: &ResetOptions) -> Box<dyn Power> {
    Box::new(gpio::Gpio { chip: chip.to_owned(), line, hold: options.hold })
}

/// Looks whether a reset could work, without touching the line. A command is not looked at.
///
/// # Errors
/// What would be in the way: no such chip or line, no permission, in use by another program.
pub fn probe(reset: &ResetSpec) -> Result<(), Error> {
    match reset {
        ResetSpec::Gpio { chip, line } => gpio::probe(chip, line),
        ResetSpec::Command(_) => Ok(()),
    }
}

/// What helps where the database has no reset.
const FILL: &str = "fill the reset column of its row (gpiochip0:17 or command:…)";

/// What is told where there is no GPIO chip, and what helps.
const NO_CHIP: &str = "this machine shows no GPIO chip at all: the kernel has none, or the container hides them. Run it where they are";
const COMMAND: &str = "let the reset column name a command (command:…)";

/// What else can be done in a job whose boards may be switched on by a person.
#[must_use]
pub fn by_hand() -> Remedy {
    remedy!["switch it on by hand, with ", Knob::NoReset]
}

/// An error, where something else can be done than to fill in the database.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct Otherwise {
    source: Error,
    instead: Remedy,
}

impl Error {
    /// With what else can be done about a target without a reset: each job has another way.
    #[must_use]
    pub fn or(self, instead: impl Into<Remedy>) -> Otherwise {
        Otherwise { source: self, instead: instead.into() }
    }

    /// What helps, with that.
    #[must_use]
    pub fn hint_or(&self, instead: impl Into<Remedy>) -> Option<Remedy> {
        match self {
            Self::NotConfigured { .. } => Some(remedy![FILL, ", or "].and(instead)),
            Self::NoChip { present, .. } if present.is_empty() => {
                Some(remedy![format!("{NO_CHIP}, {COMMAND}, or ")].and(instead))
            }
            Self::NoChip { present, .. } => {
                Some(remedy![format!("there are {}: name one of them, or ", present.join(", "))].and(instead))
            }
            _ => self.hint(),
        }
    }
}

impl Explain for Otherwise {
    fn kind(&self) -> Kind {
        self.source.kind()
    }

    fn hint(&self) -> Option<Remedy> {
        self.source.hint_or(self.instead.clone())
    }
}

/// Why a board was not reset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database has no reset for this target.
    #[error("no reset is configured for {target}")]
    NotConfigured {
        /// The name of the target.
        target: String,
    },
    /// The chip's device file doesn't exist.
    #[error("there is no GPIO chip {}", path.display())]
    NoChip {
        /// The device file.
        path: PathBuf,
        /// The chips that exist.
        present: Vec<String>,
    },
    /// The file is no GPIO chip, or the kernel doesn't speak the interface.
    #[error("{} is no GPIO chip: {message}", path.display())]
    NotAChip {
        /// The device file.
        path: PathBuf,
        /// What the kernel said.
        message: String,
    },
    /// The user may not open the chip.
    #[error("no permission to use {}", path.display())]
    Permission {
        /// The device file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The device file can't be opened.
    #[error("opening {}", path.display())]
    Open {
        /// The device file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The chip has no such line.
    #[error("{chip} has no line {line}; it has {count} lines, from 0")]
    NoLine {
        /// The chip.
        chip: String,
        /// The line that was wanted.
        line: Line,
        /// How many it has.
        count: u32,
    },
    /// Several lines of the chip have this name.
    #[error("{chip} has {count} lines named {name}")]
    ManyLines {
        /// The chip.
        chip: String,
        /// The name.
        name: String,
        /// How many have it.
        count: usize,
    },
    /// Another program uses the line.
    #[error("{chip}:{line} is in use by {consumer}")]
    Busy {
        /// The chip.
        chip: String,
        /// The line.
        line: Line,
        /// The program that uses it, as the kernel knows it.
        consumer: String,
    },
    /// The kernel refuses something else.
    #[error("{chip}:{line}: {doing}: {message}")]
    Gpio {
        /// The chip.
        chip: String,
        /// The line.
        line: Line,
        /// What was being done.
        doing: &'static str,
        /// What the kernel said.
        message: String,
    },
    /// The line was pulled low and could not be made an input again.
    #[error("the line was low and can't be released; it may still hold the board in reset: {source}")]
    StillDriven {
        /// Why not.
        source: Box<Error>,
    },
    /// The shell can't be started.
    #[error("starting the reset command")]
    Start {
        /// What the system said.
        source: std::io::Error,
    },
    /// Watching the command failed; it was killed.
    #[error("watching the reset command")]
    Watch {
        /// What the system said.
        source: std::io::Error,
    },
    /// The command ended with a failure.
    #[error("the reset command {how}{}", Said(output))]
    Command {
        /// How it ended: `ended with status 3`, `was killed by signal 9`.
        how: String,
        /// Its exit status, if it ended by itself.
        status: Option<i32>,
        /// The last lines it printed.
        output: String,
    },
    /// The command took too long and was killed.
    #[error("the reset command took more than {} s and was killed{}", limit.as_secs_f64(), Said(output))]
    TimedOut {
        /// How long it might take.
        limit: Duration,
        /// The last lines it printed.
        output: String,
    },
    /// Ctrl-C. A line that was low is released, a command that ran is killed.
    #[error("interrupted")]
    Interrupted,
}

/// What a command printed, where it printed something.
struct Said<'a>(&'a str);

impl fmt::Display for Said<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { out.write_str(", silently") } else { write!(out, "; it said: {}", self.0) }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotConfigured { .. } | Self::ManyLines { .. } => Kind::Config,
            Self::NoChip { .. } | Self::NotAChip { .. } | Self::NoLine { .. } | Self::TimedOut { .. } => {
                Kind::Unavailable
            }
            Self::Permission { .. } => Kind::Permission,
            Self::Busy { .. } => Kind::Busy,
            Self::Open { source, .. } | Self::Start { source } | Self::Watch { source } => {
                Kind::of_io(source)
            }
            Self::Gpio { .. } | Self::StillDriven { .. } => Kind::Io,
            Self::Command { .. } => Kind::Failed,
            Self::Interrupted => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        Some(match self {
            Self::NotConfigured { .. } => FILL.into(),
            Self::NoChip { present, .. } if present.is_empty() => format!("{NO_CHIP}, or {COMMAND}").into(),
            Self::NoChip { present, .. } => format!("there are {}", present.join(", ")).into(),
            Self::NotAChip { .. } => {
                remedy![
                    "a chip is a device file such as /dev/gpiochip0; ",
                    Action::host("gpiodetect"),
                    " lists them"
                ]
            }
            Self::Gpio { message, .. } if message.contains("EINVAL") => {
                "so answers a kernel without CONFIG_GPIO_CDEV_V1, the interface that piprov uses".into()
            }
            Self::Permission { .. } => {
                remedy![
                    Action::AsRoot,
                    ", or let your group in: ",
                    Action::host_as_root("usermod -aG gpio USER"),
                    ", then log in again",
                ]
            }
            Self::NoLine { line: Line::Name(_), .. } => {
                remedy![Action::host("gpioinfo"), " lists the lines with their names"]
            }
            Self::NoLine { .. } => remedy![
                "on a Pi's own chip the lines are the BCM numbers; ",
                Action::host("gpioinfo"),
                " lists them"
            ],
            Self::ManyLines { .. } => "name the line by its number".into(),
            Self::Busy { .. } => {
                "end that program, or disable the driver or overlay that holds the line".into()
            }
            Self::StillDriven { .. } => {
                remedy![Action::host("gpioget"), " on the line makes it an input; else unplug the wire"]
            }
            Self::Command { status: Some(126 | 127), .. } => {
                "the shell didn't find the tool, or may not run it; root has another PATH than you".into()
            }
            Self::TimedOut { .. } => "reset.command-timeout in piprov.toml sets the limit in seconds".into(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::Targets;
    use std::path::Path;

    #[test]
    fn a_target_without_a_reset_is_told_what_its_own_job_can_do() {
        let none = || Error::NotConfigured { target: "lab-01".into() };
        let flash = none().or(by_hand()).hint().unwrap();
        assert!(flash.names(Knob::NoReset) && !flash.names(Knob::Chip), "{flash:?}");
        let line = none().or(remedy!["name a line with ", Knob::Chip]).hint().unwrap();
        assert!(line.names(Knob::Chip) && line.says("fill the reset column") && !line.names(Knob::NoReset));
        // What has another cause has its own remedy.
        let busy = Error::ManyLines { chip: "gpiochip0".into(), name: "RUN".into(), count: 2 };
        assert_eq!(busy.hint_or(by_hand()), busy.hint());
    }

    #[test]
    fn what_is_in_the_way_of_a_reset_shows_before_it() {
        let options = ResetOptions::default();
        let error = of_line("/nonexistent/gpiochip0", Line::Offset(17), &options).probe().unwrap_err();
        assert!(matches!(error, Error::NoChip { .. }), "{error}");
        let lab = Targets::parse(b"a,dc:a6:32:01:02:03,10.0.0.3,command:false\n", Path::new("x")).unwrap();
        assert!(of_target(lab.find("a").unwrap(), &options).unwrap().probe().is_ok());
    }

    #[test]
    fn the_database_decides_on_the_back_end() {
        let text = "a,dc:a6:32:01:02:03,10.0.0.3,gpiochip0:17\nb,dc:a6:32:01:02:04,,command:true\nc,dc:a6:32:01:02:05\n";
        let lab = Targets::parse(text.as_bytes(), Path::new("x")).unwrap();
        let options = ResetOptions::default();
        let says = |name: &str| of_target(lab.find(name).unwrap(), &options).map(|power| power.describe());
        assert_eq!(says("a").unwrap(), "gpiochip0:17 low for 0.5 s, then released");
        assert_eq!(says("b").unwrap(), "command `true`");
        assert_eq!(says("c").unwrap_err().kind(), Kind::Config);
    }

    #[test]
    fn hints_name_what_exists() {
        let none = Error::NoChip { path: PathBuf::from("/dev/gpiochip9"), present: vec![] };
        for hint in [none.hint().unwrap(), none.hint_or(by_hand()).unwrap()] {
            assert!(hint.says("no GPIO chip at all") && hint.says("command:…"), "{hint:?}");
        }
        assert!(none.hint_or(by_hand()).unwrap().names(Knob::NoReset));
        let some = Error::NoChip { path: PathBuf::from("/dev/gpiochip9"), present: vec!["gpiochip0".into()] };
        assert_eq!(some.hint().unwrap(), "there are gpiochip0".into());
        let either = some.hint_or(by_hand()).unwrap();
        assert!(either.says("there are gpiochip0") && either.names(Knob::NoReset), "{either:?}");
    }
}
