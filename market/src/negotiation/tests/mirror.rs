//! Any sequence of commands, losses, repeats, reorderings and restores, with the catalog changing
//! under it: the two copies never contradict each other, and are equal when every message has
//! arrived.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    Approve,
    Refuse,
    Accept,
    Decline,
    End(Side),
    Key,
    Follow,
    /// The side's waiting message with this index arrives; the receipt arrives too, or is lost.
    Deliver(Side, usize, bool),
    /// A message that was sent before arrives again.
    Again(Side, usize),
    Pass(i64),
    Delist,
    Reprice,
    /// The side is restored to what it was so many events ago.
    Restore(Side, usize),
}

fn event() -> impl Strategy<Value = Event> {
    let side = prop_oneof![Just(Side::Home), Just(Side::Provider)];
    prop_oneof![
        2 => Just(Event::Approve),
        1 => Just(Event::Refuse),
        2 => Just(Event::Accept),
        1 => Just(Event::Decline),
        1 => side.clone().prop_map(Event::End),
        2 => Just(Event::Key),
        1 => Just(Event::Follow),
        12 => (side.clone(), 0_usize..3, any::<bool>())
            .prop_map(|(side, at, receipt)| Event::Deliver(side, at, receipt)),
        3 => (side.clone(), 0_usize..8).prop_map(|(side, at)| Event::Again(side, at)),
        2 => (0_i64..90_000).prop_map(Event::Pass),
        1 => Just(Event::Delist),
        1 => Just(Event::Reprice),
        1 => (side, 0_usize..40).prop_map(|(side, ago)| Event::Restore(side, ago)),
    ]
}

/// A side with what it sent.
#[derive(Clone, Default)]
struct Post {
    process: Option<Process>,
    waiting: Vec<Message>,
    sent: Vec<Message>,
    /// What was said and heard, in the order in which the copy changed.
    kept: Vec<Message>,
    keys: Vec<Effect>,
}

struct World {
    home: Post,
    provider: Post,
    offering: Offering,
    now: Timestamp,
    /// Both sides before each event.
    backups: Vec<[Post; 2]>,
    restored: BTreeSet<Side>,
    /// The copies differ, and it was seen.
    differs: bool,
}

impl World {
    fn new(code: &str, months: u32) -> Self {
        let offering = offering();
        let wanted = request(&offering, code, months);
        let now = now();
        let step = Process::open(parties(), wanted, Some(&offering), now).expect("open");
        let (home, provider) = (Post::default(), Post::default());
        let mut world = Self {
            home,
            provider,
            offering,
            now,
            backups: Vec::new(),
            restored: BTreeSet::new(),
            differs: false,
        };
        world.take(Side::Home, step);
        world
    }

    fn post(&mut self, side: Side) -> &mut Post {
        match side {
            Side::Home => &mut self.home,
            Side::Provider => &mut self.provider,
        }
    }

    fn take(&mut self, side: Side, step: Step) {
        let post = self.post(side);
        post.waiting.extend(step.send.iter().cloned());
        post.kept.extend(step.send.iter().cloned());
        post.sent.extend(step.send);
        post.keys.extend(step.effects);
        post.process = Some(step.process);
    }

    /// A person acts; what does not fit is refused and changes nothing.
    fn command(&mut self, side: Side, command: Command) {
        let offering = self.offering.clone();
        let now = self.now;
        let Some(process) = &self.post(side).process else { return };
        if let Ok(step) = process.command(command, Some(&offering), now) {
            self.take(side, step);
        }
    }

    /// A message arrives; gives whether it was taken or known.
    fn arrive(&mut self, message: &Message) -> bool {
        let side = message.from.other();
        let (offering, now) = (self.offering.clone(), self.now);
        let outcome = match &self.post(side).process {
            None => Process::receive_first(parties(), message, Some(&offering), now)
                .map(|step| Received::Step(Box::new(step))),
            Some(process) => process.receive(message, Some(&offering), now),
        };
        match outcome {
            Ok(Received::Repeat) => true,
            Ok(Received::Step(step)) => {
                self.post(side).kept.push(message.clone());
                self.take(side, *step);
                true
            }
            Err(MessageRefusal::Gap { .. }) => false,
            Err(refusal) => panic!("honest sides never hear {refusal}"),
        }
    }

    /// A side forgets what happened since, and is told by the other before it goes on. Whichever of
    /// its letters the other side lacks, it sends again.
    fn restore(&mut self, side: Side, ago: usize) {
        let at = self.backups.len().saturating_sub(ago.saturating_add(1));
        let Some([home, provider]) = self.backups.get(at).cloned() else { return };
        *self.post(side) = if side == Side::Home { home } else { provider };
        self.restored.insert(side);
        let kept = self.post(side.other()).kept.clone();
        let held = &self.post(side).kept;
        let reconciled = match Process::reconcile((&parties(), side), held, &kept) {
            Ok(reconciled) => reconciled,
            // One that was never restored says the same for ever, and an ending that only an older
            // history knows is a person's to judge.
            Err(refusal) => {
                let ended = held.iter().any(|held| held.body.is_ending());
                assert!(self.restored.len() == 2 || ended, "{refusal}");
                self.differs = true;
                return;
            }
        };
        if let Some((step, played)) = reconciled.recalled {
            let post = self.post(side);
            post.waiting.clear();
            post.sent = kept.iter().filter(|said| said.from == side).cloned().collect();
            post.kept = kept[..played].to_vec();
            post.keys = step.effects;
            post.process = Some(step.process);
        }
        for at in reconciled.unheard {
            assert!(self.arrive(&kept[at]), "what was heard once is heard again");
        }
        let post = self.post(side);
        let known =
            |said: &Message| kept.iter().any(|kept| (kept.from, kept.seq) == (side, said.seq));
        post.waiting = post.sent.iter().filter(|said| !known(said)).cloned().collect();
    }

    fn happen(&mut self, event: Event) {
        self.backups.push([self.home.clone(), self.provider.clone()]);
        let text = || "reason".to_owned();
        match event {
            Event::Approve => self.command(Side::Provider, Command::Approve),
            Event::Refuse => self.command(Side::Provider, Command::Refuse { text: text() }),
            Event::Accept => self.command(Side::Home, Command::Accept),
            Event::Decline => self.command(Side::Home, Command::Decline { text: text() }),
            Event::End(side) => self.command(side, Command::End { text: text() }),
            Event::Key => self.command(Side::Home, key_order("key", 0)),
            Event::Follow => {
                let ends = self.provider.process.as_ref().and_then(|process| process.ends_at);
                let due = ends
                    .and_then(|ends| crate::eligibility::consequence(Some(&self.offering), ends));
                if let Some(due) = due {
                    self.command(Side::Provider, Command::Follow(due));
                }
            }
            Event::Deliver(side, at, receipt) => {
                let waiting = &self.post(side).waiting;
                let Some(message) = waiting.get(at.min(waiting.len().saturating_sub(1))) else {
                    return;
                };
                let message = message.clone();
                if self.arrive(&message) && receipt {
                    self.post(side).waiting.retain(|other| other.seq != message.seq);
                }
            }
            Event::Again(side, at) => {
                if let Some(message) = self.post(side).sent.get(at).cloned() {
                    self.arrive(&message);
                }
            }
            Event::Restore(side, ago) => self.restore(side, ago),
            Event::Pass(millis) => self.now = self.now.plus_millis(millis),
            Event::Delist => self.offering.status = ProductStatus::Delisted,
            Event::Reprice => {
                for plan in &mut self.offering.plans {
                    plan.calls_per_month_max += 1;
                }
                self.offering.product.valid_until = day("2027-03-01");
            }
        }
    }

    /// Everything arrives in the end.
    fn settle(&mut self) {
        for _ in 0..100 {
            for side in [Side::Home, Side::Provider] {
                if let Some(message) = self.post(side).waiting.first().cloned() {
                    assert!(self.arrive(&message), "the first waiting message is next");
                    self.post(side).waiting.remove(0);
                }
            }
        }
        assert!(self.home.waiting.is_empty() && self.provider.waiting.is_empty());
    }

    fn check_under_way(&self) {
        let (Some(home), Some(provider)) = (&self.home.process, &self.provider.process) else {
            return;
        };
        assert!(home.received_seq <= provider.sent_seq && provider.received_seq <= home.sent_seq);
        if home.state == Finalized {
            assert!(matches!(provider.state, Finalized | Ended));
            assert_eq!(home.agreement, provider.agreement);
        }
    }

    fn check_settled(&self) {
        let home = self.home.process.as_ref().expect("opened");
        let provider = self.provider.process.as_ref().expect("arrived");
        assert_eq!(home.state, provider.state);
        assert_eq!(home.ending, provider.ending);
        assert_eq!(home.request, provider.request);
        assert_eq!(home.sent_seq, provider.received_seq);
        assert_eq!(provider.sent_seq, home.received_seq);
        if matches!(home.state, Finalized | Ended) {
            assert_eq!(home.agreement, provider.agreement);
            assert_eq!(home.agreement_hash(), provider.agreement_hash());
            assert_eq!(home.ends_at, provider.ends_at);
            assert_eq!(home.notice, provider.notice);
        }
        if home.state == Finalized {
            assert_eq!(self.home.keys, self.provider.keys);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn copies_are_equal_when_every_message_has_arrived(
        manual in any::<bool>(),
        long in any::<bool>(),
        events in proptest::collection::vec(event(), 0..60),
    ) {
        let mut world = World::new(
            if manual { "manual" } else { "auto" },
            if long { 24 } else { 12 },
        );
        for event in events {
            world.happen(event);
            if world.differs {
                return Ok(());
            }
            world.check_under_way();
        }
        world.settle();
        world.check_settled();
    }

    #[test]
    fn only_the_moves_of_the_protocol_happen(
        events in proptest::collection::vec(event(), 0..60),
    ) {
        let mut world = World::new("manual", 24);
        for event in events {
            let states = |world: &World| {
                [&world.home, &world.provider].map(|post| post.process.as_ref().map(|p| p.state))
            };
            let before = states(&world);
            world.happen(event.clone());
            if world.differs {
                return Ok(());
            }
            if matches!(event, Event::Restore(..)) {
                continue;
            }
            for (old, new) in before.into_iter().zip(states(&world)) {
                if let (Some(old), Some(new)) = (old, new) {
                    prop_assert!(reachable(old, new), "{old} to {new} by {event:?}");
                }
            }
        }
    }
}

/// Moves of the Dataspace Protocol, and the steps a side takes by itself right after them.
fn reachable(old: State, new: State) -> bool {
    if old == new {
        return true;
    }
    let follows: &[State] = match old {
        Requested => &[Offered, Accepted, Agreed, Verified, Terminated],
        Offered => &[Requested, Accepted, Agreed, Terminated],
        Accepted => &[Agreed, Verified, Terminated],
        Agreed => &[Verified, Finalized, Terminated],
        Verified => &[Finalized, Terminated, Ended],
        Finalized => &[Ended],
        Terminated | Ended => &[],
    };
    follows.contains(&new)
}
