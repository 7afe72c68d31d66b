//! Scripts that a board runs before and after its image is written, and what it tells of them.

use serde::{Deserialize, Serialize};

/// Something that a board runs with `/bin/sh`, as root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// What people call it. One script a name.
    pub name: String,
    /// What is run: at most [`Script::LONGEST`] bytes, without control characters other than ends of lines and tabs.
    pub text: String,
    /// Before or after the image is written.
    #[serde(default)]
    pub when: When,
    /// The lowest comes first; scripts of one priority by their names. 0 to 1000.
    #[serde(default = "hundred")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub priority: u32,
    /// What comes next doesn't wait for its end. The job does, and its exit status counts.
    #[serde(default)]
    pub background: bool,
    /// A board for which it has run, or which it has restarted, doesn't run it again. Another text is another script. Only
    /// of those that run before the image is written.
    #[serde(default)]
    pub once: bool,
    /// So many seconds it may take, then it is ended: 1 to 86400.
    #[serde(default = "ten_minutes")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub limit: u32,
}

const fn hundred() -> u32 {
    100
}

const fn ten_minutes() -> u32 {
    600
}

/// When a script runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema), schema(as = ScriptWhen))]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Before anything is written.
    Pre,
    /// After everything was read back.
    #[default]
    Post,
}

impl When {
    /// As it stands in sentences.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pre => "pre",
            Self::Post => "post",
        }
    }
}

/// What is wrong with a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadScript {
    /// It does nothing.
    #[error("a script without a text does nothing")]
    Empty,
    /// Its text is longer than [`Script::LONGEST`].
    #[error("its text has {0} bytes; a script has {most} at most", most = Script::LONGEST)]
    Long(usize),
    /// There is something in it that a terminal or an editor would obey or hide.
    #[error(
        "line {line} of its text has the control character U+{code:04X}; write it as an escape of printf"
    )]
    Control {
        /// From 1 on.
        line: usize,
        /// The character.
        code: u32,
    },
    /// See [`Script::priority`].
    #[error("its priority is 0 to 1000")]
    Priority,
    /// See [`Script::once`].
    #[error(
        "a script that runs after the image is written can't run once: with the next image its work is gone"
    )]
    OncePost,
    /// See [`Script::limit`].
    #[error("its time limit is 1 to 86400 seconds")]
    Limit,
}

impl Script {
    /// The program that its first line names, where that is another one than the shell that boards run it with, as it can be
    /// shown.
    #[must_use]
    pub fn other_program(&self) -> Option<String> {
        let mut words = self.text.strip_prefix("#!")?.lines().next()?.split_whitespace();
        let first = words.next()?;
        // `/usr/bin/env python3` names the one behind it.
        let program =
            if first.ends_with("/env") { words.find(|word| !word.starts_with('-'))? } else { first };
        let name = program.rsplit('/').next().unwrap_or(program);
        let short: String = program.chars().take(64).collect();
        (!matches!(name, "sh" | "ash" | "dash" | "busybox"))
            .then(|| crate::format::message(&short).into_owned())
    }

    /// Its text has so many bytes at most.
    pub const LONGEST: usize = 32 << 10;
    /// A project has so many at most.
    pub const MOST: usize = 16;
    /// The texts of a project's scripts have so many bytes together at most: a manifest is shorter than 1 MiB, also where
    /// each byte of them needs two there.
    pub const LONGEST_OF_ALL: usize = 256 << 10;

    /// Checks it, but for its name. Ends of lines become those of Unix: browsers send others.
    ///
    /// # Errors
    /// [`BadScript`].
    pub fn check(&mut self) -> Result<(), BadScript> {
        if self.text.contains('\r') {
            self.text = self.text.replace("\r\n", "\n");
        }
        if self.text.trim().is_empty() {
            return Err(BadScript::Empty);
        }
        if self.text.len() > Self::LONGEST {
            return Err(BadScript::Long(self.text.len()));
        }
        for (number, line) in self.text.split('\n').enumerate() {
            let odd = |char: &char| *char != '\t' && crate::format::is_hidden(*char);
            if let Some(char) = line.chars().find(odd) {
                return Err(BadScript::Control { line: number + 1, code: char.into() });
            }
        }
        if self.priority > 1000 {
            return Err(BadScript::Priority);
        }
        if self.once && self.when == When::Post {
            return Err(BadScript::OncePost);
        }
        if !(1..=86400).contains(&self.limit) {
            return Err(BadScript::Limit);
        }
        Ok(())
    }

    /// What its text is told by: BLAKE3, 64 hexadecimal digits. What runs once runs again with another one.
    #[must_use]
    pub fn digest(&self) -> String {
        blake3::hash(self.text.as_bytes()).to_hex().to_string()
    }

    /// Puts scripts into the order in which they begin.
    pub fn sort(scripts: &mut [Self]) {
        scripts.sort_by(|a, b| (a.when, a.priority, &a.name).cmp(&(b.when, b.priority, &b.name)));
    }
}

/// What the station calls what a board is doing: scripts find it in their environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema), schema(as = ManifestNames))]
pub struct Names {
    /// The board: as people call it, else by its id.
    #[serde(default)]
    pub board: String,
    /// The run.
    #[serde(default)]
    pub run: String,
    /// The project; empty where there is none.
    #[serde(default)]
    pub project: String,
    /// The slot that the board is in; empty where there is none.
    #[serde(default)]
    pub slot: String,
}

/// A script begins, or has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct ScriptTold {
    /// As in [`Work::fence`](super::Work::fence).
    pub fence: u64,
    /// The script's name.
    pub name: String,
    /// How it ended; `None` where it is about to begin. It may begin once the station has answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<ScriptEnd>,
}

/// How a script ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct ScriptEnd {
    /// Its exit status, 0 to 255; `None` where it was ended by a signal or couldn't be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(minimum = 0, maximum = 255))]
    pub exit: Option<i32>,
    /// Why it failed, where its exit status doesn't say all: it took too long, was cancelled. At most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How long it took, in seconds.
    #[serde(default)]
    pub seconds: f64,
    /// The last lines that it has printed, at most [`ScriptEnd::LONGEST`] characters, of which none hides.
    #[serde(default)]
    pub output: String,
    /// So many lines of its output are not in the run's log.
    #[serde(default)]
    pub left_out: u64,
}

impl ScriptEnd {
    /// Its last lines have so many characters together at most.
    pub const LONGEST: usize = crate::process::LAST_WORDS;

    /// Whether it did what it was to do.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.exit == Some(0) && self.why.is_none()
    }

    /// What went wrong, as it stands behind its name.
    #[must_use]
    pub fn how(&self) -> String {
        match (&self.why, self.exit) {
            (Some(why), _) => why.clone(),
            (None, Some(exit)) => format!("ended with status {exit}"),
            (None, None) => "ended in a way that isn't known".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Script {
        serde_json::from_value(serde_json::json!({"name": "a", "text": text})).unwrap()
    }

    #[test]
    fn a_script_for_another_program_is_known_by_its_first_line() {
        for text in [
            "",
            "echo a",
            "#!/bin/sh -e\na",
            "#! /bin/ash",
            "#!/usr/bin/env -S sh",
            "# !/bin/x",
            "#!",
            "a\n#!/bin/x",
        ] {
            assert_eq!(script(text).other_program(), None, "{text}");
        }
        for (text, program) in [
            ("#!/usr/bin/python3\nprint()", "/usr/bin/python3"),
            ("#!/usr/bin/env python3", "python3"),
            ("#! /bin/bash -e\na", "/bin/bash"),
        ] {
            assert_eq!(script(text).other_program().as_deref(), Some(program));
        }
    }

    #[test]
    fn what_a_script_may_be() {
        let mut plain = script("#!/bin/sh\r\necho a\r\n\tb ünï\r\n");
        assert_eq!((plain.priority, plain.limit, plain.when), (100, 600, When::Post));
        assert_eq!(plain.check(), Ok(()));
        assert_eq!(plain.text, "#!/bin/sh\necho a\n\tb ünï\n");
        for (text, why) in [
            ("", BadScript::Empty),
            (" \n\t\n", BadScript::Empty),
            ("a\n\0", BadScript::Control { line: 2, code: 0 }),
            ("a\u{1b}[2J", BadScript::Control { line: 1, code: 27 }),
            ("a\rrm -rf /", BadScript::Control { line: 1, code: 13 }),
            ("a\n\n\u{202e}b", BadScript::Control { line: 3, code: 0x202e }),
            (&"x".repeat(Script::LONGEST + 1), BadScript::Long(Script::LONGEST + 1)),
        ] {
            assert_eq!(script(text).check(), Err(why), "{text:.20}");
        }
        assert_eq!(script(&"x".repeat(Script::LONGEST)).check(), Ok(()));
        assert_eq!(Script { priority: 1001, ..script("a") }.check(), Err(BadScript::Priority));
        for limit in [0, 86401] {
            assert_eq!(Script { limit, ..script("a") }.check(), Err(BadScript::Limit));
        }
    }

    #[test]
    fn the_lowest_priority_comes_first_and_pre_before_post() {
        let one = |name: &str, when, priority| Script { name: name.into(), when, priority, ..script("a") };
        let mut all = vec![
            one("d", When::Post, 1),
            one("b", When::Pre, 100),
            one("a", When::Pre, 100),
            one("c", When::Pre, 20),
        ];
        Script::sort(&mut all);
        let names: Vec<_> = all.iter().map(|script| script.name.as_str()).collect();
        assert_eq!(names, ["c", "a", "b", "d"]);
    }

    #[test]
    fn it_went_well_only_with_status_0_and_nothing_to_say() {
        let end = ScriptEnd { exit: Some(0), ..ScriptEnd::default() };
        assert!(end.is_well());
        let late = ScriptEnd { why: Some("took more than 5 s and was ended".into()), ..end };
        assert!(!late.is_well() && late.how().contains("5 s"));
        let failed = ScriptEnd { exit: Some(3), ..ScriptEnd::default() };
        assert!(!failed.is_well());
        assert_eq!(failed.how(), "ended with status 3");
        assert!(!ScriptEnd::default().is_well());
    }

    #[test]
    fn a_manifest_of_the_longest_scripts_is_shorter_than_a_board_reads() {
        // Quotation marks and ends of lines need two bytes each.
        let text = "\"\n".repeat(Script::LONGEST / 2);
        let count = Script::LONGEST_OF_ALL / Script::LONGEST;
        let all: Vec<_> = (0..count).map(|_| Script { name: "n".repeat(63), ..script(&text) }).collect();
        assert!(serde_json::to_string(&all).unwrap().len() < (1 << 20) - (64 << 10));
    }
}
