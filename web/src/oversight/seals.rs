//! What a check of the trail found, in words: the chain, the seals of the public log, and what they
//! contradict.

use lianshi_registry::id::Origin;
use lianshi_store::audit::{LogVerdict, Loss, Report, Seal, SealRefusal, Verdict};

use crate::{page::Page, text::Value};

/// A notice about the trail.
#[derive(Debug, Clone)]
pub struct Told {
    /// Whether nothing contradicts it.
    pub whole: bool,
    /// What is to be said, the most important first.
    pub lines: Vec<String>,
    /// Hash of the newest row, in hexadecimal, of a chain that is whole.
    pub head: Option<String>,
    /// The page of the entry it is about.
    pub entry: Option<String>,
}

/// Everything a check found.
pub fn tell(page: &Page, origin: &Origin, report: &Report) -> Told {
    let mut lines = Vec::new();
    let mut head = None;
    match &report.chain {
        Verdict::Whole { rows, head: hash } => {
            lines.push(page.tn("audit-whole", rows));
            head = Some(hex::encode(hash));
        }
        Verdict::Broken { seq } => lines.push(page.tn("audit-broken", seq)),
    }
    if let Some(seal) = &report.contradicted {
        lines.insert(0, contradicted(page, seal));
    }
    match report.log {
        LogVerdict::Signed => {}
        LogVerdict::Altered => lines.insert(0, page.t("audit-log-altered")),
        LogVerdict::Short { signed, held } => {
            lines.insert(0, page.t2("audit-log-short", &("signed", signed), &("held", held)));
        }
    }
    match &report.newest {
        None => lines.push(page.t("audit-seals-none")),
        Some(seal) => {
            lines.push(page.tn("audit-seals", report.seals));
            lines.push(newest(page, seal, report.unsealed()));
        }
    }
    lines.extend(report.losses.iter().map(|loss| lost(page, loss)));
    let about = report.contradicted.as_ref().or(report.newest.as_ref());
    Told { whole: report.is_whole(), lines, head, entry: about.map(|seal| address(origin, seal)) }
}

/// What is found without being asked: the newest seal does not fit.
pub fn alarm(page: &Page, origin: &Origin, refusal: &SealRefusal) -> Told {
    let SealRefusal::Contradicted { seal, .. } = refusal;
    Told {
        whole: false,
        lines: vec![contradicted(page, seal)],
        head: None,
        entry: Some(address(origin, seal)),
    }
}

fn address(origin: &Origin, seal: &Seal) -> String {
    format!("/registry/{}/{}/{}", origin.node(), origin.generation(), seal.index)
}

fn contradicted(page: &Page, seal: &Seal) -> String {
    page.lang.text("audit-seal-contradicted", &values(page, seal))
}

fn newest(page: &Page, seal: &Seal, unsealed: i64) -> String {
    let mut values = values(page, seal).to_vec();
    values.push(("unsealed", Value::Number(unsealed)));
    page.lang.text("audit-seal-newest", &values)
}

/// Numbers of entries are names, not quantities: printed without separators.
fn values(page: &Page, seal: &Seal) -> [(&'static str, Value); 3] {
    [
        ("index", Value::Text(seal.index.to_string())),
        ("at", Value::Text(page.time(&seal.at))),
        ("rows", Value::Number(seal.rows)),
    ]
}

fn lost(page: &Page, loss: &Loss) -> String {
    let values = [
        ("from", Value::Number(loss.from)),
        ("to", Value::Number(loss.to)),
        ("index", Value::Text(loss.index.to_string())),
    ];
    page.lang.text("audit-loss", &values)
}
