//! Who comes in.

use crate::browser::{Browser, PASSWORD, run};
use crate::station::Station;

#[test]
fn the_first_user_comes_by_a_link_that_is_good_once_and_signs_in_and_out() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    run(async {
        let browser = Browser::at(&station).await;
        // Nobody is led to where they wanted to go before they are known.
        browser.go("/?wall=1").await;
        assert_eq!(browser.path().await, "/login");
        let welcome = station.welcome.clone().unwrap();
        browser.go(&welcome).await;
        browser.fill("input[name=name]", "anna").await;
        browser.fill("input[name=password]", PASSWORD).await;
        browser.fill("input[name=again]", "correct horse battery?").await;
        browser.click("button.main").await;
        browser.until_says("The two passwords differ.").await;
        browser.fill("input[name=password]", PASSWORD).await;
        browser.fill("input[name=again]", PASSWORD).await;
        browser.click("button.main").await;
        browser.until("the floor", "location.pathname === '/'").await;
        browser.until_says("No board was seen within the last hour").await;
        // The cookie is none of the script's business.
        assert_eq!(browser.script("return document.cookie").await, "");
        browser.click(".who button").await;
        browser.until("the door", "location.pathname === '/login'").await;
        browser.go(&welcome).await;
        browser.until_says("This link isn't good any more").await;
        browser.go("/login?to=%2F%3Fwall%3D1").await;
        browser.fill("input[name=name]", "anna").await;
        browser.fill("input[name=password]", "wrong horse battery").await;
        browser.click("button.main").await;
        browser.until_says("Name or password are wrong.").await;
        browser.fill("input[name=password]", PASSWORD).await;
        browser.click("button.main").await;
        browser.until("where it wanted to go", "location.search === '?wall=1'").await;
        browser.close().await;
    });
    drop(station);
    // With a user there is no link any more.
    assert_eq!(Station::start(dir.path(), &[]).welcome, None);
}

#[test]
fn a_form_of_another_site_and_of_another_session_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    run(async {
        let browser = Browser::begin(&station).await;
        let cookies = browser.driver.get_all_cookies().await.unwrap();
        let secret = &cookies.iter().find(|cookie| cookie.name == "piprov").unwrap().value;
        let proof = browser.script("return document.querySelector('input[name=proof]').value").await;
        let proof = proof.as_str().unwrap();
        let post = |proof: &str, origin: &str| {
            let body = format!("proof={proof}&to=%2F");
            let text = format!(
                "POST /station/disarm HTTP/1.1\r\nHost: {}\r\n{origin}Cookie: piprov={secret}\r\nConnection: close\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
                station.address,
                body.len()
            );
            station.raw(text.as_bytes()).status
        };
        assert_eq!(post("", ""), 403);
        assert_eq!(post(&"0".repeat(96), ""), 403);
        assert_eq!(post(proof, "Origin: http://evil.example\r\n"), 403);
        assert_eq!(post(proof, "Sec-Fetch-Site: cross-site\r\n"), 403);
        assert_eq!(station.admin("GET", "/api/v1/station", None).ok()["armed"], true);
        assert_eq!(post(proof, ""), 303);
        assert_eq!(station.admin("GET", "/api/v1/station", None).ok()["armed"], false);
        browser.close().await;
    });
}
