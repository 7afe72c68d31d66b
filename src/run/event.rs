//! What happens in a run, as values: the same events feed terminal, log, `--json` and record.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender};

use jiff::Timestamp;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Ending, RunId, Stage, Way};
use crate::board::Who;
use crate::error::Remedy;

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
    pub board: Arc<Who>,
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
    Warning(Remedy),
    /// Something that only this way of booting has.
    Detail(Arc<dyn Detail>),
    /// The run is over. Only notes and warnings may follow, of what is tidied up.
    Ended(Ending),
}

impl What {
    /// What only one way of booting has.
    #[must_use]
    pub fn detail(detail: impl Detail + 'static) -> Self {
        Self::Detail(Arc::new(detail))
    }

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

/// How much attention something deserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Only for people that want to see everything.
    Fine,
    /// What is usual: a line in a log. Where a moving line shows the board, that line is enough.
    Usual,
    /// It should be read, also where a moving line shows the board.
    Unusual,
}

/// What only one way of booting tells. It describes itself, so that the code that shows events needs to know no such
/// detail.
pub trait Detail: fmt::Debug + Send + Sync {
    /// The word for it, in kebab-case.
    fn word(&self) -> &'static str;

    /// The rest of a log line for people, behind time and board; `None` for what is of no interest to them.
    fn line(&self) -> Option<String>;

    /// How much attention it deserves.
    fn weight(&self) -> Weight {
        Weight::Usual
    }

    /// Whether it is a warning.
    fn is_warning(&self) -> bool {
        false
    }

    /// What helps, where something does.
    fn hint(&self) -> Option<&Remedy> {
        None
    }

    /// What the board's moving line says from now on, behind the stage: `2/4`, a file's name. `None` where that stays as
    /// it was.
    fn at(&self) -> Option<String> {
        None
    }

    /// Its facts, as the members of a JSON object. Names that [`Event`] has itself are not used.
    fn facts(&self) -> Map<String, Value>;
}

/// The members of a value that becomes a JSON object: the facts of most details.
#[must_use]
pub fn members(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// The members that every event has, with the one that tells the form of all objects.
const COMMON: [&str; 9] = ["schema", "time", "event", "run", "way", "board", "stage", "done", "total"];

impl Serialize for Event {
    /// One flat object: what every event has, then the event's own facts.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Common<'a> {
            time: Timestamp,
            event: &'static str,
            run: &'a RunId,
            way: Way,
            board: &'a Who,
            stage: Stage,
            done: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            total: Option<u64>,
        }
        #[derive(Serialize)]
        struct Whole<'a> {
            #[serde(flatten)]
            common: Common<'a>,
            #[serde(flatten)]
            facts: Map<String, Value>,
        }
        let common = Common {
            time: self.time,
            event: self.what.word(),
            run: &self.run,
            way: self.way,
            board: &self.board,
            stage: self.stage,
            done: self.done,
            total: self.total,
        };
        let mut facts = match &self.what {
            What::Began | What::Entered | What::Progress => Map::new(),
            What::Note(text) => [("text".to_owned(), text.as_str().into())].into_iter().collect(),
            What::Warning(text) => {
                let text = serde_json::to_value(text).map_err(S::Error::custom)?;
                [("text".to_owned(), text)].into_iter().collect()
            }
            What::Detail(detail) => detail.facts(),
            What::Ended(ending) => match serde_json::to_value(ending).map_err(S::Error::custom)? {
                Value::Object(members) => members,
                _ => Map::new(),
            },
        };
        let twice: Vec<_> = COMMON.iter().filter(|name| facts.remove(**name).is_some()).collect();
        debug_assert!(twice.is_empty(), "{}: {twice:?} are members of every event", self.what.word());
        Whole { common, facts }.serialize(serializer)
    }
}

/// A receiver of events.
pub trait Tell: Send + Sync {
    /// Takes an event. It must not wait: servers tell from their loops.
    fn tell(&self, event: Event);
}

impl Tell for Sender<Event> {
    /// Where the receiver is gone, the event is lost.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Proof;

    #[derive(Debug, Serialize)]
    struct Booted {
        before: u32,
    }

    impl Detail for Booted {
        fn word(&self) -> &'static str {
            "booted"
        }

        fn line(&self) -> Option<String> {
            Some(format!("boot asked for its job, start {}", self.before + 1))
        }

        fn facts(&self) -> Map<String, Value> {
            members(self)
        }
    }

    #[test]
    fn an_event_is_one_flat_object() {
        let event = |what| Event {
            time: "2026-11-28T10:00:00.5Z".parse().unwrap(),
            run: RunId::new(7),
            way: Way::Flash,
            board: Arc::new(Who::named("lab-01")),
            stage: Stage::Boot,
            done: 0,
            total: Some(9),
            what,
        };
        let text = |what| serde_json::to_string(&event(what)).unwrap();
        let head = r#"{"time":"2026-11-28T10:00:00.5Z","event":"#;
        let tail = r#","run":"000000000007","way":"flash","board":{"name":"lab-01"},"stage":"boot","done":0,"total":9"#;
        assert_eq!(text(What::Began), format!(r#"{head}"began"{tail}}}"#));
        assert_eq!(text(What::detail(Booted { before: 2 })), format!(r#"{head}"booted"{tail},"before":2}}"#));
        assert_eq!(text(What::Note("x".into())), format!(r#"{head}"note"{tail},"text":"x"}}"#));
        assert_eq!(
            text(What::Ended(Ending::Done { proof: Proof::ReadBack })),
            format!(r#"{head}"ended"{tail},"outcome":"done","proof":"read-back"}}"#)
        );
    }
}
