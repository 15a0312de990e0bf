//! The two documents of a close, as they are hashed, sealed, sent and shown: the statement of one
//! subscription and the division of what one product earned. A received document is checked for
//! adding up before anybody believes it.

use std::collections::BTreeMap;

use lianshi_registry::{
    entry::{Purpose, Texts},
    id::{NodeName, RegistrationNumber},
    json,
    time::Period,
    uscc::Uscc,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use crate::{
    money::{Amount, Currency},
    rating::{Count, LineExplanation, LineKind, RatedLine},
    split::{
        Agreement, CARRY_DENOMINATOR, CarriedShare, Part, ShareExplanation, WHOLE_PPM, divide,
    },
};

/// Version of a statement's form.
pub const STATEMENT_VERSION: u32 = 1;
/// Version of a division's form.
pub const DIVISION_VERSION: u32 = 2;
/// Version of the divisions that carried fractions of a fen. Read, shown and proved for ever, made
/// no more.
const DIVISION_VERSION_CARRIED: u32 = 1;
/// Most lines of a statement: an operation count times the late months one close can bring, far
/// above any real one and below what a sealed payload holds.
pub const LINES_MAX: usize = 500;

/// Most parts of a division: more shares than an entry of 16 KiB can name. Dividing again costs up
/// to a million steps for each, which bounds what a hostile letter can ask for.
pub const PARTS_MAX: usize = 200;

/// Why a document is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Not the JSON of this document, or not in canonical form.
    #[error("not a document of this kind: {0}")]
    Malformed(String),
    /// Made by a newer program.
    #[error("the document has version {0}, which this program does not know")]
    Version(u32),
    /// It does not add up.
    #[error("the document does not add up: {0}")]
    Sum(&'static str),
}

/// A statement 结算单: what one subscription costs in one period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementDocument {
    /// [`STATEMENT_VERSION`].
    pub v: u32,
    /// Its number, such as `ST-330212-202610-0000001`.
    pub number: String,
    /// The period.
    pub period: Period,
    /// The node that owns the product and closed its books.
    pub provider_node: NodeName,
    /// The enterprise's node.
    pub home_node: NodeName,
    /// The subscription.
    pub subscription: String,
    /// Hash of its agreement, in hexadecimal.
    pub agreement_hash: String,
    /// The enterprise.
    pub buyer: Uscc,
    /// Its name.
    pub buyer_name: String,
    /// Who is paid.
    pub operator: Uscc,
    /// The product.
    pub product: RegistrationNumber,
    /// Code of the plan as agreed.
    pub plan: String,
    /// Its name.
    pub plan_name: Texts,
    /// The purpose as agreed.
    pub purpose: Purpose,
    /// The currency.
    pub currency: Currency,
    /// The lines.
    pub lines: Vec<RatedLine>,
    /// Their sum.
    pub total: Amount,
}

impl StatementDocument {
    /// Reads a document as it was sealed and checks that it adds up.
    pub fn read(text: &[u8]) -> Result<Self, DocumentError> {
        let document: Self = read_canonical(text)?;
        if document.v != STATEMENT_VERSION {
            return Err(DocumentError::Version(document.v));
        }
        if document.lines.is_empty() || document.lines.len() > LINES_MAX {
            return Err(DocumentError::Sum("no lines, or more than 500"));
        }
        if document.lines.iter().any(|line| line.amount < Amount::ZERO) {
            return Err(DocumentError::Sum("a line is negative"));
        }
        let sum = Amount::sum(document.lines.iter().map(|line| line.amount));
        if sum == Ok(document.total) {
            Ok(document)
        } else {
            Err(DocumentError::Sum("the lines are not the total"))
        }
    }

    /// The earlier months whose fee this statement charges.
    pub fn late_fees(&self) -> impl Iterator<Item = Period> {
        self.lines.iter().filter_map(|line| match &line.explanation {
            LineExplanation::LateFee { period, .. } => Some(*period),
            _ => None,
        })
    }

    /// The months it is about: its period, and earlier ones with something late.
    pub fn months(&self) -> impl Iterator<Item = Period> {
        let late = self.lines.iter().filter_map(|line| match &line.explanation {
            LineExplanation::LateFee { period, .. } | LineExplanation::Late { period, .. } => {
                Some(*period)
            }
            _ => None,
        });
        late.chain([self.period])
    }

    /// The calls it states, late ones included.
    pub fn calls(&self) -> u64 {
        let of_calls =
            |line: &&RatedLine| matches!(line.kind, LineKind::Calls | LineKind::LateCalls);
        self.lines.iter().filter(of_calls).fold(0, |sum, line| sum.saturating_add(line.quantity))
    }

    /// Its canonical text and the hash of it.
    pub fn seal_text(&self) -> (String, [u8; 32]) {
        sealed("lianshi/statement/v1\n", self)
    }
}

/// A division 分账单: how what one product earned in one period was divided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DivisionDocument {
    /// [`DIVISION_VERSION`].
    pub v: u32,
    /// The period.
    pub period: Period,
    /// The node that owns the product.
    pub provider_node: NodeName,
    /// The product.
    pub product: RegistrationNumber,
    /// The agreement version that governs it.
    pub agreement: String,
    /// The currency.
    pub currency: Currency,
    /// What was divided: the invoiced total.
    pub base: Amount,
    /// The same by the operator for whom it was invoiced.
    pub by_operator: BTreeMap<Uscc, Amount>,
    /// The parts, by party code.
    pub parts: Vec<Part>,
}

impl DivisionDocument {
    /// Reads a document as it was sealed and checks that it adds up: divided again from its shares
    /// and its two cumulative numbers, the same parts come out.
    pub fn read(text: &[u8]) -> Result<Self, DocumentError> {
        let document: Self = read_canonical(text)?;
        if document.parts.len() > PARTS_MAX {
            return Err(DocumentError::Sum("more than 200 parts"));
        }
        let explained = match document.v {
            DIVISION_VERSION => document.follows(),
            DIVISION_VERSION_CARRIED => document.parts.iter().all(|part| document.carried(part)),
            other => return Err(DocumentError::Version(other)),
        };
        if !explained {
            return Err(DocumentError::Sum("a part is not what its explanation says"));
        }
        let sum = Amount::sum(document.parts.iter().map(|part| part.amount));
        let earned = Amount::sum(document.by_operator.values().copied());
        if sum == Ok(document.base) && earned == Ok(document.base) {
            Ok(document)
        } else {
            Err(DocumentError::Sum("the parts are not the base"))
        }
    }

    /// The cumulative base before and after this division; `None` where fractions were carried.
    pub fn stretch(&self) -> Option<(Amount, Amount)> {
        self.parts.iter().find_map(|part| match &part.explanation {
            ShareExplanation::Cumulative(said) => Some((said.base_from, said.base_to)),
            ShareExplanation::Carried(_) => None,
        })
    }

    /// Whether fractions of a fen were carried: made before divisions went by the cumulative base.
    pub const fn is_carried(&self) -> bool {
        self.v == DIVISION_VERSION_CARRIED
    }

    /// Whether dividing the base again gives these parts.
    fn follows(&self) -> bool {
        let whole: u64 = self.parts.iter().map(|part| u64::from(part.party.share_ppm)).sum();
        let agreement = Agreement::recorded(self.agreement.clone(), &self.parts);
        whole == u64::from(WHOLE_PPM)
            && self.stretch().is_some_and(|(from, _)| {
                divide(self.base, &agreement, from).is_ok_and(|parts| parts == self.parts)
            })
    }

    /// base × share + carry before = amount + carry after, to the millionth of a fen, and nothing
    /// is negative.
    fn carried(&self, part: &Part) -> bool {
        let ShareExplanation::Carried(said) = &part.explanation else { return false };
        let CarriedShare { base, share_ppm, carry_before, floor, .. } = said;
        let wide = |fen: i64| i128::from(fen);
        let exact = wide(base.fen()) * i128::from(*share_ppm) + wide(*carry_before);
        let given = wide(part.amount.fen()) * wide(CARRY_DENOMINATOR) + wide(said.carry_after);
        exact == given
            && part.amount >= Amount::ZERO
            && *base == self.base
            && *share_ppm == part.party.share_ppm
            && said.carry_after.unsigned_abs() < CARRY_DENOMINATOR.unsigned_abs()
            && floor.fen().checked_add(said.remainder_fen) == Some(part.amount.fen())
    }

    /// Its canonical text and the hash of it.
    pub fn seal_text(&self) -> (String, [u8; 32]) {
        sealed("lianshi/division/v1\n", self)
    }
}

/// The count a line of its own period states.
pub(super) fn count_of(explanation: &LineExplanation) -> Option<Count> {
    match explanation {
        LineExplanation::Free { count }
        | LineExplanation::InsideMonthlyFee { count }
        | LineExplanation::PerCall { count, .. } => Some(*count),
        LineExplanation::MonthlyFee { .. }
        | LineExplanation::Late { .. }
        | LineExplanation::LateFee { .. } => None,
    }
}

pub(super) fn sealed<T: Serialize>(context: &str, value: &T) -> (String, [u8; 32]) {
    let text = canonical(value);
    let mut hasher = Sha256::new();
    hasher.update(context.as_bytes());
    hasher.update(text.as_bytes());
    (text, hasher.finalize().into())
}

pub(super) fn read_canonical<T: Serialize + DeserializeOwned>(
    text: &[u8],
) -> Result<T, DocumentError> {
    let value: T =
        json::read_letter(text).map_err(|error| DocumentError::Malformed(error.to_string()))?;
    if canonical(&value).as_bytes() == text {
        Ok(value)
    } else {
        Err(DocumentError::Malformed("not in canonical form".to_owned()))
    }
}

/// JSON with sorted members and no white space. The types hashed here hold texts and whole numbers
/// only, for which this is RFC 8785.
pub(super) fn canonical<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).map(|value| value.to_string()).unwrap_or_default()
}
