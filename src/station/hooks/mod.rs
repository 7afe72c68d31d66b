//! Hooks: addresses that are told by HTTP what happens. What is to be told stands in the store before it is tried, so a
//! restart loses nothing; it is told at least once, and each try has the same name.
//!
//! | part | what it is |
//! |---|---|
//! | `plan` | when it is tried again, how it is signed; pure |
//! | `send` | the queue is worked off |
//!
//! Here: hooks are made and removed, and what happens comes into the queue.

mod plan;
mod send;

pub(super) use plan::{Pauses, signature};

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;

use super::outside::is_elsewhere;
use super::store::Store;
use super::web::{Refusal, Who};
use super::{Station, api, now};
use crate::format::json::json;
use crate::format::{message, minutes};
use crate::http::{BadUrl, Origin, Url};
use crate::station::numbered;
use crate::station_api::{
    Board, Change, Happening, Hook, MadeHook, NewHook, RunLine, Suspicion, Thing, Trouble,
};

/// Runs that are known to go on, or to be over.
const MOST_RUNS: usize = 20_000;

/// What is said of something that happened.
struct News {
    event: Happening,
    /// With what: a run's or a board's name.
    on: String,
    /// For programs.
    facts: serde_json::Value,
    /// For people.
    sentence: String,
}

impl Station {
    /// Whether the station may call what somebody names: `what` is at this address.
    pub(super) fn may_call(&self, url: &str, what: &str) -> Result<(), Refusal> {
        let url: Url = url.parse().map_err(|error: BadUrl| {
            // That of all addresses names a socket, too, which is none here.
            Refusal::from(error)
                .with_hint("it looks like https://host.example/path, or http://10.0.0.1:8080/path")
        })?;
        if !matches!(url.origin, Origin::Tcp { .. }) {
            let text = format!("{what} is at an address that begins with https:// or http://");
            return Err(Refusal::meaningless(text));
        }
        if !self.options.settings.station.hooks_local.value
            && url.origin.ip().is_some_and(|ip| !is_elsewhere(ip))
        {
            return Err(Refusal::forbidden(format!("{what} can't be on the station's host itself"))
                .with_hint("the setting `station.hooks-local` allows it"));
        }
        Ok(())
    }

    /// Makes a hook.
    pub(super) async fn add_hook(&self, who: &Who, new: NewHook) -> Result<MadeHook, Refusal> {
        self.may_call(&new.url, "a hook")?;
        let secret = match new.secret {
            Some(secret) if (16..=200).contains(&secret.chars().count()) => secret,
            Some(_) => return Err(Refusal::meaningless("a secret has 16 to 200 characters")),
            None => api::secret()?,
        };
        let mut events = if new.events.is_empty() { Happening::ALL.to_vec() } else { new.events };
        if events.contains(&Happening::Test) {
            return Err(Refusal::meaningless("`test` is told when somebody tries the hook"));
        }
        events.sort_by_key(|event| event.word());
        events.dedup();
        let (name, plain) = (new.name, new.plain);
        let hook = Hook { name, url: new.url, events, plain, made: now(), by: who.by.clone() };
        self.store().add_hook(&hook, &secret).await?;
        self.did(who, "hook.add", &hook.name).await;
        self.changes.tell(Thing::Settings, numbered::HOOKS, None);
        Ok(MadeHook { hook, secret })
    }

    /// Removes a hook, with what it was to be told.
    pub(super) async fn remove_hook(&self, who: &Who, name: &str) -> Result<(), Refusal> {
        self.store().remove_hook(name).await?;
        self.did(who, "hook.remove", name).await;
        self.changes.tell(Thing::Settings, numbered::HOOKS, None);
        Ok(())
    }

    /// Tells a hook something, to see whether it works.
    pub(super) async fn test_hook(&self, who: &Who, name: &str) -> Result<(), Refusal> {
        let hooks = self.store().hooks().await?;
        let missing = || Refusal::missing(format!("there is no hook `{name}`"));
        let hook = hooks.iter().find(|hook| hook.name == name).ok_or_else(missing)?;
        let sentence = format!("{} tries whether this hook works.", who.by);
        let news =
            News { event: Happening::Test, on: name.to_owned(), facts: json!({ "by": who.by }), sentence };
        self.put_news(hook, &news).await?;
        self.did(who, "hook.test", name).await;
        Ok(())
    }

    /// Tries something once more that a hook wasn't told yet.
    pub(super) async fn tell_again(&self, who: &Who, delivery: &str) -> Result<(), Refusal> {
        let hook = self.store().try_again(delivery, now()).await?;
        self.did_named(who, "hook.again", delivery, Some(&hook)).await;
        self.bell.notify_one();
        Ok(())
    }

    async fn put_news(&self, hook: &Hook, news: &News) -> Result<(), super::store::Error> {
        let at = now();
        let body = if hook.plain {
            message(&news.sentence).into_owned()
        } else {
            let mut body = json!({ "event": news.event.word(), "time": at, "station": self.home.get() });
            if let (Some(body), Some(facts)) = (body.as_object_mut(), news.facts.as_object()) {
                body.extend(facts.clone());
            }
            body.to_string()
        };
        self.store().queue(&hook.name, news.event, &news.on, &body, at).await?;
        self.changes.tell(Thing::Settings, numbered::HOOKS, None);
        self.bell.notify_one();
        Ok(())
    }

    /// Puts something into the queues of the hooks that want it.
    async fn ring(&self, news: &News) {
        let put = async {
            for hook in self.store().hooks().await? {
                if hook.events.contains(&news.event) {
                    self.put_news(&hook, news).await?;
                }
            }
            Ok::<_, super::store::Error>(())
        };
        if let Err(error) = put.await {
            tracing::warn!(%error, event = %news.event, "hooks aren't told");
        }
    }

    /// A board has come.
    pub(super) async fn ring_seen(&self, board: &Board) {
        let name = board.called().unwrap_or_default();
        let model = board.model.as_deref().unwrap_or("of an unknown model");
        let sentence = format!("{name} is there: {model}");
        let facts = json!({ "board": board });
        self.ring(&News { event: Happening::BoardSeen, on: board.id.clone(), facts, sentence }).await;
    }

    /// Something of the station is a problem, or will be one.
    pub(super) async fn ring_trouble(&self, trouble: &Trouble) {
        let facts = json!({ "trouble": trouble });
        let sentence = format!("The station: {}", trouble.text);
        let on = trouble.about.word().to_owned();
        self.ring(&News { event: Happening::StationTrouble, on, facts, sentence }).await;
    }

    /// A slot is suspected.
    pub(super) async fn ring_suspected(&self, slot: &str, suspicion: Suspicion, trouble: &Trouble) {
        let facts = json!({ "slot": slot, "suspected": suspicion });
        let sentence = format!("{} What helps: {}.", trouble.text, Suspicion::HINT);
        self.ring(&News { event: Happening::SlotSuspected, on: slot.to_owned(), facts, sentence }).await;
    }

    /// What becomes of runs is seen from what changes.
    pub(super) async fn follow_runs(self: Arc<Self>) {
        let mut later = self.changes.after(None).later;
        let mut runs = Runs::default();
        // Those that go on since before this start have been told.
        runs.open.extend(self.store().runs_at_work().await.unwrap_or_default());
        loop {
            let change = tokio::select! {
                change = later.recv() => change,
                () = self.ending.cancelled() => return,
            };
            let which = match change {
                Ok((_, Change { of: Thing::Run, id, .. })) if !runs.open.contains(&id) => vec![id],
                Ok((_, Change { of: Thing::Job, id, .. })) => {
                    self.store().job(&id).await.ok().and_then(|job| job.run).into_iter().collect()
                }
                // Some were left out: any of them may have ended.
                Err(RecvError::Lagged(_)) => runs.open.iter().cloned().collect(),
                Err(RecvError::Closed) => return,
                Ok(_) => Vec::new(),
            };
            for run in which {
                if let Some(news) = runs.look(self.store(), &run, self.since).await {
                    self.ring(&news).await;
                    if news.event != Happening::RunStarted
                        && let Err(error) = self.suspect_slots().await
                    {
                        tracing::warn!(%error, "it can't be looked which slots are suspected");
                    }
                }
            }
        }
    }
}

/// Runs, as far as they were told.
#[derive(Debug, Default)]
struct Runs {
    open: HashSet<String>,
    over: HashSet<String>,
}

impl Runs {
    async fn look(&mut self, store: &Store, run: &str, since: i64) -> Option<News> {
        let (line, _) = store.run_line(run).await.ok()?;
        let event = self.told(&line, since)?;
        let (label, way) = (&line.label, &line.way);
        let sentence = match event {
            Happening::RunStarted => format!("{label}: {way} has begun"),
            Happening::RunDone => {
                let took = u64::try_from(line.took.unwrap_or_default()).unwrap_or_default();
                format!("{label}: {way} is done after {}", minutes(std::time::Duration::from_millis(took)))
            }
            _ if line.why.is_empty() => format!("{label}: {way}: {}", line.outcome),
            _ => format!("{label}: {way}: {}: {}", line.outcome, line.why),
        };
        Some(News { event, on: line.run.clone(), facts: json!({ "run": line }), sentence })
    }

    /// What is new of a run: its begin and its end, each once.
    fn told(&mut self, line: &RunLine, since: i64) -> Option<Happening> {
        if line.outcome == "unfinished" {
            if self.open.len() >= MOST_RUNS {
                self.open.clear();
            }
            return self.open.insert(line.run.clone()).then_some(Happening::RunStarted);
        }
        let was_open = self.open.remove(&line.run);
        // One that was over before this start has been told by that station.
        if !was_open && line.started < since {
            return None;
        }
        if self.over.len() >= MOST_RUNS {
            self.over.clear();
        }
        let event = if line.outcome == "done" { Happening::RunDone } else { Happening::RunFailed };
        self.over.insert(line.run.clone()).then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(run: &str, outcome: &str, started: i64) -> RunLine {
        let text = format!(
            r#"{{"run":"{run}","way":"deploy","label":"lab","started":{started},"stage":"write","outcome":"{outcome}"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_run_s_begin_and_its_end_are_told_once() {
        let mut runs = Runs::default();
        let mut told = |run: &str, outcome: &str, started| runs.told(&line(run, outcome, started), 1000);
        assert_eq!(told("a", "unfinished", 1001), Some(Happening::RunStarted));
        assert_eq!(told("a", "unfinished", 1001), None);
        assert_eq!(told("a", "done", 1001), Some(Happening::RunDone));
        assert_eq!(told("a", "done", 1001), None);
        // One of which the begin wasn't seen.
        assert_eq!(told("b", "not-verified", 1001), Some(Happening::RunFailed));
        // Of the station before.
        assert_eq!(told("c", "failed", 999), None);
        // One that went on over a restart.
        assert_eq!(told("d", "unfinished", 999), Some(Happening::RunStarted));
        assert_eq!(told("d", "lost", 999), Some(Happening::RunFailed));
    }
}
