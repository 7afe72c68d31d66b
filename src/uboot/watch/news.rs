//! What a job's news mean for its board: stages, steps for the record, and the end.

use std::time::Instant;

use super::BoardWatch;
use crate::error::{Kind, Knob, Task, remedy};
use crate::format::size;
use crate::image::report::{CountSays, judge_count};
use crate::uboot::event::{Ending, Event, Stage, What};
use crate::uboot::job::{BoardStage, Failure, News, Trouble};
use crate::uboot::peer::Stranger;
use crate::uboot::record::StepRecord;
use crate::uboot::step::{Content, Known};

impl BoardWatch {
    /// Takes what the job has learned.
    pub(super) fn digest(&mut self, news: News, now: Instant, events: &mut Vec<Event>) {
        match news {
            News::Booted { card, before } => {
                self.stage = Stage::Fetch;
                self.step = None;
                self.sent = 0;
                self.done_bytes = 0;
                self.steps.clear();
                let (peer, uboot_start, uboot_len) = (self.peer.address(), card.uboot_start, card.uboot_len);
                self.tell(What::Booted { peer, uboot_start, uboot_len, before }, events);
            }
            News::Fetching(n, step) => {
                self.stage = Stage::Fetch;
                self.sent = 0;
                let (label, bytes) = (step.label.clone(), step.len());
                self.step = Some((n, step, now));
                self.tell(What::Fetching { step: n, label, bytes }, events);
            }
            News::Equal(n, step, crc) => {
                // A server of several threads may hear the board's next request before its last acknowledgement. What
                // another server sends isn't known.
                if self.absent.is_none() {
                    self.fetched(&step.file, now, events);
                }
                let since = self.fetched.take().unwrap_or(now);
                let (bytes, label) = (step.len(), step.label.clone());
                self.stage = Stage::ReadBack;
                self.sent = 0;
                if step.part.is_some() {
                    self.done_bytes += bytes;
                }
                let image_offset = match step.content {
                    Content::Range { start, .. } => Some(start),
                    Content::Bytes(_) => None,
                };
                let crc32 = format!("{crc:08x}");
                self.steps.push(StepRecord {
                    label: label.clone(),
                    file: step.file,
                    image_offset,
                    card_offset: step.target,
                    bytes,
                    crc32: crc32.clone(),
                });
                self.step = None;
                self.tell(What::Equal { step: n, label, bytes, crc32, time: now - since }, events);
                if self.job.proved() {
                    self.stage = Stage::Report;
                }
            }
            News::Again { step, why } => {
                self.stage = Stage::Fetch;
                self.step = None;
                let why = trouble(why);
                self.tell(What::Again { label: step.label, why }, events);
            }
            News::Reported => {
                self.stage = Stage::Done;
                self.done(events);
            }
            News::Original(n) => {
                self.original = true;
                self.stage = Stage::Fetch;
                let text = format!(
                    "a card of the original's kind asks for part {}; it will tell a number of bytes, which proves nothing",
                    n + 1
                );
                self.tell(What::Note { text }, events);
            }
            News::Refused(why) => {
                if let Some((ip, _)) = self.asking {
                    self.refuse(ip, Stranger::Asked(why), events);
                }
            }
            News::Failed(failure) => self.failed(&failure, events),
            News::ReportedCount(_) => {}
        }
    }

    /// An original card has told how many bytes it wrote.
    pub(super) fn counted(&mut self, count: Option<u32>, raw_len: &Known<u64>, events: &mut Vec<Event>) {
        self.stage = Stage::Report;
        let wrong = match (count, raw_len) {
            // Its parts are sent filled to whole blocks, so no tail is dropped.
            (Some(count), Known::Is(len)) => {
                match judge_count(count, len.next_multiple_of(crate::image::table::BLOCK)) {
                    CountSays::Differs { expected } => {
                        Some(format!("the board reports {count} bytes instead of {expected}"))
                    }
                    CountSays::Matches | CountSays::TailDropped { .. } => None,
                }
            }
            _ => None,
        };
        if let Some(why) = wrong {
            let hint = Some("the transfer or the card failed; flash it again.".into());
            return self.ended(Ending::Failed { why, last_seen: None, hint, kind: Kind::Failed }, events);
        }
        let why = match count {
            Some(count) => format!("the board reports {count} bytes, and read nothing back"),
            None => "the board reports OK without a count, and read nothing back".to_owned(),
        };
        let hint = remedy![
            "its card is of the original's kind; one made by ",
            Task::CardBuild,
            " proves what it writes.",
        ];
        self.ended(Ending::NotVerified { why, hint: Some(hint) }, events);
    }

    pub(super) fn failed(&mut self, failure: &Failure, events: &mut Vec<Event>) {
        let worn =
            "the card may be worn or write-protected. Try again; twice at the same block means the card.";
        let (stage, why, hint, kind) = match failure {
            Failure::Layout(why) => (
                Stage::Prepare,
                why.to_string(),
                Some(remedy![Task::CardCheck, " shows where everything would go."]),
                Kind::BadData,
            ),
            Failure::TooSmall { needed } => (
                Stage::Prepare,
                format!("the card is smaller than the {} that the image needs", size(*needed)),
                Some("use a larger card, or a smaller image.".into()),
                Kind::BadData,
            ),
            Failure::Step { step, why } => {
                let at = format!("{}, block {:#x}: ", step.label, step.target / crate::image::table::BLOCK);
                let stage = match why {
                    Trouble::Board(BoardStage::Write) => Stage::Write,
                    Trouble::Board(BoardStage::Fetch | BoardStage::Size) => Stage::Fetch,
                    Trouble::Board(BoardStage::ReadBack | BoardStage::Sum) | Trouble::Differs { .. } => {
                        Stage::ReadBack
                    }
                };
                let hint = match stage {
                    Stage::Fetch => remedy![
                        "too little memory for a part? ",
                        Knob::PartSize.to("128MiB"),
                        ". Otherwise look at cable, switch and firewall.",
                    ],
                    _ => worn.into(),
                };
                (stage, format!("{at}{}", trouble(*why)), Some(hint), Kind::Failed)
            }
            Failure::Restarts(times) => (
                self.stage,
                format!("the board has started {times} times in the middle of the job"),
                Some("look at its power supply, and at whatever else may reset it.".into()),
                Kind::Failed,
            ),
            Failure::OriginalCard => (
                Stage::Prepare,
                "a card of the original's kind takes only images with a first partition of 40 MiB at 4 MiB"
                    .to_owned(),
                Some(remedy!["a card made by ", Task::CardBuild, " takes any image."]),
                Kind::BadData,
            ),
            Failure::OriginalFailed => {
                (Stage::Report, "the board reports FAILED".to_owned(), Some(worn.into()), Kind::Failed)
            }
        };
        self.stage = stage;
        self.ended(Ending::Failed { why, last_seen: None, hint, kind }, events);
    }
}

fn trouble(why: Trouble) -> String {
    match why {
        Trouble::Board(BoardStage::Size) => "the board reports that the card is too small".to_owned(),
        Trouble::Board(BoardStage::Fetch) => "the board reports that fetching failed".to_owned(),
        Trouble::Board(BoardStage::Write) => "the board reports that writing failed".to_owned(),
        Trouble::Board(BoardStage::ReadBack) => "the board reports that reading back failed".to_owned(),
        Trouble::Board(BoardStage::Sum) => {
            "what the board read back is not what it should have written, or the answer to it got lost"
                .to_owned()
        }
        Trouble::Differs { expected, got } => {
            format!("read back with checksum {got:08x} (or its bytes turned round) instead of {expected:08x}")
        }
    }
}
