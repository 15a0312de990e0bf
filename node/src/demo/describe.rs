//! What a demo says about itself: `demo.json` for programs, a page of text for people.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ABOUT;
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
    /// Name of the organization.
    pub organization: String,
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

/// Prints what a visitor can do.
#[expect(clippy::print_stdout, reason = "printing is what a command line does")]
pub fn print(data: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(data.join(ABOUT)).context("cannot read demo.json")?;
    let about: About = serde_json::from_str(&text).context("demo.json is not valid")?;
    println!("Lianshi demo 联市演示 — {}\n", data.display());
    for node in &about.nodes {
        println!("  {:<8} {}   {}", node.name, node.division, node.web);
    }
    println!("\nAccounts 账号 (password 密码: the same for all, {})", password(&about));
    for account in &about.accounts {
        println!(
            "  {:<8} {:<12} {:<18} {}",
            account.node, account.role, account.user, account.organization
        );
    }
    println!(
        "  Nobody is asked for a second step here, and everybody keeps the password they were given: \
         the demo's node.toml says second_factor = \"offered\". A real node requires both.\n  \
         演示节点不要求第二步验证，也不要求更改初始密码；正式节点两者都要求。"
    );
    println!("\nTry 试一试");
    println!(
        "  1. Open the home page of {}, search 区划, open the product, log in as buyer.",
        about.subscription.home
    );
    println!("  2. Call it:\n{}", curl(&about));
    println!(
        "  3. See the call under My subscriptions; close the last full month at {} as finance.",
        about.subscription.provider
    );
    println!("\n  All of this for programs: {}", data.join(ABOUT).display());
    println!("  Ctrl-C stops the nodes; the same command starts them again. --fresh begins anew.");
    Ok(())
}

fn password(about: &About) -> &str {
    about.accounts.first().map_or("", |account| account.password.as_str())
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
