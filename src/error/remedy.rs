//! What helps against a failure: text, and things to do. A thing to do is named by what it is; the command line words
//! it as a flag or a command, a page as a field or a button.

use std::path::Path;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeSeq, Serializer};
use serde_json::{Map, Value};

use super::{Action, Knob, Task};

/// What to do next, as one sentence or two: pieces of text with things to do between them.
///
/// Put together by [`and`](Self::and), or by the macro `remedy!`, which takes all that `and` takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remedy {
    /// No text is empty, and no two texts follow each other: so what is equal to read is equal.
    pieces: Vec<Piece>,
}

/// A part of a [`Remedy`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Words. They name nothing that only one kind of user has.
    Text(String),
    /// Something to do, worded by the code that shows it.
    Do(Action),
}

/// What decides about a path: itself, or where it can't be seen, the directory above it that can.
fn seen(path: &Path) -> &Path {
    let above = path.ancestors().find(|path| path.symlink_metadata().is_ok());
    above.unwrap_or_else(|| Path::new(if path.is_absolute() { "/" } else { "." }))
}

impl Remedy {
    /// With more behind it.
    #[must_use]
    pub fn and(mut self, more: impl Into<Self>) -> Self {
        for piece in more.into().pieces {
            self.push(piece);
        }
        self
    }

    /// Where somebody may not open or change this path: devices are root's or their group's, and a file is somebody's.
    #[must_use]
    pub fn for_permission(path: &Path) -> Self {
        if path.starts_with("/dev") {
            return "are you allowed to? Block devices usually need root or the group `disk`".into();
        }
        remedy![Action::host("ls -ld").arg(seen(path).display()), " shows who may"]
    }

    fn push(&mut self, piece: Piece) {
        match (piece, self.pieces.last_mut()) {
            (Piece::Text(text), _) if text.is_empty() => {}
            (Piece::Text(text), Some(Piece::Text(before))) => before.push_str(&text),
            (piece, _) => self.pieces.push(piece),
        }
    }

    /// Its parts, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// A line for a log, where it isn't put into words: a thing to do stands there by its name.
    #[must_use]
    pub fn plain(&self) -> String {
        let words = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Do(Action::Host { command, .. }) => command.join(" "),
            Piece::Do(action) => match serde_json::to_value(action) {
                Ok(Value::Object(parts)) => format!("<{}>", names(parts)),
                _ => String::new(),
            },
        });
        words.collect()
    }

    /// Whether it says nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether these words stand in one of its texts, or in a command of the host.
    #[must_use]
    pub fn says(&self, words: &str) -> bool {
        self.pieces.iter().any(|piece| match piece {
            Piece::Text(text) => text.contains(words),
            Piece::Do(Action::Host { command, .. }) => command.join(" ").contains(words),
            Piece::Do(_) => false,
        })
    }

    /// Whether this is among the things to do.
    #[must_use]
    pub fn names(&self, action: impl Into<Action>) -> bool {
        let action = action.into();
        self.pieces.iter().any(|piece| matches!(piece, Piece::Do(what) if *what == action))
    }
}

/// A [`Remedy`] of texts and things to do, one after the other.
macro_rules! remedy {
    ($($piece:expr),+ $(,)?) => {
        $crate::error::Remedy::default()$(.and($piece))+
    };
}
pub(crate) use remedy;

impl From<Piece> for Remedy {
    fn from(piece: Piece) -> Self {
        let mut remedy = Self::default();
        remedy.push(piece);
        remedy
    }
}

impl From<String> for Remedy {
    fn from(text: String) -> Self {
        Piece::Text(text).into()
    }
}

impl From<&str> for Remedy {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Action> for Remedy {
    fn from(action: Action) -> Self {
        Piece::Do(action).into()
    }
}

impl From<Knob> for Remedy {
    fn from(knob: Knob) -> Self {
        Action::from(knob).into()
    }
}

impl From<Task> for Remedy {
    fn from(task: Task) -> Self {
        Action::from(task).into()
    }
}

/// A string where it is nothing but text, as in records before there were things to do; a list of strings and objects
/// otherwise.
impl Serialize for Remedy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.pieces[..] {
            [] => serializer.serialize_str(""),
            [Piece::Text(text)] => serializer.serialize_str(text),
            pieces => {
                let mut list = serializer.serialize_seq(Some(pieces.len()))?;
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => list.serialize_element(text)?,
                        Piece::Do(action) => list.serialize_element(action)?,
                    }
                }
                list.end()
            }
        }
    }
}

impl Remedy {
    /// Writes it as a list whatever is in it: one form for those who read it in programs.
    ///
    /// # Errors
    /// What the serializer says.
    pub fn serialize_list<S: Serializer>(remedy: &Option<Self>, serializer: S) -> Result<S::Ok, S::Error> {
        let pieces = remedy.as_ref().map_or(&[][..], |remedy| &remedy.pieces);
        let mut list = serializer.serialize_seq(Some(pieces.len()))?;
        for piece in pieces {
            match piece {
                Piece::Text(text) => list.serialize_element(text)?,
                Piece::Do(action) => list.serialize_element(action)?,
            }
        }
        list.end()
    }
}

/// A thing to do by its name, and what it is done with, in the order of their names.
fn names(mut parts: Map<String, Value>) -> String {
    let first = parts.remove("do");
    let values = first.into_iter().chain(parts.into_iter().map(|(_, value)| value));
    let words = values.flat_map(|value| if let Value::Array(all) = value { all } else { vec![value] });
    let words: Vec<_> = words.filter_map(|word| word.as_str().map(str::to_owned)).collect();
    words.join(" ")
}

/// As it is written. What another version of this program names, and this one doesn't know, is shown in its words.
impl<'de> Deserialize<'de> for Remedy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            List(Vec<Part>),
        }
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Part {
            Text(String),
            Do(Action),
            Unknown(Map<String, Value>),
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Text(text) => text.into(),
            Written::List(parts) => parts.into_iter().fold(Self::default(), |all, part| match part {
                Part::Text(text) => all.and(text),
                Part::Do(action) => all.and(action),
                Part::Unknown(parts) => all.and(format!("<{}>", names(parts))),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn action() -> impl Strategy<Value = Action> {
        let knob = prop::sample::select(Knob::ALL);
        let task = prop::sample::select(Task::ALL);
        let texts = prop::collection::vec(any::<String>(), 0..3);
        prop_oneof![
            (knob.clone(), any::<Option<String>>()).prop_map(|(knob, value)| Action::Set { knob, value }),
            knob.prop_map(Knob::left_out),
            (task, texts.clone()).prop_map(|(task, with)| Action::Task { task, with }),
            (texts.clone(), any::<bool>()).prop_map(|(command, root)| Action::Host { command, root }),
            texts.prop_map(|packages| Action::Install { packages }),
            Just(Action::AsRoot),
            Just(Action::Stream),
        ]
    }

    fn remedies() -> impl Strategy<Value = Remedy> {
        let piece = prop_oneof![any::<String>().prop_map(Piece::Text), action().prop_map(Piece::Do)];
        prop::collection::vec(piece, 0..6)
            .prop_map(|pieces| pieces.into_iter().fold(Remedy::default(), Remedy::and))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(remedy in remedies()) {
            let text = serde_json::to_string(&remedy).unwrap();
            prop_assert_eq!(serde_json::from_str::<Remedy>(&text).unwrap(), remedy.clone());
            let value = serde_json::to_value(&remedy).unwrap();
            prop_assert_eq!(serde_json::from_value::<Remedy>(value).unwrap(), remedy);
        }

        #[test]
        fn any_text_is_a_remedy_as_old_records_have_it(text: String) {
            let old = serde_json::to_string(&text).unwrap();
            let remedy: Remedy = serde_json::from_str(&old).unwrap();
            prop_assert_eq!(&remedy, &Remedy::from(text));
            prop_assert_eq!(serde_json::to_string(&remedy).unwrap(), old);
        }
    }

    #[test]
    fn who_may_not_make_something_is_shown_the_directory_above_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("is"), "").unwrap();
        let names = |path: &Path, shown: &Path| {
            Remedy::for_permission(path).names(Action::host("ls -ld").arg(shown.display()))
        };
        assert!(names(&path("is"), &path("is")));
        assert!(names(&path("new"), dir.path()) && names(&path("new/more"), dir.path()));
        assert!(names(Path::new("no-such-name"), Path::new(".")));
    }

    #[test]
    fn the_form_in_json() {
        let remedy = remedy!["give another ", Knob::Force, " or ", "see ", Task::ConfigShow, "."];
        let text = serde_json::to_string(&remedy).unwrap();
        assert_eq!(
            text,
            r#"["give another ",{"do":"set","knob":"force"}," or see ",{"do":"task","task":"config-show"},"."]"#
        );
    }

    #[test]
    fn in_a_log_a_thing_to_do_has_its_name() {
        let remedy = remedy![
            "see ",
            Task::ClientRename.of("a").arg("b"),
            ", ",
            Knob::Card.to("original"),
            ", ",
            Action::host("ls -l"),
        ];
        assert_eq!(remedy.plain(), "see <task client-rename a b>, <set card original>, ls -l");
    }

    #[test]
    fn what_another_version_names_is_shown_in_its_words() {
        let text = r#"["try ",{"do":"dance","with":"bells","on":3,"at":"dawn"},{"x":{}},{"do":"set","knob":"no-such"}]"#;
        let remedy: Remedy = serde_json::from_str(text).unwrap();
        assert_eq!(remedy, Remedy::from("try <dance dawn bells><><set no-such>"));
        for bad in ["3", "[3]", "[[]]", "{}", "null"] {
            assert!(serde_json::from_str::<Remedy>(bad).is_err(), "{bad}");
        }
    }
}
