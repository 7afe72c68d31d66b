//! Signing in by a passkey, alone or behind a password.

use axum::response::Response;

use super::form::Form;
use super::sign;
use super::table::{Pages, go, is_within};
use super::visit::Visit;
use crate::station::passkey::{Nowhere, Place, place};
use crate::station::passkeys::{Brought, Shows};
use crate::station::web::{Access, Refusal};
use crate::station::{api, now};

pub(super) fn add_to(pages: &mut Pages) {
    pages.post("/login/passkey", Access::Open, signed_in);
    pages.post("/login/code/passkey", Access::Open, second);
}

/// What a page asks of a passkey.
pub(super) struct Ask {
    pub(super) challenge: String,
    pub(super) host: String,
    /// Those that may answer; empty: any of this host.
    pub(super) ids: String,
}

impl Visit {
    /// What passkeys of this page belong to.
    pub(super) fn place_of_passkeys(&self) -> Result<Place, Nowhere> {
        let networks = &self.station.options.settings.station.proxy_from.value;
        // What a proxy of ours brings may have come by HTTPS; the browser says itself whether it did.
        let proxied = self.from.peer().is_some_and(|peer| networks.iter().any(|net| net.has(peer)));
        place(&self.host, self.secure() || proxied)
    }

    /// What the page for signing in asks, or why it doesn't.
    pub(super) fn ask_anybody(&self) -> Result<Ask, String> {
        let place = self.place_of_passkeys().map_err(|why| why.to_string())?;
        let challenge = self.station.ask_passkey(Shows::Anybody).map_err(|refusal| refusal.detail())?;
        Ok(Ask { challenge, host: place.name, ids: String::new() })
    }

    /// What is asked of somebody who has shown the password; `None` where they have no passkey, else why it doesn't work.
    pub(super) async fn ask_second(
        &self,
        user: &str,
        half: &str,
    ) -> Result<Option<Result<Ask, String>>, Refusal> {
        let all = self.station.store().passkeys(user).await?;
        if all.is_empty() {
            return Ok(None);
        }
        let place = match self.place_of_passkeys() {
            Ok(place) => place,
            Err(why) => return Ok(Some(Err(why.to_string()))),
        };
        let ids: Vec<_> =
            all.iter().filter(|key| key.host == place.name).map(|key| key.id.as_str()).collect();
        if ids.is_empty() {
            return Ok(Some(Err("your passkeys were made under another name of the station".to_owned())));
        }
        let ids = ids.join(" ");
        let challenge = self.station.ask_passkey(Shows::Second { user, half: &api::digest(half) })?;
        Ok(Some(Ok(Ask { challenge, host: place.name, ids })))
    }
}

async fn signed_in(visit: Visit, form: Form) -> Result<Response, Refusal> {
    let to = Some(form.text("to")).filter(|to| is_within(to)).unwrap_or("/");
    let checked = async {
        let brought = Brought::read(|name| form.text(name))?;
        let place = visit.place_of_passkeys()?;
        visit.station.check_passkey(visit.from, &place, Shows::Anybody, &brought).await
    };
    match checked.await {
        Ok(user) => sign::begin(&visit, &user, to).await,
        Err(refusal) => sign::not_signed_in(&visit, &form, &refusal).await,
    }
}

async fn second(visit: Visit, form: Form) -> Result<Response, Refusal> {
    let (station, half) = (&visit.station, form.text("half"));
    let digest = api::digest(half);
    let Some(known) = station.halves.try_once(&digest, now()) else {
        // Too late, or too often.
        return Ok(go("/login"));
    };
    let checked = async {
        let brought = Brought::read(|name| form.text(name))?;
        let place = visit.place_of_passkeys()?;
        let of = Shows::Second { user: &known.name, half: &digest };
        station.check_passkey(visit.from, &place, of, &brought).await
    };
    match checked.await {
        Ok(user) => {
            station.halves.done(&digest);
            sign::begin(&visit, &user, &known.to).await
        }
        Err(refusal) => sign::no_code(&visit, &known.name, half, &refusal).await,
    }
}
