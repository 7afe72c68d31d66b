//! What an operator does on the floor.

use serde_json::json;

use crate::agents::Agent;
use crate::browser::{Browser, PASSWORD, run};
use crate::images::noise;
use crate::postgres::Postgres;
use crate::station::Station;

#[test]
fn two_boards_are_let_in_deployed_and_watched_and_one_that_fails_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    let image = noise(24 << 20, 1);
    station.put("/api/v1/images/gateway.img", &image).ok();
    let slot = json!({"name": "A1", "kind": "usb", "place": "1-1.1", "position": 0});
    station.admin("PUT", "/api/v1/slots/A1", Some(&slot)).ok();
    let slot = json!({"name": "A2", "kind": "usb", "place": "1-1.2", "position": 1});
    station.admin("PUT", "/api/v1/slots/A2", Some(&slot)).ok();
    run(async {
        let browser = Browser::begin(&station).await;
        // Empty slots are there.
        assert_eq!(browser.count(".card.empty").await, 2);
        // A board appears by itself.
        let first = Agent::start(&station, dir.path(), 1, 64 << 20);
        browser.until_says("000000a1").await;
        let small = Agent::start(&station, dir.path(), 2, 1 << 20);
        browser.until_says("000000a2").await;
        assert_eq!(browser.count(".card.wait").await, 2);
        browser.click(".card.wait button").await;
        browser.until_says("is let in").await;
        browser.click(".card.wait button").await;
        browser.until("both are let in", "document.querySelectorAll('input[name=board]').length === 2").await;
        // It moves to its slot, and the slots stay where they are.
        let slot = json!({"slot": "A2"});
        station.admin("PATCH", "/api/v1/boards/10000000000000a1", Some(&slot)).ok();
        browser
            .until("it is in its slot", "document.querySelectorAll('.card')[1].innerText.includes('a1')")
            .await;
        assert!(browser.text(".card").await.starts_with("A1"));
        // Both are selected and deployed; what is erased is said before.
        browser.script("for (const box of document.querySelectorAll('input[name=board]')) box.click()").await;
        browser.until_says("2 boards:").await;
        browser.click(".toolbar .deploy").await;
        browser.until_says("Erase 2 disks and deploy").await;
        assert!(browser.text("main").await.contains("All of its file 64 MiB (disk1) is erased."));
        // One of them is too small: nothing begins until somebody says so all the same.
        browser.click("button.main").await;
        browser.until_says("its file has 1 MiB, and gateway.img has 24 MiB.").await;
        browser.click("input[name=anyway]").await;
        browser.click("button.main").await;
        browser.until_says("2 boards are being deployed.").await;
        browser.until_says("Done, verified").await;
        browser.until("the other failed", "document.querySelector('.card.alarmed .why')").await;
        assert_eq!(first.disk()[..image.len()], image[..]);
        // What, where, and what next; the title says it too, until somebody has seen it.
        let why = browser.text(".card.alarmed").await;
        assert!(
            why.contains("the image needs 24 MiB") && why.contains("Nothing of the image was written."),
            "{why}"
        );
        // What must fail again isn't what the page proposes.
        assert_eq!(browser.count(".card.alarmed button[formaction$='/again']").await, 1);
        assert_eq!(browser.count(".card.alarmed button.main[formaction$='/again']").await, 0);
        browser.until("the title", "document.title.startsWith('(1)')").await;
        browser.until("the icon", "document.getElementById('icon').href.includes('failed')").await;
        browser.shot("floor").await;
        // Still there after a reload.
        browser.go("/").await;
        assert_eq!(browser.count(".card.alarmed").await, 1);
        browser.click(".card.alarmed button[formaction$='/seen']").await;
        browser.until("it was seen", "!document.querySelector('.card.alarmed')").await;
        browser.until("the title", "!document.title.startsWith('(')").await;
        drop(small);
        browser.close().await;
    });
}

#[test]
fn a_page_says_that_the_station_is_away_and_is_right_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut station = Station::start(dir.path(), &[]);
    run(async {
        let browser = Browser::begin(&station).await;
        let mut agent = Agent::start(&station, dir.path(), 1, 1 << 20);
        browser.until_says("000000a1").await;
        agent.kill();
        station.kill();
        browser.until_says("No news since").await;
        browser.shot("lost").await;
        let at = station.address.to_string();
        drop(station);
        let station = Station::start_at(dir.path(), &at, &[]);
        // Something that happened while the page could not be told.
        station.admin("PATCH", "/api/v1/boards/10000000000000a1", Some(&json!({"name": "gateway-7"}))).ok();
        browser.until("it is back", "document.getElementById('lost').hidden").await;
        browser.until_says("gateway-7").await;
        browser.close().await;
    });
}

#[test]
fn a_place_is_named_as_a_board_comes_and_moved_on_the_map_by_arrows_and_by_dragging() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let cell = |name: &str| {
        let slots = station.admin("GET", "/api/v1/slots", None).ok();
        let slots = slots["items"].as_array().unwrap().clone();
        slots.into_iter().find(|slot| slot["name"] == name).map(|slot| slot["cell"].clone())
    };
    run(async {
        let browser = Browser::begin(&station).await;
        browser.go("/slots").await;
        browser.until_says("Plug in a board").await;
        // A board comes, and says by its jumpers where it is.
        for (serial, jumper, name) in [("10000000000000a1", 5, "Left"), ("10000000000000a2", 2, "Right")] {
            let board = crate::station::Board::new(serial);
            let hello = station.call("GET", "/api/v1/device/hello", None, None).ok();
            let mut told = board.told(hello["nonce"].as_str().unwrap());
            told["jumper"] = json!(jumper);
            let body = told.to_string();
            let answer = board.register_with(&station, body.as_bytes(), &board.sign(body.as_bytes()));
            assert_eq!(answer.status, 200);
            browser.until_says(&format!("jumper number {jumper}")).await;
            browser.fill("#places input[name=name]", name).await;
            browser.click("#places button").await;
            browser.until_says(&format!("The slot {name} is there.")).await;
        }
        assert_eq!(cell("Left").unwrap(), json!({"row": 1, "column": 1}));
        assert_eq!(cell("Right").unwrap(), json!({"row": 1, "column": 2}));
        // An arrow: the two change their cells.
        browser.click("[formaction='/slots/Left/right']").await;
        browser
            .until(
                "they have changed",
                "document.querySelector('td[data-column=\"1\"]').innerText.includes('Right')",
            )
            .await;
        assert_eq!(cell("Left").unwrap(), json!({"row": 1, "column": 2}));
        // Dragged into a free cell.
        let drag = "const carried = new DataTransfer(), tile = document.querySelector('[data-slot=Left]'), \
                    cell = document.querySelector('td[data-row=\"2\"][data-column=\"1\"]'); \
                    for (const [on, kind] of [[tile, 'dragstart'], [cell, 'dragover'], [cell, 'drop']]) \
                    on.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: carried }))";
        browser.script(drag).await;
        browser
            .until("it is there", "document.querySelector('td[data-row=\"2\"]')?.innerText.includes('Left')")
            .await;
        assert_eq!(cell("Left").unwrap(), json!({"row": 2, "column": 1}));
        // A board that says that number is in the slot when it comes again, and the floor has it in its cell.
        browser.go("/").await;
        assert_eq!(browser.count(".cards.map .card").await, 2);
        assert_eq!(browser.count(".cards.map .card.r2.c1").await, 1);
    });
}

#[test]
fn pages_say_that_the_database_is_away_and_are_right_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let server = Postgres::get();
    let database = server.database();
    let name = database.split(['/', '?']).find(|part| part.starts_with('d')).unwrap();
    let config = dir.path().join("piprov.toml");
    std::fs::write(&config, format!("[station]\nstore = '{database}'\n")).unwrap();
    let station = Station::start(dir.path(), &["--config", config.to_str().unwrap()]);
    run(async {
        let browser = Browser::begin(&station).await;
        let other = Browser::sign_in(&station, "anna", PASSWORD).await;
        let _agent = Agent::start(&station, dir.path(), 1, 1 << 20);
        browser.until_says("000000a1").await;
        server.sql("postgres", &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
        server.sql(
            "postgres",
            &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
        );
        // Who asks for a page is told what is missing, and where to look.
        other.go("/runs").await;
        other.until_says("database").await;
        assert_eq!(other.count("form").await, 0, "{}", other.text("body").await);
        other.shot("database-away").await;
        // The floor that is open says that it hears nothing new.
        browser.until_says("No news since").await;
        server.sql("postgres", &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
        let mut looks = 0;
        while other.count("form").await == 0 {
            looks += 1;
            assert!(looks < 100, "{}", other.text("body").await);
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            other.go("/runs").await;
        }
        browser.until("it is back", "document.getElementById('lost').hidden").await;
        station.admin("PATCH", "/api/v1/boards/10000000000000a1", Some(&json!({"name": "gateway-7"}))).ok();
        browser.until_says("gateway-7").await;
        browser.close().await;
        other.close().await;
    });
}
