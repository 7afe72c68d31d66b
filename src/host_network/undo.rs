//! What was changed is taken back. The record of it stays until nothing is left of it.

use std::time::Duration;

use super::plan::undo::{After, is_left};
use super::plan::{Plan, Step};
use super::site::Is;
use super::{Doing, Error, Record, Site};
use crate::stop::Stop;

impl Site {
    /// Whether what a record tells can be taken back: each file is as it was made, or as it was before.
    ///
    /// # Errors
    /// [`Error::Changed`].
    pub fn may_undo(&self, record: &Record) -> Result<(), Error> {
        let paths = self.others(&record.plan)?;
        if paths.is_empty() { Ok(()) } else { Err(Error::Changed { paths }) }
    }

    /// Takes back exactly what a record tells: each file is what it was before, and what was made is gone. Nothing is done
    /// where somebody has changed one of the files.
    ///
    /// # Errors
    /// Where that is so, something can't be done, or something is still there afterwards: then the record stays.
    pub fn undo(&self, record: &Record, stop: &Stop, tell: &mut dyn FnMut(Doing<'_>)) -> Result<(), Error> {
        let plan = &record.plan;
        self.may_undo(record)?;
        let live = |steps| if self.is_live() { steps } else { &[][..] };
        for step in live(&plan.undo.before) {
            // What these end is known by the files: they stay where it can't be ended.
            if let Some(failed) = self.take_back(step, plan, stop, tell)? {
                return Err(Error::NotBegun { command: failed.0, said: failed.1 });
            }
        }
        for change in plan.changes.iter().rev() {
            if self.is(change)? == Is::After {
                self.unmake(change)?;
            }
            if self.is(change)? != Is::Before {
                return Err(Error::Unlike { path: self.root().at(&change.path) });
            }
        }
        let mut failed = Vec::new();
        for step in live(&plan.undo.after) {
            failed.extend(self.take_back(step, plan, stop, tell)?);
        }
        let gone = self.gone(plan, stop, tell);
        if matches!(gone, Err(Error::Stopped)) || failed.is_empty() {
            gone?;
        }
        if !failed.is_empty() {
            return Err(Error::NotUndone { steps: failed });
        }
        self.remove_record()?;
        for dir in record.dirs.iter().rev() {
            let (above, name) = super::site::parts(dir);
            // What somebody has put there stays.
            let _ = self.root().dir(above).and_then(|above| above.rmdir(name));
        }
        Ok(())
    }

    /// Does a step; what it said where it failed and something is left of it.
    fn take_back(
        &self,
        step: &Step,
        plan: &Plan,
        stop: &Stop,
        tell: &mut dyn FnMut(Doing<'_>),
    ) -> Result<Option<(String, String)>, Error> {
        tell(Doing::Step(step));
        let Some((words, said)) = self.failing(step, stop)? else { return Ok(None) };
        if self.is_live() && !is_left(&words, &self.after(plan, stop)?.as_after()) {
            tell(Doing::Needless { step, said: &said });
            return Ok(None);
        }
        Ok(Some((words.join(" "), said)))
    }

    fn after(&self, plan: &Plan, stop: &Stop) -> Result<Left, Error> {
        Ok(Left {
            interface: self.has_interface(plan)?,
            address: self.has_address(plan)?,
            // Who can't look can't say that they are gone.
            rules: match self.has_rules(plan, stop) {
                Err(Error::Stopped) => return Err(Error::Stopped),
                rules => rules.unwrap_or(true),
            },
            seen: self.look_at_files(),
        })
    }

    /// That neither the address nor the rules are left.
    fn gone(&self, plan: &Plan, stop: &Stop, tell: &mut dyn FnMut(Doing<'_>)) -> Result<(), Error> {
        if !self.is_live() {
            return Ok(());
        }
        if plan.manager.is_some() {
            let (interface, address) = (&plan.wanted.interface, plan.wanted.cidr());
            tell(Doing::Gone { interface: interface.as_str(), address: &address });
            // A manager takes its time; one that leaves what it doesn't know any more is helped.
            for _ in 0..30 {
                if !self.has_address(plan)? {
                    break;
                }
                if stop.wait(Duration::from_millis(100)) {
                    return Err(Error::Stopped);
                }
            }
            let mut said = String::new();
            if self.has_address(plan)? {
                let words = ["ip", "address", "del", &address, "dev", interface.as_str()];
                let step = Step::Try(words.map(str::to_owned).into());
                tell(Doing::Step(&step));
                said = self.failing(&step, stop)?.map(|(_, said)| format!(": {said}")).unwrap_or_default();
            }
            if self.has_address(plan)? {
                return Err(Error::Left { what: format!("{interface} has {address} still{said}") });
            }
        }
        let rules = self.has_rules(plan, stop).map_err(|error| match error {
            Error::Step { command, said } => Error::NotUndone { steps: vec![(command, said)] },
            error => error,
        });
        if rules? {
            return Err(Error::Left {
                what: "the rules for the boards' way out are in the kernel still".to_owned(),
            });
        }
        Ok(())
    }
}

/// What is left of a change.
struct Left {
    seen: super::plan::Seen,
    interface: bool,
    address: bool,
    rules: bool,
}

impl Left {
    const fn as_after(&self) -> After<'_> {
        let Self { seen, interface, address, rules } = self;
        After { seen, interface: *interface, address: *address, rules: *rules }
    }
}
