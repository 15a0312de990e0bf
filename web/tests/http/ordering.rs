//! What the pages before an order say about time and money, and who decides.

use actix_web::http::StatusCode;
use lianshi_store::accounts::Role;

use crate::support::{Node, app, get, post, send, sign_in};

/// The example product with a monthly plan beside the others.
const MONTHLY: &str = r#"
[[product.plan]]
code = "monthly"
name = { zh = "包月", en = "Monthly" }
purpose = "industry"
charge = { model = "flat_monthly", price = "1200" }
calls_per_month_max = 5000
calls_per_minute_max = 60
term_months_max = 12

[product.split]
"#;

/// The end of the authorization in the example.
const UNTIL: &str = "until = 2028-12-31";

/// The last page before an order, with these answers.
macro_rules! check {
    ($app:expr, $cookie:expr, $number:expr, $plan:expr, $months:expr) => {{
        let token = send($app, get("/account").cookie($cookie.clone())).await.csrf();
        let (plan, months) = ($plan, $months);
        let form = format!("csrf={token}&plan={plan}&months={months}&note=addresses");
        let path = format!("/products/{}/subscribe/check", $number);
        send($app, post(&path, &form).cookie($cookie.clone())).await
    }};
}

fn published(node: &Node) -> String {
    published_until(node, UNTIL)
}

fn published_until(node: &Node, until: &str) -> String {
    let file = include_str!("../../../docs/examples/division-code.toml");
    assert!(file.contains(UNTIL));
    let file = file.replacen(UNTIL, until, 1);
    let ceiling =
        "\n[[product.ceiling]]\nunit = \"month\"\nprice_max = \"2000\"\ndocument = \"示例\"\n";
    node.publish_file(&file.replacen("\n[product.split]\n", &format!("{ceiling}{MONTHLY}"), 1))
}

#[actix_web::test]
async fn the_last_page_before_ordering_shows_total_and_last_day() {
    let node = Node::new();
    let number = published(&node);
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let cookie = sign_in(&app, "buyer").await;
    let today = node.site.now().date();
    let last = |months: u32| {
        let after = lianshi_market::term::first_day_after(today, months);
        after.plus_days(-1).to_string()
    };
    for (plan, months, total) in [
        ("monthly", 1, "¥1,200.00"),
        ("monthly", 3, "¥3,600.00"),
        ("public-good", 2, "¥0.00"),
        ("per-call", 2, "¥499,950.00 in a month at most"),
    ] {
        let page = check!(&app, cookie, number, plan, months);
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        let last_day = format!("id=\"last-day\">{}</span>", last(months));
        assert!(page.body.contains(&last_day), "{plan}: no {last_day} in {}", page.body);
        assert!(page.body.contains(total), "{plan}: no {total} in {}", page.body);
    }
}

#[actix_web::test]
async fn a_term_cut_by_the_authorization_says_so_and_costs_less() {
    let node = Node::new();
    let until = node.site.now().date().plus_days(100);
    let number = published_until(&node, &format!("until = {until}"));
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let cookie = sign_in(&app, "buyer").await;
    let words = "The authorization of the product ends before the months you asked for.";
    let whole = check!(&app, cookie, number, "monthly", 2);
    assert!(!whole.body.contains(words) && whole.body.contains("¥2,400.00"), "{}", whole.body);
    let cut = check!(&app, cookie, number, "monthly", 12);
    let last_day = format!("id=\"last-day\">{}</span>", until.plus_days(-1));
    // Three months are less than a hundred days, so that a fourth fee is due.
    for told in [words, &last_day, "¥4,800.00"] {
        assert!(cut.body.contains(told), "no {told} in {}", cut.body);
    }
}

/// "A person will decide" was said of plans that open by themselves.
#[actix_web::test]
async fn the_steps_say_who_decides_by_the_plan() {
    let node = Node::new();
    let number = published(&node);
    node.official("institution", &[Role::Buyer]);
    node.person("enterprise", 1, &[Role::Buyer]);
    node.person("another", 2, &[Role::Buyer]);
    let app = app!(node);
    let base = format!("/products/{number}/subscribe");
    let by_person =
        ["Reviewed by the operator", "The operator reads them", "If the operator agrees"];
    let cases = [
        ("institution", "public-good", true),
        ("enterprise", "public-good", false),
        ("another", "per-call", false),
    ];
    for (login, plan, automatic) in cases {
        let cookie = sign_in(&app, login).await;
        let terms = format!("{base}/terms?plan={plan}&months=2");
        let terms = send(&app, get(&terms).cookie(cookie.clone())).await;
        let check = check!(&app, cookie, number, plan, 2);
        for page in [terms, check] {
            let said = by_person.iter().any(|words| page.body.contains(words));
            assert_eq!(said, !automatic, "{plan}: {}", page.body);
        }
        let token = send(&app, get("/account").cookie(cookie.clone())).await.csrf();
        let form = format!("csrf={token}&plan={plan}&months=2&note=addresses");
        let sent = send(&app, post(&base, &form).cookie(cookie.clone())).await;
        let page = send(&app, get(&sent.location).cookie(cookie.clone())).await;
        assert!(page.body.contains("Request sent"), "{}", page.body);
        let person = page.body.contains("decides on your request");
        let itself = page.body.contains("No person has to decide");
        assert_eq!((person, itself), (!automatic, automatic), "{plan}: {}", page.body);
        let id = sent.location.split('/').nth(2).unwrap();
        let page = send(&app, get(&format!("/subscriptions/{id}")).cookie(cookie.clone())).await;
        assert!(!page.body.contains("waiting for a decision"), "{}", page.body);
    }
}

#[actix_web::test]
async fn a_term_in_full_width_digits_is_that_term_and_junk_is_told_at_the_field() {
    let node = Node::new();
    let number = published(&node);
    node.person("buyer", 1, &[Role::Buyer]);
    let app = app!(node);
    let cookie = sign_in(&app, "buyer").await;
    let page = check!(&app, cookie, number, "monthly", "%EF%BC%93");
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("¥3,600.00"), "{}", page.body);
    for junk in ["abc", "0", "13", "1.5", "-1", ""] {
        let page = check!(&app, cookie, number, "monthly", junk);
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{junk}");
        assert!(page.body.contains(&format!("value=\"{junk}\"")), "{junk}: {}", page.body);
        assert!(page.body.contains("id=\"months-error\""), "{junk}: {}", page.body);
    }
}

/// A month that could not be read once showed the bills of all months.
#[actix_web::test]
async fn a_month_that_cannot_be_read_shows_no_bills_and_says_so() {
    let node = Node::new();
    node.person("everything", 1, &Role::ALL);
    let app = app!(node);
    let cookie = sign_in(&app, "everything").await;
    for path in ["/bills", "/finance/statements"] {
        for junk in ["October", "2026-13", "2026-1"] {
            let asked = format!("{path}?period={junk}");
            let page = send(&app, get(&asked).cookie(cookie.clone())).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{asked}");
            for part in ["id=\"period-error\"", "<title>Error:", &format!("value=\"{junk}\"")] {
                assert!(page.body.contains(part), "{asked}: no {part} in {}", page.body);
            }
        }
        for good in ["2026-10", "", "%EF%BC%92%EF%BC%90%EF%BC%92%EF%BC%96-10"] {
            let asked = format!("{path}?period={good}");
            let page = send(&app, get(&asked).cookie(cookie.clone())).await;
            assert_eq!(page.status, StatusCode::OK, "{asked}");
        }
    }
}
