//! What goes from the servers' threads to the one that tells and records.
//!
//! A record that begins or ends is brought to the disk, which takes milliseconds, or a tenth of a second on a card; and
//! the program that reads the output may stop reading. No board may wait for either: a boot ROM gives up after 25 s,
//! and what is waited for in a server's loop all boards wait for. So nothing here waits for room: of what doesn't fit,
//! what matters least is left out, and how much that was is told.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::event::What;
use crate::board::Who;
use crate::netboot::steps::{Id, Step};
use crate::run::{Moment, Stage};

/// So much waits at most: all steps of a boot that matter, of more boards than a rack has.
const MOST: usize = 16_384;

/// Something that is to be told.
#[derive(Debug)]
pub(super) enum News {
    /// It belongs to no board.
    Server {
        /// When it happened.
        moment: Moment,
        /// What.
        what: What,
    },
    /// A board went a step further, or doesn't.
    Step(Stepped),
    /// A board has so much of a file.
    Bytes {
        /// The board.
        id: Id,
        /// Bytes of this file.
        bytes: u64,
        /// When.
        moment: Moment,
    },
}

/// A step of a board's boot, with what is known of the board.
#[derive(Debug)]
pub(super) struct Stepped {
    /// The board.
    pub(super) id: Id,
    /// What happened.
    pub(super) step: Step,
    /// The board, as far as it is known.
    pub(super) board: Who,
    /// The step in the words of all runs.
    pub(super) stage: Stage,
    /// The boot so far, in a line.
    pub(super) trail: String,
    /// When.
    pub(super) moment: Moment,
}

impl News {
    /// Whether it can be missed.
    fn is_minor(&self) -> bool {
        match self {
            Self::Server { what, .. } => matches!(what, What::Dhcp { .. }),
            Self::Step(stepped) => stepped.step.is_detail() && !matches!(stepped.step, Step::Forgotten),
            Self::Bytes { .. } => true,
        }
    }
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    there: Condvar,
}

#[derive(Debug, Default)]
struct State {
    news: VecDeque<News>,
    left_out: u64,
    closed: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds something, without waiting.
    pub(super) fn push(&self, news: News) {
        let mut state = self.state();
        let most = if news.is_minor() { MOST / 2 } else { MOST };
        if state.news.len() >= most {
            state.left_out += 1;
            return;
        }
        state.news.push_back(news);
        self.there.notify_one();
    }

    /// No more comes.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.there.notify_one();
    }

    /// Waits for news: all that is there, and how much was left out meanwhile. `None` once it is closed and empty.
    pub(super) fn take(&self) -> Option<(VecDeque<News>, u64)> {
        let state = self.state();
        let nothing = |state: &mut State| state.news.is_empty() && state.left_out == 0 && !state.closed;
        let mut state = self.there.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner);
        let (news, left_out) = (std::mem::take(&mut state.news), std::mem::take(&mut state.left_out));
        (!news.is_empty() || left_out > 0).then_some((news, left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_least_is_left_out_and_nobody_waits() {
        let queue = Queue::default();
        let id = Id::Ip([10, 0, 0, 1].into());
        for bytes in 0..MOST as u64 {
            queue.push(News::Bytes { id, bytes, moment: Moment::now() });
        }
        for _ in 0..MOST {
            queue.push(News::Server { moment: Moment::now(), what: What::Clients { count: 1 } });
        }
        let (news, left_out) = queue.take().unwrap();
        assert_eq!((news.len(), left_out), (MOST, MOST as u64));
        assert_eq!(news.iter().filter(|news| matches!(news, News::Bytes { .. })).count(), MOST / 2);
        queue.push(News::Server { moment: Moment::now(), what: What::Clients { count: 2 } });
        queue.close();
        assert_eq!(queue.take().map(|(news, left_out)| (news.len(), left_out)), Some((1, 0)));
        assert!(queue.take().is_none());
    }
}
