//! The first conversation: the bootcode for the boot ROM.

use std::sync::Arc;

use super::{Content, Failure, Reply, Session, Step, in_file};
use crate::usb::event::What;
use crate::usb::lookup::Found;
use crate::usb::message::{self, RETURN_CODE, SIGNATURE};
use crate::usb::transport::Fault;
use crate::usb::trouble::Trouble;

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
                tell(What::Uploading { name: self.bootcode.name().to_owned(), bytes: self.bootcode.len() });
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
            // Newer chips have often left the bus by now. The outcome is seen when they come back.
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
