//! Cards of the original's kind: parts at fixed addresses, and a byte count in the end, which proves nothing. They are
//! served only where that was asked for.

use super::{Answer, Failure, Job, News, Refused, State};
use crate::uboot::step::{Content, Known, Material};

/// Part size of the original's cards, in bytes: 750 MiB.
pub const ORIGINAL_PART: u64 = 786_432_000;
/// Where the original's cards expect the image's first partition, and how long: 4 MiB, 40 MiB.
pub(in crate::uboot) const ORIGINAL_FIRST: (u64, u64) = (4 << 20, 40 << 20);

impl Job {
    pub(super) fn original_part(
        &mut self,
        number: u64,
        material: &dyn Material,
        news: &mut Vec<News>,
    ) -> Answer {
        if self.over() {
            return Answer::NotFound("no job");
        }
        if !self.original {
            news.push(News::Refused(Refused::OriginalCard));
            return Answer::NotFound("cards of the original's kind are not served");
        }
        if material.first_partition() != ORIGINAL_FIRST {
            self.fail(Failure::OriginalCard, news);
            return Answer::NotFound("the image does not fit this card");
        }
        let Known::Is(raw) = material.raw_len() else { return Answer::Later };
        let start = number.checked_mul(ORIGINAL_PART).filter(|start| *start < raw);
        let Some(start) = start else {
            return Answer::NotFound("no more parts");
        };
        self.understood = true;
        news.push(News::Original(usize::try_from(number).unwrap_or(usize::MAX)));
        Answer::Send(Content::Range { start, len: ORIGINAL_PART.min(raw - start) })
    }

    /// Takes a report of the original's kind: a file `OK`, `FAILED` or `FAIL` with a 4-byte little-endian
    /// count of bytes. Says whether it was expected.
    pub fn original_report(&mut self, file: &str, count: Option<u32>, news: &mut Vec<News>) -> bool {
        if self.over() || !self.original {
            return false;
        }
        match file {
            "OK" => {
                self.state = State::Counted;
                news.push(News::ReportedCount(count));
            }
            "FAILED" | "FAIL" => self.fail(Failure::OriginalFailed, news),
            _ => return false,
        }
        true
    }
}
