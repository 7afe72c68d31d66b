//! What people change of rules, projects, scripts and settings, whether they ask by the API or on a page: the same checks, the same
//! audit, the same news.

use std::collections::BTreeSet;

use super::web::{Refusal, Who};
use super::{Station, api, first_boot, key, now, store};
use crate::control::message::{About, Notice};
use crate::device_api::Script;
use crate::station_api::{
    FirstBootSettings, ImageState, NetworkNotice, NewRule, OWN, Project, ProjectImport, Rule, SettingLine,
    Thing, ValuesOf,
};

impl Station {
    /// Somebody has changed how the station works.
    pub(super) async fn changed(&self, who: &Who, what: &str, on: &str) {
        self.did(who, what, on).await;
        self.changes.tell(Thing::Settings, on, None);
        self.look_at_stuck().await;
    }

    /// Makes a rule.
    pub(super) async fn add_rule(&self, who: &Who, new: &NewRule) -> Result<Rule, Refusal> {
        new.says_which().map_err(Refusal::meaningless)?;
        let rule = self.store().add_rule(new).await?;
        self.changed(who, "rule.add", &rule.name).await;
        Ok(rule)
    }

    /// Changes a rule.
    pub(super) async fn change_rule(&self, who: &Who, name: &str, new: &NewRule) -> Result<Rule, Refusal> {
        new.says_which().map_err(Refusal::meaningless)?;
        let rule = self.store().change_rule(name, new).await?;
        self.changed(who, "rule.change", name).await;
        if rule.name != name {
            self.changed(who, "rule.rename", &rule.name).await;
        }
        Ok(rule)
    }

    /// Removes a rule.
    pub(super) async fn remove_rule(&self, who: &Who, name: &str) -> Result<(), Refusal> {
        self.store().remove_rule(name).await?;
        self.changed(who, "rule.remove", name).await;
        Ok(())
    }

    /// Makes or changes a project.
    pub(super) async fn put_project(&self, who: &Who, project: Project) -> Result<Project, Refusal> {
        let before = match self.store().project(&project.name).await {
            Ok(before) => before.first_boot,
            Err(store::Error::NoSuch { .. }) => FirstBootSettings::new(),
            Err(error) => return Err(error.into()),
        };
        self.put_project_and(who, project, before, &[]).await
    }

    /// Makes a project as somebody has put it together of another one: of that the secrets stay of which nothing else is
    /// said. With an empty `like` it is made of none.
    pub(super) async fn put_project_like(
        &self,
        who: &Who,
        project: Project,
        like: &str,
    ) -> Result<Project, Refusal> {
        if like.is_empty() {
            return self.put_project(who, project).await;
        }
        let before = self.store().project(like).await?.first_boot;
        self.put_project_and(who, project, before, &[]).await
    }

    /// Makes a project of another one. What is secret in that goes along, and is told to nobody.
    pub(super) async fn clone_project(&self, who: &Who, name: &str, new: &str) -> Result<Project, Refusal> {
        if self.store().project(new).await.is_ok() {
            return Err(Refusal::conflict(format!("there is a project `{new}` already")));
        }
        let before = self.store().project(name).await?;
        let project = Project { name: new.to_owned(), ..before };
        let project = self.store().put_project(&Project { made: now(), ..project }).await?;
        self.changed(who, "project.put", &project.name).await;
        self.with_doubts(project).await
    }

    /// Takes a project and its scripts from a file: all of it, or nothing.
    pub(super) async fn import_project(&self, who: &Who, file: ProjectImport) -> Result<Project, Refusal> {
        let ProjectImport { project, scripts, replace } = file;
        let before = match self.store().project(&project.name).await {
            Ok(_) if !replace => {
                return Err(Refusal::conflict(format!("there is a project `{}` already", project.name)));
            }
            Ok(before) => before.first_boot,
            Err(store::Error::NoSuch { .. }) => FirstBootSettings::new(),
            Err(error) => return Err(error.into()),
        };
        let mut new = Vec::new();
        for script in scripts {
            match self.store().script(&script.name).await {
                Ok(there) if there == script => {}
                Ok(_) if !replace => {
                    let text = format!("there is another script `{}`", script.name);
                    return Err(Refusal::conflict(text));
                }
                Ok(_) | Err(store::Error::NoSuch { .. }) => new.push(script),
                Err(error) => return Err(error.into()),
            }
        }
        self.put_project_and(who, project, before, &new).await
    }

    /// `before`: what it had of first-boot settings.
    async fn put_project_and(
        &self,
        who: &Who,
        project: Project,
        before: FirstBootSettings,
        scripts: &[Script],
    ) -> Result<Project, Refusal> {
        let salt: [u8; 16] = key::random().ok_or_else(api::no_random)?;
        // Hashing a password takes a while.
        let new = project.first_boot.clone();
        let kept = tokio::task::spawn_blocking(move || first_boot::kept(&before, &new, &salt)).await;
        let kept = kept.map_err(|error| Refusal::meaningless(error.to_string()))?;
        let first_boot = kept.map_err(|wrong| {
            let refusal = Refusal::meaningless(format!("first_boot: {wrong}"));
            match wrong {
                first_boot::Wrong::NoSecret { .. } => refusal.with_hint(
                    "no secret stands in a project's file: write it there for this once, or take its line out",
                ),
                _ => refusal,
            }
        })?;
        let project = Project { made: now(), first_boot, ..project };
        let project = self.store().put_project_and(&project, scripts).await?;
        for script in scripts {
            self.changed(who, "script.put", &script.name).await;
        }
        self.changed(who, "project.put", &project.name).await;
        self.with_doubts(project).await
    }

    /// All projects, without what is secret in them.
    pub(super) async fn projects(&self) -> Result<Vec<Project>, Refusal> {
        Ok(self.store().projects().await?.into_iter().map(told).collect())
    }

    /// A project, without what is secret in it.
    pub(super) async fn project(&self, name: &str) -> Result<Project, Refusal> {
        self.with_doubts(self.store().project(name).await?).await
    }

    /// A project without what is secret in it, with what its boards couldn't have.
    async fn with_doubts(&self, project: Project) -> Result<Project, Refusal> {
        let warnings = self.doubts(&project).await?;
        Ok(Project { warnings, ..told(project) })
    }

    /// What boards of a project couldn't have, as far as that is seen without a board. `project` has its secrets.
    async fn doubts(&self, project: &Project) -> Result<Vec<String>, Refusal> {
        let settings = &project.first_boot;
        let mut doubts = Vec::new();
        let mut given: BTreeSet<String> = OWN.iter().map(|&name| name.to_owned()).collect();
        let mut asks = false;
        for source in &project.values {
            match self.store().value_source(source).await?.of {
                ValuesOf::Table(sheet) => given.extend(sheet.columns),
                // What a server answers isn't known before.
                ValuesOf::Http(_) => asks = true,
                ValuesOf::Sequence(_) | ValuesOf::Addresses(_) => given.extend([source.clone()]),
            }
        }
        for (name, key) in first_boot::needed(settings) {
            if !asks && !given.contains(&name) {
                doubts.push(format!(
                    "first boot: {key} needs the value `{name}`, which no source of the project gives"
                ));
            }
        }
        if settings.is_empty() {
            return Ok(doubts);
        }
        let image = match &project.image {
            Some(image) => self.store().image(image).await.ok().filter(|one| one.state == ImageState::Ready),
            None => None,
        };
        if let Some(image) = image
            && let Err(refusal) = self.can_take(&first_boot::sample(settings), &image).await
        {
            doubts.push(refusal.detail());
        }
        Ok(doubts)
    }

    /// Removes a project.
    pub(super) async fn remove_project(&self, who: &Who, name: &str) -> Result<(), Refusal> {
        self.store().remove_project(name).await?;
        self.changed(who, "project.remove", name).await;
        Ok(())
    }

    /// Makes or changes a script.
    pub(super) async fn put_script(&self, who: &Who, script: &Script) -> Result<Script, Refusal> {
        let script = self.store().put_script(script).await?;
        self.changed(who, "script.put", &script.name).await;
        Ok(script)
    }

    /// Removes a script.
    pub(super) async fn remove_script(&self, who: &Who, name: &str) -> Result<(), Refusal> {
        self.store().remove_script(name).await?;
        self.changed(who, "script.remove", name).await;
        Ok(())
    }

    /// What is the matter on the network, as what boots boards tells it.
    pub(super) fn network(&self) -> Vec<NetworkNotice> {
        let line = |notice: Notice| NetworkNotice {
            about: about(notice.about).to_owned(),
            subject: notice.subject,
            time: notice.time.as_millisecond(),
            text: notice.text,
            hint: notice.hint,
            bad: notice.bad,
        };
        self.privileged.notices().into_iter().map(line).collect()
    }

    /// A setting as it holds now.
    pub(super) fn setting(&self, key: &str) -> Result<SettingLine, Refusal> {
        let line = self.settings.lines().into_iter().find(|line| line.key == key);
        line.ok_or_else(|| Refusal::missing(format!("there is no setting `{key}`")))
    }

    /// Saves a setting, which holds at once and after each start; `None`: what the files say holds again.
    pub(super) async fn save_setting(
        &self,
        who: &Who,
        key: &str,
        value: Option<&str>,
    ) -> Result<SettingLine, Refusal> {
        let line = self.setting(key)?;
        if !line.changes {
            return Err(Refusal::conflict(format!("`{key}` can't be changed while the station serves"))
                .with_hint("change it in a file of settings, and start again what reads it"));
        }
        let value = value.map(|value| self.settings.check(key, value)).transpose();
        let value = value.map_err(|error| Refusal::meaningless(error.to_string()))?;
        if line.fixed && value.is_some() {
            return Err(Refusal::conflict(format!(
                "`{key}` is said for this start ({}), which comes before what is saved",
                line.comes_from
            ))
            .with_hint("start the station without that"));
        }
        self.settings.save(self.store(), key, value.as_deref()).await?;
        let on = value.as_deref().map_or_else(|| key.to_owned(), |value| format!("{key} = {value}"));
        self.changed(who, if value.is_some() { "setting.save" } else { "setting.clear" }, &on).await;
        self.setting(key)
    }
}

fn told(project: Project) -> Project {
    Project { first_boot: first_boot::told(&project.first_boot), ..project }
}

const fn about(about: About) -> &'static str {
    match about {
        About::Server => "server",
        About::Board => "board",
        About::Address => "address",
        About::Interface => "interface",
        About::Host => "host",
        About::Other => "other",
    }
}
