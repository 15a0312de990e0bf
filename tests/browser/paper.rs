//! Pages on a sheet of A4, as the browser lays them out for a printer: a table is a table there,
//! not the stack of labels it is on a phone, although a sheet less its margins is as narrow.

use browser::{Browser, Words};
use serde_json::{Value, json};
use support::demo::Demo;

/// A sheet of A4 less margins of 16 mm each, in CSS pixels.
const SHEET_PX: u32 = 673;

/// Answers with one line for each table that is laid out as something else, and how many there are.
const LOOK_OVER: &str = r#"
const done = arguments[arguments.length - 1];
const wrong = [];
const shape = (element) => element ? getComputedStyle(element).display : "absent";
const all = [...document.querySelectorAll("table")];
const tables = all.filter((table) => table.checkVisibility());
for (const table of tables) {
  const found = ["thead", "tr", "th", "td"].map((name) => shape(table.querySelector(name)));
  const wanted = ["table-header-group", "table-row", "table-cell", "table-cell"];
  if (shape(table) !== "table" || wanted.some((one, at) => found[at] !== one)) {
    wrong.push(`a table laid out as ${shape(table)}, ${found.join(", ")}`);
  }
  const label = table.querySelector("td[data-label]");
  if (label && getComputedStyle(label, "::before").content !== "none") wrong.push("labels in cells");
}
for (const name of [".nav", ".settings", ".foot", "button"]) {
  for (const element of document.querySelectorAll(name)) {
    if (element.checkVisibility()) wrong.push(`${name} is printed`);
  }
}
const root = document.documentElement;
if (root.scrollWidth > root.clientWidth) wrong.push(`wider than the sheet: ${root.scrollWidth}`);
done([tables.length, wrong]);
"#;

/// Everything wrong with pages on paper, each line with the page's address.
pub async fn judge(demo: &Demo, bill: &str) -> Vec<String> {
    let browser = Browser::start(SHEET_PX, 950).await;
    let home = demo.node("haishu", "web");
    let words = Words::read("zh-CN");
    let (user, password, _) = demo.account("haishu", "buyer");
    browser.open(&format!("{home}/login")).await;
    browser.fill(words.get("login-name"), &user).await;
    browser.fill(words.get("login-password"), &password).await;
    browser.press_in_main(words.get("sign-in")).await;
    browser.shows(words.get("sign-out")).await;
    let product = demo.subscription("product");
    let mut wrong = Vec::new();
    for care in ["off", "on"] {
        browser.keep_cookie("lianshi_care", care).await;
        for (path, tables) in [
            (format!("/bills/{bill}"), 1),
            ("/bills".to_owned(), 1),
            (format!("/products/{product}"), 3),
            (format!("/certificate/{product}"), 0),
            ("/federation".to_owned(), 1),
        ] {
            print_media(&browser, "").await;
            browser.open(&format!("{home}{path}")).await;
            print_media(&browser, "print").await;
            let found = browser.ask(LOOK_OVER).await;
            let count = found[0].as_u64().unwrap_or(0);
            if count < tables {
                wrong.push(format!("{path} on paper: {count} tables"));
            }
            let lines = found[1].as_array().map(Vec::as_slice).unwrap_or_default();
            let line = |line: &Value| format!("{path} on paper, care {care}: {line}");
            wrong.extend(lines.iter().map(line));
        }
    }
    browser.end().await;
    wrong
}

/// Has the browser lay pages out for a medium; the usual one when it is empty.
async fn print_media(browser: &Browser, media: &str) {
    let wanted = json!({ "media": media });
    let set = browser.driver.cdp().send_raw("Emulation.setEmulatedMedia", wanted).await;
    set.unwrap_or_else(|error| panic!("the medium {media}: {error}"));
}
