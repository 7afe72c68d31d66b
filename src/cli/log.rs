//! What the library logs, on request: `PIPROV_LOG=debug`, or `PIPROV_LOG=warn,piprov::dhcp=trace`.
//!
//! Without the variable nothing is logged: what people need to know is told by the commands themselves. The lines go to
//! stderr through the gate that everything goes through, since a log repeats what boards and packets say.

use std::io::{self, Write};

use tracing::{Level, Metadata};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use super::ui::{Severity, Ui};

/// Which level of which room.
const VARIABLE: &str = "PIPROV_LOG";

/// What is kept of a long-running process, whatever the variable says.
const KEPT: &str = "piprov=info";

/// Starts logging, where the environment asks for it. With `keep` the last lines are kept for support in any case.
pub fn start(ui: &Ui, keep: bool) {
    // It fails only where one is there already, which is a mistake that a test would see.
    let _ = match (shown(ui), keep) {
        (None, false) => Ok(()),
        (shown, false) => tracing::subscriber::set_global_default(tracing_subscriber::registry().with(shown)),
        (shown, true) => {
            let targets: Targets = KEPT.parse().unwrap_or_default();
            let kept = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| Kept(Vec::new()));
            let kept = kept.with_filter(targets);
            tracing::subscriber::set_global_default(tracing_subscriber::registry().with(shown).with(kept))
        }
    };
}

/// A line that is kept when it is whole.
struct Kept(Vec<u8>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        crate::support::recent().put(String::from_utf8_lossy(&self.0).trim_end_matches('\n'));
    }
}

/// The layer that shows lines, where the environment asks for it.
fn shown<S>(ui: &Ui) -> Option<Box<dyn tracing_subscriber::Layer<S> + Send + Sync>>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let wanted = std::env::var_os(VARIABLE).filter(|wanted| !wanted.is_empty())?;
    let Some(targets) = wanted.to_str().and_then(|wanted| wanted.parse::<Targets>().ok()) else {
        ui.warn(format_args!(
            "{VARIABLE}={} is left out: a level (error, warn, info, debug, trace) is needed, or rooms with levels as \
             warn,piprov::dhcp=debug",
            wanted.display()
        ));
        return None;
    };
    // A misspelt level is read as the name of a room.
    for (room, _) in targets.iter().filter(|(room, _)| *room != "piprov" && !room.starts_with("piprov::")) {
        ui.warn(format_args!("{VARIABLE} names {room}, which is neither a level nor a room of piprov"));
    }
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Lines(ui.clone()));
    // The journal has its own times; so has everything that reads it.
    let layer = if ui.journal { lines.without_time().boxed() } else { lines.boxed() };
    Some(layer.with_filter(targets).boxed())
}

/// Hands each line to the gate.
struct Lines(Ui);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { ui: &self.0, severity: Severity::Detail, text: Vec::new() }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line<'a> {
        let severity = match *meta.level() {
            Level::ERROR => Severity::Error,
            Level::WARN => Severity::Warning,
            Level::INFO => Severity::Info,
            _ => Severity::Detail,
        };
        Line { ui: &self.0, severity, text: Vec::new() }
    }
}

/// A line that is being written; it goes out when it is whole.
struct Line<'a> {
    ui: &'a Ui,
    severity: Severity,
    text: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.text);
        self.ui.log(self.severity, text.trim_end_matches('\n'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_goes_through_the_gate_with_its_run() {
        let (ui, memory) = Ui::remembering();
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).without_time().with_writer(Lines(ui));
        let targets: Targets = "piprov=debug".parse().unwrap();
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(targets));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("run", board = "lab-01\x1b[2J");
            tracing::debug!(parent: &span, "heard \x1b[31m\nof it");
            tracing::trace!("too fine");
        });
        let lines = memory.take_clean();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("run{board=") && lines[0].contains("heard"), "{lines:?}");
    }
}
