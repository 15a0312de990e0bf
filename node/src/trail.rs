//! The audit trail's jobs in a serving node: what was refused is told, the trail is sealed into the
//! log, and addresses end. The last of it is done when the node stops.

use std::time::Duration;

use lianshi_store::{
    Failure, Fault, Site,
    audit::{self, SealRefusal, When},
    log,
};

use crate::trouble::Trouble;

/// How often it is asked whether a seal is due; how often one is made is decided by the store.
const ASKED_MS: u64 = 60_000;

/// Seals the trail whenever it is due, until the task is aborted. A trail that contradicts its last
/// seal is told once, as everything that fails, and is never sealed again.
pub async fn run(site: Site) {
    let mut ticks = tokio::time::interval(Duration::from_millis(ASKED_MS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut troubles = Troubles {
        told: Trouble::new("telling the audit trail of refused attempts"),
        forgotten: Trouble::new("forgetting addresses whose time is over"),
        sealed: Trouble::new("sealing the audit trail"),
    };
    loop {
        ticks.tick().await;
        let asked = site.clone();
        match tokio::task::spawn_blocking(move || job(&asked)).await {
            Ok((told, forgotten, sealed)) => {
                troubles.told.hear(told);
                troubles.forgotten.hear(forgotten);
                if let Some(Some(_)) = troubles.sealed.hear(sealed) {
                    site.nudge();
                }
            }
            Err(error) => {
                tracing::error!(%error, "sealing the audit trail ended unexpectedly; tried again");
            }
        }
    }
}

struct Troubles {
    told: Trouble,
    forgotten: Trouble,
    sealed: Trouble,
}

type Done = (Result<(), Fault>, Result<(), Fault>, Result<Option<u64>, Failure<SealRefusal>>);

/// Tells the trail what was refused in the minutes that are over, forgets addresses whose time is
/// over, and seals when it is due; each whatever became of the others.
fn job(site: &Site) -> Done {
    (
        audit::settle_denials(site, false),
        site.db.write(|write| audit::forget_addresses(write, site.now())).map(drop),
        audit::seal(site, When::Due),
    )
}

/// Seals what waits and signs the log's new head; gives whether there was something.
pub fn seal(site: &Site, when: When) -> Result<bool, Failure<SealRefusal>> {
    let sealed = audit::seal(site, when)?;
    if sealed.is_some() {
        match log::publish_head(site) {
            Ok(_) => {}
            Err(Failure::Fault(fault)) => return Err(fault.into()),
            // Signed at the next start, or refused there with what to do.
            Err(Failure::Refused(refusal)) => {
                tracing::warn!(%refusal, "the trail is sealed, and the log's head not yet signed");
            }
        }
    }
    Ok(sealed.is_some())
}

/// The same when a node stops: it stops in any case.
pub async fn seal_last(site: Site) {
    let last = move || {
        let told = audit::settle_denials(&site, true);
        let sealed = seal(&site, When::Now);
        told.map_err(Failure::Fault).and(sealed)
    };
    let sealed = tokio::task::spawn_blocking(last).await;
    let told = match sealed {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => error.to_string(),
        Err(error) => Fault::Connection(error.to_string()).to_string(),
    };
    tracing::error!(error = told, "the audit trail was not sealed before the end");
}
