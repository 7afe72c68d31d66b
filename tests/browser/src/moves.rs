//! How a floor of many boards moves.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::browser::{Browser, run};
use crate::station::{Board, Station};

/// How many boards.
const BOARDS: u32 = 60;

/// Notes what moves by itself, what holds the page up, and how often something is put into it.
const WATCHES: &str = "
    window.found = {shifts: [], long: [], put: 0};
    new PerformanceObserver(list => { for (const one of list.getEntries()) for (const of of one.sources) {
        const box = ({x, y, width, height}) => [x, y, width, height].map(Math.round).join(' ');
        const node = of.node?.nodeType === 1 ? of.node : of.node?.parentElement;
        found.shifts.push([one.value, node?.outerHTML.slice(0, 80), box(of.previousRect), box(of.currentRect)]); } })
      .observe({type: 'layout-shift', buffered: true});
    new PerformanceObserver(list => { for (const one of list.getEntries()) found.long.push(one.duration); })
      .observe({type: 'longtask', buffered: true});
    document.addEventListener('DOMContentLoaded', () => new MutationObserver(list => { found.put += list.length; })
      .observe(document.querySelector('main'), {childList: true, subtree: true}));";

/// A browser that has asked for what moves, and reads nothing of it.
async fn asleep(browser: &Browser, station: &Station) -> TcpStream {
    let cookies = browser.driver.get_all_cookies().await.unwrap();
    let secret = &cookies.iter().find(|cookie| cookie.name == "piprov").unwrap().value;
    let mut stream = station.connect();
    let text = format!(
        "GET /live?of=floor HTTP/1.1\r\nHost: {}\r\nCookie: piprov={secret}\r\n\r\n",
        station.address
    );
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// It wakes up: the numbers of the events that it is sent.
fn numbers(stream: &mut TcpStream) -> Vec<u64> {
    let mut bytes = vec![0; 1 << 20];
    let mut text = String::new();
    while text.matches("\nid: ").count() <= 100 {
        let n = stream.read(&mut bytes).unwrap();
        assert!(n > 0, "it ends: {text}");
        text += &String::from_utf8_lossy(&bytes[..n]);
    }
    text.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect()
}

/// How many want each processor of this host, at least 1.
fn crowded() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    let load: f64 = load.split(' ').next().unwrap().parse().unwrap();
    let cores = u32::try_from(std::thread::available_parallelism().unwrap().get()).unwrap();
    (load / f64::from(cores)).max(1.0)
}

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
            browser.before_each(WATCHES).await;
            browser.go("/").await;
            browser.until("all cards", "document.querySelectorAll('.card').length === 60").await;
            let mut unread = asleep(&browser, &station).await;
            browser.until("they move", "found.put > 300").await;
            let found = browser.script("return found").await;
            // Who doesn't read holds nobody up, and gets all of it in its order once it does.
            let ids = numbers(&mut unread);
            assert!(ids.len() > 100 && ids.is_sorted_by(|one, next| one < next), "{ids:?}");
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
        // From the first picture on nothing moves: what has moved is named.
        assert_eq!(found.0["shifts"], json!([]));
        // Where nothing runs beside it there is none over 50 ms, bar the first look; each process that wants the same
        // processor makes them as much longer.
        let long = found.0["long"].as_array().unwrap();
        let most = 100.0 * crowded();
        assert!(long.iter().all(|one| one.as_f64().unwrap() < most), "{most} ms: {found:?}");
        assert!(found.1.as_u64().unwrap() < 100_000, "{found:?}");
    });
}
