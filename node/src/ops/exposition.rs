//! Gauges in Prometheus' text format: every family once, with its help and type, and its samples
//! together, as the parser of `promtool` demands.

use std::fmt;

use lianshi_store::{outbox::COUNTED_MAX, overview::LogState};

/// What is read from the database when somebody asks.
pub(super) struct Figures {
    /// This node.
    pub node: String,
    /// Rows in the outbox, at most [`COUNTED_MAX`].
    pub waiting: i64,
    /// Every log held here.
    pub logs: Vec<LogState>,
    /// The audit trail contradicts its last seal.
    pub trail_contradicted: bool,
}

/// A gauge of a log: its name, what it says, and its value.
type LogGauge = (&'static str, &'static str, fn(&LogState) -> u64);

const LOG_GAUGES: [LogGauge; 8] = [
    ("size", "Entries held of a log.", |log| log.head.size),
    ("signed_size", "Entries that the newest checkpoint covers.", |log| log.head.checkpoint_size),
    ("settled_size", "Entries that the quorum cosigned.", |log| log.settled_size),
    ("cosignatures", "Cosignatures of the settled checkpoint.", |log| log.cosignatures),
    ("lag", "Entries known to exist and not held here.", |log| log.lag),
    ("quarantined", "Entries that count for nothing.", |log| log.quarantined),
    ("awaiting", "Entries that await a newer program.", |log| log.awaiting),
    ("forked", "1 when two histories of the log were signed.", |log| u64::from(log.forked)),
];

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = &self.node;
        let help = format!("Messages that wait to be sent; {COUNTED_MAX} when there are more.");
        family(f, "lianshi_outbox_waiting", &help)?;
        writeln!(f, "lianshi_outbox_waiting{{node=\"{node}\"}} {}", self.waiting)?;
        family(f, "lianshi_audit_contradicted", "1 when the audit trail contradicts its seal.")?;
        let contradicted = u8::from(self.trail_contradicted);
        writeln!(f, "lianshi_audit_contradicted{{node=\"{node}\"}} {contradicted}")?;
        if self.logs.is_empty() {
            return Ok(());
        }
        for (name, help, value) in LOG_GAUGES {
            family(f, &format!("lianshi_log_{name}"), help)?;
            for log in &self.logs {
                let (origin, value) = (&log.head.origin, value(log));
                writeln!(f, "lianshi_log_{name}{{node=\"{node}\",origin=\"{origin}\"}} {value}")?;
            }
        }
        Ok(())
    }
}

fn family(f: &mut fmt::Formatter<'_>, name: &str, help: &str) -> fmt::Result {
    writeln!(f, "# HELP {name} {help}\n# TYPE {name} gauge")
}
