//! Accounts: logging in and being kept out, sessions and their end, tokens, who may change whom.

use std::{cell::Cell, collections::BTreeSet, sync::Arc};

use lianshi_registry::{
    entry::Texts,
    id::{DivisionCode, NodeName, Origin},
    key::KeyPair,
    refusal::Refusal,
    time::Timestamp,
    uscc::{self, Uscc},
};
use lianshi_store::{
    Db, Failure, Fault, Site,
    accounts::{
        self, ABSOLUTE_MS, AccountRefusal, Attempt, ENTERPRISE, IDLE_MS, LoginRefusal, NewSession,
        NewToken, NewUser, OrganizationRecord, PasswordChange, PasswordRefusal, Role, Scope,
        TokenOrder, User,
    },
    audit::{self, Actor, Verdict},
};

use crate::support::{on_both, on_sqlite};

thread_local! {
    /// The time of a test's site; each test has its thread.
    static NOW_MS: Cell<i64> = const { Cell::new(1_795_000_000_000) };
}

pub fn pass(millis: i64) {
    NOW_MS.with(|now| now.set(now.get() + millis));
}

pub fn site(db: &Db) -> Site {
    Site {
        db: db.clone(),
        node: NodeName::parse("haishu").expect("valid"),
        name: Texts { zh: "海曙".to_owned(), en: "Haishu".to_owned() },
        division: DivisionCode::parse("330203").expect("valid"),
        origin: Origin::parse("ningbo.example/haishu/1").expect("valid"),
        public_url: "http://127.0.0.1:1".to_owned(),
        log_key: KeyPair::from_seed([1; 32]),
        seal_key: KeyPair::from_seed([2; 32]),
        witness_key: KeyPair::from_seed([3; 32]),
        quorum: lianshi_registry::policy::Rule::default(),
        folder: std::env::temp_dir(),
        clock: || Timestamp::from_millis(NOW_MS.with(Cell::get)),
        nudge: Arc::new(|| {}),
    }
}

pub fn code(serial: u8) -> Uscc {
    uscc::complete(&format!("91330203MA2TEQT{serial:02}")).expect("a fictitious code")
}

pub fn organization(site: &Site, serial: u8) -> Uscc {
    let uscc = code(serial);
    let record = OrganizationRecord {
        uscc: uscc.clone(),
        name: Texts { zh: "测试企业".to_owned(), en: "Test Enterprise".to_owned() },
        division: DivisionCode::parse("330203").expect("valid"),
        kind: ENTERPRISE.to_owned(),
    };
    accounts::add_organization(site, &Actor::node(), &record).expect("added");
    uscc
}

pub const PASSWORD: &str = "seven small boats";

pub fn person(login: &str, organization: &Uscc, roles: &[Role]) -> NewUser {
    NewUser {
        login: login.to_owned(),
        organization: organization.clone(),
        display_name: "Somebody".to_owned(),
        roles: roles.iter().copied().collect(),
        password: PASSWORD.to_owned(),
    }
}

pub fn add(site: &Site, login: &str, roles: &[Role]) -> User {
    let organization = organization(site, 1);
    let new = person(login, &organization, roles);
    accounts::add_user(site, &Actor::node(), &Scope::Node, &new).expect("added")
}

pub fn log_in(site: &Site, login: &str, password: &str) -> Result<NewSession, LoginRefusal> {
    log_in_from(site, (login, password), ("192.0.2.1", None))
}

/// From an address, with what a browser got when it signed in.
fn log_in_from(
    site: &Site,
    (login, password): (&str, &str),
    (address, device): (&str, Option<&str>),
) -> Result<NewSession, LoginRefusal> {
    let attempt = Attempt { login, password, address, replaces: None, device };
    accounts::log_in(site, &attempt).map_err(|failure| match failure {
        Failure::Refused(refusal) => refusal,
        Failure::Fault(fault) => panic!("{fault}"),
    })
}

pub fn refused<T: std::fmt::Debug>(outcome: Result<T, Failure<AccountRefusal>>) -> &'static str {
    match outcome.expect_err("refused") {
        Failure::Refused(refusal) => refusal.code(),
        Failure::Fault(fault) => panic!("{fault}"),
    }
}

pub fn alive(site: &Site, secret: &str) -> bool {
    accounts::resume_session(site, secret).expect("read").is_some()
}

#[test]
fn a_person_logs_in_and_the_session_ends_when_idle_and_after_a_day() {
    on_both(|db| {
        let site = site(db);
        let user = add(&site, "buyer.one", &[Role::Buyer]);
        let session = log_in(&site, " Buyer.One ", PASSWORD).expect("logged in");
        assert_eq!(session.user, user);
        pass(IDLE_MS - 1);
        assert!(alive(&site, &session.secret));
        pass(IDLE_MS - 1);
        assert!(alive(&site, &session.secret), "its use made it live on");
        pass(IDLE_MS);
        assert!(!alive(&site, &session.secret), "idle");
        let busy = log_in(&site, "buyer.one", PASSWORD).expect("logged in").secret;
        for _ in 0..ABSOLUTE_MS / (IDLE_MS / 2) - 1 {
            pass(IDLE_MS / 2);
            assert!(alive(&site, &busy));
        }
        pass(IDLE_MS / 2);
        assert!(!alive(&site, &busy), "eight hours are over");
        accounts::sweep(&site).expect("swept");
        assert!(!alive(&site, "no such session"));
    });
}

#[test]
fn an_unknown_login_a_wrong_password_and_a_disabled_user_get_one_answer() {
    on_both(|db| {
        let site = site(db);
        add(&site, "buyer.one", &[Role::Buyer]);
        add(&site, "buyer.two", &[Role::Buyer]);
        let node = Actor::node();
        accounts::set_disabled(&site, &node, (&Scope::Node, "buyer.two"), true).expect("disabled");
        for (login, password) in
            [("nobody", PASSWORD), ("buyer.one", "seven small goats"), ("buyer.two", PASSWORD)]
        {
            assert_eq!(log_in(&site, login, password).err(), Some(LoginRefusal::Wrong), "{login}");
        }
        let rows = db.read(|read| audit::newest(read, None, 10)).expect("rows");
        assert_eq!(rows.iter().filter(|row| row.outcome == "login.wrong").count(), 3);
        assert!(rows.iter().all(|row| row.object != "nobody"), "no typed text is kept");
    });
}

#[test]
fn guessing_becomes_slower_but_never_ends_in_a_lock() {
    on_both(|db| {
        let site = site(db);
        add(&site, "buyer.one", &[Role::Buyer]);
        let mut waited_ms = 0;
        for _ in 0..12 {
            match log_in(&site, "buyer.one", "wrong guess") {
                Err(LoginRefusal::Wrong) => {}
                Err(LoginRefusal::TryLater { seconds }) => {
                    assert_eq!(
                        log_in(&site, "buyer.one", PASSWORD).err(),
                        Some(LoginRefusal::TryLater { seconds }),
                        "the right password waits too"
                    );
                    waited_ms += seconds * 1000;
                    pass(seconds * 1000);
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(waited_ms >= 15_000, "waited {waited_ms} ms");
        pass(300_000);
        assert!(log_in(&site, "buyer.one", PASSWORD).is_ok(), "never a lock");
        assert!(log_in(&site, "buyer.one", PASSWORD).is_ok(), "success forgets the failures");
    });
}

#[test]
fn who_guesses_elsewhere_slows_nobody_here() {
    on_both(|db| {
        let site = site(db);
        add(&site, "buyer.one", &[Role::Buyer]);
        // One wrong password every five minutes: enough to keep a lock closed for ever.
        for _ in 0..15 {
            pass(300_000);
            let guess = ("buyer.one", "wrong guess");
            assert!(log_in_from(&site, guess, ("203.0.113.9", None)).is_err());
        }
        let (own, here) = (("buyer.one", PASSWORD), ("192.0.2.1", None));
        assert!(log_in_from(&site, own, here).is_ok(), "not even for a moment");
    });
}

#[test]
fn an_address_pays_for_guesses_at_all_logins_and_a_known_browser_does_not() {
    on_both(|db| {
        let site = site(db);
        add(&site, "buyer.one", &[Role::Buyer]);
        add(&site, "buyer.two", &[Role::Buyer]);
        let own = ("buyer.one", PASSWORD);
        let device = log_in_from(&site, own, ("2001:db8:1:2::1", None)).expect("in").device;
        for guess in 0..31 {
            let login = format!("login.{guess}");
            let from = format!("2001:db8:1:2::{guess:x}");
            let answer = log_in_from(&site, (&login, "wrong guess"), (&from, None)).err();
            let waits = matches!(answer, Some(LoginRefusal::TryLater { .. }));
            assert_eq!(waits, guess >= 30, "{guess}: one subscriber, whatever the login");
        }
        let here = "2001:db8:1:2::77";
        let stranger = log_in_from(&site, own, (here, None)).err();
        assert!(matches!(stranger, Some(LoginRefusal::TryLater { .. })), "{stranger:?}");
        let other = ("buyer.two", PASSWORD);
        let foreign = log_in_from(&site, other, (here, Some(&device))).err();
        assert!(matches!(foreign, Some(LoginRefusal::TryLater { .. })), "known for another login");
        let known = log_in_from(&site, own, (here, Some(&device))).expect("let through");
        assert_ne!(known.device, device, "a new secret each time");
        let stolen = log_in_from(&site, own, (here, Some(&device))).err();
        assert!(matches!(stolen, Some(LoginRefusal::TryLater { .. })), "the old one is over");
        assert!(
            log_in_from(&site, own, ("2001:db8:1:3::1", None)).is_ok(),
            "elsewhere all is well"
        );
    });
}

#[test]
fn a_known_browser_that_guesses_is_slowed_by_itself() {
    on_both(|db| {
        let site = site(db);
        add(&site, "buyer.one", &[Role::Buyer]);
        let own = ("buyer.one", PASSWORD);
        let device = log_in(&site, own.0, own.1).expect("in").device;
        let guess = |n: u32| {
            let from = format!("198.51.100.{n}");
            log_in_from(&site, ("buyer.one", "wrong guess"), (&from, Some(&device))).err()
        };
        let answers: Vec<_> = (1..=6).map(guess).collect();
        assert!(answers[..5].iter().all(|answer| *answer == Some(LoginRefusal::Wrong)));
        assert!(matches!(answers[5], Some(LoginRefusal::TryLater { .. })), "{answers:?}");
        assert!(log_in(&site, own.0, own.1).is_ok(), "its own delay, nobody else's");
    });
}

#[test]
fn a_person_is_known_in_ten_browsers_and_for_half_a_year() {
    on_both(|db| {
        let site = site(db);
        add(&site, "buyer.one", &[Role::Buyer]);
        let own = ("buyer.one", PASSWORD);
        let devices: Vec<String> = (0..11)
            .map(|_| {
                pass(1000);
                log_in(&site, own.0, own.1).expect("in").device
            })
            .collect();
        let known = |device: &str| {
            for _ in 0..5 {
                let guess = ("buyer.one", "wrong guess");
                assert!(log_in_from(&site, guess, ("203.0.113.9", None)).is_err());
            }
            let passed = log_in_from(&site, own, ("203.0.113.9", Some(device))).is_ok();
            pass(3_700_000);
            passed
        };
        assert!(!known(&devices[0]), "the eleventh took the place of the first");
        assert!(known(&devices[1]));
        pass(accounts::DEVICE_DAYS * 86_400_000);
        accounts::sweep(&site).expect("swept");
        assert!(!known(&devices[2]));
    });
}

#[test]
fn an_unknown_login_is_slowed_like_a_known_one() {
    on_sqlite(|db| {
        let site = site(db);
        add(&site, "buyer.one", &[Role::Buyer]);
        let answers = |login: &str| -> Vec<Option<LoginRefusal>> {
            (0..8).map(|_| log_in(&site, login, "wrong guess").err()).collect()
        };
        assert_eq!(answers("buyer.one"), answers("nobody"));
    });
}

/// A queue that was full once counted as a wrong guess: who came at a bad moment was slowed for it.
/// The queue is the process's own, so one database is enough; so many at once on the other may find
/// it busy, which is no answer to count.
#[test]
fn an_attempt_that_found_the_queue_full_is_not_counted() {
    on_sqlite(|db| {
        let site = site(db);
        let start = NOW_MS.with(Cell::get);
        let here = "192.0.2.99";
        let guess = |n: usize| {
            NOW_MS.with(|now| now.set(start));
            let login = format!("login.{n}");
            log_in_from(&site, (&login, "wrong guess"), (here, None)).expect_err("refused")
        };
        // Far more at once than may wait from one place, and fewer than an address has for free.
        let answers: Vec<LoginRefusal> = std::thread::scope(|scope| {
            let guess = &guess;
            let all: Vec<_> = (0..24).map(|n| scope.spawn(move || guess(n))).collect();
            all.into_iter().map(|one| one.join().expect("ran")).collect()
        });
        let sent_away = answers.iter().filter(|answer| **answer == LoginRefusal::Busy).count();
        let looked_at = answers.iter().filter(|answer| **answer == LoginRefusal::Wrong).count();
        assert_eq!(sent_away + looked_at, 24, "{answers:?}");
        assert!(sent_away > 0, "more than may wait were sent at once");
        let mut more = 0;
        loop {
            match guess(100 + more) {
                LoginRefusal::Wrong => more += 1,
                LoginRefusal::Busy => {}
                LoginRefusal::TryLater { .. } => break,
            }
        }
        assert_eq!(looked_at + more, 30, "those that were looked at, and no others");
    });
}

#[test]
fn parallel_guesses_do_not_slip_through() {
    on_both(|db| {
        let site = site(db);
        add(&site, "buyer.one", &[Role::Buyer]);
        let checked = std::sync::atomic::AtomicU32::new(0);
        let start = NOW_MS.with(Cell::get);
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    NOW_MS.with(|now| now.set(start));
                    if log_in(&site, "buyer.one", "wrong guess") == Err(LoginRefusal::Wrong) {
                        checked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(checked.into_inner(), 5);
    });
}

#[test]
fn a_new_session_replaces_the_old_one_and_disabling_ends_all() {
    on_both(|db| {
        let site = site(db);
        let user = add(&site, "buyer.one", &[Role::Buyer]);
        let first = log_in(&site, "buyer.one", PASSWORD).expect("logged in").secret;
        let attempt = Attempt {
            login: "buyer.one",
            password: PASSWORD,
            address: "192.0.2.1",
            replaces: Some(&first),
            device: None,
        };
        let second = accounts::log_in(&site, &attempt).expect("logged in").secret;
        assert!(!alive(&site, &first) && alive(&site, &second));
        let token = token(&site, "buyer.one", 30).expect("a token");
        let owner = |secret: &str| {
            let now = site.now();
            let user = db.read(|read| accounts::user_by_token(read, secret, now));
            user.expect("read").map(|user| user.login)
        };
        assert_eq!(owner(&token.secret).as_deref(), Some("buyer.one"));
        let node = Actor::node();
        accounts::set_disabled(&site, &node, (&Scope::Node, "buyer.one"), true).expect("disabled");
        assert!(!alive(&site, &second), "disabled at the next request");
        assert_eq!(owner(&token.secret), None);
        accounts::set_disabled(&site, &node, (&Scope::Node, "buyer.one"), false).expect("enabled");
        assert_eq!(owner(&token.secret), None, "it does not come back");
        let living = db.read(|read| accounts::sessions_of(read, &user, site.now()));
        assert!(living.expect("read").is_empty());
        let token = self::token(&site, "buyer.one", 30).expect("a token");
        assert_eq!(owner(&token.secret).as_deref(), Some("buyer.one"));
        accounts::revoke_token(&site, &node, &user, &token.id).expect("revoked");
        assert_eq!(owner(&token.secret), None);
        assert_eq!(
            refused(accounts::revoke_token(&site, &node, &user, &token.id)),
            "account.token_unknown"
        );
        let verdict = db.read(audit::verify).expect("verified");
        assert!(matches!(verdict, Verdict::Whole { .. }));
    });
}

#[test]
fn a_token_ends() {
    on_both(|db| {
        let site = site(db);
        add(&site, "buyer.one", &[Role::Buyer]);
        let made = |days| token(&site, "buyer.one", days);
        let token = made(1).expect("a token");
        let works = || -> bool {
            let now = site.now();
            let user: Result<_, Fault> =
                db.read(|read| accounts::user_by_token(read, &token.secret, now));
            user.expect("read").is_some()
        };
        assert!(works());
        pass(86_400_000);
        assert!(!works());
        assert_eq!(refused(made(0)), "account.token_term");
        assert_eq!(refused(made(367)), "account.token_term");
    });
}

#[test]
fn a_changed_password_or_role_ends_the_sessions() {
    on_both(|db| {
        let site = site(db);
        add(&site, "buyer.one", &[Role::Buyer]);
        let node = Actor::node();
        let before = log_in(&site, "buyer.one", PASSWORD).expect("logged in").secret;
        let whose = (&Scope::Node, "buyer.one");
        accounts::set_password(&site, &node, whose, "another good one").expect("changed");
        assert!(!alive(&site, &before));
        assert!(log_in(&site, "buyer.one", PASSWORD).is_err());
        let after = log_in(&site, "buyer.one", "another good one").expect("logged in").secret;
        let roles = BTreeSet::from([Role::Contributor]);
        accounts::set_roles(&site, &node, whose, &roles).expect("changed");
        assert!(!alive(&site, &after));
        let user = db.read(|read| accounts::user_by_login(read, "buyer.one")).expect("read");
        assert_eq!(user.expect("there").roles, roles);
    });
}

/// A token of a buyer.
fn token(site: &Site, login: &str, days: i64) -> Result<NewToken, Failure<AccountRefusal>> {
    let roles = BTreeSet::from([Role::Buyer]);
    let order = TokenOrder { login, label: "test", roles: &roles, days };
    accounts::create_token(site, &Actor::node(), &order)
}

/// Asks for another password from a session: the new id of the session, or the refusal.
pub fn change(
    site: &Site,
    secret: &str,
    (current, new): (&str, &str),
) -> Result<String, PasswordRefusal> {
    let session = accounts::resume_session(site, secret).expect("read").expect("alive");
    let change = PasswordChange { current, new, session: &session };
    accounts::change_password(site, &change).map_err(|failure| match failure {
        Failure::Refused(refusal) => refusal,
        Failure::Fault(fault) => panic!("{fault}"),
    })
}

#[test]
fn a_person_changes_their_password_and_stays_only_where_they_did() {
    on_both(|db| {
        let site = site(db);
        add(&site, "buyer.one", &[Role::Buyer]);
        let here = log_in(&site, "buyer.one", PASSWORD).expect("logged in").secret;
        let elsewhere = log_in(&site, "buyer.one", PASSWORD).expect("logged in").secret;
        let renewed = change(&site, &here, (PASSWORD, "another good one")).expect("changed");
        assert!(!alive(&site, &here), "the id of the session changes with the password");
        assert!(alive(&site, &renewed) && !alive(&site, &elsewhere));
        assert!(log_in(&site, "buyer.one", PASSWORD).is_err());
        assert!(log_in(&site, "buyer.one", "another good one").is_ok());
        let rows = db.read(|read| audit::newest(read, None, 20)).expect("rows");
        let told = rows.iter().find(|row| row.action == "user.password").expect("told");
        assert_eq!(
            (&*told.actor, &*told.object, &*told.outcome),
            ("buyer.one", "buyer.one", "done")
        );
    });
}

#[test]
fn guessing_the_current_password_is_slowed_and_recorded() {
    on_both(|db| {
        let site = site(db);
        add(&site, "buyer.one", &[Role::Buyer]);
        let here = log_in(&site, "buyer.one", PASSWORD).expect("logged in").secret;
        let weak = AccountRefusal::PasswordShort;
        assert_eq!(change(&site, &here, (PASSWORD, "short")), Err(PasswordRefusal::New(weak)));
        assert_eq!(change(&site, &here, (PASSWORD, PASSWORD)), Err(PasswordRefusal::Unchanged));
        for _ in 0..5 {
            let guessed = change(&site, &here, ("a wrong guess", "another good one"));
            assert_eq!(guessed, Err(PasswordRefusal::CurrentWrong));
        }
        let waits = Err(PasswordRefusal::TryLater { seconds: 2 });
        assert_eq!(change(&site, &here, (PASSWORD, "another good one")), waits);
        assert!(log_in(&site, "buyer.one", PASSWORD).is_ok(), "the door is not slowed by it");
        pass(2000);
        assert!(change(&site, &here, (PASSWORD, "another good one")).is_ok());
        let rows = db.read(|read| audit::newest(read, None, 20)).expect("rows");
        let wrong = rows.iter().filter(|row| row.outcome == "password.current_wrong").count();
        assert_eq!(wrong, 5);
    });
}

#[test]
fn an_organization_has_no_say_in_its_people_who_work_for_the_node() {
    on_both(|db| {
        let site = site(db);
        let admin = add(&site, "org.admin", &[Role::OrgAdmin]);
        add(&site, "node.admin", &[Role::Buyer, Role::NodeAdmin]);
        add(&site, "buyer.one", &[Role::Buyer]);
        let (actor, scope) = (admin.actor(), Scope::Organization(admin.organization.clone()));
        let roles = BTreeSet::from([Role::Buyer]);
        for login in ["node.admin", "org.admin"] {
            let whose = (&scope, login);
            let codes = [
                refused(accounts::set_password(&site, &actor, whose, "another good one")),
                refused(accounts::set_roles(&site, &actor, whose, &roles)),
                refused(accounts::set_disabled(&site, &actor, whose, true)),
            ];
            let expected = if login == "org.admin" {
                ["account.own_password", "account.own_roles", "account.own_roles"]
            } else {
                ["account.node_role"; 3]
            };
            assert_eq!(codes, expected, "{login}");
        }
        let whose = (&scope, "buyer.one");
        accounts::set_password(&site, &actor, whose, "another good one").expect("their own people");
        assert!(log_in(&site, "buyer.one", "another good one").is_ok());
    });
}

#[test]
fn every_refusal_of_an_account_change_has_its_code() {
    on_both(|db| {
        let site = site(db);
        let node = Actor::node();
        let own = organization(&site, 1);
        let foreign = organization(&site, 2);
        add(&site, "admin", &[Role::NodeAdmin]);
        let scope = Scope::Organization(own.clone());
        let add_as =
            |scope: &Scope, new: NewUser| refused(accounts::add_user(&site, &node, scope, &new));
        let base = || person("somebody", &own, &[Role::Buyer]);
        let with = |password: &str| NewUser { password: password.to_owned(), ..base() };
        assert_eq!(
            add_as(&Scope::Node, person("A B", &own, &[Role::Buyer])),
            "account.login_malformed"
        );
        assert_eq!(
            add_as(&Scope::Node, person("ADMIN", &own, &[Role::Buyer])),
            "account.login_taken"
        );
        assert_eq!(add_as(&Scope::Node, person("x1", &own, &[])), "account.role_missing");
        assert_eq!(
            add_as(&Scope::Node, person("x1", &code(9), &[Role::Buyer])),
            "account.organization_unknown"
        );
        assert_eq!(
            add_as(&scope, person("x1", &foreign, &[Role::Buyer])),
            "account.organization_unknown"
        );
        assert_eq!(add_as(&scope, person("x1", &own, &[Role::NodeAdmin])), "account.role_reserved");
        assert_eq!(add_as(&Scope::Node, with("short")), "account.password_short");
        assert_eq!(add_as(&Scope::Node, with(&"x".repeat(300))), "account.password_long");
        assert_eq!(add_as(&Scope::Node, with("password123")), "account.password_common");
        assert_eq!(add_as(&Scope::Node, with("haishu2026")), "account.password_guessable");
        let disable = |actor: &Actor, scope: &Scope, login: &str| {
            refused(accounts::set_disabled(&site, actor, (scope, login), true))
        };
        assert_eq!(disable(&node, &Scope::Node, "nobody"), "account.user_unknown");
        assert_eq!(disable(&node, &Scope::Node, "admin"), "account.last_admin");
        let themselves = Actor { name: "admin".to_owned(), organization: own.to_string() };
        assert_eq!(disable(&themselves, &Scope::Node, "admin"), "account.own_roles");
        let away = person("away", &foreign, &[Role::Buyer]);
        accounts::add_user(&site, &node, &Scope::Node, &away).expect("added");
        assert_eq!(disable(&node, &scope, "away"), "account.user_unknown");
        let other = OrganizationRecord {
            uscc: own.clone(),
            name: Texts { zh: "别名".to_owned(), en: "Other".to_owned() },
            division: DivisionCode::parse("330203").expect("valid"),
            kind: ENTERPRISE.to_owned(),
        };
        assert_eq!(
            refused(accounts::add_organization(&site, &node, &other)),
            "account.organization_exists"
        );
    });
}

/// How far a clock is set back.
const DAY_MS: i64 = 24 * 3_600_000;

#[test]
fn a_clock_set_back_neither_ends_a_session_nor_keeps_it_alive_for_long() {
    on_both(|db| {
        let site = site(db);
        add(&site, "buyer.one", &[Role::Buyer]);
        let session = log_in(&site, "buyer.one", PASSWORD).expect("logged in");
        pass(-DAY_MS);
        assert!(alive(&site, &session.secret), "a person at work is not thrown out");
        let seen = accounts::resume_session(&site, &session.secret).expect("read").expect("alive");
        assert!(seen.seen_at <= site.now() && seen.ends_at() <= site.now().plus_millis(IDLE_MS));
        pass(IDLE_MS);
        assert!(!alive(&site, &session.secret), "its limits count by the clock as it is now");
        // Nobody is locked out for the time the clock was set back.
        for _ in 0..8 {
            let _ = log_in(&site, "buyer.one", "wrong");
        }
        pass(-DAY_MS);
        assert!(log_in(&site, "buyer.one", PASSWORD).is_ok());
    });
}
