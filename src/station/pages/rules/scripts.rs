//! Scripts: what boards run before and after their image is written.

use crate::error::sentence;
use askama::Template;

use super::{Answer, encoded, mark, unchanged};
use crate::device_api::{Script, When};
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::{go, page, page_of};
use crate::station::pages::visit::Visit;
use crate::station::web::Refusal;
use crate::station_api::Project;

/// A script as a line.
struct Line {
    name: String,
    path: String,
    when: &'static str,
    priority: u32,
    how: String,
    limit: String,
    projects: Vec<(String, String)>,
    text: String,
}

#[derive(Template)]
#[template(path = "scripts.html")]
struct List {
    frame: Frame,
    scripts: Vec<Line>,
    changes: bool,
}

/// The form, as it stands on the page.
#[derive(Debug, Clone, Default)]
struct Fields {
    name: String,
    text: String,
    when: String,
    priority: String,
    limit: String,
    background: bool,
    once: bool,
}

#[derive(Template)]
#[template(path = "script.html")]
struct One {
    frame: Frame,
    /// [`mark`] of the script as it is; empty for a new one.
    was: String,
    /// The script that is there; `None` where one is to be made.
    there: Option<Line>,
    fields: Fields,
    wrong: Option<String>,
    changes: bool,
    longest: usize,
}

/// When it runs, for people.
const fn moment(when: When) -> &'static str {
    match when {
        When::Pre => "before the image is written",
        When::Post => "after the image was read back",
    }
}

fn line(script: Script, projects: &[Project]) -> Line {
    let how = match (script.once, script.background) {
        (false, false) => "each time",
        (true, false) => "once for each board",
        (false, true) => "each time, in the background",
        (true, true) => "once for each board, in the background",
    };
    let uses = |project: &&Project| project.scripts.contains(&script.name);
    let projects = projects.iter().filter(uses);
    Line {
        path: encoded(&script.name),
        when: moment(script.when),
        priority: script.priority,
        how: how.to_owned(),
        limit: crate::format::count(u64::from(script.limit), "second"),
        projects: projects.map(|project| (project.name.clone(), encoded(&project.name))).collect(),
        name: script.name,
        text: script.text,
    }
}

pub(super) async fn list(visit: Visit) -> Answer {
    let frame = visit.frame("Scripts", "scripts").await;
    let store = visit.station.store();
    let (scripts, projects) = (store.scripts().await?, store.projects().await?);
    let changes = frame.can("admin");
    page(&List {
        frame,
        scripts: scripts.into_iter().map(|script| line(script, &projects)).collect(),
        changes,
    })
}

impl Fields {
    fn of_form(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        Self {
            name: text("name"),
            text: form.raw("text").to_owned(),
            when: text("when"),
            priority: text("priority"),
            limit: text("limit"),
            background: form.is_on("background"),
            once: form.is_on("once"),
        }
    }

    fn of_script(script: Script) -> Self {
        Self {
            name: script.name,
            text: script.text,
            when: script.when.word().to_owned(),
            priority: script.priority.to_string(),
            limit: script.limit.to_string(),
            background: script.background,
            once: script.once,
        }
    }

    fn script(&self, form: &Form) -> Result<Script, Refusal> {
        let number = |text: &str, what: &str, other: u32| match text {
            "" => Ok(other),
            text => text.parse().map_err(|_| Refusal::meaningless(format!("{what} is a number"))),
        };
        Ok(Script {
            name: self.name.clone(),
            text: self.text.clone(),
            when: form.word("when")?.unwrap_or_default(),
            priority: number(&self.priority, "the priority", 100)?,
            background: self.background,
            once: self.once,
            limit: number(&self.limit, "the time limit", 600)?,
        })
    }
}

async fn show_page(visit: &Visit, there: Option<Script>, fields: Fields, wrong: Option<Refusal>) -> Answer {
    let title = there.as_ref().map_or("New script", |script| script.name.as_str()).to_owned();
    let frame = visit.frame(&title, "scripts").await;
    let projects = visit.station.store().projects().await?;
    let changes = frame.can("admin");
    let status = wrong.as_ref().map_or(axum::http::StatusCode::OK, Refusal::status);
    let wrong = wrong.map(|refusal| sentence(&refusal.detail()));
    let was = there.as_ref().map(|script| mark(&Fields::of_script(script.clone()))).unwrap_or_default();
    let there = there.map(|script| line(script, &projects));
    page_of(status, &One { frame, was, there, fields, wrong, changes, longest: Script::LONGEST })
}

pub(super) async fn show(visit: Visit) -> Answer {
    let script = visit.station.store().script(visit.part("script")).await?;
    show_page(&visit, Some(script.clone()), Fields::of_script(script), None).await
}

pub(super) async fn new(visit: Visit) -> Answer {
    let fields = Fields::of_form(&visit.query);
    show_page(&visit, None, fields, None).await
}

/// What is odd with a script that can be all the same.
fn doubt(script: &Script) -> String {
    let other = script.other_program();
    let said = |program| format!(" ▲ Its first line names {program}, and boards run it with /bin/sh.");
    other.map(said).unwrap_or_default()
}

pub(super) async fn make(visit: Visit, form: Form) -> Answer {
    let fields = Fields::of_form(&form);
    let made: Result<Script, Refusal> = async {
        let script = fields.script(&form)?;
        if visit.station.store().script(&script.name).await.is_ok() {
            return Err(Refusal::conflict(format!("there is a script `{}` already", script.name)));
        }
        visit.station.put_script(&visit.who(), &script).await
    }
    .await;
    match made {
        Ok(script) => {
            let text = format!("Script “{}” is made. A project that names it runs it.", script.name);
            visit.say(false, text + &doubt(&script));
            Ok(go("/scripts"))
        }
        Err(refusal) => show_page(&visit, None, fields, Some(refusal)).await,
    }
}

pub(super) async fn change(visit: Visit, form: Form) -> Answer {
    let before = visit.station.store().script(visit.part("script")).await?;
    // A script keeps its name: projects call it so.
    let fields = Fields { name: before.name.clone(), ..Fields::of_form(&form) };
    let changed: Result<Script, Refusal> = async {
        unchanged(&form, &Fields::of_script(before.clone()))?;
        let script = fields.script(&form)?;
        visit.station.put_script(&visit.who(), &script).await
    }
    .await;
    match changed {
        Ok(script) => {
            let text = format!("Script “{}” is changed. Jobs that are there stay as they are.", script.name);
            visit.say(false, text + &doubt(&script));
            Ok(go("/scripts"))
        }
        Err(refusal) => show_page(&visit, Some(before), fields, Some(refusal)).await,
    }
}

pub(super) async fn remove(visit: Visit, form: Form) -> Answer {
    if !form.is_on("sure") {
        return Err(Refusal::meaningless("nothing was removed: the box wasn't ticked"));
    }
    let name = visit.part("script");
    visit.station.remove_script(&visit.who(), name).await?;
    visit.say(false, format!("Script “{name}” is removed."));
    Ok(go("/scripts"))
}
