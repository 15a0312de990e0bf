//! Complementary suppression: which cells of a series are withheld so that none of those that count
//! too few subjects can be computed from what is shown. A small cell between shown neighbors is
//! their total less the others, so a neighbor is withheld with it, until no sum that the data set
//! declares gives one away. It is a property of the data set and of the sums it declares, the same
//! for every question: whoever asks for everything, through however many subscriptions, learns no
//! withheld cell.
//!
//! A cell is withheld with all its figures, count included: a mean times its count sums like any
//! figure, and would be computed from the means and counts around it. For each declared sum the
//! withheld parts together count at least as many subjects as the smallest cell, since their sum is
//! as good as shown. Beyond single sums the linear system of all of them is solved (see
//! `algebra`), which also finds what only several sums together give away.

mod algebra;
mod relation;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use lianshi_registry::refusal::Refusal;

use algebra::{Components, determined};
pub use relation::undeclared_total;
use relation::{Relation, relations};

use crate::dataset::{Cell, Total};

/// Most cells of a series that declares sums: they are held in memory while it is loaded, about
/// 200 bytes each.
pub const CELLS_MAX: usize = 200_000;
/// Most withheld cells that hang together by sums; solving for them takes the third power of it.
pub const WITHHELD_TOGETHER_MAX: usize = 2_000;

/// A data set as suppression sees it.
#[derive(Debug, Clone, Copy)]
pub struct Table<'t> {
    /// Names of the key columns and, last, of the dimension.
    pub columns: &'t [String],
    /// The declared sums.
    pub totals: &'t [Total],
    /// The cells.
    pub cells: &'t [Cell],
    /// Cells that count fewer subjects are withheld.
    pub smallest_cell: u64,
}

/// Why it cannot be said which cells to withhold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuppressionRefusal {
    /// More cells than are held in memory.
    #[error("a series that declares totals has at most {CELLS_MAX} points")]
    TooManyCells,
    /// Too many withheld cells hang together.
    #[error(
        "more than {WITHHELD_TOGETHER_MAX} withheld points hang together by the declared totals: \
         the data are too fine for their smallest cell; merge members or leave totals out"
    )]
    TooManyWithheld,
    /// A member counts as many subjects as all others together and is not declared.
    #[error(
        "`{member}` of column `{column}` counts as many subjects as all others together, \
         everywhere: declare it under [[series.totals]]"
    )]
    UndeclaredTotal {
        /// The column.
        column: String,
        /// The member.
        member: String,
    },
}

impl Refusal for SuppressionRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::TooManyCells => "dataset.too_many_points",
            Self::TooManyWithheld => "dataset.too_many_withheld",
            Self::UndeclaredTotal { .. } => "dataset.undeclared_total",
        }
    }
}

/// The places of the cells to withhold, small ones and those that would give them away. `kept` are
/// withheld in any case: what an earlier version withheld must not be shown while its figure is
/// the same.
pub fn withhold(
    table: &Table<'_>,
    kept: &BTreeSet<usize>,
) -> Result<BTreeSet<usize>, SuppressionRefusal> {
    if table.cells.len() > CELLS_MAX {
        return Err(SuppressionRefusal::TooManyCells);
    }
    let (relations, rests) = relations(table);
    let mut pattern = Pattern { table, relations: &relations, rests: &rests, hidden: kept.clone() };
    let small = (0..table.cells.len()).filter(|cell| pattern.count(*cell) < table.smallest_cell);
    let small: Vec<usize> = small.collect();
    pattern.hidden.extend(small);
    pattern.hidden.extend(table.cells.len()..table.cells.len() + rests.len());
    loop {
        pattern.cover_sums();
        if !pattern.cover_system()? {
            break;
        }
    }
    pattern.hidden.retain(|cell| *cell < table.cells.len());
    Ok(pattern.hidden)
}

/// What is withheld so far. Cells past the table's own are rests: what a total counts beyond its
/// parts, which is never shown and can be computed like a cell.
struct Pattern<'p> {
    table: &'p Table<'p>,
    relations: &'p [Relation],
    rests: &'p [u64],
    hidden: BTreeSet<usize>,
}

impl Pattern<'_> {
    fn count(&self, cell: usize) -> u64 {
        let own = self.table.cells.get(cell).map(|cell| cell.count);
        let rest = || self.rests.get(cell.checked_sub(self.table.cells.len())?).copied();
        own.or_else(rest).unwrap_or(0)
    }

    /// Withholds neighbors until each sum by itself gives nothing away.
    fn cover_sums(&mut self) {
        loop {
            let before = self.hidden.len();
            for relation in self.relations {
                while let Some(cell) = self.missing(relation) {
                    self.hidden.insert(cell);
                }
            }
            if self.hidden.len() == before {
                return;
            }
        }
    }

    /// A cell that must be withheld for this sum to give nothing away.
    fn missing(&self, relation: &Relation) -> Option<usize> {
        let hidden: Vec<usize> = relation.hidden_parts(&self.hidden).collect();
        let is_safe = if self.hidden.contains(&relation.total) {
            // The parts withheld and the total differ by what is shown: two of them are safe.
            !hidden.is_empty()
        } else {
            let sum = hidden.iter().fold(0_u64, |sum, cell| sum.saturating_add(self.count(*cell)));
            let large_rest = |cell: &usize| *cell >= self.table.cells.len();
            let only_rest = hidden.iter().all(large_rest);
            sum >= self.table.smallest_cell && (hidden.len() > 1 || only_rest) || hidden.is_empty()
        };
        if is_safe {
            return None;
        }
        let shown = relation.parts.iter().copied().filter(|cell| !self.hidden.contains(cell));
        self.least(shown).or_else(|| {
            let total = relation.total;
            (!self.hidden.contains(&total)).then_some(total)
        })
    }

    /// The cell that counts the fewest subjects: the least is lost with it.
    fn least(&self, cells: impl Iterator<Item = usize>) -> Option<usize> {
        cells.min_by_key(|cell| (self.count(*cell), *cell))
    }

    /// Withholds one more neighbor for each group of sums that together give a cell away; tells
    /// whether any did.
    fn cover_system(&mut self) -> Result<bool, SuppressionRefusal> {
        let mut more = BTreeSet::new();
        for component in Components::of(self.relations, &self.hidden) {
            if component.cells > WITHHELD_TOGETHER_MAX {
                return Err(SuppressionRefusal::TooManyWithheld);
            }
            let given = determined(self.relations, &component, &self.hidden);
            more.extend(given.into_iter().find_map(|cell| self.neighbor(cell)));
        }
        let found = !more.is_empty();
        self.hidden.extend(more);
        Ok(found)
    }

    /// A shown neighbor of a cell that is given away; none for a rest that is large enough, nor
    /// where nothing is left to withhold, which only a cell without subjects comes to.
    fn neighbor(&self, cell: usize) -> Option<usize> {
        if cell >= self.table.cells.len() && self.count(cell) >= self.table.smallest_cell {
            return None;
        }
        let around = self.relations.iter().filter(|relation| relation.has(cell));
        let shown = around
            .flat_map(|relation| relation.parts.iter().copied().chain([relation.total]))
            .filter(|other| !self.hidden.contains(other));
        self.least(shown)
    }
}
