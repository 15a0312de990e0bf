//! Admission, standing and every refusal.

use super::*;
use crate::{
    entry::{Possession, Texts},
    id::FederationDomain,
    key::{KeyPair, NodeKeys},
    refusal::Refusal as _,
};

fn admission(node: &str, division: &str, seed: u8) -> Admission {
    let node = NodeName::parse(node).expect("valid");
    let key = |role: u8| KeyPair::from_seed([seed * 10 + role; 32]).public();
    prove(Admission {
        name: Texts { zh: "节点".to_owned(), en: "Node".to_owned() },
        division: DivisionCode::parse(division).expect("valid"),
        level: "district".to_owned(),
        origin: Origin::new(
            FederationDomain::parse("ningbo.example").expect("valid"),
            node.clone(),
            1,
        ),
        node,
        identity_key: key(0),
        log_key: key(1),
        witness_key: key(2),
        seal_key: key(3),
        addresses: vec!["/ip4/127.0.0.1/tcp/1".to_owned()],
        public_url: "http://127.0.0.1:1".to_owned(),
        quota_bytes: crate::entry::QUOTA_BYTES,
        possession: Possession::default(),
    })
}

/// The same, signed with the keys it names: each is that of a seed of one repeated byte.
fn prove(admission: Admission) -> Admission {
    let of = |wanted: PublicKey| {
        let keys = (0..=u8::MAX).map(|seed| KeyPair::from_seed([seed; 32]));
        keys.into_iter().find(|key| key.public() == wanted).expect("a key of the tests")
    };
    let keys = NodeKeys {
        identity: of(admission.identity_key),
        log: of(admission.log_key),
        witness: of(admission.witness_key),
        seal: of(admission.seal_key),
    };
    admission.proved(&keys)
}

struct Fold {
    roots: Vec<Root>,
    members: Members,
    next: u64,
}

impl Fold {
    fn new() -> Self {
        let root = admission("ningbo", "330200", 1);
        let roots = vec![Root::of(&root)];
        Self { roots, members: Members::new(), next: 0 }
    }

    fn founded() -> Self {
        let mut fold = Self::new();
        fold.root_says(Fact::MemberAdmitted(admission("ningbo", "330200", 1))).expect("itself");
        fold.root_says(Fact::MemberAdmitted(admission("yinzhou", "330212", 2))).expect("admitted");
        fold
    }

    fn root_says(&mut self, fact: Fact) -> Result<Option<u64>, MemberRefusal> {
        let origin = self.roots[0].origin.clone();
        self.says(&origin, fact)
    }

    fn says(&mut self, origin: &Origin, fact: Fact) -> Result<Option<u64>, MemberRefusal> {
        let member = decide(&self.members, &self.roots, (origin, self.next), &fact)?;
        self.next += 1;
        Ok(member.and_then(|member| {
            let node = member.admission.node.clone();
            let changed = first_index_changed(self.members.get(&node), &member);
            self.members.insert(node, member);
            changed
        }))
    }

    fn refused(&mut self, fact: Fact) -> &'static str {
        self.root_says(fact).expect_err("refused").code()
    }

    fn yinzhou(&self) -> &Member {
        &self.members[&NodeName::parse("yinzhou").expect("valid")]
    }
}

fn change(node: &str, from_index: u64) -> MemberChange {
    let node = NodeName::parse(node).expect("valid");
    MemberChange { node, from_index, reason: "audit 审计".to_owned() }
}

#[test]
fn a_root_admits_what_lies_inside_the_division_of_its_charter() {
    let mut fold = Fold::new();
    let yinzhou = Fact::MemberAdmitted(admission("yinzhou", "330212", 2));
    assert_eq!(fold.root_says(yinzhou).expect("admitted"), Some(0), "before it admits itself");
    fold.root_says(Fact::MemberAdmitted(admission("ningbo", "330200", 1))).expect("itself");
    let hangzhou = admission("shangcheng", "330102", 3);
    assert_eq!(fold.refused(Fact::MemberAdmitted(hangzhou)), "member.outside_division");
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut fold = Fold::founded();
    let admit = |change: &dyn Fn(&mut Admission)| {
        let mut haishu = admission("haishu", "330203", 3);
        change(&mut haishu);
        Fact::MemberAdmitted(haishu)
    };
    let other = Origin::parse("ningbo.example/yinzhou/1").expect("valid");
    let foreign = Origin::parse("other.example/haishu/1").expect("valid");
    let level = admit(&|haishu| "village".clone_into(&mut haishu.level));
    assert_eq!(fold.refused(level), "member.level_unknown");
    let mismatch = admit(&|haishu| haishu.origin = other.clone());
    assert_eq!(fold.refused(mismatch), "member.origin_mismatch");
    let mismatch = admit(&|haishu| haishu.origin = foreign.clone());
    assert_eq!(fold.refused(mismatch), "member.origin_mismatch");
    let twice = admit(&|haishu| haishu.seal_key = haishu.log_key);
    assert_eq!(fold.refused(twice), "member.key_taken");
    let stolen = fold.yinzhou().admission.identity_key;
    let taken = admit(&|haishu| haishu.identity_key = stolen);
    assert_eq!(fold.refused(taken), "member.key_taken");
    assert_eq!(fold.refused(Fact::MemberSuspended(change("haishu", 0))), "member.unknown");
    assert_eq!(fold.refused(Fact::MemberReinstated(change("yinzhou", 0))), "member.not_suspended");
    let not_root = fold.says(&other, Fact::MemberSuspended(change("ningbo", 0)));
    assert_eq!(not_root.expect_err("refused").code(), "member.not_a_root");
}

#[test]
fn names_and_addresses_of_an_admission_are_what_they_are_meant_to_be() {
    let mut fold = Fold::founded();
    let mut refused = |code: &str, change: &dyn Fn(&mut Admission)| {
        let mut haishu = admission("haishu", "330203", 3);
        change(&mut haishu);
        let told = format!("{haishu:?}");
        assert_eq!(fold.refused(Fact::MemberAdmitted(haishu)), code, "{told}");
    };
    for name in ["\u{200b}\u{200b}", "\u{202e}gnihsihp LTR", "", " ", "a\0", &"长".repeat(161)] {
        refused("entry.text", &|haishu| {
            haishu.name = Texts { zh: name.to_owned(), en: name.to_owned() };
        });
    }
    for url in ["javascript:alert(1)", "http://a.example'; id; '", "https://a.example/x", ""] {
        refused("entry.address", &|haishu| url.clone_into(&mut haishu.public_url));
    }
    for address in ["/ip4/127.0.0.1/tcp/1; id", "nonsense", ""] {
        refused("entry.address", &|haishu| haishu.addresses = vec![address.to_owned()]);
    }
    let mut turned = change("yinzhou", 0);
    "\u{202e}".clone_into(&mut turned.reason);
    assert_eq!(fold.refused(Fact::MemberSuspended(turned)), "entry.text");
}

#[test]
fn a_new_address_is_taken_and_a_new_log_key_is_not() {
    let mut fold = Fold::founded();
    let mut again = admission("yinzhou", "330212", 2);
    again.public_url = "http://127.0.0.1:2".to_owned();
    assert_eq!(fold.root_says(Fact::MemberAdmitted(again.clone())).expect("revised"), None);
    assert_eq!(fold.yinzhou().admission.public_url, "http://127.0.0.1:2");
    assert_eq!(fold.yinzhou().admitted_index, 1);
    again.log_key = KeyPair::from_seed([99; 32]).public();
    let again = prove(again);
    assert_eq!(fold.refused(Fact::MemberAdmitted(again)), "member.log_changed");
}

#[test]
fn a_suspension_silences_from_its_index_on_until_a_reinstatement() {
    let mut fold = Fold::founded();
    let suspended = fold.root_says(Fact::MemberSuspended(change("yinzhou", 5)));
    assert_eq!(suspended.expect("suspended"), Some(5));
    assert!(fold.yinzhou().voice(4).is_ok());
    assert_eq!(fold.yinzhou().voice(5).expect_err("silent").code(), "member.suspended");
    assert_eq!(fold.yinzhou().may_write().expect_err("silent").code(), "member.suspended");
    assert_eq!(fold.yinzhou().status(), Status::Suspended);
    let back = fold.root_says(Fact::MemberReinstated(change("yinzhou", 9)));
    assert_eq!(back.expect("reinstated"), Some(9));
    let speaks: Vec<bool> = (3..11).map(|index| fold.yinzhou().voice(index).is_ok()).collect();
    assert_eq!(speaks, [true, true, false, false, false, false, true, true]);
    assert_eq!(fold.yinzhou().may_write(), Ok(()));
    fold.root_says(Fact::MemberWithdrawn(change("yinzhou", 12))).expect("withdrawn");
    assert_eq!(fold.yinzhou().voice(12).expect_err("gone").code(), "member.withdrawn");
    assert_eq!(fold.refused(Fact::MemberReinstated(change("yinzhou", 0))), "member.withdrawn");
    let again = Fact::MemberAdmitted(admission("yinzhou", "330212", 2));
    assert_eq!(fold.refused(again), "member.withdrawn");
}

/// A city and the province, in the order of the charter.
fn two_roots() -> (Fold, Admission) {
    let province = admission("zhejiang", "330000", 4);
    let mut fold = Fold::founded();
    fold.roots.push(Root::of(&province));
    fold.says(&province.origin, Fact::MemberAdmitted(province.clone())).expect("itself");
    (fold, province)
}

#[test]
fn a_name_and_a_key_that_an_earlier_root_gave_away_are_taken() {
    let (mut fold, province) = two_roots();
    let mut refused = |admission: Admission| {
        let said = Fact::MemberAdmitted(prove(admission));
        fold.says(&province.origin, said).expect_err("refused").code()
    };
    assert_eq!(refused(admission("yinzhou", "330212", 5)), "member.other_root");
    for take in [
        |a: &mut Admission, of: &Admission| a.identity_key = of.identity_key,
        |a: &mut Admission, of: &Admission| a.log_key = of.identity_key,
        |a: &mut Admission, of: &Admission| a.witness_key = of.witness_key,
        |a: &mut Admission, of: &Admission| a.seal_key = of.log_key,
    ] {
        for of in [admission("yinzhou", "330212", 2), admission("ningbo", "330200", 1)] {
            let mut copied = admission("haishu", "330203", 5);
            take(&mut copied, &of);
            assert_eq!(refused(copied), "member.key_taken");
        }
    }
    let said = Fact::MemberSuspended(change("yinzhou", 0));
    let refused = fold.says(&province.origin, said).expect_err("refused");
    assert_eq!(refused.code(), "member.other_root");
    let said = Fact::MemberAdmitted(admission("haishu", "330203", 5));
    fold.says(&province.origin, said).expect("a name that is free");
}

#[test]
fn a_root_authority_is_what_the_charter_says_and_nothing_else() {
    let (mut fold, province) = two_roots();
    let mut refused = |origin: &Origin, admission: Admission| {
        fold.says(origin, Fact::MemberAdmitted(prove(admission))).expect_err("refused").code()
    };
    let city = admission("ningbo", "330200", 1);
    // Not under another name, key or log by another root.
    assert_eq!(refused(&province.origin, city.clone()), "member.not_as_charter");
    assert_eq!(
        refused(&province.origin, admission("ningbo", "330200", 6)),
        "member.not_as_charter"
    );
    assert_eq!(refused(&city.origin, province.clone()), "member.not_as_charter");
    // Nor by itself with another division or another key.
    let wider = Admission { division: province.division.clone(), ..city.clone() };
    assert_eq!(refused(&city.origin, wider), "member.not_as_charter");
    for change in [
        |a: &mut Admission, key| a.identity_key = key,
        |a: &mut Admission, key| a.log_key = key,
        |a: &mut Admission, key| a.witness_key = key,
        |a: &mut Admission, key| a.seal_key = key,
    ] {
        let mut changed = city.clone();
        change(&mut changed, KeyPair::from_seed([99; 32]).public());
        assert_eq!(refused(&city.origin, changed), "member.not_as_charter");
    }
    let second = Origin::new(city.origin.domain().clone(), city.node.clone(), 2);
    let next = Admission { origin: second, ..city.clone() };
    assert_eq!(refused(&city.origin, next), "member.not_as_charter");
    // It speaks inside its division, whatever it admitted before.
    let outside = admission("wenzhou", "330300", 7);
    assert_eq!(refused(&city.origin, outside), "member.outside_division");
}

#[test]
fn who_does_not_hold_the_four_keys_is_not_admitted() {
    let mut fold = Fold::founded();
    let good = admission("haishu", "330203", 3);
    let other = admission("haishu", "330203", 5).possession;
    for spoil in [
        |p: &mut Possession, other: &Possession| p.identity.clone_from(&other.identity),
        |p: &mut Possession, other: &Possession| p.log.clone_from(&other.log),
        |p: &mut Possession, other: &Possession| p.witness.clone_from(&other.witness),
        |p: &mut Possession, other: &Possession| p.seal.clone_from(&other.seal),
        |p: &mut Possession, _: &Possession| p.seal.clear(),
        |p: &mut Possession, _: &Possession| p.log = p.seal.clone(),
    ] {
        let mut spoiled = good.clone();
        spoil(&mut spoiled.possession, &other);
        assert_eq!(fold.refused(Fact::MemberAdmitted(spoiled)), "member.keys_unproved");
    }
    // A proof for one log is none for another.
    let mut moved = good.clone();
    moved.origin = Origin::new(moved.origin.domain().clone(), moved.node.clone(), 2);
    assert_eq!(fold.refused(Fact::MemberAdmitted(moved)), "member.keys_unproved");
    // The root authority decides the rest.
    let decided = Admission { quota_bytes: 7, public_url: "http://a.example".to_owned(), ..good };
    fold.root_says(Fact::MemberAdmitted(decided)).expect("admitted");
}

#[test]
fn a_root_authority_whose_log_key_is_stolen_goes_on_under_the_next_charter() {
    let mut fold = Fold::founded();
    let old = fold.roots[0].clone();
    let until = fold.next;
    // Whoever stole the key says something after the index at which the charter ends the log.
    fold.root_says(Fact::MemberSuspended(change("yinzhou", 0))).expect("said");
    let mut next = admission("ningbo", "330200", 1);
    next.origin = Origin::new(next.origin.domain().clone(), next.node.clone(), 2);
    next.log_key = KeyPair::from_seed([98; 32]).public();
    let next = prove(next);
    let mut anew = Fold { roots: vec![Root::of(&next)], members: Members::new(), next: 0 };
    anew.roots[0].former =
        vec![FormerLog { origin: old.origin.clone(), log_key: old.log_key, until }];
    anew.says(&old.origin, Fact::MemberAdmitted(admission("ningbo", "330200", 1))).expect("then");
    let yinzhou = Fact::MemberAdmitted(admission("yinzhou", "330212", 2));
    anew.says(&old.origin, yinzhou).expect("then");
    let thief = Fact::MemberSuspended(change("yinzhou", 0));
    let refused = anew.says(&old.origin, thief).expect_err("refused");
    assert_eq!(refused.code(), "member.not_a_root");
    anew.next = 0;
    anew.says(&next.origin, Fact::MemberAdmitted(next.clone())).expect("the charter says so");
    let root = &anew.members[&next.node];
    assert_eq!((root.status(), root.admission.origin.generation()), (Status::Active, 2));
    let former = root.of_log(&old.origin).expect("its old log");
    assert!(former.voice(until - 1).is_ok());
    assert_eq!(former.voice(until).expect_err("ended").code(), "member.withdrawn");
    anew.says(&next.origin, Fact::MemberAdmitted(next.clone())).expect("said again");
    // Members it admitted before are its own still.
    anew.says(&next.origin, Fact::MemberSuspended(change("yinzhou", 3))).expect("said");
    assert_eq!(anew.yinzhou().status(), Status::Suspended);
    // The stolen key admits nobody.
    let mut thief = admission("haishu", "330203", 3);
    thief.log_key = old.log_key;
    let refused = anew.says(&next.origin, Fact::MemberAdmitted(prove(thief)));
    assert_eq!(refused.expect_err("refused").code(), "member.key_taken");
}

#[test]
fn what_a_root_authority_sealed_before_its_key_was_replaced_stays_valid() {
    let mut fold = Fold::founded();
    let old = fold.members[&fold.roots[0].node().clone()].admission.clone();
    let mut next = old.clone();
    next.seal_key = KeyPair::from_seed([98; 32]).public();
    next.witness_key = KeyPair::from_seed([99; 32]).public();
    let next = prove(next);
    assert_eq!(fold.refused(Fact::MemberAdmitted(next.clone())), "member.not_as_charter");
    let mut root = Root::of(&next);
    root.retired = vec![
        FormerKey { role: KeyRole::Seal, key: old.seal_key },
        FormerKey { role: KeyRole::Witness, key: old.witness_key },
    ];
    // Under the next charter everything is judged anew.
    let mut anew = Fold { roots: vec![root], members: Members::new(), next: 0 };
    anew.root_says(Fact::MemberAdmitted(old.clone())).expect("the charter knew these keys");
    // A key it never had is not its own, nor one that it had for something else.
    for key in [KeyPair::from_seed([97; 32]).public(), old.witness_key] {
        let mut thief = old.clone();
        thief.seal_key = key;
        thief.witness_key = next.witness_key;
        let refused = anew.refused(Fact::MemberAdmitted(prove(thief)));
        assert_eq!(refused, "member.not_as_charter");
    }
    anew.root_says(Fact::MemberAdmitted(next.clone())).expect("as the charter says now");
    let member = &anew.members[&next.node];
    assert_eq!(member.seal_keys(), [next.seal_key, old.seal_key]);
    assert_eq!(member.witness_vkeys().len(), 2);
    // It does not go back, and nobody else has the key.
    assert_eq!(anew.refused(Fact::MemberAdmitted(old.clone())), "member.key_taken");
    let mut other = admission("haishu", "330203", 3);
    other.seal_key = old.seal_key;
    assert_eq!(anew.refused(Fact::MemberAdmitted(prove(other))), "member.key_taken");
}

#[test]
fn a_withdrawn_node_is_admitted_anew_with_fresh_keys_and_the_next_generation() {
    let mut fold = Fold::founded();
    let anew = |generation: u32, seed: u8| {
        let mut anew = admission("yinzhou", "330212", seed);
        anew.origin = Origin::new(anew.origin.domain().clone(), anew.node.clone(), generation);
        prove(anew)
    };
    assert_eq!(fold.refused(Fact::MemberAdmitted(anew(2, 7))), "member.log_changed", "not yet");
    fold.root_says(Fact::MemberWithdrawn(change("yinzhou", 12))).expect("withdrawn");
    assert_eq!(fold.refused(Fact::MemberAdmitted(anew(1, 7))), "member.withdrawn");
    // Whoever found the old keys cannot come back with one of them.
    let mut thief = anew(2, 7);
    thief.witness_key = admission("yinzhou", "330212", 2).witness_key;
    assert_eq!(fold.refused(Fact::MemberAdmitted(thief)), "member.key_taken");
    let entry = fold.next;
    assert_eq!(fold.root_says(Fact::MemberAdmitted(anew(2, 7))).expect("anew"), Some(0));

    let member = fold.yinzhou();
    assert_eq!((member.status(), member.admission.origin.generation()), (Status::Active, 2));
    assert!(member.voice(0).is_ok());
    let [former] = member.past.generations.as_slice() else { panic!("one former generation") };
    assert_eq!(former.changes.last().expect("its end").status, Status::Withdrawn);
    let old = member.of_log(&former.admission.origin).expect("its old log");
    assert!(old.voice(11).is_ok());
    assert_eq!(old.voice(12).expect_err("gone").code(), "member.withdrawn");
    assert_eq!(member.of_log(&member.admission.origin).as_ref(), Some(member));
    assert_eq!(member.of_log(&anew(3, 7).origin), None);
    let retired = &member.past.retired;
    assert_eq!(retired.len(), 4);
    assert!(retired.iter().all(|one| one.until_index == entry));

    // No other node may have the old keys, and the third generation keeps both before it.
    let mut other = admission("haishu", "330203", 3);
    other.seal_key = former.admission.log_key;
    assert_eq!(fold.refused(Fact::MemberAdmitted(other)), "member.key_taken");
    fold.root_says(Fact::MemberWithdrawn(change("yinzhou", 3))).expect("withdrawn");
    fold.root_says(Fact::MemberAdmitted(anew(3, 8))).expect("anew");
    assert_eq!(fold.yinzhou().past.generations.len(), 2);
    assert_eq!(fold.yinzhou().past.retired.len(), 8);
}

#[test]
fn a_replaced_key_stays_known_and_is_never_used_again() {
    let mut fold = Fold::founded();
    let old = admission("yinzhou", "330212", 2);
    let mut rotated = old.clone();
    rotated.seal_key = KeyPair::from_seed([90; 32]).public();
    rotated.witness_key = KeyPair::from_seed([91; 32]).public();
    rotated.identity_key = KeyPair::from_seed([92; 32]).public();
    let rotated = prove(rotated);
    let entry = fold.next;
    fold.root_says(Fact::MemberAdmitted(rotated.clone())).expect("rotated");
    let member = fold.yinzhou();
    assert_eq!(member.admission, rotated);
    let retired: Vec<(KeyRole, PublicKey, u64)> =
        member.past.retired.iter().map(|one| (one.role, one.key, one.until_index)).collect();
    let expected = [
        (KeyRole::Identity, old.identity_key, entry),
        (KeyRole::Witness, old.witness_key, entry),
        (KeyRole::Seal, old.seal_key, entry),
    ];
    assert_eq!(retired, expected);
    assert_eq!(member.seal_keys(), [rotated.seal_key, old.seal_key]);
    let keys = fold.yinzhou().past.retired.len();
    fold.root_says(Fact::MemberAdmitted(rotated.clone())).expect("said again");
    assert_eq!(fold.yinzhou().past.retired.len(), keys, "nothing was replaced");
    let refused = |fold: &mut Fold, change: &dyn Fn(&mut Admission)| {
        let mut changed = rotated.clone();
        change(&mut changed);
        fold.refused(Fact::MemberAdmitted(changed))
    };
    assert_eq!(refused(&mut fold, &|a| a.seal_key = old.seal_key), "member.key_taken", "back");
    assert_eq!(refused(&mut fold, &|a| a.seal_key = old.witness_key), "member.key_taken");
    let swapped = |a: &mut Admission| std::mem::swap(&mut a.seal_key, &mut a.witness_key);
    assert_eq!(refused(&mut fold, &swapped), "member.key_taken", "one key, one role");
}

#[test]
fn a_node_cannot_replace_keys_itself() {
    let mut fold = Fold::founded();
    let own = fold.yinzhou().admission.origin.clone();
    let mut rotated = admission("yinzhou", "330212", 2);
    rotated.seal_key = KeyPair::from_seed([90; 32]).public();
    let refused = fold.says(&own, Fact::MemberAdmitted(rotated)).expect_err("no root");
    assert_eq!(refused.code(), "member.not_a_root");
}
