//! What happens in a run, as values: the same events feed terminal, log, `--json` and record.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender};

use jiff::Timestamp;

use super::{Ending, RunId, Stage, Way};
use crate::board::Who;

/// Something that happened in a run.
#[derive(Debug, Clone)]
pub struct Event {
    /// When, in UTC.
    pub time: Timestamp,
    /// In which run.
    pub run: RunId,
    /// What is being done.
    pub way: Way,
    /// To which board, as far as it is known by now.
    pub who: Arc<Who>,
    /// The step that it is in.
    pub stage: Stage,
    /// How much of the work is done, in bytes.
    pub done: u64,
    /// Of so much, where that is known.
    pub total: Option<u64>,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// The run begins.
    Began,
    /// It is in another step now.
    Entered,
    /// More bytes are done.
    Progress,
    /// Something worth knowing that changes nothing.
    Note(String),
    /// Something that is not as it should be; the run goes on.
    Warning(String),
    /// Something that only this way of booting has.
    Detail(Arc<dyn Detail>),
    /// The run is over; the last event.
    Ended(Ending),
}

impl What {
    /// The word for it, as `--json` has it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Entered => "entered",
            Self::Progress => "progress",
            Self::Note(_) => "note",
            Self::Warning(_) => "warning",
            Self::Detail(detail) => detail.word(),
            Self::Ended(_) => "ended",
        }
    }
}

/// What only one way of booting tells. It describes itself, so that who shows events needs to know none of them.
pub trait Detail: fmt::Debug + Send + Sync {
    /// The word for it, in kebab-case.
    fn word(&self) -> &'static str;

    /// A line for people; none for what is of no interest to them.
    fn line(&self) -> Option<String>;

    /// Whether the line is only for those who want to see everything.
    fn is_fine(&self) -> bool {
        false
    }

    /// Its facts, as the members of a JSON object.
    fn facts(&self) -> serde_json::Map<String, serde_json::Value>;
}

/// Somebody who is told events.
pub trait Tell: Send + Sync {
    /// Takes an event. It must not wait: servers tell from their loops.
    fn tell(&self, event: Event);
}

impl Tell for Sender<Event> {
    /// Where nobody listens any more, the event is lost, which is what nobody listening means.
    fn tell(&self, event: Event) {
        let _ = self.send(event);
    }
}

impl Tell for SyncSender<Event> {
    fn tell(&self, event: Event) {
        let _ = self.try_send(event);
    }
}

impl<F: Fn(Event) + Send + Sync> Tell for F {
    fn tell(&self, event: Event) {
        self(event);
    }
}
