//! Which entries of a log count, and for which division: what the root authorities' logs say about
//! its node.

use diesel::prelude::*;
use lianshi_registry::{
    catalog::NodeStanding,
    id::{DivisionCode, Origin},
    member::{Member, MemberRefusal},
};

use crate::{
    db::{Read, Write},
    fault::Fault,
    forks, members,
    schema::{logs, node_state},
};

/// A log's right to speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Right {
    /// What its node's membership says.
    Member(Box<Member>),
    /// This node's own log before its admission arrived.
    Own(DivisionCode),
    /// Nobody admitted its node.
    None,
}

impl Right {
    /// The division for which the entry at an index counts, or why it does not.
    pub(crate) fn voice(
        &self,
        origin: &Origin,
        index: u64,
    ) -> Result<&DivisionCode, MemberRefusal> {
        match self {
            Self::Member(member) => member.voice(index),
            Self::Own(division) => Ok(division),
            Self::None => Err(MemberRefusal::Unknown(origin.node().clone())),
        }
    }

    /// The division its node speaks for, if it ever did.
    pub(crate) fn division(&self) -> Option<&DivisionCode> {
        match self {
            Self::Member(member) => Some(&member.admission.division),
            Self::Own(division) => Some(division),
            Self::None => None,
        }
    }

    /// Whether its node is in good standing now.
    fn is_active(&self) -> bool {
        match self {
            Self::Member(member) => member.may_write().is_ok(),
            Self::Own(_) => true,
            Self::None => false,
        }
    }
}

/// Whether the node that writes a log can be relied on.
pub(crate) fn standing(read: &mut Read<'_>, origin: &Origin) -> Result<NodeStanding, Fault> {
    if forks::is_forked(read, origin)? {
        return Ok(NodeStanding::Forked);
    }
    let is_active = load(read, origin)?.is_active();
    Ok(if is_active { NodeStanding::Active } else { NodeStanding::Inactive })
}

/// Name of the setting that holds this node's own division.
const OWN_DIVISION: &str = "own_division";

/// Remembers this node's own division, so that its own log can be folded before its admission
/// arrives. Peers fold nothing of it until then, and the admission folds it again.
pub(crate) fn remember_own_division(
    write: &mut Write<'_>,
    division: &DivisionCode,
) -> Result<(), Fault> {
    let updated = diesel::update(node_state::table.filter(node_state::name.eq(OWN_DIVISION)))
        .set(node_state::value.eq(division.as_str()))
        .execute(&mut **write)?;
    if updated == 0 {
        diesel::insert_into(node_state::table)
            .values((node_state::name.eq(OWN_DIVISION), node_state::value.eq(division.as_str())))
            .execute(&mut **write)?;
    }
    Ok(())
}

/// The right of a log.
pub(crate) fn load(read: &mut Read<'_>, origin: &Origin) -> Result<Right, Fault> {
    if let Some(member) = members::by_origin(read, origin)? {
        return Ok(Right::Member(Box::new(member)));
    }
    let own: Option<bool> = logs::table
        .filter(logs::origin.eq(origin.to_string()))
        .select(logs::own)
        .first(&mut **read)
        .optional()?;
    if own != Some(true) {
        return Ok(Right::None);
    }
    let division: Option<String> = node_state::table
        .filter(node_state::name.eq(OWN_DIVISION))
        .select(node_state::value)
        .first(&mut **read)
        .optional()?;
    let Some(division) = division else { return Ok(Right::None) };
    DivisionCode::parse(&division)
        .map(Right::Own)
        .map_err(|error| Fault::corrupt("node_state", error))
}
