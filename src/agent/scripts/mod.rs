//! Scripts of a project: before and after an image is written, in their order. What each does is told before and after it
//! runs ([`Tell`]); its output goes into the run's log while it runs.
//!
//! A script has an environment and a directory of its own, nothing to read, and a time limit. All of its processes end with
//! it. One in the background goes on beside what comes next; how it ended counts at the end.

mod mounts;
mod one;
mod whole;

use std::path::Path;
use std::thread::{Scope, ScopedJoinHandle};

use super::error::{Error, Failure, Left};
use super::source::FetchError;
use super::watch::{At, Watch};
use crate::device_api::{Script, ScriptEnd, Surroundings, When};
use crate::run::Stage;
use crate::stop::Stop;

/// Is told of each script.
pub(crate) trait Tell: Sync {
    /// It is about to begin, and does once this has returned: whoever is told knows it also when the script starts the
    /// board again.
    ///
    /// # Errors
    /// It must not begin.
    fn begins(&self, script: &Script) -> Result<(), FetchError>;

    /// It has ended.
    ///
    /// # Errors
    /// It can't be told.
    fn ended(&self, script: &Script, end: &ScriptEnd) -> Result<(), FetchError>;
}

/// Scripts that go along with a job.
pub(crate) struct Scripts<'a> {
    /// In their order.
    pub(crate) all: &'a [Script],
    pub(crate) surroundings: &'a Surroundings,
    /// Their directories are made below this one.
    pub(crate) place: &'a Path,
    /// The job's.
    pub(crate) stop: &'a Stop,
    pub(crate) watch: &'a dyn Watch,
    pub(crate) tell: &'a dyn Tell,
}

type Beside<'scope, 'a> = Vec<(&'a Script, ScopedJoinHandle<'scope, Result<(), Error>>)>;

impl<'a> Scripts<'a> {
    /// Runs what comes before, then `work`, then what comes after it; and waits for those in the background. What `work`
    /// gave is there also where a script has failed after it.
    pub(crate) fn around<T>(
        &self,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> (Option<T>, Result<(), Failure>) {
        let at = |stage, left| move |error| Failure { stage, error, left, amounts: Box::default() };
        let own = match self.stop.child() {
            Ok(own) => own,
            Err(source) => return (None, Err(at(Stage::Prepare, Left::Untouched)(Error::Thread(source)))),
        };
        let mut done = None;
        let result = std::thread::scope(|scope| {
            let mut beside: Beside<'_, '_> = Vec::new();
            let result =
                self.begin(When::Pre, scope, &own, &mut beside).map_err(at(Stage::Prepare, Left::NotBegun));
            let result = result.and_then(|()| {
                let ran_before = self.all.iter().any(|script| script.when == When::Pre);
                done = Some(work().map_err(|mut failure| {
                    // What came before may have changed it.
                    if ran_before && failure.left == Left::Untouched {
                        failure.left = Left::NotBegun;
                    }
                    failure
                })?);
                self.watch.at(At { stage: Stage::Report, done: 0, total: None, fetched: 0 });
                self.begin(When::Post, scope, &own, &mut beside).map_err(at(Stage::Report, Left::Written))
            });
            if result.is_err() {
                own.set();
            }
            // All of them have ended before anything else is told.
            let ends: Vec<_> = beside.into_iter().map(|(script, thread)| (script, thread.join())).collect();
            result?;
            for (script, end) in ends {
                let how = || Error::Script {
                    name: script.name.clone(),
                    when: script.when,
                    how: "ended without a word of how".to_owned(),
                };
                end.unwrap_or_else(|_| Err(how())).map_err(at(Stage::Report, Left::Written))?;
            }
            Ok(())
        });
        (done, result)
    }

    /// Begins those of one moment, one behind the other; waits for those that aren't in the background.
    fn begin<'scope, 'env>(
        &'env self,
        when: When,
        scope: &'scope Scope<'scope, 'env>,
        own: &'env Stop,
        beside: &mut Beside<'scope, 'env>,
    ) -> Result<(), Error> {
        for script in self.all.iter().filter(|script| script.when == when) {
            if self.stop.is_set() {
                return Err(Error::Stopped);
            }
            if script.background {
                let run = move || self.one(script, own);
                let thread = std::thread::Builder::new().name("script".into()).spawn_scoped(scope, run);
                beside.push((script, thread.map_err(Error::Thread)?));
            } else {
                self.one(script, own)?;
            }
        }
        Ok(())
    }

    fn one(&self, script: &Script, own: &Stop) -> Result<(), Error> {
        let (name, when) = (&script.name, script.when);
        self.tell.begins(script)?;
        self.watch.note(format!("script {name} ({}) begins", when.word()));
        let mut say = |line: &str| self.watch.note(format!("{name}: {line}"));
        let end = one::run(script, self.surroundings, self.place, own, &mut say);
        let how = if end.is_well() { "has ended well".to_owned() } else { end.how() };
        self.watch.note(format!("script {name} ({}) {how}, after {:.1} s", when.word(), end.seconds));
        self.tell.ended(script, &end)?;
        if end.is_well() {
            Ok(())
        } else if self.stop.is_set() {
            Err(Error::Stopped)
        } else {
            Err(Error::Script { name: name.clone(), when, how: end.how() })
        }
    }
}

#[cfg(test)]
mod tests;
