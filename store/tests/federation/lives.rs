//! What may become of a member: suspended, reinstated, withdrawn, admitted anew and given other
//! keys, in any order. Every node folds the same of it, in whatever order it hears.

use std::collections::BTreeSet;

use lianshi_registry::{
    entry::{Fact, MemberChange},
    id::Origin,
    key::NodeKeys,
};
use lianshi_store::{
    Db,
    catalog::{self, Query},
    members,
};

use super::{Federation, admission, admissions, bytes_of, change, entry, fold_into, holder, keys};
use crate::{
    catalog::{EXAMPLE, digest, key, publish, search, site},
    support::{Draw, fresh_postgres},
};

/// How many lives of a district are told.
const LIVES: u64 = 6;
/// What its root authority says in each of them.
const WORDS: u64 = 9;

/// A district whose root authority suspends, reinstates, withdraws and admits it anew, and replaces
/// its keys, in an order that is drawn; some of it is refused.
fn life(draw: &mut Draw, logs: &[(Origin, Vec<Vec<u8>>)]) -> Federation {
    let (mut federation, mut root) = admissions();
    for word in 0..WORDS {
        let change = MemberChange { from_index: draw.within(0, 24), ..change("yinzhou") };
        let mut anew = admission("yinzhou", "330212");
        root.1.push(entry(match draw.within(0, 5) {
            0 => Fact::MemberSuspended(change),
            1 => Fact::MemberReinstated(change),
            2 | 3 => Fact::MemberWithdrawn(change),
            4 => {
                let generation = u32::try_from(draw.within(2, 3)).expect("small");
                let domain = anew.origin.domain().clone();
                anew.origin = Origin::new(domain, anew.node.clone(), generation);
                let holder = holder(&anew.origin);
                Fact::MemberAdmitted(anew.proved(&keys(&holder)))
            }
            _ => {
                let seal = key(&format!("seal{word}"), 4);
                Fact::MemberAdmitted(anew.proved(&NodeKeys { seal, ..keys("yinzhou") }))
            }
        }));
    }
    federation.logs = [vec![root], logs.to_vec()].concat();
    federation
}

#[test]
fn whatever_becomes_of_a_member_everybody_folds_the_same_of_it_in_any_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let logs: Vec<(Origin, Vec<Vec<u8>>)> = (1..=3)
        .map(|generation: u32| {
            let file = folder.path().join(format!("{generation}.sqlite"));
            let db = Db::open_file(&file).expect("a database");
            let mut site = site(&db, "yinzhou", "330212");
            site.origin = Origin::new(site.origin.domain().clone(), site.node.clone(), generation);
            publish(&site, EXAMPLE);
            publish(&site, EXAMPLE);
            (site.origin.clone(), bytes_of(&db, &site.origin))
        })
        .collect();
    let mut statuses = BTreeSet::new();
    for seed in 0..LIVES {
        let mut draw = Draw(seed);
        let federation = life(&mut draw, &logs);
        let mut seen = Vec::new();
        for order in 0..3 {
            let mut turns: Vec<(usize, usize)> = vec![(0, 100), (1, 100), (2, 100), (3, 100)];
            if order > 0 {
                let turn = |_| {
                    let log = usize::try_from(draw.within(0, 3)).expect("small");
                    (log, usize::try_from(draw.within(1, 9)).expect("small"))
                };
                turns = [(0..12).map(turn).collect(), turns].concat();
            }
            let file = folder.path().join(format!("reader-{seed}-{order}.sqlite"));
            let sqlite = Db::open_file(&file).expect("a database");
            let postgres = (order == 2).then(|| Db::open(&fresh_postgres()).expect("a database"));
            for db in [Some(&sqlite), postgres.as_ref()].into_iter().flatten() {
                fold_into(db, &federation, &turns);
                let known = db.read(members::all).expect("read");
                let quarantined = db.read(|read| catalog::quarantined(read, 200)).expect("read");
                let page = search(db, &Query { status: "any".to_owned(), ..Query::default() });
                seen.push((known, digest(db), quarantined, page));
            }
        }
        for other in &seen {
            assert_eq!(other, &seen[0], "life {seed}");
        }
        let yinzhou = seen[0].0.iter().find(|one| one.admission.node.as_str() == "yinzhou");
        statuses.insert(yinzhou.expect("a member").status().as_str());
    }
    assert!(statuses.len() > 1, "lives that end differently: {statuses:?}");
}
