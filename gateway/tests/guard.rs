//! What answers give away to one who asks everything: figures by subtraction, attributes by
//! guessing, more by subscribing again.

use std::{collections::BTreeMap, fmt::Write as _};

use lianshi_market::guard::MISMATCHES_PER_SUBJECT_MAX;
use serde_json::{Value, json};

use crate::world::{Limits, Reply, Server, WIDE, World};

/// A series of two dimensions that both have totals: `all` regions, in two levels, and year 0 for
/// all years.
fn summed() -> Value {
    json!({
        "columns": [{ "name": "region" }, { "name": "year", "type": "integer" },
            { "name": "mean", "type": "decimal" }, { "name": "firms", "type": "integer" }],
        "series": { "key": ["region"], "dimension": "year", "values": ["mean"], "count": "firms",
            "totals": [
                { "column": "region", "total": "inner", "parts": ["east", "west"] },
                { "column": "region", "total": "all", "parts": ["inner", "south", "north"] },
                { "column": "year", "total": "0", "parts": ["2023", "2024", "2025"] },
            ] }
    })
}

const REGIONS: [&str; 6] = ["east", "west", "south", "north", "inner", "all"];

/// Firms by region and year, small ones among them.
fn counted() -> BTreeMap<(String, i64), i64> {
    let fine = [
        ("east", [3, 40, 60]),
        ("west", [50, 0, 70]),
        ("south", [80, 90, 12]),
        ("north", [11, 25, 4]),
    ];
    let mut counts = BTreeMap::new();
    for (region, by_year) in fine {
        for (year, count) in (2023..).zip(by_year) {
            counts.insert((region.to_owned(), year), count);
        }
    }
    let mut sum = |of: &str, parts: &[&str]| {
        for year in 2023..=2025 {
            let count = parts.iter().map(|part| counts[&((*part).to_owned(), year)]).sum();
            counts.insert((of.to_owned(), year), count);
        }
    };
    sum("inner", &["east", "west"]);
    sum("all", &["inner", "south", "north"]);
    for region in REGIONS {
        let count = (2023..=2025).map(|year| counts[&(region.to_owned(), year)]).sum();
        counts.insert((region.to_owned(), 0), count);
    }
    counts
}

async fn points(world: &World, server: &Server, region: &str) -> Vec<Value> {
    let reply = world.call("cells").json(&json!({ "region": region })).send(server).await;
    reply.data()["points"].as_array().expect("points").clone()
}

#[actix_web::test]
async fn no_withheld_cell_follows_from_everything_that_is_answered() {
    let world = World::new(WIDE);
    let counts = counted();
    let mut file = "region,year,mean,firms\n".to_owned();
    for ((region, year), count) in &counts {
        writeln!(file, "{region},{year},1.50,{count}").expect("a text grows");
    }
    world.load("cells", summed(), &file);
    let server = world.serve();
    let mut withheld = Vec::new();
    for region in REGIONS {
        for point in points(&world, &server, region).await {
            let year = point["year"].as_i64().expect("a year");
            let is_withheld = point["suppressed"] == true;
            assert_eq!(point["mean"].is_null(), is_withheld);
            let at = (region.to_owned(), year);
            assert!(is_withheld || counts[&at] >= 10, "{at:?}");
            withheld.extend(is_withheld.then_some(at));
        }
    }
    let small = counts.values().filter(|count| **count < 10).count();
    assert!(withheld.len() > small, "neighbors of {small} small cells are withheld too");
    let found = solve(&withheld);
    assert!(found.is_empty(), "{found:?}");
    let only_small: Vec<(String, i64)> =
        counts.iter().filter(|(_, count)| **count < 10).map(|(at, _)| at.clone()).collect();
    assert!(!solve(&only_small).is_empty(), "the attack can succeed");
}

/// A cell: a region and a year.
type Place = (String, i64);

/// The withheld cells that follow from the sums and all other cells: those whose unit vector lies
/// in the row space of the sums.
fn solve(withheld: &[(String, i64)]) -> Vec<(String, i64)> {
    let place =
        |region: &str, year: i64| withheld.iter().position(|(r, y)| r == region && *y == year);
    let mut sums: Vec<(Place, Vec<Place>)> = Vec::new();
    for year in [0, 2023, 2024, 2025] {
        let at = |region: &str| (region.to_owned(), year);
        sums.push((at("inner"), vec![at("east"), at("west")]));
        sums.push((at("all"), vec![at("inner"), at("south"), at("north")]));
    }
    for region in REGIONS {
        let at = |year| (region.to_owned(), year);
        sums.push((at(0), vec![at(2023), at(2024), at(2025)]));
    }
    let rows: Vec<Vec<f64>> = sums
        .iter()
        .map(|(total, parts)| {
            let mut row = vec![0.0; withheld.len()];
            for (factor, (region, year)) in
                std::iter::once((1.0, total)).chain(parts.iter().map(|part| (-1.0, part)))
            {
                if let Some(at) = place(region, *year) {
                    row[at] += factor;
                }
            }
            row
        })
        .collect();
    let own = rank(rows.clone());
    let follows = |at: usize| {
        let mut more = rows.clone();
        more.push((0..withheld.len()).map(|n| f64::from(u8::from(n == at))).collect());
        rank(more) == own
    };
    (0..withheld.len()).filter(|at| follows(*at)).map(|at| withheld[at].clone()).collect()
}

fn rank(mut rows: Vec<Vec<f64>>) -> usize {
    let mut rank = 0;
    for column in 0..rows.first().map_or(0, Vec::len) {
        let Some(found) = (rank..rows.len()).find(|row| rows[*row][column].abs() > 1e-9) else {
            continue;
        };
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

#[actix_web::test]
async fn a_reload_shows_nothing_that_was_withheld_while_it_is_the_same() {
    let world = World::new(WIDE);
    let load = |west: u32| {
        let all = 3 + west + 60;
        let file = format!(
            "region,year,mean,firms\neast,2025,1.00,3\nwest,2025,1.00,{west}\n\
             south,2025,1.00,60\nall,2025,1.00,{all}\n"
        );
        let mut definition = summed();
        definition["series"]["totals"] = json!([{ "column": "region", "total": "all" }]);
        world.load("cells", definition, &file);
    };
    let server = world.serve();
    let is_withheld =
        async |region: &str| points(&world, &server, region).await[0]["suppressed"] == true;
    load(50);
    assert_eq!((is_withheld("west").await, is_withheld("south").await), (true, false));
    // West is no longer the smallest neighbor, south is; what west was has not changed for south.
    load(70);
    assert_eq!((is_withheld("west").await, is_withheld("south").await), (false, true));
    load(50);
    assert!(is_withheld("south").await, "its figure is what was withheld");
}

#[actix_web::test]
async fn an_attribute_is_told_only_to_who_states_what_is_compared() {
    let world = World::new(WIDE);
    let server = world.serve();
    let ask = |body: Value| world.call("successor").json(&body).send(&server);
    assert_eq!(ask(json!({ "code": "330283" })).await.refusal(), (422, "call.input_missing"));
    let right = ask(json!({ "code": "330283", "name": "奉化市" })).await;
    assert_eq!(*right.data(), json!({ "result": "match", "successor": "330213" }));
    let wrong = ask(json!({ "code": "330283", "name": "x" })).await;
    assert_eq!(*wrong.data(), json!({ "result": "no_match", "successor": null }));
    assert_eq!(world.calls_metered(), 2);
    // Malformed codes find nobody and cost nothing.
    for bad in ["33028", "33028X", "3302830"] {
        let reply = ask(json!({ "code": bad, "name": "奉化市" })).await;
        assert_eq!(reply.refusal(), (422, "call.input_form"), "{bad}");
    }
    assert_eq!(world.calls_metered(), 2);
    let small = json!({ "result": "withheld", "successor": null, "suppressed": true });
    assert_eq!(*ask(json!({ "code": "330299", "name": "小岛" })).await.data(), small);
    assert_eq!(*ask(json!({ "code": "330299", "name": "x" })).await.data(), small);
}

#[actix_web::test]
async fn definitions_that_undo_the_guard_are_refused() {
    let world = World::new(WIDE);
    let lookup = |lookup: Value| {
        json!({ "columns": [{ "name": "code" }, { "name": "name" }, { "name": "successor" },
            { "name": "people", "type": "integer" }], "lookup": lookup })
    };
    let rows = "code,name,successor,people\n330283,奉化市,330213,480000\n";
    let check = |shape: Value, code: &str| {
        assert_eq!(world.refused("successor", lookup(shape), rows), code);
    };
    check(json!({ "key": ["code"], "answer": ["successor"] }), "dataset.nothing_compared");
    check(
        json!({ "key": ["code"], "compare": ["name"], "answer": ["name"] }),
        "dataset.answers_compared",
    );
    check(
        json!({ "key": ["code"], "compare": ["name"], "answer": ["successor"] }),
        "dataset.no_count",
    );
    check(
        json!({ "key": ["code"], "compare": ["name"], "answer": ["people"], "count": "people" }),
        "dataset.figure_in_lookup",
    );
    let rows = "region,year,mean,firms\neast,2025,1.00,30\neast,2025,1.00,30\n";
    assert_eq!(world.refused("cells", summed(), rows), "dataset.point_twice");
    let mut silent = summed();
    silent["series"].as_object_mut().expect("a table").remove("totals");
    assert_eq!(world.refused("cells", silent, rows), "dataset.no_totals");
    let mut blind = summed();
    blind["series"]["totals"] = json!([]);
    let rows = "region,year,mean,firms\neast,1,1.0,30\nwest,1,1.0,31\nall,1,1.0,61\n\
        east,2,1.0,33\nwest,2,1.0,32\nall,2,1.0,65\neast,3,1.0,10\nwest,3,1.0,12\nall,3,1.0,22\n";
    assert_eq!(world.refused("cells", blind, rows), "dataset.undeclared_total");
}

#[actix_web::test]
async fn a_pin_is_not_found_by_trying() {
    let world = World::new(WIDE);
    let server = world.serve();
    let again = world.subscribe_again();
    let guess = |name: &str, key: &str| {
        world
            .call("successor")
            .header("authorization", &format!("Bearer {key}"))
            .json(&json!({ "code": "330283", "name": name }))
            .send(&server)
    };
    for attempt in 0..MISMATCHES_PER_SUBJECT_MAX {
        // Two subscriptions guess no better than one.
        let key = if attempt % 2 == 0 { &world.key } else { &again };
        assert_eq!(guess("x", key).await.data()["result"], "no_match");
    }
    for key in [&world.key, &again] {
        for name in ["x", "奉化市"] {
            let reply = guess(name, key).await;
            assert_eq!(reply.refusal(), (429, "call.subject_guesses_used"), "{name}");
            assert!(reply.headers.contains_key("retry-after"));
        }
    }
    let other = world.call("successor").json(&json!({ "code": "330213", "name": "奉化区" }));
    assert_eq!(other.send(&server).await.data()["result"], "match");
}

/// Calls by turns through two subscriptions of one enterprise.
async fn by_turns(limits: Limits, calls: usize) -> Vec<Reply> {
    let world = World::new(limits);
    let server = world.serve();
    let again = world.subscribe_again();
    let mut replies = Vec::new();
    for turn in 0..calls {
        let key = if turn % 2 == 0 { &world.key } else { &again };
        let call = world.verify("330213").header("authorization", &format!("Bearer {key}"));
        replies.push(call.send(&server).await);
    }
    replies
}

#[actix_web::test]
async fn a_second_subscription_opens_no_second_quota_and_no_second_rate() {
    let replies = by_turns(Limits { calls_per_month: 20, ..WIDE }, 24).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 20, "not forty");
    assert_eq!(replies[20].refusal(), (429, "call.quota_used"));
    let replies = by_turns(Limits { calls_per_minute: 5, ..WIDE }, 7).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 5);
    assert_eq!(replies[5].refusal(), (429, "call.rate_exceeded"));
}
