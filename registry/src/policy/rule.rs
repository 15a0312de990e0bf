//! What a federation's charter says about witnesses, and what it comes to for a number of them.

use serde::{Deserialize, Serialize};

use super::{SplitView, smallest_quorum};
use crate::{id::NodeName, note::SIGNATURES_MAX};

/// Most cosignatures beside the log's own signature.
const COSIGNATURES_MAX: usize = SIGNATURES_MAX - 1;

/// How many members must cosign a checkpoint before it is settled. A log's own node never counts as
/// its witness: whoever shows two histories would cosign both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The members that witness; every active one when none is named. A federation of many names
    /// some: every witness is asked for every checkpoint of every log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<NodeName>,
    /// Witnesses that may cosign whatever they are shown; when not given, the third of them that
    /// any such system can bear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dishonest_max: Option<usize>,
    /// Cosignatures asked for; when not given, the fewest that prevent a split view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosignatures: Option<usize>,
}

/// Why a charter's rule settles nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleRefusal {
    /// It would believe two histories.
    #[error("{0}")]
    SplitView(SplitView),
    /// No checkpoint can carry that many.
    #[error(
        "{0} cosignatures would be needed, and a checkpoint carries at most {COSIGNATURES_MAX}: \
         name fewer witnesses in the charter's [quorum]"
    )]
    TooMany(usize),
    /// It asks for more cosignatures than there are witnesses.
    #[error(
        "the charter asks for {cosignatures} cosignatures, and there are {witnesses} witnesses"
    )]
    TooFew {
        /// Asked for.
        cosignatures: usize,
        /// There are.
        witnesses: usize,
    },
}

impl Rule {
    /// Whether nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a member may witness.
    pub fn names(&self, node: &NodeName) -> bool {
        self.witnesses.is_empty() || self.witnesses.contains(node)
    }

    /// Cosignatures that settle a checkpoint when this many members may witness it.
    pub fn quorum(&self, witnesses: usize) -> Result<usize, RuleRefusal> {
        let dishonest = self.dishonest_max.unwrap_or(witnesses.saturating_sub(1) / 3);
        let split = |needed: usize| {
            let shared = (2 * needed).saturating_sub(witnesses);
            RuleRefusal::SplitView(SplitView { witnesses, needed: Some(needed), shared, dishonest })
        };
        let needed = match self.cosignatures {
            Some(asked) => asked,
            None => smallest_quorum(witnesses, dishonest).ok_or_else(|| split(witnesses))?,
        };
        if (2 * needed).saturating_sub(witnesses) <= dishonest {
            return Err(split(needed));
        }
        if needed > COSIGNATURES_MAX {
            return Err(RuleRefusal::TooMany(needed));
        }
        if needed > witnesses {
            return Err(RuleRefusal::TooFew { cosignatures: needed, witnesses });
        }
        Ok(needed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_more_said_a_third_may_be_dishonest() {
        let rule = Rule::default();
        for (witnesses, needed) in [(1, 1), (2, 2), (3, 2), (4, 3), (7, 5), (10, 7), (13, 9)] {
            assert_eq!(rule.quorum(witnesses), Ok(needed), "{witnesses}");
        }
        assert!(matches!(rule.quorum(0), Err(RuleRefusal::SplitView(_))));
    }

    #[test]
    fn a_rule_that_allows_a_split_view_or_cannot_be_met_is_refused() {
        let rule = |dishonest, cosignatures| Rule {
            dishonest_max: Some(dishonest),
            cosignatures: Some(cosignatures),
            ..Rule::default()
        };
        assert_eq!(rule(1, 3).quorum(4), Ok(3));
        let refused = rule(1, 2).quorum(4).expect_err("split").to_string();
        assert!(refused.starts_with("2·2 − 4 = 0 is not above 1"), "{refused}");
        let few = RuleRefusal::TooFew { cosignatures: 5, witnesses: 4 };
        assert_eq!(rule(1, 5).quorum(4), Err(few));
        assert_eq!(Rule::default().quorum(149), Err(RuleRefusal::TooMany(100)));
        let lone = Rule { dishonest_max: Some(1), ..Rule::default() };
        assert!(lone.quorum(1).expect_err("split").to_string().contains("2 witnesses are needed"));
    }
}
