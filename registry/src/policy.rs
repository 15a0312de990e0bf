//! Trust policies, exactly as C2SP tlog-policy says: which logs count, which witnesses, and how
//! many of them must have cosigned a checkpoint before it is believed. One policy file is all that
//! an outsider needs to judge a log, a replica or a certificate.

mod federation;
mod file;
mod quorum;
mod rule;

use std::fmt;

use crate::{
    checkpoint::{Body, CheckpointError},
    cosignature,
    note::{Note, NoteError, NoteKeyError, VerifierKey},
    refusal::Refusal,
};

pub use quorum::{Quorum, SplitView, smallest_quorum};
pub use rule::{Rule, RuleRefusal};

/// Largest policy file: the specification asks for 32 logs, witnesses and groups; this holds
/// hundreds.
pub const POLICY_BYTES_MAX: usize = 256 * 1024;
/// Most logs, witnesses and groups together.
pub const DEFINITIONS_MAX: usize = 1024;

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    quorum: Quorum,
}

/// A log whose checkpoints count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its key, whose name is the log's origin.
    pub key: VerifierKey,
    /// Where it is served.
    pub url: Option<String>,
}

/// A witness whose cosignatures count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// What the policy calls it.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// Where it takes checkpoints.
    pub url: Option<String>,
}

/// Why a line of a policy file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Control characters, or no line feed at its end.
    #[error("it is not plain text, or the file is cut off")]
    NotText,
    /// Another first word.
    #[error("it begins with none of log, witness, group, quorum")]
    Keyword,
    /// Too few or too many words.
    #[error("it has too few or too many words")]
    Words,
    /// The key is refused.
    #[error("its key is refused: {0}")]
    Key(NoteKeyError),
    /// The key's type is not that of a log or of a witness.
    #[error("the type of its key does not fit its role")]
    KeyType,
    /// Two logs or two witnesses have one key.
    #[error("its key appears twice")]
    KeyTwice,
    /// Two definitions have one name, or `none` is defined.
    #[error("the name `{0}` is taken")]
    NameTaken(String),
    /// A name that no earlier line defines.
    #[error("no earlier line defines `{0}`")]
    UnknownName(String),
    /// A name that is a member of two groups, or twice of one.
    #[error("`{0}` is a group member already")]
    MemberTwice(String),
    /// The threshold is not `any`, `all` or a number of 1 to the members.
    #[error("its threshold is not any, all, or 1 to {0}")]
    Threshold(usize),
    /// A second quorum line.
    #[error("there is a quorum line already")]
    QuorumTwice,
    /// More definitions than [`DEFINITIONS_MAX`].
    #[error("more than {DEFINITIONS_MAX} definitions")]
    TooMany,
}

/// Why a policy, or a checkpoint under it, was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefusal {
    /// Larger than [`POLICY_BYTES_MAX`].
    #[error("the policy has {0} bytes, at most {POLICY_BYTES_MAX} are accepted")]
    TooLarge(usize),
    /// A line is wrong.
    #[error("line {line} of the policy: {error}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        error: LineError,
    },
    /// No quorum line.
    #[error("the policy has no quorum line")]
    NoQuorum,
    /// Its quorum lets a log show two histories.
    #[error("{0}")]
    SplitView(SplitView),
    /// Not a signed note of keys the policy knows.
    #[error("the checkpoint's signatures are refused: {0}")]
    Note(NoteError),
    /// Not a checkpoint.
    #[error("{0}")]
    Checkpoint(CheckpointError),
    /// No log of the policy signed the checkpoint under its own name.
    #[error("no log of the policy signed the checkpoint of `{0}`")]
    LogUnknown(String),
    /// Too few witnesses cosigned.
    #[error(
        "{signed} of {witnesses} witnesses cosigned the checkpoint; the quorum asks for {asks}"
    )]
    QuorumMissed {
        /// How many of the policy's witnesses did.
        signed: usize,
        /// How many the policy knows.
        witnesses: usize,
        /// What the quorum asks for.
        asks: String,
    },
}

impl Refusal for PolicyRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "policy.too_large",
            Self::Line { .. } => "policy.line_malformed",
            Self::NoQuorum => "policy.quorum_missing",
            Self::SplitView(_) => "policy.split_view_possible",
            Self::Note(_) => "policy.signature_refused",
            Self::Checkpoint(_) => "policy.checkpoint_malformed",
            Self::LogUnknown(_) => "policy.log_unknown",
            Self::QuorumMissed { .. } => "policy.quorum_missed",
        }
    }
}

/// A checkpoint that a policy accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// What it tells.
    pub body: Body,
    /// The witnesses of the policy that cosigned it, with the seconds since 1970 each of them
    /// stated.
    pub witnesses: Vec<(String, u64)>,
    /// Whether the policy asked for witnesses at all.
    pub settled: bool,
    /// The fewest witnesses two quorums of the policy share: fewer than these may be dishonest.
    pub shared: usize,
    /// The checkpoint with the signatures of the log and of witnesses of the policy, one each, and
    /// no other: what is kept and passed on.
    pub note: String,
}

impl Vouched {
    /// The last moment, in seconds since 1970, that no dishonest minority of the witnesses chose:
    /// where `f` of them may state any time, the one that `f` others state as late or later.
    /// `None` without witnesses.
    pub fn seconds(&self) -> Option<u64> {
        let mut stated: Vec<u64> = self.witnesses.iter().map(|(_, seconds)| *seconds).collect();
        stated.sort_unstable_by(|a, b| b.cmp(a));
        let place = self.shared.saturating_sub(1).min(stated.len().checked_sub(1)?);
        stated.get(place).copied()
    }
}

impl Policy {
    /// A policy for one log: `k` of the witnesses must have cosigned; `None` asks for none.
    /// Refused when two logs or witnesses share a key or name, or `k` is not 1 to their number.
    pub fn new(log: Log, witnesses: Vec<Witness>, k: Option<usize>) -> Result<Self, PolicyRefusal> {
        let all = (0..witnesses.len()).map(Quorum::Witness).collect();
        let quorum = k.map_or(Quorum::None, |threshold| Quorum::Group { threshold, members: all });
        let policy = Self { logs: vec![log], witnesses, quorum };
        // What prints must parse: one set of rules for both ways of making a policy.
        Self::parse(policy.to_string().as_bytes())
    }

    /// The same witnesses and quorum for one log alone.
    #[must_use]
    pub fn only(self, key: VerifierKey) -> Self {
        Self { logs: vec![Log { key, url: None }], ..self }
    }

    /// A policy that believes one log's signature alone.
    pub fn of_log(key: VerifierKey) -> Self {
        let logs = vec![Log { key, url: None }];
        Self { logs, witnesses: Vec::new(), quorum: Quorum::None }
    }

    /// The logs.
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// The witnesses.
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// The quorum.
    pub fn quorum(&self) -> &Quorum {
        &self.quorum
    }

    /// Refuses a quorum that cannot prevent a split view when up to `dishonest` witnesses cosign
    /// whatever they are shown: any two quorums must share more witnesses than that.
    pub fn exclude_split_view(&self, dishonest: usize) -> Result<(), PolicyRefusal> {
        self.quorum
            .exclude_split_view(self.witnesses.len(), dishonest)
            .map_err(PolicyRefusal::SplitView)
    }

    /// Opens a note as a checkpoint signed by a log of the policy and cosigned by its quorum.
    /// Signatures of unknown keys are ignored; one of a known key that does not fit refuses the
    /// note.
    pub fn open(&self, note: &[u8]) -> Result<Vouched, PolicyRefusal> {
        let note = Note::parse(note).map_err(PolicyRefusal::Note)?;
        let logs = self.logs.iter().map(|log| log.key.clone());
        let witnesses = self.witnesses.iter().map(|witness| witness.key.clone());
        let keys: Vec<VerifierKey> = logs.chain(witnesses).collect();
        let verified = note.verify(&keys).map_err(PolicyRefusal::Note)?;
        let body = Body::parse(&note.text).map_err(PolicyRefusal::Checkpoint)?;
        let of_log = |place: usize| self.logs.get(place).is_some_and(|log| log.names(&body));
        if !verified.iter().any(|(place, _)| of_log(*place)) {
            return Err(PolicyRefusal::LogUnknown(body.origin));
        }
        let cosigned: Vec<(usize, u64)> = verified
            .iter()
            .filter_map(|(place, signature)| {
                let witness = place.checked_sub(self.logs.len())?;
                Some((witness, cosignature::seconds(&signature.bytes)?))
            })
            .collect();
        if !self.quorum.is_met(&|witness| cosigned.iter().any(|(place, _)| *place == witness)) {
            return Err(PolicyRefusal::QuorumMissed {
                signed: cosigned.len(),
                witnesses: self.witnesses.len(),
                asks: self.quorum.describe(&self.witnesses),
            });
        }
        let name = |(place, seconds): &(usize, u64)| {
            self.witnesses.get(*place).map(|witness| (witness.name.clone(), *seconds))
        };
        let witnesses = cosigned.iter().filter_map(name).collect();
        let settled = self.quorum != Quorum::None;
        let signatures = verified.into_iter().map(|(_, signature)| signature.clone()).collect();
        let note = Note { text: note.text.clone(), signatures }.encode();
        Ok(Vouched { body, witnesses, settled, shared: self.quorum.shared(), note })
    }
}

impl Log {
    /// Whether a checkpoint names this log as its origin.
    fn names(&self, body: &Body) -> bool {
        self.key.name() == body.origin
    }
}

/// The policy file.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = |url: &Option<String>| url.as_ref().map(|u| format!(" {u}")).unwrap_or_default();
        for log in &self.logs {
            writeln!(f, "log {}{}", log.key, url(&log.url))?;
        }
        for witness in &self.witnesses {
            writeln!(f, "witness {} {}{}", witness.name, witness.key, url(&witness.url))?;
        }
        self.quorum.write(f, &self.witnesses)
    }
}
