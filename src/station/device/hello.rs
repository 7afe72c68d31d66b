//! Which station it is.

use crate::device_api::{Hello, VERSION};
use crate::error::Kind;
use crate::station::now;
use crate::station::web::{Access, Call, Refusal, Row, Table};

pub(super) fn add_to(table: &mut Table) {
    table.add(
        Row::get("/api/v1/device/hello", Access::Open, "Which station it is, and a number to sign"),
        hello,
    );
}

async fn hello(call: Call, (): (), (): ()) -> Result<Hello, Refusal> {
    let key = call.station.key();
    let nonce = key.nonce(now()).ok_or_else(|| {
        Refusal::new(
            axum::http::StatusCode::INTERNAL_SERVER_ERROR,
            Kind::Failed,
            "the system gives no random numbers",
        )
    })?;
    Ok(Hello { api: VERSION, station: env!("CARGO_PKG_VERSION").to_owned(), key: key.public(), nonce })
}
