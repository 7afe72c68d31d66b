//! Hooks, and what waits for them.

use crate::error::sentence;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::station::now;
use crate::station::pages::form::Form;
use crate::station::pages::frame::Frame;
use crate::station::pages::table::{Pages, go, page_of};
use crate::station::pages::visit::Visit;
use crate::station::pages::words;
use crate::station::web::{Access, Refusal};
use crate::station_api::{
    DeliveriesAsked, Delivery, DeliveryState, Happening, Hook, HostHookRun, HostHooks, NewHook, Role,
};

const ADMIN: Access = Access::Role(Role::Admin);

pub(super) fn add_to(pages: &mut Pages) {
    pages.get("/hooks", ADMIN, hooks);
    pages.post("/hooks/add", ADMIN, add);
    pages.post("/hooks/{hook}/test", ADMIN, test);
    pages.post("/hooks/{hook}/remove", ADMIN, remove);
    pages.post("/deliveries/{delivery}/again", ADMIN, again);
}

struct Line {
    hook: Hook,
    url: String,
    events: String,
    made: String,
}

struct Told {
    delivery: Delivery,
    made: String,
    due: String,
    why: String,
}

impl Told {
    fn is(&self, state: &str) -> bool {
        serde_json::to_value(self.delivery.state).is_ok_and(|word| word == state)
    }
}

/// Hooks on the station's host.
struct Host {
    known: HostHooks,
    last: Vec<Ran>,
}

struct Ran {
    run: HostHookRun,
    at: String,
    wrong: Option<String>,
}

impl Host {
    fn of(mut known: HostHooks, now: crate::station_api::Time) -> Self {
        let last = std::mem::take(&mut known.last).into_iter().take(20);
        let ran = |run: HostHookRun| Ran {
            at: words::when(run.at, now),
            wrong: run.wrong().map(|wrong| sentence(&crate::format::message(&wrong))),
            run,
        };
        Self { last: last.map(ran).collect(), known }
    }
}

#[derive(Template)]
#[template(path = "hooks.html")]
struct Hooks {
    frame: Frame,
    hooks: Vec<Line>,
    queue: Vec<Told>,
    host: Host,
    events: Vec<(&'static str, &'static str)>,
    /// The secret that was made, with its hook: shown this once.
    shown: Option<(String, String)>,
    wrong: Option<String>,
    /// What was typed.
    name: String,
    url: String,
    /// Only those of a hook, or in a state.
    of: String,
    state: String,
    next: Option<String>,
    first: bool,
}

/// A hook's address without what may be a secret in it.
fn plain(url: &str) -> String {
    let (before, query) = url.split_once('?').map_or((url, ""), |(before, _)| (before, "?…"));
    format!("{before}{query}")
}

async fn show(
    visit: &Visit,
    shown: Option<(String, String)>,
    wrong: Option<(&Refusal, &Form)>,
) -> Result<Response, Refusal> {
    let (store, at, query) = (visit.station.store(), now(), &visit.query);
    let some = |name: &str| Some(query.text(name).to_owned()).filter(|text| !text.is_empty());
    let state = query.word::<DeliveryState>("state")?;
    let asked = DeliveriesAsked { hook: some("hook"), state, after: some("after"), limit: Some(50) };
    let queue = store.deliveries(&asked).await?;
    let hooks = store.hooks().await?.into_iter().map(|hook| Line {
        url: plain(&hook.url),
        events: hook.events.iter().map(|event| event.word()).collect::<Vec<_>>().join(", "),
        made: words::when(hook.made, at),
        hook,
    });
    let next = queue.next.map(|next| {
        let mut to = form_urlencoded::Serializer::for_suffix("/hooks?".to_owned(), 7);
        for name in ["hook", "state"].into_iter().filter(|name| query.is_on(name)) {
            to.append_pair(name, query.text(name));
        }
        to.append_pair("after", &next);
        to.finish()
    });
    let told = queue.items.into_iter().map(|delivery| Told {
        made: words::when(delivery.made, at),
        due: words::when(delivery.due, at),
        why: crate::format::message(&delivery.why).into_owned(),
        delivery,
    });
    let typed = |name: &str| wrong.map(|(_, form)| form.text(name).to_owned()).unwrap_or_default();
    let page = Hooks {
        hooks: hooks.collect(),
        queue: told.collect(),
        host: Host::of(visit.station.host_hooks_known().await, at),
        events: vec![
            (Happening::BoardSeen.word(), "A board has come"),
            (Happening::RunStarted.word(), "A run has begun"),
            (Happening::RunDone.word(), "A run is done"),
            (Happening::RunFailed.word(), "A run has failed"),
            (Happening::StationTrouble.word(), "The station is or will be in trouble"),
            (Happening::SlotSuspected.word(), "A slot is suspected"),
        ],
        shown,
        wrong: wrong.map(|(refusal, _)| {
            let hint = refusal.hint().map(|hint| sentence(&words::remedy(hint))).unwrap_or_default();
            format!("{} {hint}", sentence(&refusal.detail())).trim().to_owned()
        }),
        name: typed("name"),
        url: typed("url"),
        of: query.text("hook").to_owned(),
        state: query.text("state").to_owned(),
        next,
        first: asked.after.is_none(),
        frame: visit.frame("Hooks", "hooks").await,
    };
    page_of(wrong.map_or(StatusCode::OK, |(refusal, _)| refusal.status()), &page)
}

async fn hooks(visit: Visit) -> Result<Response, Refusal> {
    show(&visit, None, None).await
}

async fn add(visit: Visit, form: Form) -> Result<Response, Refusal> {
    let events: Vec<_> = Happening::ALL
        .into_iter()
        .filter(|event| form.all("event").any(|word| word == event.word()))
        .collect();
    let made = async {
        if events.is_empty() {
            return Err(Refusal::meaningless("nothing is chosen that is told"));
        }
        let secret = Some(form.raw("secret").to_owned()).filter(|secret| !secret.is_empty());
        let (name, url) = (form.text("name").to_owned(), form.text("url").to_owned());
        let new = NewHook { name, url, events: events.clone(), plain: form.is_on("plain"), secret };
        visit.station.add_hook(&visit.who(), new).await
    };
    match made.await {
        Ok(made) => show(&visit, Some((made.hook.name, made.secret)), None).await,
        Err(refusal) => show(&visit, None, Some((&refusal, &form))).await,
    }
}

async fn test(visit: Visit, _: Form) -> Result<Response, Refusal> {
    visit.station.test_hook(&visit.who(), visit.part("hook")).await?;
    visit.say(false, "It is told something now. How that goes stands below.");
    Ok(go("/hooks"))
}

async fn remove(visit: Visit, _: Form) -> Result<Response, Refusal> {
    visit.station.remove_hook(&visit.who(), visit.part("hook")).await?;
    visit.say(false, "The hook is removed, with all that it was to be told.");
    Ok(go("/hooks"))
}

async fn again(visit: Visit, form: Form) -> Result<Response, Refusal> {
    visit.station.tell_again(&visit.who(), visit.part("delivery")).await?;
    Ok(go(if form.is_on("to") { form.text("to") } else { "/hooks" }))
}
