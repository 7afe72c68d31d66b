//! What a board tells of the scripts of its job, and what of them is left to do.

use crate::device_api::{Script, ScriptEnd, ScriptTold};
use crate::format::is_hidden;
use crate::station::web::{Access, Call, Refusal, Row, Table};
use crate::station::{Station, now};
use crate::station_api::{Job, Thing};

pub(super) fn add_to(table: &mut Table) {
    let row = Row::post("/api/v1/device/jobs/{job}/script", Access::Board, "A script begins or has ended");
    table.add(row, script);
}

/// What is still to be run: what was to be run once, and was, isn't.
pub(in crate::station) async fn to_run(station: &Station, job: &Job) -> Result<Vec<Script>, Refusal> {
    let mut scripts = station.store().plan(&job.id).await?.scripts;
    if let (false, Some(run)) = (scripts.is_empty(), &job.run) {
        let runs = station.store().scripts_of_run(run).await?;
        let is_over = |script: &Script| runs.iter().any(|run| run.name == script.name && run.state.is_over());
        scripts.retain(|script| !is_over(script));
    }
    Ok(scripts)
}

async fn script(call: Call, (): (), told: ScriptTold) -> Result<(), Refusal> {
    if let Some(end) = &told.ended {
        let long = |text: &str, most: usize| text.chars().count() > most;
        let hidden = |text: &str| text.contains(|char| char != '\n' && is_hidden(char));
        let why = end.why.as_deref().unwrap_or_default();
        if long(&end.output, ScriptEnd::LONGEST) || long(why, 500) || hidden(&end.output) || hidden(why) {
            return Err(Refusal::meaningless(format!(
                "a script's last lines have {} characters at most and its reason 500, none of them a control character",
                ScriptEnd::LONGEST
            )));
        }
        if end.exit.is_some_and(|exit| !(0..=255).contains(&exit)) {
            return Err(Refusal::meaningless("`exit` is 0 to 255, and is left out where there is none"));
        }
        if !(0.0..=1e7).contains(&end.seconds) || i64::try_from(end.left_out).is_err() {
            return Err(Refusal::meaningless("`seconds` or `left_out` is larger than can be"));
        }
    }
    let job = super::job_of(&call).await?;
    let state = call.station.store().script_told(&job.id, &told, now()).await?;
    tracing::info!(job = %job.id, board = %job.board, script = %told.name, ?state, "a script");
    if let Some(run) = &job.run {
        call.station.changes.tell(Thing::Run, run, Some(&job.board));
    }
    Ok(())
}

/// What of the scripts of a job hasn't ended well, where a board says that all is done.
pub(super) async fn left_to_run(station: &Station, job: &Job) -> Result<Option<String>, Refusal> {
    let Some(run) = &job.run else { return Ok(None) };
    let told = station.store().scripts_of_run(run).await?;
    // What the job is to do counts, not what its record has: of a script that isn't in there nothing is known.
    for script in station.store().plan(&job.id).await?.scripts {
        let state = told.iter().find(|told| told.name == script.name).map(|told| told.state);
        if !state.is_some_and(|state| state.is_over()) {
            let state = state.map_or("isn't in the run's record", |state| state.phrase());
            return Ok(Some(format!("script {} ({}) {state}", script.name, script.when.word())));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::sync::Arc;

    use axum::body::Body;
    use axum::http::{Method, Request, StatusCode, header};
    use tower::ServiceExt;

    use super::*;
    use crate::device_api::{Action, CAN, Manifest};
    use crate::station::key::Pass;
    use crate::station::routes;
    use crate::station::testing::{drawn_with, station};
    use crate::station::web::{JSON, Origin};
    use crate::station_api::{JobState, Plan};

    /// Asks what a board asks, with its job's token.
    async fn ask(
        station: &Arc<Station>,
        job: &Job,
        (method, path): (Method, &str),
        can: &str,
        body: &str,
    ) -> (StatusCode, String) {
        let pass = Pass::Job { job: job.id.clone(), fence: job.fence, board: job.board.clone() };
        let from = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 9), 999));
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/device/jobs/{}/{path}", job.id))
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, JSON)
            .header(header::AUTHORIZATION, format!("Bearer {}", station.key().token(&pass)))
            .header(CAN, can)
            .extension(Origin::Address { from, at: from.ip(), via: None })
            .body(Body::from(body.to_owned()))
            .unwrap();
        let answer = routes(Arc::clone(station)).oneshot(request).await.unwrap();
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    fn plan() -> Plan {
        let script =
            |name: &str| Script { name: name.into(), text: "exit 0".into(), limit: 60, ..Script::default() };
        Plan { scripts: vec![script("a"), script("b")], ..Plan::default() }
    }

    #[tokio::test]
    async fn a_client_that_runs_no_scripts_gets_no_job_with_scripts() {
        let (_dir, station) = station().await;
        for can in ["", "scriptss", "values"] {
            let job = drawn_with(&station, "00000000000000c1", Action::Reboot, Some(plan()), now()).await;
            let (status, body) = ask(&station, &job, (Method::GET, "manifest"), can, "").await;
            assert_eq!(status, StatusCode::CONFLICT, "{body}");
            assert_eq!(station.store().job(&job.id).await.unwrap().state, JobState::Failed);
            let record = station.store().run(job.run.as_ref().unwrap()).await.unwrap();
            assert!(record.ending.why().unwrap().contains("doesn't know of scripts"), "{:?}", record.ending);
        }
        let job = drawn_with(&station, "00000000000000c1", Action::Reboot, Some(plan()), now()).await;
        let (status, body) = ask(&station, &job, (Method::GET, "manifest"), "values scripts", "").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let manifest: Manifest = serde_json::from_str(&body).unwrap();
        assert_eq!((manifest.scripts.len(), manifest.names.run.as_str()), (2, job.run.as_deref().unwrap()));
    }

    #[tokio::test]
    async fn nothing_is_done_whose_scripts_have_not_all_ended_well() {
        let (_dir, station) = station().await;
        let told = |name: &str, ended: &str| format!("{{\"fence\":1,\"name\":\"{name}\"{ended}}}");
        let well = ",\"ended\":{\"exit\":0}";
        let script = (Method::POST, "script");
        for (serial, told_of, state) in [
            ("00000000000000d1", vec![("a", ""), ("a", well), ("b", ""), ("b", well)], JobState::Done),
            ("00000000000000d2", vec![("a", ""), ("a", well)], JobState::Failed),
            ("00000000000000d3", vec![("a", ""), ("a", well), ("b", "")], JobState::Failed),
            ("00000000000000d4", vec![], JobState::Failed),
        ] {
            let job = drawn_with(&station, serial, Action::Reboot, Some(plan()), now()).await;
            for (name, ended) in told_of {
                let (status, body) = ask(&station, &job, script.clone(), "", &told(name, ended)).await;
                assert!(status.is_success(), "{body}");
            }
            let result = "{\"fence\":1,\"stage\":\"done\"}";
            let (status, body) = ask(&station, &job, (Method::POST, "result"), "", result).await;
            assert!(status.is_success(), "{body}");
            assert_eq!(station.store().job(&job.id).await.unwrap().state, state, "{serial}");
        }
        // What a board tells is bounded, and none of it is kept.
        let job = drawn_with(&station, "00000000000000d5", Action::Reboot, Some(plan()), now()).await;
        ask(&station, &job, script.clone(), "", &told("a", "")).await;
        for ended in [
            ",\"ended\":{\"exit\":256}".to_owned(),
            ",\"ended\":{\"seconds\":-1}".to_owned(),
            ",\"ended\":{\"left_out\":18446744073709551615}".to_owned(),
            ",\"ended\":{\"output\":\"\\u001b[2J\"}".to_owned(),
            format!(",\"ended\":{{\"output\":\"{}\"}}", "x".repeat(ScriptEnd::LONGEST + 1)),
            format!(",\"ended\":{{\"why\":\"{}\"}}", "x".repeat(501)),
        ] {
            let (status, body) = ask(&station, &job, script.clone(), "", &told("a", &ended)).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{ended:.60}: {body}");
        }
        for name in ["c", "a/b", "../a", "a\\u0000"] {
            let (status, body) = ask(&station, &job, script.clone(), "", &told(name, "")).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{name}: {body}");
        }
    }
}
