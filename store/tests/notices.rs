//! Who hears of what was decided: by e-mail whoever has a part in it and wants to, and every
//! webhook, once.

use diesel::{QueryableByName, RunQueryDsl as _, sql_types::Text};
use lianshi_registry::{refusal::Refusal as _, time::Timestamp, uscc::Uscc};
use lianshi_store::{
    Db, Failure, Fault, Site,
    accounts::{self, AccountRefusal, Mailbox, OrganizationRecord, Role, Scope},
    audit::Actor,
    notices::{self, MAIL, Mail, NOTICES, Notice, webhook_target},
    outbox::{self, OutboxRow},
    subscriptions,
};

use crate::{
    accounts::{code, person, site},
    subscriptions::{
        approve,
        world::{World, buyer, buyers_clerk, operator, operators_clerk, texts, wanted},
    },
    support::on_both,
};

/// What the trail says of an act.
#[derive(QueryableByName)]
struct Written {
    #[diesel(sql_type = Text)]
    action: String,
    #[diesel(sql_type = Text)]
    change: String,
}

fn rows(db: &Db, target: &str) -> Vec<OutboxRow> {
    let far = Timestamp::from_millis(i64::MAX);
    db.read(|read| outbox::due_to(read, target, (far, 100))).expect("due")
}

/// Adds a person who wants to hear of things at `<login>@office.example`.
fn add(site: &Site, (login, role): (&str, Role), organization: &Uscc) {
    if site.db.read(|read| accounts::organization(read, organization)).expect("read").is_none() {
        let record = OrganizationRecord {
            uscc: organization.clone(),
            name: texts("drill"),
            kind: accounts::ENTERPRISE.to_owned(),
            division: site.division.clone(),
        };
        accounts::add_organization(site, &Actor::node(), &record).expect("added");
    }
    let new = person(login, organization, &[role]);
    accounts::add_user(site, &Actor::node(), &Scope::Node, &new).expect("added");
    set(site, login, Some(&format!("{login}@office.example"))).expect("set");
}

fn set(site: &Site, login: &str, address: Option<&str>) -> Result<(), AccountRefusal> {
    let mailbox = address.map(Mailbox::parse).transpose()?;
    let of = (&Scope::Node, login);
    match accounts::set_mailbox(site, &Actor::node(), of, mailbox.as_ref()) {
        Ok(()) => Ok(()),
        Err(Failure::Refused(refusal)) => Err(refusal),
        Err(Failure::Fault(fault)) => panic!("{fault}"),
    }
}

/// Takes all notices of a node apart, and gives who is written to about what.
fn told(site: &Site) -> Vec<(String, Notice)> {
    for waiting in rows(&site.db, NOTICES) {
        notices::spread(site, &waiting, &["oa".to_owned()]).expect("taken apart");
        notices::spread(site, &waiting, &["oa".to_owned()]).expect("once more changes nothing");
    }
    let mut told = Vec::new();
    for row in rows(&site.db, MAIL) {
        let mail: Mail = serde_json::from_slice(&row.payload).expect("a mail");
        told.push((mail.to, mail.notice.notice));
        site.db.write(|write| outbox::done(write, &row.id)).expect("done");
    }
    told.sort_by(|a, b| a.0.cmp(&b.0));
    told
}

fn changed(notice: &Notice) -> (&str, &str) {
    match notice {
        Notice::SubscriptionChanged { side, state, .. } => (side, state),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_and_what_became_of_it_are_told_to_those_who_have_a_part_in_it() {
    for world in [World::new, || World::mixed(false)] {
        let mut world = world();
        let (home, provider) = (world.home.site.clone(), world.provider.site.clone());
        add(&home, ("buyer", Role::Buyer), &buyer());
        add(&home, ("admin-of-buyer", Role::OrgAdmin), &buyer());
        add(&home, ("stranger", Role::Buyer), &code(7));
        add(&provider, ("seller", Role::Provider), &operator());
        let id = subscriptions::request(&home, &buyers_clerk(), wanted("manual", 12));
        let id = id.expect("requested");
        assert_eq!(told(&home), [], "nobody is told what they did");
        world.carry_all();
        let asked = told(&provider);
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert_eq!(asked[0].0, "seller@office.example");
        assert_eq!(changed(&asked[0].1), ("provider", "requested"));
        approve(&world, &id);
        world.carry_all();
        let decided = told(&home);
        assert_eq!(decided.len(), 1, "{decided:?}");
        assert_eq!(decided[0].0, "buyer@office.example");
        assert_eq!(changed(&decided[0].1), ("home", "finalized"));
        let hooks = rows(&home.db, &webhook_target("oa"));
        assert_eq!(hooks.len(), 1, "once for each notice");
        assert!(told(&provider).is_empty() && rows(&home.db, NOTICES).is_empty());
        // Whoever may not sign in, or took the address back, hears of nothing.
        accounts::set_disabled(&home, &Actor::node(), (&Scope::Node, "buyer"), true).expect("out");
        subscriptions::end(&provider, &operators_clerk(), &id, "over").expect("ended");
        world.carry_all();
        assert_eq!(told(&home), []);
        assert_eq!(rows(&home.db, &webhook_target("oa")).len(), 2);
    }
}

#[test]
fn a_mailbox_is_its_owners_to_take_back_and_the_trail_does_not_hold_it() {
    on_both(|db| {
        let site = site(db);
        let own = crate::accounts::organization(&site, 1);
        add(&site, ("buyer", Role::Buyer), &own);
        let user = db.read(|read| accounts::user_by_login(read, "buyer")).expect("read");
        let user = user.expect("there");
        let kept = || db.read(|read| accounts::mailbox(read, &user)).expect("read");
        assert_eq!(kept().expect("set").as_str(), "buyer@office.example");
        let other = Mailbox::parse("other@office.example").expect("an address");
        accounts::set_own_mailbox(&site, &user, Some(&other)).expect("set");
        assert_eq!(kept(), Some(other));
        accounts::set_own_mailbox(&site, &user, None).expect("taken back");
        assert_eq!(kept(), None);
        assert_eq!(
            set(&site, "buyer", Some("no address")).map_err(|no| no.code()),
            Err("account.mailbox_malformed")
        );
        assert_eq!(set(&site, "nobody", None).map_err(|no| no.code()), Err("account.user_unknown"));
        // What waits for an address that is taken back does not leave; for others who share it, it
        // does.
        let shared = "office@office.example";
        add(&site, ("other", Role::NodeAdmin), &own);
        add(&site, ("admin", Role::NodeAdmin), &own);
        for login in ["other", "admin"] {
            set(&site, login, Some(shared)).expect("set");
        }
        let letter = statement(0, "yinzhou");
        park(&site, &letter);
        for waiting in rows(db, NOTICES) {
            notices::spread(&site, &waiting, &[]).expect("taken apart");
        }
        let mails = rows(db, MAIL);
        assert_eq!(mails.len(), 2);
        assert!(mails.iter().all(|mail| !mail.id.contains("office")), "{mails:?}");
        park(&site, &mails[0]);
        for login in ["other", "admin"] {
            let left = rows(db, MAIL).len() + usize::try_from(parked(db)).expect("few");
            set(&site, login, None).expect("taken back");
            let now = rows(db, MAIL).len() + usize::try_from(parked(db)).expect("few");
            assert_eq!(now + 1, left, "{login}");
        }
        assert!(rows(db, MAIL).is_empty());
        let written = db.read(|read| {
            diesel::sql_query(
                "SELECT action, before || after AS change FROM audit_rows ORDER BY seq",
            )
            .load::<Written>(&mut **read)
            .map_err(Fault::from)
        });
        let written = written.expect("read");
        let acts = written.iter().filter(|act| act.action == "user.mailbox");
        let changes: Vec<&str> = acts.map(|act| act.change.as_str()).collect();
        assert_eq!(
            changes,
            [
                "noneset", "setset", "setnone", "noneset", "noneset", "setset", "setset",
                "setnone", "setnone"
            ]
        );
        assert!(written.iter().all(|act| !act.change.contains("office.example")));
    });
}

fn statement(number: u32, target: &str) -> OutboxRow {
    OutboxRow {
        id: format!("statement/{target}/{number}"),
        kind: "statement".to_owned(),
        target: target.to_owned(),
        ordering_key: format!("{target}/{number}"),
        payload: Vec::new(),
        created_at: 0,
        due_at: 0,
        attempts: 0,
        last_error: String::new(),
    }
}

/// Sets a letter aside, as its receiver's refusal does.
fn park(site: &Site, letter: &OutboxRow) {
    let parked = site.db.write(|write| {
        outbox::enqueue(write, letter)?;
        outbox::park(write, site, letter, ("statement.conflict", "taken before"))
    });
    parked.expect("set aside");
}

fn parked(db: &Db) -> i64 {
    db.read(outbox::parked_count).expect("read")
}

/// A thousand letters refused at once are one piece of news for each node and hour.
#[test]
fn letters_that_are_set_aside_are_told_once_an_hour_for_each_node() {
    on_both(|db| {
        let site = site(db);
        let own = crate::accounts::organization(&site, 1);
        for (login, role) in
            [("admin", Role::NodeAdmin), ("finance", Role::Finance), ("buyer", Role::Buyer)]
        {
            add(&site, (login, role), &own);
        }
        let park = |number: u32, target: &str| park(&site, &statement(number, target));
        (0..10).for_each(|number| park(number, "yinzhou"));
        park(0, "jiangbei");
        park(0, MAIL);
        let first = told(&site);
        park(10, "yinzhou");
        assert_eq!(told(&site), [], "within the hour");
        let to: Vec<&str> = first.iter().map(|(to, _)| to.as_str()).collect();
        let [admin, finance] = ["admin@office.example", "finance@office.example"];
        assert_eq!(to, [admin, admin, finance, finance], "{first:?}");
        assert_eq!(parked(db), 13);
    });
}
