//! Why a node is not given copies.

use lianshi_registry::refusal::Refusal;

use super::RECIPIENTS_MAX;

/// Why a node is not given copies of a party's lines, or why that is not taken back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyRefusal {
    /// Nobody of that name is a member that letters are exchanged with.
    #[error("`{0}` is no active member of the federation")]
    NoMember(String),
    /// This node holds the lines themselves.
    #[error("this node holds the lines itself")]
    OwnNode,
    /// Enough nodes are given copies.
    #[error("{RECIPIENTS_MAX} nodes are given copies already")]
    Full,
    /// Nothing is sent there.
    #[error("`{0}` is given no copies")]
    NotNamed(String),
}

impl Refusal for CopyRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NoMember(_) => "copy.no_member",
            Self::OwnNode => "copy.own_node",
            Self::Full => "copy.full",
            Self::NotNamed(_) => "copy.not_named",
        }
    }
}
