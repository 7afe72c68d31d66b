//! How a floor of many boards moves.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::browser::{Browser, run};
use crate::station::{Board, Station};

/// How many boards.
const BOARDS: u32 = 60;

#[test]
fn sixty_cards_move_without_a_shift_or_a_long_task() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    station.put("/api/v1/images/gateway.img", &[7; 1 << 20]).ok();
    let mut work = Vec::new();
    for n in 0..BOARDS {
        let mut board = Board::new(&format!("100000000000{n:04x}"));
        board.register(&station).ok();
        let deploy = json!({"action": "deploy", "image": "gateway.img"});
        station.admin("POST", &format!("/api/v1/boards/{}/jobs", board.id), Some(&deploy)).ok();
        work.push(board.work(&station, 0).ok());
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut done = 0;
            while !stop.load(Ordering::Relaxed) {
                done += 1000;
                for job in &work {
                    let body =
                        json!({"fence": job["fence"], "stage": "write", "done": done, "total": 1 << 20});
                    let path = format!("/api/v1/device/jobs/{}/progress", job["job"].as_str().unwrap());
                    station.call("POST", &path, job["token"].as_str(), Some(&body)).ok();
                }
            }
        });
        let found = run(async {
            let browser = Browser::begin(&station).await;
            browser.until("all cards", "document.querySelectorAll('.card').length === 60").await;
            browser
                .script(
                    "window.found = {shift: 0, long: [], put: 0};
                     new PerformanceObserver(list => { for (const one of list.getEntries()) found.shift += one.value; })
                       .observe({type: 'layout-shift'});
                     new PerformanceObserver(list => { for (const one of list.getEntries()) found.long.push(one.duration); })
                       .observe({type: 'longtask'});
                     new MutationObserver(list => { found.put += list.length; })
                       .observe(document.querySelector('main'), {childList: true, subtree: true});",
                )
                .await;
            browser.until("they move", "found.put > 300").await;
            let found = browser.script("return found").await;
            // All that the first page needs, as it comes.
            browser.driver.refresh().await.unwrap();
            let size = "return performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource')
                .filter(one => !one.name.includes('/live'))).reduce((sum, one) => sum + one.encodedBodySize, 0)";
            let size = browser.script(size).await;
            browser.shot("sixty").await;
            browser.close().await;
            (found, size)
        });
        stop.store(true, Ordering::Relaxed);
        eprintln!("{found:?}");
        // Nothing that an eye would see: from 0.1 on a page counts as restless.
        assert!(found.0["shift"].as_f64().unwrap() < 0.01, "{found:?}");
        // Where nothing runs beside it there is none over 50 ms.
        let long = found.0["long"].as_array().unwrap();
        assert!(long.iter().all(|one| one.as_f64().unwrap() < 150.0), "{found:?}");
        assert!(found.1.as_u64().unwrap() < 100_000, "{found:?}");
    });
}
