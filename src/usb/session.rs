//! The two conversations with a board, without a device: what to do next, given how the last thing went.
//!
//! [`FirstStage`] sends the bootcode to the boot ROM. [`FileServer`] answers what asks for files afterwards; one boot
//! may have several such sessions, each after the board has left the bus and come back. Source: usbboot's main.c.

mod files;
mod first;

use std::sync::Arc;

pub use files::{FileServer, Files, Served};
pub use first::{FirstStage, Uploaded};

use super::event::What;
use super::lookup::Found;
use super::transport::Fault;
use super::trouble::Trouble;

/// How long a read waits. It is never given up earlier: the late answer would be taken for the next one's.
pub const READ_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(20);

/// What is to be done next.
#[derive(Debug)]
pub enum Step<End> {
    /// Tell the board a length, and nothing else.
    Announce(u32),
    /// Tell the board the length of a content, and send it.
    Write(Content),
    /// Read so many bytes.
    Read(usize),
    /// Nothing: it is over.
    End(End),
}

/// What is sent.
#[derive(Debug, Clone)]
pub enum Content {
    /// A message.
    Bytes(Vec<u8>),
    /// A file.
    File {
        /// Its name, as the board asked for it.
        name: String,
        /// Its bytes.
        found: Arc<Found>,
    },
}

impl Content {
    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> u32 {
        match self {
            // Messages have a few bytes.
            Self::Bytes(bytes) => u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            Self::File { found, .. } => found.len,
        }
    }

    /// The name of a file; nothing for a message.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Bytes(_) => "",
            Self::File { name, .. } => name,
        }
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How the last step went.
#[derive(Debug)]
pub enum Reply<'a> {
    /// There was no step yet.
    Start,
    /// It was told or sent completely.
    Done,
    /// These bytes were read.
    Bytes(&'a [u8]),
    /// It failed.
    Failed(Failure),
}

/// How a step failed.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// A transfer did, after so many bytes of the content.
    Fault {
        /// Which way.
        fault: Fault,
        /// Bytes of the content that the board has.
        sent: u64,
    },
    /// The file is shorter than what the board was told.
    Shrunk {
        /// Where it ends.
        at: u64,
    },
    /// The file can't be read.
    Unreadable {
        /// Where.
        at: u64,
        /// What the system said.
        why: String,
    },
    /// The user has stopped it.
    Stopped,
}

/// A conversation.
pub trait Session {
    /// How it ends.
    type End;

    /// The next step. `tell` gets what happened.
    fn next(&mut self, reply: Reply<'_>, tell: &mut dyn FnMut(What)) -> Step<Self::End>;
}

/// What a failure in the middle of a file means.
fn in_file(content: &Content, failure: Failure) -> Trouble {
    let (name, bytes) = match content {
        Content::File { name, found } => (name.clone(), u64::from(found.len)),
        Content::Bytes(bytes) => (String::new(), bytes.len() as u64),
    };
    match failure {
        Failure::Fault { fault: Fault::Gone, sent } => Trouble::CutOff { name, sent, bytes },
        Failure::Fault { fault, sent } => Trouble::Stuck { name, sent, bytes, fault },
        Failure::Shrunk { at } => Trouble::Shrunk { name, at, bytes },
        Failure::Unreadable { at, why } => Trouble::Unreadable { name, at, why },
        Failure::Stopped => Trouble::Stopped,
    }
}

#[cfg(test)]
mod tests;
