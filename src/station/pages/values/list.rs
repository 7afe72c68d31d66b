//! All sources, and the form for another one.

use crate::error::sentence;
use askama::Template;
use axum::http::StatusCode;

use super::{Answer, Line};
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::{go, page_of};
use crate::station::pages::visit::Visit;
use crate::station::web::Refusal;
use crate::station_api::{AskedServer, NewValueSource, Sheet, ValuesOf, WARN, range_of_values};

/// The form, as it stands on the page.
#[derive(Debug, Clone, Default)]
struct Fields {
    name: String,
    kind: String,
    from: String,
    to: String,
    step: String,
    url: String,
    unique: String,
    warn: String,
}

#[derive(Template)]
#[template(path = "values.html")]
struct List {
    frame: Frame,
    sources: Vec<Line>,
    fields: Fields,
    usual: u64,
    /// The secret that was made, with its source: shown this once.
    shown: Option<(String, String)>,
    wrong: Option<String>,
    changes: bool,
}

impl Fields {
    fn of(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        Self {
            name: text("name"),
            kind: text("kind"),
            from: text("from"),
            to: text("to"),
            step: text("step"),
            url: text("url"),
            unique: text("unique"),
            warn: text("warn"),
        }
    }

    fn source(&self, form: &Form) -> Result<NewValueSource, Refusal> {
        let unique = Some(self.unique.clone()).filter(|unique| !unique.is_empty());
        let of = match self.kind.as_str() {
            "table" => ValuesOf::Table(Sheet { unique, columns: Vec::new() }),
            "http" => ValuesOf::Http(AskedServer { url: self.url.clone(), unique }),
            _ => range_of_values(&self.from, &self.to, form.maybe("step")?.unwrap_or(1))
                .map_err(|error| Refusal::meaningless(error.to_string()))?,
        };
        Ok(NewValueSource { name: self.name.clone(), of, warn: form.maybe("warn")? })
    }
}

async fn show(
    visit: &Visit,
    fields: Fields,
    shown: Option<(String, String)>,
    wrong: Option<Refusal>,
) -> Answer {
    let sources = visit.station.store().value_sources().await?;
    let frame = visit.frame("Values", "values").await;
    let changes = frame.can("admin");
    let status = wrong.as_ref().map_or(StatusCode::OK, Refusal::status);
    let wrong = wrong.map(|refusal| sentence(&refusal.detail()));
    let sources = sources.iter().map(Line::new).collect();
    page_of(status, &List { frame, sources, fields, usual: WARN, shown, wrong, changes })
}

pub(super) async fn list(visit: Visit) -> Answer {
    show(&visit, Fields::default(), None, None).await
}

pub(super) async fn add(visit: Visit, form: Form) -> Answer {
    let fields = Fields::of(&form);
    let made = match fields.source(&form) {
        Ok(new) => visit.station.add_value_source(&visit.who(), &new).await,
        Err(refusal) => Err(refusal),
    };
    match made {
        Ok(made) => match made.secret {
            Some(secret) => show(&visit, Fields::default(), Some((made.source.name, secret)), None).await,
            None => {
                visit.say(false, format!("The source {} is made.", made.source.name));
                Ok(go(&format!("/value/{}", made.source.name)))
            }
        },
        Err(refusal) => show(&visit, fields, None, Some(refusal)).await,
    }
}
