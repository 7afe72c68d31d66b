//! The second conversation: the board asks for files.

use std::sync::Arc;

use super::{Content, Failure, READ_TIMEOUT, Reply, Session, Step, in_file};
use crate::usb::event::What;
use crate::usb::lookup::Found;
use crate::usb::message::{BadName, FILE_MESSAGE, Request};
use crate::usb::metadata::Metadata;
use crate::usb::transport::Fault;
use crate::usb::trouble::Trouble;

/// Malformed messages in a row. One may be a late answer that belongs to an earlier transfer.
const MAX_MALFORMED: u32 = 3;
/// Transfers in a row that fail between two requests.
const MAX_FAULTS: u32 = 3;
/// Requests for one file in a row. Boards read config.txt up to five times, but not in a row.
const MAX_SAME: u32 = 200;
/// Requests in one session: the longest boot known asks some hundred times.
const MAX_REQUESTS: u32 = 100_000;
/// Reads in a row that nothing comes back from. Each waits [`READ_TIMEOUT`].
const MAX_SILENT: u32 = 3;

/// Where a board's files are.
pub trait Files {
    /// The file of a name; `None` where there is no such file.
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
                if let Some((key, value)) = Metadata::default().take(&message) {
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
