//! Words of closed lists: lists that rules depend on, so that a new word needs a new program. They
//! are enums without fields, and their words the names of the variants. What may grow without a
//! program is no word but a code.

use std::str::FromStr;

use strum::VariantNames;

/// A word of a closed list, written the same in entries, files, tables, the API and the keys of
/// texts.
pub trait Word: Sized {
    /// How it is written.
    fn word(self) -> &'static str;

    /// Reads what [`Word::word`] wrote; nothing else is a word of the list.
    fn read(text: &str) -> Option<Self>;

    /// The whole list, in its order.
    fn words() -> &'static [&'static str];
}

impl<T: Copy + FromStr + Into<&'static str> + VariantNames> Word for T {
    fn word(self) -> &'static str {
        self.into()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn words() -> &'static [&'static str] {
        T::VARIANTS
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::{Serialize, de::DeserializeOwned};
    use serde_json::json;

    use super::Word;
    use crate::catalog::{AuthorizationStatus, ProductStatus};
    use crate::entry::{
        AuthorizationEnding, BuyerKind, ChargeUnit, Engine, FieldType, Grade, OrganizationKind,
        ProductForm, Purpose, RegradeMethod, ShareRole, SplitBase, UpdateCycle,
    };

    fn check<T: Word + Copy + Debug + PartialEq + Serialize + DeserializeOwned>() {
        assert!(!T::words().is_empty());
        for word in T::words() {
            let value = T::read(word).expect("a word of its own list");
            assert_eq!(value.word(), *word);
            assert_eq!(serde_json::to_value(value).expect("JSON"), json!(word));
            assert_eq!(serde_json::from_value::<T>(json!(word)).expect("JSON"), value);
            assert!(T::read(&word.to_uppercase()).is_none(), "{word}");
        }
        assert!(T::read("").is_none() && T::read("no_word").is_none());
    }

    #[test]
    fn a_word_is_written_the_same_everywhere() {
        check::<AuthorizationEnding>();
        check::<AuthorizationStatus>();
        check::<BuyerKind>();
        check::<ChargeUnit>();
        check::<Engine>();
        check::<FieldType>();
        check::<Grade>();
        check::<OrganizationKind>();
        check::<ProductForm>();
        check::<ProductStatus>();
        check::<Purpose>();
        check::<RegradeMethod>();
        check::<ShareRole>();
        check::<SplitBase>();
        check::<UpdateCycle>();
    }
}
