//! What mklive, clnlive and nukelive do: first a plan, then its steps. A dry run prints the plan.

use std::cell::OnceCell;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use super::Error;
use super::tree::{Entry, Id, Kind, Overlay, TEMPORARY, Tree};
use crate::beneath::{Dir, NotRemoved};
use crate::board::PortPath;

/// What is to be done with a live tree.
///
/// It holds the directory open that was looked at: its steps are done there and nowhere else, whatever has that name
/// by then.
#[derive(Debug)]
pub struct LivePlan {
    tree: Tree,
    /// Empty where it wasn't there when the plan was made.
    live: OnceCell<Dir>,
    steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The entry of the live tree that it is about.
    pub name: OsString,
    /// What is to be done.
    pub action: Action,
    /// Which file or directory was there when the plan was made.
    was: Option<Id>,
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
    pub fn plan_make(&self, force: bool) -> Result<LivePlan, Error> {
        let source = self.first_stage();
        let names = match Dir::open(&source).and_then(|source| source.names()) {
            Ok(names) => names,
            Err(Errno::NOENT | Errno::NOTDIR) => return Err(Error::NoFirstStage { path: source }),
            Err(error) => return Err(Error::os("reading", &source)(error.into())),
        };
        self.plan(|live| {
            let mut steps = Vec::new();
            for name in &names {
                let there = live.map_or(Ok(None), |live| self.entry_in(live, name))?;
                let was = there.as_ref().map(|entry| entry.id);
                let action = step_make(name, source.join(name), there.map(|entry| entry.kind), force);
                steps.push(Step { name: name.clone(), action, was });
            }
            for Entry { name, kind, id } in live.map_or(Ok(Vec::new()), |live| self.entries_in(live))? {
                let gone = match &kind {
                    Kind::FirstStage { .. } if !names.contains(&name) => "the first stage has it no more",
                    Kind::Overlay(Overlay { target, .. }) if !target.is_dir() => {
                        "the client's directory is gone"
                    }
                    _ => continue,
                };
                let action = Action::Remove { what: kind, why: Some(gone) };
                steps.push(Step { name, action, was: Some(id) });
            }
            Ok(steps)
        })
    }

    /// Removes the ports' links. Anything else that is named like a port is left, or removed with `force`.
    ///
    /// # Errors
    /// When the tree can't be read.
    pub fn plan_clean(&self, force: bool) -> Result<LivePlan, Error> {
        self.plan_removal(force, |entry| match &entry.kind {
            Kind::Overlay(_) => true,
            _ => is_port(&entry.name),
        })
    }

    /// Removes all links of piprov's. Anything else is left, or removed with `force`.
    ///
    /// # Errors
    /// When the tree can't be read.
    pub fn plan_nuke(&self, force: bool) -> Result<LivePlan, Error> {
        self.plan_removal(force, |_| true)
    }

    fn plan_removal(&self, force: bool, concerned: impl Fn(&Entry) -> bool) -> Result<LivePlan, Error> {
        let step = |Entry { name, kind, id }: Entry| {
            let action = if kind.is_ours() || force {
                Action::Remove { what: kind, why: None }
            } else {
                Action::Leave { what: kind.describe() }
            };
            Step { name, action, was: Some(id) }
        };
        self.plan(|live| {
            let entries = live.map_or(Ok(Vec::new()), |live| self.entries_in(live))?;
            Ok(entries.into_iter().filter(concerned).map(step).collect())
        })
    }

    /// Makes a plan for the live directory, which is opened once.
    fn plan(&self, steps: impl FnOnce(Option<&Dir>) -> Result<Vec<Step>, Error>) -> Result<LivePlan, Error> {
        let live = self.open()?;
        let steps = steps(live.as_ref())?;
        Ok(LivePlan { tree: self.clone(), live: live.map(OnceCell::from).unwrap_or_default(), steps })
    }
}

fn is_port(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.parse::<PortPath>().is_ok())
}

/// What is done for a file of the first stage, given what is there under its name.
fn step_make(name: &OsStr, target: PathBuf, there: Option<Kind>, force: bool) -> Action {
    if is_port(name) {
        let what = "not linked: its name is that of a port, whose board would take it for its own files";
        return Action::Leave { what: what.to_owned() };
    }
    match there {
        None => Action::Link { target, instead_of: None },
        Some(Kind::FirstStage { target: there }) if there == target => Action::Keep,
        Some(kind) if kind.is_ours() || force => Action::Link { target, instead_of: Some(kind) },
        Some(kind) => Action::Leave { what: format!("in the way: {}", kind.describe()) },
    }
}

impl LivePlan {
    /// Its steps, in the order in which they are to be done.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Does a step. What has changed since the plan was made isn't touched: it fails instead.
    ///
    /// # Errors
    /// When the operating system says no, or something else is there than was planned for.
    pub fn apply(&self, step: &Step) -> Result<(), Error> {
        let path = self.tree.live().join(&step.name);
        let error = |source: Errno| Error::os("linking", &path)(source.into());
        match &step.action {
            Action::Keep | Action::Leave { .. } => Ok(()),
            Action::Link { target, instead_of } => {
                let live = self.live()?;
                match instead_of {
                    Some(was) if self.is_there(live, step, was)? => {
                        if !matches!(was, Kind::Directory) {
                            return live.replace_link(&step.name, target, TEMPORARY).map_err(error);
                        }
                        self.remove(live, step, was)?;
                    }
                    _ => {}
                }
                live.symlink(&step.name, target).map_err(error)
            }
            Action::Remove { what, .. } => match self.live.get() {
                Some(live) if self.is_there(live, step, what)? => self.remove(live, step, what),
                _ => Ok(()),
            },
        }
    }

    /// The directory that the plan is for; makes it where it wasn't there.
    fn live(&self) -> Result<&Dir, Error> {
        if let Some(live) = self.live.get() {
            return Ok(live);
        }
        let made = self.tree.make()?;
        Ok(self.live.get_or_init(|| made))
    }

    /// Whether what was there is there still. That nothing is there any more is fine; something else is not.
    fn is_there(&self, live: &Dir, step: &Step, was: &Kind) -> Result<bool, Error> {
        match self.tree.entry_in(live, &step.name)? {
            Some(is) if is.kind == *was && Some(is.id) == step.was => Ok(true),
            Some(is) => {
                let what = is.kind.describe();
                Err(Error::InTheWay { path: self.tree.live().join(&step.name), what })
            }
            None => Ok(false),
        }
    }

    fn remove(&self, live: &Dir, step: &Step, what: &Kind) -> Result<(), Error> {
        if !matches!(what, Kind::Directory) {
            // Never a directory that was put in its place.
            let path = self.tree.live().join(&step.name);
            return live.unlink(&step.name).map_err(|error| Error::os("removing", &path)(error.into()));
        }
        live.remove_tree(&step.name).map_err(|error| match error {
            NotRemoved::Mounted { path } => {
                let busy = io::Error::new(io::ErrorKind::ResourceBusy, "something is mounted there");
                Error::os("removing", &path)(busy)
            }
            NotRemoved::Os { path, source } => Error::os("removing", &path)(source),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::tests::Lab;
    use super::*;

    fn run(plan: Result<LivePlan, Error>) -> Vec<Step> {
        let plan = plan.unwrap();
        for step in plan.steps() {
            plan.apply(step).unwrap();
        }
        plan.steps
    }

    fn changes(plan: &[Step]) -> usize {
        plan.iter().filter(|step| matches!(step.action, Action::Link { .. } | Action::Remove { .. })).count()
    }

    #[test]
    fn making_is_idempotent_and_prunes_what_has_no_source() {
        let lab = Lab::new();
        lab.clients(&["1ststage/kernel.img", "1ststage/overlays/", "1ststage/.hidden", "by-serial/a/"]);
        assert_eq!(changes(&run(lab.tree.plan_make(false))), 3);
        let links = [
            ".hidden -> 1ststage/.hidden",
            "kernel.img -> 1ststage/kernel.img",
            "overlays -> 1ststage/overlays",
        ];
        assert_eq!(lab.shown(), links);
        assert_eq!(changes(&run(lab.tree.plan_make(false))), 0);
        let gone = lab.tree.first_stage().join("kernel.img");
        std::fs::remove_file(gone).unwrap();
        lab.link("1-1", lab.tree.clients().join("by-serial/a"));
        lab.link("1-2", lab.tree.clients().join("by-serial/gone"));
        assert_eq!(changes(&run(lab.tree.plan_make(false))), 2);
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
        let plan = run(lab.tree.plan_make(false));
        assert!(plan.iter().all(|step| matches!(step.action, Action::Leave { .. })), "{plan:?}");
        assert_eq!(lab.shown(), mine);
        run(lab.tree.plan_nuke(false));
        assert_eq!(lab.shown(), mine);
        run(lab.tree.plan_make(true));
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
        run(lab.tree.plan_make(false));
        lab.link("1-1", &board).link("2-1.3", &board).link("16-4.4.4.4.4", &board).link("1-9", "/mine");
        std::fs::create_dir(lab.tree.live().join("3-1")).unwrap();
        let plan = run(lab.tree.plan_clean(false));
        assert_eq!((plan.len(), changes(&plan)), (5, 3));
        assert_eq!(lab.shown(), ["1-9 -> /mine", "1-foo -> 1ststage/1-foo", "3-1 a directory"]);
        run(lab.tree.plan_clean(true));
        assert_eq!(lab.shown(), ["1-foo -> 1ststage/1-foo"]);
        assert!(board.is_dir());
    }

    #[test]
    fn nuking_empties_the_tree_of_ours_and_an_empty_one_is_no_error() {
        let lab = Lab::new();
        lab.clients(&["1ststage/kernel.img", "by-serial/a/config.txt"]);
        assert_eq!(lab.tree.plan_nuke(false).unwrap().steps(), []);
        run(lab.tree.plan_make(false));
        lab.link("1-1", lab.tree.clients().join("by-serial/a"));
        std::fs::write(lab.tree.live().join("notes"), "").unwrap();
        run(lab.tree.plan_nuke(false));
        assert_eq!(lab.shown(), ["notes a file"]);
        run(lab.tree.plan_nuke(true));
        assert_eq!(lab.tree.plan_nuke(true).unwrap().steps(), []);
        assert!(lab.tree.clients().join("by-serial/a/config.txt").exists());
    }

    #[test]
    fn what_changed_since_the_plan_is_not_touched() {
        let lab = Lab::new();
        lab.clients(&["1ststage/kernel.img"]);
        let plan = lab.tree.plan_make(false).unwrap();
        std::fs::create_dir_all(lab.tree.live()).unwrap();
        std::fs::write(lab.tree.live().join("kernel.img"), "mine").unwrap();
        plan.apply(&plan.steps[0]).unwrap_err();
        let plan = lab.tree.plan_nuke(true).unwrap();
        std::fs::remove_file(lab.tree.live().join("kernel.img")).unwrap();
        std::fs::create_dir(lab.tree.live().join("kernel.img")).unwrap();
        assert!(matches!(plan.apply(&plan.steps[0]), Err(Error::InTheWay { .. })));
        std::fs::remove_dir(lab.tree.live().join("kernel.img")).unwrap();
        plan.apply(&plan.steps[0]).unwrap();
    }

    #[test]
    fn without_a_first_stage_there_is_nothing_to_make() {
        let lab = Lab::new();
        std::fs::remove_dir(lab.tree.first_stage()).unwrap();
        assert!(matches!(lab.tree.plan_make(false), Err(Error::NoFirstStage { .. })));
    }

    /// A live tree with things of somebody else's in it, and a precious directory beside it.
    fn attacked() -> (Lab, PathBuf) {
        let lab = Lab::new();
        lab.clients(&["1ststage/overlays/", "1ststage/config.txt"]);
        let precious = lab.dir.path().join("precious");
        for name in ["overlays/deep", "1-1.9/deep"] {
            std::fs::create_dir_all(lab.tree.live().join(name)).unwrap();
            std::fs::create_dir_all(precious.join(name)).unwrap();
            std::fs::write(precious.join(name).join("file"), "").unwrap();
        }
        std::fs::write(precious.join("config.txt"), "").unwrap();
        (lab, precious)
    }

    #[test]
    fn a_plan_is_done_in_the_directory_that_was_looked_at() {
        type Planned = fn(&Tree) -> Result<LivePlan, Error>;
        let plans: [Planned; 3] =
            [|tree| tree.plan_nuke(true), |tree| tree.plan_clean(true), |tree| tree.plan_make(true)];
        for plan in plans {
            let (lab, precious) = attacked();
            let plan = plan(&lab.tree).unwrap();
            let aside = lab.dir.path().join("aside");
            std::fs::rename(lab.tree.live(), &aside).unwrap();
            std::os::unix::fs::symlink(&precious, lab.tree.live()).unwrap();
            plan.steps().iter().for_each(|step| plan.apply(step).unwrap());
            for name in ["overlays/deep/file", "1-1.9/deep/file", "config.txt"] {
                assert!(precious.join(name).exists(), "{name}");
            }
            assert!(!aside.join("1-1.9").exists() || aside.join("overlays").is_symlink());
            // And such a link isn't taken for the tree.
            assert!(matches!(lab.tree.plan_nuke(true), Err(Error::IsLink { .. })));
            assert!(matches!(lab.tree.plan_make(true), Err(Error::IsLink { .. })));
        }
    }

    #[test]
    fn another_directory_than_the_one_that_was_looked_at_stays() {
        let (lab, precious) = attacked();
        let plan = lab.tree.plan_nuke(true).unwrap();
        let there = lab.tree.live().join("1-1.9");
        std::fs::rename(&there, lab.dir.path().join("aside")).unwrap();
        std::fs::rename(precious.join("1-1.9"), &there).unwrap();
        let step = plan.steps().iter().find(|step| step.name == "1-1.9").unwrap();
        assert!(matches!(plan.apply(step), Err(Error::InTheWay { .. })));
        assert!(there.join("deep/file").exists());
    }
}
