//! A program of the host that prints: it reads the label from its standard input.

use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Begin, Error, begun};
use crate::process::{Lines, PATH, Running};
use crate::stop::Stop;

/// So long it may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A program with its arguments. No shell reads them.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// The file.
    pub file: &'a Path,
    /// What it is called with.
    pub arguments: &'a [String],
}

/// Lets a program print. With `lp` and its like, status 0 says that the label is in another queue.
///
/// # Errors
/// [`Error`].
pub fn command(program: Program<'_>, bytes: &[u8], begin: Begin<'_>, stop: &Stop) -> Result<(), Error> {
    if stop.is_set() {
        return Err(Error::Stopped);
    }
    let name = program.file.display().to_string();
    let os = |doing: &str, source: std::io::Error| Error::Os { doing: format!("{doing} {name}"), source };
    let given = rustix::fs::memfd_create("label", rustix::fs::MemfdFlags::CLOEXEC);
    let mut input = std::fs::File::from(given.map_err(|error| os("giving the label to", error.into()))?);
    let written = input.write_all(bytes).and_then(|()| input.rewind());
    written.map_err(|error| os("giving the label to", error))?;
    let mut command = Command::new(program.file);
    command.args(program.arguments).env_clear().env("PATH", PATH).env("LC_ALL", "C.UTF-8").current_dir("/");
    begun(begin)?;
    let mut running =
        Running::start_reading(&mut command, Stdio::from(input)).map_err(|error| os("starting", error))?;
    let (mut lines, mut last) = (Lines::default(), String::new());
    let mut keep = |line: &str| {
        if !line.trim().is_empty() {
            last = line.chars().take(200).collect();
        }
    };
    let ended = running.to_its_end(stop, LIMIT, &mut |bytes| lines.take(bytes, &mut keep), &mut || {});
    let _ = lines.finish(&mut keep);
    match ended.map_err(|error| os("waiting for", error))? {
        (Some(0), _) => Ok(()),
        (Some(status), _) => {
            let said = if last.is_empty() { String::new() } else { format!(": {last}") };
            Err(Error::Command { program: name, how: format!("ended with status {status}"), said })
        }
        (None, how) => {
            Err(Error::Ended { program: name, how: how.unwrap_or_else(|| "was ended".to_owned()) })
        }
    }
}
