//! Labels that couldn't be printed as they were: what they had, and what they get instead.

use super::db::{json, values};
use super::{Error, Store};
use crate::station_api::{LabelLanguage, Values};

/// A label of a board that couldn't be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedPrint {
    /// The label's name.
    pub label: String,
    /// How it is written.
    pub language: LabelLanguage,
    /// Its text.
    pub text: String,
    /// The values that it had.
    pub values: Values,
    /// The board, by id.
    pub board: String,
}

impl Store {
    /// A label that couldn't be printed; `None` where it is something else, or a test.
    ///
    /// # Errors
    /// What the database says.
    pub async fn failed_print(&self, id: &str) -> Result<Option<FailedPrint>, Error> {
        let sql = "SELECT label, language, body, content, board FROM print
                   WHERE id = $1 AND state = 'failed' AND board IS NOT NULL";
        let Some(row) = self.db.row(sql, values![id]).await? else { return Ok(None) };
        let mut row = row.of("print");
        Ok(Some(FailedPrint {
            label: row.text()?,
            language: row.word()?,
            text: row.text()?,
            values: row.json()?,
            board: row.text()?,
        }))
    }

    /// Gives a label that couldn't be printed other values.
    ///
    /// # Errors
    /// What the database says.
    pub async fn put_print_values(&self, id: &str, values: &Values) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.run("UPDATE print SET content = $2 WHERE id = $1 AND state = 'failed'", values![id, json(values)])
            .await?;
        tx.commit().await
    }
}
