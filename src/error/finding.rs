//! What a look at a host, a file or a client finds.

use std::path::{Path, PathBuf};

use super::{Explain, Remedy};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// As it should be.
    Good,
    /// It works, isn't needed by everybody, or may not be what was meant.
    Warning,
    /// Work depends on it.
    Problem,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// How it is.
    pub severity: Severity,
    /// What it belongs to, as one word: `usb`, `export`, `record`.
    pub topic: &'static str,
    /// What is so, without a full stop.
    pub what: String,
    /// Where, if it is in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What to do about it; empty where nothing is to be done, or nothing helpful is known.
    #[serde(skip_serializing_if = "Remedy::is_empty")]
    pub remedy: Remedy,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// Another line that has to do with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub also: Option<usize>,
}

impl Finding {
    /// Something is as it should be.
    #[must_use]
    pub fn good(topic: &'static str, what: impl Into<String>) -> Self {
        Self { severity: Severity::Good, topic, what: what.into(), place: None, remedy: Remedy::default() }
    }

    /// Something may not be as it was meant.
    #[must_use]
    pub fn warning(topic: &'static str, what: impl Into<String>, remedy: impl Into<Remedy>) -> Self {
        let (severity, remedy) = (Severity::Warning, remedy.into());
        Self { severity, topic, what: what.into(), place: None, remedy }
    }

    /// Something is wrong.
    #[must_use]
    pub fn problem(topic: &'static str, what: impl Into<String>, remedy: impl Into<Remedy>) -> Self {
        Self { severity: Severity::Problem, ..Self::warning(topic, what, remedy) }
    }

    /// An error, with what it says and what helps against it.
    #[must_use]
    pub fn error(topic: &'static str, error: &impl Explain) -> Self {
        Self::problem(topic, super::chain(error), error.hint().unwrap_or_default())
    }

    /// With its place.
    #[must_use]
    pub fn at(self, path: &Path, line: usize, also: Option<usize>) -> Self {
        Self { place: Some(Place { path: path.to_owned(), line, also }), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Task, remedy};

    #[test]
    fn in_json_it_has_what_is_known() {
        let line = |finding: &Finding| serde_json::to_string(finding).unwrap();
        let good = Finding::good("usb", "fine");
        assert_eq!(line(&good), r#"{"severity":"good","topic":"usb","what":"fine"}"#);
        let odd = Finding::warning("reset", "twice", remedy!["see ", Task::TargetsList]).at(
            Path::new("a"),
            3,
            Some(1),
        );
        assert_eq!(
            line(&odd),
            r#"{"severity":"warning","topic":"reset","what":"twice","place":{"path":"a","line":3,"also":1},"remedy":["see ",{"do":"task","task":"targets-list"}]}"#
        );
        assert!(Severity::Good < Severity::Warning && Severity::Warning < Severity::Problem);
    }

    #[test]
    fn an_error_is_told_with_its_causes_and_what_helps() {
        let error = std::io::Error::other("the system says no");
        let finding = Finding::error("payload", &error);
        assert_eq!((finding.severity, finding.what.as_str()), (Severity::Problem, "the system says no"));
        assert!(finding.remedy.is_empty());
    }
}
