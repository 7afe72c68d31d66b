//! The queue of what hooks are to be told is worked off: one call at a time for each hook, several hooks at once.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::plan;
use crate::http::{Client, Error, Limits, Trust, Url};
use crate::station::numbered;
use crate::station::outside::is_elsewhere;
use crate::station::store::Due;
use crate::station::{Station, now};
use crate::station_api::{Thing, Time};
use crate::stop::Stop;

/// Hooks that are told at once.
const AT_ONCE: usize = 8;
/// How often it is looked what is due.
const LOOK: Duration = Duration::from_secs(2);
/// How long what was told stays, in milliseconds.
const KEPT: Time = 7 * 24 * 3600 * 1000;
/// How often what is older goes.
const TIDY: Duration = Duration::from_secs(3600);
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    stall: Duration::from_secs(10),
    answer: Duration::from_secs(15),
    whole: Some(Duration::from_secs(20)),
};

impl Station {
    /// Tells hooks what is due, until the station ends.
    pub(in crate::station) async fn tell_hooks(self: Arc<Self>) {
        let Ok(stop) = Stop::new() else { return };
        let (mut look, mut tidy) = (tokio::time::interval(LOOK), tokio::time::interval(TIDY));
        for each in [&mut look, &mut tidy] {
            each.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        let (mut work, mut busy) = (JoinSet::new(), HashSet::new());
        loop {
            tokio::select! {
                () = self.ending.cancelled() => {
                    stop.set();
                    return;
                }
                () = self.bell.notified() => {}
                _ = look.tick() => {}
                _ = tidy.tick() => {
                    if let Err(error) = self.store().forget_deliveries(now().saturating_sub(KEPT)).await {
                        tracing::warn!(%error, "what hooks were told can't be removed");
                    }
                }
                Some(done) = work.join_next() => {
                    // A task that has panicked has left its hook here; it is tried with the next start.
                    if let Ok(hook) = done {
                        busy.remove(&hook);
                    }
                }
            }
            let due = match self.store().due(now()).await {
                Ok(due) => due,
                Err(error) => {
                    tracing::warn!(%error, "what hooks are to be told can't be read");
                    tokio::time::sleep(LOOK).await;
                    continue;
                }
            };
            for one in due {
                if busy.len() < AT_ONCE && busy.insert(one.hook.clone()) {
                    work.spawn(Arc::clone(&self).tell_one(one, stop.clone()));
                }
            }
        }
    }

    /// Tells one, and notes how it went.
    async fn tell_one(self: Arc<Self>, due: Due, stop: Stop) -> String {
        let Due { id, hook, tries, .. } = due.clone();
        let may =
            if self.options.settings.station.hooks_local.value { |_: IpAddr| true } else { is_elsewhere };
        let sent = tokio::task::spawn_blocking(move || send(&due, may, &stop)).await;
        if self.ending.is_cancelled() {
            return hook;
        }
        let (status, why, told) = match sent {
            Ok(Ok(status)) => (Some(status), None, None),
            Ok(Err(Error::Refused { status, again, problem, .. })) => {
                let said = problem.map(|problem| problem.detail.clone()).filter(|said| !said.is_empty());
                (Some(status), Some(said.unwrap_or_else(|| format!("HTTP {status}"))), again)
            }
            Ok(Err(error)) => (None, Some(crate::error::chain(&error)), None),
            Err(error) => (None, Some(error.to_string()), None),
        };
        let at = now();
        // Gone is gone.
        let again = if status == Some(410) { None } else { plan::HOOKS.again(tries + 1, told, at) };
        let why = why.map(|why| crate::format::message(&why).into_owned());
        if let Err(error) = self.store().tried(&id, status, why.as_deref(), again, at).await {
            tracing::warn!(%error, hook, "how a hook was told can't be noted");
            // Else it would be told again at once, and again.
            tokio::time::sleep(LOOK).await;
        }
        self.changes.tell(Thing::Settings, numbered::HOOKS, None);
        hook
    }
}

fn send(due: &Due, may: fn(IpAddr) -> bool, stop: &Stop) -> Result<u16, Error> {
    let url: Url = due.url.parse()?;
    let client = Client::new_within(url.origin, Trust::System, LIMITS, stop, may)?;
    let seconds = u64::try_from(now()).unwrap_or_default() / 1000;
    let call = client
        .post(&url.path)
        .header("piprov-event", due.event.word())
        .header("piprov-delivery", &due.id)
        .header("piprov-signature", &plan::signature(&due.secret, seconds, &due.body));
    let (call, kind) = match due.plain {
        // ntfy shows it above the text.
        true => (call.header("title", &format!("piprov: {}", due.event)), "text/plain; charset=utf-8"),
        false => (call, "application/json"),
    };
    Ok(call.send_bytes(due.body.as_bytes(), kind)?.status())
}
