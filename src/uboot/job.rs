//! One board's job, without sockets: what the boot script asks for, and what it is answered.
//!
//! The board asks by the paths of its TFTP read requests, below a directory named by its MAC address:
//!
//! | path | meaning | answer |
//! |---|---|---|
//! | `job/START-SIZE` | is there anything to do? My own partition lies at block START, SIZE blocks long (hex) | the first step, or error 1 |
//! | `JOB/FILE` | the bytes of a step | a range of the image, or a few made-up sectors |
//! | `JOB/read/N/SUM` | step N is written; this is the CRC32 of what I read back | the next step, the same again, or wait |
//! | `JOB/fail/N/STAGE` | step N failed in STAGE (`size`, `fetch`, `write`, `read-back`, `sum`) | the same step again, or stop |
//! | `JOB/OK` | all steps are done | a few bytes; the job is retired |
//!
//! A job with a secret answers the first question by `prove` and a number that it has drawn. The board asks again, and
//! from then on every path ends in `/TAG`, which only a holder of the card's secret can make, and only for this one
//! thing told once: see `proof.rs` beside this file. Each answer numbers its order for that (`pp_seq`).
//!
//! A step's answer is a text of `name=value` lines that the script imports: see `answer_text.rs` beside this file.
//! The board never learns the checksum that is expected: it tells what it read, and the host compares.
//!
//! SUM comes in either byte order. U-Boot's `crc32` stores big-endian where it is built with `CONFIG_HASH`
//! for it and in the processor's order where not, and the script loads what was stored with `setexpr.l`.
//! Either order is accepted, which leaves a chance of 2 in 2^32 that a wrong block passes.

mod guard;
mod original;
mod paths;

use std::sync::Arc;

use super::answer_text::{self, Word, sum_is};
use super::layout::{self, CardInfo, Layout};
use super::proof::Said;
use super::secret::Secret;
use super::step::{Content, Known, Material, Step, step};
use crate::board::Mac;
use crate::image::table::BLOCK;
use guard::{Guard, Proof};
use paths::Asked;

pub(super) use original::ORIGINAL_FIRST;
pub use original::ORIGINAL_PART;

/// How often one step is sent again, after a failure or a difference, before the job fails.
const RETRIES: u32 = 2;
/// How often a board may start anew in the middle of a job before the job fails.
const RESTARTS: u32 = 3;
/// How often the bytes of one order may be fetched as news. More is answered, but is no sign of life: any host that has
/// heard the question once can repeat it.
const FETCHES: u32 = 8;

/// The stage that the board says it failed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoardStage {
    /// The card ends before the last block that the job needs.
    Size,
    /// Fetching a file, or it had another length than announced.
    Fetch,
    /// Writing to the card.
    Write,
    /// Reading back from the card.
    ReadBack,
    /// It was read back, and nobody has confirmed the checksum: a staged tree holds only the right one, and an
    /// answer can get lost.
    Sum,
}

/// What is answered to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// These bytes.
    Send(Content),
    /// It is not known yet; ask the job again.
    Later,
    /// TFTP error 1: there is no such file.
    NotFound(&'static str),
}

/// What has happened, for the caller to tell.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// The board is there and has asked for its job.
    Booted {
        /// Its card, as it told.
        card: CardInfo,
        /// How often it has come already in this job.
        before: u32,
    },
    /// It fetches a step.
    Fetching(usize, Step),
    /// A step was read back and is equal.
    Equal(usize, Step, u32),
    /// A step goes out again.
    Again {
        /// Which step.
        step: Step,
        /// Why.
        why: Trouble,
    },
    /// All steps are read back and equal, and the board has said that it is done.
    Reported,
    /// A card of the original's kind has reported a byte count.
    ReportedCount(Option<u32>),
    /// A card of the original's kind has asked for a part.
    Original(usize),
    /// A request was refused, because of its sender or of what it asks for.
    Refused(Refused),
    /// The job has failed.
    Failed(Failure),
}

/// Why a request was refused that might have been the board's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// It belongs to an earlier job, or to another one.
    OtherJob(u32),
    /// It doesn't prove that it knows the card's secret.
    Unproved,
    /// It is what a card of the original's kind asks or tells, and those aren't served.
    OriginalCard,
}

/// What can go wrong with a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The board says that it failed.
    Board(BoardStage),
    /// What was read back differs.
    Differs {
        /// CRC32 of the image's bytes.
        expected: u32,
        /// CRC32 that the board told.
        got: u32,
    },
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The image doesn't fit this card.
    Layout(layout::Error),
    /// The card ends before the image does.
    TooSmall {
        /// Bytes that the card needs.
        needed: u64,
    },
    /// A step failed too often.
    Step {
        /// Which step.
        step: Step,
        /// What happened the last time.
        why: Trouble,
    },
    /// The board starts anew again and again.
    Restarts(u32),
    /// A card of the original's kind, and an image that its fixed addresses would ruin.
    OriginalCard,
    /// A card of the original's kind has reported a failure.
    OriginalFailed,
}

/// One board's job.
#[derive(Debug)]
pub struct Job {
    id: u32,
    card: Option<(CardInfo, Arc<Layout>)>,
    /// CRC32 as read back, step by step.
    read: Vec<u32>,
    /// Attempts at the step in hand that failed.
    tries: u32,
    starts: u32,
    /// How often a step is sent again.
    retries: u32,
    state: State,
    /// Whether the board's card is one of the original's kind.
    original: bool,
    guard: Option<Guard>,
    /// The last order, for a board that has missed it.
    last: Option<Answer>,
    /// How often the bytes of the order in hand were fetched.
    fetches: u32,
    understood: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Everything was read back and equal; the board hasn't said its last word.
    Proved,
    Done,
    /// A card of the original's kind has said how many bytes it wrote, which proves nothing.
    Counted,
    Failed,
}

impl Job {
    /// A job that no board has heard of. `id` must differ from those of earlier jobs: random is good.
    #[must_use]
    pub fn new(id: u32) -> Self {
        Self {
            id,
            card: None,
            read: Vec::new(),
            tries: 0,
            starts: 0,
            retries: RETRIES,
            state: State::Open,
            original: false,
            guard: None,
            last: None,
            fetches: 0,
            understood: false,
        }
    }

    /// The same job for a card of the original's kind, and for no other.
    #[must_use]
    pub fn original(mut self) -> Self {
        self.original = true;
        self
    }

    /// The same job for the board with this address, which has to know its card's secret. `key` are random
    /// bits, from which the numbers come that the board has to prove itself with.
    #[must_use]
    pub fn guarded(mut self, secret: Secret, mac: Mac, key: [u64; 2]) -> Self {
        self.guard = Some(Guard::new(secret, mac, key));
        self
    }

    /// Whether it is for a card of the original's kind.
    #[must_use]
    pub fn is_original(&self) -> bool {
        self.original
    }

    /// Whether only a board that knows the card's secret is answered.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        self.guard.is_some()
    }

    /// Whether the last question was one that the board in hand asks, and that shows that it lives.
    #[must_use]
    pub fn understood(&self) -> bool {
        self.understood
    }

    /// The same job where its answers lie in files: those can't send a step again, so its first failure ends it.
    #[must_use]
    pub fn staged(mut self) -> Self {
        self.retries = 0;
        self
    }

    /// The job's name in paths.
    #[must_use]
    pub fn name(&self) -> String {
        answer_text::job_name(self.id)
    }

    /// Whether every step was read back and equal.
    #[must_use]
    pub fn proved(&self) -> bool {
        matches!(self.state, State::Proved | State::Done)
    }

    /// Whether nothing more will be answered.
    #[must_use]
    pub fn over(&self) -> bool {
        matches!(self.state, State::Done | State::Counted | State::Failed)
    }

    /// How many steps were read back and equal.
    #[must_use]
    pub fn steps_done(&self) -> usize {
        self.read.len()
    }

    /// The card's U-Boot partition and the layout made for it, once the board has told.
    #[must_use]
    pub fn card(&self) -> Option<&(CardInfo, Arc<Layout>)> {
        self.card.as_ref()
    }

    /// What a board may be told that has waited for the answer to `path`: to ask again. `None` where `path` is no
    /// question but a file, which has to come sooner or later.
    #[must_use]
    pub fn wait(&self, path: &str) -> Option<Answer> {
        let path = paths::read(path).filter(|path| path.job == Some(&self.name()))?;
        let question = matches!(path.asked, Asked::Read(..) | Asked::Fail(..));
        // No new order: the board asks the same again.
        question.then(|| self.numbered(answer_text::word(&self.name(), Word::Wait)))
    }

    /// Ends the job from outside: nothing more is answered.
    pub fn abandon(&mut self) {
        if !self.over() {
            self.state = State::Failed;
        }
    }

    /// Ends a job whose steps are all proved although the board's last word is missing.
    pub fn accept_silence(&mut self) {
        if self.state == State::Proved {
            self.state = State::Done;
        }
    }

    /// Answers a read request. `path` is what follows the board's directory. Asking again after
    /// [`Answer::Later`] gives no news twice.
    pub fn ask(&mut self, path: &str, material: &dyn Material, news: &mut Vec<News>) -> Answer {
        self.understood = false;
        let answer = self.answer(path, material, news);
        if matches!(answer, Answer::NotFound(_) | Answer::Later) {
            self.understood = false;
        }
        answer
    }

    fn answer(&mut self, path: &str, material: &dyn Material, news: &mut Vec<News>) -> Answer {
        const NO_JOB: Answer = Answer::NotFound("no job");
        let Some(path) = paths::read(path) else {
            if let Some(id) = paths::earlier(path).filter(|id| *id != self.id) {
                news.push(News::Refused(Refused::OtherJob(id)));
            }
            return Answer::NotFound("not understood");
        };
        if let Asked::Original(number) = path.asked {
            return self.original_part(number, material, news);
        }
        if self.original {
            return Answer::NotFound("no job for this kind of card");
        }
        match (path.asked, path.job) {
            (Asked::Job(start, size), _) => return self.begin((start, size), path.tag, material, news),
            (_, Some(name)) if name == self.name() => {}
            (_, name) => {
                if let Some(id) = name.and_then(paths::earlier) {
                    news.push(News::Refused(Refused::OtherJob(id)));
                }
                return NO_JOB;
            }
        }
        let in_hand = u32::try_from(self.read.len()).unwrap_or(u32::MAX);
        let (step, said) = match path.asked {
            Asked::Ok => (0, Said::Ok),
            Asked::Read(n, sum) => (n, Said::Read(sum)),
            Asked::Fail(n, stage) => (n, Said::Fail(stage)),
            Asked::File(_) | Asked::Job(..) | Asked::Original(_) => (in_hand, Said::Fetch),
        };
        let proof = match (&self.guard, path.tag) {
            // Without a secret nothing needs to be proved.
            (None, _) => Proof::Now,
            (Some(guard), Some(tag)) => guard.proves(step, said, tag),
            (Some(_), None) => Proof::None,
        };
        match proof {
            Proof::Now => {}
            Proof::Before if self.state == State::Failed => return NO_JOB,
            Proof::Before => return self.last.clone().unwrap_or(NO_JOB),
            Proof::None => {
                news.push(News::Refused(Refused::Unproved));
                return NO_JOB;
            }
        }
        if self.state == State::Done && path.asked == Asked::Ok {
            // The answer to the report got lost; the board asks again.
            return self.word(Word::Done);
        }
        if self.over() {
            return NO_JOB;
        }
        let Some((_, layout)) = self.card.clone() else { return NO_JOB };
        self.understood = true;
        match path.asked {
            Asked::Ok => self.report(news),
            Asked::Read(n, sum) => self.read_back(n as usize, sum, &layout, material, news),
            Asked::Fail(n, stage) => self.failed_step(n as usize, stage, &layout, material, news),
            Asked::File(file) => self.file(file, &layout, material, news),
            Asked::Job(..) | Asked::Original(_) => NO_JOB,
        }
    }

    fn begin(
        &mut self,
        (start, size): (u32, u32),
        tag: Option<u64>,
        material: &dyn Material,
        news: &mut Vec<News>,
    ) -> Answer {
        const NO_JOB: Answer = Answer::NotFound("no job");
        if self.over() {
            return NO_JOB;
        }
        if let Some(guard) = &mut self.guard {
            let Some(tag) = tag else {
                // Anybody may ask; it changes nothing.
                return text(answer_text::challenge(&answer_text::job_name(self.id), guard.challenge()));
            };
            match guard.begins(start, size, tag) {
                Proof::Now => {}
                Proof::Before => return self.last.clone().unwrap_or(NO_JOB),
                Proof::None => {
                    news.push(News::Refused(Refused::Unproved));
                    return NO_JOB;
                }
            }
        }
        self.understood = true;
        if self.state == State::Proved {
            // It started again without a last word; everything was proved, so it need not be flashed again.
            self.report(news);
            return NO_JOB;
        }
        let place = CardInfo {
            uboot_start: u64::from(start) * BLOCK,
            uboot_len: u64::from(size) * BLOCK,
            size: None,
        };
        let layout = match material.layout(&place) {
            Ok(layout) => layout,
            Err(why) => {
                self.fail(Failure::Layout(why), news);
                return Answer::NotFound("the image does not fit this card");
            }
        };
        if self.starts > RESTARTS {
            self.fail(Failure::Restarts(self.starts), news);
            return NO_JOB;
        }
        news.push(News::Booted { card: place, before: self.starts });
        self.starts += 1;
        self.read.clear();
        self.tries = 0;
        self.card = Some((place, Arc::clone(&layout)));
        match step(0, &layout, material) {
            Known::Is(Some(step)) => self.order(0, &step, &layout),
            _ => NO_JOB,
        }
    }

    fn file(&mut self, file: &str, layout: &Layout, material: &dyn Material, news: &mut Vec<News>) -> Answer {
        // Only the step in hand: nothing else is ever asked for in good faith.
        let n = self.read.len();
        match step(n, layout, material) {
            Known::Is(Some(step)) if step.file == file => {
                let content = step.content.clone();
                self.fetches = self.fetches.saturating_add(1);
                self.understood = self.fetches <= FETCHES;
                if self.understood {
                    news.push(News::Fetching(n, step));
                }
                Answer::Send(content)
            }
            Known::NotYet => Answer::Later,
            Known::Is(_) => Answer::NotFound("no such file"),
        }
    }

    fn read_back(
        &mut self,
        n: usize,
        sum: u32,
        layout: &Layout,
        material: &dyn Material,
        news: &mut Vec<News>,
    ) -> Answer {
        let current = self.read.len();
        if n + 1 == current && sum_is(sum, self.read[n]) {
            // The answer got lost and the board asks again.
            return self.next(layout, material);
        }
        if n != current {
            return Answer::NotFound("not the step in hand");
        }
        let Known::Is(Some(step)) = step(n, layout, material) else { return Answer::Later };
        let Some(expected) = answer_text::expected(&step, material) else { return Answer::Later };
        if !sum_is(sum, expected) {
            return self.again(n, step, Trouble::Differs { expected, got: sum }, layout, news);
        }
        self.read.push(expected);
        self.tries = 0;
        news.push(News::Equal(n, step, expected));
        self.next(layout, material)
    }

    fn failed_step(
        &mut self,
        n: usize,
        stage: BoardStage,
        layout: &Layout,
        material: &dyn Material,
        news: &mut Vec<News>,
    ) -> Answer {
        if stage == BoardStage::Sum && n + 1 == self.read.len() {
            // The checksum was right; only the answer didn't arrive.
            return self.next(layout, material);
        }
        if n != self.read.len() {
            return Answer::NotFound("not the step in hand");
        }
        let Known::Is(Some(step)) = step(n, layout, material) else { return Answer::Later };
        if stage == BoardStage::Size {
            self.fail(Failure::TooSmall { needed: layout.card_len }, news);
            return self.word(Word::Stop);
        }
        self.again(n, step, Trouble::Board(stage), layout, news)
    }

    fn again(&mut self, n: usize, step: Step, why: Trouble, layout: &Layout, news: &mut Vec<News>) -> Answer {
        if self.tries >= self.retries {
            self.fail(Failure::Step { step, why }, news);
            return self.word(Word::Stop);
        }
        self.tries += 1;
        let answer = self.order(n, &step, layout);
        news.push(News::Again { step, why });
        answer
    }

    /// What comes after the steps that are done.
    fn next(&mut self, layout: &Layout, material: &dyn Material) -> Answer {
        let n = self.read.len();
        match step(n, layout, material) {
            Known::Is(Some(step)) => self.order(n, &step, layout),
            Known::Is(None) => {
                self.state = State::Proved;
                self.word(Word::Done)
            }
            Known::NotYet => Answer::Later,
        }
    }

    fn order(&mut self, n: usize, step: &Step, layout: &Layout) -> Answer {
        self.fetches = 0;
        let order = answer_text::write(&self.name(), n, step, layout);
        self.ordered(order)
    }

    fn word(&mut self, word: Word) -> Answer {
        let order = answer_text::word(&self.name(), word);
        self.ordered(order)
    }

    /// An order that comes after what was told: its number is a new one.
    fn ordered(&mut self, order: Vec<u8>) -> Answer {
        if let Some(guard) = &mut self.guard {
            guard.ordered();
        }
        let answer = self.numbered(order);
        self.last = Some(answer.clone());
        answer
    }

    fn numbered(&self, mut order: Vec<u8>) -> Answer {
        if let Some(guard) = &self.guard {
            order.extend(answer_text::number(guard.order()));
        }
        text(order)
    }

    fn report(&mut self, news: &mut Vec<News>) -> Answer {
        if self.state != State::Proved {
            return Answer::NotFound("not everything was read back");
        }
        self.state = State::Done;
        news.push(News::Reported);
        self.word(Word::Done)
    }

    fn fail(&mut self, failure: Failure, news: &mut Vec<News>) {
        self.state = State::Failed;
        news.push(News::Failed(failure));
    }
}

fn text(text: Vec<u8>) -> Answer {
    Answer::Send(Content::Bytes(text.into()))
}

#[cfg(test)]
pub(in crate::uboot) mod tests;
