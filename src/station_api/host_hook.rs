//! Hooks on the station's host: programs in a directory there, which are run when something happens.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Time;
use crate::device_api::ScriptEnd;

/// When they are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum HostEvent {
    /// The agent of a board that may take work has come. One that fails fails the board's next job.
    Bootstrap,
    /// A board is about to get its job. One that fails fails the job.
    Started,
    /// The disk was read back and is equal; the files of the image's boot partition are there to look at. One that fails
    /// fails the job.
    BootMounted,
    /// The same with files of the root file system.
    RootMounted,
    /// A job is done. One that fails changes nothing.
    Done,
    /// A job has ended otherwise. One that fails changes nothing.
    Failed,
}

impl HostEvent {
    /// All, in their order.
    pub const ALL: [Self; 6] =
        [Self::Bootstrap, Self::Started, Self::BootMounted, Self::RootMounted, Self::Done, Self::Failed];

    /// Its word, which the file or the directory of its hooks has as its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bootstrap => "bootstrap",
            Self::Started => "started",
            Self::BootMounted => "boot-mounted",
            Self::RootMounted => "root-mounted",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Whether what comes next waits for its hooks, and isn't done where one of them fails.
    #[must_use]
    pub const fn decides(self) -> bool {
        !matches!(self, Self::Done | Self::Failed)
    }
}

impl fmt::Display for HostEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

/// A program that is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct HostHook {
    /// When.
    pub event: HostEvent,
    /// Its place below the directory: `started.d/10-power`.
    pub hook: String,
    /// Why it isn't run. Without it, it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How one ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct HostHookRun {
    /// When it was run.
    pub event: HostEvent,
    /// Its place below the directory; empty where the directory itself can't be used.
    pub hook: String,
    /// When it ended.
    pub at: Time,
    /// The board, by id.
    pub board: String,
    /// The job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// How it ended.
    pub ended: ScriptEnd,
}

impl HostHookRun {
    /// What went wrong, in a sentence without its end.
    #[must_use]
    pub fn wrong(&self) -> Option<String> {
        if self.ended.is_well() {
            return None;
        }
        let how = self.ended.how();
        let said = self.ended.output.lines().next_back().map(|line| format!("; it said: {line}"));
        Some(match self.hook.as_str() {
            "" => format!("the hooks for {} on the station's host: {how}", self.event),
            hook => format!("the hook {hook} on the station's host {how}{}", said.unwrap_or_default()),
        })
    }
}

/// The hooks of a station's host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct HostHooks {
    /// The directory; `None` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Why none is run, where the directory can't be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What is in it.
    pub hooks: Vec<HostHook>,
    /// How the last ones ended since this station's start, the newest first; 100 at most. The records of runs have all.
    pub last: Vec<HostHookRun>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_word_everywhere_and_what_went_wrong_is_one_sentence() {
        for event in HostEvent::ALL {
            assert_eq!(serde_json::to_value(event).unwrap(), event.word());
        }
        let ended = ScriptEnd { exit: Some(3), output: "one\ntwo".to_owned(), ..ScriptEnd::default() };
        let mut run = HostHookRun {
            event: HostEvent::Started,
            hook: "started.d/a".to_owned(),
            at: 0,
            board: "b".to_owned(),
            job: None,
            ended,
        };
        let wrong = run.wrong().unwrap();
        assert_eq!(wrong, "the hook started.d/a on the station's host ended with status 3; it said: two");
        run.ended.exit = Some(0);
        assert_eq!(run.wrong(), None);
    }
}
