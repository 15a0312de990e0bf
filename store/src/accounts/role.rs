//! What a person may do, as a closed list. Which pages and calls a role opens is written in one
//! table in `web`.

use std::fmt;

/// A role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Runs the node: organizations, all users, the audit trail.
    NodeAdmin,
    /// Looks after the users of one organization.
    OrgAdmin,
    /// Subscribes, makes keys, reads usage and bills.
    Buyer,
    /// Decides requests for the products of its organization.
    Provider,
    /// Reviews applications.
    Reviewer,
    /// Closes periods and reads all statements of the node.
    Finance,
    /// Reads what its organization is paid.
    Contributor,
    /// Reads the audit trail, changes nothing.
    Regulator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 8] = [
        Self::NodeAdmin,
        Self::OrgAdmin,
        Self::Buyer,
        Self::Provider,
        Self::Reviewer,
        Self::Finance,
        Self::Contributor,
        Self::Regulator,
    ];

    /// The name in the database, on the command line and in text keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NodeAdmin => "node_admin",
            Self::OrgAdmin => "org_admin",
            Self::Buyer => "buyer",
            Self::Provider => "provider",
            Self::Reviewer => "reviewer",
            Self::Finance => "finance",
            Self::Contributor => "contributor",
            Self::Regulator => "regulator",
        }
    }

    /// Whether an organization's own administrator may give it; the others concern the whole node.
    pub const fn is_of_an_organization(self) -> bool {
        match self {
            Self::OrgAdmin | Self::Buyer | Self::Provider | Self::Contributor => true,
            Self::NodeAdmin | Self::Reviewer | Self::Finance | Self::Regulator => false,
        }
    }

    /// Whether whoever has it signs in with a second step: the roles that move money or hand out
    /// access. A buyer or a provider binds one organization under a contract both sides keep; these
    /// change what everybody else may do or is paid.
    pub const fn needs_second_factor(self) -> bool {
        match self {
            Self::NodeAdmin | Self::OrgAdmin | Self::Finance => true,
            Self::Buyer | Self::Provider | Self::Reviewer | Self::Contributor | Self::Regulator => {
                false
            }
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
