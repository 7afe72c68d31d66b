//! Chromium, driven through its WebDriver.

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::station::Station;

/// How long a page may take to become what is expected, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// A window, with the profile of nobody.
pub(crate) struct Browser {
    pub(crate) driver: WebDriver,
    at: String,
    _process: Process,
    _profile: tempfile::TempDir,
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a test that waits.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test)
}

/// Whether `chromedriver` is there is said with what installs it.
fn chromedriver() -> (Process, u16) {
    let child = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn();
    let mut child = child.expect("chromedriver is missing: tools/install-packages test");
    let out = BufReader::new(child.stdout.take().unwrap());
    let port = out.lines().map_while(Result::ok).find_map(|line| {
        let rest = line.split("on port ").nth(1)?;
        rest.trim_end_matches('.').parse().ok().filter(|port| *port != 0)
    });
    (Process(child), port.expect("chromedriver tells its port"))
}

impl Browser {
    /// A window at a station.
    pub(crate) async fn at(station: &Station) -> Self {
        Self::at_with(station, &[]).await
    }

    /// The same, with more of Chromium's flags.
    async fn at_with(station: &Station, more: &[String]) -> Self {
        let (process, port) = chromedriver();
        let profile = tempfile::tempdir().unwrap();
        let mut wanted = DesiredCapabilities::chrome();
        for flag in [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1360,900",
        ] {
            wanted.add_arg(flag).unwrap();
        }
        wanted.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        for flag in more {
            wanted.add_arg(flag).unwrap();
        }
        wanted.accept_insecure_certs(true).unwrap();
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await.unwrap();
        let at = format!("http://{}", station.address);
        Self { driver, at, _process: process, _profile: profile }
    }

    /// Ends it; one that a failed test leaves behind ends with its driver.
    pub(crate) async fn close(self) {
        self.driver.clone().quit().await.unwrap();
    }

    /// Goes to a page.
    pub(crate) async fn go(&self, path: &str) {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.at) };
        self.driver.goto(url).await.unwrap();
    }

    /// The path that it is at.
    pub(crate) async fn path(&self) -> String {
        self.driver.current_url().await.unwrap().path().to_owned()
    }

    /// Waits until a script's value is what is wanted.
    pub(crate) async fn until(&self, what: &str, script: &str) {
        let began = Instant::now();
        loop {
            let value = self.driver.execute(format!("return Boolean({script})"), Vec::new()).await;
            if value.is_ok_and(|value| value.json() == &Value::Bool(true)) {
                return;
            }
            if began.elapsed() > PATIENCE {
                let page = self.text("main").await;
                self.shot("failed").await;
                panic!("{what}: not within {} s; the page says:\n{page}", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for a text on the page.
    pub(crate) async fn until_says(&self, text: &str) {
        let text = serde_json::to_string(text).unwrap();
        self.until(&text, &format!("document.querySelector('main').innerText.includes({text})")).await;
    }

    /// The text of an element.
    pub(crate) async fn text(&self, selector: &str) -> String {
        match self.driver.find(By::Css(selector)).await {
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// How many elements there are.
    pub(crate) async fn count(&self, selector: &str) -> usize {
        self.driver.find_all(By::Css(selector)).await.unwrap().len()
    }

    /// Writes into a field.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let field = self.driver.find(By::Css(selector)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Clicks.
    pub(crate) async fn click(&self, selector: &str) {
        self.click_on(By::Css(selector)).await;
    }

    async fn click_on(&self, by: By) {
        let began = Instant::now();
        loop {
            // What changes by itself may have been another element a moment ago.
            let clicked = match self.driver.find(by.clone()).await {
                Ok(element) => element.click().await,
                Err(error) => Err(error),
            };
            match clicked {
                Ok(()) => return,
                Err(error) if began.elapsed() > PATIENCE => {
                    self.shot("failed").await;
                    panic!("{by:?}: {error}; the page says:\n{}", self.text("main").await)
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Runs a script, and gives its value back.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.driver.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// A window of this size, light or dark.
    pub(crate) async fn window(&self, width: u32, height: u32, dark: bool) {
        let tools = self.driver.cdp();
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        tools.send_raw("Emulation.setDeviceMetricsOverride", size).await.unwrap();
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        tools.send_raw("Emulation.setEmulatedMedia", media).await.unwrap();
    }

    /// A picture below `target/screenshots`.
    pub(crate) async fn shot(&self, name: &str) -> PathBuf {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/screenshots");
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join(format!("{name}.png"));
        self.driver.screenshot(&path).await.unwrap();
        path
    }

    /// What keeps people out of this page, as axe-core finds it.
    pub(crate) async fn barriers(&self) -> Value {
        let file =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/npm/node_modules/axe-core/axe.min.js");
        if self.script("return typeof axe").await == "undefined" {
            let axe =
                std::fs::read_to_string(file).expect("axe-core is missing: tools/install-packages test");
            self.driver.execute(axe, Vec::new()).await.unwrap();
        }
        self.later(
            "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations.map(
             one => [one.id, one.impact, one.nodes.map(node => node.target.join(' '))]))",
        )
        .await
    }

    /// The value of a promise.
    pub(crate) async fn later(&self, promise: &str) -> Value {
        let script =
            format!("const done = arguments[0]; ({promise}).then(done, error => done(String(error)))");
        self.driver.execute_async(script, Vec::new()).await.unwrap().json().clone()
    }

    /// How much further than the window it goes to the side, in pixels.
    pub(crate) async fn sideways(&self) -> i64 {
        self.script("return document.documentElement.scrollWidth - window.innerWidth").await.as_i64().unwrap()
    }

    /// Chooses a file of this computer.
    pub(crate) async fn choose(&self, selector: &str, file: &Path) {
        self.driver.find(By::Css(selector)).await.unwrap().send_keys(file.to_str().unwrap()).await.unwrap();
    }

    /// Follows the link with this text.
    pub(crate) async fn follow(&self, text: &str) {
        self.click_on(By::LinkText(text)).await;
    }

    /// Presses the button with this text.
    pub(crate) async fn push(&self, text: &str) {
        self.click_on(By::XPath(format!("//button[normalize-space()='{text}']"))).await;
    }

    /// The text of an element, once it is there.
    pub(crate) async fn until_there(&self, selector: &str) -> String {
        let quoted = serde_json::to_string(selector).unwrap();
        self.until(selector, &format!("document.querySelector({quoted})")).await;
        self.text(selector).await
    }

    /// A script that runs in each page from now on, before those of the page.
    pub(crate) async fn before_each(&self, source: &str) {
        let tools = self.driver.cdp();
        let source = json!({"source": source});
        tools.send_raw("Page.addScriptToEvaluateOnNewDocument", source).await.unwrap();
    }

    /// Files that are downloaded come into this directory.
    pub(crate) async fn saves_into(&self, dir: &Path) {
        std::fs::create_dir_all(dir).unwrap();
        let tools = self.driver.cdp();
        let to = json!({"behavior": "allow", "downloadPath": dir});
        tools.send_raw("Browser.setDownloadBehavior", to).await.unwrap();
    }

    /// A file that was downloaded, once it is whole.
    pub(crate) async fn saved(&self, file: &Path) -> Vec<u8> {
        let began = Instant::now();
        // Until it is whole it has another name.
        while !file.exists() {
            assert!(began.elapsed() < PATIENCE, "{} isn't downloaded", file.display());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::fs::read(file).unwrap()
    }

    /// Presses keys where the focus is.
    pub(crate) async fn press(&self, keys: impl Into<TypingData>) {
        self.driver.active_element().await.unwrap().send_keys(keys.into()).await.unwrap();
    }

    /// Presses Tab until the focus is there.
    pub(crate) async fn tab_to(&self, selector: &str) {
        let wanted = serde_json::to_string(selector).unwrap();
        let is = format!("return document.activeElement.matches({wanted})");
        for _ in 0..150 {
            if self.script(&is).await == true {
                return;
            }
            self.press(Key::Tab).await;
        }
        panic!("{selector} can't be reached with Tab; the page says:\n{}", self.text("main").await);
    }

    /// Signs in.
    pub(crate) async fn sign_in(station: &Station, name: &str, password: &str) -> Self {
        let browser = Self::at(station).await;
        browser.go("/login").await;
        browser.fill("input[name=name]", name).await;
        browser.fill("input[name=password]", password).await;
        browser.click("button.main").await;
        browser.until("the floor", "location.pathname === '/'").await;
        browser
    }

    /// Selects the board of the card that has this text, and no other.
    pub(crate) async fn pick(&self, text: &str) {
        let script = format!(
            "for (const card of document.querySelectorAll('.card')) {{
               const box = card.querySelector('input[name=board]');
               if (box && box.checked !== card.innerText.includes('{text}')) box.click(); }}"
        );
        self.script(&script).await;
    }

    /// The first user, by the link that the station has told.
    pub(crate) async fn begin(station: &Station) -> Self {
        let browser = Self::at(station).await;
        browser.go(station.welcome.as_deref().unwrap()).await;
        browser.fill("input[name=name]", "anna").await;
        browser.fill("input[name=password]", PASSWORD).await;
        browser.fill("input[name=again]", PASSWORD).await;
        browser.click("button.main").await;
        browser.until("the floor", "location.pathname === '/'").await;
        browser
    }

    /// The first user once more, in another browser with these flags.
    pub(crate) async fn again_with(station: &Station, flags: &[String]) -> Self {
        let browser = Self::at_with(station, flags).await;
        browser.go("/login").await;
        browser.fill("input[name=name]", "anna").await;
        browser.fill("input[name=password]", PASSWORD).await;
        browser.click("button.main").await;
        browser.until("the floor", "location.pathname === '/'").await;
        browser
    }
}

/// Of the first user.
pub(crate) const PASSWORD: &str = "correct horse battery";
