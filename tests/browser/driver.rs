//! Chromium through its own driver. Elements are found as people find them: by role and name.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use support::wait_for;
use thirtyfour::prelude::*;

/// Chromium's narrowest window in pixels.
const WINDOW_WIDTH_MIN: u32 = 500;

/// A browser that ends with the test.
pub struct Browser {
    /// The session.
    pub driver: WebDriver,
    chromedriver: Child,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The session ends with its driver.
        let _ = self.chromedriver.kill();
        let _ = self.chromedriver.wait();
    }
}

impl Browser {
    /// Starts Chromium without a window, at a width and height in pixels.
    pub async fn start(width: u32, height: u32) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let chromedriver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed; run tests/run");
        let profile = tempfile::tempdir().expect("a profile folder");
        let url = format!("http://127.0.0.1:{port}");
        wait_for("chromedriver", 20, || async {
            let status = reqwest::get(format!("{url}/status")).await.ok()?;
            status.status().is_success().then_some(())
        })
        .await;
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // Offices here read Chinese; English is chosen by hand.
            "--accept-lang=zh-CN",
            &format!("--window-size={width},{height}"),
            &format!("--user-data-dir={}", profile.path().display()),
        ] {
            capabilities.add_arg(argument).expect("an argument");
        }
        if width < WINDOW_WIDTH_MIN {
            // A window is never narrower than this; a screen is.
            let screen = serde_json::json!({
                "width": width, "height": height, "pixelRatio": 1.0, "touch": false
            });
            let emulation = serde_json::json!({ "deviceMetrics": screen });
            capabilities.add_experimental_option("mobileEmulation", emulation).expect("an option");
        }
        let driver = WebDriver::new(&url, capabilities).await.expect("a browser session");
        Self { driver, chromedriver, _profile: profile }
    }

    /// Ends the session before its driver: the library waits minutes for a driver that is gone.
    pub async fn end(self) {
        self.driver.clone().quit().await.expect("the session ends");
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.driver.goto(url).await.unwrap_or_else(|error| panic!("open {url}: {error}"));
    }

    /// Finds one element, waiting until it is there.
    async fn find(&self, what: &str, xpath: &str) -> WebElement {
        let asked = || async { self.driver.find(By::XPath(xpath)).await.ok() };
        let found = tokio::time::timeout(std::time::Duration::from_secs(10), async {
            loop {
                if let Some(element) = asked().await {
                    return element;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        });
        match found.await {
            Ok(element) => element,
            Err(tokio::time::error::Elapsed { .. }) => {
                panic!("no {what} on this page:\n{}", self.text().await)
            }
        }
    }

    /// Clicks the link whose text contains `name`.
    pub async fn follow(&self, name: &str) {
        let xpath = format!("//a[contains(normalize-space(.), '{name}')]");
        let link = self.find(&format!("link `{name}`"), &xpath).await;
        link.scroll_into_view().await.expect("in view");
        link.click().await.unwrap_or_else(|error| panic!("follow `{name}`: {error}"));
    }

    /// Presses the button whose text contains `name`.
    pub async fn press(&self, name: &str) {
        let seen = "not(ancestor-or-self::*[@hidden])";
        let xpath = format!("//button[contains(normalize-space(.), '{name}') and {seen}]");
        let button = self.find(&format!("button `{name}`"), &xpath).await;
        button.scroll_into_view().await.expect("in view");
        button.click().await.unwrap_or_else(|error| panic!("press `{name}`: {error}"));
    }

    /// Presses the button of the page's own content, not of its frame.
    pub async fn press_in_main(&self, name: &str) {
        let xpath = format!("//main//button[contains(normalize-space(.), '{name}')]");
        let button = self.find(&format!("button `{name}`"), &xpath).await;
        button.click().await.unwrap_or_else(|error| panic!("press `{name}`: {error}"));
    }

    /// Keeps a cookie for the site of the open page.
    pub async fn keep_cookie(&self, name: &str, value: &str) {
        let mut cookie = Cookie::new(name, value);
        cookie.set_path("/");
        self.driver.add_cookie(cookie).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Runs a script in the page; the page's own policy does not apply to it.
    pub async fn run(&self, script: &str) {
        let ran = self.driver.execute(script, Vec::new()).await;
        ran.unwrap_or_else(|error| panic!("a script: {error}"));
    }

    /// Runs a script that calls back with an answer.
    pub async fn ask(&self, script: &str) -> serde_json::Value {
        let asked = self.driver.execute_async(script, Vec::new()).await;
        asked.unwrap_or_else(|error| panic!("a script: {error}")).json().clone()
    }

    /// The field a label names, by `for` or by nesting.
    async fn field(&self, label: &str) -> WebElement {
        let tags = "self::input or self::select or self::textarea";
        let xpath = format!(
            "//*[({tags}) and (@id = //label[contains(normalize-space(.), '{label}')]/@for \
             or ancestor::label[contains(normalize-space(.), '{label}')] \
             or @aria-label = '{label}')]"
        );
        self.find(&format!("field `{label}`"), &xpath).await
    }

    /// Types into the field a label names.
    pub async fn fill(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field.clear().await.expect("cleared");
        field.send_keys(text).await.expect("typed");
    }

    /// Ticks the radio button or check box a label names.
    pub async fn choose(&self, label: &str) {
        let field = self.field(label).await;
        field.scroll_into_view().await.expect("in view");
        if !field.is_selected().await.expect("its state") {
            field.click().await.unwrap_or_else(|error| panic!("choose `{label}`: {error}"));
        }
    }

    /// All visible text of the page.
    pub async fn text(&self) -> String {
        match self.driver.find(By::Tag("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Waits until the page shows a text, loading it again until then.
    pub async fn reload_until(&self, text: &str, seconds: u64) {
        wait_for(&format!("`{text}` on the page"), seconds, || async {
            self.driver.refresh().await.ok()?;
            self.text().await.contains(text).then_some(())
        })
        .await;
    }

    /// Waits until the page has a link whose text contains `name`, loading it again until then.
    pub async fn reload_until_link(&self, name: &str, seconds: u64) {
        let xpath = format!("//a[contains(normalize-space(.), '{name}')]");
        wait_for(&format!("link `{name}`"), seconds, || async {
            self.driver.refresh().await.ok()?;
            self.driver.find(By::XPath(&xpath)).await.ok().map(drop)
        })
        .await;
    }

    /// Waits until the page shows a text; the browser may still be loading it.
    pub async fn shows(&self, text: &str) {
        let seen = || async { self.text().await.contains(text).then_some(()) };
        wait_for(&format!("`{text}` on the page"), 10, seen).await;
    }

    /// Text of the element with an id.
    pub async fn text_of(&self, id: &str) -> String {
        let element = self.find(&format!("element #{id}"), &format!("//*[@id='{id}']")).await;
        element.text().await.expect("its text")
    }
}

impl Browser {
    /// Amounts in fen of every table after a heading: its lines, and its total in the foot.
    pub async fn tables_after(&self, heading: &str) -> Vec<(Vec<i64>, i64)> {
        let xpath =
            format!("//h2[contains(normalize-space(.), '{heading}')]/following::table[tfoot]");
        let tables = self.driver.find_all(By::XPath(xpath)).await.expect("tables");
        let mut found = Vec::new();
        for table in tables {
            let lines = amounts(&table, "./tbody//td[contains(@class, 'money')]").await;
            let totals = amounts(&table, "./tfoot//td[contains(@class, 'money')]").await;
            found.push((lines, totals[0]));
        }
        found
    }
}

async fn amounts(table: &WebElement, xpath: &str) -> Vec<i64> {
    let mut amounts = Vec::new();
    for cell in table.find_all(By::XPath(xpath)).await.expect("cells") {
        let text = cell.text().await.expect("an amount");
        let digits: String = text.chars().filter(|c| c.is_ascii_digit() || *c == '-').collect();
        assert!(text.contains('.'), "`{text}` is printed to the fen");
        amounts.push(digits.parse().expect("whole fen"));
    }
    amounts
}
