//! Group commit: requests of many callers share one write transaction, and with it one sync to
//! disk. Each caller is answered after the commit. While one group commits the next one gathers, so
//! the busier it is the larger the groups.

use std::{
    fmt,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use crate::{Db, Fault, Write};

/// Most requests in one transaction: one sync is shared by enough, and no caller waits long.
pub const GROUP_MAX: usize = 64;
/// Requests that may wait: at 5,000 a second the last one waits under half a second.
pub const QUEUE_MAX: usize = 2048;
/// Why a request was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GroupError {
    /// Too many wait; try again later.
    #[error("too many requests wait for the database")]
    Full,
    /// The writer has stopped.
    #[error("the writer has stopped")]
    Stopped,
    /// The transaction failed, and nothing of the request was done.
    #[error("the database failed")]
    Failed(#[source] Arc<Fault>),
}

type Reply<Ans> = Box<dyn FnOnce(Result<Ans, GroupError>) + Send>;

/// A writer in its own thread; cheap to clone. It ends when the last clone is dropped, after it has
/// answered everyone.
pub struct Group<Req, Ans> {
    queue: SyncSender<(Req, Reply<Ans>)>,
}

impl<Req, Ans> Clone for Group<Req, Ans> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<Req, Ans> fmt::Debug for Group<Req, Ans> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Group")
    }
}

impl<Req: Send + 'static, Ans: Send + 'static> Group<Req, Ans> {
    /// Starts a writer. `run` does the requests of a group in one transaction and gives one answer
    /// for each, in order; it may run again, so it must have no effect but rows. When it fails,
    /// each request of the group is tried alone, so that one bad request does not fail its
    /// neighbors; what the rules refuse should be an answer and not a fault.
    pub fn start(
        db: Db,
        name: &str,
        mut run: impl FnMut(&mut Write<'_>, &[Req]) -> Result<Vec<Ans>, Fault> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (queue, requests) = sync_channel(QUEUE_MAX);
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Some(group) = gather(&requests) {
                commit(&db, &mut run, group);
            }
        })?;
        Ok(Self { queue })
    }

    /// Hands a request in. `reply` is called from the writer's thread after the commit, or at once
    /// when the request cannot wait; it must not block.
    pub fn submit(
        &self,
        request: Req,
        reply: impl FnOnce(Result<Ans, GroupError>) + Send + 'static,
    ) {
        match self.queue.try_send((request, Box::new(reply))) {
            Ok(()) => {}
            Err(TrySendError::Full((_, reply))) => reply(Err(GroupError::Full)),
            Err(TrySendError::Disconnected((_, reply))) => reply(Err(GroupError::Stopped)),
        }
    }

    /// Hands a request in and waits for its answer; not for async callers.
    pub fn call(&self, request: Req) -> Result<Ans, GroupError> {
        let (answer, answered) = sync_channel(1);
        self.submit(request, move |outcome| {
            // Nobody waits any more when this fails.
            let _ = answer.send(outcome);
        });
        answered.recv().unwrap_or(Err(GroupError::Stopped))
    }
}

/// The next group: everything that waits. Nobody waits for a fuller group: the next one fills while
/// this one commits.
fn gather<T>(requests: &Receiver<T>) -> Option<Vec<T>> {
    let mut group = vec![requests.recv().ok()?];
    group.extend(requests.try_iter().take(GROUP_MAX - 1));
    Some(group)
}

fn commit<Req, Ans>(
    db: &Db,
    run: &mut impl FnMut(&mut Write<'_>, &[Req]) -> Result<Vec<Ans>, Fault>,
    group: Vec<(Req, Reply<Ans>)>,
) {
    let (requests, replies): (Vec<Req>, Vec<Reply<Ans>>) = group.into_iter().unzip();
    match db.write(|write| run(write, &requests)) {
        Ok(answers) => {
            // A reply without an answer is dropped, and its caller hears that the writer stopped.
            for (reply, answer) in replies.into_iter().zip(answers) {
                reply(Ok(answer));
            }
        }
        Err(fault) if requests.len() > 1 && !fault.is_transient() => {
            for group in requests.into_iter().zip(replies) {
                commit(db, run, vec![group]);
            }
        }
        Err(fault) => {
            let fault = Arc::new(fault);
            for reply in replies {
                reply(Err(GroupError::Failed(Arc::clone(&fault))));
            }
        }
    }
}
