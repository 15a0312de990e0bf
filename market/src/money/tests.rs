//! Amounts read, print, add and round exactly.

use proptest::prelude::*;

use super::*;

fn price(text: &str) -> Price {
    Price::parse(text).expect(text)
}

#[test]
fn amounts_read_and_print_exactly() {
    for (text, fen, printed) in [
        ("0", 0, "0.00"),
        ("12.3", 1230, "12.30"),
        ("-0.05", -5, "-0.05"),
        ("1.100", 110, "1.10"),
        ("92233720368547758.07", i64::MAX, "92233720368547758.07"),
    ] {
        let amount = Amount::parse(text).expect(text);
        assert_eq!((amount.fen(), amount.to_string().as_str()), (fen, printed));
    }
    assert_eq!(Amount::from_fen(i64::MIN).to_string(), "-92233720368547758.08");
    for bad in ["", "1.001", "1e2", "1,00", "十", "+1", "1.2.3", "--1", "0x1", " 1"] {
        assert_eq!(Amount::parse(bad), Err(MoneyError::Malformed(bad.to_owned())), "{bad}");
    }
    assert_eq!(Amount::parse("92233720368547758.08"), Err(MoneyError::Overflow));
}

#[test]
fn json_amounts_are_texts_in_one_form() {
    let amount: Amount = serde_json::from_str("\"12.30\"").expect("the form we write");
    assert_eq!(serde_json::to_string(&amount).expect("text"), "\"12.30\"");
    for bad in ["12.30", "\"12.3\"", "\"012.30\"", "1230", "\"-0.00\""] {
        assert!(serde_json::from_str::<Amount>(bad).is_err(), "{bad}");
    }
}

#[test]
fn sums_that_do_not_fit_are_refused() {
    let most = Amount::from_fen(i64::MAX);
    assert_eq!(most.plus(Amount::from_fen(1)), Err(MoneyError::Overflow));
    assert_eq!(Amount::from_fen(i64::MIN).minus(Amount::from_fen(1)), Err(MoneyError::Overflow));
    assert_eq!(Amount::sum([most, Amount::from_fen(-7)]), Ok(Amount::from_fen(i64::MAX - 7)));
    let dearest = Price::from_micro(lianshi_registry::price::PRICE_MICRO_MAX).expect("in range");
    assert_eq!(charge(u64::MAX, dearest), Err(MoneyError::Overflow));
}

#[test]
fn a_charge_rounds_half_up_once() {
    for (quantity, unit, fen) in [
        (1, "0.005", 1),
        (1, "0.004999", 0),
        (3, "0.005", 2),
        (1000, "0.5", 50_000),
        (7, "0.001", 1),
        (4, "0.001", 0),
        (0, "100000000", 0),
    ] {
        assert_eq!(charge(quantity, price(unit)), Ok(Amount::from_fen(fen)), "{quantity} × {unit}");
    }
}

#[test]
fn halves_go_away_from_zero() {
    let cases =
        [(5, 10, 1), (-5, 10, -1), (4, 10, 0), (-4, 10, 0), (15, 10, 2), (-15, 10, -2), (0, 3, 0)];
    for (numerator, denominator, rounded) in cases {
        assert_eq!(round_half_up(numerator, denominator), Some(rounded));
    }
    assert_eq!(round_half_up(1, 0), None);
    assert_eq!(round_half_up(i128::MIN, 1), None);
}

#[test]
fn only_the_yuan_is_settled() {
    assert_eq!(Currency::parse("CNY"), Ok(Currency::Cny));
    assert_eq!(Currency::parse("USD"), Err(MoneyError::Currency("USD".to_owned())));
}

proptest! {
    #[test]
    fn printed_amounts_parse_back(fen in any::<i64>()) {
        let amount = Amount::from_fen(fen);
        prop_assert_eq!(Amount::parse(&amount.to_string()), Ok(amount));
    }

    #[test]
    fn garbage_never_panics(text in ".{0,40}") {
        let _ = Amount::parse(&text);
    }

    #[test]
    fn rounding_is_never_off_by_more_than_half(
        numerator in -1_000_000_000_000_i128..1_000_000_000_000,
        denominator in 1_i128..1_000_000,
    ) {
        let rounded = round_half_up(numerator, denominator).expect("small");
        prop_assert!((rounded * denominator - numerator).abs() * 2 <= denominator);
    }
}
