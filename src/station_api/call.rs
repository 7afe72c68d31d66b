//! What is asked for and answered, beside the things themselves.

use serde::{Deserialize, Serialize};

use super::{Enrolment, Held, Image, JobState, Matching, Role, Scope, Time, Token, Trouble, What};
use crate::board::{Mac, Serial};
use crate::device_api::{Action, End, Role as DiskRole};

/// A part of a list, and where the next one begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The lines, at most as many as were asked for.
    pub items: Vec<T>,
    /// For `after` of the next call; `None` where this was the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The station as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Status {
    /// The version of the program.
    pub version: String,
    /// Whether rules start something by themselves.
    pub armed: bool,
    /// Whether a new board waits for a person: `ask` or `open`.
    pub enrol: String,
    /// The station's public key, 64 hexadecimal digits: agents are told it by `piprov.key=`.
    pub key: String,
    /// `sqlite` or `postgres`.
    pub store: String,
    /// Since when it serves.
    pub since: Time,
    /// Boards that it knows.
    pub boards: u64,
    /// Boards that wait for a person.
    pub waiting: u64,
    /// Boards that ask for work right now.
    pub present: u64,
    /// Jobs that go on or wait for their board.
    pub jobs: u64,
    /// Enrolled boards that no rule matched when they came.
    #[serde(default)]
    pub unruled: u64,
    /// Records of other commands that can't be taken in.
    #[serde(default)]
    pub damaged_records: u64,
    /// How much room its disk has.
    #[serde(default)]
    pub room: Room,
    /// What boots boards.
    #[serde(default)]
    pub bootd: Bootd,
    /// What is a problem, or will be one.
    #[serde(default)]
    pub troubles: Vec<Trouble>,
}

/// A record of another command that can't be taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct DamagedRecord {
    /// The file's name, in the directory of records.
    pub file: String,
    /// What is wrong with it.
    pub why: String,
}

/// How much room the station's disk has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Room {
    /// All is well.
    #[default]
    Enough,
    /// Logs are kept for a week.
    Short,
    /// What is left is for the records of what goes on: no image is taken in, and nothing new is begun.
    Last,
}

/// The station's privileged half, which boots boards: as the station knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Bootd {
    /// Whether it is there.
    pub state: BootdState,
    /// Since when that is so.
    pub since: Time,
    /// Why it is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// It was there before, or is: who has never started it may have boards that come by themselves.
    #[serde(default)]
    pub served: bool,
    /// The network interface that it boots boards on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// `dhcp`, or `proxy` beside another DHCP server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// It boots boards over USB.
    #[serde(default)]
    pub usb: bool,
    /// A board that is held gets nothing. `false` beside another DHCP server: what that one tells can't be withheld.
    #[serde(default)]
    pub withholds: bool,
    /// What it could not do last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// Whether the privileged half is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BootdState {
    /// The settings name none.
    #[default]
    NotUsed,
    /// It serves.
    Serving,
    /// It doesn't answer. What it was told last holds there, if it runs.
    Away,
}

/// What is changed in a board. What isn't said stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BoardChange {
    /// Its name; empty takes it away. 1 to 63 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Notes, at most 2000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The slot's name; empty takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Whether the network answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// Whether it may take work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolment: Option<Enrolment>,
    /// Forget its key: the next one that registers under its serial number counts as it, once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forget_key: bool,
}

/// Something that a board is to do. Either a project, or an action with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewJob {
    /// What to do; `deploy` where a project is named.
    pub action: Action,
    /// The project, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The image to be written, by name or id: also a backup's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// As in [`super::Job::target`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<DiskRole>,
    /// What comes after; [`End::Reboot`] without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// What reading an image again has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Verdict {
    /// The image as it stands now.
    pub image: Image,
    /// Chunks that were read.
    pub chunks: u64,
    /// What is damaged, a line each; at most 100.
    pub damaged: Vec<String>,
}

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// Its number, from 0.
    pub n: u64,
    /// When.
    pub time: Time,
    /// What the board said, as it said it.
    pub text: String,
}

/// A rule as it is made. Its place is the last one where none is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRule {
    /// What people call it. One rule a name.
    pub name: String,
    /// Its place among the rules, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(format = "uint32"))]
    pub position: Option<u32>,
    /// All of these have to hold. Where nothing is asked for, an empty list of serial numbers also, `any` is needed.
    #[serde(default)]
    pub matching: Matching,
    /// It is for every board: `matching` asks for nothing. Without it such a rule is refused, so that a list that came out
    /// empty is no rule for all.
    #[serde(default)]
    pub any: bool,
    /// What happens then.
    pub what: What,
}

impl NewRule {
    /// Whether it says for which boards it is.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn says_which(&self) -> Result<(), &'static str> {
        match (self.matching == Matching::default(), self.any) {
            (true, false) => Err("it isn't said for which boards; `any` says that it is for each"),
            (false, true) => Err("`any` is for a rule that asks for nothing else"),
            _ => Ok(()),
        }
    }
}

/// What the rules say of a board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct RuleTest {
    /// Each rule in its order, with why it doesn't match; empty where it does.
    pub rules: Vec<RuleWhy>,
    /// What happens: the first match; `None` where no rule matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<What>,
    /// Why nothing of it would begin now, each a sentence without its point: the station is disarmed, the same was done
    /// before, no values are left, and whatever else decides when a board comes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub but: Vec<String>,
    /// What would be done with the board's EEPROM, where that gives it a project that says something of EEPROMs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eeprom: Option<String>,
}

/// What one rule says of a board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct RuleWhy {
    /// The rule's name.
    pub rule: String,
    /// Why it doesn't match, a line each; empty where it does.
    pub why_not: Vec<String>,
}

/// An account as it is made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The name that they log in with. 1 to 63 characters.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// 10 to 256 characters.
    pub password: String,
}

/// What is changed in an account. What isn't said stays.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// What they may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// They may not log in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// 10 to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// `false` takes their second factor away. It is set up by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<bool>,
}

/// A link that is good once, as it is made: for a new user, or for one that gets another password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// The user that gets another password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What the new user may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// A link that is good once. Who opens it chooses a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Invited {
    /// The page, told this once; without a host where the station listens at none.
    pub url: String,
    /// Its path.
    pub path: String,
    /// The user that gets another password; `None`: a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What the user may do.
    pub role: Role,
    /// When it ends.
    pub expires: Time,
}

impl std::fmt::Debug for Invited {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Invited").field("role", &self.role).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("NewUser")
            .field("name", &self.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for UserChange {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = out.debug_struct("UserChange");
        out.field("role", &self.role).field("disabled", &self.disabled).finish_non_exhaustive()
    }
}

/// Somebody shows a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
    /// The code of the second factor, or one for those that have lost it; where the account has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Login").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A password was right.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct LoggedIn {
    /// What to show as a token.
    pub secret: String,
    /// When it ends.
    pub expires: Time,
    /// What its user may do.
    pub role: Role,
}

impl std::fmt::Debug for LoggedIn {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("LoggedIn").field("role", &self.role).finish_non_exhaustive()
    }
}

/// A token as it is made. It can't do more than its maker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What people call it. One token a name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// What it is good for; empty: all that its role may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
    /// When it ends; `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
}

/// A token that was made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct MadeToken {
    /// What is known of it later.
    #[serde(flatten)]
    pub token: Token,
    /// What a program shows, told this once.
    pub secret: String,
}

impl std::fmt::Debug for MadeToken {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("MadeToken").field("token", &self.token).finish_non_exhaustive()
    }
}

/// That something changed: an event of `GET events`. Whoever reads it asks for the thing itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Change {
    /// What sort of thing.
    pub of: Thing,
    /// Which one, by its id or name.
    pub id: String,
    /// The board that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
}

/// What a [`Change`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Thing {
    /// A board: seen, changed, forgotten.
    Board,
    /// A job: made, taken, ended.
    Job,
    /// A run: its progress, its log, its end.
    Run,
    /// An image or a backup.
    Image,
    /// A project, rule, slot, user, token, or the station's settings.
    Settings,
    /// Changes were left out: read everything anew.
    Gap,
}

/// Which boards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BoardsAsked {
    /// Boards of which name, serial number, an address or a word of the model begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<String>,
    /// With this serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// With this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// In this standing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolment: Option<Enrolment>,
    /// In this slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Enrolled, and no rule matched when they came.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unruled: bool,
    /// Where its newest job stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<JobState>,
    /// Whether it asks for work, or was seen within the last two minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
    /// In which order.
    #[serde(default)]
    #[cfg_attr(feature = "station", schema(inline))]
    pub sort: BoardSort,
    /// [`Page::next`] of the call before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// At most so many; 1 to 500, 50 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(minimum = 1, maximum = 500))]
    pub limit: Option<u32>,
}

/// The order of a list of boards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BoardSort {
    /// The one that came first stands first.
    #[default]
    First,
    /// The one that came last stands first.
    Newest,
    /// The one that was seen last stands first.
    Seen,
    /// By what people call it, else by its serial number.
    Name,
}

/// Which jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct JobsAsked {
    /// Of this board, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// In this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<JobState>,
    /// [`Page::next`] of the call before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// At most so many; 1 to 500, 50 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(minimum = 1, maximum = 500))]
    pub limit: Option<u32>,
}

/// Which runs; the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RunsAsked {
    /// Of this board, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// Of this job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// With this serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// What was done: `deploy`, `backup`, `flash`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
    /// How it ended, in the word of records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The step that it is in, or ended in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Of this image, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Of this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Asked for by this user, rule (`rule NAME`) or token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// In this slot when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Of boards of which name, serial number or an address begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<String>,
    /// Not done, for a reason that has this text in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Begun at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Begun before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// [`Page::next`] of the call before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// At most so many; 1 to 500, 50 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(minimum = 1, maximum = 500))]
    pub limit: Option<u32>,
    /// Only of an export: in which form; a table without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(inline))]
    pub format: Option<ExportFormat>,
}

/// The form of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// A table with a heading, a line a run.
    #[default]
    Csv,
    /// Lines of JSON: all that is kept of a run.
    Json,
}

/// A part of any other list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ListAsked {
    /// Of this board, by id, where lines belong to boards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// [`Page::next`] of the call before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// At most so many; 1 to 500, 50 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "station", schema(minimum = 1, maximum = 500))]
    pub limit: Option<u32>,
}

/// An error, as RFC 9457 has it: the body of each answer that isn't 2xx, `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `about:blank`: the status says the type.
    #[serde(rename = "type", default = "blank")]
    pub kind_of: String,
    /// What the status is called.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong, one line.
    pub detail: String,
    /// The kind, in the words of [`crate::error::Kind`]: it decides a program's exit code.
    pub kind: crate::error::Kind,
    /// What helps: texts, and things to do with a member `do` between them.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "crate::error::Remedy::serialize_list"
    )]
    pub hint: Option<crate::error::Remedy>,
    /// Each thing that is wrong, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<String>,
}

fn blank() -> String {
    "about:blank".to_owned()
}
