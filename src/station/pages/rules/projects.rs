//! Projects: what is to be done with boards.

use crate::error::sentence;
use askama::Template;

use super::{Answer, eeprom, encoded, labels, mark, unchanged};
use crate::device_api::{End, Role as Disk, Script};
use crate::firstboot::{self, KEYS};
use crate::format::count;
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::{go, page, page_of};
use crate::station::pages::visit::Visit;
use crate::station::web::Refusal;
use crate::station_api::{
    Again, FIRST_BOOT_FORMAT, FirstBootSettings, ImageState, ListAsked, MOST_RETRIES, Project, Rule, What,
};

/// Disks that are tried one after the other.
const DISKS: usize = 4;

/// A project as a line.
struct Line {
    name: String,
    path: String,
    image: Option<String>,
    target: String,
    end: &'static str,
    again: &'static str,
    retries: String,
    values: String,
    scripts: Vec<(String, String)>,
    /// What is set for the first boot, by its names.
    first_boot: String,
    /// What is printed; empty: nothing.
    label: String,
    rules: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "projects.html")]
struct List {
    frame: Frame,
    projects: Vec<Line>,
    changes: bool,
}

/// The form, as it stands on the page.
#[derive(Debug, Clone, Default)]
struct Fields {
    name: String,
    /// The project that it is made like: its secrets stay where nothing else is said.
    like: String,
    image: String,
    disks: Vec<String>,
    end: String,
    again: String,
    retries: String,
    values: Vec<String>,
    scripts: Vec<String>,
    first_boot: FirstBootSettings,
    eeprom: eeprom::Fields,
    label: labels::Fields,
}

/// A first-boot setting in the form.
struct Setting {
    key: &'static str,
    help: &'static str,
    is_secret: bool,
    /// It may have several lines.
    several: bool,
    /// What is there; of a secret nothing.
    text: String,
    /// Whether there is a secret.
    is_set: bool,
}

#[derive(Template)]
#[template(path = "project.html")]
struct One {
    frame: Frame,
    /// [`mark`] of the project as it is; empty for a new one.
    was: String,
    /// The project that is there; `None` where one is to be made.
    there: Option<Line>,
    fields: Fields,
    images: Vec<String>,
    /// Sources of values, in words.
    sources: Vec<(String, String)>,
    /// All that there are, with when they run.
    scripts: Vec<(String, &'static str)>,
    wrong: Option<String>,
    changes: bool,
    most_retries: u32,
    settings: Vec<Setting>,
    formats: Vec<&'static str>,
    format: String,
    /// A project's file, as somebody has put it in.
    file: String,
    /// Images of EEPROMs, each with what it is.
    firmware: Vec<(String, String)>,
    /// Labels and printers that there are.
    labels: Vec<String>,
    printers: Vec<String>,
    most_copies: u32,
    /// Settings that bootloaders know, with what they do.
    known: Vec<(&'static str, &'static str)>,
    /// What its boards get into their EEPROMs.
    gets: Option<eeprom::Shown>,
}

fn line(project: &Project, rules: &[Rule]) -> Line {
    let disks: Vec<&str> = project.target.iter().map(|role| role.title()).collect();
    let uses = |rule: &&Rule| matches!(&rule.what, What::Project { project: name } if *name == project.name);
    Line {
        name: project.name.clone(),
        path: encoded(&project.name),
        image: project.image.clone(),
        target: match &disks[..] {
            [] => "the only one, else eMMC, NVMe, SD, USB".to_owned(),
            disks => disks.join(", else "),
        },
        end: match project.end {
            End::Reboot => "start from the disk",
            End::PowerOff => "switch off",
            End::Wait => "wait",
        },
        again: match project.again {
            Again::Skip => "left as it is",
            Again::Ask => "a person decides",
            Again::Again => "done again",
        },
        retries: match project.retries {
            0 => "never".to_owned(),
            most => format!("{} at most, after what may pass", count(u64::from(most), "time")),
        },
        values: project.values.join(", "),
        scripts: project.scripts.iter().map(|name| (name.clone(), encoded(name))).collect(),
        label: project.label.as_ref().map(labels::words).unwrap_or_default(),
        first_boot: project.first_boot.keys().cloned().collect::<Vec<_>>().join(", "),
        rules: rules.iter().filter(uses).map(|rule| (rule.name.clone(), encoded(&rule.name))).collect(),
    }
}

pub(super) async fn list(visit: Visit) -> Answer {
    let store = visit.station.store();
    let (projects, rules) = (visit.station.projects().await?, store.rules().await?);
    let frame = visit.frame("Projects", "projects").await;
    let changes = frame.can("admin");
    page(&List { frame, projects: projects.iter().map(|project| line(project, &rules)).collect(), changes })
}

impl Fields {
    fn of_form(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        let disks = form.all("disk").filter(|disk| !disk.is_empty()).take(DISKS).map(str::to_owned);
        Self {
            like: form.text("like").to_owned(),
            name: text("name"),
            image: text("image"),
            disks: disks.collect(),
            end: text("end"),
            again: text("again"),
            retries: text("retries"),
            values: form.all("value").filter(|value| !value.is_empty()).map(str::to_owned).collect(),
            scripts: form.all("script").take(Script::MOST + 1).map(str::to_owned).collect(),
            first_boot: first_boot(form),
            eeprom: eeprom::Fields::of_form(form),
            label: labels::Fields::of_form(form),
        }
    }

    fn of_project(project: &Project) -> Self {
        let word = |value: serde_json::Result<serde_json::Value>| {
            value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
        };
        Self {
            like: String::new(),
            name: project.name.clone(),
            image: project.image.clone().unwrap_or_default(),
            disks: project.target.iter().map(|role| word(serde_json::to_value(role))).collect(),
            end: word(serde_json::to_value(project.end)),
            again: word(serde_json::to_value(project.again)),
            retries: project.retries.to_string(),
            values: project.values.clone(),
            scripts: project.scripts.clone(),
            first_boot: project.first_boot.clone(),
            eeprom: eeprom::Fields::of_project(project.eeprom.as_ref()),
            label: labels::Fields::of_project(project.label.as_ref()),
        }
    }

    fn has(&self, script: &str) -> bool {
        self.scripts.iter().any(|name| name == script)
    }

    /// The word of one of the fields for disks; empty where it says nothing.
    fn disk(&self, at: &usize) -> &str {
        self.disks.get(*at).map_or("", String::as_str)
    }

    fn project(&self, form: &Form) -> Result<Project, Refusal> {
        let mut target = Vec::new();
        for disk in &self.disks {
            let word = serde_json::Value::String(disk.clone());
            let role: Disk = serde_json::from_value(word)
                .map_err(|_| Refusal::meaningless(format!("there is no disk `{disk}`")))?;
            if target.contains(&role) {
                return Err(Refusal::meaningless("a disk stands there twice"));
            }
            target.push(role);
        }
        Ok(Project {
            name: self.name.clone(),
            image: Some(self.image.clone()).filter(|image| !image.is_empty()),
            target,
            end: form.word("end")?.unwrap_or_default(),
            again: form.word("again")?.unwrap_or_default(),
            retries: retries(&self.retries)?,
            values: self.values.clone(),
            scripts: self.scripts.clone(),
            first_boot: self.first_boot.clone(),
            eeprom: self.eeprom.eeprom(form)?,
            label: self.label.label(form)?,
            made: 0,
            warnings: Vec::new(),
        })
    }
}

/// First-boot settings of a form. A secret that is there and has nothing in its field stays, unless it is to go.
fn first_boot(form: &Form) -> FirstBootSettings {
    let mut settings = FirstBootSettings::new();
    let keys = KEYS.iter().map(|key| (key.name, key.is_secret)).chain([(FIRST_BOOT_FORMAT, false)]);
    for (key, is_secret) in keys {
        let field = format!("first-{key}");
        // A password may begin with a space.
        let text = if is_secret { form.raw(&field) } else { form.text(&field) }.replace("\r\n", "\n");
        let stays = form.is_on(&format!("keep-{key}"));
        if !text.is_empty() || stays {
            settings.insert(key.to_owned(), text);
        }
    }
    // The one takes the other's place.
    if settings.get("password").is_some_and(|text| !text.is_empty())
        && settings.get("password-hash").is_some_and(String::is_empty)
    {
        settings.remove("password-hash");
    }
    settings
}

fn settings(there: &FirstBootSettings, was: Option<&FirstBootSettings>) -> Vec<Setting> {
    let one = |key: &firstboot::Key| Setting {
        key: key.name,
        help: key.help,
        is_secret: key.is_secret,
        several: key.name == "ssh-key",
        text: match there.get(key.name) {
            Some(text) if !key.is_secret => text.clone(),
            _ => String::new(),
        },
        is_set: key.is_secret && was.is_some_and(|was| was.contains_key(key.name)),
    };
    KEYS.iter().map(one).collect()
}

/// How often something is tried again; empty: never.
fn retries(text: &str) -> Result<u32, Refusal> {
    match text {
        "" => Ok(0),
        text => text.parse().map_err(|_| Refusal::meaningless("how often it is tried again is a number")),
    }
}

async fn show_page(visit: &Visit, there: Option<&Project>, fields: Fields, wrong: Option<Refusal>) -> Answer {
    page_with(visit, there, fields, wrong, String::new()).await
}

/// The page on which projects are made, with a file that was refused.
pub(super) async fn with_form(visit: &Visit, wrong: Refusal, file: String) -> Answer {
    page_with(visit, None, Fields::default(), Some(wrong), file).await
}

async fn page_with(
    visit: &Visit,
    there: Option<&Project>,
    fields: Fields,
    wrong: Option<Refusal>,
    file: String,
) -> Answer {
    let store = visit.station.store();
    let rules = store.rules().await?;
    let asked = ListAsked { limit: Some(500), ..ListAsked::default() };
    let images = store.images(&asked).await?.items.into_iter();
    let images = images.filter(|image| image.state == ImageState::Ready).map(|image| image.name);
    let mut images: Vec<String> = images.collect();
    if !fields.image.is_empty() && !images.contains(&fields.image) {
        images.push(fields.image.clone());
    }
    let sources = store.value_sources().await?.into_iter();
    let sources = sources.map(|source| (source.name, source.of.words())).collect();
    let mut scripts = store.scripts().await?;
    Script::sort(&mut scripts);
    let scripts = scripts.into_iter().map(|script| (script.name, script.when.word())).collect();
    let like = match fields.like.as_str() {
        name if !name.is_empty() && there.is_none() => visit.station.project(name).await.ok(),
        _ => None,
    };
    let secrets = there.or(like.as_ref()).map(|project| &project.first_boot);
    let settings = settings(&fields.first_boot, secrets);
    let was = there.map(|project| mark(&Fields::of_project(project))).unwrap_or_default();
    let formats = firstboot::Format::ALL.iter().map(|format| format.name()).collect();
    let format = fields.first_boot.get(FIRST_BOOT_FORMAT).cloned().unwrap_or_default();
    let frame = visit.frame(there.map_or("New project", |project| project.name.as_str()), "projects").await;
    let changes = frame.can("admin");
    let status = wrong.as_ref().map_or(axum::http::StatusCode::OK, Refusal::status);
    let wrong = wrong.map(|refusal| sentence(&refusal.detail()));
    let firmware = eeprom::choices(visit, &fields.eeprom.firmware).await?;
    let labels = store.labels().await?.into_iter().map(|label| label.name).collect();
    let printers = store.printers().await?.into_iter().map(|printer| printer.name).collect();
    let gets = match there.and_then(|project| project.eeprom.as_ref()) {
        Some(asked) => Some(eeprom::shown(visit, asked).await?),
        None => None,
    };
    let there = there.map(|project| line(project, &rules));
    page_of(
        status,
        &One {
            frame,
            was,
            there,
            fields,
            images,
            sources,
            scripts,
            wrong,
            changes,
            most_retries: MOST_RETRIES,
            file,
            settings,
            formats,
            format,
            firmware,
            labels,
            printers,
            most_copies: crate::station_api::MOST_COPIES,
            known: eeprom::known(),
            gets,
        },
    )
}

pub(super) async fn show(visit: Visit) -> Answer {
    let project = visit.station.project(visit.part("project")).await?;
    show_page(&visit, Some(&project), Fields::of_project(&project), None).await
}

pub(super) async fn new(visit: Visit) -> Answer {
    let fields = match visit.query.text("from") {
        "" => Fields::of_form(&visit.query),
        from => {
            let from = visit.station.project(from).await?;
            Fields { name: String::new(), like: from.name.clone(), ..Fields::of_project(&from) }
        }
    };
    show_page(&visit, None, fields, None).await
}

pub(super) async fn make(visit: Visit, form: Form) -> Answer {
    let fields = Fields::of_form(&form);
    let made: Result<Project, Refusal> = async {
        let project = fields.project(&form)?;
        if visit.station.project(&project.name).await.is_ok() {
            return Err(Refusal::conflict(format!("there is a project `{}` already", project.name)));
        }
        visit.station.put_project_like(&visit.who(), project, form.text("like")).await
    }
    .await;
    match made {
        Ok(project) => {
            visit.say(false, format!("Project “{}” is made.", project.name));
            warn(&visit, &project);
            Ok(go("/projects"))
        }
        Err(refusal) => show_page(&visit, None, fields, Some(refusal)).await,
    }
}

pub(super) async fn change(visit: Visit, form: Form) -> Answer {
    let before = visit.station.project(visit.part("project")).await?;
    // A project keeps its name: jobs and rules call it so.
    let fields = Fields { name: before.name.clone(), ..Fields::of_form(&form) };
    let changed: Result<Project, Refusal> = async {
        unchanged(&form, &Fields::of_project(&before))?;
        let project = fields.project(&form)?;
        visit.station.put_project(&visit.who(), project).await
    }
    .await;
    match changed {
        Ok(project) => {
            visit.say(
                false,
                format!("Project “{}” is changed. Jobs that go on stay as they are.", project.name),
            );
            warn(&visit, &project);
            Ok(go("/projects"))
        }
        Err(refusal) => show_page(&visit, Some(&before), fields, Some(refusal)).await,
    }
}

/// Says what is perhaps not meant.
fn warn(visit: &Visit, project: &Project) {
    for told in &project.warnings {
        visit.say(true, format!("{}.", sentence(told).trim_end_matches('.')));
    }
    for told in eeprom::unknown(project.eeprom.as_ref()) {
        visit.say(true, format!("EEPROM: {told}."));
    }
}

pub(super) async fn remove(visit: Visit, form: Form) -> Answer {
    if !form.is_on("sure") {
        return Err(Refusal::meaningless("nothing was removed: the box wasn't ticked"));
    }
    let name = visit.part("project");
    visit.station.remove_project(&visit.who(), name).await?;
    visit.say(false, format!("Project “{name}” is removed. What was done with it stays."));
    Ok(go("/projects"))
}
