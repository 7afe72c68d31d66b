//! What mklive, clnlive and nukelive do: first a plan, then its steps. A dry run prints the plan.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::tree::{Entry, Kind, Overlay, Tree};
use super::{Error, link};
use crate::board::PortPath;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The entry of the live tree that it is about.
    pub name: OsString,
    /// What is to be done.
    pub action: Action,
}

/// What is done with an entry of the live tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A link is made, or put in the place of what is there.
    Link {
        /// Where it points.
        target: PathBuf,
        /// What it takes the place of.
        instead_of: Option<Kind>,
    },
    /// It is removed.
    Remove {
        /// What it is.
        what: Kind,
        /// Why, where that isn't what the command is for.
        why: Option<&'static str>,
    },
    /// It is as it should be.
    Keep,
    /// It is left alone.
    Leave {
        /// What it is, as in "it is a directory", or what is wrong with it.
        what: String,
    },
}

impl Tree {
    /// Links to every file and directory of the first stage; links whose source is gone are removed.
    ///
    /// # Errors
    /// When there is no first stage, and when a directory can't be read.
    pub fn plan_make(&self, force: bool) -> Result<Vec<Step>, Error> {
        let source = self.first_stage();
        let error = || Error::os("reading", &source);
        let found = match std::fs::read_dir(&source) {
            Ok(found) => found,
            Err(gone) if matches!(gone.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(Error::NoFirstStage { path: source });
            }
            Err(why) => return Err(error()(why)),
        };
        let mut names: Vec<OsString> = found
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<_>>()
            .map_err(error())?;
        names.sort();
        let mut steps = Vec::new();
        for name in &names {
            let step = self.step_make(name, source.join(name), force)?;
            steps.push(Step { name: name.clone(), action: step });
        }
        for Entry { name, kind } in self.entries()? {
            let gone = match &kind {
                Kind::FirstStage { .. } if !names.contains(&name) => "the first stage has it no more",
                Kind::Overlay(Overlay { target, .. }) if !target.is_dir() => "the client's directory is gone",
                _ => continue,
            };
            steps.push(Step { name, action: Action::Remove { what: kind, why: Some(gone) } });
        }
        Ok(steps)
    }

    fn step_make(&self, name: &OsStr, target: PathBuf, force: bool) -> Result<Action, Error> {
        if name.to_str().is_some_and(|name| name.parse::<PortPath>().is_ok()) {
            let what = "not linked: its name is that of a port, whose board would take it for its own files";
            return Ok(Action::Leave { what: what.to_owned() });
        }
        Ok(match self.kind(name)? {
            None => Action::Link { target, instead_of: None },
            Some(Kind::FirstStage { target: there }) if there == target => Action::Keep,
            Some(kind) if kind.is_ours() || force => Action::Link { target, instead_of: Some(kind) },
            Some(kind) => Action::Leave { what: format!("in the way: {}", kind.describe()) },
        })
    }

    /// Removes the ports' links. Anything else that is named like a port is left, or removed with `force`.
    ///
    /// # Errors
    /// When the tree can't be read.
    pub fn plan_clean(&self, force: bool) -> Result<Vec<Step>, Error> {
        self.plan_removal(force, |entry| match &entry.kind {
            Kind::Overlay(_) => true,
            _ => entry.name.to_str().is_some_and(|name| name.parse::<PortPath>().is_ok()),
        })
    }

    /// Removes all links of piprov's. Anything else is left, or removed with `force`.
    ///
    /// # Errors
    /// When the tree can't be read.
    pub fn plan_nuke(&self, force: bool) -> Result<Vec<Step>, Error> {
        self.plan_removal(force, |_| true)
    }

    fn plan_removal(&self, force: bool, concerned: impl Fn(&Entry) -> bool) -> Result<Vec<Step>, Error> {
        let step = |Entry { name, kind }: Entry| {
            let action = if kind.is_ours() || force {
                Action::Remove { what: kind, why: None }
            } else {
                Action::Leave { what: kind.describe() }
            };
            Step { name, action }
        };
        Ok(self.entries()?.into_iter().filter(concerned).map(step).collect())
    }

    /// Does a step. What has changed since the plan was made isn't touched: it fails instead.
    ///
    /// # Errors
    /// When the operating system says no, or something else is there than was planned for.
    pub fn apply(&self, step: &Step) -> Result<(), Error> {
        let path = self.live().join(&step.name);
        let unchanged = |was: &Kind| match self.kind(&step.name)? {
            Some(is) if is == *was => Ok(true),
            Some(is) => Err(Error::InTheWay { path: path.clone(), what: is.describe() }),
            None => Ok(false),
        };
        match &step.action {
            Action::Keep | Action::Leave { .. } => Ok(()),
            Action::Link { target, instead_of } => {
                let error = || Error::os("linking", &path);
                match instead_of {
                    Some(was) if unchanged(was)? => {
                        if matches!(was, Kind::Directory) {
                            self.remove(&path)?;
                        }
                        link::replace(&path, target).map_err(error())
                    }
                    _ => {
                        std::fs::create_dir_all(self.live()).map_err(Error::os("making", self.live()))?;
                        link::create(&path, target).map_err(error())
                    }
                }
            }
            Action::Remove { what, .. } => {
                if unchanged(what)? {
                    self.remove(&path)?;
                }
                Ok(())
            }
        }
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        let error = || Error::os("removing", path);
        let device = std::fs::metadata(self.live()).map_err(error())?.dev();
        match link::remove_tree(path, device) {
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::tests::Lab;
    use super::*;

    fn run(lab: &Lab, plan: Result<Vec<Step>, Error>) -> Vec<Step> {
        let plan = plan.unwrap();
        for step in &plan {
            lab.tree.apply(step).unwrap();
        }
        plan
    }

    fn changes(plan: &[Step]) -> usize {
        plan.iter().filter(|step| matches!(step.action, Action::Link { .. } | Action::Remove { .. })).count()
    }

    #[test]
    fn making_is_idempotent_and_prunes_what_has_no_source() {
        let lab = Lab::new();
        lab.clients(&["1ststage/kernel.img", "1ststage/overlays/", "1ststage/.hidden", "by-serial/a/"]);
        assert_eq!(changes(&run(&lab, lab.tree.plan_make(false))), 3);
        let links = [
            ".hidden -> 1ststage/.hidden",
            "kernel.img -> 1ststage/kernel.img",
            "overlays -> 1ststage/overlays",
        ];
        assert_eq!(lab.shown(), links);
        assert_eq!(changes(&run(&lab, lab.tree.plan_make(false))), 0);
        let gone = lab.tree.first_stage().join("kernel.img");
        std::fs::remove_file(gone).unwrap();
        lab.link("1-1", lab.tree.clients().join("by-serial/a"));
        lab.link("1-2", lab.tree.clients().join("by-serial/gone"));
        assert_eq!(changes(&run(&lab, lab.tree.plan_make(false))), 2);
        let links = [".hidden -> 1ststage/.hidden", "1-1 -> by-serial/a", "overlays -> 1ststage/overlays"];
        assert_eq!(lab.shown(), links);
    }

    #[test]
    fn what_is_not_ours_stays_without_force() {
        let lab = Lab::new();
        lab.clients(&["1ststage/config.txt", "1ststage/overlays/", "1ststage/start.elf", "1ststage/1-1.2/"]);
        lab.link("start.elf", "/elsewhere/start.elf");
        std::fs::write(lab.tree.live().join("config.txt"), "mine").unwrap();
        std::fs::create_dir_all(lab.tree.live().join("overlays/mine")).unwrap();
        let mine = ["config.txt a file", "overlays a directory", "start.elf -> /elsewhere/start.elf"];
        let plan = run(&lab, lab.tree.plan_make(false));
        assert!(plan.iter().all(|step| matches!(step.action, Action::Leave { .. })), "{plan:?}");
        assert_eq!(lab.shown(), mine);
        run(&lab, lab.tree.plan_nuke(false));
        assert_eq!(lab.shown(), mine);
        run(&lab, lab.tree.plan_make(true));
        assert_eq!(
            lab.shown(),
            [
                "config.txt -> 1ststage/config.txt",
                "overlays -> 1ststage/overlays",
                "start.elf -> 1ststage/start.elf"
            ]
        );
    }

    #[test]
    fn cleaning_takes_the_links_of_every_bus_and_nothing_else() {
        let lab = Lab::new();
        let board = lab.tree.clients().join("by-serial/a");
        lab.clients(&["1ststage/1-foo", "by-serial/a/"]);
        run(&lab, lab.tree.plan_make(false));
        lab.link("1-1", &board).link("2-1.3", &board).link("16-4.4.4.4.4", &board).link("1-9", "/mine");
        std::fs::create_dir(lab.tree.live().join("3-1")).unwrap();
        let plan = run(&lab, lab.tree.plan_clean(false));
        assert_eq!((plan.len(), changes(&plan)), (5, 3));
        assert_eq!(lab.shown(), ["1-9 -> /mine", "1-foo -> 1ststage/1-foo", "3-1 a directory"]);
        run(&lab, lab.tree.plan_clean(true));
        assert_eq!(lab.shown(), ["1-foo -> 1ststage/1-foo"]);
        assert!(board.is_dir());
    }

    #[test]
    fn nuking_empties_the_tree_of_ours_and_an_empty_one_is_no_error() {
        let lab = Lab::new();
        lab.clients(&["1ststage/kernel.img", "by-serial/a/config.txt"]);
        assert_eq!(lab.tree.plan_nuke(false).unwrap(), []);
        run(&lab, lab.tree.plan_make(false));
        lab.link("1-1", lab.tree.clients().join("by-serial/a"));
        std::fs::write(lab.tree.live().join("notes"), "").unwrap();
        run(&lab, lab.tree.plan_nuke(false));
        assert_eq!(lab.shown(), ["notes a file"]);
        run(&lab, lab.tree.plan_nuke(true));
        assert_eq!(lab.tree.plan_nuke(true).unwrap(), []);
        assert!(lab.tree.clients().join("by-serial/a/config.txt").exists());
    }

    #[test]
    fn what_changed_since_the_plan_is_not_touched() {
        let lab = Lab::new();
        lab.clients(&["1ststage/kernel.img"]);
        let plan = lab.tree.plan_make(false).unwrap();
        std::fs::create_dir_all(lab.tree.live()).unwrap();
        std::fs::write(lab.tree.live().join("kernel.img"), "mine").unwrap();
        lab.tree.apply(&plan[0]).unwrap_err();
        let plan = lab.tree.plan_nuke(true).unwrap();
        std::fs::remove_file(lab.tree.live().join("kernel.img")).unwrap();
        std::fs::create_dir(lab.tree.live().join("kernel.img")).unwrap();
        assert!(matches!(lab.tree.apply(&plan[0]), Err(Error::InTheWay { .. })));
        std::fs::remove_dir(lab.tree.live().join("kernel.img")).unwrap();
        lab.tree.apply(&plan[0]).unwrap();
    }

    #[test]
    fn without_a_first_stage_there_is_nothing_to_make() {
        let lab = Lab::new();
        std::fs::remove_dir(lab.tree.first_stage()).unwrap();
        assert!(matches!(lab.tree.plan_make(false), Err(Error::NoFirstStage { .. })));
    }
}
