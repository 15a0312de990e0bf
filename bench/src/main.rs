//! Measurements against named baselines. Each prints a table and its figures as JSON, with the
//! fdatasync latency of the disk it ran on. Run in release: `cargo run --release -p bench --
//! append`.

mod append;
mod call;
mod catalog;
mod close;
mod disk;
mod federation;
mod filler;
mod idle;
mod memory;
mod node;
mod outbox;
mod proof;
mod replica;
mod report;
mod stopwatch;

use clap::{Parser, Subcommand};

/// Measure lianshi.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Durable appends to a node's own log, signed heads included.
    Append(append::Append),
    /// Catalog pages at many listings.
    Catalog(catalog::Catalog),
    /// A cold replica over loopback.
    Replica(replica::Replica),
    /// Metered calls beside nginx proxying the same upstream.
    Call(call::Call),
    /// Inclusion proofs from the tiles of a large log.
    Proof(proof::Proof),
    /// The close of a period.
    Close(close::Close),
    /// Letters to one node while thousands wait for another.
    Outbox(outbox::Outbox),
    /// A node with many contracts and nothing to do.
    Idle(idle::Idle),
    /// A federation of thousands of nodes, simulated.
    Federation(federation::Federation),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Append(command) => command.run(),
        Command::Close(command) => command.run(),
        Command::Catalog(command) => command.run(),
        Command::Replica(command) => command.run(),
        Command::Proof(command) => command.run(),
        Command::Call(command) => command.run(),
        Command::Outbox(command) => command.run(),
        Command::Idle(command) => command.run(),
        Command::Federation(command) => command.run(),
    }
}
