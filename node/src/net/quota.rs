//! What one peer may ask of this node: so many requests of each kind, and so many bytes there and
//! back. Whoever asks for more hears that the node is busy, and may ask again a little later;
//! nobody is cut off for it, because an honest peer that catches up asks much as well. A pure
//! decision: time comes in.

use lianshi_registry::wire::Request;
use lianshi_routes::pace::{Bucket, Rate};
use tokio::time::{Duration, Instant};

/// Heads are exchanged every thirty seconds, three seconds after a failure, and at once when a link
/// comes back. An answer is read from the disk and may have a megabyte.
const HEADS: Rate = Rate { per_second: 1, burst: 20 };
/// A head is announced when it is adopted: a city relays what its districts sign, each at most five
/// times a second. The signature of every one is checked.
const ANNOUNCEMENTS: Rate = Rate { per_second: 1_000, burst: 5_000 };
/// A replica that is built from nothing takes a hundred thousand entries a second: four hundred
/// bundles, and as many proofs where ranges are short.
const RESOURCES: Rate = Rate { per_second: 2_000, burst: 4_000 };
/// The post of a node has sixteen letters under way; each is a transaction here.
const LETTERS: Rate = Rate { per_second: 200, burst: 2_000 };
/// How long a peer that is busy is left alone: in a fifth of a second it has room again for forty
/// letters and four questions.
pub const BUSY: Duration = Duration::from_millis(200);
/// A writer asks at most once a second, and once more where the witness says another size; each is
/// a verification, a signature and a transaction.
const SUBMISSIONS: Rate = Rate { per_second: 5, burst: 50 };
/// A node that was restored asks for a thousand standings at a time, and for the messages of each
/// process that has gone on; each is read from the disk.
const QUESTIONS: Rate = Rate { per_second: 20, burst: 200 };
/// A gigabit link, and the bundles of half a million entries of half a kilobyte at once.
const BYTES: Rate = Rate { per_second: 128 << 20, burst: 256 << 20 };

/// What one peer has used.
#[derive(Debug, Default)]
pub(super) struct Quota {
    heads: Bucket,
    announcements: Bucket,
    resources: Bucket,
    letters: Bucket,
    submissions: Bucket,
    questions: Bucket,
    bytes: Bucket,
}

impl Quota {
    /// Whether a request is answered; what is not, costs nothing.
    pub(super) fn admit(&mut self, now: Instant, request: &Request) -> bool {
        let (bucket, rate, size_bytes) = match request {
            Request::Heads(_) => (&mut self.heads, HEADS, 0),
            Request::Announce(note) => (&mut self.announcements, ANNOUNCEMENTS, note.len()),
            Request::Resource { path, .. } => (&mut self.resources, RESOURCES, path.len()),
            Request::Letter { bytes, .. } => (&mut self.letters, LETTERS, bytes.len()),
            Request::Witness(body) => (&mut self.submissions, SUBMISSIONS, body.len()),
            Request::Correspondence(body) => (&mut self.questions, QUESTIONS, body.len()),
        };
        let admitted = bucket.has(now, rate) && self.bytes.has(now, BYTES);
        if admitted {
            bucket.take(now, rate, 1);
            self.charge(now, size_bytes);
        }
        admitted
    }

    /// An answer of so many bytes is sent. How large it is, is known only afterwards, so the last
    /// one may exceed the quota.
    pub(super) fn charge(&mut self, now: Instant, size_bytes: usize) {
        self.bytes.take(now, BYTES, u64::try_from(size_bytes).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Request {
        Request::Letter { kind: "market.message".to_owned(), bytes: Vec::new() }
    }

    /// How many of `asked` requests are admitted at one moment.
    fn admitted(quota: &mut Quota, now: Instant, request: &Request, asked: u64) -> u64 {
        (0..asked).map(|_| u64::from(quota.admit(now, request))).sum()
    }

    #[tokio::test]
    async fn a_burst_is_answered_then_what_the_rate_allows() {
        let submission = Request::Witness(Vec::new());
        let question = Request::Correspondence(Vec::new());
        let kinds = [(letter(), LETTERS), (submission, SUBMISSIONS), (question, QUESTIONS)];
        for (request, rate) in kinds {
            let (mut quota, start) = (Quota::default(), Instant::now());
            assert_eq!(admitted(&mut quota, start, &request, 10_000), rate.burst);
            assert_eq!(admitted(&mut quota, start, &request, 10_000), 0, "all is used");
            let later = start + Duration::from_secs(2);
            assert_eq!(admitted(&mut quota, later, &request, 10_000), 2 * rate.per_second);
            let day = start + Duration::from_hours(24);
            assert_eq!(admitted(&mut quota, day, &request, 10_000), rate.burst, "and no more");
        }
    }

    #[tokio::test]
    async fn one_kind_does_not_use_up_another() {
        let (mut quota, now) = (Quota::default(), Instant::now());
        admitted(&mut quota, now, &letter(), 10_000);
        assert!(quota.admit(now, &Request::Announce(String::new())));
    }

    #[tokio::test]
    async fn bytes_there_and_back_count_together() {
        let (mut quota, now) = (Quota::default(), Instant::now());
        let half = usize::try_from(BYTES.burst / 2).expect("fits");
        quota.charge(now, half);
        assert!(quota.admit(now, &letter()), "half is left");
        quota.charge(now, half);
        assert!(!quota.admit(now, &letter()));
        assert!(quota.admit(now + Duration::from_secs(1), &letter()), "earned again");
    }

    #[tokio::test]
    async fn an_honest_peer_that_builds_a_replica_is_never_refused() {
        let (mut quota, start) = (Quota::default(), Instant::now());
        let origin =
            lianshi_registry::id::Origin::parse("ningbo.example/yinzhou/1").expect("a log");
        let bundle = Request::Resource { origin, path: "tile/entries/000".to_owned() };
        // A hundred thousand entries a second, a kilobyte each, for ten minutes.
        for step in 0..600_u32 * 400 {
            let now = start + Duration::from_micros(2_500) * step;
            assert!(quota.admit(now, &bundle), "bundle {step}");
            quota.charge(now, 256 * 1024);
        }
    }
}
