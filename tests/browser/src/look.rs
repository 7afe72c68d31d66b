//! How each page looks: for everybody, in each size, light and dark.

use serde_json::json;

use crate::agents::Agent;
use crate::browser::{Browser, run};
use crate::station::Station;

/// The pages that are looked at, and what their pictures are called.
const PAGES: &[(&str, &str)] =
    &[("/", "floor"), ("/?wall=1", "wall"), ("/services", "services"), ("/nosuch", "missing")];

#[test]
fn each_page_is_for_everybody_in_each_size_light_and_dark() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &["--enrol", "open"]);
    station.put("/api/v1/images/gateway-2.4.img", &[7; 1 << 20]).ok();
    for (n, name) in ["A1", "A2", "A3"].iter().enumerate() {
        let slot = json!({"name": name, "kind": "usb", "place": format!("1-1.{n}"), "position": n});
        station.admin("PUT", &format!("/api/v1/slots/{name}"), Some(&slot)).ok();
    }
    let agents: Vec<_> = (1..=3).map(|n| Agent::start(&station, dir.path(), n, 4 << 20)).collect();
    run(async {
        let browser = Browser::begin(&station).await;
        browser.until_says("000000a3").await;
        // A name with markup in it, as a board may tell it.
        for (path, name) in PAGES {
            browser.go(path).await;
            for (width, height) in [(1360, 900), (390, 844), (360, 740), (3840, 2160)] {
                for dark in [false, true] {
                    browser.window(width, height, dark).await;
                    let what = format!("{name}-{width}{}", if dark { "-dark" } else { "" });
                    browser.fits(&what).await;
                    if width != 3840 {
                        browser.is_for_everybody(&what).await;
                    }
                    browser.shot(&what).await;
                }
            }
        }
        browser.close().await;
    });
    drop(agents);
}
