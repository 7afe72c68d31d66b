//! A program with its output in a pipe or on a terminal, and a judge for it.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Where the output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Pipe,
    Terminal,
}

/// Both.
pub(super) const EVERYWHERE: [To; 2] = [To::Pipe, To::Terminal];

type Bytes = Arc<(Mutex<Vec<u8>>, Condvar)>;

/// A running program with all that it writes.
pub(super) struct Screen {
    child: Child,
    seen: Bytes,
    reader: Option<JoinHandle<()>>,
    to: To,
}

impl Screen {
    /// Starts a command. What it writes to stdout and to stderr is seen in the order in which it comes.
    pub(super) fn start(mut command: Command, to: To) -> Self {
        let (from, into, input) = match to {
            To::Pipe => {
                let (from, into) = std::io::pipe().unwrap();
                (File::from(OwnedFd::from(from)), OwnedFd::from(into), Stdio::null())
            }
            To::Terminal => {
                let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
                grantpt(&master).unwrap();
                unlockpt(&master).unwrap();
                // Wide enough that nothing is cut off.
                let size = Winsize { ws_row: 50, ws_col: 2000, ws_xpixel: 0, ws_ypixel: 0 };
                tcsetwinsize(&master, size).unwrap();
                let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
                let slave = File::options().read(true).write(true).open(path).unwrap();
                command.env("TERM", "xterm-256color");
                let input = Stdio::from(slave.try_clone().unwrap());
                (File::from(master), OwnedFd::from(slave), input)
            }
        };
        let error = into.as_fd().try_clone_to_owned().unwrap();
        let child = command.stdin(input).stdout(into).stderr(error).spawn().unwrap();
        // The command holds the writing end as well; nothing would ever end.
        drop(command);
        let seen = Bytes::default();
        let all = Arc::clone(&seen);
        let reader = std::thread::spawn(move || read(from, &all));
        Self { child, seen, reader: Some(reader), to }
    }

    /// Waits until a text was written.
    pub(super) fn until(&self, text: &str) -> String {
        let found = |seen: &[u8]| String::from_utf8_lossy(seen).contains(text);
        let (bytes, changed) = &*self.seen;
        let seen = bytes.lock().unwrap();
        let limit = Duration::from_secs(30);
        let (seen, time) = changed.wait_timeout_while(seen, limit, |seen| !found(seen)).unwrap();
        let seen = String::from_utf8_lossy(&seen).into_owned();
        assert!(!time.timed_out(), "{text:?} was not written, but {seen:?}");
        seen
    }

    /// Ctrl-C.
    pub(super) fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// Waits for its end and judges all that it wrote.
    pub(super) fn end(mut self) -> String {
        self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        let seen = self.seen.0.lock().unwrap();
        judge(&seen, self.to)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(mut from: File, all: &Bytes) {
    let mut buffer = [0; 4096];
    // A terminal that nobody has open any more is an error, not an end.
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        all.0.lock().unwrap().extend(&buffer[..count]);
        all.1.notify_all();
    }
}

/// What a program wrote, without what a terminal is meant to obey.
///
/// # Panics
/// Where anything else is in it that a terminal obeys, or a line that says what the attacker wants it to say.
pub(super) fn judge(bytes: &[u8], to: To) -> String {
    let raw = String::from_utf8_lossy(bytes);
    assert!(std::str::from_utf8(bytes).is_ok(), "not UTF-8: {raw:?}");
    assert!(!raw.contains("\x1b[2K\rdone"), "the line is taken back: {raw:?}");
    for line in raw.split(['\n', '\r']) {
        assert!(!line.starts_with("done"), "a forged line: {raw:?}");
    }
    // Our styles; the bars' colours.
    let styles = ["32", "1;31", "33", "1", "2", "0", "36", "2;36"].map(|code| format!("\x1b[{code}m"));
    let mut text = styles.iter().fold(raw.clone().into_owned(), |text, code| text.replace(code.as_str(), ""));
    if to == To::Terminal {
        // Moving lines: back to the column's begin, up and down, delete a line; clap underlines its headings, and its errors are red.
        text = text.replace("\r\n", "\n").replace("\x1b[4m", "").replace("\x1b[31m", "");
        for code in ["\r", "\x1b[2K", "\x1b[K", "\x1b[J", "\x1b[0J", "\x1b[?25l", "\x1b[?25h"] {
            text = text.replace(code, "");
        }
        for lines in 1..20 {
            text = text.replace(&format!("\x1b[{lines}A"), "").replace(&format!("\x1b[{lines}B"), "");
        }
    }
    let hidden = |char: char| char != '\n' && piprov::format::is_hidden(char);
    assert!(!text.contains(hidden), "{:?} in {text:?}", text.chars().find(|char| hidden(*char)));
    text
}

#[test]
fn the_judge_sees_what_is_wrong() {
    judge("a\x1b[32mb\x1b[0m\nc ✓\n".as_bytes(), To::Pipe);
    judge("a\r\n\x1b[1A\x1b[2Kb\r\n".as_bytes(), To::Terminal);
    let bad: [&[u8]; 9] = [
        super::EVIL.as_bytes(),
        b"x\x1b[2K\rdone",
        b"\x1b[7mx",
        b"a\ndone",
        b"a\tb",
        b"\x9b31m",
        "\u{9b}31m".as_bytes(),
        "\u{202e}".as_bytes(),
        b"a\x08",
    ];
    for bytes in bad {
        for to in EVERYWHERE {
            let judged = std::panic::catch_unwind(|| judge(bytes, to));
            assert!(judged.is_err(), "{bytes:?} {to:?}");
        }
    }
}
