//! Recording: calls of many callers share one transaction and one sync of the disk. A call hears
//! its outcome after the commit, never before.

use lianshi_store::{
    Fault, Site,
    group::{Group, GroupError},
    usage::{self, Metered, Metering},
};
use tokio::sync::oneshot;

use crate::refusal::CallRefusal;

/// Sends calls to the one writer of usage.
pub(crate) struct Meter(Group<Metering, Metered>);

impl Meter {
    /// Starts the writer; it ends when the last sender is gone.
    pub(crate) fn start(site: &Site) -> Result<Self, Fault> {
        let node = site.node.clone();
        let group = Group::start(site.db.clone(), "gateway-meter", move |write, calls| {
            usage::meter(write, &node, calls)
        });
        let no_thread = |error| Fault::Connection(format!("no thread for metering: {error}"));
        group.map(Self).map_err(no_thread)
    }

    /// Records a call; returns when it is durable or will never be.
    pub(crate) async fn record(&self, call: Metering) -> Result<Metered, CallRefusal> {
        let (answer, outcome) = oneshot::channel();
        let request_id = call.request_id.clone();
        self.0.submit(call, move |outcome| {
            // A caller that hung up does not hear it; the call is recorded all the same.
            let _ = answer.send(outcome);
        });
        match outcome.await {
            Ok(Ok(metered)) => Ok(metered),
            Ok(Err(GroupError::Full)) => Err(CallRefusal::Busy),
            Ok(Err(error)) => Err(not_recorded(&request_id, &error)),
            Err(_) => Err(not_recorded(&request_id, &GroupError::Stopped)),
        }
    }
}

fn not_recorded(request_id: &str, error: &GroupError) -> CallRefusal {
    let source: &dyn std::error::Error = error;
    tracing::error!(request_id, error = source, "a call was not recorded and not answered");
    match error {
        GroupError::Failed(fault) => CallRefusal::of_fault(fault),
        GroupError::Full | GroupError::Stopped => CallRefusal::Failed,
    }
}
