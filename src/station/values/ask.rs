//! Servers are asked for values of boards that have come: before a board gets its job, and outside of any transaction.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::own;
use crate::error::Kind;
use crate::format::json::json;
use crate::format::message;
use crate::http::{Client, Error, Limits, Trust, Url};
use crate::station::hooks::{Pauses, signature};
use crate::station::outside::is_elsewhere;
use crate::station::store::{self, Asks};
use crate::station::{Station, now};
use crate::station_api::{JobState, MOST_VALUES, Thing, Values, check_value};
use crate::stop::Stop;

/// Servers that are asked at once.
const AT_ONCE: usize = 16;
/// How often it is looked who is to be asked.
const LOOK: Duration = Duration::from_secs(1);
/// An answer is so long at most, in bytes.
const LONGEST: u64 = 64 << 10;
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    stall: Duration::from_secs(10),
    answer: Duration::from_secs(15),
    whole: Some(Duration::from_secs(20)),
};
/// A board waits in between: eight times, some three minutes in all, and what the server takes comes to that.
const PAUSES: Pauses = Pauses { tries: 8, first: 2_000, longest: 60_000 };

/// Why a server gives no values.
#[derive(Debug, thiserror::Error)]
enum NoValues {
    #[error(transparent)]
    Http(#[from] Error),
    #[error("it answers with HTTP {0}, not with 200; it isn't followed to elsewhere")]
    Status(u16),
    #[error("its answer is no JSON object of texts: {0}")]
    NoObject(String),
    #[error("its answer has more than {MOST_VALUES} values")]
    Many,
    #[error("its answer has a value that can't be one: {0}")]
    Value(#[from] crate::station_api::BadValues),
}

impl Station {
    /// Asks what is to be asked, until the station ends.
    pub(in crate::station) async fn ask_for_values(self: Arc<Self>) {
        let Ok(stop) = Stop::new() else { return };
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut work, mut busy) = (JoinSet::new(), HashSet::new());
        loop {
            tokio::select! {
                () = self.ending.cancelled() => {
                    stop.set();
                    return;
                }
                _ = look.tick() => {}
                Some(done) = work.join_next() => {
                    // A task that has panicked has left its job here; it is tried with the next start.
                    if let Ok(job) = done {
                        busy.remove(&job);
                    }
                }
            }
            let present = self.waiting.boards_present();
            if present.is_empty() {
                continue;
            }
            match self.store().due_asks(&present, now()).await {
                Ok(due) => {
                    for job in due {
                        if busy.len() < AT_ONCE && busy.insert(job.clone()) {
                            work.spawn(Arc::clone(&self).ask_one(job, stop.clone()));
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "it can't be read which values are to be asked for"),
            }
        }
    }

    /// Asks for what one job needs first, and notes what came of it.
    async fn ask_one(self: Arc<Self>, job: String, stop: Stop) -> String {
        let asked = async {
            let Some(asks) = self.store().claim_asks(&job, now()).await? else { return Ok(()) };
            let may =
                if self.options.settings.station.hooks_local.value { |_: IpAddr| true } else { is_elsewhere };
            let (of, ending) = (asks.clone(), stop);
            let got = tokio::task::spawn_blocking(move || ask(&of, may, &ending)).await;
            if self.ending.is_cancelled() {
                return Ok(());
            }
            let got = match got {
                Ok(Ok(values)) => Ok(values),
                Ok(Err(NoValues::Http(Error::Refused { status, again, .. }))) => {
                    Err((format!("it answers with HTTP {status}"), again))
                }
                Ok(Err(error)) => Err((crate::error::chain(&error), None)),
                Err(error) => Err((error.to_string(), None)),
            };
            self.note_answer(&asks, got).await
        };
        if let Err(error) = asked.await {
            let error: store::Error = error;
            tracing::warn!(%error, job, "values for a job can't be asked for");
            // Else it would be tried again at once, and again.
            tokio::time::sleep(LOOK).await;
        }
        job
    }

    /// Keeps what a server has answered, and lets the board have its job; or says why it waits.
    async fn note_answer(
        &self,
        asks: &Asks,
        got: Result<Values, (String, Option<u32>)>,
    ) -> Result<(), store::Error> {
        let kept = match got {
            Ok(values) => match self.store().put_answer(asks, &values, now()).await {
                // Asked again at once it would say the same: a person has to look at it.
                Err(store::Error::BadValue { what: "first_boot", why }) => Err((why, None, Kind::BadData)),
                Err(store::Error::BadValue { why, .. }) => Err((why, None, Kind::Unavailable)),
                Err(store::Error::UsedUp { source, why }) => {
                    Err((format!("`{source}`: {why}"), None, Kind::Unavailable))
                }
                Ok(job) => Ok(job),
                Err(error) => return Err(error),
            },
            Err((why, told)) => Err((why, told, Kind::Unavailable)),
        };
        let job = match kept {
            Ok(job) => job,
            Err((why, told, kind)) => {
                let (at, why) = (now(), message(&why).into_owned());
                tracing::warn!(job = asks.job, source = asks.source, why, "a server gives no values");
                let again = PAUSES.again(asks.tries.saturating_add(1), told, at);
                let again = again.filter(|_| kind == Kind::Unavailable);
                let job = self.store().put_no_answer(asks, (&why, kind), again, at).await?;
                if job.state == JobState::Failed {
                    if let Some(run) = &job.run {
                        self.changes.tell(Thing::Run, run, Some(&job.board));
                    }
                    self.host_hooks_end(&job);
                    if let Err(refusal) = self.job_over(&job).await {
                        tracing::warn!(job = %job.id, why = %refusal.detail(), "a job that is tried again isn't told");
                    }
                }
                job
            }
        };
        self.changes.tell(Thing::Job, &job.id, Some(&job.board));
        self.changes.tell(Thing::Board, &job.board, Some(&job.board));
        self.waiting.wake(&job.board);
        Ok(())
    }
}

/// Asks once.
fn ask(asks: &Asks, may: fn(IpAddr) -> bool, stop: &Stop) -> Result<Values, NoValues> {
    let url: Url = asks.url.parse::<Url>().map_err(Error::from)?;
    let client = Client::new_within(url.origin, Trust::System, LIMITS, stop, may)?;
    let body = json!({
        "source": asks.source,
        "job": asks.job,
        "project": asks.project,
        "board": own(&asks.board),
    })
    .to_string();
    let seconds = u64::try_from(now()).unwrap_or_default() / 1000;
    let call = client
        .post(&url.path)
        .header("piprov-event", "values")
        .header("piprov-signature", &signature(&asks.secret, seconds, &body));
    let reply = call.send_bytes(body.as_bytes(), "application/json")?;
    if reply.status() != 200 {
        return Err(NoValues::Status(reply.status()));
    }
    answer(&reply.bytes(LONGEST)?)
}

/// An object of texts in which no name stands twice: which of two counts nobody could say.
struct Once(BTreeMap<String, String>);

impl<'de> serde::Deserialize<'de> for Once {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> serde::de::Visitor<'de> for Members {
            type Value = Once;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("an object of texts")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<Once, A::Error> {
                let mut all = BTreeMap::new();
                while let Some((name, text)) = members.next_entry::<String, String>()? {
                    if all.contains_key(&name) {
                        return Err(serde::de::Error::custom("a name stands there twice"));
                    }
                    all.insert(name, text);
                }
                Ok(Once(all))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// What an answer says.
fn answer(bytes: &[u8]) -> Result<Values, NoValues> {
    let Once(values) =
        serde_json::from_slice(bytes).map_err(|error| NoValues::NoObject(error.to_string()))?;
    if values.len() > MOST_VALUES {
        return Err(NoValues::Many);
    }
    for (name, text) in &values {
        check_value(name, text)?;
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_answer_is_an_object_of_texts() {
        assert_eq!(answer(br#"{"pin":"0042"}"#).unwrap()["pin"], "0042");
        assert!(answer(b"{}").unwrap().is_empty());
        let many = (0..65).map(|n| format!("\"a{n}\":\"\"")).collect::<Vec<_>>().join(",");
        for (bad, why) in [
            ("", "no JSON object"),
            ("<html>", "no JSON object"),
            ("[]", "no JSON object"),
            ("\"a\"", "no JSON object"),
            (r#"{"a":5}"#, "no JSON object"),
            (r#"{"a":{"b":"c"}}"#, "no JSON object"),
            (r#"{"A":"x"}"#, "a value's name"),
            (r#"{"a":"x","a":"x"}"#, "twice"),
            (r#"{"LD_PRELOAD":"x"}"#, "a value's name"),
            (r#"{"a b":"x"}"#, "a value's name"),
            (r#"{"serial":"x"}"#, "by itself"),
            (r#"{"a":"x\ny"}"#, "no control characters"),
            (r#"{"a":"\u001b[2J"}"#, "no control characters"),
            (&format!("{{\"a\":\"{}\"}}", "x".repeat(1001)), "1000 characters"),
            (&format!("{{{many}}}"), "more than 64"),
            (&"[".repeat(100_000), "no JSON object"),
        ] {
            let error = answer(bad.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_values_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            drop(answer(&bytes));
        }
    }
}
