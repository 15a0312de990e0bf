//! The computation of a close: rates every subscription, divides what each product earned, and sets
//! aside what cannot be computed, so that one product's fault stops nobody else's close. Reads a
//! page in a snapshot of its own, and writes what came of it as drafts; only a fault of the
//! database ends it, or another close that took over.

use lianshi_market::close::{
    CloseError, Issued, Outcome, ParkReason, Parked, ParkedKind, Run, Subject, Takings,
};
use lianshi_registry::time::Period;

use super::{
    CloseRefusal, PAUSE_MS, Step,
    drafts::{self, DraftRow, SubjectRow},
    parked::{Park, Waiting},
    shares::{self, NoAgreement, Stretches},
    subjects::{Pages, Unreadable},
    turn::Attempt,
};
use crate::{Failure, Fault, Read, Site, crash, db::pause};

/// Drafts of divisions that one transaction writes.
const DIVIDED_AT_ONCE: usize = 200;

/// A finished run.
pub(super) struct Computed {
    pub outcome: Outcome,
    /// What it set aside and took up, still to be written.
    pub park: Park,
    /// Documents it wrote as drafts.
    pub drafts: i64,
}

/// Computes the close of an attempt and writes its drafts.
pub(super) fn run(
    site: &Site,
    attempt: &Attempt,
    step: &mut dyn FnMut(Step) -> Result<(), Fault>,
) -> Result<Computed, Failure<CloseRefusal>> {
    let period = attempt.inputs.period;
    let waiting = site.db.read(|read| Waiting::load(read, period))?;
    let mut closing = Closing {
        site,
        attempt,
        period,
        waiting: &waiting,
        run: Run::begin(attempt.inputs.clone()),
        park: Park::new(period),
        position: 0,
        subjects: Vec::new(),
        drafts: Vec::new(),
    };
    let mut pages = site.db.read(|read| Pages::begin(read, &attempt.inputs, &waiting.months))?;
    while let Some(subjects) = site.db.read(|read| pages.next(read))? {
        for subject in &subjects {
            closing.subject(subject, pages.billed_to())?;
        }
        closing.write((pages.done(), pages.total()))?;
        step(Step::Rated { subscriptions: pages.done(), of: pages.total() })?;
        crash::point("close.rated");
        if pages.done() < pages.total() {
            pause(PAUSE_MS);
        }
    }
    for (month, subscription) in site.db.read(|read| pages.strangers(read))? {
        let stated = site.db.read(|read| drafts::months_of(read, (&[month], &subscription)))?;
        let was_stated = stated.is_ok_and(|stated| stated.contains(&month));
        let billed_to = if was_stated { pages.billed_to() } else { None };
        let why = (ParkReason::NoContract, "no contract of it is in force");
        closing.set_aside(Parked::statement((month, billed_to), &subscription, why))?;
    }
    crash::point("close.parked");
    site.db.read(|read| closing.divide_all(read, &waiting.takings))?;
    let divided = std::mem::take(&mut closing.drafts);
    for drafts in divided.chunks(DIVIDED_AT_ONCE) {
        site.db.write(|write| {
            attempt.go_on(write, (pages.done(), pages.total()))?;
            Ok::<_, Failure<CloseRefusal>>(drafts::write(write, &[], drafts)?)
        })?;
        pause(PAUSE_MS);
    }
    step(Step::Divided)?;
    crash::point("close.divided");
    let drafts = closing.position;
    Ok(Computed { outcome: closing.run.finish(), park: closing.park, drafts })
}

/// What rating a subscription came to.
struct Rated {
    /// As it was rated.
    subject: Subject,
    statement: Option<Issued>,
    /// Why the earlier months were left out.
    why: Option<CloseError>,
}

/// A close under way.
struct Closing<'a> {
    site: &'a Site,
    attempt: &'a Attempt,
    period: Period,
    /// What waits from earlier closes.
    waiting: &'a Waiting,
    run: Run,
    park: Park,
    /// Place of the last draft.
    position: i64,
    subjects: Vec<SubjectRow>,
    drafts: Vec<DraftRow>,
}

impl Closing<'_> {
    fn set_aside(&mut self, parked: Parked) -> Result<(), Fault> {
        self.park.set_aside(&parked)?;
        self.run.park(parked);
        Ok(())
    }

    /// Writes what gathered.
    fn write(&mut self, so_far: (u64, u64)) -> Result<(), Failure<CloseRefusal>> {
        let (subjects, drafts) =
            (std::mem::take(&mut self.subjects), std::mem::take(&mut self.drafts));
        self.site.db.write(|write| {
            self.attempt.go_on(write, so_far)?;
            Ok(drafts::write(write, &subjects, &drafts)?)
        })
    }

    /// States what a subscription costs, or sets its months aside. What waits of it and still does
    /// not come out must not hold up what does.
    fn subject(
        &mut self,
        subject: &Result<Subject, Unreadable>,
        billed_to: Option<i64>,
    ) -> Result<(), Fault> {
        let (id, late, reason, detail) = match subject {
            Err(unreadable) => {
                let Unreadable { subscription, late, what } = unreadable;
                (subscription, late.clone(), ParkReason::Unreadable, what.clone())
            }
            Ok(subject) => match self.rate(subject) {
                Ok(rated) => return self.keep(subject, rated),
                Err(error) => {
                    let late = subject.late.iter().map(|late| late.period).collect();
                    (&subject.subscription, late, ParkReason::from(&error), error.to_string())
                }
            },
        };
        let months = late.into_iter().map(|month| (month, billed_to));
        for month in months.chain([(self.period, None)]) {
            self.set_aside(Parked::statement(month, id, (reason, &detail)))?;
        }
        Ok(())
    }

    /// Rates a subscription with the earlier months that are to be stated, or else without.
    fn rate(&mut self, subject: &Subject) -> Result<Rated, CloseError> {
        match self.run.rate(subject) {
            Err(why) if !subject.owed.is_empty() => {
                let without = Subject { owed: Vec::new(), ..subject.clone() };
                let statement = self.run.rate(&without)?;
                Ok(Rated { subject: without, statement, why: Some(why) })
            }
            rated => Ok(Rated { subject: subject.clone(), statement: rated?, why: None }),
        }
    }

    /// Keeps a subscription as it was rated, and its statement; what was left out waits.
    fn keep(&mut self, whole: &Subject, rated: Rated) -> Result<(), Fault> {
        let Rated { subject, statement, why } = rated;
        let waits = self.waiting.months.get(&subject.subscription);
        let waits = |month: Period| waits.is_some_and(|months| months.contains_key(&month));
        for month in subject.owed.iter().filter(|month| waits(month.period)) {
            self.park.take_up(month.period, ParkedKind::Statement, &subject.subscription);
        }
        if let Some(why) = why {
            let reason = (ParkReason::from(&why), why.to_string());
            for month in whole.owed.iter().filter(|month| !waits(month.period)) {
                let month = (month.period, None);
                self.set_aside(Parked::statement(month, &subject.subscription, reason.clone()))?;
            }
        }
        self.subjects.push(SubjectRow::of(self.period, &subject)?);
        if let Some(statement) = statement {
            self.position += 1;
            self.drafts.push(DraftRow::statement(self.period, self.position, statement));
        }
        Ok(())
    }

    /// Divides what waits from earlier closes, then what this one earned.
    fn divide_all(&mut self, read: &mut Read<'_>, waiting: &[Takings]) -> Result<(), Fault> {
        let mut stretches = Stretches::default();
        for takings in waiting {
            if self.divide(read, &mut stretches, takings)?.is_ok() {
                let product = takings.product.as_str();
                self.park.take_up(takings.period, ParkedKind::Division, product);
            }
        }
        for takings in self.run.takings() {
            if let Err(why) = self.divide(read, &mut stretches, &takings)? {
                self.set_aside(Parked {
                    kind: ParkedKind::Division,
                    base: takings.earned.base,
                    by_operator: takings.earned.by_operator,
                    ..Parked::statement((self.period, None), takings.product.as_str(), why)
                })?;
            }
        }
        Ok(())
    }

    /// Divides what a product earned in a period, or tells why it cannot be divided.
    fn divide(
        &mut self,
        read: &mut Read<'_>,
        stretches: &mut Stretches,
        takings: &Takings,
    ) -> Result<Result<(), NoAgreement>, Fault> {
        let divisions = shares::divide(read, self.site, (&mut self.run, stretches), takings)?;
        Ok(divisions.map(|divisions| {
            for divided in divisions {
                self.position += 1;
                self.drafts.push(DraftRow::division(self.period, self.position, divided));
            }
        }))
    }
}
