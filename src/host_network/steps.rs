//! What is done around the files: programs of the host, one after the other.

use std::io::{Seek, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::plan::{Plan, Step};
use super::{Doing, Error, Site};
use crate::process::{PATH, Running};
use crate::stop::Stop;

/// A network manager waits for a server that doesn't answer for about a minute.
const LIMIT: Duration = Duration::from_secs(120);
/// Of what a program says, so many bytes are kept.
const KEPT: usize = 16 << 10;

/// What a program printed, and whether it ended well.
pub(super) struct Said {
    pub(super) good: bool,
    pub(super) text: String,
}

/// Runs a program to its end. Its arguments are what they are: no shell reads them.
pub(super) fn run(words: &[String], stop: &Stop) -> Result<Said, Error> {
    run_reading(words, Stdio::null(), stop)
}

fn run_reading(words: &[String], input: Stdio, stop: &Stop) -> Result<Said, Error> {
    let command = words.join(" ");
    let failed = |said: String| Error::Step { command: command.clone(), said };
    let Some((program, arguments)) = words.split_first() else {
        return Err(failed("there is nothing to run".to_owned()));
    };
    let mut whole = Command::new(program);
    whole.args(arguments).env_clear().env("PATH", PATH).env("LC_ALL", "C").current_dir("/");
    let mut running = Running::start_reading(&mut whole, input).map_err(|error| {
        failed(match error.kind() {
            std::io::ErrorKind::NotFound => format!("there is no {program}"),
            _ => error.to_string(),
        })
    })?;
    let mut bytes = Vec::new();
    let mut said = |more: &[u8]| {
        let room = KEPT.saturating_sub(bytes.len()).min(more.len());
        bytes.extend_from_slice(&more[..room]);
    };
    // What it has left in its group goes on: a daemon that it was to start.
    let end = running.watch(stop, std::time::Instant::now() + LIMIT, &mut said);
    let end = end.map_err(|error| failed(error.to_string()))?;
    match end {
        crate::process::End::Exited => {}
        crate::process::End::Stopped => {
            running.kill(&mut |_| {});
            return Err(Error::Stopped);
        }
        crate::process::End::TimedOut => {
            running.kill(&mut |_| {});
            return Err(failed(format!("took more than {} s and was ended", LIMIT.as_secs())));
        }
    }
    let status = running.wait().map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    let text = if text.is_empty() && !status.success() { crate::process::how(status) } else { text };
    Ok(Said { good: status.success(), text })
}

impl Site {
    /// Does what stands there. Each step is told before.
    pub(super) fn steps(
        &self,
        steps: &[Step],
        stop: &Stop,
        tell: &mut dyn FnMut(Doing<'_>),
    ) -> Result<(), Error> {
        for step in steps {
            tell(Doing::Step(step));
            match (step, self.failing(step, stop)?) {
                (_, None) => {}
                (Step::Try(_), Some((_, said))) => tell(Doing::Needless { step, said: &said }),
                (_, Some((words, said))) => return Err(Error::Step { command: words.join(" "), said }),
            }
        }
        Ok(())
    }

    /// Does a step. Where it fails: its words, and what it said.
    pub(super) fn failing(&self, step: &Step, stop: &Stop) -> Result<Option<(Vec<String>, String)>, Error> {
        let words = match step {
            Step::Run(words) | Step::Try(words) => words,
            Step::Forward(on) => return self.forward(*on).map(|()| None),
        };
        match run(words, stop) {
            Ok(said) if said.good => Ok(None),
            Ok(said) => Ok(Some((words.clone(), said.text))),
            Err(Error::Step { said, .. }) => Ok(Some((words.clone(), said))),
            Err(error) => Err(error),
        }
    }

    /// Has the kernel pass packets on, or not.
    fn forward(&self, on: bool) -> Result<(), Error> {
        let path = self.root().at("proc/sys/net/ipv4/ip_forward");
        std::fs::write(&path, if on { "1\n" } else { "0\n" }).map_err(Error::os("writing", path))
    }

    /// Has the kernel look at the rules for the boards' way out, and make none of them.
    ///
    /// # Errors
    /// Where it wouldn't take them.
    pub(super) fn try_rules(&self, plan: &Plan, stop: &Stop) -> Result<(), Error> {
        let (Some(rules), true) = (plan.rules(), self.is_live()) else { return Ok(()) };
        let failed = || Error::os("writing", "rules that are looked at");
        let file = rustix::fs::memfd_create("rules", rustix::fs::MemfdFlags::CLOEXEC);
        let mut file = std::fs::File::from(file.map_err(|error| failed()(error.into()))?);
        file.write_all(rules.as_bytes()).and_then(|()| file.rewind()).map_err(failed())?;
        let words = ["nft", "--check", "-f", "-"].map(str::to_owned);
        let said = run_reading(&words, Stdio::from(file), stop)?;
        if said.good { Ok(()) } else { Err(Error::NoRules { said: said.text }) }
    }
}
