//! What another node told after a restore and this one did not take, because it fits nothing that
//! is held here or could not be judged in time: listed until the node is asked once more or the
//! next recovery, so that a person sees what has not come back.

use diesel::prelude::*;
use lianshi_registry::{id::NodeName, text, time::Timestamp};

use crate::{
    Fault, Read, Site, Write,
    audit::{self, Act, Actor},
    dialect::insert_if_absent,
    schema::left_out,
};

/// How much is listed of a node, and read at once: more than a person reads through.
pub const LEFT_OUT_MAX: i64 = 1_000;

/// What is kept of a name that another node wrote: more than any number has.
const OBJECT_CHARS_MAX: usize = 100;

/// What was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// A statement.
    Statement,
    /// A division.
    Division,
    /// A usage report.
    Report,
}

impl Told {
    /// As stored: `statement`, `division`, `report`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Division => "division",
            Self::Report => "report",
        }
    }
}

/// Documents that were told and not taken, by what they are called, each with the code that says
/// why.
pub type NotTaken = Vec<(String, &'static str)>;

/// Something that was told and not taken.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct LeftOut {
    /// The node that told it.
    pub node: String,
    /// What it is: `statement`, `division`, `report`.
    pub kind: String,
    /// Its number, or the subscription of a report.
    pub object: String,
    /// Why: the code of a refusal.
    pub code: String,
    at: i64,
}

impl LeftOut {
    /// When.
    pub const fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.at)
    }
}

/// Writes down what a node told and this one does not take. What is there already stays.
pub fn leave_out(
    site: &Site,
    node: &NodeName,
    (told, documents): (Told, &NotTaken),
) -> Result<(), Fault> {
    if documents.is_empty() {
        return Ok(());
    }
    site.db.write(|write| {
        let of_node = left_out::table.filter(left_out::node.eq(node.as_str()));
        let listed: i64 = of_node.count().get_result(&mut **write)?;
        let room = usize::try_from(LEFT_OUT_MAX.saturating_sub(listed)).unwrap_or(0);
        documents
            .iter()
            .take(room)
            .try_for_each(|(object, code)| keep(write, site, node, (told, object, code)))
    })
}

fn keep(
    write: &mut Write<'_>,
    site: &Site,
    node: &NodeName,
    (told, object, code): (Told, &str, &'static str),
) -> Result<(), Fault> {
    // As the other node wrote it.
    let object: String = text::shown(object).chars().take(OBJECT_CHARS_MAX).collect();
    let row = (
        left_out::node.eq(node.as_str()),
        left_out::kind.eq(told.as_str()),
        left_out::object.eq(&object),
        left_out::code.eq(code),
        left_out::at.eq(site.now().millis()),
    );
    if !insert_if_absent!(write, left_out::table, row)? {
        return Ok(());
    }
    tracing::warn!(%node, kind = told.as_str(), object, code, "told after a restore, not taken");
    let named = format!("{node} {} {code}", told.as_str());
    let act = Act {
        at: site.now(),
        actor: &Actor::node(),
        action: "correspondence.left_out",
        object: &object,
        outcome: "left",
        before: "",
        after: &named,
    };
    audit::record(write, &act)
}

/// What is listed, by node, kind and name.
pub fn left(read: &mut Read<'_>) -> Result<Vec<LeftOut>, Fault> {
    Ok(left_out::table
        .order((left_out::node.asc(), left_out::kind.asc(), left_out::object.asc()))
        .limit(LEFT_OUT_MAX)
        .load(&mut **read)?)
}

/// A node is asked once more: what is not taken then is listed again.
pub(super) fn forget(write: &mut Write<'_>, node: &NodeName) -> Result<(), Fault> {
    let of_node = left_out::table.filter(left_out::node.eq(node.as_str()));
    diesel::delete(of_node).execute(&mut **write)?;
    Ok(())
}

/// A recovery is over: everything is asked for anew.
pub(super) fn begin_anew(write: &mut Write<'_>) -> Result<(), Fault> {
    diesel::delete(left_out::table).execute(&mut **write)?;
    Ok(())
}
