//! Tests of the one measure for texts.

use icu_normalizer::DecomposingNormalizerBorrowed;
use proptest::prelude::*;

use super::*;

fn check(kind: Kind, text: &str, expected: Option<&str>) {
    let read = kind.read(text);
    assert_eq!(read.as_ref().err().map(Refusal::code), expected, "{kind:?} {text:?} {read:?}");
}

#[test]
fn what_people_write_is_brought_into_its_form() {
    assert_eq!(Kind::Name.read(" 鄞州区 "), Ok("鄞州区".to_owned()));
    assert_eq!(Kind::Name.read("e\u{301}"), Ok("é".to_owned()));
    assert_eq!(Kind::Note.read("a\r\nb\n\tc"), Ok("a b  c".to_owned()));
    assert_eq!(Kind::Note.read_optional(" \n"), Ok(String::new()));
    assert_eq!(Kind::Value.read("葛\u{e0100}"), Ok("葛\u{e0100}".to_owned()));
}

#[test]
fn each_refusal_has_its_text() {
    check(Kind::Name, "", Some("text.empty"));
    check(Kind::Name, " \u{3000}\u{a0}", Some("text.empty"));
    check(Kind::Name, "\u{2800}", Some("text.empty"));
    check(Kind::Name, &"名".repeat(NAME_CHARS_MAX), None);
    check(Kind::Name, &"名".repeat(NAME_CHARS_MAX + 1), Some("text.too_long"));
    check(Kind::Name, &"n".repeat(1 << 20), Some("text.too_long"));
    check(Kind::Name, "a\0b", Some("text.control"));
    check(Kind::Name, "a\nb", Some("text.control"));
    check(Kind::Name, "a\u{1b}[31mb", Some("text.control"));
    check(Kind::Name, "名\u{9b}", Some("text.control"));
    check(Kind::Name, "名\u{2028}a", Some("text.control"));
    check(Kind::Description, "名\u{ffff}", Some("text.control"));
    check(Kind::Description, "名\u{e0041}", Some("text.control"));
    for turned in ["名\u{202e}gnihsihp", "\u{2066}a\u{2069}", "a\u{200f}"] {
        for kind in [Kind::Name, Kind::Note, Kind::Value] {
            check(kind, turned, Some("text.direction"));
        }
    }
    for kind in [Kind::Name, Kind::Note, Kind::Value] {
        check(kind, "鄞\u{378}", Some("text.unassigned"));
        check(kind, "鄞\u{2ffe0}", Some("text.unassigned"));
    }
    check(Kind::Name, "\u{200b}\u{200b}", Some("text.invisible"));
    check(Kind::Name, "鄞\u{200d}州", Some("text.invisible"));
    check(Kind::Name, "鄞州\u{fe00}", Some("text.invisible"));
    check(Kind::Name, "\u{feff}鄞州", Some("text.invisible"));
    check(Kind::Value, "330212\u{200b}", Some("text.invisible"));
    check(Kind::Note, "330212\u{200b}", Some("text.invisible"));
    check(Kind::Note, "می\u{200c}خواهم", None);
    check(Kind::Note, "\u{200d}", Some("text.empty"));
    check(Kind::Code, "per-call", None);
    for code in ["", "Per", "1a", "a b", "a\u{200b}", "é", &"a".repeat(65)] {
        let expected = Some("text.not_a_code");
        check(Kind::Code, code, expected);
    }
    assert_eq!(Kind::Name.check("e\u{301}"), Err(TextRefusal::Form));
    assert_eq!(Kind::Name.check(" a"), Err(TextRefusal::Form));
    assert_eq!(Kind::Name.check("a"), Ok(()));
    assert_eq!(Kind::Note.check_optional(""), Ok(()));
}

#[test]
fn a_refusal_names_the_character_and_repeats_no_text() {
    let words = |text| Kind::Name.read(text).expect_err(text).to_string();
    assert_eq!(words("a\0"), "contains the control character U+0000");
    assert_eq!(words("a\u{202e}"), "contains U+202E, which turns the direction of writing");
    assert_eq!(words("a\u{200b}"), "contains U+200B, which cannot be seen");
}

#[test]
fn nothing_that_moves_a_terminal_is_shown() {
    let old = "a\u{1b}]0;title\u{7}b\r\u{9b}2J\u{202e}c\n\td\u{7f}";
    let harmless = shown(old);
    assert_eq!(harmless, "a\\u{1b}]0;title\\u{7}b\\u{d}\\u{9b}2J\\u{202e}c\n\td\\u{7f}");
    assert!(matches!(shown("鄞州 é\n"), Cow::Borrowed(_)));
    assert_eq!(shown("a\u{200b}"), "a\u{200b}", "a terminal does nothing of it");
    assert_eq!(exposed("a\u{200b}\u{202e}鄞\n"), "a\\u{200b}\\u{202e}鄞\n");
}

#[test]
fn json_on_a_terminal_stays_the_same_json() {
    let old = serde_json::json!({"a\u{9b}": "x\u{202e}\u{e0041}\u{1b}\n鄞"});
    let text = serde_json::to_string_pretty(&old).expect("JSON");
    let harmless = shown_json(&text);
    assert!(!harmless.contains(['\u{9b}', '\u{202e}', '\u{e0041}', '\u{1b}']), "{harmless}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&harmless).expect("JSON"), old);
    assert!(matches!(shown_json("{}"), Cow::Borrowed(_)));
}

#[test]
fn what_is_taken_at_one_look_stands_the_whole_examination() {
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    let nfd = DecomposingNormalizerBorrowed::new_nfd();
    let mut text = String::new();
    for character in ('\0'..=char::MAX).filter(|character| is_everyday(*character)) {
        assert!(!is_control(character) && !is_direction(character), "{character:?}");
        assert!(!is_invisible(character) && assigned::is_assigned(character), "{character:?}");
        text.clear();
        text.push(character);
        assert!(nfc.is_normalized(&text), "{character:?}");
    }
    // Nor does one compose with what stands before it.
    for character in '\0'..=char::MAX {
        text.clear();
        text.push(character);
        let parts = nfd.normalize(&text);
        assert!(parts.chars().skip(1).all(|part| !is_everyday(part)), "{character:?}");
    }
}

fn any_text() -> impl Strategy<Value = String> {
    let hostile = prop_oneof![
        any::<char>(),
        prop::sample::select(vec![
            '\0', '\n', '\u{1b}', '\u{9b}', '\u{ad}', '\u{301}', '\u{200b}', '\u{200d}',
            '\u{202e}', '\u{2066}', '\u{2800}', '\u{3000}', '\u{fe0f}', '\u{feff}', '\u{ffff}',
            'a', ' ', '鄞', '\u{1100}', '\u{1161}', '\u{0f43}',
        ]),
    ];
    prop::collection::vec(hostile, 0..40).prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #[test]
    fn what_was_read_passes_and_reads_as_itself(text in any_text()) {
        for kind in Kind::ALL {
            if let Ok(read) = kind.read(&text) {
                prop_assert_eq!(kind.check(&read), Ok(()));
                prop_assert_eq!(kind.read(&read), Ok(read.clone()));
                prop_assert!(plain(&read).is_ok());
                prop_assert!(read.chars().count() <= kind.chars_max());
            }
        }
    }

    #[test]
    fn what_is_taken_needs_nothing_written_out(text in any_text()) {
        if plain(&text).is_ok() {
            prop_assert_eq!(shown(&text), text.as_str());
        }
        prop_assert!(!shown(&text).chars().any(|c| c != '\n' && c != '\t' && c.is_control()));
    }
}
