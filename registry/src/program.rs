//! What a program says of itself to its peers: which it is, and which version of the fold it has.
//! Nothing rests on it; pages show who can compare digests with whom.

use std::fmt;

use crate::catalog::FOLD_VERSION;

/// A program as it introduces itself: `lianshi/0.1.0;fold=1`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Program {
    /// Name and version.
    pub name: String,
    /// The version of its fold, where it says so.
    pub fold: Option<u32>,
}

impl Program {
    /// This one.
    pub fn this() -> Self {
        let name = concat!("lianshi/", env!("CARGO_PKG_VERSION")).to_owned();
        Self { name, fold: Some(FOLD_VERSION) }
    }

    /// Reads what a peer said; whatever it says is some program.
    pub fn parse(said: &str) -> Self {
        let (name, fold) = said.split_once(";fold=").unwrap_or((said, ""));
        Self { name: name.to_owned(), fold: fold.parse().ok() }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fold {
            Some(fold) => write!(f, "{};fold={fold}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Program;

    #[test]
    fn a_program_is_read_as_it_introduces_itself() {
        let this = Program::this();
        assert_eq!(Program::parse(&this.to_string()), this);
        let old = Program::parse("lianshi/0.0.9");
        assert_eq!((old.name.as_str(), old.fold), ("lianshi/0.0.9", None));
        assert_eq!(Program::parse("other;fold=many").fold, None);
    }
}
