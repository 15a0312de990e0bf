//! The limit of open files, and how it is shared out. Each connection is a file, and so is what the
//! database writes; a node that spends all of them on strangers can neither read nor sign.

use anyhow::Context as _;
use rustix::process::{Resource, getrlimit, setrlimit};

/// More than a node can use: what is allowed beyond stays where it is.
const WANTED: u64 = 65_536;
/// Files of one node that are no connection from outside: twelve database connections with three
/// files each (`lianshi_store::db::CONNECTIONS_MAX`), the runtimes, logs, commands' locks, and
/// connections this node opens itself.
const KEPT: usize = 128;
/// The fewest a node can work with: those kept, and as many for everybody else.
const LEAST: usize = 2 * KEPT;
/// More pages at a time than two cores can answer; what is over waits its turn.
const PAGES_MAX: usize = 4_096;
/// Metrics and health, asked by a few programs inside.
const OPERATIONS_MAX: usize = 64;
/// Members and their handshakes: a province has about a hundred districts, with up to three links
/// each, and as many handshakes.
pub const PEERS_MAX: usize = 640;

/// Connections each port of one node may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Pages, API, calls and logs.
    pub pages: usize,
    /// Health and metrics.
    pub operations: usize,
    /// Other nodes.
    pub peers: usize,
}

impl Share {
    /// Of a limit, when so many nodes share it; `None` when it is too low for them.
    fn of(limit: u64, nodes: usize) -> Option<Self> {
        let files = usize::try_from(limit).unwrap_or(usize::MAX).checked_div(nodes)?;
        let free = files.checked_sub(KEPT).filter(|_| files >= LEAST)?;
        let operations = (free / 16).min(OPERATIONS_MAX);
        let peers = (free / 4).min(PEERS_MAX);
        Some(Self { pages: (free - operations - peers).min(PAGES_MAX), operations, peers })
    }
}

/// Raises the limit of open files as far as this process may, and shares it among so many nodes.
pub fn share(nodes: usize) -> anyhow::Result<Share> {
    let mut limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(WANTED).min(WANTED);
    if limit.current.is_some_and(|current| current < allowed) {
        limit.current = Some(allowed);
        // Refused only where something else forbids it; what is allowed now is used then.
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files could not be raised");
        }
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(WANTED);
    let share = Share::of(files, nodes).with_context(|| {
        format!(
            "this process may open {files} files, which is too few for {nodes} node(s): each needs \
             {LEAST} at least; raise it with `ulimit -n` or LimitNOFILE="
        )
    })?;
    tracing::debug!(files, ?share, "open files");
    Ok(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_gets_a_share_and_databases_keep_theirs() {
        for (limit, nodes) in [(1024, 1), (1024, 3), (256, 1), (4096, 3), (1 << 20, 1)] {
            let share = Share::of(limit, nodes).expect("enough");
            let all = share.pages + share.operations + share.peers;
            let files = usize::try_from(limit).expect("small") / nodes;
            assert!(all + KEPT <= files, "{limit} files for {nodes}: {share:?}");
            assert!(share.pages >= 64 && share.operations >= 8 && share.peers >= 32, "{share:?}");
        }
        let largest = Share { pages: PAGES_MAX, operations: OPERATIONS_MAX, peers: PEERS_MAX };
        assert_eq!(Share::of(WANTED, 1), Some(largest));
    }

    #[test]
    fn too_few_files_are_refused() {
        assert_eq!(Share::of(255, 1), None);
        assert_eq!(Share::of(767, 3), None);
    }
}
