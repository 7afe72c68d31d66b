//! What a browser tells an operator who isn't looking, and whose clock or station isn't as the page thinks.

use serde_json::json;

use crate::agents::Agent;
use crate::browser::{Browser, run};
use crate::station::{Board, Station};

/// Counts tones and notifications, and leaves them as they are.
const COUNTS: &str = "
    window.tones = 0; window.told = [];
    const make = AudioContext.prototype.createOscillator;
    AudioContext.prototype.createOscillator = function () { window.tones++; return make.call(this); };
    const Real = Notification;
    window.Notification = class extends Real { constructor(title, more) { super(title, more); window.told.push(more.body); } };";

/// A board whose next job fails.
fn fails(station: &Station, board: &Board) {
    let reboot = json!({"action": "reboot"});
    station.admin("POST", &format!("/api/v1/boards/{}/jobs", board.id), Some(&reboot)).ok();
    let work = board.work(station, 5).ok();
    let path = format!("/api/v1/device/jobs/{}/result", work["job"].as_str().unwrap());
    let failed = json!({"fence": work["fence"], "stage": "report", "failed": "no power"});
    station.call("POST", &path, work["token"].as_str(), Some(&failed)).ok();
}

/// What an alert's button says.
fn says(name: &str, text: &str) -> String {
    format!("document.querySelector('[data-alert={name}]').innerText === '{text}'")
}

#[test]
fn a_failure_is_heard_and_notified_where_somebody_asked_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let mut boards: Vec<_> = (1..=3).map(|n| Board::new(&format!("10000000000000b{n}"))).collect();
    boards.iter_mut().for_each(|board| drop(board.register(&station).ok()));
    run(async {
        let browser = Browser::begin(&station).await;
        let tools = browser.driver.cdp();
        let origin = format!("http://{}", station.address);
        let answer = |setting: &str| json!({"origin": origin, "permission": {"name": "notifications"}, "setting": setting});
        tools.send_raw("Browser.setPermission", answer("denied")).await.unwrap();
        browser.before_each(COUNTS).await;
        browser.go("/").await;
        // Off, until somebody asks for it; and nothing is told.
        browser.until("no sound", &says("sound", "Sound: off")).await;
        browser.until("forbidden", &says("notify", "Notification: the browser forbids it")).await;
        fails(&station, &boards[0]);
        browser.until("it is seen", "document.title.startsWith('(1)')").await;
        assert_eq!(browser.script("return [tones, told]").await, json!([0, []]));
        tools.send_raw("Browser.setPermission", answer("granted")).await.unwrap();
        browser.go("/").await;
        browser.until("off", &says("notify", "Notification: off")).await;
        browser.click("[data-alert=sound]").await;
        browser.until("a sound", &says("sound", "Sound: on")).await;
        // So it sounds: two tones.
        browser.until("it is heard once", "tones === 2").await;
        browser.click("[data-alert=notify]").await;
        browser.until("told", &says("notify", "Notification: on")).await;
        fails(&station, &boards[1]);
        browser.until("it is heard", "tones === 4").await;
        browser.until("it is told", "told.join() === '2 boards have failed.'").await;
        // It is remembered. A page may sound once somebody has touched it.
        browser.go("/?wall=1").await;
        browser.until("it sleeps", &says("sound", "Sound: on after a click")).await;
        browser.until("told", &says("notify", "Notification: on")).await;
        assert_eq!(browser.script("return [tones, told]").await, json!([0, []]), "a load tells nothing new");
        browser.click("h1").await;
        browser.until("awake", &says("sound", "Sound: on")).await;
        fails(&station, &boards[2]);
        browser.until("it is told", "told.join() === '3 boards have failed.'").await;
        browser.until("it is heard", "tones === 2").await;
        browser.shot("told").await;
        browser.close().await;
    });
}

/// A browser has six connections to a station without HTTPS.
#[test]
fn ten_tabs_of_a_browser_load_and_each_hears_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    let mut board = Board::new("10000000000000b1");
    drop(board.register(&station).ok());
    run(async {
        let browser = Browser::begin(&station).await;
        let mut tabs = vec![browser.driver.window().await.unwrap()];
        browser.go("/").await;
        for _ in 1..10 {
            let tab = browser.driver.new_tab().await.unwrap();
            browser.driver.switch_to_window(tab.clone()).await.unwrap();
            tabs.push(tab);
            browser.go("/").await;
            browser.until("it is there", "document.querySelector('.card')").await;
        }
        fails(&station, &board);
        for tab in tabs.into_iter().rev() {
            browser.driver.switch_to_window(tab).await.unwrap();
            browser.until("it hears", "document.title.startsWith('(1)')").await;
        }
        browser.close().await;
    });
}

#[test]
fn a_browser_whose_clock_is_wrong_says_so_and_shows_the_stations_times() {
    let dir = tempfile::tempdir().unwrap();
    let mut station = Station::start(dir.path(), &["--enrol", "open"]);
    Board::new("10000000000000b1").register(&station).ok();
    run(async {
        let browser = Browser::begin(&station).await;
        assert_eq!(browser.count("#skew:not([hidden])").await, 0);
        // It is ten minutes late, and in another time zone.
        let tools = browser.driver.cdp();
        let zone = json!({"timezoneId": "Asia/Kolkata"});
        tools.send_raw("Emulation.setTimezoneOverride", zone).await.unwrap();
        browser
            .before_each(
                "{ const Real = Date, late = 600000;
                   window.Date = class extends Real {
                     constructor(...of) { if (of.length) super(...of); else super(Real.now() - late); }
                     static now() { return Real.now() - late; } }; }",
            )
            .await;
        for page in ["/", "/boards", "/runs"] {
            browser.go(page).await;
            browser.until_says("differ by 10 minutes").await;
        }
        browser.go("/boards").await;
        let seen = browser.text("#list time").await;
        station.kill();
        browser.until_says("No news since").await;
        // In the station's time, as all others on the page: the board was seen a moment before.
        let lost = browser.text("#lost time").await;
        let minutes = |text: &str| {
            let parts: Vec<u32> = text.split(':').map(|part| part.parse().unwrap()).collect();
            parts[0] * 60 + parts[1]
        };
        let apart = (minutes(&lost) + 1440 - minutes(&seen)) % 1440;
        assert!(apart <= 3, "lost {lost}, seen {seen}");
        browser.close().await;
    });
}

#[test]
fn pages_that_are_open_while_the_station_starts_anew_say_so_and_come_back_right() {
    let dir = tempfile::tempdir().unwrap();
    let mut station = Station::start(dir.path(), &["--enrol", "open"]);
    run(async {
        let browser = Browser::begin(&station).await;
        let agent = Agent::start(&station, dir.path(), 1, 1 << 20);
        browser.until_says("000000a1").await;
        let board = station.admin("GET", "/api/v1/boards", None).ok()["items"][0]["id"].clone();
        let page = format!("/boards/{}", board.as_str().unwrap());
        let mut windows = vec![browser.driver.window().await.unwrap()];
        for path in ["/?wall=1", "/boards", &page, "/images"] {
            let window = browser.driver.new_window().await.unwrap();
            browser.driver.switch_to_window(window.clone()).await.unwrap();
            browser.go(path).await;
            windows.push(window);
        }
        drop(agent);
        station.kill();
        for window in &windows {
            browser.driver.switch_to_window(window.clone()).await.unwrap();
            browser.until_says("No news since").await;
        }
        let at = station.address.to_string();
        drop(station);
        let station = Station::start_at(dir.path(), &at, &["--enrol", "open"]);
        // What happens before the pages are back.
        station.admin("PATCH", "/api/v1/boards/10000000000000a1", Some(&json!({"name": "gateway-7"}))).ok();
        station.put("/api/v1/images/gateway.img", &[7; 1 << 20]).ok();
        for (window, text) in
            windows.iter().zip(["gateway-7", "gateway-7", "gateway-7", "gateway-7", "gateway.img"])
        {
            browser.driver.switch_to_window(window.clone()).await.unwrap();
            browser.until("it is back", "document.getElementById('lost').hidden").await;
            browser.until_says(text).await;
        }
        // A form of before still counts: its session does.
        browser.driver.switch_to_window(windows[0].clone()).await.unwrap();
        browser.click("#arming button").await;
        browser.until_says("Rules start nothing until somebody arms them again.").await;
        browser.close().await;
    });
}
