//! The targets database: a CSV file with a board a row, `name,mac,ip,reset`, and `secret` behind it in files whose
//! header names that column.
//!
//! People edit it by hand, with spreadsheets and with scripts that append, so it is read with patience
//! (byte order mark, CRLF, spaces, comments, no header, no newline at the end, semicolons or tabs, columns in any order
//! and columns more where a header names them) and checked without:
//! everything that could make a command go to the wrong board is named with its line, all at once.

mod columns;
mod edit;
mod name;
mod parse;
mod reset_spec;

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;

use crate::beneath::READ;
use crate::board::{Mac, Who};
use crate::error::{Action, Explain, Kind, Knob, Remedy, Task, remedy};
use crate::stop::{Stop, read_or_stop};

use columns::Columns;
pub use edit::{Change, NewTarget, add, remove};
pub use name::check_name;
pub use reset_spec::{BadReset, Line, ResetSpec};

/// The header of a database, which is also the order of its columns.
pub const HEADER: &str = "name,mac,ip,reset";

/// The header of a database in which rows may name the file of their card's secret.
pub const HEADER_SECRET: &str = "name,mac,ip,reset,secret";

/// No database is larger; what is larger is something else.
const MAX_BYTES: u64 = 16 << 20;

/// One board of the database.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Target {
    /// What people call it. In the original's form, which has no names, `pi-10.0.0.3` after its IP
    /// address, or `pi-dca632010203` after its MAC address if it has no name.
    pub name: String,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its IP address, where it is known beforehand.
    pub ip: Option<IpAddr>,
    /// How to reset it; `None` where it can't be reset from here.
    pub reset: Option<ResetSpec>,
    /// The file that holds its card's secret, as the database names it: see [`Targets::secret_path`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<PathBuf>,
    /// The line of the file, from 1.
    pub line: usize,
}

impl Target {
    /// The board, as the database knows it.
    #[must_use]
    pub fn board(&self) -> Who {
        Who { name: Some(self.name.clone()), mac: Some(self.mac), address: self.ip, ..Who::default() }
    }
}

/// Which columns a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `name,mac,ip,reset`, in any order that a header names.
    Named,
    /// `name,mac,ip,reset,secret`.
    Secret,
    /// `mac,ip,reset_io` with WiringPi pin numbers, as the tool that this one replaces had it.
    Original,
}

/// The whole database, checked.
#[derive(Debug, Clone)]
pub struct Targets {
    path: PathBuf,
    columns: Columns,
    rows: Vec<Target>,
}

/// Something wrong on a line.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The other line that has the same name or address.
    pub also: Option<usize>,
    /// What is wrong.
    pub message: String,
}

/// Why there is no database, or no such target in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file does not exist.
    #[error("there is no targets database {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file can't be read or written.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file or its directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Lines are wrong; all of them.
    #[error("{}", Listing { path, problems })]
    Bad {
        /// The file.
        path: PathBuf,
        /// What is wrong, in the order of the lines; at least one.
        problems: Vec<Problem>,
    },
    /// No row has this name, IP or MAC address.
    #[error("no target `{wanted}` in {}", path.display())]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// The file.
        path: PathBuf,
        /// Names that look like it.
        near: Vec<String>,
    },
    /// A row is named twice, by whatever of its names.
    #[error("{name} is named twice")]
    Twice {
        /// What people call it.
        name: String,
    },
    /// A row to be added has a name or address that another row has already.
    #[error("{}:{line}: the {what} is taken", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
        /// The line of the other row.
        line: usize,
        /// Which name or address.
        what: String,
    },
    /// A row to be added names a secret, and the file has no header to which that column could be added.
    #[error("{} has no header, so no column for secrets", path.display())]
    NoHeader {
        /// The file.
        path: PathBuf,
    },
    /// The original's form has no place for what should be written.
    #[error("{} is in the form mac,ip,reset_io, which has no place for names", path.display())]
    OriginalForm {
        /// The file.
        path: PathBuf,
    },
    /// Another program has been changing the file for a long time.
    #[error("{} is being changed by another process", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Ctrl-C while waiting for the lock, or for a pipe; nothing was changed.
    #[error("interrupted; {} is unchanged", path.display())]
    Interrupted {
        /// The file.
        path: PathBuf,
    },
}

/// The only problem with its line, or how many there are.
struct Listing<'a> {
    path: &'a Path,
    problems: &'a [Problem],
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        if let [only] = self.problems {
            return write!(out, "{path}:{}: {}", only.line, only.message);
        }
        write!(out, "{path}: {} problems", self.problems.len())
    }
}

/// Problems with the same words are told with the first line that has them; the other lines stand beside it.
fn grouped(problems: &[Problem]) -> Vec<(&Problem, Vec<usize>)> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<(&Problem, Vec<usize>)> = Vec::new();
    for problem in problems {
        match places.get(problem.message.as_str()) {
            Some(place) => groups[*place].1.push(problem.line),
            None => {
                places.insert(&problem.message, groups.len());
                groups.push((problem, Vec::new()));
            }
        }
    }
    groups
}

/// ` (lines 3, 4, 5 too)`
fn lines_too(lines: &[usize]) -> String {
    /// Lines that are named.
    const NAMED: usize = 5;
    let named: Vec<String> = lines.iter().take(NAMED).map(ToString::to_string).collect();
    match (named.len(), lines.len().saturating_sub(NAMED)) {
        (0, _) => String::new(),
        (1, _) => format!(" (line {} too)", named[0]),
        (_, 0) => format!(" (lines {} too)", named.join(", ")),
        (_, more) => format!(" (lines {} and {more} more too)", named.join(", ")),
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing { .. } | Self::Unknown { .. } => Kind::NoInput,
            Self::Io { source, .. } => Kind::of_io(source),
            Self::Bad { .. } | Self::OriginalForm { .. } | Self::NoHeader { .. } => Kind::Config,
            Self::Taken { .. } => Kind::Failed,
            Self::Twice { .. } => Kind::Usage,
            Self::Locked { .. } => Kind::Busy,
            Self::Interrupted { .. } => Kind::Interrupted,
        }
    }

    fn more(&self) -> Vec<String> {
        match self {
            Self::Bad { path, problems } if problems.len() > 1 => {
                let path = path.display();
                let line = |(problem, more): (&Problem, Vec<usize>)| {
                    format!("{path}:{}: {}{}", problem.line, problem.message, lines_too(&more))
                };
                grouped(problems).into_iter().map(line).collect()
            }
            _ => Vec::new(),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Missing { path } => Some(remedy![
                Task::TargetsAdd.of(path.display()),
                " makes it; ",
                Knob::Targets,
                " names another one"
            ]),
            Self::Bad { .. } => Some("edit the lines named; nothing was done".into()),
            Self::Unknown { near, .. } if !near.is_empty() => {
                Some(format!("did you mean {}?", near.join(" or ")).into())
            }
            Self::Unknown { path, .. } => {
                Some(remedy![Task::TargetsList.of(path.display()), " shows the names"])
            }
            Self::Taken { path, .. } => Some(remedy![
                "choose another, or remove that row first: ",
                Task::TargetsRemove.of(path.display()),
            ]),
            Self::OriginalForm { path } => {
                Some(remedy!["write it in the new form first: ", Task::TargetsRewrite.of(path.display())])
            }
            Self::NoHeader { .. } => Some(format!("write `{HEADER_SECRET}` above its first row.").into()),
            Self::Locked { .. } => {
                Some(remedy!["try again; ", Action::host("fuser -v"), " on its directory names the process"])
            }
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                Some(remedy![Action::AsRoot, ", or name a file of your own with ", Knob::Targets])
            }
            Self::Io { .. } | Self::Twice { .. } | Self::Interrupted { .. } => None,
        }
    }
}

impl Targets {
    /// Reads and checks a database.
    ///
    /// # Errors
    /// When the file is missing or can't be read, and when any line is wrong (with all that are). [`Error::Interrupted`]
    /// where it is a pipe, and a stop comes before its bytes.
    pub fn load(path: &Path, stop: &Stop) -> Result<Self, Error> {
        Self::parse(&read(path, stop)?, path)
    }

    /// Checks the bytes of a database. The path is only for messages.
    ///
    /// # Errors
    /// [`Error::Bad`] with every line that is wrong.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        let parsed = parse::parse(bytes);
        if parsed.problems.is_empty() {
            Ok(Self { path: path.to_owned(), columns: parsed.columns, rows: parsed.rows })
        } else {
            Err(Error::Bad { path: path.to_owned(), problems: parsed.problems })
        }
    }

    /// The target with this name, IP address or MAC address (in any spelling of the address).
    ///
    /// # Errors
    /// [`Error::Unknown`], with names that look like it.
    pub fn find(&self, wanted: &str) -> Result<&Target, Error> {
        let (mac, ip) = (wanted.parse::<Mac>().ok(), wanted.parse::<IpAddr>().ok());
        let found = self.rows.iter().find(|row| {
            row.name == wanted || mac.is_some_and(|mac| mac == row.mac) || (ip.is_some() && ip == row.ip)
        });
        found.ok_or_else(|| Error::Unknown {
            wanted: wanted.to_owned(),
            path: self.path.clone(),
            near: crate::near::near(wanted, self.rows.iter().map(|row| row.name.as_str())),
        })
    }

    /// All targets, in the order of the file.
    #[must_use]
    pub fn rows(&self) -> &[Target] {
        &self.rows
    }

    /// The file it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the file with a target's secret is: what the database names, from the database's own directory on.
    #[must_use]
    pub fn secret_path(&self, target: &Target) -> Option<PathBuf> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        target.secret.as_ref().map(|secret| folder.join(secret))
    }

    /// Which columns the file has.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.columns.form()
    }
}

/// The bytes of a database file. It may be a pipe, which a shell makes of `<(command)`: it is waited for.
fn read(path: &Path, stop: &Stop) -> Result<Vec<u8>, Error> {
    let io = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => Error::Missing { path: path.to_owned() },
        _ => Error::Io { doing: "reading", path: path.to_owned(), source },
    };
    // Opening a pipe doesn't wait for its writer.
    let file = rustix::fs::open(path, READ, Mode::empty()).map_err(|error| io(error.into()))?;
    let mut file = File::from(file);
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    while bytes.len() as u64 <= MAX_BYTES {
        match read_or_stop(&mut file, &mut chunk, &[stop]).map_err(io)? {
            None => return Err(Error::Interrupted { path: path.to_owned() }),
            Some(0) => break,
            Some(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("more than {} MiB: this is no targets database", MAX_BYTES >> 20);
        let problems = vec![Problem { line: 1, also: None, message }];
        return Err(Error::Bad { path: path.to_owned(), problems });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab() -> Targets {
        let text = "name,mac,ip,reset\n\
                    lab-01,dc:a6:32:01:02:03,10.0.0.3,gpiochip0:17\n\
                    lab-02,dc:a6:32:01:02:04,,\n";
        Targets::parse(text.as_bytes(), Path::new("lab.csv")).unwrap()
    }

    #[test]
    fn a_target_is_found_by_any_of_its_names() {
        let lab = lab();
        for wanted in ["lab-01", "10.0.0.3", "dc:a6:32:01:02:03", "DC-A6-32-01-02-03", "dca632010203"] {
            assert_eq!(lab.find(wanted).unwrap().name, "lab-01", "{wanted}");
        }
        assert_eq!(lab.find("lab-02").unwrap().ip, None);
    }

    #[test]
    fn an_unknown_target_comes_with_near_names() {
        let error = lab().find("lab-1").unwrap_err();
        assert_eq!(error.kind(), Kind::NoInput);
        assert_eq!(error.to_string(), "no target `lab-1` in lab.csv");
        assert!(error.hint().unwrap().says("lab-01"), "{:?}", error.hint());
        assert!(lab().find("kitchen").unwrap_err().hint().unwrap().names(Task::TargetsList.of("lab.csv")));
        // A target without an address is not the one with no address.
        assert!(lab().find("").is_err());
    }

    #[test]
    fn a_missing_file_says_how_to_make_one() {
        let error = Targets::load(Path::new("/nonexistent/targets.csv"), &Stop::new().unwrap()).unwrap_err();
        assert_eq!(error.kind(), Kind::NoInput);
        assert!(error.hint().unwrap().names(Task::TargetsAdd.of("/nonexistent/targets.csv")));
    }

    #[test]
    fn problems_with_the_same_words_are_told_once() {
        let rows: String = (0..9).map(|n| format!("lab-0{n},1.2E+11\n")).collect();
        let text = format!("name,mac\n{rows}lab-x,\n");
        let Err(error) = Targets::parse(text.as_bytes(), Path::new("lab.csv")) else { panic!() };
        let [numbers, missing] = &error.more()[..] else { panic!("{:?}", error.more()) };
        assert!(
            numbers.starts_with("lab.csv:2: a spreadsheet")
                && numbers.ends_with("(lines 3, 4, 5, 6, 7 and 3 more too)")
        );
        assert_eq!(missing, "lab.csv:11: the MAC address is missing");
    }

    #[test]
    fn what_never_ends_is_no_database() {
        let error = Targets::load(Path::new("/dev/zero"), &Stop::new().unwrap()).unwrap_err();
        assert!(error.to_string().contains("no targets database"), "{error}");
    }

    #[test]
    fn a_pipe_is_waited_for_and_a_stop_is_heard() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let stop = Stop::new().unwrap();
        let load = |stop: Stop| {
            let path = path.clone();
            std::thread::spawn(move || Targets::load(&path, &stop).map(|targets| targets.rows().len()))
        };
        let reader = load(stop.clone());
        // Opening it to write waits for a reader.
        std::fs::write(&path, "name,mac,ip,reset\nlab-01,dc:a6:32:01:02:03,,\n").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 1);
        let reader = load(stop.clone());
        stop.set();
        assert!(matches!(reader.join().unwrap(), Err(Error::Interrupted { .. })));
    }
}
