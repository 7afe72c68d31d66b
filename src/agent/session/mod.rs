//! The board's side of the device protocol: it tells what it is, asks for work, does it, and tells what came of it.

mod backup;
mod eeprom;
mod job;
mod progress;
mod scripts;
mod source;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use super::identity::Identity;
use super::leds::{Leds, Light};
use crate::device_api::{End, Hello, Register, Registered, SIGNATURE, Standing, VERSION, Work};
use crate::error::{Explain, Kind, Remedy};
use crate::format::json;
use crate::http::{self, Client, Limits, Origin, Pauses, Trust};
use crate::stop::Stop;

/// All calls lie below this.
const BASE: &str = "/api/v1/device";
/// So long the station may wait with its answer for work, in seconds.
const WAIT: u32 = 30;

/// Where the disks are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disks {
    /// Those of this machine.
    Real,
    /// Files that stand for disks: a simulated board.
    Files(Vec<PathBuf>),
}

/// What is to be known before.
#[derive(Debug, Clone)]
pub struct Options {
    /// The station.
    pub origin: Origin,
    /// Where the same station may be reached on a faster way: images come from there as long as it answers.
    pub faster: Option<Origin>,
    /// Whose certificate is believed.
    pub trust: Trust,
    /// The station's public key, where it was told: no other station is followed. Else the first one that is seen.
    pub key: Option<String>,
    /// Where the disks are.
    pub disks: Disks,
    /// A simulated board runs scripts of its jobs: on this host, as whoever runs this program. A real board does.
    pub run_scripts: bool,
    /// What stands for the flash chip of a simulated board. A real board looks for its own.
    pub eeprom: Option<super::eeprom::Flash>,
}

/// Why a session can't go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The station can't be spoken with.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// Another station answers.
    #[error("the station's key is {got}, and {wanted} is expected")]
    OtherStation {
        /// The key that is expected.
        wanted: String,
        /// That of the station which answered.
        got: String,
    },
    /// A manifest that isn't followed.
    #[error("the job's manifest isn't followed: {what}")]
    Manifest {
        /// What is wrong.
        what: String,
    },
    /// The system refuses something.
    #[error("the system refuses what it needs")]
    System(#[source] std::io::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Http(error) => error.kind(),
            Self::OtherStation { .. } | Self::Manifest { .. } => Kind::Permission,
            Self::System(error) => Kind::of_io(error),
        }
    }

    fn hint(&self) -> Option<Remedy> {
        match self {
            Self::Http(error) => error.hint(),
            Self::OtherStation { .. } => {
                Some("a station that was set up anew has another key: tell the board the new one".into())
            }
            _ => None,
        }
    }
}

/// A board and its station.
pub struct Session<'a> {
    /// What was told before.
    pub options: Options,
    /// The board's key.
    pub identity: Identity,
    /// What the board is, asked again for each registration.
    pub facts: &'a (dyn Fn() -> Register + Sync),
    /// The board's light.
    pub leds: Leds,
    /// Ends it.
    pub stop: &'a Stop,
    /// Tells people what happens. Text of others is in it, as it came.
    pub say: &'a (dyn Fn(&str) + Sync),
    /// The key of the station that was seen first.
    pub seen: Mutex<Option<String>>,
}

/// Tries again while it may go well a little later. While a job goes on, what tells its progress says that the station is
/// away.
fn patient<T>(
    pauses: &mut Pauses,
    stop: &Stop,
    call: impl FnMut() -> Result<T, http::Error>,
) -> Result<T, http::Error> {
    patient_telling(pauses, stop, &|_| {}, call)
}

/// The same, and says at once what is wrong.
fn patient_telling<T>(
    pauses: &mut Pauses,
    stop: &Stop,
    say: &dyn Fn(&str),
    mut call: impl FnMut() -> Result<T, http::Error>,
) -> Result<T, http::Error> {
    let (mut damaged, mut away) = (0, Away::default());
    loop {
        let error = match call() {
            Ok(value) => {
                away.back(say);
                return Ok(value);
            }
            Err(error) => error,
        };
        // 500 says that something is wrong there, as a damaged chunk: that isn't asked for without end.
        damaged += u32::from(error.status() == Some(500));
        if damaged > 3 || !error.may_pass() || stop.is_set() {
            return Err(if stop.is_set() { http::Error::Stopped } else { error });
        }
        away.failed(&error, say);
        if !pauses.wait(None, stop) {
            return Err(if stop.is_set() { http::Error::Stopped } else { error });
        }
    }
}

/// Whether it was said that the station is away: that is said at once, and once for as long as it is so.
#[derive(Debug, Default)]
struct Away(bool);

impl Away {
    fn failed(&mut self, error: &http::Error, say: &dyn Fn(&str)) {
        if !std::mem::replace(&mut self.0, true) {
            say(&format!("{}; it is tried again", crate::error::chain(error)));
        }
    }

    fn back(&mut self, say: &dyn Fn(&str)) {
        if std::mem::take(&mut self.0) {
            say("the station answers again");
        }
    }
}

impl Session<'_> {
    /// Goes on until a job ends with another state than waiting, or until it is stopped (`None`).
    ///
    /// # Errors
    /// Only what can't pass: another station's key, certificates that can't be read, a system without descriptors.
    pub fn run(&self) -> Result<Option<End>, Error> {
        let mut pauses = Pauses::new(Duration::from_millis(500), Duration::from_secs(15), u32::MAX);
        loop {
            self.leds.show(Light::Waits);
            match self.once(&mut pauses) {
                Ok(Some(end)) => return Ok(Some(end)),
                Ok(None) => {}
                Err(error @ (Error::OtherStation { .. } | Error::System(_))) => return Err(error),
                Err(_) if self.stop.is_set() => {}
                Err(error) => (self.say)(&crate::error::chain(&error)),
            }
            if !pauses.wait(None, self.stop) {
                return Ok(None);
            }
        }
    }

    /// Registers, and works until the station doesn't know this board any more.
    fn once(&self, pauses: &mut Pauses) -> Result<Option<End>, Error> {
        let registered = match self.register() {
            Ok(registered) if self.identity.is_kept() && registered.standing != Standing::Enrolled => None,
            // The station doesn't know this key, or nothing is to be gone on with.
            Err(Error::Http(error)) if self.identity.is_kept() && error.status() == Some(409) => None,
            other => Some(other?),
        };
        let Some(registered) = registered else {
            self.identity.drop_kept();
            return Ok(None);
        };
        if self.identity.is_kept() {
            (self.say)("this board's key was kept on its disk");
        }
        (self.say)(&match registered.standing {
            Standing::Enrolled => format!("registered as {}", registered.board),
            Standing::Waiting => format!("registered as {}; a person has to say yes", registered.board),
            Standing::Refused => "a person has said no to this board".to_owned(),
            Standing::Double => "another board has this serial number".to_owned(),
        });
        if let Some(notice) = &registered.notice {
            (self.say)(notice);
        }
        let client = self.client()?.with_token(&registered.token)?;
        loop {
            let reply = client
                .get(&format!("{BASE}/work"))
                .query("wait", WAIT)
                .answer_within(Duration::from_secs(u64::from(WAIT) + 30))
                .send()?;
            pauses.well();
            if reply.is_empty() {
                if self.stop.is_set() {
                    return Ok(None);
                }
                continue;
            }
            let work: Work = reply.json()?;
            match self.work(&work)? {
                Some(End::Wait) | None => self.leds.show(Light::Waits),
                Some(end) => return Ok(Some(end)),
            }
        }
    }

    fn register(&self) -> Result<Registered, Error> {
        let client = self.client()?;
        let hello: Hello = client.get(&format!("{BASE}/hello")).send()?.json()?;
        self.meet(&hello.key)?;
        let told = Register {
            api: VERSION,
            nonce: hello.nonce,
            key: self.identity.public(),
            kept: self.identity.is_kept(),
            lasting: self.identity.is_lasting(),
            disks: self.disks(),
            ..(self.facts)()
        };
        let body = json::line(&told)
            .map(String::into_bytes)
            .map_err(|error| Error::System(std::io::Error::other(error.to_string())))?;
        let signature = self.identity.sign(&body);
        let path = format!("{BASE}/register");
        let reply = client.post(&path).header(SIGNATURE, &signature).send_bytes(&body, "application/json")?;
        Ok(reply.json()?)
    }

    /// One station is followed: the one that was told, or the first one.
    fn meet(&self, got: &str) -> Result<(), Error> {
        let mut seen = super::lock(&self.seen);
        let wanted = self.options.key.as_ref().or(seen.as_ref());
        match wanted {
            Some(wanted) if !wanted.eq_ignore_ascii_case(got) => {
                Err(Error::OtherStation { wanted: wanted.clone(), got: got.chars().take(64).collect() })
            }
            Some(_) => Ok(()),
            None => {
                *seen = Some(got.to_owned());
                Ok(())
            }
        }
    }

    fn station_key(&self) -> Result<String, Error> {
        let seen = super::lock(&self.seen);
        let key = self.options.key.as_ref().or(seen.as_ref()).cloned();
        key.ok_or_else(|| Error::Manifest { what: "no key of a station is known".to_owned() })
    }

    fn client(&self) -> Result<Client, http::Error> {
        self.client_with(self.stop)
    }

    fn client_with(&self, stop: &Stop) -> Result<Client, http::Error> {
        Client::new(self.options.origin.clone(), self.options.trust.clone(), Limits::default(), stop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_the_station_is_away_is_said_at_once_and_once_and_that_it_is_back_too() {
        let stop = Stop::new().unwrap();
        let said = Mutex::new(Vec::new());
        let say = |line: &str| super::super::lock(&said).push(line.to_owned());
        let mut pauses = Pauses::new(Duration::ZERO, Duration::ZERO, 10);
        let mut left = 3;
        let refused = || http::Error::Connect {
            to: "GET http://a/".into(),
            source: std::io::ErrorKind::ConnectionRefused.into(),
        };
        let done = patient_telling(&mut pauses, &stop, &say, || {
            left -= 1;
            if left > 0 { Err(refused()) } else { Ok(7) }
        });
        assert_eq!(done.ok(), Some(7));
        let lines = std::mem::take(&mut *super::super::lock(&said));
        assert_eq!(
            lines,
            ["GET http://a/: connection refused; it is tried again", "the station answers again"]
        );
        // What is refused for good is told by the caller.
        let no = || http::Error::Refused { to: "a".into(), status: 404, problem: None, again: None };
        assert!(patient_telling(&mut pauses, &stop, &say, || Err::<(), _>(no())).is_err());
        assert!(super::super::lock(&said).is_empty());
    }
}
