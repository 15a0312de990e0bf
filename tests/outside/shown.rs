//! The commands a node's page shows to those who want to verify a log themselves, run as they
//! stand there.

use std::{
    path::Path,
    process::{Command, Output},
};

/// The page's commands for a program.
pub fn commands(page: &str, tool: &str) -> String {
    let begin = format!("data-tool=\"{tool}\">");
    let shown = page.split(&begin).nth(1).and_then(|rest| rest.split("</code>").next());
    let shown = shown.unwrap_or_else(|| panic!("no commands for {tool}: {page}"));
    plain(shown)
}

/// The text of an element by its id.
pub fn element(page: &str, id: &str) -> String {
    let begin = format!(" id=\"{id}\">");
    let shown = page.split(&begin).nth(1).and_then(|rest| rest.split("</code>").next());
    plain(shown.unwrap_or_else(|| panic!("no {id}: {page}")))
}

fn plain(html: &str) -> String {
    html.replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#38;", "&")
}

/// The page of a log at the node that serves it under `url`.
pub async fn page(url: &str) -> String {
    let page = url.replace("/log/", "/verify/");
    let answer = reqwest::get(page.trim_end_matches('/')).await.expect("an answer");
    answer.text().await.expect("text")
}

/// Pastes commands into a shell in an empty folder; programs are found in `programs` first.
/// Installing is left out: `tests/run` has done it.
pub fn paste(commands: &str, programs: &Path) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let installs = ["pip ", "go ", "(cd "];
    let lines = commands.lines().filter(|line| !installs.iter().any(|i| line.starts_with(i)));
    let script = lines.collect::<Vec<_>>().join("\n");
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new("sh")
        .args(["-euc", &script])
        .env("PATH", format!("{}:{path}", programs.display()))
        .current_dir(folder.path())
        .output()
        .expect("a shell")
}

/// Fails with what the programs said.
pub fn succeeded(output: &Output, what: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {said}");
}
