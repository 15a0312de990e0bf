//! Quorums: whether the witnesses that cosigned are enough, and whether a quorum is one at all. Two
//! quorums that share an honest witness cannot believe two histories, because that witness has seen
//! only one.

use std::fmt;

use super::Witness;

/// Which sets of witnesses are enough. Every witness appears at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quorum {
    /// No witness is asked for.
    None,
    /// This witness, by its place in the policy.
    Witness(usize),
    /// At least `threshold` of the members.
    Group {
        /// How many.
        threshold: usize,
        /// Of these.
        members: Vec<Self>,
    },
}

/// Why a quorum cannot prevent a split view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitView {
    /// Witnesses of the policy.
    pub witnesses: usize,
    /// How many of them must cosign, where the quorum is a plain number of all; `None` where it is
    /// nested.
    pub needed: Option<usize>,
    /// The fewest witnesses two quorums share.
    pub shared: usize,
    /// Witnesses that may cosign whatever they are shown.
    pub dishonest: usize,
}

/// The smallest number of `witnesses` any two sets of which share more than `dishonest`: the least
/// k with 2k − n > f. `None` when even all of them are not enough.
pub fn smallest_quorum(witnesses: usize, dishonest: usize) -> Option<usize> {
    let k = witnesses.checked_add(dishonest)? / 2 + 1;
    (k <= witnesses).then_some(k)
}

impl Quorum {
    /// Whether the witnesses that `signed` are enough.
    pub fn is_met(&self, signed: &dyn Fn(usize) -> bool) -> bool {
        match self {
            Self::None => true,
            Self::Witness(place) => signed(*place),
            Self::Group { threshold, members } => {
                members.iter().filter(|member| member.is_met(signed)).count() >= *threshold
            }
        }
    }

    /// The fewest witnesses that two sets, each of which is enough, have in common.
    pub fn shared(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Witness(_) => 1,
            Self::Group { threshold, members } => {
                // Two choices of k among n members agree on at least 2k − n of them, and the
                // log that chooses will let them agree where that costs it least.
                let forced = (2 * threshold).saturating_sub(members.len());
                let mut costs: Vec<usize> = members.iter().map(Self::shared).collect();
                costs.sort_unstable();
                costs.into_iter().take(forced).sum()
            }
        }
    }

    /// Refuses a quorum two of which may share no more than `dishonest` witnesses.
    pub fn exclude_split_view(&self, witnesses: usize, dishonest: usize) -> Result<(), SplitView> {
        let shared = self.shared();
        if shared > dishonest {
            return Ok(());
        }
        let needed = match self {
            Self::None => Some(0),
            Self::Witness(_) if witnesses == 1 => Some(1),
            Self::Group { threshold, members } if members.len() == witnesses => {
                members.iter().all(|m| matches!(m, Self::Witness(_))).then_some(*threshold)
            }
            _ => None,
        };
        Err(SplitView { witnesses, needed, shared, dishonest })
    }

    /// What the quorum asks for, in the words of a policy file.
    pub fn describe(&self, witnesses: &[Witness]) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Witness(place) => {
                witnesses.get(*place).map(|w| w.name.clone()).unwrap_or_default()
            }
            Self::Group { threshold, members } => {
                let names: Vec<String> = members.iter().map(|m| m.describe(witnesses)).collect();
                format!("{threshold} of ({})", names.join(", "))
            }
        }
    }

    /// Writes the group lines and the quorum line.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, witnesses: &[Witness]) -> fmt::Result {
        let mut groups = 0;
        let name = self.write_groups(f, witnesses, &mut groups)?;
        writeln!(f, "quorum {name}")
    }

    /// Writes the group lines below and at this one; gives its name.
    fn write_groups(
        &self,
        f: &mut fmt::Formatter<'_>,
        witnesses: &[Witness],
        groups: &mut usize,
    ) -> Result<String, fmt::Error> {
        let Self::Group { threshold, members } = self else {
            return Ok(self.describe(witnesses));
        };
        let mut names = Vec::new();
        for member in members {
            names.push(member.write_groups(f, witnesses, groups)?);
        }
        *groups += 1;
        let mut name = format!("group-{groups}");
        while witnesses.iter().any(|witness| witness.name == name) {
            name.push('-');
        }
        writeln!(f, "group {name} {threshold} {}", names.join(" "))?;
        Ok(name)
    }
}

/// The arithmetic, and what would be enough.
impl fmt::Display for SplitView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { witnesses: n, needed, shared, dishonest } = self;
        match needed {
            Some(k) => {
                let left = i128::try_from(2 * k).unwrap_or(i128::MAX);
                let difference = left - i128::try_from(*n).unwrap_or(i128::MAX);
                write!(f, "2·{k} − {n} = {difference} is not above {dishonest}: ")?;
            }
            None => write!(f, "{shared} is not above {dishonest}: ")?,
        }
        write!(
            f,
            "two quorums may have only {shared} of {n} witnesses in common while {dishonest} may \
             be dishonest, so a log could show two histories; "
        )?;
        match smallest_quorum(*n, *dishonest) {
            Some(k) => write!(f, "at least {k} of the {n} must cosign"),
            None => write!(f, "at least {} witnesses are needed", dishonest + 1),
        }
    }
}
