//! `piprov tftp`.

#[cfg(test)]
mod hostile;

use std::collections::HashMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressState, ProgressStyle};

use crate::cli::Global;
use crate::cli::screen::Lines;
use crate::cli::ui::{Bar, Style, Text, Ui};
use crate::format;
use crate::format::json::json;
use crate::stop::Stop;
use crate::tftp::dir::DirSource;
use crate::tftp::event::{Event, Reason, What};
use crate::tftp::options::Policy;
use crate::tftp::packet::Direction;
use crate::tftp::{Limits, Server};

/// What is said below the options: the line about the command stands in the list of commands.
const MORE: &str = "\
Serves the regular files below DIR for reading, and tells every request on \
stderr; with --json every event is an object on stdout. Uploads are refused. \
Requests can't leave DIR: neither by `..` nor by links that lead outside. A \
slash in front of a request means DIR itself.

Ctrl-C ends it: running transfers are told so, a summary is printed, and the \
exit code is 0, since a server that is stopped hasn't failed.";

#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub struct Tftp {
    /// Serve the files below this folder
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// Listen on this address and UDP port
    ///
    /// 0.0.0.0 stands for all IPv4 addresses of this host, [::] for those of IPv6
    /// too. Clients expect port 69; port 0 takes a free one.
    #[arg(long, value_name = "ADDR[:PORT]", default_value = "0.0.0.0:69",
        value_parser = super::common::listen)]
    listen: SocketAddr,
    /// Send at most N blocks before an acknowledgement
    ///
    /// U-Boot asks for more than one if its variable tftpwindowsize says so, and
    /// loses packets above 16.
    #[arg(long, value_name = "N", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    max_window: u16,
    /// Send at most N bytes in a block
    ///
    /// 1468 fills an Ethernet frame. Larger blocks are sent in fragments, which no
    /// boot ROM puts together.
    #[arg(long, value_name = "N", default_value_t = 1468)]
    #[arg(value_parser = clap::value_parser!(u16).range(8..=65464))]
    max_blksize: u16,
}

impl Tftp {
    pub(super) fn run(self, _global: &Global, ui: &Ui, stop: &Stop) -> crate::cli::Result<()> {
        let source = DirSource::new(&self.root)?;
        let policy =
            Policy { max_blksize: self.max_blksize, max_window: self.max_window, ..Policy::default() };
        let server = Server::bind(self.listen, Limits { policy, ..Limits::default() })?;
        let log = Log::new(ui);
        log.listening(&server, &self.root);
        server.run(&source, &|event| log.event(&event), stop)?;
        log.summary();
        Ok(())
    }
}

/// Tells what happens, and counts it for the end.
struct Log<'a> {
    ui: &'a Ui,
    lines: Lines,
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: HashMap<u64, Running>,
    sum: Summary,
}

struct Running {
    options: String,
    bar: Option<Bar>,
}

#[derive(Default, serde::Serialize)]
struct Summary {
    finished: u64,
    bytes: u64,
    probed: u64,
    refused: u64,
    failed: u64,
    malformed: u64,
    crowded: u64,
}

impl<'a> Log<'a> {
    fn new(ui: &'a Ui) -> Self {
        Self { ui, lines: Lines::new(ui), begun: Instant::now(), state: Mutex::default() }
    }

    fn listening(&self, server: &Server, root: &std::path::Path) {
        let addr = server.local_addr();
        if self.ui.json {
            self.ui.object(&json!({"event": "listening", "addr": addr, "root": root}));
        } else {
            self.ui.say(format_args!("serving {} on UDP {addr}; Ctrl-C ends it", root.display()));
        }
    }

    fn event(&self, event: &Event) {
        self.count(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner), event);
        if self.ui.json {
            self.ui.object(event);
        }
    }

    fn count(&self, state: &mut State, event: &Event) {
        let path = &event.path;
        let options = || state.running.get(&event.id).map(|it| it.options.clone()).unwrap_or_default();
        let text = match &event.what {
            What::Requested { direction } => {
                let verb = if *direction == Direction::Read { "asks for" } else { "wants to upload" };
                return self.line(event, None, 1, &format!("{verb} {path}"));
            }
            What::Started { bytes, options, .. } => {
                let options = format!("blksize {} window {}", options.blksize, options.windowsize);
                let bar = bytes.filter(|bytes| *bytes > 1 << 20).and_then(|bytes| self.bar(event, bytes));
                state.running.insert(event.id, Running { options, bar });
                return;
            }
            What::Progress { bytes, total } => {
                if let Some(bar) = state.running.get(&event.id).and_then(|it| it.bar.as_ref()) {
                    bar.set_position(*bytes);
                }
                let of = total.map(|total| format!(" of {}", format::size(total))).unwrap_or_default();
                return self.line(event, None, 2, &format!("has {}{of} of {path}", format::size(*bytes)));
            }
            What::Finished { direction, bytes, elapsed, retransmits } => {
                state.sum.finished += 1;
                state.sum.bytes += bytes;
                let verb = if *direction == Direction::Read { "sent" } else { "received" };
                let repeats = match retransmits {
                    0 => String::new(),
                    n => format!(", {n} packets repeated"),
                };
                // Over a shorter time a rate says nothing.
                let rate = match elapsed {
                    time if *time < Duration::from_millis(100) => String::new(),
                    time => format!(", {}", format::rate(*bytes, *time)),
                };
                let (size, time, options) = (format::size(*bytes), seconds(*elapsed), options());
                (Style::Good, format!("{verb} {path}  {size} in {time}{rate}, {options}{repeats}"))
            }
            What::Probed => {
                state.sum.probed += 1;
                (Style::Faint, format!("probed {path}"))
            }
            What::Refused { code, message } => {
                state.sum.refused += 1;
                (Style::Warn, format!("refused {path}: {code}: {message}"))
            }
            What::Failed { why, bytes } => {
                state.sum.failed += 1;
                (Style::Bad, format!("failed {path} after {}: {why}", format::size(*bytes)))
            }
            What::Malformed { why } => {
                state.sum.malformed += 1;
                (Style::Warn, format!("malformed packet: {why}"))
            }
            What::More { reason, count } => {
                let (sum, what) = match reason {
                    Reason::Malformed => (&mut state.sum.malformed, "malformed packets"),
                    Reason::Refused => (&mut state.sum.refused, "refused"),
                    Reason::Crowded => (&mut state.sum.crowded, "left waiting"),
                    Reason::Unanswered => (&mut state.sum.failed, "failed: no client acknowledged them"),
                };
                *sum += count;
                if !self.ui.json {
                    self.lines.above(format_args!("{} and {count} more {what}", now()));
                }
                return;
            }
            What::Crowded => {
                state.sum.crowded += 1;
                (Style::Warn, format!("left waiting for {path}: too many transfers at once"))
            }
        };
        if let Some(bar) = state.running.remove(&event.id).and_then(|it| it.bar) {
            self.lines.remove(&bar);
        }
        let (style, text) = text;
        self.line(event, Some(style), 0, &text);
    }

    /// A line of the log with details.
    fn line(&self, event: &Event, style: Option<Style>, verbose: u8, text: &str) {
        if self.ui.json || self.ui.verbose < verbose {
            return;
        }
        // The first word says what it was; that one is coloured.
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let word = style.map_or_else(|| Text::line(word), |style| self.ui.paint_err(style, word));
        self.lines.above(format_args!("{} {} {word} {rest}", now(), event.peer));
    }

    fn bar(&self, event: &Event, bytes: u64) -> Option<Bar> {
        let bar = self.lines.add()?;
        bar.set_length(Some(bytes));
        let paint = if self.ui.colour_err { ".cyan/dim" } else { "" };
        let template = format!("{{prefix:<21}}  {{msg:<20!}}  {{bar:16{paint}}}  {{percent:>3}} %{{rate}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            let style =
                style.progress_chars("━╸─").with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
                    let _ = out.write_str(&pace(state.pos(), state.len(), state.elapsed()));
                });
            bar.set_style(style);
        }
        bar.set_prefix(event.peer);
        bar.set_message(&event.path);
        Some(bar)
    }

    fn summary(&self) {
        let sum = &self.state.lock().unwrap_or_else(PoisonError::into_inner).sum;
        let elapsed = self.begun.elapsed();
        if self.ui.json {
            let mut object = json!({"event": "summary", "elapsed": elapsed.as_secs_f64().round()});
            if let (Some(object), Ok(serde_json::Value::Object(sum))) =
                (object.as_object_mut(), serde_json::to_value(sum))
            {
                object.extend(sum);
            }
            self.ui.object(&object);
            return;
        }
        let mut text = format!(
            "{} sent, {} in {}",
            format::count(sum.finished, "file"),
            format::size(sum.bytes),
            format::minutes(elapsed)
        );
        for (number, what) in [
            (sum.probed, "probed"),
            (sum.refused, "refused"),
            (sum.failed, "failed"),
            (sum.malformed, "malformed"),
            (sum.crowded, "left waiting"),
        ] {
            if number > 0 {
                text += &format!(", {number} {what}");
            }
        }
        self.ui.result(text);
    }
}

/// An event with its time, for `--json`.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The rate so far and the time left, once they mean something.
fn pace(done: u64, total: Option<u64>, time: Duration) -> String {
    let rate = format!("  {}", format::rate(done, time));
    match total {
        Some(total) if done > 0 && time >= Duration::from_secs(2) => {
            let left = time.as_secs_f64() * total.saturating_sub(done) as f64 / done as f64;
            // Not longer than a century, so that the conversion can't fail.
            format!("{rate}  {} left", format::minutes(Duration::from_secs_f64(left.clamp(0.0, 3.2e9))))
        }
        _ => rate,
    }
}

/// Most transfers take less than a minute; then a tenth of a second tells more.
fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(60) {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format::minutes(time)
    }
}
