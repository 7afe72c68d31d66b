//! A project as one file, which people keep under version control and take to another station. Pure.

use serde::{Deserialize, Serialize};

use super::Project;
use crate::device_api::Script;
use crate::error::{Explain, Kind, Remedy};
use crate::format::message;

/// The form of the file.
const FORM: u32 = 1;

/// What belongs to a project: a TOML file with the table `project`, and a table `script` for each script that it has. What a station gives by itself, as the time at which it
/// was made, isn't in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFile {
    /// The project.
    pub project: Project,
    /// Its scripts, with their texts.
    pub scripts: Vec<Script>,
}

/// A project and its scripts, as a file has them, to be made or changed: all of it, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProjectImport {
    /// The project.
    pub project: Project,
    /// Its scripts. Those that the station has already as they are stay.
    #[serde(default)]
    pub scripts: Vec<Script>,
    /// Whether a project and scripts of these names that are there are changed; else that is refused.
    #[serde(default)]
    pub replace: bool,
}

/// A project that is made of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProjectClone {
    /// Its name. No project has it yet.
    pub name: String,
}

/// Why a file is no project's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadProjectFile {
    /// It is longer than [`ProjectFile::LONGEST`].
    #[error("the file is longer than {} KiB, so it is no project's", ProjectFile::LONGEST >> 10)]
    Long,
    /// It isn't TOML, or has something else in it.
    #[error("the file is no project's: {why}")]
    Read {
        /// What is wrong, and in which line.
        why: String,
    },
    /// It is of a later version of the program.
    #[error("the file has form {form}, and this version reads form {FORM}")]
    Form {
        /// Its form.
        form: u32,
    },
}

impl Explain for BadProjectFile {
    fn kind(&self) -> Kind {
        Kind::BadData
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Form { .. } => Some("Read it with the version of the program that has written it.".into()),
            Self::Long | Self::Read { .. } => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "piprov-project")]
    form: u32,
    project: toml::Table,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    script: Vec<Script>,
}

impl ProjectFile {
    /// A file is so long at most, in bytes.
    pub const LONGEST: usize = 1 << 20;

    /// The file's text.
    #[must_use]
    pub fn write(&self) -> String {
        // A project is made of texts and numbers, which TOML has all.
        let mut project = toml::Table::try_from(&self.project).unwrap_or_default();
        project.remove("made");
        project.remove("warnings");
        toml::to_string_pretty(&File { form: FORM, project, script: self.scripts.clone() })
            .unwrap_or_default()
    }

    /// What a text says.
    ///
    /// # Errors
    /// Where it is no project's file.
    pub fn read(text: &str) -> Result<Self, BadProjectFile> {
        if text.len() > Self::LONGEST {
            return Err(BadProjectFile::Long);
        }
        let bad = |error: toml::de::Error| BadProjectFile::Read { why: said(&error, text) };
        let table: toml::Table = text.parse().map_err(bad)?;
        // Of a later form nothing else may be as it is here.
        if let Some(form) = table.get("piprov-project").and_then(toml::Value::as_integer)
            && form != i64::from(FORM)
        {
            return Err(BadProjectFile::Form { form: u32::try_from(form).unwrap_or(u32::MAX) });
        }
        let file: File = toml::from_str(text).map_err(bad)?;
        let project: Project = file.project.try_into().map_err(bad)?;
        if let Some(other) = file.script.iter().find(|script| !project.scripts.contains(&script.name)) {
            let why = format!("the project doesn't name its script `{}`", message(&other.name));
            return Err(BadProjectFile::Read { why });
        }
        Ok(Self { project, scripts: file.script })
    }
}

/// What TOML says of a text, in a line, without what stands there.
fn said(error: &toml::de::Error, text: &str) -> String {
    let line =
        error.span().and_then(|span| text.get(..span.start)).map(|before| before.lines().count().max(1));
    let message: String = error.message().trim().replace('\n', ", ").chars().take(200).collect();
    line.map_or_else(|| message.clone(), |line| format!("line {line}: {message}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::device_api::{End, Role};
    use crate::station_api::Again;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let project = Project {
            name: "gateway \"2\"".into(),
            image: Some("lite".into()),
            target: vec![Role::Emmc, Role::Sd],
            end: End::PowerOff,
            again: Again::Ask,
            retries: 2,
            values: vec!["sn".into()],
            scripts: vec!["resize".into(), "grow root".into()],
            first_boot: [("hostname".to_owned(), "gate-{serial8}".to_owned())].into(),
            eeprom: None,
            label: None,
            made: 17,
            warnings: vec!["only told".into()],
        };
        let script = Script {
            name: "resize".into(),
            text: "set -e\necho 'a\tb'\n".into(),
            limit: 5,
            ..Script::default()
        };
        let text = ProjectFile { project: project.clone(), scripts: vec![script.clone()] }.write();
        assert_eq!(
            text,
            "piprov-project = 1\n\n[project]\nagain = \"ask\"\nend = \"power-off\"\nimage = \"lite\"\n\
             name = 'gateway \"2\"'\nretries = 2\nscripts = [\n    \"resize\",\n    \"grow root\",\n]\n\
             target = [\n    \"emmc\",\n    \"sd\",\n]\nvalues = [\"sn\"]\n\n\
             [project.first_boot]\nhostname = \"gate-{serial8}\"\n\n\
             [[script]]\nname = \"resize\"\ntext = \"\"\"\nset -e\necho 'a\\tb'\n\"\"\"\nwhen = \"post\"\npriority = 0\n\
             background = false\nonce = false\nlimit = 5\n"
        );
        let read = ProjectFile::read(&text).unwrap();
        assert_eq!(
            (read.project, read.scripts),
            (Project { made: 0, warnings: Vec::new(), ..project }, vec![script])
        );
        assert_eq!(
            ProjectFile::read("piprov-project = 1\n[project]\nname = \"a\"").unwrap().project.name,
            "a"
        );
    }

    #[test]
    fn what_is_no_project_says_why() {
        for (text, why) in [
            ("", "the file is no project's: line 1: missing field `piprov-project`"),
            ("piprov-project = 2\nnew = 1", "the file has form 2, and this version reads form 1"),
            ("piprov-project = 1\n[project]\n", "missing field `name`"),
            ("piprov-project = 1\n[project]\nname = \"a\"\nimgae = \"b\"", "unknown field `imgae`"),
            ("piprov-project = 1\n[project]\nname = \"a\"\n[rule]\n", "unknown field `rule`"),
            ("piprov-project = 1\n[project]\nname = \"a\"\nend = \"explode\"", "unknown variant `explode`"),
            ("piprov-project = 1\n[project]\nname = 5", "invalid type"),
            ("a = \"\u{1b}[2J", "line 1"),
            (
                "piprov-project = 1\n[project]\nname = \"a\"\n[[script]]\nname = \"b\"\ntext = \"c\"",
                "doesn't name its script `b`",
            ),
        ] {
            let error = ProjectFile::read(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert_eq!(ProjectFile::read(&" ".repeat(ProjectFile::LONGEST + 1)), Err(BadProjectFile::Long));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            drop(ProjectFile::read(&text));
        }

        #[test]
        fn any_name_comes_back(name in ".{0,60}", image in proptest::option::of(".{0,60}")) {
            let project = Project { name, image, ..Project::default() };
            let text = ProjectFile { project: project.clone(), scripts: Vec::new() }.write();
            prop_assert_eq!(ProjectFile::read(&text).unwrap().project, project);
        }
    }
}
