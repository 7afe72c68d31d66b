//! Several people, and pages that are older than the station.

use serde_json::json;

use crate::browser::{Browser, PASSWORD, run};
use crate::station::{Board, Station};

/// A board whose device tree has markup and control characters in its model's name; the station's name for it.
fn odd(station: &Station) -> String {
    let board = Board::new("10000000000000b1");
    let hello = station.call("GET", "/api/v1/device/hello", None, None).ok();
    let mut told = board.told(hello["nonce"].as_str().unwrap());
    told["model"] = json!("<img src=x onerror=hit=1>\u{1b}[31m");
    let told = told.to_string();
    let answer = board.register_with(station, told.as_bytes(), &board.sign(told.as_bytes())).ok();
    answer["board"].as_str().unwrap().to_owned()
}

#[test]
fn who_may_look_sees_no_deploy_and_of_two_operators_one_wins_and_the_other_is_told_who() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    station.put("/api/v1/images/gateway.img", &[7; 1 << 20]).ok();
    let board = odd(&station);
    let user = json!({"name": "otto", "role": "operator", "password": PASSWORD});
    run(async {
        // The link for the first user ends with the first user.
        let anna = Browser::begin(&station).await;
        station.admin("POST", "/api/v1/users", Some(&user)).ok();
        let otto = Browser::sign_in(&station, "otto", PASSWORD).await;
        // Both stand before the same question.
        let question = format!("/deploy?board={board}");
        for browser in [&anna, &otto] {
            browser.go(&question).await;
            browser.until_says("Erase 1 disk and deploy").await;
        }
        // Both press the button at once.
        tokio::join!(otto.click("button.main"), anna.click("button.main"));
        for browser in [&anna, &otto] {
            browser.until("an answer", "document.querySelector('.notice')").await;
        }
        let notices = [anna.text("#notices").await, otto.text("#notices").await];
        let (won, lost) = if notices[0].contains("being deployed.") { (0, 1) } else { (1, 0) };
        assert!(notices[won].contains("1 board is being deployed."), "{notices:?}");
        let told = format!("already: {} wanted that", ["anna", "otto"][won]);
        assert!(notices[lost].contains(&told), "{notices:?}");
        let jobs = station.admin("GET", "/api/v1/jobs", None).ok();
        assert_eq!(jobs["items"].as_array().unwrap().len(), 1);

        // A viewer comes by a link.
        anna.go("/users").await;
        anna.script("document.querySelector(\"form[action='/users/invite'] select\").value = 'viewer'").await;
        anna.click("form[action='/users/invite'] button").await;
        anna.until("the link", "document.querySelector('code.secret')").await;
        let link = anna.text("code.secret").await;
        let vera = Browser::at(&station).await;
        vera.go(&link[link.find("/welcome").unwrap()..]).await;
        vera.fill("input[name=name]", "vera").await;
        vera.fill("input[name=password]", PASSWORD).await;
        vera.fill("input[name=again]", PASSWORD).await;
        vera.click("button.main").await;
        vera.until_says("<img src=x onerror=hit=1>").await;
        assert_eq!(vera.count(".deploy").await + vera.count("main form[action^='/selected']").await, 0);
        assert_eq!(vera.count(".card button").await, 0);
        let forged = format!(
            "(async () => {{ const proof = document.querySelector('input[name=proof]').value;
               const body = new URLSearchParams({{proof, board: '{}', what: 'image:gateway.img'}});
               return (await fetch('/deploy', {{method: 'POST', body}})).status }})()",
            board
        );
        assert_eq!(vera.later(&forged).await, 403);
        // Names are shown, never run.
        let page = format!("/boards/{board}");
        for path in ["/", "/boards", &page] {
            vera.go(path).await;
            vera.until_says("<img src=x onerror=hit=1>").await;
            assert_eq!(vera.script("return typeof hit").await, "undefined", "{path}");
        }
        // The page of a session that was ended leads to the door by itself.
        otto.go("/").await;
        let change = json!({"disabled": true});
        station.admin("PATCH", "/api/v1/users/otto", Some(&change)).ok();
        otto.until("the door", "location.pathname === '/login'").await;
        let jobs = station.admin("GET", "/api/v1/jobs", None).ok();
        assert_eq!(jobs["items"][0]["state"], "queued");
        for browser in [anna, otto, vera] {
            browser.close().await;
        }
    });
}

#[test]
fn a_page_of_a_version_before_says_so_and_its_form_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    run(async {
        let browser = Browser::begin(&station).await;
        browser.go("/boards").await;
        browser
            .script(
                "document.querySelector('link[rel=stylesheet]').setAttribute('href', '/static/style.0123456789ab.css')",
            )
            .await;
        Board::new("10000000000000b1").register(&station).ok();
        browser.until("it says so", "!document.getElementById('stale').hidden").await;
        assert_eq!(
            browser.later("fetch('/static/style.0123456789ab.css').then(one => one.status)").await,
            404
        );
        // A proof of another time.
        browser.go("/").await;
        browser.script("document.querySelector('#act input[name=proof]').value = '0'.repeat(96)").await;
        browser.until("the board", "document.querySelector('input[name=board]')").await;
        browser.pick("b1").await;
        browser.click("button[formaction='/selected/backup']").await;
        browser.until("it is refused", "document.querySelector('.refused')").await;
        browser.shot("refused").await;
        let jobs = station.admin("GET", "/api/v1/jobs", None).ok();
        assert_eq!(jobs["items"].as_array().unwrap().len(), 0);
        browser.close().await;
    });
}
