//! The computation of a close as it writes: rates every subscription, divides what each product
//! earned, and sets aside what cannot be computed, so that one product's fault stops nobody else's
//! close. Only a fault of the database ends it.

use lianshi_market::{
    close::{CloseError, Inputs, Outcome, ParkReason, Parked, ParkedKind, Run, Subject, Takings},
    split::Agreement,
};
use lianshi_registry::time::{Period, Timestamp};

use super::{
    Step, meter,
    parked::{Park, Waiting},
    post::{self, Books},
    subjects::{Pages, Unreadable},
};
use crate::{Fault, Site, Write, crash};

/// A finished run with what it was pinned to.
pub(super) struct Closed {
    pub inputs: Inputs,
    pub outcome: Outcome,
    /// What it set aside and took up, still to be written.
    pub park: Park,
}

/// Computes and writes the close of a period.
pub(super) fn run(
    write: &mut Write<'_>,
    site: &Site,
    (period, now): (Period, Timestamp),
    step: &mut dyn FnMut(Step) -> Result<(), Fault>,
) -> Result<Closed, Fault> {
    let inputs = Inputs::new(site.node.clone(), site.division.clone(), period, meter(write)?);
    let waiting = Waiting::load(&mut write.as_read(), period, false)?;
    let mut closing = Closing {
        site,
        period,
        run: Run::begin(inputs.clone()),
        books: Books::open(write, site, (period, now))?,
        park: Park::new(period, now),
    };
    let mut pages = Pages::begin(&mut write.as_read(), &inputs, &waiting.months)?;
    while let Some(subjects) = pages.next(&mut write.as_read())? {
        for subject in &subjects {
            closing.subject(write, subject, pages.billed_to())?;
        }
        step(Step::Rated { subscriptions: pages.done(), of: pages.total() })?;
        crash::point("close.rated");
    }
    for (month, subscription) in pages.strangers(&mut write.as_read())? {
        let billed_to = if month == period { None } else { pages.billed_to() };
        let why = (ParkReason::NoContract, "no contract of it is in force");
        closing.set_aside(Parked::statement((month, billed_to), &subscription, why))?;
    }
    crash::point("close.parked");
    for takings in &waiting.takings {
        if closing.divide(write, takings)?.is_ok() {
            let product = takings.product.as_str();
            closing.park.take_up(takings.period, ParkedKind::Division, product);
        }
    }
    for takings in closing.run.takings() {
        if let Err((reason, detail)) = closing.divide(write, &takings)? {
            closing.set_aside(Parked {
                kind: ParkedKind::Division,
                base: takings.earned.base,
                by_operator: takings.earned.by_operator,
                ..Parked::statement((period, None), takings.product.as_str(), (reason, detail))
            })?;
        }
    }
    closing.books.balance(write)?;
    step(Step::Divided)?;
    crash::point("close.divided");
    Ok(Closed { inputs, outcome: closing.run.finish(), park: closing.park })
}

/// A close under way.
struct Closing<'a> {
    site: &'a Site,
    period: Period,
    run: Run,
    books: Books<'a>,
    park: Park,
}

impl Closing<'_> {
    fn set_aside(&mut self, parked: Parked) -> Result<(), Fault> {
        self.park.set_aside(&parked)?;
        self.run.park(parked);
        Ok(())
    }

    /// States what a subscription costs, or sets its months aside. What waits of it and still does
    /// not come out must not hold up what does.
    fn subject(
        &mut self,
        write: &mut Write<'_>,
        subject: &Result<Subject, Unreadable>,
        billed_to: Option<i64>,
    ) -> Result<(), Fault> {
        let (id, late, reason, detail) = match subject {
            Err(unreadable) => {
                let Unreadable { subscription, late, what } = unreadable;
                (subscription, late.clone(), ParkReason::Unreadable, what.clone())
            }
            Ok(subject) => match self.rate(subject) {
                Ok(issued) => {
                    for month in issued.owed {
                        let kind = ParkedKind::Statement;
                        self.park.take_up(month, kind, &subject.subscription);
                    }
                    return match issued.statement {
                        Some(statement) => self.books.issue(write, statement),
                        None => Ok(()),
                    };
                }
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

    /// Rates a subscription with what waits of it, or else without.
    fn rate(&mut self, subject: &Subject) -> Result<Rated, CloseError> {
        let with = self.run.rate(subject);
        if let (Err(_), false) = (&with, subject.owed.is_empty()) {
            let without = Subject { owed: Vec::new(), ..subject.clone() };
            return Ok(Rated { statement: self.run.rate(&without)?, owed: Vec::new() });
        }
        let owed = subject.owed.iter().map(|month| month.period).collect();
        Ok(Rated { statement: with?, owed })
    }

    /// Divides what a product earned in a period, or tells why it cannot be divided.
    fn divide(
        &mut self,
        write: &mut Write<'_>,
        takings: &Takings,
    ) -> Result<Result<(), post::NoAgreement>, Fault> {
        let wanted = (&takings.product, takings.period);
        let agreement: Agreement =
            match post::agreement_of(&mut write.as_read(), self.site, wanted)? {
                Ok(agreement) => agreement,
                Err(why) => return Ok(Err(why)),
            };
        let so_far = post::divided_so_far(&mut write.as_read(), agreement.id())?;
        match self.run.divide(takings, &agreement, so_far) {
            Ok(divided) => self.books.divide(write, &divided).map(Ok),
            Err(error) => Ok(Err((ParkReason::from(&error), error.to_string()))),
        }
    }
}

/// What rating a subscription came to.
struct Rated {
    statement: Option<lianshi_market::close::Issued>,
    /// Months that waited and are stated now.
    owed: Vec<Period>,
}
