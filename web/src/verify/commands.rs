//! The commands of the page, filled with what one log needs. Each can be pasted as it stands.

use lianshi_registry::policy::{Policy, Quorum};

use crate::{registry::LogHead, shell::quote};

/// A program and how it is told to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Key of what it proves and what it does not: `verify-tool-<code>`.
    pub code: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Whether it comes from elsewhere.
    pub foreign: bool,
    /// What to type, line by line.
    pub commands: String,
}

/// The programs that judge a log served under `base`.
pub fn tools(base: &str, log: &LogHead, policy: Option<&Policy>) -> Vec<Tool> {
    let path = &log.path;
    let url = quote(&format!("{base}/log/{path}/"));
    let fetch = |what: &str| quote(&format!("{base}/verify/{path}/{what}"));
    let file = quote(&log.file());
    let fetch_key = format!("curl -fsS {} -o {file}.vkey", fetch("vkey"));
    let fetch_policy = format!("curl -fsS {} -o {file}.policy", fetch("policy"));
    let witnessed = policy.filter(|policy| !policy.witnesses().is_empty());
    let own = match witnessed {
        Some(_) => format!("{fetch_policy}\nlianshi log verify {url} --policy {file}.policy"),
        None => format!("lianshi log verify {url} --vkey {}", quote(&log.vkey.clone())),
    };
    let mut tools = vec![
        Tool { code: "lianshi", name: "lianshi log verify", foreign: false, commands: own },
        Tool {
            code: "fsck",
            name: "Tessera fsck",
            foreign: true,
            commands: format!(
                "go install github.com/transparency-dev/tessera/cmd/fsck@main\n{fetch_key}\n\
                 fsck --ui=false --storage_url {url} --public_key {file}.vkey"
            ),
        },
        Tool {
            code: "aics",
            name: "aics-tlog",
            foreign: true,
            commands: format!(
                "pip install aics-tlog==0.2.1\n{fetch_key}\n\
                 aics-tlog verify-checkpoint --tiles {url} --vkey-file {file}.vkey --origin {}{}",
                quote(&log.origin.to_string()),
                witnessed.map(witnesses).unwrap_or_default()
            ),
        },
    ];
    if witnessed.is_some() {
        tools.push(Tool {
            code: "torchwood",
            name: "torchwood",
            foreign: true,
            commands: format!(
                "{fetch_policy}\n(cd tests/outside/go && go build -o ../../../judge ./judge)\n\
                 ./judge log {file}.policy {url}"
            ),
        });
    }
    tools
}

/// The witnesses of a policy as options, and how many of them must have signed.
fn witnesses(policy: &Policy) -> String {
    let threshold = match policy.quorum() {
        Quorum::Group { threshold, .. } => *threshold,
        Quorum::None => 0,
        Quorum::Witness(_) => 1,
    };
    let mut options = format!(" --quorum {threshold}");
    for witness in policy.witnesses() {
        options.push_str(&format!(" \\\n  --witness-key {}", quote(&witness.key.to_string())));
    }
    options
}
