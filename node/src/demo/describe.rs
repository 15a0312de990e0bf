//! What a demo says about itself: `demo.json` for programs, a page of text for people.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ABOUT, Language, cast, language::padded};
use crate::folder::private;

/// `demo.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct About {
    /// The nodes.
    pub nodes: Vec<AboutNode>,
    /// Who can log in where.
    pub accounts: Vec<AboutAccount>,
    /// Products that answer, with a request to try.
    pub products: Vec<AboutProduct>,
    /// The enterprise's subscription.
    pub subscription: AboutSubscription,
}

/// A node.
#[derive(Debug, Serialize, Deserialize)]
pub struct AboutNode {
    /// Short name.
    pub name: String,
    /// Division code.
    pub division: String,
    /// Base URL of its pages.
    pub web: String,
    /// Base URL of its calls.
    pub gateway: String,
    /// Base URL of its operations port.
    pub ops: String,
    /// Data folder.
    pub data: String,
    /// Origin of its log.
    pub log_origin: String,
    /// Verifier key of its log (C2SP signed-note).
    pub log_vkey: String,
    /// Where its log is served.
    pub log_url: String,
}

/// An account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AboutAccount {
    /// The node.
    pub node: String,
    /// Name of the organization in Chinese.
    pub organization: String,
    /// The same in English; a demo of an earlier version did not write it.
    #[serde(default)]
    pub organization_en: String,
    /// The role.
    pub role: String,
    /// The login.
    pub user: String,
    /// The password.
    pub password: String,
    /// A token of the API.
    pub token: String,
}

/// A product that answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AboutProduct {
    /// The node that serves it.
    pub node: String,
    /// Its identifier, the registration number.
    pub id: String,
    /// Its registration number.
    pub number: String,
    /// Its name in Chinese.
    pub name: String,
    /// The operation to call.
    pub operation: String,
    /// A request it answers.
    pub example_request: Value,
}

/// The subscription.
#[derive(Debug, Serialize, Deserialize)]
pub struct AboutSubscription {
    /// Its id.
    pub id: String,
    /// Home node.
    pub home: String,
    /// Provider node.
    pub provider: String,
    /// The product's number.
    pub product: String,
    /// A key that works.
    pub key: String,
    /// Where to call.
    pub call_url: String,
}

/// Writes `demo.json` in one step, so that nobody reads half of it.
pub fn write(data: &Path, about: &About) -> anyhow::Result<()> {
    let part = data.join("demo.json.part");
    private::write(&part, serde_json::to_string_pretty(about)?)?;
    fs::rename(&part, data.join(ABOUT)).context("cannot write demo.json")
}

/// Prints what a visitor can do, in the visitor's language.
#[expect(clippy::print_stdout, reason = "printing is what a command line does")]
pub fn print(data: &Path, language: Language) -> anyhow::Result<()> {
    let text = fs::read_to_string(data.join(ABOUT)).context("cannot read demo.json")?;
    let about: About = serde_json::from_str(&text).context("demo.json is not valid")?;
    println!("{}", page(&about, data, language));
    Ok(())
}

/// Nodes, accounts and what to try, as text.
fn page(about: &About, data: &Path, language: Language) -> String {
    let say = |zh: String, en: String| language.pick(zh, en);
    let folder = data.display();
    let mut lines = vec![say(format!("联市演示 — {folder}"), format!("Lianshi demo — {folder}"))];
    lines.push(String::new());
    lines.extend(about.nodes.iter().map(|node| node_line(node, language)));
    lines.push(String::new());
    let password = about.accounts.first().map_or("", |account| account.password.as_str());
    lines.push(say(
        format!("账号（密码都是 {password}）"),
        format!("Accounts (the password is always {password})"),
    ));
    lines.extend(about.accounts.iter().map(|account| account_line(account, language)));
    lines.push(
        language
            .pick(
                "  演示节点不要求第二步验证，也不要求更改初始密码（node.toml 中为 second_factor = \
                 \"offered\"）；正式节点两者都要求。",
                "  Nobody is asked for a second step here, and everybody keeps the password they were \
                 given: the demo's node.toml says second_factor = \"offered\". A real node requires \
                 both.",
            )
            .to_owned(),
    );
    lines.push(String::new());
    let AboutSubscription { home, provider, .. } = &about.subscription;
    lines.push(language.pick("试一试", "Try").to_owned());
    lines.push(say(
        format!("  1. 打开 {home} 的首页，搜索“区划”，打开产品，以 buyer 登录。"),
        format!(
            "  1. Open the home page of {home}, search for \"division\", open the product, log in \
             as buyer."
        ),
    ));
    lines.push(language.pick("  2. 调用它：", "  2. Call it:").to_owned());
    lines.push(curl(about));
    lines.push(say(
        format!("  3. 在“我的订购”中查看这次调用；以 finance 登录 {provider}，为上一个整月结账。"),
        format!(
            "  3. See the call under My subscriptions; close the last full month at {provider} as \
             finance."
        ),
    ));
    lines.push(String::new());
    let file = data.join(ABOUT);
    let file = file.display();
    lines.push(say(
        format!("  供程序读取的全部内容：{file}"),
        format!("  All of this for programs: {file}"),
    ));
    lines.push(
        language
            .pick(
                "  按 Ctrl-C 停止全部节点，再次运行同一命令即可继续；加 --fresh 则重新开始。",
                "  Ctrl-C stops the nodes; the same command starts them again, --fresh a new demo.",
            )
            .to_owned(),
    );
    lines.join("\n")
}

fn node_line(node: &AboutNode, language: Language) -> String {
    let title = cast::node(&node.name).map_or("", |known| language.pick(known.zh, known.en));
    format!("  {:<8} {}   {}   {title}", node.name, node.division, node.web)
}

fn account_line(account: &AboutAccount, language: Language) -> String {
    let organization = match language {
        Language::En if !account.organization_en.is_empty() => &account.organization_en,
        _ => &account.organization,
    };
    let role = padded(language.role(&account.role), language.pick(11, 28));
    format!("  {:<8} {role} {:<14} {organization}", account.node, account.user)
}

fn curl(about: &About) -> String {
    let subscription = &about.subscription;
    let example = about.products.iter().find(|product| product.number == subscription.product);
    let request =
        example.map_or_else(|| "{}".to_owned(), |product| product.example_request.to_string());
    format!(
        "     curl -sX POST {} \\\n       -H 'Authorization: Bearer {}' \\\n       -H 'Content-Type: application/json' -d '{request}'",
        subscription.call_url, subscription.key
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        let text = |text: &str| text.to_owned();
        let number = "330212-P-2026-0000001-A";
        let node = AboutNode {
            name: text("haishu"),
            division: text("330203"),
            web: text("http://127.0.0.1:8820"),
            gateway: text("http://127.0.0.1:8820"),
            ops: text("http://127.0.0.1:8821"),
            data: text("lianshi-demo/haishu"),
            log_origin: text("ningbo.example/haishu/1"),
            log_vkey: text("v"),
            log_url: text("u"),
        };
        let account = AboutAccount {
            node: text("haishu"),
            organization: text("示范智运物流有限公司（演示）"),
            organization_en: text("Example Smart Logistics Ltd. (demo)"),
            role: text("buyer"),
            user: text("buyer"),
            password: text("lianshi-0123456789"),
            token: text("t"),
        };
        let product = AboutProduct {
            node: text("yinzhou"),
            id: text(number),
            number: text(number),
            name: text("行政区划代码核验"),
            operation: text("verify"),
            example_request: serde_json::json!({ "code": "330283" }),
        };
        let subscription = AboutSubscription {
            id: text("S-1"),
            home: text("haishu"),
            provider: text("yinzhou"),
            product: text(number),
            key: text("lk_1"),
            call_url: text("http://127.0.0.1:8810/call/x/verify"),
        };
        About { nodes: vec![node], accounts: vec![account], products: vec![product], subscription }
    }

    fn is_chinese(text: &str) -> bool {
        text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
    }

    #[test]
    fn every_line_is_in_the_callers_language() {
        let about = about();
        let en = page(&about, Path::new("lianshi-demo"), Language::En);
        assert!(!is_chinese(&en), "{en}");
        let zh = page(&about, Path::new("lianshi-demo"), Language::Zh);
        // What is typed or opened is the same in every language.
        let fixed = |line: &&str| line.trim().is_empty() || line.starts_with("     ");
        for line in zh.lines().filter(|line| !fixed(line)) {
            assert!(is_chinese(line), "{line}");
        }
        assert!(zh.contains("lianshi-0123456789") && en.contains("lianshi-0123456789"));
    }
}
