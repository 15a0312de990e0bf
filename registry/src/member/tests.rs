//! Admission, standing and every refusal.

use super::*;
use crate::{entry::Texts, id::FederationDomain, key::KeyPair, refusal::Refusal as _};

fn admission(node: &str, division: &str, seed: u8) -> Admission {
    let node = NodeName::parse(node).expect("valid");
    let key = |role: u8| KeyPair::from_seed([seed * 10 + role; 32]).public();
    Admission {
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
        quota_entries: 1000,
    }
}

struct Fold {
    roots: Vec<Root>,
    members: Members,
    next: u64,
}

impl Fold {
    fn new() -> Self {
        let root = admission("ningbo", "330200", 1);
        let roots = vec![Root { origin: root.origin.clone(), log_key: root.log_key }];
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
fn a_root_admits_itself_first_and_only_its_own_division() {
    let mut fold = Fold::new();
    let yinzhou = Fact::MemberAdmitted(admission("yinzhou", "330212", 2));
    assert_eq!(fold.refused(yinzhou.clone()), "member.root_not_admitted");
    fold.root_says(Fact::MemberAdmitted(admission("ningbo", "330200", 1))).expect("itself");
    assert_eq!(fold.root_says(yinzhou).expect("admitted"), Some(0));
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

#[test]
fn of_two_roots_the_smaller_origin_keeps_a_name_in_any_order() {
    let second = admission("zhejiang", "330000", 4);
    let build = |second_first: bool| {
        let mut fold = Fold::new();
        fold.roots.push(Root { origin: second.origin.clone(), log_key: second.log_key });
        let first_origin = fold.roots[0].origin.clone();
        let first = |fold: &mut Fold| {
            let _ =
                fold.says(&first_origin, Fact::MemberAdmitted(admission("ningbo", "330200", 1)));
            let _ =
                fold.says(&first_origin, Fact::MemberAdmitted(admission("yinzhou", "330212", 2)));
        };
        let other = |fold: &mut Fold| {
            let _ = fold.says(&second.origin, Fact::MemberAdmitted(second.clone()));
            let yinzhou = Fact::MemberAdmitted(admission("yinzhou", "330299", 5));
            let _ = fold.says(&second.origin, yinzhou);
            let _ = fold.says(&second.origin, Fact::MemberSuspended(change("yinzhou", 0)));
        };
        if second_first {
            other(&mut fold);
            first(&mut fold);
        } else {
            first(&mut fold);
            other(&mut fold);
        }
        fold.yinzhou().admission.clone()
    };
    assert_eq!(build(true), build(false));
    assert_eq!(build(true).division.as_str(), "330212");
}

#[test]
fn a_withdrawn_node_is_admitted_anew_with_fresh_keys_and_the_next_generation() {
    let mut fold = Fold::founded();
    let anew = |generation: u32, seed: u8| {
        let mut anew = admission("yinzhou", "330212", seed);
        anew.origin = Origin::new(anew.origin.domain().clone(), anew.node.clone(), generation);
        anew
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
