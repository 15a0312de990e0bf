//! Names and numbers of the federation: divisions, nodes, log origins and registration numbers.
//! Each is parsed once at the edge, prints as people see it, and cannot be built wrong.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Longest node name: a DNS label.
pub const NODE_NAME_CHARS_MAX: usize = 63;
/// Longest federation domain name (RFC 1035).
pub const DOMAIN_CHARS_MAX: usize = 253;
/// Largest sequence a registration number can print: seven digits.
pub const SEQUENCE_MAX: u32 = 9_999_999;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Division codes have six digits.
    #[error("`{0}` is not a division code: six digits, such as 330212")]
    Division(String),
    /// Node names are DNS labels.
    #[error("`{0}` is not a node name: 1–63 of a–z, 0–9 and inner `-`")]
    Node(String),
    /// Federation names are DNS names.
    #[error("`{0}` is not a federation domain such as ningbo.example")]
    Domain(String),
    /// Origins are `domain/node/generation`.
    #[error("`{0}` is not a log origin such as ningbo.example/yinzhou/1")]
    Origin(String),
    /// Registration numbers are `DDDDDD-K-YYYY-NNNNNNN-C`.
    #[error("`{0}` is not a registration number of the form 330212-P-2026-0000001-X")]
    Number(String),
    /// The check character does not fit.
    #[error("`{text}` has the wrong check character, expected `{expected}`: a digit was mistyped")]
    NumberCheck {
        /// As given.
        text: String,
        /// What ISO 7064 MOD 37-36 computes.
        expected: char,
    },
}

/// A GB/T 2260 division code: six digits. Whether it exists on a date is asked of
/// `governance::division`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DivisionCode(String);

impl DivisionCode {
    /// Parses six digits.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::Division(text.to_owned()))
        }
    }

    /// The six digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a node of this division may speak for `other`: a province code (`xx0000`) covers its
    /// two-digit prefix, a city code (`xxxx00`) its four-digit prefix, a county code only itself.
    pub fn covers(&self, other: &Self) -> bool {
        let significant = if self.0.ends_with("0000") {
            2
        } else if self.0.ends_with("00") {
            4
        } else {
            6
        };
        self.0.get(..significant) == other.0.get(..significant)
    }
}

/// The short name of a node inside its federation: a lower-case DNS label. Cloning shares it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// Parses a DNS label.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if is_dns_label(text) { Ok(Self(text.into())) } else { Err(IdError::Node(text.to_owned())) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_dns_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NODE_NAME_CHARS_MAX
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The domain name of a federation, such as `ningbo.example`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FederationDomain(String);

impl FederationDomain {
    /// Parses a lower-case DNS name of at least two labels.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let fits = text.len() <= DOMAIN_CHARS_MAX
            && text.contains('.')
            && text.split('.').all(is_dns_label);
        if fits { Ok(Self(text.to_owned())) } else { Err(IdError::Domain(text.to_owned())) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The origin of a log: `<federation domain>/<node>/<generation>`, the first line of its
/// checkpoints and the name of its key (C2SP tlog-checkpoint). Cloning shares it: a node names
/// thousands of logs in many places.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(Arc<Parts>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Parts {
    domain: FederationDomain,
    node: NodeName,
    generation: u32,
}

impl Origin {
    /// From its parts; generations count from 1.
    pub fn new(domain: FederationDomain, node: NodeName, generation: u32) -> Self {
        Self(Arc::new(Parts { domain, node, generation: generation.max(1) }))
    }

    /// Parses `domain/node/generation`.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let bad = || IdError::Origin(text.to_owned());
        let mut parts = text.split('/');
        let (Some(domain), Some(node), Some(generation), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        let parts = Parts {
            domain: FederationDomain::parse(domain).map_err(|_| bad())?,
            node: NodeName::parse(node).map_err(|_| bad())?,
            generation: generation.parse().map_err(|_| bad())?,
        };
        let origin = Self(Arc::new(parts));
        if origin.0.generation == 0 || origin.to_string() != text { Err(bad()) } else { Ok(origin) }
    }

    /// The federation.
    pub fn domain(&self) -> &FederationDomain {
        &self.0.domain
    }

    /// The node the log belongs to.
    pub fn node(&self) -> &NodeName {
        &self.0.node
    }

    /// Which of the node's logs, from 1.
    pub fn generation(&self) -> u32 {
        self.0.generation
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { domain, node, generation } = &*self.0;
        write!(f, "{domain}/{node}/{generation}")
    }
}

/// What a registration number numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NumberKind {
    /// A public-data resource.
    Resource,
    /// An authorization to operate.
    Authorization,
    /// A data product.
    Product,
}

impl NumberKind {
    /// The letter inside the number.
    pub fn letter(self) -> char {
        match self {
            Self::Resource => 'R',
            Self::Authorization => 'A',
            Self::Product => 'P',
        }
    }

    fn from_letter(letter: &str) -> Option<Self> {
        match letter {
            "R" => Some(Self::Resource),
            "A" => Some(Self::Authorization),
            "P" => Some(Self::Product),
            _ => None,
        }
    }
}

/// A registration number `DDDDDD-K-YYYY-NNNNNNN-C`: division, kind, year, gap-free sequence of the
/// node, and an ISO 7064 MOD 37-36 check character over everything before it (hyphens left out).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistrationNumber(String);

impl RegistrationNumber {
    /// Builds a number and computes its check character. `None` when the year or sequence has too
    /// many digits or the sequence is zero.
    pub fn new(
        division: &DivisionCode,
        kind: NumberKind,
        year: i16,
        sequence: u32,
    ) -> Option<Self> {
        if !(1000..=9999).contains(&year) || sequence == 0 || sequence > SEQUENCE_MAX {
            return None;
        }
        let body = format!("{}-{}-{year:04}-{sequence:07}", division.0, kind.letter());
        let check = check_character(&body)?;
        Some(Self(format!("{body}-{check}")))
    }

    /// Parses and checks a number; the input is trimmed and upper-cased.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let text = text.trim().to_ascii_uppercase();
        let bad = || IdError::Number(text.clone());
        let parts: Vec<&str> = text.split('-').collect();
        let [division, kind, year, sequence, check] = parts.as_slice() else {
            return Err(bad());
        };
        let digits = |part: &str, count: usize| {
            part.len() == count && part.bytes().all(|b| b.is_ascii_digit())
        };
        let fits = digits(division, 6)
            && NumberKind::from_letter(kind).is_some()
            && digits(year, 4)
            && digits(sequence, 7)
            && check.chars().count() == 1;
        let (body, _) = text.rsplit_once('-').ok_or_else(bad)?;
        if !fits {
            return Err(bad());
        }
        let expected = check_character(body).ok_or_else(bad)?;
        if check.starts_with(expected) {
            Ok(Self(text))
        } else {
            Err(IdError::NumberCheck { text, expected })
        }
    }

    /// The printed form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The division that issued it.
    pub fn division(&self) -> DivisionCode {
        DivisionCode(self.0.get(..6).unwrap_or_default().to_owned())
    }

    /// What it numbers.
    pub fn kind(&self) -> NumberKind {
        self.0.get(7..8).and_then(NumberKind::from_letter).unwrap_or(NumberKind::Product)
    }

    /// The year inside it.
    pub fn year(&self) -> i16 {
        self.0.get(9..13).and_then(|y| y.parse().ok()).unwrap_or_default()
    }

    /// The sequence inside it.
    pub fn sequence(&self) -> u32 {
        self.0.get(14..21).and_then(|s| s.parse().ok()).unwrap_or_default()
    }
}

/// ISO/IEC 7064 MOD 37-36 (hybrid) over 0–9 A–Z; hyphens are skipped. `None` on any other
/// character.
fn check_character(body: &str) -> Option<char> {
    let mut product: u32 = 36;
    for character in body.chars().filter(|c| *c != '-') {
        let value = character.to_digit(36)?;
        let sum = (product + value) % 36;
        product = (if sum == 0 { 36 } else { sum }) * 2 % 37;
    }
    char::from_digit((37 - product) % 36, 36).map(|c| c.to_ascii_uppercase())
}

macro_rules! text_id {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
text_id!(DivisionCode, NodeName, FederationDomain, RegistrationNumber);

macro_rules! serde_as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        // People may write a number as they like; between programs it has one form, so that no two
        // entries say the same in other bytes.
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let value = Self::parse(&text).map_err(D::Error::custom)?;
                let is_normal = value.to_string() == text;
                is_normal.then_some(value).ok_or_else(|| D::Error::custom("not in its normal form"))
            }
        }
    )*};
}
serde_as_text!(DivisionCode, NodeName, FederationDomain, Origin, RegistrationNumber);

#[cfg(test)]
mod tests {
    use super::*;

    fn division(code: &str) -> DivisionCode {
        DivisionCode::parse(code).expect("valid")
    }

    #[test]
    fn a_city_covers_its_districts_and_a_district_only_itself() {
        assert!(division("330200").covers(&division("330212")));
        assert!(division("330200").covers(&division("330200")));
        assert!(!division("330212").covers(&division("330200")));
        assert!(!division("330212").covers(&division("330203")));
        assert!(!division("330200").covers(&division("330300")));
        assert!(division("330000").covers(&division("330212")));
    }

    #[test]
    fn numbers_parse_back_and_every_single_change_is_caught() {
        let number = RegistrationNumber::new(&division("330212"), NumberKind::Product, 2026, 1)
            .expect("fits");
        let text = number.to_string();
        assert_eq!(RegistrationNumber::parse(&text), Ok(number.clone()));
        assert_eq!(RegistrationNumber::parse(&text.to_lowercase()), Ok(number.clone()));
        assert_eq!(
            (number.year(), number.sequence(), number.kind()),
            (2026, 1, NumberKind::Product)
        );
        for (at, old) in text.char_indices().filter(|(_, c)| c.is_ascii_digit()) {
            for new in ('0'..='9').filter(|new| *new != old) {
                let mut changed = text.clone();
                changed.replace_range(at..=at, &new.to_string());
                assert!(RegistrationNumber::parse(&changed).is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn iso_7064_mod_37_36_matches_the_published_example() {
        // Global release identifier A1-2425G-ABC1234002-M, the example of the GRid standard.
        assert_eq!(check_character("A12425GABC1234002"), Some('M'));
    }

    #[test]
    fn origins_parse_back_and_odd_forms_are_refused() {
        let origin = Origin::parse("ningbo.example/yinzhou/1").expect("valid");
        assert_eq!(origin.to_string(), "ningbo.example/yinzhou/1");
        for bad in [
            "ningbo.example/yinzhou",
            "ningbo/y/1",
            "ningbo.example/Y/1",
            "ningbo.example/y/01",
            "ningbo.example/y/0",
            "a.b/c/1/",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }
}
