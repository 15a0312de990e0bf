//! Which withheld cells the declared sums determine. Each sum is a linear equation whose shown
//! cells are known numbers; a withheld cell is given away exactly when the reduced form of the
//! system has a row with this cell alone. The figures themselves do not matter, only which cells
//! are withheld, so the same answer holds for every figure of a cell.
//!
//! Computed modulo a prime of 61 bits: whatever is determined with fractions is determined there,
//! as long as the prime divides none of the system's small determinants.

use std::collections::{BTreeMap, BTreeSet};

use super::relation::Relation;

/// 2^61 − 1.
const PRIME: u64 = (1 << 61) - 1;

/// An equation by its withheld cells and their factors.
type Row = BTreeMap<usize, u64>;

/// Sums that share withheld cells.
#[derive(Debug, Default)]
pub(super) struct Component {
    /// Places of the sums.
    relations: Vec<usize>,
    /// How many withheld cells they have.
    pub cells: usize,
}

/// Finds the components.
pub(super) struct Components;

impl Components {
    /// The groups of sums that hang together by withheld cells.
    pub(super) fn of(relations: &[Relation], hidden: &BTreeSet<usize>) -> Vec<Component> {
        let mut by_cell: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, relation) in relations.iter().enumerate() {
            for cell in relation.hidden(hidden) {
                by_cell.entry(cell).or_default().push(place);
            }
        }
        let mut components = Vec::new();
        let mut met = BTreeSet::new();
        for start in by_cell.keys() {
            let mut component = Component::default();
            let mut taken = BTreeSet::new();
            let mut waiting = vec![*start];
            while let Some(cell) = waiting.pop() {
                if !met.insert(cell) {
                    continue;
                }
                component.cells += 1;
                for place in by_cell.get(&cell).into_iter().flatten() {
                    if taken.insert(*place) {
                        waiting.extend(relations.get(*place).iter().flat_map(|r| r.hidden(hidden)));
                    }
                }
            }
            component.relations = taken.into_iter().collect();
            if !component.relations.is_empty() {
                components.push(component);
            }
        }
        components
    }
}

/// The withheld cells of a component that its sums determine.
pub(super) fn determined(
    relations: &[Relation],
    component: &Component,
    hidden: &BTreeSet<usize>,
) -> Vec<usize> {
    let mut reduced: BTreeMap<usize, Row> = BTreeMap::new();
    for place in &component.relations {
        let Some(relation) = relations.get(*place) else { continue };
        let mut row = equation(relation, hidden);
        let pivots: Vec<usize> = row.keys().copied().filter(|c| reduced.contains_key(c)).collect();
        for pivot in pivots {
            if let (Some(factor), Some(known)) = (row.get(&pivot).copied(), reduced.get(&pivot)) {
                subtract(&mut row, known, factor);
            }
        }
        let Some((pivot, factor)) = row.first_key_value().map(|(cell, factor)| (*cell, *factor))
        else {
            continue;
        };
        let inverse = power(factor, PRIME - 2);
        for factor in row.values_mut() {
            *factor = product(*factor, inverse);
        }
        for other in reduced.values_mut() {
            if let Some(factor) = other.get(&pivot).copied() {
                subtract(other, &row, factor);
            }
        }
        reduced.insert(pivot, row);
    }
    reduced.iter().filter(|(_, row)| row.len() == 1).map(|(cell, _)| *cell).collect()
}

/// Total − parts = what is shown.
fn equation(relation: &Relation, hidden: &BTreeSet<usize>) -> Row {
    let mut row = Row::new();
    if hidden.contains(&relation.total) {
        row.insert(relation.total, 1);
    }
    row.extend(relation.hidden_parts(hidden).map(|cell| (cell, PRIME - 1)));
    row
}

/// `row` − `factor` × `other`.
fn subtract(row: &mut Row, other: &Row, factor: u64) {
    for (cell, value) in other {
        let taken = PRIME - product(*value, factor);
        let sum = (row.get(cell).copied().unwrap_or(0) + taken) % PRIME;
        if sum == 0 {
            row.remove(cell);
        } else {
            row.insert(*cell, sum);
        }
    }
}

fn product(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b) % u128::from(PRIME);
    u64::try_from(wide).unwrap_or(0)
}

fn power(base: u64, mut exponent: u64) -> u64 {
    let (mut result, mut square) = (1, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = product(result, square);
        }
        square = product(square, square);
        exponent >>= 1;
    }
    result
}
