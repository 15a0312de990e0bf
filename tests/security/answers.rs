//! What answers give away to an enterprise of the demo that pays for everything it may ask: figures
//! by subtraction, attributes by guessing, free calls by subscribing again.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::{demo::Demo, wait_for};

/// Longest a letter between two nodes takes here.
const LETTER_SECONDS: u64 = 60;
/// Guesses about one subject in a month, as the documents promise.
const GUESSES: usize = 5;
/// Calls a month that the demo's paid plans include.
const INCLUDED: u64 = 100;

/// The demo's enterprise, its home and the node whose products it asks.
struct Buyer<'d> {
    demo: &'d Demo,
    client: reqwest::Client,
}

/// A subscription with a key that opens it.
struct Bought {
    id: String,
    url: String,
    key: String,
    example: Value,
}

impl<'d> Buyer<'d> {
    fn of(demo: &'d Demo) -> Self {
        Self { demo, client: reqwest::Client::new() }
    }

    async fn api(&self, (node, role): (&str, &str), path: &str, body: Option<Value>) -> Value {
        let (_, _, token) = self.demo.account(node, role);
        let url = format!("{}/api/v1/{path}", self.demo.node(node, "web"));
        let request = match body {
            Some(body) => self.client.post(url).json(&body),
            None => self.client.get(url),
        };
        let answer = request.bearer_auth(token).send().await.expect("an answer");
        let status = answer.status();
        let body: Value = answer.json().await.expect("JSON");
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    fn product(&self, name: &str) -> Value {
        let products = self.demo.about["products"].as_array().expect("products");
        let found = products.iter().find(|product| product["name"] == name);
        found.unwrap_or_else(|| panic!("no product {name}")).clone()
    }

    /// Asks for a product, lets its operator agree, and makes a key.
    async fn subscribe(&self, name: &str, second_reason: &str) -> Bought {
        let product = self.product(name);
        let number = product["number"].as_str().expect("a number");
        let wanted = json!({ "product": number, "plan": "per-call", "months": 6,
            "purpose_note": "to see what can be found out", "second_reason": second_reason });
        let asked = self.api(("haishu", "buyer"), "subscriptions", Some(wanted)).await;
        let id = asked["id"].as_str().expect("an id").to_owned();
        self.wait(("yinzhou", "provider"), &id, "requested").await;
        let agree = Some(json!({ "decision": "agree" }));
        self.api(("yinzhou", "provider"), &format!("subscriptions/{id}/decision"), agree).await;
        self.wait(("haishu", "buyer"), &id, "finalized").await;
        self.wait(("yinzhou", "provider"), &id, "finalized").await;
        let label = Some(json!({ "label": "attack" }));
        let made = self.api(("haishu", "buyer"), &format!("subscriptions/{id}/keys"), label).await;
        let operation = product["operation"].as_str().expect("an operation");
        let bought = Bought {
            id,
            url: format!("{}/call/{number}/{operation}", self.demo.node("yinzhou", "gateway")),
            key: made["key"].as_str().expect("a key").to_owned(),
            example: product["example_request"].clone(),
        };
        wait_for("the key to open", LETTER_SECONDS, || async {
            // Malformed on purpose: it is told only to a known key, and costs nothing.
            let (status, _) = self.call(&bought, &json!([])).await;
            (status == 422).then_some(())
        })
        .await;
        bought
    }

    async fn wait(&self, who: (&str, &str), id: &str, state: &str) {
        let (_, _, token) = self.demo.account(who.0, who.1);
        let url = format!("{}/api/v1/subscriptions/{id}", self.demo.node(who.0, "web"));
        wait_for(&format!("{id} to be {state}"), LETTER_SECONDS, || async {
            let answer = self.client.get(&url).bearer_auth(&token).send().await.ok()?;
            let shown: Value = answer.json().await.ok()?;
            (shown["state"] == state).then_some(())
        })
        .await;
    }

    async fn call(&self, bought: &Bought, body: &Value) -> (u16, Value) {
        let sent = self.client.post(&bought.url).bearer_auth(&bought.key).json(body).send().await;
        let answer = sent.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// Calls and units as the provider counts them.
    async fn usage(&self, bought: &Bought) -> (u64, u64) {
        let path = format!("subscriptions/{}/usage", bought.id);
        let usage = self.api(("yinzhou", "provider"), &path, None).await;
        let days = usage["by_day"].as_array().expect("days");
        let sum = |of: &str| days.iter().map(|day| day[of].as_u64().expect("a count")).sum();
        (sum("calls"), sum("units"))
    }
}

/// Where a point stands.
type At = Vec<String>;

/// A sum an attacker knows from the product's page: a member of the column at a place, and those it
/// sums.
type Sum = (usize, &'static str, &'static [&'static str]);

/// Everything that is answered: what counts shops, `None` where it is withheld.
async fn everything(
    buyer: &Buyer<'_>,
    bought: &Bought,
    asked: &[Value],
) -> BTreeMap<At, Option<i64>> {
    let mut points = BTreeMap::new();
    for body in asked {
        let (status, answer) = buyer.call(bought, body).await;
        assert_eq!(status, 200, "{answer}");
        for point in answer["data"]["points"].as_array().expect("points") {
            let keys = body.as_object().expect("an object").values();
            let dimension = point.get("month").or_else(|| point.get("period")).expect("a place");
            let at: At = keys
                .chain([dimension])
                .map(|member| member.as_str().expect("a text").to_owned())
                .collect();
            let is_withheld = point["suppressed"] == true;
            assert_eq!(
                (point["shops"].is_null(), point["turnover"].is_null()),
                (is_withheld, is_withheld)
            );
            points.insert(at, point["shops"].as_i64());
        }
    }
    points
}

/// The withheld points that follow from the shown ones and the sums.
fn attack(points: &BTreeMap<At, Option<i64>>, sums: &[Sum]) -> Vec<At> {
    let unknown: Vec<&At> = points.iter().filter(|(_, v)| v.is_none()).map(|(at, _)| at).collect();
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for (place, total, parts) in sums {
        for at in points.keys().filter(|at| at[*place] == *total) {
            let part = |member: &str| {
                let mut part = at.clone();
                member.clone_into(&mut part[*place]);
                part
            };
            let members = std::iter::once((1.0, at.clone()));
            let members = members.chain(parts.iter().map(|member| (-1.0, part(member))));
            let mut row = vec![0.0; unknown.len()];
            for (factor, member) in members {
                if let Some(at) = unknown.iter().position(|at| **at == member) {
                    row[at] += factor;
                }
            }
            rows.push(row);
        }
    }
    let own = rank(rows.clone());
    let follows = |place: &usize| {
        let mut more = rows.clone();
        more.push((0..unknown.len()).map(|n| f64::from(u8::from(n == *place))).collect());
        rank(more) == own
    };
    (0..unknown.len()).filter(follows).map(|place| unknown[place].clone()).collect()
}

fn rank(mut rows: Vec<Vec<f64>>) -> usize {
    let mut rank = 0;
    for column in 0..rows.first().map_or(0, Vec::len) {
        let found = (rank..rows.len()).find(|row| rows[*row][column].abs() > 1e-6);
        let Some(found) = found else { continue };
        rows.swap(rank, found);
        let pivot = rows[rank].clone();
        for row in rows.iter_mut().skip(rank + 1) {
            let factor = row[column] / pivot[column];
            for (value, of_pivot) in row.iter_mut().zip(&pivot) {
                *value -= factor * of_pivot;
            }
        }
        rank += 1;
    }
    rank
}

/// Nothing withheld is found, though something is withheld; and were only the neighbors shown, it
/// would be.
fn judge(points: &BTreeMap<At, Option<i64>>, sums: &[Sum]) {
    let withheld = points.values().filter(|value| value.is_none()).count();
    assert!(withheld > 1, "{withheld} withheld: nothing to attack");
    let found = attack(points, sums);
    assert!(found.is_empty(), "{found:?}");
    let mut leaky = points.clone();
    let mut can_succeed = false;
    for at in points.iter().filter(|(_, value)| value.is_none()).map(|(at, _)| at) {
        leaky.insert(at.clone(), Some(1));
        can_succeed |= !attack(&leaky, sums).is_empty();
    }
    assert!(can_succeed, "the attack can succeed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_withheld_figure_follows_from_flat_parts_two_dimensions_or_time() {
    let buyer = Buyer::of(Demo::shared().await);
    let areas = ["east", "south", "west", "north", "all"];
    let bought = buyer.subscribe("商圈活跃指数", "").await;
    let asked: Vec<Value> = areas.iter().map(|area| json!({ "area": area })).collect();
    let flat: &[Sum] = &[(0, "all", &["east", "south", "west", "north"])];
    judge(&everything(&buyer, &bought, &asked).await, flat);

    let bought = buyer.subscribe("制造业开工活跃指数", "").await;
    let mut asked = Vec::new();
    for area in ["east", "south", "west", "north", "inner", "outer", "all"] {
        for industry in ["food", "textile", "machinery", "all"] {
            asked.push(json!({ "area": area, "industry": industry }));
        }
    }
    let crossed: &[Sum] = &[
        (0, "inner", &["east", "south"]),
        (0, "outer", &["west", "north"]),
        (0, "all", &["inner", "outer"]),
        (1, "all", &["food", "textile", "machinery"]),
    ];
    judge(&everything(&buyer, &bought, &asked).await, crossed);

    let bought = buyer.subscribe("夜间消费活力指数", "").await;
    let asked = [json!({ "street": "harbor" }), json!({ "street": "market" })];
    let over_time: &[Sum] = &[
        (1, "2025-Q1", &["2025-01", "2025-02", "2025-03"]),
        (1, "2025-Q2", &["2025-04", "2025-05", "2025-06"]),
        (1, "2025-Q3", &["2025-07", "2025-08", "2025-09"]),
        (1, "2025-Q4", &["2025-10", "2025-11", "2025-12"]),
        (1, "2025", &["2025-Q1", "2025-Q2", "2025-Q3", "2025-Q4"]),
    ];
    judge(&everything(&buyer, &bought, &asked).await, over_time);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_is_not_guessed_through_two_subscriptions() {
    let buyer = Buyer::of(Demo::shared().await);
    let first = buyer.subscribe("商业选址评估模型", "").await;
    let second = buyer.subscribe("商业选址评估模型", "to guess twice as often").await;
    let guess = |consent: &str| {
        let mut body = first.example.clone();
        body["consent"] = Value::from(consent);
        body
    };
    let mut without = first.example.clone();
    without.as_object_mut().expect("an object").remove("consent");
    assert_eq!(buyer.call(&first, &without).await.0, 422, "nothing is told to who states nothing");
    let (status, malformed) = buyer.call(&first, &guess("open sesame")).await;
    assert_eq!((status, &malformed["code"]), (422, &json!("call.input_form")));
    assert_eq!(buyer.usage(&first).await, (0, 0), "what is malformed is free");
    for attempt in 0..GUESSES {
        let bought = if attempt % 2 == 0 { &first } else { &second };
        let (status, answer) = buyer.call(bought, &guess("C-0001")).await;
        assert_eq!((status, &answer["data"]["result"]), (200, &json!("no_match")));
        assert_eq!(answer["data"]["band"], Value::Null);
    }
    for bought in [&first, &second] {
        for body in [guess("C-0002"), first.example.clone()] {
            let (status, answer) = buyer.call(bought, &body).await;
            assert_eq!((status, &answer["code"]), (429, &json!("call.subject_guesses_used")));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn free_calls_are_given_once_over_two_subscriptions_and_over_an_end() {
    let buyer = Buyer::of(Demo::shared().await);
    let name = "农业保险定价模型";
    let first = buyer.subscribe(name, "").await;
    let again = json!({ "product": buyer.product(name)["number"], "plan": "per-call", "months": 6,
        "purpose_note": "again" });
    let (_, _, token) = buyer.demo.account("haishu", "buyer");
    let url = format!("{}/api/v1/subscriptions", buyer.demo.node("haishu", "web"));
    let refused = buyer.client.post(url).bearer_auth(token).json(&again).send().await;
    let refused: Value = refused.expect("an answer").json().await.expect("JSON");
    assert_eq!(refused["code"], "subscription.second_needs_reason", "{refused}");
    let second = buyer.subscribe(name, "another department").await;
    let calls = INCLUDED / 2 + 10;
    for bought in [&first, &second] {
        for _ in 0..calls {
            assert_eq!(buyer.call(bought, &bought.example).await.0, 200);
        }
    }
    assert_eq!(buyer.usage(&first).await, (calls, 0));
    assert_eq!(buyer.usage(&second).await, (calls, 2 * calls - INCLUDED));
    for bought in [&first, &second] {
        let end = Some(json!({ "reason": "to begin anew" }));
        buyer.api(("haishu", "buyer"), &format!("subscriptions/{}/end", bought.id), end).await;
        buyer.wait(("yinzhou", "provider"), &bought.id, "ended").await;
    }
    let third = buyer.subscribe(name, "").await;
    assert_eq!(buyer.call(&third, &third.example).await.0, 200);
    assert_eq!(buyer.usage(&third).await, (1, 1), "nothing is free anew");
}
