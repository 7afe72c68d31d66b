//! Values of which each board has its own: what people do with their sources.
//!
//! | part | what it is |
//! |---|---|
//! | `own` | what each board has by itself; pure |
//! | `table` | a table as people write it; pure |
//! | `ask` | servers are asked |
//!
//! Here: sources are made, changed and removed, whether by the API or on a page.

mod ask;
mod own;
pub mod table;

pub use own::own;
pub(in crate::station) use own::stands_for_mac;

use axum::body::Bytes;

use super::store::TakeTable;
use super::web::{Refusal, Who};
use super::{Station, api, now};
use crate::station_api::{
    MadeValueSource, NewValueSource, Thing, ValueSource, ValueSourceChange, ValueUpload, ValuesOf,
};

impl Station {
    /// Makes a source. What calls to a server are signed with is told this once.
    pub(super) async fn add_value_source(
        &self,
        who: &Who,
        new: &NewValueSource,
    ) -> Result<MadeValueSource, Refusal> {
        let secret = match &new.of {
            ValuesOf::Http(server) => {
                self.may_call(&server.url, "a server of values")?;
                Some(api::secret()?)
            }
            _ => None,
        };
        let source = self.store().add_value_source(new, secret.as_deref(), &who.by, now()).await?;
        self.values_changed(who, "values.add", &source.name, None).await;
        Ok(MadeValueSource { source, secret })
    }

    /// Changes what may be changed of a source.
    pub(super) async fn change_value_source(
        &self,
        who: &Who,
        name: &str,
        change: &ValueSourceChange,
    ) -> Result<ValueSource, Refusal> {
        let source = self.store().change_value_source(name, change).await?;
        self.values_changed(who, "values.change", name, None).await;
        Ok(source)
    }

    /// Takes in a newer file of a table, and tells what changed, or would.
    pub(super) async fn upload_values(
        &self,
        who: &Who,
        name: &str,
        file: Bytes,
        taking: TakeTable,
    ) -> Result<ValueUpload, Refusal> {
        let unique = match self.store().value_source(name).await?.of {
            ValuesOf::Table(sheet) => sheet.unique,
            _ => return Err(Refusal::meaningless(format!("`{name}` is no table"))),
        };
        let read = tokio::task::spawn_blocking(move || table::read(&file, unique.as_deref())).await;
        let rows = read.map_err(|error| Refusal::meaningless(error.to_string()))??;
        let told = self.store().put_table(name, &rows, taking).await?;
        if !told.dry {
            self.values_changed(who, "values.upload", name, None).await;
        }
        Ok(told)
    }

    /// A board gives back what it has of a source: another one may get it. `board`: its id or its serial number.
    pub(super) async fn release_values(&self, who: &Who, name: &str, board: &str) -> Result<(), Refusal> {
        let board = self.store().release_values(name, board).await?;
        let called = self.called(&board).await;
        let on = called.unwrap_or(board);
        self.values_changed(who, "values.release", name, Some(&on)).await;
        Ok(())
    }

    /// Removes a source, with what it knows of who has what.
    pub(super) async fn remove_value_source(&self, who: &Who, name: &str) -> Result<(), Refusal> {
        self.store().remove_value_source(name).await?;
        self.values_changed(who, "values.remove", name, None).await;
        Ok(())
    }

    async fn values_changed(&self, who: &Who, what: &str, name: &str, board: Option<&str>) {
        self.did_named(who, what, name, board).await;
        self.changes.tell(Thing::Settings, name, None);
        self.look_at_stuck().await;
    }
}
