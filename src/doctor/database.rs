//! The targets database.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Finding, Remedy, Task, remedy};
use crate::format;
use crate::stop::Stop;
use crate::targets::{Error, Form, Problem, ResetSpec, Targets};
use crate::uboot::secret::Secret;

const TOPIC: &str = "targets";

/// The form that the original has.
const ORIGINAL: &str = "this is the form mac,ip,reset_io";

fn rewrite(path: &Path) -> Remedy {
    remedy![Task::TargetsRewrite.of(path.display()), " writes it in the one with names"]
}

/// Reads a database, and says all that is wrong with it or may not be what was meant; with how many targets it has, 0
/// where something is wrong. GPIO chips and lines that this host doesn't have are warnings: the file may be meant for
/// another one.
///
/// # Errors
/// When it can't be read.
pub fn check(path: &Path, stop: &Stop) -> Result<(usize, Vec<Finding>), Error> {
    match Targets::load(path, stop) {
        Ok(targets) => Ok((targets.rows().len(), warnings(&targets))),
        Err(Error::Bad { problems, .. }) => {
            let finding = |problem: Problem| {
                Finding::problem(TOPIC, problem.message, "").at(path, problem.line, problem.also)
            };
            Ok((0, problems.into_iter().map(finding).collect()))
        }
        Err(error) => Err(error),
    }
}

/// What is not wrong, but may not be what was meant.
fn warnings(targets: &Targets) -> Vec<Finding> {
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut users: BTreeMap<String, (&str, usize)> = BTreeMap::new();
    let mut commands = false;
    let mut holders: Vec<(Secret, &str, usize)> = Vec::new();
    for target in targets.rows() {
        match targets.secret_path(target).map(|path| Secret::load(&path)) {
            None => {}
            Some(Err(error)) => {
                let why =
                    std::error::Error::source(&error).map_or_else(String::new, |why| format!(": {why}"));
                found.entry(format!("{error}{why}")).or_default().push(target.line);
            }
            Some(Ok(secret)) => match holders.iter().find(|(other, ..)| *other == secret) {
                Some((_, name, line)) => {
                    let message =
                        format!("{name} on line {line} has the same secret: each can speak for the other");
                    found.entry(message).or_default().push(target.line);
                }
                None => holders.push((secret, &target.name, target.line)),
            },
        }
        let Some(reset) = &target.reset else { continue };
        commands |= matches!(reset, ResetSpec::Command(_));
        if let Err(error) = crate::power::probe(reset) {
            found.entry(error.to_string()).or_default().push(target.line);
        }
        if let ResetSpec::Gpio { .. } = reset {
            match users.get(&reset.to_string()) {
                Some((name, line)) => {
                    let message = format!("{reset} resets {name} on line {line} too");
                    found.entry(message).or_default().push(target.line);
                }
                None => drop(users.insert(reset.to_string(), (&target.name, target.line))),
            }
        }
    }
    let open = std::fs::metadata(targets.path()).is_ok_and(|meta| meta.mode() & 0o002 != 0);
    if open && commands {
        let message = "everybody may write to it, and its reset commands run as the user that resets a board";
        found.entry(message.to_owned()).or_default().push(0);
    }
    if targets.form() == Form::Original {
        found.entry(ORIGINAL.to_owned()).or_default().push(0);
    }
    let finding = |(mut message, lines): (String, Vec<usize>)| {
        if lines.len() > 1 {
            message += &format!(" (and on {})", format::count(lines.len() as u64 - 1, "more line"));
        }
        let remedy = if message == ORIGINAL { rewrite(targets.path()) } else { Remedy::default() };
        Finding::warning(TOPIC, message, remedy).at(targets.path(), lines[0], None)
    };
    let mut findings: Vec<Finding> = found.into_iter().map(finding).collect();
    findings.sort_by(|a, b| a.place.cmp(&b.place));
    findings
}
