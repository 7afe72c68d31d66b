//! Labels: their templates, the printers that they go to, and what is to be printed.

use serde::{Deserialize, Serialize};

use super::{PrinterTakes, Time};

/// A template of a label. A name in braces stands for that value of the board, as `{serial}`; `{slot|none}` for `none` where
/// the board has no such value, and `{|{}` for a brace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// What people call it. One label a name.
    pub name: String,
    /// How its text is written.
    #[serde(default)]
    pub language: LabelLanguage,
    /// The template; at most [`LONGEST_LABEL`] bytes.
    pub text: String,
    /// What no board could have of it as the station is now, each a sentence. Only told, where one label is asked for or put:
    /// what comes in is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// See [`Label::text`].
pub const LONGEST_LABEL: usize = 32 << 10;
/// Copies of a label that are printed at once at most.
pub const MOST_COPIES: u32 = 20;

/// How the text of a label is written. What isn't `drawn` goes to the printer as it is, once values are filled in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LabelLanguage {
    /// Lines of our own, of which the station makes a picture, for any printer.
    #[default]
    Drawn,
    /// Zebra's ZPL II.
    Zpl,
    /// Eltron's EPL 2.
    Epl,
    /// JScript of cab and Brady printers.
    Jscript,
    /// HTML, for a program that makes a page of it.
    Html,
    /// Any other text.
    Text,
}

impl LabelLanguage {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Drawn, Self::Zpl, Self::Epl, Self::Jscript, Self::Html, Self::Text];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Drawn => "drawn",
            Self::Zpl => "zpl",
            Self::Epl => "epl",
            Self::Jscript => "jscript",
            Self::Html => "html",
            Self::Text => "text",
        }
    }

    /// What it is, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Drawn => "drawn here",
            Self::Zpl => "ZPL",
            Self::Epl => "EPL",
            Self::Jscript => "JScript",
            Self::Html => "HTML",
            Self::Text => "text",
        }
    }
}

/// The label of a project's boards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ProjectLabel {
    /// The label, by its name.
    pub label: String,
    /// The printer, by its name.
    pub printer: String,
    /// When it is printed.
    #[serde(default)]
    pub when: LabelWhen,
    /// How often, 1 to [`MOST_COPIES`].
    #[serde(default = "one")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub copies: u32,
}

/// One copy.
const fn one() -> u32 {
    1
}

/// When a project's label is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LabelWhen {
    /// When the board's job begins: once a job, however often the board starts again.
    Start,
    /// When the board is done and was read back.
    #[default]
    Done,
}

impl LabelWhen {
    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Start => "when the job begins",
            Self::Done => "when the board is done and was read back",
        }
    }
}

/// How far it is with a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PrintState {
    /// It waits for its printer.
    Waiting,
    /// It goes to the printer now.
    Printing,
    /// The printer has taken all of it.
    Sent,
    /// Perhaps it was printed: what would have said so didn't come. Nothing is printed once more by itself.
    Unsure,
    /// It can't be printed as it is.
    Failed,
    /// Nobody wants it any more.
    Cancelled,
}

impl PrintState {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Printing => "printing",
            Self::Sent => "sent",
            Self::Unsure => "unsure",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A label that was or is to be printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Print {
    /// Its name.
    pub print: String,
    /// The printer.
    pub printer: String,
    /// The label.
    pub label: String,
    /// The board, by id; without it the label has sample values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// What people called the board.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub called: String,
    /// The run that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// How far it is.
    pub state: PrintState,
    /// How often it was tried.
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub tries: u32,
    /// Since when it is to be printed.
    pub made: Time,
    /// When it is tried next, or was tried last.
    pub due: Time,
    /// Who wants it.
    pub by: String,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// A label that is to be printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPrint {
    /// The label, by its name.
    pub label: String,
    /// The printer, by its name.
    pub printer: String,
    /// The board, by id, name, serial number or address; without it sample values are printed, as a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// How often, 1 to [`MOST_COPIES`].
    #[serde(default = "one")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub copies: u32,
}

/// Which of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PrintsAsked {
    /// For this printer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<String>,
    /// In this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PrintState>,
    /// Of this board, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// [`Page::next`](super::Page::next) of the call before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1 to 500 lines; 50 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A label with a board's values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FilledAsked {
    /// The board, by id, name, serial number or address; without it sample values stand there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// A label that is drawn as this; without it as PNG. Others are told as their printer gets them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<PrinterTakes>,
}

/// What a code says, and which board that is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Scanned {
    /// What stands in the code; empty where none was seen.
    pub text: String,
    /// The board, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_interface() {
        let word = |value: serde_json::Result<serde_json::Value>| value.unwrap().as_str().unwrap().to_owned();
        for one in LabelLanguage::ALL {
            assert_eq!(word(serde_json::to_value(one)), one.word());
        }
    }
}
