//! Whether the node can do its work, which is whether its database can be written: asked by one
//! thread, one question at a time. Who asks the node hears what was found a moment ago, or waits
//! for the next answer, but never for a database that gives none.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use lianshi_store::{
    Site,
    readiness::{Probe, Readiness},
};
use tokio::{
    sync::watch,
    time::{Duration, Instant, timeout},
};

use crate::trouble::Trouble;

/// How long an answer of the database is given on: whoever asks each second has it asked each time.
const FRESH: Duration = Duration::from_millis(300);
/// How long an answer is waited for: more than a lock is (`store/src/readiness.rs`), and with
/// [`FRESH`] less than the two seconds in which a lost database is told.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How often a row is written for good, while somebody asks: the rest of the questions cost the
/// disk nothing.
const FOR_GOOD: Duration = Duration::from_secs(30);

/// What is known of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It can be written.
    Ready,
    /// It can be read, and why no more.
    ReadOnly(String),
    /// It does not answer, and why.
    NoDatabase(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::ReadOnly(why) => write!(f, "read only: {why}"),
            Self::NoDatabase(why) => write!(f, "no database: {why}"),
        }
    }
}

/// Knows how the database is; cheap to clone. Its thread ends with the last clone.
#[derive(Debug, Clone)]
pub struct Watch {
    ask: SyncSender<()>,
    known: watch::Receiver<Option<(Instant, Verdict)>>,
    /// When the question was begun that is not answered yet.
    under_way: Arc<Mutex<Option<Instant>>>,
}

impl Watch {
    /// Starts the thread that asks.
    pub fn start(site: Site) -> io::Result<Self> {
        let (ask, asked) = sync_channel(1);
        let (tell, known) = watch::channel(None);
        let under_way = Arc::new(Mutex::new(None));
        let begun = Arc::clone(&under_way);
        let asking = move || watch(&site, &asked, &begun, &tell);
        thread::Builder::new().name("readiness".to_owned()).spawn(asking)?;
        Ok(Self { ask, known, under_way })
    }

    /// How the database is now.
    pub(super) async fn verdict(&self) -> Verdict {
        let now = Instant::now();
        let mut known = self.known.clone();
        let is_fresh = |known: &Option<(Instant, Verdict)>| {
            known.as_ref().is_some_and(|(at, _)| now.saturating_duration_since(*at) < FRESH)
        };
        if !is_fresh(&known.borrow()) {
            // Full where one is asked for already.
            let _ = self.ask.try_send(());
        }
        let answered = timeout(PATIENCE, known.wait_for(is_fresh)).await;
        match answered {
            Ok(Ok(known)) => known.clone().map_or_else(stopping, |(_, verdict)| verdict),
            Ok(Err(_)) => stopping(),
            Err(_) => self.silent(),
        }
    }

    /// It was asked and did not answer.
    fn silent(&self) -> Verdict {
        let begun = *self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = begun.map_or(0, |begun| begun.elapsed().as_secs());
        Verdict::NoDatabase(format!("it was asked {seconds} s ago and does not answer"))
    }
}

fn stopping() -> Verdict {
    Verdict::NoDatabase("the node stops".to_owned())
}

/// Asks whenever somebody wants to know, until nobody can any more.
fn watch(
    site: &Site,
    asked: &Receiver<()>,
    under_way: &Mutex<Option<Instant>>,
    tell: &watch::Sender<Option<(Instant, Verdict)>>,
) {
    let mut probe = Probe::new(&site.db);
    let mut trouble = Trouble::new("asking whether the database can be written");
    let mut last: Option<(Instant, bool)> = None;
    let begin = |at| *under_way.lock().unwrap_or_else(PoisonError::into_inner) = at;
    while asked.recv().is_ok() {
        let begun = Instant::now();
        begin(Some(begun));
        let is_due = last.is_none_or(|(at, wrote)| !wrote || begun - at >= FOR_GOOD);
        let for_good = is_due || probe.is_doubted();
        let readiness = probe.ask(for_good, site.now());
        begin(None);
        let verdict = match &readiness {
            Readiness::Writes => Verdict::Ready,
            Readiness::Reads(fault) => Verdict::ReadOnly(fault.to_string()),
            Readiness::Gone(fault) => Verdict::NoDatabase(fault.to_string()),
        };
        let outcome = match readiness {
            Readiness::Writes => Ok(()),
            Readiness::Reads(fault) | Readiness::Gone(fault) => Err(fault),
        };
        match (&outcome, for_good) {
            (Ok(()), true) => last = Some((begun, true)),
            (Ok(()), false) => {}
            (Err(_), _) => last = Some((begun, false)),
        }
        trouble.hear(outcome);
        // Where nobody hears it any more, the next question does not come either.
        let _ = tell.send(Some((Instant::now(), verdict)));
    }
}
