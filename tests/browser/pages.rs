//! Every page in the eyes of axe-core, and a few things it does not look at: light and dark, care
//! mode, both languages, wide and narrow. A page that breaks a rule of WCAG 2.2 A or AA, that
//! scrolls sideways, or that has not exactly one heading of the first level, is named.

use browser::{Browser, Words};
use serde_json::Value;
use support::demo::Demo;

use crate::paper;

/// How the pages are looked at.
struct Look {
    language: &'static str,
    /// Values of the three settings' cookies.
    settings: [(&'static str, &'static str); 3],
    width: u32,
}

const LOOKS: [Look; 3] = [
    Look {
        language: "zh-CN",
        settings: [("lang", "zh-CN"), ("theme", "light"), ("care", "off")],
        width: 1280,
    },
    Look {
        language: "en",
        settings: [("lang", "en"), ("theme", "dark"), ("care", "off")],
        width: 360,
    },
    Look {
        language: "zh-CN",
        settings: [("lang", "zh-CN"), ("theme", "light"), ("care", "on")],
        width: 360,
    },
];

/// Pages of everybody, at haishu.
const PUBLIC: [&str; 17] = [
    "/",
    "/catalog?q=%E5%8C%BA%E5%88%92",
    "/catalog?q=zzzz",
    "/products/{product}",
    "/certificate/{product}",
    "/federation",
    "/federation?sort=lag",
    "/node/yinzhou",
    "/registry/yinzhou/1",
    "/registry/yinzhou/1?kind=plan.published",
    "/registry/yinzhou/1?kind=nothing",
    "/registry/ningbo/1/0",
    "/registry/ningbo/1/999999",
    "/verify",
    "/verify/ningbo/1",
    "/login",
    "/nowhere",
];

/// Pages of people: node, role, pages. `{…}` is filled in from the demo.
const WORK: [(&str, &str, &[&str]); 6] = [
    (
        "haishu",
        "buyer",
        &[
            "/account",
            "/account/password",
            "/account/second-factor",
            "/subscriptions",
            "/subscriptions/{id}",
            "/subscriptions/{id}/keys",
            "/subscriptions/{id}/usage",
            "/subscriptions/{id}/end",
            "/bills",
            "/bills/{bill}",
            "/products/{product}/subscribe",
            "/products/{product}/subscribe/terms?plan=per-call",
            "/products/{product}/subscribe/terms?plan=per-call&months=99",
            "/users",
        ],
    ),
    (
        "yinzhou",
        "provider",
        &["/provider/requests", "/provider/subscriptions/{id}", "/provider/revenue"],
    ),
    ("yinzhou", "contributor", &["/contributor/lines"]),
    (
        "yinzhou",
        "finance",
        &["/finance/periods", "/finance/periods/{period}", "/finance/statements"],
    ),
    ("yinzhou", "regulator", &["/audit?verify=1"]),
    ("yinzhou", "node_admin", &["/users", "/users/provider"]),
];

/// A page with a mistake, to see that mistakes are found.
const NAMELESS: &str = "data:text/html,<title>x</title><h1>x</h1><a href='y'></a>";

/// Runs in the page and answers with one line for each thing that is wrong.
const LOOK_OVER: &str = r#"
const done = arguments[arguments.length - 1];
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];
axe.run(document, { runOnly: rules, resultTypes: ["violations"] }).then((found) => {
  const wrong = found.violations.map((v) => `${v.id} at ${v.nodes.map((n) => n.target).join(" ")}`);
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) wrong.push(`scrolls sideways to ${root.scrollWidth}`);
  const headings = document.querySelectorAll("h1").length;
  if (headings !== 1) wrong.push(`${headings} headings of the first level`);
  for (const table of document.querySelectorAll("table")) {
    if (!table.caption) wrong.push("a table without a caption");
  }
  const language = (node) => node.parentElement.closest("[lang]").lang;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const chinese = /\p{Script=Han}/u.test(text.data) && !text.parentElement.closest("option");
    if (chinese && !language(text).startsWith("zh")) wrong.push(`unmarked Chinese: ${text.data}`);
  }
  const parts = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const light = (color) => {
    const [r, g, b] = parts(color).slice(0, 3).map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((parts(color)[3] ?? 1) === 1) return color;
    }
    return "rgb(255, 255, 255)";
  };
  let rings = 0;
  const fields = "button, input:not([type=hidden]), select, textarea";
  const reached = `a[href], ${fields}, summary, [tabindex='0']`;
  for (const element of document.querySelectorAll(reached)) {
    if (!element.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true })) continue;
    element.focus({ focusVisible: true, preventScroll: true });
    if (document.activeElement !== element) continue;
    const { outlineStyle, outlineColor, outlineOffset } = getComputedStyle(element);
    const around = ground(parseFloat(outlineOffset) < 0 ? element : element.parentElement);
    const [a, b] = [light(outlineColor), light(around)].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    rings += 1;
    if (outlineStyle === "none" || contrast < 3) {
      wrong.push(`a ring of ${contrast.toFixed(1)} around ${element.outerHTML.slice(0, 80)}`);
    }
  }
  if (rings === 0) wrong.push("nothing can be reached by the keyboard");
  done(wrong);
}, (error) => done([String(error)]));
"#;

#[tokio::test]
async fn every_page_is_accessible_in_every_look() {
    let file = std::env::var("LIANSHI_TEST_AXE").expect("LIANSHI_TEST_AXE; run tests/run browser");
    let axe = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let demo = Demo::start().await;
    let bill = statement(&demo).await;
    let mut wrong = Vec::new();
    for look in &LOOKS {
        let browser = Browser::start(look.width, 900).await;
        browser.open(&format!("{}/", demo.node("haishu", "web"))).await;
        for (name, value) in look.settings {
            browser.keep_cookie(&format!("lianshi_{name}"), value).await;
        }
        let words = Words::read(look.language);
        let eyes = Eyes { browser: &browser, axe: &axe, demo: &demo, words: &words, bill: &bill };
        assert!(!eyes.judge(NAMELESS).await.is_empty(), "the judge is awake");
        let mut seen = Vec::new();
        for page in PUBLIC {
            seen.extend(eyes.look("haishu", page).await);
        }
        for (node, role, pages) in WORK {
            eyes.sign_in(node, role).await;
            for page in pages {
                seen.extend(eyes.look(node, page).await);
            }
            if role == "buyer" {
                seen.extend(eyes.look_at_check(node).await);
            }
        }
        browser.end().await;
        let [_, theme, care] = look.settings.map(|(_, value)| value);
        let view = format!("{} {theme} care {care} {}", look.language, look.width);
        wrong.extend(seen.iter().map(|line| format!("{view} {line}")));
    }
    wrong.extend(paper::judge(&demo, &bill.0).await);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A browser and what it judges by.
struct Eyes<'a> {
    browser: &'a Browser,
    axe: &'a str,
    demo: &'a Demo,
    words: &'a Words,
    /// A statement and its month.
    bill: &'a (String, String),
}

impl Eyes<'_> {
    async fn sign_in(&self, node: &str, role: &str) {
        let (user, password, _) = self.demo.account(node, role);
        self.browser.open(&format!("{}/login", self.demo.node(node, "web"))).await;
        self.browser.fill(self.words.get("login-name"), &user).await;
        self.browser.fill(self.words.get("login-password"), &password).await;
        self.browser.press_in_main(self.words.get("sign-in")).await;
        self.browser.shows(self.words.get("sign-out")).await;
    }

    /// Everything wrong with one page, each line with the page's address.
    async fn look(&self, node: &str, page: &str) -> Vec<String> {
        let path = page
            .replace("{product}", &self.demo.subscription("product"))
            .replace("{id}", &self.demo.subscription("id"))
            .replace("{bill}", &self.bill.0)
            .replace("{period}", &self.bill.1);
        let found = self.judge(&format!("{}{path}", self.demo.node(node, "web"))).await;
        found.iter().map(|line| format!("{path}: {line}")).collect()
    }

    /// What axe-core and the rest find at an address.
    async fn judge(&self, url: &str) -> Vec<Value> {
        self.browser.open(url).await;
        self.judge_shown(url).await
    }

    /// The same of the page that is shown.
    async fn judge_shown(&self, what: &str) -> Vec<Value> {
        self.browser.run(self.axe).await;
        let found = self.browser.ask(LOOK_OVER).await;
        found.as_array().unwrap_or_else(|| panic!("{what}: {found}")).clone()
    }

    /// The last step of a request, which has no address of its own: with a mistake, then without.
    async fn look_at_check(&self, node: &str) -> Vec<String> {
        let product = self.demo.subscription("product");
        let terms = format!("/products/{product}/subscribe/terms?plan=per-call");
        self.browser.open(&format!("{}{terms}", self.demo.node(node, "web"))).await;
        let mut wrong = Vec::new();
        for (months, shows) in [("99", "error-summary"), ("6", "subscribe-check-title")] {
            self.browser.fill(self.words.get("subscribe-note"), "x").await;
            self.browser.fill(self.words.get("subscribe-months"), months).await;
            self.browser.press_in_main(self.words.get("continue")).await;
            self.browser.shows(self.words.get(shows)).await;
            let found = self.judge_shown(shows).await;
            wrong.extend(found.iter().map(|line| format!("{shows}: {line}")));
        }
        wrong
    }
}

/// Number and month of a statement the demo's past left.
async fn statement(demo: &Demo) -> (String, String) {
    let (_, _, token) = demo.account("yinzhou", "finance");
    let url = format!("{}/api/v1/statements", demo.node("yinzhou", "web"));
    let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await;
    let list: Value = answer.expect("an answer").json().await.expect("JSON");
    let text = |field: &str| list["items"][0][field].as_str().map(str::to_owned);
    let found = text("number").zip(text("period"));
    found.unwrap_or_else(|| panic!("no statement: {list}"))
}
