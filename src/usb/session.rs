//! The two conversations with a board, without a device: what to do next, given how the last thing went.
//!
//! [`FirstStage`] sends the bootcode to the boot ROM. [`FileServer`] answers what asks for files afterwards; one boot
//! may have several such sessions, each after the board has left the bus and come back. Source: usbboot's main.c.

use std::sync::Arc;

use super::event::{Trouble, What};
use super::lookup::Found;
use super::message::{self, BadName, FILE_MESSAGE, RETURN_CODE, Request, SIGNATURE};
use super::transport::Fault;

/// Messages in a row that are none. One may be a late answer that belongs to an earlier transfer.
const MAX_MALFORMED: u32 = 3;
/// Transfers in a row that fail between two requests.
const MAX_FAULTS: u32 = 3;
/// Requests for one file in a row. Boards read config.txt up to five times, but not in a row.
const MAX_SAME: u32 = 200;
/// Requests in one session: the longest boot known asks some hundred times.
const MAX_REQUESTS: u32 = 100_000;
/// Reads in a row that nothing comes back from. Each waits [`READ_TIMEOUT`].
const MAX_SILENT: u32 = 3;
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

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How the last step went.
#[derive(Debug)]
pub enum Reply<'a> {
    /// There was none yet.
    Start,
    /// It was told or sent, all of it.
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

/// Sends the bootcode.
#[derive(Debug)]
pub struct FirstStage {
    message: Vec<u8>,
    bootcode: Content,
    at: Upload,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upload {
    Start,
    Message,
    Bootcode,
    Code,
}

/// What came of the bootcode.
#[derive(Debug, PartialEq)]
pub enum Uploaded {
    /// The boot ROM has all of it. The code is what it answered, where it had time to: 0 is success.
    Sent(Option<i32>),
    /// It hasn't.
    Failed(Trouble),
}

impl FirstStage {
    /// A session that sends `bootcode`. The signature is zeros for an unsigned one.
    #[must_use]
    pub fn new(name: &str, bootcode: Found, signature: &[u8; SIGNATURE]) -> Self {
        // A bootcode of 2 GiB was refused when the payload was checked; here it can't be told as a length.
        let message = message::boot_message(bootcode.len.into(), signature);
        let message = message.map(|message| message.to_vec()).unwrap_or_default();
        let bootcode = Content::File { name: name.to_owned(), found: Arc::new(bootcode) };
        Self { message, bootcode, at: Upload::Start }
    }
}

impl Session for FirstStage {
    type End = Uploaded;

    fn next(&mut self, reply: Reply<'_>, tell: &mut dyn FnMut(What)) -> Step<Uploaded> {
        match (self.at, reply) {
            (Upload::Start, _) => {
                self.at = Upload::Message;
                tell(What::Uploading { bytes: self.bootcode.len() });
                Step::Write(Content::Bytes(self.message.clone()))
            }
            (Upload::Message, Reply::Done) => {
                self.at = Upload::Bootcode;
                Step::Write(self.bootcode.clone())
            }
            (Upload::Bootcode, Reply::Done) => {
                self.at = Upload::Code;
                Step::Read(RETURN_CODE)
            }
            (Upload::Code, Reply::Bytes(bytes)) => Step::End(Uploaded::Sent(message::return_code(bytes))),
            // Newer chips have often left the bus by now. What came of it is seen when they come back.
            (Upload::Code, Reply::Failed(failure)) if failure != Failure::Stopped => {
                Step::End(Uploaded::Sent(None))
            }
            (Upload::Bootcode, Reply::Failed(failure)) => {
                Step::End(Uploaded::Failed(in_file(&self.bootcode, failure)))
            }
            (_, Reply::Failed(Failure::Fault { fault, .. })) => {
                Step::End(Uploaded::Failed(Trouble::Fault(fault)))
            }
            (_, Reply::Failed(_)) => Step::End(Uploaded::Failed(Trouble::Stopped)),
            // A driver that answers something else than was asked.
            (_, Reply::Start | Reply::Done | Reply::Bytes(_)) => {
                Step::End(Uploaded::Failed(Trouble::Fault(Fault::Other("out of step".to_owned()))))
            }
        }
    }
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

/// Where a board's files are.
pub trait Files {
    /// The file of a name; none where there is none.
    ///
    /// # Errors
    /// Why the board doesn't get it.
    fn find(&self, name: &str) -> Result<Option<Found>, BadName>;
}

impl<F: Fn(&str) -> Result<Option<Found>, BadName>> Files for F {
    fn find(&self, name: &str) -> Result<Option<Found>, BadName> {
        self(name)
    }
}

/// Serves files.
#[derive(Debug)]
pub struct FileServer<F> {
    files: F,
    doing: Doing,
    /// What the board was last told the length of: it gets the bytes of that very file.
    announced: Option<(String, Arc<Found>)>,
    last: Option<String>,
    sent: u64,
    bytes: u64,
    malformed: u32,
    silent: u32,
    faults: u32,
    same: u32,
    requests: u32,
}

#[derive(Debug)]
enum Doing {
    Start,
    Reading,
    /// Announcing a length.
    Telling,
    Sending(Content),
    /// Answering the last message.
    Ending,
}

/// How a session of the file server ended.
#[derive(Debug, PartialEq)]
pub enum Served {
    /// The board said that it needs no more.
    Done,
    /// It left the bus between two requests.
    Left,
    /// It can't go on.
    Failed(Trouble),
}

impl<F: Files> FileServer<F> {
    /// A session over some files.
    pub fn new(files: F) -> Self {
        Self {
            files,
            doing: Doing::Start,
            announced: None,
            last: None,
            sent: 0,
            bytes: 0,
            malformed: 0,
            silent: 0,
            faults: 0,
            same: 0,
            requests: 0,
        }
    }

    /// The file that was asked for last.
    #[must_use]
    pub fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// How many files were sent, and their bytes.
    #[must_use]
    pub const fn sent(&self) -> (u64, u64) {
        (self.sent, self.bytes)
    }

    fn read(&mut self) -> Step<Served> {
        self.doing = Doing::Reading;
        Step::Read(FILE_MESSAGE)
    }

    fn announce(&mut self, len: u32) -> Step<Served> {
        self.doing = Doing::Telling;
        Step::Announce(len)
    }

    fn done(&self, tell: &mut dyn FnMut(What)) -> Step<Served> {
        tell(What::FilesEnd { files: self.sent });
        Step::End(Served::Done)
    }

    fn request(&mut self, bytes: &[u8], tell: &mut dyn FnMut(What)) -> Step<Served> {
        (self.silent, self.faults) = (0, 0);
        let request = match Request::parse(bytes) {
            Ok(request) => request,
            Err(last) => {
                self.malformed += 1;
                if self.malformed >= MAX_MALFORMED {
                    return Step::End(Served::Failed(Trouble::Malformed { times: self.malformed, last }));
                }
                tell(What::Note { text: format!("the board sends {last}") });
                return self.read();
            }
        };
        self.malformed = 0;
        self.requests += 1;
        if self.requests > MAX_REQUESTS {
            return Step::End(Served::Failed(Trouble::AsksForEver(self.requests)));
        }
        match request {
            Request::Done { answer: true } => {
                self.doing = Doing::Ending;
                Step::Announce(0)
            }
            Request::Done { answer: false } => self.done(tell),
            Request::Metadata(message) => {
                if let Some((key, value)) = super::metadata::Metadata::default().take(&message) {
                    tell(What::Told { key: key.to_owned(), value: value.to_owned() });
                }
                self.announce(0)
            }
            Request::BadName { name, why } => {
                tell(What::Refused { name, why });
                self.announce(0)
            }
            Request::Size(name) => self.file(name, false, tell),
            Request::Read(name) => self.file(name, true, tell),
        }
    }

    /// Answers for a file: its length, or its contents.
    fn file(&mut self, name: String, contents: bool, tell: &mut dyn FnMut(What)) -> Step<Served> {
        self.same = if self.last.as_deref() == Some(&*name) { self.same + 1 } else { 1 };
        self.last = Some(name.clone());
        if self.same > MAX_SAME {
            return Step::End(Served::Failed(Trouble::AsksAgain { name, times: self.same }));
        }
        // The file itself and not its name: it may be replaced between the two requests.
        let announced = self.announced.take().filter(|(known, _)| contents && *known == name);
        let found = match announced {
            Some((_, found)) => found,
            None => match self.files.find(&name) {
                Ok(Some(found)) => {
                    tell(What::Found { name: name.clone(), bytes: found.len, origin: found.origin });
                    Arc::new(found)
                }
                Ok(None) => {
                    tell(What::Missing { name });
                    return self.announce(0);
                }
                Err(why) => {
                    tell(What::Refused { name, why });
                    return self.announce(0);
                }
            },
        };
        if contents {
            let content = Content::File { name, found };
            self.doing = Doing::Sending(content.clone());
            return Step::Write(content);
        }
        let len = found.len;
        self.announced = Some((name, found));
        self.announce(len)
    }

    fn failed(&mut self, failure: Failure, tell: &mut dyn FnMut(What)) -> Step<Served> {
        let doing = std::mem::replace(&mut self.doing, Doing::Reading);
        let fault = match (doing, failure) {
            (_, Failure::Stopped) => return Step::End(Served::Failed(Trouble::Stopped)),
            // It has said that it needs no more.
            (Doing::Ending, _) => return self.done(tell),
            (Doing::Sending(content), failure) => {
                return Step::End(Served::Failed(in_file(&content, failure)));
            }
            (_, Failure::Fault { fault, .. }) => fault,
            // Only contents are read from files.
            (_, Failure::Shrunk { .. } | Failure::Unreadable { .. }) => {
                Fault::Other("out of step".to_owned())
            }
        };
        match fault {
            Fault::Gone => Step::End(Served::Left),
            Fault::Timeout => {
                self.silent += 1;
                if self.silent >= MAX_SILENT {
                    return Step::End(Served::Failed(Trouble::Silent(READ_TIMEOUT * self.silent)));
                }
                self.read()
            }
            fault => {
                self.faults += 1;
                if self.faults < MAX_FAULTS {
                    return self.read();
                }
                // What the system says until the hub has noticed that the board is gone.
                Step::End(if fault == Fault::Wire {
                    Served::Left
                } else {
                    Served::Failed(Trouble::Fault(fault))
                })
            }
        }
    }
}

impl<F: Files> Session for FileServer<F> {
    type End = Served;

    fn next(&mut self, reply: Reply<'_>, tell: &mut dyn FnMut(What)) -> Step<Served> {
        match reply {
            Reply::Failed(failure) => self.failed(failure, tell),
            Reply::Bytes(bytes) => self.request(bytes, tell),
            Reply::Start => {
                tell(What::FilesBegin);
                self.read()
            }
            Reply::Done => match std::mem::replace(&mut self.doing, Doing::Start) {
                Doing::Ending => self.done(tell),
                Doing::Sending(content) => {
                    self.sent += 1;
                    self.bytes += u64::from(content.len());
                    self.read()
                }
                Doing::Start | Doing::Reading | Doing::Telling => self.read(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
