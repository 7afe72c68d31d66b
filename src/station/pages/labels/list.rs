//! All labels.

use askama::Template;

use super::Answer;
use crate::station::pages::frame::Frame;
use crate::station::pages::rules::encoded;
use crate::station::pages::table::page;
use crate::station::pages::visit::Visit;
use crate::station_api::{Label, Project};

/// A label as a line.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) language: &'static str,
    /// The projects that print it, with their paths.
    pub(super) projects: Vec<(String, String)>,
}

pub(super) fn line(label: &Label, projects: &[Project]) -> Line {
    let uses = |project: &&Project| project.label.as_ref().is_some_and(|wanted| wanted.label == label.name);
    let projects = projects.iter().filter(uses);
    Line {
        path: encoded(&label.name),
        name: label.name.clone(),
        language: label.language.words(),
        projects: projects.map(|project| (project.name.clone(), encoded(&project.name))).collect(),
    }
}

#[derive(Template)]
#[template(path = "labels.html")]
struct List {
    frame: Frame,
    labels: Vec<Line>,
    changes: bool,
}

pub(super) async fn list(visit: Visit) -> Answer {
    let store = visit.station.store();
    let (labels, projects) = (store.labels().await?, store.projects().await?);
    let frame = visit.frame("Labels", "labels").await;
    let changes = frame.can("admin");
    page(&List { frame, labels: labels.iter().map(|label| line(label, &projects)).collect(), changes })
}
