//! What every call over HTTP goes through: connections with bounds, who asks, what is refused and how that is said, and
//! one table from which the routes and their description in OpenAPI come.

mod describe;
mod guard;
mod host;
mod linger;
mod once;
mod problem;
mod range;
mod refill;
mod row;
mod scope;
mod table;
mod tls_only;
mod who;
mod words;

pub(super) use guard::{Guard, Patience};
pub(super) use host::{Names, known_host, of_this_host};
pub(super) use linger::lingering;
pub(super) use problem::Refusal;
pub(super) use range::{Wanted, wanted};
pub(super) use refill::Refill;
pub(super) use row::{Access, PARTS, Row};
pub(super) use table::{Call, JSON, Table, from_slice, is_foreign_page, json, query_error, whole};
pub(super) use tls_only::TlsOnly;
pub(super) use who::{Origin, Who, bearer};
