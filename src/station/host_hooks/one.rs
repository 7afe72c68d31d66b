//! One hook, from its begin to its end.

use std::io::{Seek as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::dir::Hook;
use crate::device_api::ScriptEnd;
use crate::process::{Lines, Running};
use crate::stop::Stop;

/// Runs a hook in a directory of its own. What it is told stands on its standard input. The lines are for the run's log.
pub(super) fn run(
    hook: &Hook,
    variables: Vec<(String, String)>,
    facts: &[u8],
    home: &Path,
    limit: Duration,
    stop: &Stop,
) -> (ScriptEnd, Vec<String>) {
    let begun = Instant::now();
    let (mut lines, mut told) = (Lines::default(), Vec::new());
    let mut tell = |line: &str| told.push(line.to_owned());
    let mut said = |bytes: &[u8]| lines.take(bytes, &mut tell);
    let (exit, why) = match ended(hook, variables, facts, home, (limit, stop), &mut said) {
        Ok(ended) => ended,
        Err(error) => (None, Some(format!("can't be run: {error}"))),
    };
    let (output, left_out) = lines.finish(&mut tell);
    if left_out > 0 {
        tell(&format!("{left_out} more lines are not in this log"));
    }
    (ScriptEnd { exit, why, seconds: begun.elapsed().as_secs_f64(), output, left_out }, told)
}

fn ended(
    hook: &Hook,
    variables: Vec<(String, String)>,
    facts: &[u8],
    home: &Path,
    (limit, stop): (Duration, &Stop),
    said: &mut dyn FnMut(&[u8]),
) -> std::io::Result<(Option<i32>, Option<String>)> {
    if stop.is_set() {
        return Ok((None, Some("was not begun: its job or the station ends".to_owned())));
    }
    // A hook that doesn't read it is no reason to wait.
    let mut input = std::fs::File::from(rustix::fs::memfd_create("facts", rustix::fs::MemfdFlags::CLOEXEC)?);
    input.write_all(facts)?;
    input.rewind()?;
    // The file that was looked at, whatever has its name now. An interpreter opens it by this name, too.
    let program = format!("/proc/{}/fd/{}", std::process::id(), hook.place.as_raw_fd());
    let mut command = Command::new(program);
    command.env_clear().envs(variables).current_dir(home);
    Running::start_reading(&mut command, Stdio::from(input))?.to_its_end(stop, limit, said, &mut || {})
}
