//! Where a statement stands, as lists and pages tell it.

/// Where a statement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatementState {
    /// Sealed and sent; the other node has not answered yet.
    Issued,
    /// The home node answered that it is not what it derives; a person there decides.
    Questioned,
    /// A person at the home node declined it.
    Declined,
    /// The home node's program compared it with the plan it holds and countersigned it: both hold
    /// both seals. No person has looked at it for that.
    Checked,
    /// It differed from what the home node's program derived, and a person stood by it all the
    /// same.
    Accepted,
}

impl StatementState {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::Issued, Self::Questioned, Self::Declined, Self::Checked, Self::Accepted];

    /// As translated and told: `issued`, `questioned`, `declined`, `checked`, `accepted`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Questioned => "questioned",
            Self::Declined => "declined",
            Self::Checked => "checked",
            Self::Accepted => "accepted",
        }
    }

    /// Reads [`StatementState::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}
