//! What ends with what: tokens with passwords, sessions and accounts; passwords that others gave;
//! the second step of signing in.

use std::collections::BTreeSet;

use lianshi_registry::refusal::Refusal as _;
use lianshi_store::{
    Db, Failure, Fault, Site,
    accounts::{
        self, AccountRefusal, NewToken, Owed, Role, Scope, SecondFactorRefusal, SecondFactorRule,
        Session, TOKENS_MAX, TokenOrder, User,
    },
    audit::{self, Actor},
};
use totp_rs::{Algorithm, Secret, TOTP};

use crate::{
    accounts::{PASSWORD, add, alive, change, log_in, pass, refused, site},
    support::on_both,
};

const NEW: &str = "another good one";
const STEP_MS: i64 = 30_000;
const FROM: &str = "192.0.2.1";

fn token(site: &Site, login: &str, roles: &[Role]) -> Result<NewToken, Failure<AccountRefusal>> {
    let roles: BTreeSet<Role> = roles.iter().copied().collect();
    let order = TokenOrder { login, label: "test", roles: &roles, days: 30 };
    accounts::create_token(site, &Actor::node(), &order)
}

/// The owner of a token as the API would know them.
fn owner(site: &Site, token: &NewToken) -> Option<User> {
    let now = site.now();
    let found = site.db.read(|read| accounts::user_by_token(read, &token.secret, now));
    found.expect("read")
}

fn session(site: &Site, secret: &str) -> Session {
    accounts::resume_session(site, secret).expect("read").expect("alive")
}

fn told(db: &Db, action: &str) -> Vec<(String, String)> {
    let rows = db.read(|read| audit::newest(read, None, 200)).expect("rows");
    let of_action = rows.into_iter().filter(|row| row.action == action);
    of_action.map(|row| (row.outcome, row.after)).collect()
}

#[test]
fn a_token_ends_with_the_password_the_sessions_and_the_account() {
    on_both(|db| {
        let site = site(db);
        let user = add(&site, "buyer.one", &[Role::Buyer]);
        let node = Actor::node();
        let whose = (&Scope::Node, "buyer.one");
        let own_password = || {
            let here = log_in(&site, "buyer.one", PASSWORD).expect("logged in").secret;
            change(&site, &here, (PASSWORD, NEW)).expect("changed");
        };
        let reset = || {
            accounts::set_password(&site, &node, whose, PASSWORD).expect("changed");
        };
        let sessions = || accounts::end_sessions(&site, &node, &user).expect("ended");
        let disable = || {
            accounts::set_disabled(&site, &node, whose, true).expect("disabled");
            accounts::set_disabled(&site, &node, whose, false).expect("enabled");
        };
        let acts: [(&str, &dyn Fn()); 4] = [
            ("one's own change of the password", &own_password),
            ("an administrator's new password", &reset),
            ("the end of all sessions", &sessions),
            ("disabling, however soon one is enabled again", &disable),
        ];
        for (what, act) in acts {
            let made = token(&site, "buyer.one", &[Role::Buyer]).expect("a token");
            assert!(owner(&site, &made).is_some(), "before {what}");
            act();
            assert_eq!(owner(&site, &made), None, "after {what}");
        }
        let ended = ("done".to_owned(), "tokens ended: 1".to_owned());
        assert!(told(db, "user.password").contains(&ended));
        assert!(told(db, "session.end_all").contains(&ended));
    });
}

#[test]
fn a_token_carries_chosen_roles_and_none_its_owner_lost() {
    on_both(|db| {
        let site = site(db);
        add(&site, "somebody", &[Role::Buyer, Role::Provider]);
        let roles = |made: &NewToken| owner(&site, made).map(|user| user.roles);
        let buys = token(&site, "somebody", &[Role::Buyer]).expect("a token");
        let both = token(&site, "somebody", &[Role::Buyer, Role::Provider]).expect("a token");
        assert_eq!(roles(&buys), Some([Role::Buyer].into()));
        assert_eq!(roles(&both), Some([Role::Buyer, Role::Provider].into()));
        let more = BTreeSet::from([Role::Provider, Role::Finance]);
        let whose = (&Scope::Node, "somebody");
        accounts::set_roles(&site, &Actor::node(), whose, &more).expect("given");
        assert_eq!(roles(&buys), Some(BTreeSet::new()), "no buyer any more");
        assert_eq!(roles(&both), Some([Role::Provider].into()), "nothing was added to it");
        assert_eq!(refused(token(&site, "somebody", &[Role::Buyer])), "account.token_role");
        assert_eq!(refused(token(&site, "somebody", &[])), "account.role_missing");
    });
}

#[test]
fn tokens_are_counted_and_bounded_and_the_old_forgotten() {
    on_both(|db| {
        let site = site(db);
        let user = add(&site, "buyer.one", &[Role::Buyer]);
        let first = token(&site, "buyer.one", &[Role::Buyer]).expect("the first");
        for _ in 1..TOKENS_MAX {
            token(&site, "buyer.one", &[Role::Buyer]).expect("below the limit");
        }
        assert_eq!(refused(token(&site, "buyer.one", &[Role::Buyer])), "account.token_limit");
        accounts::revoke_token(&site, &Actor::node(), &user, &first.id).expect("revoked");
        token(&site, "buyer.one", &[Role::Buyer]).expect("in its place");
        let listed = || {
            let rows: Result<_, Fault> = db.read(|read| accounts::tokens_of(read, &user));
            rows.expect("read").len()
        };
        assert_eq!(listed(), 21);
        pass(31 * 24 * 3_600_000);
        accounts::sweep(&site).expect("swept");
        assert_eq!(listed(), 20, "what was revoked a month ago is forgotten");
        let whose = (&Scope::Node, "buyer.one");
        accounts::set_disabled(&site, &Actor::node(), whose, true).expect("disabled");
        assert_eq!(refused(token(&site, "buyer.one", &[Role::Buyer])), "account.user_disabled");
    });
}

#[test]
fn a_password_that_was_given_is_changed_before_anything_else() {
    on_both(|db| {
        let site = site(db);
        add(&site, "buyer.one", &[Role::Buyer]);
        let rule = SecondFactorRule::Required;
        let owes = |secret: &str| session(&site, secret).owes(rule);
        let here = log_in(&site, "buyer.one", PASSWORD).expect("logged in").secret;
        assert_eq!(owes(&here), Some(Owed::OwnPassword), "somebody else knows it");
        let here = change(&site, &here, (PASSWORD, NEW)).expect("changed");
        assert_eq!(owes(&here), None);
        let (node, whose) = (Actor::node(), (&Scope::Node, "buyer.one"));
        accounts::set_password(&site, &node, whose, PASSWORD).expect("reset");
        let here = log_in(&site, "buyer.one", PASSWORD).expect("logged in").secret;
        assert_eq!(owes(&here), Some(Owed::OwnPassword), "a reset gives one, too");
        accounts::keep_password(&site, &node, "buyer.one").expect("an explicit act");
        assert_eq!(owes(&here), None);
        assert_eq!(told(db, "user.password_kept").len(), 1);
    });
}

/// What an application on a telephone shows at the site's time.
struct Telephone(TOTP);

impl Telephone {
    fn new(secret: &str) -> Self {
        let secret = Secret::Encoded(secret.to_owned()).to_bytes().expect("base 32");
        Self(TOTP::new(Algorithm::SHA1, 6, 1, 30, secret).expect("a good secret"))
    }

    fn shows(&self, site: &Site) -> String {
        self.0.generate(u64::try_from(site.now().seconds()).expect("after 1970"))
    }
}

fn wrong<T: std::fmt::Debug>(outcome: Result<T, Failure<SecondFactorRefusal>>) -> String {
    match outcome.expect_err("refused") {
        Failure::Refused(SecondFactorRefusal::TryLater { seconds }) => format!("wait {seconds}"),
        Failure::Refused(refusal) => refusal.code().to_owned(),
        Failure::Fault(fault) => panic!("{fault}"),
    }
}

/// A person with a password of their own and a second factor: it and the recovery codes.
fn enrolled(site: &Site, login: &str, roles: &[Role]) -> (Telephone, Vec<String>) {
    let user = add(site, login, roles);
    accounts::keep_password(site, &Actor::node(), login).expect("kept");
    let here = log_in(site, login, PASSWORD).expect("logged in").secret;
    let offer = accounts::offer_second_factor(site, &user).expect("begun");
    let telephone = Telephone::new(&offer.secret);
    let shown = telephone.shows(site);
    let done = accounts::confirm_second_factor(site, &session(site, &here), &shown);
    let done = done.expect("confirmed");
    assert!(!alive(site, &here) && alive(site, &done.session), "the session has a new id");
    pass(STEP_MS);
    (telephone, done.recovery_codes)
}

#[test]
fn the_second_step_is_owed_until_a_code_fits_and_each_code_counts_once() {
    on_both(|db| {
        let site = site(db);
        let rule = SecondFactorRule::Offered;
        let (telephone, _) = enrolled(&site, "buyer.one", &[Role::Buyer]);
        let begun = || log_in(&site, "buyer.one", PASSWORD).expect("logged in").secret;
        let here = begun();
        assert_eq!(session(&site, &here).owes(rule), Some(Owed::SecondStep));
        let prove = |secret: &str, code: &str| {
            accounts::prove_second_step(&site, &session(&site, secret), (code, FROM))
        };
        assert_eq!(wrong(prove(&here, "000000")), "second_factor.code_wrong");
        let code = telephone.shows(&site);
        let done = prove(&here, &code).expect("in");
        assert_eq!(session(&site, &done).owes(rule), None);
        assert!(!alive(&site, &here), "the id of the session changes");
        let again = begun();
        assert_eq!(wrong(prove(&again, &code)), "second_factor.code_wrong", "replayed");
        pass(STEP_MS);
        let older = code;
        let newer = telephone.shows(&site);
        prove(&again, &newer).expect("in");
        let again = begun();
        assert_eq!(wrong(prove(&again, &older)), "second_factor.code_wrong", "older than used");
        let outcomes = told(db, "session.second_step");
        assert!(outcomes.iter().all(|(_, from)| from.starts_with("A-")), "{outcomes:?}");
        assert_eq!(outcomes.iter().filter(|(outcome, _)| outcome == "done").count(), 2);
        assert_eq!(outcomes.iter().filter(|(outcome, _)| outcome != "done").count(), 3);
    });
}

#[test]
fn guessing_codes_is_slowed_whatever_session_it_comes_from() {
    on_both(|db| {
        let site = site(db);
        let (telephone, _) = enrolled(&site, "buyer.one", &[Role::Buyer]);
        let prove = |code: &str| {
            let here = log_in(&site, "buyer.one", PASSWORD).expect("logged in").secret;
            accounts::prove_second_step(&site, &session(&site, &here), (code, FROM))
        };
        for _ in 0..5 {
            assert_eq!(wrong(prove("000000")), "second_factor.code_wrong");
        }
        assert_eq!(wrong(prove(&telephone.shows(&site))), "wait 2", "even the right one");
        pass(2000);
        assert_eq!(wrong(prove("000000")), "second_factor.code_wrong");
        assert_eq!(wrong(prove("000000")), "wait 3");
        pass(STEP_MS);
        prove(&telephone.shows(&site)).expect("in, and the failures are forgotten");
        pass(STEP_MS);
        assert_eq!(wrong(prove("000000")), "second_factor.code_wrong");
    });
}

#[test]
fn a_recovery_code_opens_once_and_new_ones_replace_all() {
    on_both(|db| {
        let site = site(db);
        let (telephone, codes) = enrolled(&site, "buyer.one", &[Role::Buyer]);
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), 10);
        let user = db.read(|read| accounts::user_by_login(read, "buyer.one")).expect("read");
        let user = user.expect("there");
        let left = || {
            let factor: Result<_, Fault> = db.read(|read| accounts::second_factor(read, &user));
            factor.expect("read").expect("in use").recovery_codes
        };
        let begin = || log_in(&site, "buyer.one", PASSWORD).expect("logged in").secret;
        let prove = |code: &str| {
            accounts::prove_second_step(&site, &session(&site, &begin()), (code, FROM))
        };
        let typed = codes[0].to_uppercase().replace('-', " ");
        let here = prove(&typed).expect("in, however it was typed");
        assert_eq!(left(), 9);
        assert_eq!(wrong(prove(&codes[0])), "second_factor.code_wrong", "used");
        let renew =
            |code: &str| accounts::renew_recovery_codes(&site, &session(&site, &here), code);
        assert_eq!(wrong(renew(&codes[1])), "second_factor.code_wrong", "a code of the telephone");
        let fresh = renew(&telephone.shows(&site)).expect("renewed");
        assert_eq!(left(), 10);
        assert_eq!(wrong(prove(&codes[1])), "second_factor.code_wrong", "replaced");
        prove(&fresh[9]).expect("in");
    });
}

#[test]
fn roles_with_money_or_access_owe_a_second_factor_where_it_is_required() {
    on_both(|db| {
        let site = site(db);
        let owes = |login: &str, rule| {
            let here = log_in(&site, login, PASSWORD).expect("logged in").secret;
            session(&site, &here).owes(rule)
        };
        for (number, role) in Role::ALL.into_iter().enumerate() {
            let login = format!("person{number}");
            add(&site, &login, &[role]);
            accounts::keep_password(&site, &Actor::node(), &login).expect("kept");
            let holds = [Role::NodeAdmin, Role::OrgAdmin, Role::Finance].contains(&role);
            let expected = holds.then_some(Owed::SecondFactor);
            assert_eq!(owes(&login, SecondFactorRule::default()), expected, "{role}");
            assert_eq!(owes(&login, SecondFactorRule::Offered), None, "{role}");
        }
    });
}

#[test]
fn a_second_factor_is_removed_with_its_code_and_reset_by_an_administrator() {
    on_both(|db| {
        let site = site(db);
        let (telephone, codes) = enrolled(&site, "org.admin", &[Role::OrgAdmin]);
        let user = add(&site, "buyer.one", &[Role::Buyer]);
        let here = log_in(&site, "org.admin", PASSWORD).expect("logged in").secret;
        let at = |secret: &str| session(&site, secret);
        let here = accounts::prove_second_step(&site, &at(&here), (&codes[0], FROM)).expect("in");
        let admin = at(&here).user;
        let offered = accounts::offer_second_factor(&site, &admin);
        assert_eq!(wrong(offered), "second_factor.already_on");
        let remove = |code: &str| accounts::remove_second_factor(&site, &at(&here), code);
        assert_eq!(wrong(remove("000000")), "second_factor.code_wrong");
        remove(&telephone.shows(&site)).expect("removed");
        assert_eq!(wrong(remove(&codes[1])), "second_factor.absent");
        let required = SecondFactorRule::Required;
        assert_eq!(at(&here).owes(required), Some(Owed::SecondFactor), "set up anew");

        let confirm = |code: &str| accounts::confirm_second_factor(&site, &at(&here), code);
        assert_eq!(wrong(confirm("000000")), "second_factor.not_begun");
        let offer = accounts::offer_second_factor(&site, &admin).expect("begun");
        let same = accounts::offer_second_factor(&site, &admin).expect("shown again");
        assert_eq!(offer, same);
        assert!(offer.address.starts_with("otpauth://totp/Lianshi%20haishu:org.admin?secret="));
        assert_eq!(wrong(confirm("000000")), "second_factor.code_wrong");
        let shown = Telephone::new(&offer.secret).shows(&site);
        confirm(&shown).expect("confirmed");

        let scope = Scope::Organization(user.organization.clone());
        let reset = |actor: &Actor, login: &str| {
            refused(accounts::reset_second_factor(&site, actor, (&scope, login)))
        };
        assert_eq!(reset(&admin.actor(), "org.admin"), "account.own_second_factor");
        assert_eq!(reset(&admin.actor(), "buyer.one"), "account.second_factor_absent");
        assert_eq!(reset(&admin.actor(), "nobody"), "account.user_unknown");
        let node = Actor::node();
        let whose = (&Scope::Node, "org.admin");
        let there = log_in(&site, "org.admin", PASSWORD).expect("logged in").secret;
        accounts::reset_second_factor(&site, &node, whose).expect("reset");
        assert!(!alive(&site, &there), "whoever was signed in is out");
        let here = log_in(&site, "org.admin", PASSWORD).expect("logged in").secret;
        assert_eq!(session(&site, &here).owes(required), Some(Owed::SecondFactor));
        assert!(told(db, "user.second_factor").contains(&("done".to_owned(), "reset".to_owned())));
    });
}
