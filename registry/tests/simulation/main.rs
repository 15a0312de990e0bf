//! The federation simulated from a seed: the production state machine and the production witness of
//! every node against a network that delays, drops, duplicates and reorders messages, parts and
//! heals, against clocks that are wrong and are set, against crashes that lose and tear what was
//! not durable, disks set up again from old copies, and members that break the rules. Each seed
//! runs twice and must leave the same trace; after healing every node holds every head, folds to
//! the same catalog digest and has the cosignatures of its neighbors.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a simulation that breaks its own invariants must stop"
)]

mod arrivals;
mod disk;
mod journal;
mod node;
mod random;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use lianshi_registry::sync::HEADS_INTERVAL_MS;
use world::{Faults, Opened, Traitor, World};

/// Simulated time with faults.
const FAULTY_MS: i64 = 60_000;
/// Exchanges of heads after healing in which every node must have converged, each with the seconds
/// that are added by name.
const ROUNDS_MAX: i64 = 3;
const HEALED_MS: i64 = ROUNDS_MAX * (HEADS_INTERVAL_MS + 5_000);
/// Nodes of the large runs.
const MANY_NODES: usize = 50;
/// Seeds of the large runs: `tests/run long` draws them all, a change waits for a fifth of them.
const MANY_SEEDS: u64 = 200;
const SHARE: u64 = 5;
/// Set, all of them are drawn.
const ALL_SEEDS: &str = "LIANSHI_ALL_SEEDS";
/// Set to a seed, only that one runs.
const REPLAY: &str = "LIANSHI_SEED";

/// So many seeds of the large runs, or the share of them that is drawn.
fn many(first: u64, count: u64) -> std::ops::Range<u64> {
    let all = std::env::var_os(ALL_SEEDS).is_some() || std::env::var_os(REPLAY).is_some();
    first..first + if all { count } else { count.div_ceil(SHARE) }
}

fn run(seed: u64, nodes: usize, faults: Faults, opened: Opened) -> World {
    let mut world = World::new(seed, nodes, faults, opened);
    world.run_until(FAULTY_MS);
    world.heal();
    world.run_until(FAULTY_MS + HEALED_MS);
    world
}

fn check(seed: u64, nodes: usize, faults: Faults) {
    let twice = || {
        let first = run(seed, nodes, faults, Opened::new());
        first.assert_converged();
        match faults.traitor {
            Traitor::Equivocator => first.assert_exposed(),
            Traitor::Padded => first.assert_told(),
            Traitor::Hostage | Traitor::Silent => first.assert_patient(),
            _ => {}
        }
        let trace = first.trace();
        let second = run(seed, nodes, faults, first.into_opened());
        assert_eq!(trace, second.trace(), "checker `trace`: seed {seed} left two traces");
    };
    if let Err(cause) = catch_unwind(AssertUnwindSafe(twice)) {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let command = format!("cargo test -p lianshi-registry --test simulation {test}");
        std::panic::panic_any(format!(
            "seed {seed} failed: {}\nreplay it with {REPLAY}={seed} {command}",
            cause.downcast_ref::<String>().map_or("see above", String::as_str)
        ));
    }
}

/// Runs the seeds on all cores, or the one that is to be replayed.
fn check_all(seeds: std::ops::Range<u64>, nodes: usize, faults: Faults) {
    let only: Option<u64> = std::env::var(REPLAY).ok().and_then(|seed| seed.parse().ok());
    for seed in seeds.filter(|seed| only.is_none_or(|only| only == *seed)) {
        check(seed, nodes, faults);
    }
}

#[test]
fn a_calm_network_converges() {
    check_all(0..3, 4, Faults::none());
}

#[test]
fn after_delays_losses_repeats_partitions_and_restarts_all_nodes_agree() {
    check_all(100..116, 5, Faults::all());
}

#[test]
fn fifty_nodes_agree_whatever_breaks_and_whoever_lies_floods_or_is_silent() {
    let traitors = [
        Traitor::None,
        Traitor::Liar,
        Traitor::Flooder,
        Traitor::Silent,
        Traitor::Boaster,
        Traitor::Slow,
    ];
    for (first, traitor) in (1000..).step_by(20).zip(traitors) {
        check_all(
            many(first, MANY_SEEDS / 12),
            MANY_NODES,
            Faults { traitor, rules: true, ..Faults::all() },
        );
    }
}

#[test]
fn three_roots_that_withdraw_and_overreach_leave_one_federation() {
    check_all(800..816, 9, Faults { roots: 3, rules: true, ..Faults::all() });
}

#[test]
fn fifty_nodes_of_three_roots_are_one_federation() {
    check_all(many(3000, 4), MANY_NODES, Faults { roots: 3, rules: true, ..Faults::all() });
}

#[test]
fn withdrawn_is_not_erased() {
    check_all(820..836, 6, Faults { rules: true, ..Faults::all() });
}

#[test]
fn who_takes_hostages_or_dawdles_holds_nobody_up() {
    check_all(840..846, 5, Faults { traitor: Traitor::Hostage, ..Faults::all() });
    check_all(850..858, 5, Faults { traitor: Traitor::Slow, ..Faults::all() });
}

#[test]
fn fifty_nodes_expose_whoever_shows_two_histories() {
    let faults = Faults { traitor: Traitor::Equivocator, ..Faults::all() };
    check_all(many(2000, MANY_SEEDS / 2), MANY_NODES, faults);
}

#[test]
fn a_liar_is_passed_over_and_the_honest_nodes_agree() {
    check_all(200..206, 5, Faults { traitor: Traitor::Liar, ..Faults::all() });
}

#[test]
fn an_equivocator_is_exposed_to_everybody() {
    check_all(700..716, 5, Faults { traitor: Traitor::Equivocator, ..Faults::all() });
}

#[test]
fn the_silent_and_the_boastful_hold_nobody_up() {
    check_all(720..726, 5, Faults { traitor: Traitor::Silent, ..Faults::all() });
    check_all(730..736, 5, Faults { traitor: Traitor::Boaster, ..Faults::all() });
}

#[test]
fn a_flooder_is_not_remembered_and_holds_nobody_up() {
    check_all(740..756, 5, Faults { traitor: Traitor::Flooder, ..Faults::all() });
}

#[test]
fn evidence_that_fills_an_entry_is_told_by_everybody() {
    check_all(860..872, 5, Faults { traitor: Traitor::Padded, ..Faults::all() });
}

#[test]
fn logs_longer_than_a_range_are_pulled_in_parts() {
    check_all(300..302, 3, Faults { burst: 5000, ..Faults::all() });
}

#[test]
fn a_node_that_lost_its_disk_is_given_everything_again() {
    let mut world = World::new(400, 4, Faults::none(), Opened::new());
    world.run_until(FAULTY_MS);
    world.lose_replicas(2);
    world.heal();
    world.run_until(FAULTY_MS + HEALED_MS);
    world.assert_converged();
}

#[test]
fn a_forked_log_is_frozen_and_reported_by_every_node_that_sees_both() {
    let mut world = World::new(500, 4, Faults::none(), Opened::new());
    world.run_until(FAULTY_MS);
    world.fork(2);
    world.run_until(FAULTY_MS + HEALED_MS);
    world.assert_known_forked(2);
    world.assert_no_replica_mixes_the_forks();
}

#[test]
fn a_restored_backup_of_the_own_log_is_noticed() {
    let mut world = World::new(600, 3, Faults::none(), Opened::new());
    world.run_until(FAULTY_MS);
    world.restore_backup(1);
    world.run_until(FAULTY_MS + HEALED_MS);
    assert!(world.own_logs_behind() > 0, "the node would have signed a second history");
}
