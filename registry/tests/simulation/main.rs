//! The federation simulated from a seed: the production state machine of every node against a
//! network that delays, drops, duplicates and reorders messages, parts and heals, and against
//! restarts that lose what was not durable. Each seed runs twice and must leave the same trace;
//! after healing every node holds every head and folds to the same catalog digest.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a simulation that breaks its own invariants must stop"
)]

mod disk;
mod node;
mod random;
mod world;

use world::{Faults, World};

/// Simulated time with faults, and after them the time in which every node must have converged: one
/// exchange of heads, one timeout and a margin.
const FAULTY_MS: i64 = 120_000;
const HEALED_MS: i64 = 120_000;

fn run(seed: u64, nodes: usize, faults: Faults) -> World {
    let mut world = World::new(seed, nodes, faults);
    world.run_until(FAULTY_MS);
    world.heal();
    world.run_until(FAULTY_MS + HEALED_MS);
    world
}

fn check(seed: u64, nodes: usize, faults: Faults) {
    let first = run(seed, nodes, faults);
    first.assert_converged();
    let second = run(seed, nodes, faults);
    assert_eq!(first.trace(), second.trace(), "seed {seed} left two traces");
}

#[test]
fn a_calm_network_converges() {
    for seed in 0..3 {
        check(seed, 4, Faults::none());
    }
}

#[test]
fn after_delays_losses_repeats_partitions_and_restarts_all_nodes_agree() {
    for seed in 100..116 {
        check(seed, 5, Faults::all());
    }
}

#[test]
fn a_liar_is_passed_over_and_the_honest_nodes_agree() {
    for seed in 200..206 {
        check(seed, 5, Faults { liar: true, ..Faults::all() });
    }
}

#[test]
fn logs_longer_than_a_range_are_pulled_in_parts() {
    for seed in 300..302 {
        check(seed, 3, Faults { burst: 5000, ..Faults::all() });
    }
}

#[test]
fn a_node_that_lost_its_disk_is_given_everything_again() {
    let mut world = World::new(400, 4, Faults::none());
    world.run_until(FAULTY_MS);
    world.lose_replicas(2);
    world.heal();
    world.run_until(FAULTY_MS + HEALED_MS);
    world.assert_converged();
}

#[test]
fn a_forked_log_is_frozen_and_reported_by_every_node_that_sees_both() {
    let mut world = World::new(500, 4, Faults::none());
    world.run_until(FAULTY_MS);
    world.fork(2);
    world.run_until(FAULTY_MS + HEALED_MS);
    assert!(world.conflicts() > 0, "nobody saw the fork");
    world.assert_no_replica_mixes_the_forks();
}

#[test]
fn a_restored_backup_of_the_own_log_is_noticed() {
    let mut world = World::new(600, 3, Faults::none());
    world.run_until(FAULTY_MS);
    world.restore_backup(1);
    world.run_until(FAULTY_MS + HEALED_MS);
    assert!(world.own_logs_behind() > 0, "the node would have signed a second history");
}
