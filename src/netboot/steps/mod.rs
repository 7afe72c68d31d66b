//! One board's boot, followed by what it sends: DISCOVER → OFFER → bootcode.bin → start.elf → kernel → system.
//!
//! No sockets and no clock of its own: signals go in with the time, [`Step`]s come out. What was only a probe, what
//! is missing and doesn't matter, what is missing and matters, and what the board does next is said here once, for
//! `serve` and for `watch`. The orders of requests are those of real boards' logs (raspberrypi/firmware issues 1012,
//! 1362, 1605; rpi-eeprom issues 74 and 87; tinkerbell's report on the Pi 5).

mod answers;
mod book;
mod files;
mod record;
mod step;
mod stuck;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

pub use book::{Book, Id, Told};
pub use files::{Part, Verdict};
pub use record::{Boot, Broken, Missing};
pub use step::{Happened, Offer, Sign, Signal, Step, Trouble};

use crate::board::{Chip, Model, Serial};
use crate::dhcp::pi::{DhcpClient, Stage};
use crate::error::Remedy;
use crate::netboot::content::place;
use crate::netboot::reason::{Once, Told as Reason};
use crate::run;

/// How far a boot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Discovering,
    Offered,
    Fetching,
    Loaded,
    Up,
}

/// One board that boots.
#[derive(Debug, Clone)]
pub struct Steps {
    stage: Option<Stage>,
    serial: Option<Serial>,
    revision: Option<u32>,
    phase: Phase,
    begun: Instant,
    heard: Instant,
    discovers: u32,
    offers: Vec<Offer>,
    address: Option<Ipv4Addr>,
    parts: BTreeSet<Part>,
    trail: Vec<String>,
    asked: BTreeSet<String>,
    got: BTreeSet<Part>,
    kernels_missing: Vec<String>,
    kernel_there: bool,
    told_absent: BTreeSet<String>,
    fatal: Option<String>,
    files: u32,
    bytes: u64,
    last_file: Option<String>,
    told_stuck: Option<Phase>,
    ours: bool,
    /// When it was first told where to boot from without an address, and it has shown none since.
    unaddressed: Option<Instant>,
    /// It asks a server for an address that another offered it.
    requests: bool,
    reasons: Once,
    /// What keeps it from booting, as far as that is known: why, and what helps.
    kept: Option<(String, Remedy)>,
}

/// What is kept of the names of files: more than any board asks for.
const MOST_NAMES: usize = 512;

/// Whatever asks after so long a silence was switched off meanwhile.
const AFRESH: Duration = Duration::from_secs(600);

impl Steps {
    /// A board that was just heard for the first time.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            stage: None,
            serial: None,
            revision: None,
            phase: Phase::Discovering,
            begun: now,
            heard: now,
            discovers: 0,
            offers: Vec::new(),
            address: None,
            parts: BTreeSet::new(),
            trail: Vec::new(),
            asked: BTreeSet::new(),
            got: BTreeSet::new(),
            kernels_missing: Vec::new(),
            kernel_there: false,
            told_absent: BTreeSet::new(),
            fatal: None,
            files: 0,
            bytes: 0,
            last_file: None,
            told_stuck: None,
            ours: false,
            unaddressed: None,
            requests: false,
            reasons: Once::default(),
            kept: None,
        }
    }

    /// Takes a signal, and says what it means.
    pub fn hear(&mut self, signal: &Signal, now: Instant) -> Vec<Step> {
        let mut steps = Vec::new();
        match signal {
            // What doesn't come from the board says nothing of whether it is still there.
            Signal::Reason(reason) => return self.reason(reason).into_iter().collect(),
            Signal::Discover(client) => self.discover(client, now, &mut steps),
            Signal::Request(client) => {
                self.requests = true;
                if self.is_system(client.stage) {
                    self.up(Sign::Dhcp, now, &mut steps);
                }
            }
            Signal::Offer(offer) => self.offer(*offer, now, &mut steps),
            Signal::Ack(address) => self.has_address(*address, Some("ACK"), &mut steps),
            Signal::Has(address) => self.has_address(*address, None, &mut steps),
            Signal::Asked(path) => self.asked(path, now, &mut steps),
            Signal::Sent(path, bytes) => self.sent(path, *bytes, now, &mut steps),
            Signal::Probed(path) => {
                self.kernel_there |= Part::of(place::split(path).1) == Part::Kernel;
                self.once(path, &mut steps, |path| Step::Probe { path });
            }
            Signal::Missing(path) => self.missing(path, &mut steps),
            Signal::Failed(path, why) => {
                steps.push(Step::Broken { path: path.clone(), why: why.clone() });
            }
            Signal::Nfs => self.up(Sign::Nfs, now, &mut steps),
        }
        self.heard = now;
        // A board that is heard again may get stuck again.
        if steps.iter().any(|step| !matches!(step, Step::Discover { .. })) {
            self.told_stuck = None;
        }
        steps
    }

    fn discover(&mut self, client: &DhcpClient, now: Instant, steps: &mut Vec<Step>) {
        if self.is_system(client.stage) {
            self.up(Sign::Dhcp, now, steps);
            return;
        }
        if !client.stage.is_pi() || client.stage == Stage::PiHost {
            return;
        }
        // bootcode.bin introduces itself anew; that is the same boot. The ROM of a 3B+ has called itself the same before.
        // That the file is all there may be told later than that it runs.
        let second = matches!(self.stage, Some(Stage::Rom | Stage::Serial))
            && client.stage == Stage::Serial
            && self.parts.contains(&Part::Bootcode)
            && !self.parts.contains(&Part::Firmware);
        if (self.phase > Phase::Offered && !second) || self.silent(now) >= AFRESH {
            self.again(now, steps);
        }
        if self.discovers == 0 {
            self.begun = now;
        }
        self.stage = Some(client.stage);
        self.serial = client.serial.or(self.serial);
        self.revision = client.revision.or(self.revision);
        if second {
            self.walk("DISCOVER by bootcode.bin");
        } else {
            self.discovers += 1;
            self.walk("DISCOVER");
        }
        steps.push(Step::Discover { count: self.discovers, program: client.stage });
    }

    /// It starts from the beginning. What was known to keep it from its kernel is told first.
    fn again(&mut self, now: Instant, steps: &mut Vec<Step>) {
        if self.told_stuck != Some(self.phase)
            && let Some((trouble, why, hint)) = stuck::lacks(self)
        {
            steps.push(Step::Stuck { trouble, why, hint });
        }
        let known = (self.serial, self.revision);
        *self = Self::new(now);
        (self.serial, self.revision) = known;
        steps.push(Step::Again);
    }

    /// Whether a DHCP message of this kind can only be one of the system that was booted. Before the kernel is there
    /// it is one of a boot program that doesn't say what it is.
    fn is_system(&self, stage: Stage) -> bool {
        matches!(stage, Stage::PiHost | Stage::Host) && self.got.contains(&Part::Kernel)
    }

    fn has_address(&mut self, address: Ipv4Addr, label: Option<&str>, steps: &mut Vec<Step>) {
        if self.address != Some(address) && !address.is_unspecified() {
            self.address = Some(address);
            if let Some(label) = label.filter(|_| self.phase <= Phase::Offered) {
                self.phase = Phase::Offered;
                self.walk(label);
            }
            steps.push(Step::Address { address });
        }
    }

    fn asked(&mut self, path: &str, now: Instant, steps: &mut Vec<Step>) {
        let (_, rest) = place::split(path);
        // A board with an address of its own asks no DHCP server. What only a new boot wants: a Pi 3 reads its config.txt
        // once more behind its kernel, but no system does.
        let another = match Part::of(rest) {
            Part::Bootcode | Part::Firmware => self.phase >= Phase::Loaded,
            Part::Update | Part::Settings => self.phase == Phase::Up,
            _ => false,
        };
        if another || self.silent(now) >= AFRESH {
            self.again(now, steps);
        }
        self.phase = self.phase.max(Phase::Fetching);
        if self.stage.is_none() {
            self.stage = files::stage_by(rest);
        }
        let part = Part::of(rest);
        // The same file several times, from several ports, is how bootcode.bin asks.
        let new = remember(&mut self.asked, path);
        if new && part.is_step() && self.parts.insert(part) {
            steps.push(Step::Part { part, path: path.to_owned() });
        }
    }

    fn sent(&mut self, path: &str, bytes: u64, now: Instant, steps: &mut Vec<Step>) {
        let (_, rest) = place::split(path);
        let part = Part::of(rest);
        self.phase = self.phase.max(Phase::Fetching);
        self.files += 1;
        self.bytes += bytes;
        self.got.insert(part);
        self.last_file = Some(path.to_owned());
        self.fatal = None;
        if let Some(label) = part.label(rest) {
            self.walk(label);
        }
        steps.push(Step::Got { path: path.to_owned(), bytes });
        let all = [Part::Kernel, Part::DeviceTree, Part::CommandLine];
        if self.phase < Phase::Loaded && all.iter().all(|part| self.got.contains(part)) {
            self.phase = Phase::Loaded;
            self.walk("loaded");
            let seconds = self.seconds(now);
            steps.push(Step::Loaded { files: self.files, bytes: self.bytes, seconds });
        }
    }

    fn missing(&mut self, path: &str, steps: &mut Vec<Step>) {
        let (prefix, rest) = place::split(path);
        if Part::of(rest) == Part::Kernel && remember(&mut self.asked, &format!("missing {path}")) {
            self.kernels_missing.push(path.to_owned());
        }
        // A board that has a kernel looks for others all the same.
        let has_one = self.kernel_there || self.got.contains(&Part::Kernel);
        let verdict = match Part::of(rest) {
            Part::Kernel if has_one => Verdict::Optional,
            _ => files::verdict(self.stage, prefix.is_some(), rest),
        };
        match verdict {
            Verdict::Optional => self.once(path, steps, |path| Step::Absent { path }),
            Verdict::Next(then) => {
                self.once(path, steps, |path| Step::Missing { path, then: then.to_owned(), fatal: false });
            }
            Verdict::Fatal(then) => {
                self.fatal = Some(path.to_owned());
                self.once(path, steps, |path| Step::Missing { path, then: then.to_owned(), fatal: true });
            }
        }
    }

    /// Tells something about a file the first time.
    fn once(&mut self, path: &str, steps: &mut Vec<Step>, step: impl FnOnce(String) -> Step) {
        if remember(&mut self.told_absent, path) {
            steps.push(step(path.to_owned()));
        }
    }

    fn up(&mut self, by: Sign, now: Instant, steps: &mut Vec<Step>) {
        // Without having fetched anything here it booted from somewhere else.
        if self.phase >= Phase::Fetching && self.phase < Phase::Up && self.files > 0 {
            self.phase = Phase::Up;
            self.walk("system");
            steps.push(Step::Up { by, seconds: self.seconds(now) });
        }
    }

    fn seconds(&self, now: Instant) -> f64 {
        (now.saturating_duration_since(self.begun).as_secs_f64() * 10.0).round() / 10.0
    }

    fn walk(&mut self, label: &str) {
        if !self.trail.iter().any(|known| known == label) && self.trail.len() < 32 {
            self.trail.push(label.to_owned());
        }
    }

    /// Looks at the time: says so when the board should have been heard by now. Once in each phase.
    pub fn tick(&mut self, now: Instant) -> Option<Step> {
        if self.lacks_address_at().is_some_and(|at| at <= now) {
            self.unaddressed = None;
            return self.reason(&Reason::no_address());
        }
        if self.told_stuck == Some(self.phase) {
            return None;
        }
        let (trouble, why, hint) = stuck::look(self, now.saturating_duration_since(self.heard))?;
        self.told_stuck = Some(self.phase);
        Some(Step::Stuck { trouble, why, hint })
    }

    /// When [`Steps::tick`] may have something to say; `None` where it has nothing to wait for.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let wait = stuck::patience(self)?;
        let stuck = (self.told_stuck != Some(self.phase)).then(|| self.heard + wait);
        stuck.into_iter().chain(self.lacks_address_at()).min()
    }

    /// What has happened so far, in a line: `DISCOVER → OFFER → start4.elf → kernel8.img → loaded`.
    #[must_use]
    pub fn trail(&self) -> String {
        self.trail.join(" → ")
    }

    /// Bytes that it has fetched.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is known of the board: its model, or at least which program was heard.
    #[must_use]
    pub fn model(&self) -> Option<&'static str> {
        self.revision.and_then(Model::of_revision).map(Model::name).or_else(|| self.stage.map(files::family))
    }

    /// Which board it is, as far as its boot program tells.
    #[must_use]
    pub fn kind(&self) -> (Option<Model>, Option<Chip>) {
        (self.revision.and_then(Model::of_revision), self.stage.and_then(Stage::chip))
    }

    /// What its boot program told of it.
    #[must_use]
    pub fn client(&self) -> DhcpClient {
        let stage = self.stage.unwrap_or(DhcpClient::UNKNOWN.stage);
        DhcpClient { stage, serial: self.serial, revision: self.revision, arch: None }
    }

    /// The step in the words of all runs.
    #[must_use]
    pub fn run_stage(&self) -> run::Stage {
        match self.phase {
            Phase::Discovering | Phase::Offered => run::Stage::Address,
            Phase::Fetching if self.parts.contains(&Part::Kernel) || self.got.contains(&Part::Kernel) => {
                run::Stage::Kernel
            }
            Phase::Fetching => run::Stage::Firmware,
            Phase::Loaded | Phase::Up => run::Stage::Root,
        }
    }

    /// Its serial number, as its boot program tells it.
    #[must_use]
    pub fn serial(&self) -> Option<Serial> {
        self.serial
    }

    /// The address that it has.
    #[must_use]
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.address
    }

    /// Its boot is over: the kernel was started.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.phase >= Phase::Loaded
    }

    /// How long the board was silent.
    #[must_use]
    pub fn silent(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard)
    }
}

/// Puts a name into a set that doesn't grow without bound; says whether it was new.
fn remember(set: &mut BTreeSet<String>, name: &str) -> bool {
    set.len() < MOST_NAMES && set.insert(name.to_owned())
}

#[cfg(test)]
mod tests;
