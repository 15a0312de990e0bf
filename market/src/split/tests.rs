//! Divisions are exact today and fair for ever.

use lianshi_registry::{entry::SplitBase, time::Period, uscc};
use proptest::prelude::*;

use super::*;

/// Made-up organizations in the order of their codes.
fn party_code(index: usize) -> Uscc {
    uscc::complete(&format!("91330200MA2TEQT{index:02}")).expect("seventeen characters")
}

fn product() -> RegistrationNumber {
    let division = lianshi_registry::id::DivisionCode::parse("330212").expect("six digits");
    RegistrationNumber::new(&division, lianshi_registry::id::NumberKind::Product, 2026, 1)
        .expect("fits")
}

fn split(shares: &[u32]) -> Split {
    let shares = shares
        .iter()
        .enumerate()
        .map(|(index, ppm)| Share {
            party: party_code(index),
            name: Texts { zh: format!("甲{index}"), en: format!("Party {index}") },
            role: ShareRole::Provider,
            node: NodeName::parse("yinzhou").expect("label"),
            share_ppm: *ppm,
        })
        .collect();
    Split {
        product: product(),
        version: 1,
        from: Period::parse("2026-01").expect("month"),
        base: SplitBase::Invoiced,
        consents: Vec::new(),
        shares,
    }
}

fn agreement(shares: &[u32]) -> Agreement {
    Agreement::from_split(&split(shares)).expect("a whole")
}

fn fen(parts: &[Part]) -> Vec<i64> {
    parts.iter().map(|part| part.amount.fen()).collect()
}

#[test]
fn the_vectors_of_the_field_come_out() {
    for (base, shares, expected) in [
        (10_001, &[333_300, 333_300, 333_400][..], &[3333, 3333, 3335][..]),
        (1, &[333_300, 333_300, 333_400], &[0, 0, 1]),
        (5, &[500_000, 500_000], &[3, 2]),
        (98_765, &[550_000, 250_000, 125_000, 75_000], &[54_321, 24_691, 12_346, 7407]),
        (0, &[550_000, 450_000], &[0, 0]),
    ] {
        let parts = divide(Amount::from_fen(base), &agreement(shares), Amount::ZERO);
        assert_eq!(fen(&parts.expect("divided")), expected, "{base}");
    }
}

/// Divides one base after another under one agreement.
fn in_turn(agreement: &Agreement, bases: &[i64]) -> Vec<Vec<i64>> {
    let mut so_far = Amount::ZERO;
    bases
        .iter()
        .map(|base| {
            let base = Amount::from_fen(*base);
            let parts = divide(base, agreement, so_far).expect("divided");
            so_far = so_far.plus(base).expect("small");
            fen(&parts)
        })
        .collect()
}

#[test]
fn an_odd_fen_goes_to_each_in_turn() {
    let halves = agreement(&[500_000, 500_000]);
    assert_eq!(in_turn(&halves, &[5; 4]), [[3, 2], [2, 3], [3, 2], [2, 3]]);
}

/// Largest remainder with carry gave each of these up at its last base, for ever.
#[test]
fn sequences_that_once_stopped_the_books_are_divided() {
    let six = agreement(&[50_000, 50_000, 50_000, 50_000, 400_000, 400_000]);
    assert_eq!(in_turn(&six, &[8, 27, 6, 13, 1, 9])[4], [0, 0, 1, 0, 0, 0]);
    for (shares, bases) in [
        (&[50_000, 150_000, 50_000, 250_000, 250_000, 250_000][..], &[1, 2, 1, 3, 3, 2, 7][..]),
        (
            &[120_000, 280_000, 20_000, 280_000, 280_000, 20_000],
            &[1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 9],
        ),
        (&[896_000, 1_000, 50_000, 3_000, 50_000], &[7, 3, 10, 1, 9, 2, 8, 4, 6, 5]),
    ] {
        for (base, parts) in bases.iter().zip(in_turn(&agreement(shares), bases)) {
            assert_eq!(parts.iter().sum::<i64>(), *base, "{shares:?}");
            assert!(parts.iter().all(|part| *part >= 0), "{shares:?}");
        }
    }
}

#[test]
fn a_part_says_what_it_is_of_everything_so_far() {
    let quarter = agreement(&[250_000, 750_000]);
    let parts = divide(Amount::from_fen(145), &quarter, Amount::from_fen(12_200)).expect("divided");
    let ShareExplanation::Cumulative(said) = &parts[0].explanation else { panic!("carried") };
    assert_eq!((said.base_from.fen(), said.base_to.fen()), (12_200, 12_345));
    assert_eq!((said.exact_ppm(), said.received.fen()), (3_086_250_000, 3_050));
    assert_eq!(parts[0].amount.fen(), 36);
    assert_eq!(said.split_version, Some(1));
}

#[test]
fn versions_begin_at_zero_each() {
    let old = agreement(&[333_333, 333_333, 333_334]);
    let mut second = split(&[333_333, 333_333, 333_334]);
    second.version = 2;
    let new = Agreement::from_split(&second).expect("a whole");
    assert_ne!(old.id(), new.id());
    assert_eq!(in_turn(&old, &[2, 5])[0], in_turn(&new, &[2, 5])[0]);
}

#[test]
fn without_a_split_the_operator_gets_everything() {
    let operator = agreement(&[1_000_000]).parties().next().expect("one").clone();
    let whole = Agreement::all_to_operator(&product(), Party { share_ppm: 0, ..operator });
    let parts = divide(Amount::from_fen(777), &whole, Amount::from_fen(5)).expect("divided");
    assert_eq!(fen(&parts), [777]);
    assert_eq!(parts[0].explanation.split_version(), None);
    assert_eq!(whole.id(), format!("{}/operator/{}", product(), party_code(0)));
    let other = agreement(&[500_000, 500_000]).parties().nth(1).expect("two").clone();
    assert_ne!(Agreement::all_to_operator(&product(), other).id(), whole.id());
}

#[test]
fn a_party_that_is_named_twice_is_refused() {
    let mut twice = split(&[400_000, 600_000]);
    twice.shares[1].party = twice.shares[0].party.clone();
    let refused = Agreement::from_split(&twice).expect_err("twice");
    assert!(matches!(refused, SplitError::PartyTwice { party, .. } if party == party_code(0)));
}

#[test]
fn what_is_not_a_whole_or_does_not_fit_is_refused() {
    assert!(matches!(
        Agreement::from_split(&split(&[500_000, 499_999])),
        Err(SplitError::Shares { sum: 999_999, .. })
    ));
    let halves = agreement(&[500_000, 500_000]);
    let (below, most) = (Amount::from_fen(-1), Amount::from_fen(i64::MAX));
    assert_eq!(divide(below, &halves, Amount::ZERO), Err(SplitError::NegativeBase(below)));
    let full = divide(Amount::from_fen(1), &halves, most);
    assert!(matches!(full, Err(SplitError::Cumulative { .. })));
    let bent = divide(Amount::from_fen(2), &halves, below);
    assert!(matches!(
        bent,
        Err(SplitError::Apportion { source: ApportionError::Backwards { .. }, .. })
    ));
    assert!(divide(most, &halves, Amount::ZERO).is_ok());
}

/// 1 to 7 shares of at least one part per million that make a whole.
fn any_shares() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::btree_set(1_u32..WHOLE_PPM, 0..7).prop_map(|cuts| {
        let mut shares = Vec::new();
        let mut last = 0;
        for cut in cuts.into_iter().chain([WHOLE_PPM]) {
            shares.push(cut - last);
            last = cut;
        }
        shares
    })
}

proptest! {
    #[test]
    fn the_order_of_shares_in_the_document_does_not_matter(
        shares in any_shares(),
        (so_far, base) in (0_i64..1_000_000, 0_i64..1_000_000),
    ) {
        let forward = split(&shares);
        let mut backward = forward.clone();
        backward.shares.reverse();
        let divided = [forward, backward].map(|split| {
            let agreement = Agreement::from_split(&split).expect("a whole");
            divide(Amount::from_fen(base), &agreement, Amount::from_fen(so_far)).expect("divided")
        });
        prop_assert_eq!(&divided[0], &divided[1]);
        let whole: i64 = fen(&divided[0]).iter().sum();
        prop_assert_eq!(whole, base);
    }
}
