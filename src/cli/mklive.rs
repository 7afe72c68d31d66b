//! `piprov mklive`, and what it shares with clnlive and nukelive: where the tree is, and how a plan is done.

use std::path::PathBuf;

use crate::cli::ui::{Style, Ui};
use crate::cli::{Global, common};
use crate::config::Settings;
use crate::format::json::json;
use crate::live::Tree;
use crate::live::plan::{Action, LivePlan, Step};

#[derive(Debug, clap::Args)]
pub struct Mklive {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    how: How,
}

/// Where the live tree is.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The live tree [default: /srv/usbboot/live]
    #[arg(long, value_name = "DIR")]
    live: Option<PathBuf>,
    /// The clients' directories [default: /srv/usbboot/clients]
    #[arg(long, value_name = "DIR")]
    clients: Option<PathBuf>,
}

/// How a plan is done.
#[derive(Debug, clap::Args)]
pub(super) struct How {
    /// Say what would be done, and touch nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Also replace or remove what is not piprov's, directories with all in them
    #[arg(short, long)]
    pub(super) force: bool,
}

impl Place {
    pub(super) fn tree(&self, settings: &Settings) -> Result<Tree, crate::live::Error> {
        let live = settings.usb.live.clone().or_flag("--live", self.live.clone()).value;
        let clients = settings.usb.clients.clone().or_flag("--clients", self.clients.clone()).value;
        Tree::new(&live, &clients)
    }
}

impl Mklive {
    pub(super) fn run(self, global: &Global, ui: &Ui) -> crate::cli::Result<()> {
        let tree = self.place.tree(&common::settings(global, ui)?)?;
        ui.say(format_args!("Linking first stage boot files to {}", tree.live().display()));
        let plan = tree.plan_make(self.how.force)?;
        self.how.carry_out(&plan, ui, |_| Ok(()))
    }
}

impl How {
    /// Does a plan, or prints it. `also` does what belongs to a step beside the tree.
    pub(super) fn carry_out(
        &self,
        plan: &LivePlan,
        ui: &Ui,
        also: impl Fn(&Step) -> Result<(), crate::live::Error>,
    ) -> crate::cli::Result<()> {
        let (mut linked, mut removed, mut kept, mut left) = (0, 0, 0, 0);
        let removes_only =
            plan.steps().iter().all(|step| !matches!(step.action, Action::Link { .. } | Action::Keep));
        for step in plan.steps() {
            if !self.dry_run {
                plan.apply(step)?;
                also(step)?;
            }
            match step.action {
                Action::Link { .. } => linked += 1,
                Action::Remove { .. } => removed += 1,
                Action::Keep => kept += 1,
                Action::Leave { .. } => left += 1,
            }
            self.tell(step, ui);
        }
        if left > 0 && !self.force {
            let them = if left == 1 { "1 entry is" } else { &format!("{left} entries are") };
            ui.say(format_args!("{them} not piprov's and left alone"));
        }
        let would = if self.dry_run { "would be " } else { "" };
        if removes_only {
            ui.say(format_args!("{removed} {would}removed"));
        } else {
            ui.say(format_args!("{linked} {would}linked, {removed} {would}removed, {kept} unchanged"));
        }
        Ok(())
    }

    fn tell(&self, step: &Step, ui: &Ui) {
        let name = step.name.display();
        let (verb, style, rest) = match &step.action {
            Action::Link { target, instead_of } => {
                let instead = instead_of.as_ref().map(|was| format!(", in place of {}", was.describe()));
                (
                    "link",
                    Style::Good,
                    format!("{name} -> {}{}", target.display(), instead.unwrap_or_default()),
                )
            }
            Action::Remove { what, why } => {
                let why = why.map(|why| format!(", {why}")).unwrap_or_default();
                ("remove", Style::Good, format!("{name}: {}{why}", what.describe()))
            }
            Action::Keep => ("keep", Style::Faint, name.to_string()),
            Action::Leave { what } => ("leave", Style::Warn, format!("{name}: {what}")),
        };
        if ui.json {
            let (target, what) = match &step.action {
                Action::Link { target, instead_of } => {
                    (Some(target), instead_of.as_ref().map(crate::live::EntryKind::describe))
                }
                Action::Remove { what, .. } => (None, Some(what.describe())),
                Action::Keep => (None, None),
                Action::Leave { what } => (None, Some(what.clone())),
            };
            let event = if self.dry_run { format!("would-{verb}") } else { verb.to_owned() };
            ui.object(&json!({
                "event": event, "name": step.name.to_string_lossy(), "target": target, "what": what,
            }));
            return;
        }
        if step.action == Action::Keep {
            ui.detail(format_args!("kept {rest}"));
            return;
        }
        let word = match (verb, self.dry_run) {
            ("link", false) => "linked",
            ("link", true) => "would link",
            ("remove", false) => "removed",
            ("remove", true) => "would remove",
            (_, false) => "left",
            (_, true) => "would leave",
        };
        ui.result(format_args!("{} {rest}", ui.paint(style, word)));
    }
}
