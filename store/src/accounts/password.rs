//! Passwords: Argon2id with OWASP's parameters, and a bound on how many are hashed at once, since
//! each takes 19 MiB.

use std::{
    collections::BTreeMap,
    sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError},
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};

use super::secret::random_bytes;
use crate::Fault;

/// Shortest password accepted (ASVS 6.2.1).
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Longest password accepted: long enough for any password manager, short enough to hash at once.
pub const PASSWORD_CHARS_MAX: usize = 256;

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// How every current hash begins; another beginning is hashed anew at the next login.
const CURRENT: &str = "$argon2id$v=19$m=19456,t=2,p=1$";
/// A hash that fits no password, checked for an unknown login so that it costs the same work.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                     AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes computed at once: the cores of the smallest machine a node runs on.
const PARALLEL_MAX: u32 = 2;
/// Callers that may wait for their turn: about a second of work; more are told to come back.
const WAITING_MAX: u32 = 48;

/// Those of them who may come from one address: else one place could keep everybody else waiting.
const WAITING_PER_PLACE_MAX: u32 = 6;

/// Whose turn it is to be hashed.
#[derive(Default)]
struct Queue {
    turns: Mutex<Turns>,
    turn_ended: Condvar,
}

#[derive(Default)]
struct Turns {
    running: u32,
    waiting: u32,
    waiting_by_place: BTreeMap<String, u32>,
}

static QUEUE: LazyLock<Queue> = LazyLock::new(Queue::default);

/// One place among [`PARALLEL_MAX`]; given back when dropped.
struct Turn<'q>(&'q Queue);

impl Queue {
    /// Waits for a turn. `from` is where the caller comes from, for whom places are counted apart.
    fn take(&self, from: &str) -> Option<Turn<'_>> {
        let mut turns = self.turns();
        if turns.running >= PARALLEL_MAX {
            turns.join(from)?;
            while turns.running >= PARALLEL_MAX {
                turns = self.turn_ended.wait(turns).unwrap_or_else(PoisonError::into_inner);
            }
            turns.leave(from);
        }
        turns.running += 1;
        Some(Turn(self))
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    fn join(&mut self, from: &str) -> Option<()> {
        let here = self.waiting_by_place.get(from).copied().unwrap_or(0);
        let is_full_here = from != INSIDE && here >= WAITING_PER_PLACE_MAX;
        if self.waiting >= WAITING_MAX || is_full_here {
            return None;
        }
        self.waiting += 1;
        self.waiting_by_place.insert(from.to_owned(), here + 1);
        Some(())
    }

    fn leave(&mut self, from: &str) {
        self.waiting -= 1;
        match self.waiting_by_place.get_mut(from) {
            Some(here) if *here > 1 => *here -= 1,
            _ => {
                self.waiting_by_place.remove(from);
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.turns().running -= 1;
        self.0.turn_ended.notify_one();
    }
}

/// Where administration comes from: people who are signed in, and commands. It has no share to keep
/// to.
const INSIDE: &str = "inside";

/// The queue of passwords to check is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueueFull;

/// Hashes a password for keeping. Waits for its turn however long, since only administration calls
/// it.
pub(crate) fn hash(password: &str) -> Result<String, Fault> {
    let salt = random_bytes::<16>()?;
    let _turn = QUEUE.take(INSIDE).ok_or(Fault::Busy { attempts: 1 })?;
    let hash: PasswordHash = hasher()?
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|error| Fault::corrupt("users", error))?;
    Ok(hash.to_string())
}

/// Whether the password fits. `None` for a login nobody has: the same work, never a fit.
pub(super) fn verify(password: &str, stored: Option<&str>) -> Result<bool, QueueFull> {
    verify_for(password, stored, INSIDE)
}

/// The same for somebody from outside, who waits among those `from` the same place.
pub(super) fn verify_for(
    password: &str,
    stored: Option<&str>,
    from: &str,
) -> Result<bool, QueueFull> {
    let _turn = QUEUE.take(from).ok_or(QueueFull)?;
    // A hash that does not parse fits nothing; the dummy keeps the work the same.
    let parsed = stored.and_then(|text| PasswordHash::new(text).ok());
    let (known, hash) = match parsed {
        Some(hash) => (true, Some(hash)),
        None => (false, PasswordHash::new(DUMMY).ok()),
    };
    let fits = hash.is_some_and(|hash| {
        Argon2::default().verify_password(clip(password).as_bytes(), &hash).is_ok()
    });
    Ok(known && fits)
}

/// Whether a stored hash was made with other parameters than today's.
pub(super) fn is_outdated(stored: &str) -> bool {
    !stored.starts_with(CURRENT)
}

/// A login attempt may carry any text; hashing stops at the longest password there can be.
fn clip(password: &str) -> &str {
    let end =
        password.char_indices().nth(PASSWORD_CHARS_MAX + 1).map_or(password.len(), |(at, _)| at);
    password.get(..end).unwrap_or_default()
}

fn hasher() -> Result<Argon2<'static>, Fault> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|error| Fault::corrupt("users", error))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_fits_its_password_only_and_names_its_parameters() {
        let stored = hash("correct horse battery").expect("hashed");
        assert!(stored.starts_with(CURRENT) && !is_outdated(&stored), "{stored}");
        assert_eq!(verify("correct horse battery", Some(&stored)), Ok(true));
        assert_eq!(verify("correct horse batterx", Some(&stored)), Ok(false));
        assert_ne!(stored, hash("correct horse battery").expect("hashed"), "salted");
    }

    #[test]
    fn the_dummy_parses_and_fits_nothing() {
        let dummy = PasswordHash::new(DUMMY).expect("a hash like any other");
        assert!(dummy.to_string().starts_with(CURRENT));
        assert_eq!(verify("", None), Ok(false));
        assert_eq!(verify("anything", Some("not a hash")), Ok(false));
    }

    #[test]
    fn one_place_cannot_fill_the_queue() {
        let mut turns = Turns::default();
        let joined = (0..100).filter(|_| turns.join("address:192.0.2.1").is_some()).count();
        assert_eq!(joined, 6);
        assert!(turns.join("address:192.0.2.2").is_some(), "others still wait their turn");
        turns.leave("address:192.0.2.1");
        assert!(turns.join("address:192.0.2.1").is_some());
        let many = (0..100).filter(|n| turns.join(&format!("address:{n}")).is_some()).count();
        assert_eq!(many, 41, "and all together are bounded");
    }

    #[test]
    fn whoever_waits_gets_a_turn_when_one_ends() {
        let queue = Queue::default();
        let running = [queue.take("a"), queue.take("b")].map(|turn| turn.expect("free"));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.take("c").is_some());
            while queue.turns().waiting == 0 {
                std::thread::yield_now();
            }
            drop(running);
            assert!(waiting.join().expect("ran"));
        });
        assert!(queue.turns().waiting_by_place.is_empty());
    }
}
