//! Calls of boards. docs/device-api.md has them as a table.

mod hello;

use super::web::Table;

/// Puts them into the table.
pub(super) fn add_to(table: &mut Table) {
    hello::add_to(table);
}
