//! A country of nodes, simulated: the production state machine of every node and the production
//! choice of links, driven by a queue of events instead of sockets and disks. Links take their
//! time, a stored range takes a commit; bandwidth is not limited, and signatures and hashes are
//! computed once where every node would compute them for itself.
//!
//! The publishing assumed: a district has 85 products and 67 thematic libraries, as Haishu did;
//! each product is registered, listed, priced and revised in about ten entries a year, each
//! library cataloged and revised in about three, with authorizations and monthly statements some
//! 1,100 entries a year: five a working day. A city publishes ten times as much. All of it comes
//! in eight office hours, each entry under a head of its own.

mod country;
mod hostile;
mod queue;
mod random;
mod spread;
mod traffic;
mod world;

use clap::Args;
use serde_json::{Value, json};

use crate::{report::Report, stopwatch::Stopwatch};
use country::Country;
use traffic::Traffic;
use world::World;

/// Before anything is measured every pair of nodes has exchanged heads twice.
const WARM_UP_MS: u64 = 70_000;
/// The longest a healed country may take.
const HEALING_MS_MAX: u64 = 1_800_000;
const HOUR_MS: f64 = 3_600_000.0;

/// Simulate a federation as large as a country.
#[derive(Debug, Args)]
pub struct Federation {
    /// Nodes, a tenth of them cities; a tenth and a third as many are simulated as well.
    #[arg(long, default_value_t = 3_000)]
    nodes: usize,
    /// Simulated seconds of publishing that are measured.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// What the delays, the writers and the moments follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A row of the table.
type Row = Vec<(&'static str, Value)>;

impl Federation {
    /// Runs it.
    pub fn run(&self) -> anyhow::Result<()> {
        let mut counts = vec![self.nodes / 10, self.nodes / 3, self.nodes];
        counts.retain(|count| *count >= 2 * country::PROVINCE_NODES || *count == self.nodes);
        let (mut rows, mut kinds) = (Vec::new(), Vec::new());
        for count in counts {
            let (row, of_kinds) = self.simulate(count, false)?;
            rows.push(row);
            kinds.extend(of_kinds);
        }
        // Beside the honest country one in which a hundredth of the members is silent and one evil.
        rows.push(self.simulate(self.nodes, true)?.0);
        let what = format!(
            "A federation in {} simulated seconds of office hours; then a province of {} nodes \
             comes back after a day",
            self.seconds,
            country::PROVINCE_NODES
        );
        Report { name: "federation", what, fdatasync: Value::Null, rows }.print()?;
        let what = "Messages and kilobytes of one node in an office hour, by kind".to_owned();
        Report { name: "federation_traffic", what, fdatasync: Value::Null, rows: kinds }.print()
    }

    fn simulate(&self, count: usize, hostile: bool) -> anyhow::Result<(Row, Vec<Row>)> {
        let watch = Stopwatch::start();
        let country = Country::new(count, self.seed);
        let links = country.links();
        let mut world = World::new(country, self.seed, hostile);
        let state_bytes = resident_bytes()? / f64_of(count).powi(2);
        world.run(WARM_UP_MS);

        world.begin_measuring();
        world.publish_for(self.seconds * 1_000);
        let calm = world.measured();
        let spread = world.settle();

        world.cut_off_a_day();
        world.begin_measuring();
        let healing = world.heal(HEALING_MS_MAX);
        let healed = world.measured();

        let hours = f64_of(usize::try_from(self.seconds)?) * 1_000.0 / HOUR_MS;
        let per_hour = |number: u64| number_of(number) / f64_of(count) / hours;
        let row = vec![
            ("nodes", json!(count)),
            ("hostile", json!(hostile)),
            ("links", json!(f64_of(links) / f64_of(count))),
            ("published", json!(spread.publications)),
            ("s_median", json!(spread.seconds_median)),
            ("s_max", json!(spread.seconds_max)),
            ("hops_max", json!(spread.hops_max)),
            ("msgs_h", json!(per_hour(calm.traffic.messages()))),
            ("mb_h", json!(per_hour(calm.traffic.bytes()) / 1e6)),
            ("remembered", json!(calm.remembered_max)),
            ("heal_s_half", json!(healing.seconds_half)),
            ("heal_s", json!(healing.seconds_all)),
            ("heal_hops", json!(healing.hops_max)),
            ("heal_mb_province", json!(healed.province_bytes / 1e6)),
            ("heal_remembered", json!(healed.remembered_max)),
            ("state_bytes", json!(state_bytes)),
            ("real_s", json!(watch.elapsed().as_secs_f64())),
        ];
        Ok((row, by_kind(count, &calm.traffic, per_hour)))
    }
}

fn by_kind(count: usize, traffic: &Traffic, per_hour: impl Fn(u64) -> f64) -> Vec<Row> {
    let row = |(kind, messages, bytes): (&str, u64, u64)| {
        vec![
            ("nodes", json!(count)),
            ("kind", json!(kind)),
            ("messages", json!(per_hour(messages))),
            ("kb", json!(per_hour(bytes) / 1e3)),
        ]
    };
    traffic.by_kind().map(row).collect()
}

/// Memory of this process that is in use, from Linux.
fn resident_bytes() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kilobytes.unwrap_or("0").parse::<f64>()? * 1024.0)
}

/// Counts of a measurement are far below 2³².
fn f64_of(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Bytes of a simulated window, exact up to 2⁵³.
fn number_of(number: u64) -> f64 {
    let (high, low) = (number >> 32, number & 0xffff_ffff);
    let part = |half: u64| f64::from(u32::try_from(half).unwrap_or(u32::MAX));
    part(high) * 4_294_967_296.0 + part(low)
}
