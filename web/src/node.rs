//! The page of one node: who it is, with which keys, what the root authorities said of it and
//! where, and every log it wrote, generation by generation.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use lianshi_registry::{
    checkpoint::vkey,
    entry::Admission,
    id::{NodeName, Origin},
    time::Timestamp,
};
use lianshi_store::{Fault, Read, forks, log, members, quorum};

use crate::{
    WebState,
    nodes::{Known, NodeRow},
    page::{Page, render},
    problem::Problem,
    registry::label::Label,
};

#[derive(Template)]
#[template(path = "node.html")]
struct NodePage {
    node: NodeRow,
    admission: Admission,
    /// The log that admitted it.
    admitted_by: String,
    keys: [(&'static str, String); 4],
    logs: Vec<LogRow>,
    history: Vec<Said>,
    page: Page,
}

/// A log the node wrote or writes.
struct LogRow {
    origin: Origin,
    path: String,
    /// The one its newest admission names.
    current: bool,
    vkey: String,
    size: u64,
    bytes: u64,
    reach: &'static str,
    since: Option<Timestamp>,
    fork: Option<forks::Known>,
}

/// An entry about the node.
struct Said {
    path: String,
    origin: Origin,
    index: u64,
    label: Label,
    /// From which index of the node's own log on it holds, where it says so.
    from_index: Option<u64>,
}

fn said(read: &mut Read<'_>, node: &NodeName) -> Result<Vec<Said>, Fault> {
    let mut history = Vec::new();
    for (origin, index) in members::history(read, node)? {
        let bytes = log::entry(read, &origin, index)?.unwrap_or_default();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        history.push(Said {
            path: format!("/registry/{}/{}/{index}", origin.node(), origin.generation()),
            from_index: value.pointer("/body/from_index").and_then(serde_json::Value::as_u64),
            label: Label::of(&bytes),
            origin,
            index,
        });
    }
    Ok(history)
}

fn written(known: &Known, node: &NodeName, current: &Origin) -> Vec<LogRow> {
    let mut rows: Vec<LogRow> = known
        .heads
        .iter()
        .filter(|head| head.origin.node() == node)
        .map(|head| {
            let settled = known.settled.iter().find(|settled| settled.origin == head.origin);
            let (reach, since) = quorum::reach(head, settled);
            let fork = known.forks.iter().find(|fork| fork.evidence.origin == head.origin);
            LogRow {
                path: format!("{node}/{}", head.origin.generation()),
                current: head.origin == *current,
                vkey: vkey(&head.origin, head.log_key).to_string(),
                size: head.size,
                bytes: head.bytes,
                reach: reach.as_str(),
                since,
                fork: fork.cloned(),
                origin: head.origin.clone(),
            }
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.origin.generation()));
    rows
}

/// `GET /node/{node}`
pub async fn show(
    page: Page,
    state: Data<WebState>,
    asked: Path<String>,
) -> Result<HttpResponse, Problem> {
    let name = NodeName::parse(&asked).map_err(|_| Problem::NotFound)?;
    let now = page.now;
    let wanted = name.clone();
    let (known, history) =
        state.read(move |read| Ok((Known::load(read, now)?, said(read, &wanted)?))).await?;
    let member = known.members.iter().find(|member| member.admission.node == name);
    let member = member.ok_or(Problem::NotFound)?.clone();
    let admission = member.admission.clone();
    render(&NodePage {
        node: known.row(&page, &member),
        keys: [
            ("log", admission.log_key.to_string()),
            ("witness", admission.witness_key.to_string()),
            ("seal", admission.seal_key.to_string()),
            ("identity", admission.identity_key.to_string()),
        ],
        logs: written(&known, &name, &admission.origin),
        admitted_by: member.admitted_by.to_string(),
        admission,
        history,
        page,
    })
}

impl NodePage {
    /// Bytes held of its current log.
    fn used(&self) -> u64 {
        self.logs.iter().find(|log| log.current).map_or(0, |log| log.bytes)
    }

    /// The page of an entry another log tells.
    #[expect(clippy::unused_self, reason = "templates call methods of their page")]
    fn told(&self, fork: &forks::Known) -> String {
        let by = &fork.told_by;
        format!("/registry/{}/{}/{}", by.node(), by.generation(), fork.told_index)
    }
}
