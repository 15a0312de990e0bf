//! From haishu's home page to the bill: search, subscribe, approve, make a key, call with curl, see
//! the call, close the month, see the split sum to the fen and the bill at home. Once in each
//! language, at two widths.

use browser::{Browser, Words};
use serde_json::Value;
use support::{demo::Demo, wait_for};

/// What differs between the two walks.
struct Walk {
    language: &'static str,
    /// Name of the button that switches to it; the pages begin in Chinese.
    switch: Option<&'static str>,
    product: &'static str,
    plan: &'static str,
    width: u32,
    /// The last full month is closed in the first walk and looked at in the second.
    closes: bool,
}

const WALKS: [Walk; 2] = [
    Walk {
        language: "zh-CN",
        switch: None,
        product: "行政区划代码核验",
        plan: "按次计费",
        width: 1280,
        closes: true,
    },
    Walk {
        language: "en",
        switch: Some("English"),
        product: "Division code verification",
        plan: "Per call",
        width: 420,
        closes: false,
    },
];

#[tokio::test]
async fn an_enterprise_subscribes_calls_and_is_billed_in_both_languages() {
    let demo = Demo::start().await;
    for walk in &WALKS {
        let words = Words::read(walk.language);
        let office = Browser::start(walk.width, 1000).await;
        let buyer = Browser::start(walk.width, 1000).await;
        let stage = Stage { demo: &demo, walk, words: &words };
        let id = stage.subscribe(&buyer).await;
        stage.approve(&office, &id).await;
        stage.make_key_and_call(&buyer, &id).await;
        let period = stage.close(&office).await;
        stage.see_the_bill(&buyer, &period).await;
        office.end().await;
        buyer.end().await;
    }
}

struct Stage<'a> {
    demo: &'a Demo,
    walk: &'a Walk,
    words: &'a Words,
}

impl Stage<'_> {
    fn word(&self, key: &str) -> &str {
        self.words.get(key)
    }

    async fn speak(&self, browser: &Browser) {
        if let Some(switch) = self.walk.switch {
            browser.press(switch).await;
        }
    }

    async fn sign_in(&self, browser: &Browser, node: &str, role: &str) {
        let (user, password, _) = self.demo.account(node, role);
        browser.fill(self.word("login-name"), &user).await;
        browser.fill(self.word("login-password"), &password).await;
        browser.press_in_main(self.word("sign-in")).await;
        browser.shows(self.word("sign-out")).await;
    }

    /// From the home page to a sent request; returns its id.
    async fn subscribe(&self, buyer: &Browser) -> String {
        buyer.open(&format!("{}/", self.demo.node("haishu", "web"))).await;
        self.speak(buyer).await;
        buyer.fill(self.word("catalog-search-label"), "区划").await;
        buyer.press(self.word("catalog-search")).await;
        buyer.follow(self.walk.product).await;
        buyer.shows("330212-P-").await;
        buyer.follow(self.word("order")).await;
        self.sign_in(buyer, "haishu", "buyer").await;
        buyer.choose(self.walk.plan).await;
        buyer.press(self.word("continue")).await;
        buyer.fill(self.word("subscribe-note"), "核对收货地址 check delivery addresses").await;
        buyer.fill(self.word("subscribe-months"), "6").await;
        // The enterprise of the demo has a subscription to it already.
        buyer.fill(self.word("subscribe-second"), "另一部门 another department").await;
        buyer.press(self.word("continue")).await;
        buyer.shows(self.word("subscribe-check-title")).await;
        buyer.press(self.word("subscribe-send")).await;
        buyer.shows(self.word("requested-title")).await;
        let shown = buyer.text().await;
        let id = shown.split_whitespace().find(|word| word.starts_with("S-") && word.len() == 28);
        id.unwrap_or_else(|| panic!("no subscription number on the page:\n{shown}")).to_owned()
    }

    /// The provider agrees.
    async fn approve(&self, office: &Browser, id: &str) {
        let url = format!("{}/login", self.demo.node("yinzhou", "web"));
        office.open(&url).await;
        self.speak(office).await;
        self.sign_in(office, "yinzhou", "provider").await;
        office.open(&format!("{}/provider/requests", self.demo.node("yinzhou", "web"))).await;
        office.reload_until("示范智运物流", 20).await;
        office
            .open(&format!("{}/provider/subscriptions/{id}", self.demo.node("yinzhou", "web")))
            .await;
        office.press(self.word("decide-agree")).await;
    }

    /// The enterprise makes a key, calls with the command the page shows, and sees the call.
    async fn make_key_and_call(&self, buyer: &Browser, id: &str) {
        let home = self.demo.node("haishu", "web");
        buyer.open(&format!("{home}/subscriptions/{id}")).await;
        buyer.reload_until_link(self.word("keys-title"), 20).await;
        buyer.follow(self.word("keys-title")).await;
        buyer.fill(self.word("key-name"), "test").await;
        buyer.press(self.word("keys-make")).await;
        let key = buyer.text_of("key").await;
        let product = self.demo.subscription("product");
        let request = self.demo.example_request(&product);
        let url = self.demo.subscription("call_url");
        let answer =
            wait_for("an answer to curl", 20, || std::future::ready(call(&url, &key, &request)))
                .await;
        assert_eq!(answer["data"]["successor"], "330213", "{answer}");

        buyer.open(&format!("{home}/subscriptions/{id}/usage")).await;
        buyer.reload_until(&format!("1 {}", self.word("usage-total")), 20).await;
    }

    /// Finance closes the last full month; the split lines sum to what was divided.
    async fn close(&self, office: &Browser) -> String {
        let yinzhou = self.demo.node("yinzhou", "web");
        office.press(self.word("sign-out")).await;
        // It leads home; going on before would be overtaken by it.
        office.shows(self.word("home-title")).await;
        office.open(&format!("{yinzhou}/login")).await;
        self.sign_in(office, "yinzhou", "finance").await;
        office.open(&format!("{yinzhou}/finance/periods")).await;
        if self.walk.closes {
            office.follow(self.word("close-link")).await;
            let shown = office.text_of("close").await;
            office.press(&shown).await;
            office.shows(self.word("closed-hash")).await;
        }
        office.open(&format!("{yinzhou}/finance/periods")).await;
        office.shows(self.word("period-state-closed")).await;
        let period = last_full_month(&office.text().await);
        office.open(&format!("{yinzhou}/finance/periods/{period}")).await;
        office.shows(self.word("splits-title")).await;
        let divided = office.tables_after(self.word("splits-title")).await;
        assert!(!divided.is_empty(), "a product with revenue is divided");
        for (lines, total) in divided {
            assert_eq!(lines.iter().sum::<i64>(), total, "the lines sum to the fen");
            assert!(lines.len() >= 3, "{lines:?}");
        }
        period
    }

    /// The bill of the month is at home.
    async fn see_the_bill(&self, buyer: &Browser, period: &str) {
        let home = self.demo.node("haishu", "web");
        buyer.open(&format!("{home}/bills?period={period}")).await;
        buyer.reload_until(self.walk.product, 20).await;
        buyer.shows("ST-").await;
    }
}

/// Calls with curl, as the page says; nothing until the key is known at the provider.
fn call(url: &str, key: &str, request: &Value) -> Option<Value> {
    let output = std::process::Command::new("curl")
        .args(["-sS", "-X", "POST", url, "-H", &format!("Authorization: Bearer {key}")])
        .args(["-H", "Content-Type: application/json", "-d", &request.to_string()])
        .output()
        .expect("curl is installed");
    let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
    answer.get("data").is_some().then_some(answer)
}

/// The newest closed period on the periods page: the second line with a month, after the running
/// one.
fn last_full_month(shown: &str) -> String {
    let months: Vec<&str> = shown
        .split_whitespace()
        .filter(|word| word.len() == 7 && word.starts_with("20") && word.get(4..5) == Some("-"))
        .collect();
    (*months.get(1).unwrap_or_else(|| panic!("no two months in:\n{shown}"))).to_owned()
}
