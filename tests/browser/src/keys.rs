//! Passkeys, by Chromium's own authenticator without a device.

use serde_json::json;

use crate::browser::{Browser, PASSWORD, run};
use crate::station::Station;

/// Clicks on the passkey's button of a page.
const KEY: &str = "form[data-passkey] button";

#[test]
fn a_passkey_is_made_and_signs_in_alone_and_behind_the_password() {
    let dir = tempfile::tempdir().unwrap();
    let station = Station::start(dir.path(), &[]);
    run(async {
        let browser = Browser::at(&station).await;
        let tools = browser.driver.cdp();
        tools.send_raw("WebAuthn.enable", json!({})).await.unwrap();
        let options = json!({"options": {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true, "automaticPresenceSimulation": true,
        }});
        let added = tools.send_raw("WebAuthn.addVirtualAuthenticator", options).await.unwrap();
        let authenticator = added["authenticatorId"].clone();
        let home = format!("http://localhost:{}", station.address.port());
        let welcome = station.welcome.clone().unwrap();
        browser.go(&format!("{home}{}", &welcome[welcome.find("/welcome").unwrap()..])).await;
        browser.fill("input[name=name]", "anna").await;
        browser.fill("input[name=password]", PASSWORD).await;
        browser.fill("input[name=again]", PASSWORD).await;
        browser.click("button.main").await;
        browser.until("the floor", "location.pathname === '/'").await;

        browser.go(&format!("{home}/account")).await;
        browser.click("a[href='/account/passkeys/add']").await;
        browser.fill("input[name=name]", "this laptop").await;
        browser.fill("main input[name=password]", PASSWORD).await;
        browser.click("main button.main").await;
        browser.until("ten codes", "document.querySelectorAll('li code').length === 10").await;
        let known =
            tools.send_raw("WebAuthn.getCredentials", json!({"authenticatorId": authenticator})).await;
        assert_eq!(known.unwrap()["credentials"][0]["rpId"], "localhost");

        browser.click(".who button").await;
        browser.until("the door", "location.pathname === '/login'").await;
        browser.click(KEY).await;
        browser.until("the floor by the passkey alone", "location.pathname === '/'").await;
        browser.click(".who button").await;
        browser.until("the door", "location.pathname === '/login'").await;
        browser.fill("input[name=name]", "anna").await;
        browser.fill("input[name=password]", PASSWORD).await;
        browser.click("button.main").await;
        browser.until("the second factor", "document.querySelector('input[name=code]')").await;
        browser.click(KEY).await;
        browser.until("the floor by password and passkey", "location.pathname === '/'").await;

        // The device has lost it: the page says so, and nobody is signed in.
        browser.click(".who button").await;
        browser.until("the door", "location.pathname === '/login'").await;
        let lost = json!({"authenticatorId": authenticator});
        tools.send_raw("WebAuthn.clearCredentials", lost).await.unwrap();
        browser.click(KEY).await;
        browser.until_says("no passkey came").await;
        assert_eq!(browser.path().await, "/login");
        // An address is no name.
        browser.go("/login").await;
        browser.until_says("asked for by an address").await;
        browser.close().await;
    });
}
