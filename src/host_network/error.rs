//! Why the network of a host isn't changed, or isn't what it was changed to.

use std::io;
use std::path::PathBuf;

use super::plan::Refused;
use crate::error::{Action, Explain, Kind, Remedy, Task, remedy};

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no plan.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The system says no.
    #[error("{doing} {}", path.display())]
    Os {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is neither as it was before nor as it was made.
    #[error("{} changed by somebody since: nothing was done", match &paths[..] {
        [one] => format!("{} was", one.display()),
        _ => "these files were".to_owned(),
    })]
    Changed {
        /// The files.
        paths: Vec<PathBuf>,
    },
    /// Another change stands.
    #[error("{interface} has {address} by an earlier change of piprov, which stands")]
    Stands {
        /// The interface.
        interface: String,
        /// Its address.
        address: String,
        /// Where the root of another host is, as it was named.
        root: Option<PathBuf>,
    },
    /// The record can't be believed.
    #[error("the record {} can't be believed: {why}", path.display())]
    BadRecord {
        /// The record.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A program failed.
    #[error("`{command}` failed: {said}")]
    Step {
        /// The command.
        command: String,
        /// What it said, or how it ended.
        said: String,
    },
    /// A program failed before anything was taken back.
    #[error("nothing was taken back: `{command}` failed: {said}")]
    NotBegun {
        /// The command.
        command: String,
        /// What it said, or how it ended.
        said: String,
    },
    /// The files are back, and programs failed that were to make it so.
    #[error("the files are as they were before, and {}", match &steps[..] {
        [(command, said)] => format!("`{command}` failed: {said}"),
        _ => "these steps failed:".to_owned(),
    })]
    NotUndone {
        /// The commands, with what they said, or how they ended.
        steps: Vec<(String, String)>,
    },
    /// A place isn't as it was made just now.
    #[error("{} isn't what was written there just now", path.display())]
    Unlike {
        /// The place.
        path: PathBuf,
    },
    /// The kernel doesn't take the rules.
    #[error("nothing was changed: the kernel doesn't take the rules for the boards' way out: {said}")]
    NoRules {
        /// What it said.
        said: String,
    },
    /// What was changed is not there.
    #[error("the files are written, and {what}")]
    NotThere {
        /// What is missing, as a sentence.
        what: String,
    },
    /// What was taken back is still there.
    #[error("the files are as they were before, and {what}")]
    Left {
        /// What is left, as a sentence.
        what: String,
    },
    /// Ctrl-C.
    #[error("interrupted: what was done so far is recorded")]
    Stopped,
}

impl Error {
    pub(super) fn os(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Os { doing, path, source }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused(refused) => refused.kind(),
            Self::Os { source, .. } => Kind::of_output(source),
            Self::Changed { .. } | Self::BadRecord { .. } => Kind::Config,
            Self::Unlike { .. } => Kind::Io,
            Self::Stands { .. } => Kind::Usage,
            Self::NoRules { .. } => Kind::Unavailable,
            Self::Step { .. }
            | Self::NotBegun { .. }
            | Self::NotUndone { .. }
            | Self::NotThere { .. }
            | Self::Left { .. } => Kind::Failed,
            Self::Stopped => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Refused(refused) => refused.hint(),
            Self::Os { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some(remedy![Action::AsRoot])
            }
            Self::Os { .. } => None,
            Self::Changed { .. } => {
                Some("put them back as piprov has made them, or take them out by hand".into())
            }
            Self::Stands { root, .. } => {
                let undo = match root {
                    None => Action::from(Task::HostNetworkUndo),
                    Some(root) => Task::HostNetworkUndoBelow.of(root.display()),
                };
                Some(remedy![undo, " takes it back; then it can be another one"])
            }
            Self::BadRecord { path, .. } => {
                Some(remedy!["look at it: ", Action::host("ls -l").arg(path.display())])
            }
            Self::NoRules { .. } => Some(remedy![
                "in a container, the modules have to be loaded at the container's own host: ",
                Action::host_as_root("modprobe -a nf_tables nft_chain_nat nft_masq nft_ct"),
            ]),
            Self::Step { .. } | Self::NotThere { .. } | Self::Stopped => {
                Some(remedy!["the same again goes on; ", Task::HostNetworkUndo, " takes it back"])
            }
            Self::NotBegun { .. } | Self::NotUndone { .. } => Some(remedy![
                "the record of it stays: once that works, ",
                Task::HostNetworkUndo,
                " takes back the rest"
            ]),
            Self::Unlike { .. } => Some("somebody else may have written it: see who, and try again".into()),
            Self::Left { .. } => Some(remedy![
                "it is gone after the next start of this host; then ",
                Task::HostNetworkUndo,
                " ends it"
            ]),
        }
    }

    fn more(&self) -> Vec<String> {
        match self {
            Self::Refused(refused) => refused.more(),
            Self::Changed { paths } if paths.len() > 1 => {
                paths.iter().map(|path| path.display().to_string()).collect()
            }
            Self::NotUndone { steps } if steps.len() > 1 => {
                steps.iter().map(|(command, said)| format!("`{command}`: {said}")).collect()
            }
            _ => Vec::new(),
        }
    }
}
