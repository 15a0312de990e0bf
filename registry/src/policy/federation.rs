//! The policy of a federation for one of its logs: what its members know by themselves, written
//! down for those who are none.

use std::collections::BTreeMap;

use super::{Log, Policy, Quorum, Rule, RuleRefusal, Witness};
use crate::{
    checkpoint::vkey,
    id::{NodeName, Origin},
    key::PublicKey,
    member::{Member, Status},
};

impl Policy {
    /// The log, every active member the charter's rule names but the one that writes it as its
    /// witnesses, and as many of them as the rule asks for. Where the rule names nobody and several
    /// root authorities admit members, none of them has more than half of the witnesses: those it
    /// admitted last are left out. In a federation of one nobody can witness, and none is asked
    /// for.
    pub fn of_federation(
        rule: &Rule,
        members: &[Member],
        (origin, log_key): (&Origin, PublicKey),
    ) -> Result<Self, RuleRefusal> {
        let writer = members.iter().find(|member| member.admission.node == *origin.node());
        let base = writer.and_then(|member| member.admission.base());
        let url = base.map(|base| format!("{base}/log/{}/{}/", origin.node(), origin.generation()));
        let logs = vec![Log { key: vkey(origin, log_key), url }];
        let mut witnesses: Vec<&Member> = members
            .iter()
            .filter(|member| member.status() == Status::Active)
            .filter(|member| member.admission.node != *origin.node())
            .filter(|member| rule.names(&member.admission.node))
            .collect();
        if rule.witnesses.is_empty() {
            witnesses = balanced(witnesses);
        }
        let witnesses: Vec<Witness> = witnesses.into_iter().map(witness).collect();
        if witnesses.is_empty() && rule.witnesses.is_empty() {
            return Ok(Self { logs, witnesses, quorum: Quorum::None });
        }
        let threshold = rule.quorum(witnesses.len())?;
        let members = (0..witnesses.len()).map(Quorum::Witness).collect();
        Ok(Self { logs, witnesses, quorum: Quorum::Group { threshold, members } })
    }
}

/// Of several root authorities none admits a majority by itself: of the largest only as many count
/// as all others have together, in the order of their admission.
fn balanced(witnesses: Vec<&Member>) -> Vec<&Member> {
    let mut by_root: BTreeMap<&NodeName, Vec<&Member>> = BTreeMap::new();
    for member in &witnesses {
        by_root.entry(member.admitted_by.node()).or_default().push(member);
    }
    let largest = by_root.iter().max_by_key(|(_, members)| members.len());
    let Some((root, of_largest)) = largest else { return witnesses };
    let others = witnesses.len() - of_largest.len();
    if others == 0 || of_largest.len() <= others {
        return witnesses;
    }
    let mut admitted: Vec<(u64, &NodeName)> =
        of_largest.iter().map(|one| (one.admitted_index, &one.admission.node)).collect();
    admitted.sort();
    admitted.truncate(others);
    let root = (*root).clone();
    let counts = |member: &&Member| {
        *member.admitted_by.node() != root
            || admitted.iter().any(|(_, node)| **node == member.admission.node)
    };
    witnesses.iter().copied().filter(counts).collect()
}

fn witness(member: &Member) -> Witness {
    let admission = &member.admission;
    Witness {
        name: admission.node.to_string(),
        key: admission.witness_vkey(),
        url: admission.base().map(|base| format!("{base}/witness")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        entry::{Admission, Possession, Texts},
        id::DivisionCode,
        key::KeyPair,
        member::Past,
    };

    fn member(node: &str, root: &str, index: u64) -> Member {
        let origin =
            |node: &str| Origin::parse(&format!("ningbo.example/{node}/1")).expect("an origin");
        let mut seed = [7; 32];
        seed.iter_mut().zip(node.bytes()).for_each(|(place, byte)| *place = byte);
        let key = KeyPair::from_seed(seed).public();
        Member {
            admission: Admission {
                node: NodeName::parse(node).expect("a name"),
                name: Texts { zh: "节点".to_owned(), en: "Node".to_owned() },
                division: DivisionCode::parse("330212").expect("a code"),
                level: "district".to_owned(),
                origin: origin(node),
                identity_key: key,
                log_key: key,
                witness_key: key,
                seal_key: key,
                addresses: Vec::new(),
                public_url: "http://127.0.0.1:1".to_owned(),
                quota_bytes: 1,
                possession: Possession::default(),
            },
            admitted_by: origin(root),
            admitted_index: index,
            changes: Vec::new(),
            past: Past::default(),
        }
    }

    fn names(rule: &Rule, members: &[Member], writer: &str) -> Vec<String> {
        let member = members.iter().find(|one| one.admission.node.as_str() == writer);
        let admission = &member.expect("a member").admission;
        let policy = Policy::of_federation(rule, members, (&admission.origin, admission.log_key));
        policy.expect("a policy").witnesses().iter().map(|one| one.name.clone()).collect()
    }

    #[test]
    fn of_several_roots_none_admits_a_majority_of_the_witnesses() {
        let mut members = vec![
            member("hangzhou", "hangzhou", 0),
            member("ningbo", "ningbo", 0),
            member("xihu", "hangzhou", 1),
            member("yinzhou", "ningbo", 2),
        ];
        // A root authority that admits nodes of its own making, under names that come first.
        for index in 0..30 {
            members.push(member(&format!("a{index}"), "ningbo", 10 + index));
        }
        members.sort_by(|a, b| a.admission.node.cmp(&b.admission.node));
        let rule = Rule::default();
        // Two of hangzhou, so two of ningbo: those it admitted first, without the writer.
        assert_eq!(names(&rule, &members, "yinzhou"), ["a0", "hangzhou", "ningbo", "xihu"]);
        assert_eq!(names(&rule, &members, "xihu"), ["hangzhou", "ningbo"]);
        // Where the charter names them, they are who it names; of one root all count.
        let named = Rule { witnesses: vec![members[0].admission.node.clone()], ..rule.clone() };
        assert_eq!(names(&named, &members, "xihu"), [members[0].admission.node.to_string()]);
        members.retain(|one| one.admitted_by.node().as_str() == "ningbo");
        assert_eq!(names(&rule, &members, "yinzhou").len(), members.len() - 1);
    }
}
