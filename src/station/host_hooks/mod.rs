//! Hooks on the station's host: programs in a directory there (`station.hooks-dir`), which are run when a board comes, when
//! its job begins, when its disk was read back, and when the job is over. Who may write there decides what the station's
//! user runs: the directory is looked at each time.
//!
//! | part | what it is |
//! |---|---|
//! | `dir` | what is in the directory, and whether it may be trusted |
//! | `facts` | what a hook is told; pure |
//! | `files` | files of the image, as copies |
//! | `one` | one hook, from its begin to its end |
//! | `turns` | what was asked for, runs, and has ended |
//!
//! Here: when they are asked for, and what becomes of a job. A job waits where its board asks for it, and where it tells
//! its result: whatever is at work goes on when the board asks again. Nothing of it outlives the station, which asks anew.

mod dir;
mod facts;
mod files;
mod one;
mod turns;

pub(super) use turns::Turns;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use self::facts::{Facts, Files};
use self::turns::{Asked, Outcome, Turn};
use super::store::Drawn;
use super::web::Refusal;
use super::{Station, now};
use crate::beneath::Dir;
use crate::contents::Copied;
use crate::device_api::{Action, ScriptEnd};
use crate::error::{Kind, chain};
use crate::image::read_at::ReadAt;
use crate::run::Ending;
use crate::station_api::{HostEvent, HostHookRun, HostHooks, Image, Job, JobState, Thing};
use crate::stop::Stop;

/// So long one may take.
const LIMIT: Duration = Duration::from_secs(300);
/// Boards for which hooks run at once.
const AT_ONCE: usize = 8;
/// So long a board that tells its result waits for an answer; then it tells it again.
const PATIENCE: Duration = Duration::from_secs(8);
/// How often a job's lease begins anew.
const HOLD: Duration = Duration::from_secs(15);

/// What a job's image has is written into the place of its hooks.
const WORK: &str = "host-hooks";

impl Station {
    fn hooks_dir(&self) -> Option<&Path> {
        self.options.settings.station.hooks_dir.value.as_deref()
    }

    /// The agent of a board that may take work has come.
    pub(super) fn host_hooks_meet(&self, board: &str) {
        if self.hooks_dir().is_some() {
            self.host_hooks.begin_anew(Asked::of_board(board));
        }
    }

    /// Whether a board may get its job now. Where not, hooks are at work, and it is woken when they have ended.
    pub(super) async fn host_hooks_let(&self, board: &str) -> Result<bool, Refusal> {
        if self.hooks_dir().is_none() {
            return Ok(true);
        }
        let Some(job) = self.store().board(board).await?.job else { return Ok(true) };
        let job = self.store().job(&job).await?;
        if job.state != JobState::Queued || job.waits.is_some() || job.cancel {
            return Ok(true);
        }
        let came = match self.host_hooks.turn(|| Asked::of_board(board), board) {
            Turn::Runs => return Ok(false),
            Turn::Over(came) => came,
        };
        if came.failed.is_some() {
            return Ok(true);
        }
        let key = job.id.clone();
        Ok(matches!(self.host_hooks.turn(|| Asked::of_job(job), &key), Turn::Over(_)))
    }

    /// A board has drawn its job: what its hooks did goes into the record of the run. Why the job may not go on, where one
    /// has failed.
    pub(super) async fn host_hooks_drawn(&self, drawn: &Drawn) -> Result<Option<String>, Refusal> {
        if self.hooks_dir().is_none() {
            return Ok(None);
        }
        let (came, begun) = self.host_hooks.take(&drawn.job.board, &drawn.job.id);
        let mut failed = None;
        for outcome in [came, begun].into_iter().flatten() {
            self.host_hooks_note(&drawn.run, &outcome).await?;
            failed = failed.or(outcome.failed);
        }
        Ok(failed)
    }

    async fn host_hooks_note(&self, run: &str, outcome: &Outcome) -> Result<(), super::store::Error> {
        if outcome.ran.is_empty() {
            return Ok(());
        }
        self.store().host_hooks_ran(run, &outcome.ran, &outcome.lines, now()).await?;
        self.changes.tell(Thing::Run, run, None);
        Ok(())
    }

    /// What became of a job that is read back and equal, once hooks have looked at its image.
    ///
    /// # Errors
    /// They are at work still: the board is to tell its result again.
    pub(super) async fn host_hooks_judge(
        &self,
        job: &Job,
        image: Option<&Image>,
        ending: Ending,
    ) -> Result<Ending, Refusal> {
        // Also of one that somebody has cancelled: it isn't done where hooks haven't looked at it to their end.
        let (Some(_), Some(image), Action::Deploy, Ending::Done { .. }, JobState::Running) =
            (self.hooks_dir(), image, job.action, &ending, job.state)
        else {
            return Ok(ending);
        };
        let key = format!("{} {}", job.id, job.fence);
        let asked = || Asked::of_image(&key, job.clone(), image.clone());
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let mut ended = std::pin::pin!(self.host_hooks.ended.notified());
            ended.as_mut().enable();
            if let Turn::Over(outcome) = self.host_hooks.turn(asked, &key) {
                return Ok(match outcome.failed {
                    None => ending,
                    Some(why) => {
                        let why = format!("{why}; the disk has the image, and it was read back");
                        Ending::Failed { why, last_seen: None, hint: None, kind: Kind::Usage }
                    }
                });
            }
            if tokio::time::timeout_at(until, ended).await.is_err() {
                let why = "hooks on the station's host are at work: tell this again";
                return Err(Refusal::new(
                    axum::http::StatusCode::SERVICE_UNAVAILABLE,
                    Kind::Unavailable,
                    why,
                ));
            }
        }
    }

    /// A job is over. Told twice, nothing more is run.
    pub(super) fn host_hooks_end(&self, job: &Job) {
        if self.hooks_dir().is_some() && job.run.is_some() && self.host_hooks.is_new_end(job) {
            self.host_hooks.begin_anew(Asked::of_end(job.clone()));
        }
    }

    /// What is in the directory, and how the last ones ended.
    pub(super) async fn host_hooks_known(&self) -> HostHooks {
        let last = self.host_hooks.last();
        let Some(path) = self.hooks_dir().map(Path::to_owned) else {
            return HostHooks { last, ..HostHooks::default() };
        };
        let directory = Some(path.display().to_string());
        let listed = tokio::task::spawn_blocking(move || dir::list(&path).map_err(|error| error.to_string()));
        match listed.await.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(hooks) => HostHooks { directory, why: None, hooks, last },
            Err(why) => HostHooks { directory, why: Some(why), hooks: Vec::new(), last },
        }
    }

    /// Runs what is asked for, until the station ends.
    pub(super) async fn run_host_hooks(self: Arc<Self>) {
        let Some(path) = self.hooks_dir() else { return };
        if let Err(error) = dir::list(path) {
            tracing::warn!(%error, "hooks on this host can't be run, and jobs fail");
        }
        // What a station before this one has left.
        let swept = Dir::open(self.state()).map_err(|error| error.to_string());
        if let Err(error) = swept.and_then(|state| state.remove_tree(WORK).map_err(|error| error.to_string()))
        {
            tracing::warn!(error, "what hooks have left can't be removed");
        }
        let Ok(stop) = Stop::new() else { return };
        let mut work = JoinSet::new();
        loop {
            tokio::select! {
                () = self.ending.cancelled() => {
                    stop.set();
                    return;
                }
                () = self.host_hooks.bell.notified() => {}
                Some(_) = work.join_next() => {}
            }
            while work.len() < AT_ONCE
                && let Some(asked) = self.host_hooks.next()
            {
                work.spawn(Arc::clone(&self).host_hooks_turn(asked, stop.clone()));
            }
        }
    }

    /// Runs the hooks of one turn. Its board waits until it is over.
    async fn host_hooks_turn(self: Arc<Self>, asked: Asked, stop: Stop) {
        let (board, key) = (asked.board.clone(), asked.key.clone());
        let own = stop.child();
        let own = own.unwrap_or(stop);
        let outcome = tokio::select! {
            outcome = self.host_hooks_all(&asked, &own) => outcome,
            () = self.host_hooks_hold(&asked, &own) => Outcome::default(),
        };
        let outcome = outcome.with_limit();
        for ran in &outcome.ran {
            if let Some(wrong) = ran.wrong() {
                tracing::warn!(board, event = %ran.event, wrong, "a hook failed");
            } else {
                tracing::info!(board, event = %ran.event, hook = ran.hook, "a hook has ended");
            }
        }
        let notes = if asked.notes { asked.job.as_ref().and_then(|job| job.run.as_ref()) } else { None };
        if let Some(run) = notes
            && let Err(error) = self.host_hooks_note(run, &outcome).await
        {
            tracing::warn!(%error, run, "what hooks did isn't in the record of their run");
        }
        self.host_hooks.over(&key, outcome);
        self.waiting.wake(&board);
    }

    /// Keeps the lease of a job whose board waits for hooks; sets the flag where somebody wants the job to end. Never returns.
    async fn host_hooks_hold(&self, asked: &Asked, stop: &Stop) {
        let mut each = tokio::time::interval(HOLD);
        loop {
            each.tick().await;
            let Some(job) = &asked.job else { continue };
            let ends = if asked.image.is_some() {
                self.store().hold(&job.id, job.fence, now()).await
            } else if asked.events == [HostEvent::Started] {
                // It has no lease yet.
                self.store().job(&job.id).await.map(|job| job.cancel || job.state != JobState::Queued)
            } else {
                Ok(false)
            };
            match ends {
                Ok(false) => {}
                Ok(true) | Err(super::store::Error::Refused(_)) => stop.set(),
                Err(error) => tracing::warn!(%error, "it can't be seen whether a job goes on"),
            }
        }
    }

    async fn host_hooks_all(&self, asked: &Asked, stop: &Stop) -> Outcome {
        let mut outcome = Outcome::default();
        for event in asked.events {
            let more = match self.host_hooks_event(*event, asked, stop).await {
                Ok(more) => more,
                Err(why) => Outcome::broken(*event, asked, why),
            };
            outcome.add(more, event.decides());
            if outcome.failed.is_some() {
                break;
            }
        }
        outcome
    }

    /// All hooks of one event, until one fails where that counts.
    async fn host_hooks_event(
        &self,
        event: HostEvent,
        asked: &Asked,
        stop: &Stop,
    ) -> Result<Outcome, String> {
        let Some(path) = self.hooks_dir().map(Path::to_owned) else { return Ok(Outcome::default()) };
        let found = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || dir::hooks(&path, event)).await
        };
        let hooks = found.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        if hooks.is_empty() {
            return Ok(Outcome::default());
        }
        let facts = self.host_hooks_facts(event, asked).await.map_err(|error| error.to_string())?;
        let image = match (event, &asked.job, &asked.image) {
            (HostEvent::BootMounted | HostEvent::RootMounted, Some(job), Some(image)) => {
                let whole = self.as_written(job, image).await;
                Some(whole.map_err(|refusal| format!("the image can't be read: {}", refusal.detail()))?)
            }
            _ => None,
        };
        let (state, stop) = (self.state().to_owned(), stop.clone());
        let (job, board) = (asked.job.as_ref().map(|job| job.id.clone()), asked.board.clone());
        let all = move || {
            let place = Place::new(&state).map_err(|error| format!("{}: {error}", state.display()))?;
            let facts = place.fill(facts, image.as_ref())?;
            let line = facts.json();
            let mut outcome = Outcome::default();
            for hook in &hooks {
                let home = place.home().map_err(|error| format!("a directory for it: {error}"))?;
                let variables = facts.variables(&hook.name, &path, home.path());
                let (ended, lines) = one::run(hook, variables, &line, home.path(), LIMIT, &stop);
                let (name, job, board) = (hook.name.clone(), job.clone(), board.clone());
                let ran = HostHookRun { event, hook: name, at: now(), board, job, ended };
                let goes_on = ran.ended.is_well() || !event.decides();
                outcome.put(ran, lines);
                if !goes_on {
                    break;
                }
            }
            Ok(outcome)
        };
        tokio::task::spawn_blocking(all).await.map_err(|error| error.to_string())?
    }

    async fn host_hooks_facts(&self, event: HostEvent, asked: &Asked) -> Result<Facts, super::store::Error> {
        let store = self.store();
        let board = store.board(&asked.board).await?;
        let mut facts = Facts {
            event,
            station: self.home.get().cloned().unwrap_or_default(),
            board,
            job: asked.job.clone(),
            image: None,
            values: std::collections::BTreeMap::new(),
            ended: None,
            files: None,
        };
        let Some(job) = &asked.job else { return Ok(facts) };
        facts.values = store.plan(&job.id).await?.values;
        if let Some(id) = &job.image {
            // It may have been removed.
            facts.image = store.image(id).await.ok().map(|image| (image.name, image.raw_sha256));
        }
        if matches!(event, HostEvent::Done | HostEvent::Failed)
            && let Some(run) = &job.run
        {
            let (line, _) = store.run_line(run).await?;
            facts.ended = Some((line.outcome, line.why));
        }
        Ok(facts)
    }
}

/// A directory for the hooks of one event, which goes with what is in it.
struct Place {
    all: Dir,
    dir: Dir,
    name: String,
}

impl Place {
    fn new(state: &Path) -> std::io::Result<Self> {
        let all = Dir::open(state)?.make(WORK, 0o700)?.0;
        let name = super::store::new_name();
        let dir = all.make(&name, 0o700)?.0;
        Ok(Self { all, dir, name })
    }

    /// A new directory for one hook.
    fn home(&self) -> std::io::Result<Dir> {
        Ok(self.dir.make(super::store::new_name(), 0o700)?.0)
    }

    /// Puts files of the image into it, and into what hooks are told.
    fn fill(&self, mut facts: Facts, image: Option<&Arc<dyn ReadAt>>) -> Result<Facts, String> {
        let Some(image) = image else { return Ok(facts) };
        let files = self.dir.make("files", 0o700).map_err(|error| error.to_string())?.0;
        let copied = match facts.event {
            HostEvent::BootMounted => files::boot(image, &files),
            HostEvent::RootMounted => files::root(image, &files),
            _ => Ok(Copied::default()),
        };
        let copied = copied.map_err(|error| format!("files of the image: {}", chain(&error)))?;
        facts.files = Some(Files { place: files.path().display().to_string(), left_out: copied.left_out });
        Ok(facts)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = self.all.remove_tree(&self.name) {
            tracing::warn!(%error, "what a hook has left can't be removed");
        }
    }
}

impl Outcome {
    /// None could be run.
    fn broken(event: HostEvent, asked: &Asked, why: String) -> Self {
        let ended = ScriptEnd { why: Some(why.chars().take(500).collect()), ..ScriptEnd::default() };
        let job = asked.job.as_ref().map(|job| job.id.clone());
        let (hook, board) = (String::new(), asked.board.clone());
        let mut outcome = Self::default();
        outcome.put(HostHookRun { event, hook, at: now(), board, job, ended }, Vec::new());
        outcome
    }
}

#[cfg(test)]
mod tests;
