//! A project as a file: taken from a page, and made of one.

use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;

use super::projects::with_form;
use super::{Answer, encoded};
use crate::station::acts::files::attachment;
use crate::station::pages::form::Form;
use crate::station::pages::table::go;
use crate::station::pages::visit::Visit;
use crate::station::web::Refusal;
use crate::station_api::{Project, ProjectFile, ProjectImport};

pub(super) async fn download(visit: Visit) -> Answer {
    let project = visit.station.project(visit.part("project")).await?;
    let name = attachment(format!("{}.toml", project.name).as_bytes());
    let headers = [
        (header::CONTENT_TYPE, "application/toml; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    let mut scripts = Vec::new();
    for name in &project.scripts {
        scripts.push(visit.station.store().script(name).await?);
    }
    Ok((headers, ProjectFile { project, scripts }.write()).into_response())
}

pub(super) async fn import(visit: Visit, form: Form) -> Answer {
    let made: Result<Project, Refusal> = async {
        let file =
            ProjectFile::read(form.raw("file")).map_err(|why| Refusal::meaningless(why.to_string()))?;
        let ProjectFile { project, scripts } = file;
        let file = ProjectImport { project, scripts, replace: form.is_on("replace") };
        let made = visit.station.import_project(&visit.who(), file).await;
        made.map_err(|refusal| match refusal.status() {
            StatusCode::CONFLICT => refusal
                .with_hint("tick the box to change what is there, also for other projects that have it"),
            _ => refusal,
        })
    }
    .await;
    match made {
        Ok(project) => {
            visit.say(false, format!("Project “{}” is as its file says.", project.name));
            Ok(go(&format!("/project/{}", encoded(&project.name))))
        }
        Err(refusal) => with_form(&visit, refusal, form.raw("file").to_owned()).await,
    }
}
