//! The words between the station and people's programs: what is behind `/api/v1`, as JSON over HTTP. The command line is
//! the first that speaks them; the store keeps the same things.
//!
//! Times are unix milliseconds in UTC. Names of things that the station makes are UUIDs of version 7, so they sort by
//! the time of their making. No I/O, no clock.

mod audit;
mod board;
mod call;
mod care;
mod firmware;
mod hook;
mod host_hook;
mod image;
mod import;
mod job;
mod label;
mod many;
mod name;
mod objects;
mod people;
mod place;
mod printer;
mod project;
mod project_file;
mod script;
mod setting;
mod statistics;
mod upload;
mod value;

pub use audit::{Audit, AuditAsked, Broken, Link, digest};
pub use board::{Board, BoardFacts, Enrolment, Held, Sighting, Slot, SlotKind, Suspicion};
pub use call::{
    BoardChange, BoardSort, BoardsAsked, Bootd, BootdState, Change, DamagedRecord, ExportFormat, Invited,
    JobsAsked, ListAsked, LogLine, LoggedIn, Login, MadeToken, NewInvitation, NewJob, NewRule, NewToken,
    NewUser, Page, Problem, Room, RuleTest, RuleWhy, RunsAsked, Status, Thing, UserChange, Verdict,
};
pub use care::{Support, SupportFigures, SupportRun, Trouble, TroubleIs, TroubleOf};
pub use firmware::{
    EepromHad, EepromOtherwise, EepromRun, EepromState, EepromWhen, Firmware, HostFirmware, HostFirmwares,
    ProjectEeprom, TakeFirmware,
};
pub use hook::{DeliveriesAsked, Delivery, DeliveryState, Happening, Hook, MadeHook, NewHook};
pub use host_hook::{HostEvent, HostHook, HostHookRun, HostHooks};
pub use image::{
    AddedImage, Backup, FileAsked, FileIs, FileLine, FilesAsked, Image, ImageChange, ImageState, ImageUses,
};
pub use import::{Fate, Import, ImportAsked, Imported, LeftOut, OldLine, OldOutcome, OldRecord, Taken};
pub use job::{Job, JobState, Plan, RunLine};
pub use label::{
    FilledAsked, LONGEST_LABEL, Label, LabelLanguage, LabelWhen, MOST_COPIES, NewPrint, Print, PrintState,
    PrintsAsked, ProjectLabel, Scanned,
};
pub use many::{BoardNames, BoardsChange, Fit, FitAsked, MOST_BOARDS, NewJobs, OfBoard, OfBoards};
pub use name::{check_name, image_name};
pub use objects::{ObjectCopy, ObjectMove, ObjectOld, ObjectsAt, ObjectsStatus, ObjectsWithout};
pub use people::{Me, PasswordChange, Role, Scope, Session, Token, User};
pub use place::{Cell, FreePlace, NewSwitch, Switch, SwitchAsked, SwitchPort};
pub use printer::{
    CommandPrinter, FilePrinter, FtpPrinter, NewPrinter, Printer, PrinterAt, PrinterTakes, TcpPrinter,
};
pub use project::{
    Again, FIRST_BOOT_FORMAT, FirstBootSettings, MOST_RETRIES, MOST_SERIALS, Matching, NO_IMAGE, NoBoard,
    Project, Rule, What, shadow,
};
pub use project_file::{BadProjectFile, ProjectClone, ProjectFile, ProjectImport};
pub use script::{ScriptRun, ScriptState};
pub use setting::{NetworkNotice, SettingChange, SettingLine};
pub use statistics::{
    Bin, Boards, DayFigures, Reason, SegmentFigures, SlotFigures, Spread, Statistics, StatisticsAsked,
};
pub use upload::{LONGEST_PIECE, NewFetch, NewUpload, PieceAt, Upload, UploadState};
pub use value::{
    Addresses, AskedServer, BadValues, GivenAsked, GivenValues, LONGEST_VALUE, MOST_DRAWS, MOST_VALUES,
    MadeValueSource, NewValueSource, OWN, ReleaseValues, Sequence, Sheet, ValueSource, ValueSourceChange,
    ValueUpload, Values, ValuesOf, WARN, check_value, check_value_name, is_value_name, range_of_values,
    serial_of,
};

/// Unix milliseconds, UTC.
pub type Time = i64;
