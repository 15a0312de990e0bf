//! Divisions are exact today and fair for ever.

use lianshi_registry::{time::Period, uscc};
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
            role: "provider".to_owned(),
            node: NodeName::parse("yinzhou").expect("label"),
            share_ppm: *ppm,
        })
        .collect();
    Split {
        product: product(),
        version: 1,
        from: Period::parse("2026-01").expect("month"),
        base: "invoiced".to_owned(),
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
        let parts = divide(Amount::from_fen(base), &agreement(shares), &mut Carries::new());
        assert_eq!(fen(&parts.expect("divided")), expected, "{base}");
    }
}

#[test]
fn an_odd_fen_goes_to_each_in_turn() {
    let halves = agreement(&[500_000, 500_000]);
    let mut carries = Carries::new();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(fen(&divide(Amount::from_fen(5), &halves, &mut carries).expect("divided")));
    }
    assert_eq!(seen, [[3, 2], [2, 3], [3, 2], [2, 3]]);
    assert!(carries.values().all(|carry| *carry == 0));
}

#[test]
fn without_a_split_the_operator_gets_everything() {
    let operator = agreement(&[1_000_000]).parties().next().expect("one").clone();
    let whole = Agreement::all_to_operator(&product(), Party { share_ppm: 0, ..operator });
    let parts = divide(Amount::from_fen(777), &whole, &mut Carries::new()).expect("divided");
    assert_eq!(fen(&parts), [777]);
    assert_eq!(parts[0].explanation.split_version, None);
    assert_eq!(whole.id(), format!("{}/operator", product()));
}

#[test]
fn shares_of_one_party_are_joined() {
    let mut twice = split(&[400_000, 600_000]);
    twice.shares[1].party = twice.shares[0].party.clone();
    "operator".clone_into(&mut twice.shares[1].role);
    let joined = Agreement::from_split(&twice).expect("a whole");
    let parties: Vec<(&str, u32)> =
        joined.parties().map(|party| (party.role.as_str(), party.share_ppm)).collect();
    assert_eq!(parties, [("provider+operator", 1_000_000)]);
}

#[test]
fn what_is_not_a_whole_or_not_ours_is_refused() {
    assert!(matches!(
        Agreement::from_split(&split(&[500_000, 499_999])),
        Err(SplitError::Shares { sum: 999_999, .. })
    ));
    let halves = agreement(&[500_000, 500_000]);
    let below = Amount::from_fen(-1);
    assert_eq!(divide(below, &halves, &mut Carries::new()), Err(SplitError::NegativeBase(below)));
    for carries in [
        Carries::from([(party_code(0), 1)]),
        Carries::from([(party_code(0), 1_000_000), (party_code(1), -1_000_000)]),
        Carries::from([(party_code(7), 1), (party_code(1), -1)]),
    ] {
        let outcome = divide(Amount::from_fen(5), &halves, &mut carries.clone());
        assert!(matches!(outcome, Err(SplitError::Carry { .. })), "{carries:?}");
    }
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

fn any_bases() -> impl Strategy<Value = Vec<i64>> {
    let base = prop_oneof![0_i64..12, 0_i64..500_000, Just(i64::MAX)];
    proptest::collection::vec(base, 1..60)
}

proptest! {
    #[test]
    fn every_document_is_exact_and_every_party_within_a_fen_for_ever(
        shares in any_shares(),
        bases in any_bases(),
    ) {
        let agreement = agreement(&shares);
        let mut carries = Carries::new();
        let mut given = vec![0_i128; shares.len()];
        let mut total = 0_i128;
        for base in bases {
            let parts = divide(Amount::from_fen(base), &agreement, &mut carries).expect("divided");
            total += i128::from(base);
            let whole: i128 = parts.iter().map(|p| i128::from(p.amount.fen())).sum();
            prop_assert_eq!(whole, i128::from(base));
            prop_assert_eq!(carries.values().sum::<i64>(), 0);
            for (index, part) in parts.iter().enumerate() {
                prop_assert!(part.amount >= Amount::ZERO);
                prop_assert!(part.explanation.carry_after.abs() < CARRY_DENOMINATOR);
                given[index] += i128::from(part.amount.fen());
                let exact = total * i128::from(shares[index]);
                let off = exact - given[index] * i128::from(CARRY_DENOMINATOR);
                prop_assert_eq!(off, i128::from(part.explanation.carry_after));
            }
        }
    }

    #[test]
    fn the_order_of_shares_in_the_document_does_not_matter(
        shares in any_shares(),
        base in 0_i64..1_000_000,
    ) {
        let forward = split(&shares);
        let mut backward = forward.clone();
        backward.shares.reverse();
        let divided = [forward, backward].map(|split| {
            let agreement = Agreement::from_split(&split).expect("a whole");
            divide(Amount::from_fen(base), &agreement, &mut Carries::new()).expect("divided")
        });
        prop_assert_eq!(&divided[0], &divided[1]);
    }
}

#[test]
fn five_parties_stay_within_a_fen_through_100_000_settlements() {
    let shares = [333_300, 266_700, 200_000, 125_000, 75_000];
    let agreement = agreement(&shares);
    let mut carries = Carries::new();
    let mut seed = 1_u64;
    let mut largest = 0;
    for _ in 0..100_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let base = i64::try_from((seed >> 33) % 500_000).expect("small");
        let parts = divide(Amount::from_fen(base), &agreement, &mut carries).expect("divided");
        largest =
            parts.iter().map(|p| p.explanation.carry_after.abs()).max().max(Some(largest)).unwrap();
    }
    assert!(largest < CARRY_DENOMINATOR, "{largest} millionths of a fen");
}
