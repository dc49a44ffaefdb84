//! A real browser, driven as a person would: Chromium without a window, through ChromeDriver.
//!
//! The protocol is a handful of JSON requests (WebDriver), spoken here with the HTTP client that the program has
//! anyway; a client library would bring a second one.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Nothing on a page of a test takes longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

/// Set where the browser must be there, so that a machine that lost it is noticed.
const REQUIRED: &str = "TRYON_REQUIRE_BROWSER";

/// Keys as WebDriver names them.
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const ESCAPE: &str = "\u{e00c}";
pub(crate) const RIGHT: &str = "\u{e014}";
pub(crate) const DOWN: &str = "\u{e015}";

/// A browser with an empty profile and one window. Closed when dropped.
pub(crate) struct Browser {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    session: String,
    driver: Child,
    profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one. `None`, and a line that says so, where this machine has none.
    pub(crate) fn start() -> Option<Self> {
        let found = ["chromium", "chromium-browser", "google-chrome", "chrome"].into_iter().find_map(program);
        let Some((chromium, driver)) = found.zip(program("chromedriver")) else {
            let missing = "no Chromium with ChromeDriver on this machine (Debian: chromium, chromium-driver)";
            assert!(std::env::var_os(REQUIRED).is_none(), "{missing}");
            // Past the capture of test output, so that a skipped test is not taken for a passed one.
            let _ = writeln!(std::io::stderr(), "SKIPPED a browser test: {missing}");
            return None;
        };
        let (driver, port) = start_driver(&driver);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let profile = tempfile::tempdir().expect("a folder");
        let driver_url = format!("http://127.0.0.1:{port}");
        let mut browser = Self { runtime, client, session: driver_url.clone(), driver, profile };
        let session = browser.call("session", &capabilities(&chromium, browser.profile.path()));
        let id = session["sessionId"].as_str().expect("a session");
        browser.session = format!("{driver_url}/session/{id}");
        browser.resize(1280, 900);
        Some(browser)
    }

    /// Opens a page from disk and waits until its script has read everything.
    pub(crate) fn open(&self, page: &Path) {
        self.open_at(page, "");
    }

    /// The same, with what follows `#` in the address.
    pub(crate) fn open_at(&self, page: &Path, fragment: &str) {
        let mut url = url::Url::from_file_path(page).expect("an absolute path");
        url.set_fragment((!fragment.is_empty()).then_some(fragment));
        self.call("url", &json!({ "url": url.as_str() }));
        self.wait("document.documentElement.dataset.ready !== undefined");
    }

    /// Goes to an address.
    pub(crate) fn visit(&self, url: &str) {
        self.call("url", &json!({ "url": url }));
    }

    /// The window that is looked at.
    pub(crate) fn window(&self) -> String {
        let handles = self.try_get("window").expect("a window");
        handles.as_str().expect("a handle").to_owned()
    }

    /// Opens another window, and looks at it.
    pub(crate) fn new_window(&self) -> String {
        let made = self.call("window/new", &json!({ "type": "window" }));
        let handle = made["handle"].as_str().expect("a handle").to_owned();
        self.switch_to(&handle);
        handle
    }

    pub(crate) fn switch_to(&self, window: &str) {
        self.call("window", &json!({ "handle": window }));
    }

    /// From now on the browser asks for these languages.
    pub(crate) fn speak(&self, languages: &str) {
        let agent = self.value("navigator.userAgent");
        let said = json!({ "userAgent": agent, "acceptLanguage": languages });
        self.devtools("Emulation.setUserAgentOverride", &said);
    }

    /// Opens the same page again.
    pub(crate) fn reload(&self) {
        self.call("refresh", &json!({}));
        self.wait("document.documentElement.dataset.ready !== undefined");
    }

    pub(crate) fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// What an expression of the page's own language is worth.
    pub(crate) fn value(&self, expression: &str) -> Value {
        self.call("execute/sync", &json!({ "script": format!("return ({expression});"), "args": [] }))
    }

    /// What an expression that is awaited is worth.
    pub(crate) fn awaited(&self, expression: &str) -> Value {
        let script =
            format!("const done = arguments[0]; (async () => ({expression}))().then(done, (e) => done(String(e)));");
        self.call("execute/async", &json!({ "script": script, "args": [] }))
    }

    pub(crate) fn text(&self, selector: &str) -> String {
        let text = self.value(&format!("document.querySelector({})?.textContent.trim()", json!(selector)));
        text.as_str().unwrap_or_else(|| panic!("there is no {selector}")).to_owned()
    }

    /// The texts of all elements that a selector finds.
    pub(crate) fn texts(&self, selector: &str) -> Vec<String> {
        let texts = format!("[...document.querySelectorAll({})].map((e) => e.textContent.trim())", json!(selector));
        serde_json::from_value(self.value(&texts)).expect("texts")
    }

    /// Waits until an expression is true.
    pub(crate) fn wait(&self, expression: &str) {
        let since = Instant::now();
        while self.value(expression) != json!(true) {
            assert!(since.elapsed() < PATIENCE, "in vain: {expression}\n{:#?}", self.complaints());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Clicks as a mouse does: scrolls there, and fails if something covers the place.
    pub(crate) fn click(&self, selector: &str) {
        self.value(&format!("document.querySelector({}).scrollIntoView({{ block: 'center' }})", json!(selector)));
        let found = self.call("element", &json!({ "using": "css selector", "value": selector }));
        let id = found.as_object().and_then(|element| element.values().next()).and_then(Value::as_str);
        self.call(&format!("element/{}/click", id.expect("an element")), &json!({}));
    }

    /// Presses keys one after the other, wherever the focus is.
    pub(crate) fn press(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| {
            [
                json!({ "type": "keyDown", "value": key.to_string() }),
                json!({ "type": "keyUp", "value": key.to_string() }),
            ]
        });
        let strokes: Vec<Value> = strokes.collect();
        self.call("actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] }));
    }

    /// What the browser complained about since it was last asked: errors of scripts, breaches of the page's policy,
    /// pictures that could not be loaded.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.call("se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().expect("a log").iter();
        entries.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The addresses that the browser asked for since this was last called.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = self.call("se/log", &json!({ "type": "performance" }));
        let events = log.as_array().expect("a log").iter().map(|entry| {
            serde_json::from_str::<Value>(entry["message"].as_str().unwrap_or_default()).expect("an event")
        });
        events
            .filter(|event| event["message"]["method"] == "Network.requestWillBeSent")
            .map(|event| event["message"]["params"]["request"]["url"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// A command of the browser itself, beyond what WebDriver has.
    pub(crate) fn devtools(&self, method: &str, parameters: &Value) -> Value {
        self.call("goog/cdp/execute", &json!({ "cmd": method, "params": parameters }))
    }

    /// Where the browser saves files.
    pub(crate) fn downloads(&self) -> PathBuf {
        let folder = self.profile.path().join("downloads");
        let behaviour = json!({ "behavior": "allow", "downloadPath": folder });
        self.devtools("Browser.setDownloadBehavior", &behaviour);
        folder
    }

    /// Takes a picture of the window, if it can.
    fn picture(&self, path: &Path) {
        use base64::Engine;
        let parameters = json!({ "cmd": "Page.captureScreenshot", "params": { "format": "png" } });
        let Ok(taken) = self.try_call("goog/cdp/execute", &parameters) else { return };
        let bytes = base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().unwrap_or_default());
        let written = std::fs::write(path, bytes.unwrap_or_default());
        let _ = writeln!(std::io::stderr(), "what the browser showed: {} ({written:?})", path.display());
    }

    fn call(&self, command: &str, body: &Value) -> Value {
        self.try_call(command, body).unwrap_or_else(|error| panic!("{command} {body}: {error}"))
    }

    fn try_get(&self, what: &str) -> Option<Value> {
        let request = self.client.get(format!("{}/{what}", self.session)).timeout(PATIENCE);
        let answer = self.runtime.block_on(async { request.send().await?.bytes().await }).ok()?;
        let mut answer: Value = serde_json::from_slice(&answer).ok()?;
        Some(answer["value"].take())
    }

    fn try_call(&self, command: &str, body: &Value) -> Result<Value, String> {
        let request = self.client.post(format!("{}/{command}", self.session)).body(body.to_string()).timeout(PATIENCE);
        let answer = self.runtime.block_on(async { request.send().await?.bytes().await });
        let answer = answer.map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        if answer["value"]["error"].is_null() { Ok(answer["value"].take()) } else { Err(answer["value"].to_string()) }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What the browser showed when the test failed, for whoever has to find out why.
            let name = std::thread::current().name().unwrap_or("browser").replace("::", "-");
            self.picture(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.png")));
        }
        // Ending the session ends the browser; the driver by itself would leave it behind.
        let _ = self.runtime.block_on(async { self.client.delete(&self.session).timeout(PATIENCE).send().await });
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn capabilities(chromium: &Path, profile: &Path) -> Value {
    let mut arguments = vec![format!("--user-data-dir={}", profile.display())];
    let flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars \
                 --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage";
    // The page for new tabs would do a lot of its own.
    arguments.push("about:blank".to_owned());
    arguments.extend(flags.split_whitespace().map(str::to_owned));
    json!({ "capabilities": { "alwaysMatch": {
        "goog:chromeOptions": { "binary": chromium, "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
    } } })
}

/// It chooses a port for both kinds of addresses, which another one may take in that moment; then it ends at once.
const MOST_STARTS: u32 = 5;

/// Starts ChromeDriver on a port that it chooses.
fn start_driver(program: &Path) -> (Child, u16) {
    (0..MOST_STARTS).find_map(|_| try_start_driver(program)).expect("ChromeDriver says its port")
}

fn try_start_driver(program: &Path) -> Option<(Child, u16)> {
    let mut driver = Command::new(program)
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("ChromeDriver starts");
    let mut lines = BufReader::new(driver.stdout.take().expect("its output")).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    let Some(port) = port else {
        let _ = driver.kill();
        let _ = driver.wait();
        return None;
    };
    // What it says from here on is of no interest, and must not stop it either.
    std::thread::spawn(move || lines.for_each(drop));
    Some((driver, port))
}

/// A program on the path.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
