//! How hard a password is to guess, judged by zxcvbn: dictionaries (among them the 30,000 most used
//! passwords), keyboard rows, dates, repetitions, and words of this place and person.

use lianshi_registry::entry::Texts;
use zxcvbn::{
    Match, Score,
    matching::patterns::{DictionaryPattern, MatchPattern},
    zxcvbn,
};

use super::{
    password::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN},
    refusal::AccountRefusal,
};
use crate::Site;

/// What a guesser needs at least: beyond a hundred million guesses. A slow hash and a throttled
/// door make that years.
const SCORE_MIN: Score = Score::Three;
/// A piece of a name shorter than this is no word to look for.
const WORD_CHARS_MIN: usize = 3;

/// Words that guessers of this country try first, in pinyin and as keys of the keyboard, and words
/// of the field. The most used passwords of the world are in zxcvbn.
const WORDS: [&str; 62] = [
    "lianshi",
    "admin",
    "administrator",
    "guanliyuan",
    "guanli",
    "mima",
    "denglu",
    "woaini",
    "woaiwojia",
    "woaizuguo",
    "wodemima",
    "nihao",
    "zhongguo",
    "china",
    "zhonghua",
    "gongsi",
    "gongzuo",
    "danwei",
    "caiwu",
    "kuaiji",
    "shuju",
    "gonggongshuju",
    "jiedian",
    "pingtai",
    "xitong",
    "ceshi",
    "yonghu",
    "ningbo",
    "ningboshi",
    "yinzhou",
    "haishu",
    "jiangbei",
    "beilun",
    "zhenhai",
    "fenghua",
    "yuyao",
    "cixi",
    "xiangshan",
    "ninghai",
    "zhejiang",
    "hangzhou",
    "shanghai",
    "beijing",
    "zhangwei",
    "wangwei",
    "wangfang",
    "liwei",
    "lina",
    "zhangmin",
    "qweasd",
    "qweasdzxc",
    "qazwsx",
    "qazwsxedc",
    "1qaz2wsx",
    "1q2w3e4r",
    "zaq12wsx",
    "5201314",
    "520",
    "1314",
    "147258",
    "159357",
    "asdfgh",
];

/// Whose password it is, as far as a guesser would know.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Vec<String>);

impl Known {
    /// The node, and what it knows of a person.
    pub(super) fn of(site: &Site, (login, name): (&str, &str), organization: &Texts) -> Self {
        let node = site.node.as_str();
        let texts =
            [login, name, node, &site.name.zh, &site.name.en, &organization.zh, &organization.en];
        let mut words: Vec<String> = WORDS.map(str::to_owned).into();
        for text in texts {
            words.push(text.to_owned());
            let pieces = text.split(|c: char| !c.is_alphanumeric());
            words.extend(pieces.filter(|p| p.chars().count() >= WORD_CHARS_MIN).map(str::to_owned));
        }
        Self(words)
    }
}

/// Refuses passwords that are too short, too long, among the most used, or guessed soon.
pub(super) fn check(password: &str, known: &Known) -> Result<(), AccountRefusal> {
    let chars = password.chars().count();
    if chars < PASSWORD_CHARS_MIN {
        return Err(AccountRefusal::PasswordShort);
    }
    if chars > PASSWORD_CHARS_MAX {
        return Err(AccountRefusal::PasswordLong);
    }
    let words: Vec<&str> = known.0.iter().map(String::as_str).collect();
    let judged = zxcvbn(password, &words);
    if judged.score() >= SCORE_MIN {
        Ok(())
    } else if let [only] = judged.sequence()
        && is_word(only)
    {
        Err(AccountRefusal::PasswordCommon)
    } else {
        Err(AccountRefusal::PasswordGuessable)
    }
}

/// The whole of it is in a list: of most used passwords, of words, of what is known of the person.
fn is_word(found: &Match) -> bool {
    matches!(&found.pattern, MatchPattern::Dictionary(DictionaryPattern { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let mut words: Vec<String> = WORDS.map(str::to_owned).into();
        words.extend(
            ["zhang.three", "海曙区数据管理局", "Haishu Data Administration"].map(Into::into),
        );
        Known(words)
    }

    #[test]
    fn weak_passwords_are_refused_by_name() {
        use AccountRefusal::{PasswordCommon, PasswordGuessable, PasswordLong, PasswordShort};
        let long = "长".repeat(257);
        for (password, refusal) in [
            ("short", PasswordShort),
            (long.as_str(), PasswordLong),
            // In the lists, or known of the person.
            ("Password123", PasswordCommon),
            ("qwertyuiop", PasswordCommon),
            ("P@ssw0rd", PasswordCommon),
            ("superman1", PasswordCommon),
            ("zhang.three", PasswordCommon),
            // Made of them.
            ("haishu2026", PasswordGuessable),
        ] {
            assert_eq!(check(password, &known()), Err(refusal), "{password}");
        }
    }

    #[test]
    fn what_is_made_of_words_dates_and_rows_of_keys_is_refused() {
        for password in [
            "海曙区数据管理局",
            "woaiwojia",
            "zzzzzzzzzz",
            "lianshi123",
            "yinzhou2026",
            "Ningbo@2026",
            "woaini1314",
            "1qaz2wsx3edc",
            "20261128",
            "admin888",
            "abcd1234",
        ] {
            let judged = check(password, &known());
            let is_weak = matches!(
                judged,
                Err(AccountRefusal::PasswordCommon | AccountRefusal::PasswordGuessable)
            );
            assert!(is_weak, "{password}: {judged:?}");
        }
    }

    #[test]
    fn passwords_that_are_hard_to_guess_are_taken_in_any_script() {
        for password in [
            "seven small boats",
            "another good one",
            "青山绿水间的一座小桥",
            "xK9$mQ2vLw",
            "9f86d-081884-c7d65",
        ] {
            assert_eq!(check(password, &known()), Ok(()), "{password}");
        }
    }

    #[test]
    fn the_most_used_passwords_of_the_world_are_refused() {
        // From the first to the ten thousandth of the usual lists.
        for password in [
            "123456789",
            "password",
            "football",
            "baseball",
            "iloveyou",
            "trustno1",
            "starwars",
            "computer",
            "michelle",
            "jennifer",
            "sunshine",
            "princess",
            "whatever",
            "maverick",
            "samantha",
            "mercedes",
            "midnight",
            "steelers",
            "rush2112",
            "redskins",
            "marlboro",
            "srinivas",
            "internet",
            "cocacola",
            "christin",
            "jordan23",
            "snowball",
            "brooklyn",
        ] {
            assert!(check(password, &Known::default()).is_err(), "{password}");
        }
    }
}
