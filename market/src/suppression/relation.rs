//! From declared totals to sums between cells: one for every combination of the other columns'
//! members. Also finds a total that nobody declared.

use std::collections::{BTreeMap, BTreeSet};

use super::{SuppressionRefusal, Table};
use crate::dataset::{Total, normalize};

/// Groups of cells that differ in one column only, needed before a coincidence is called a total.
const GROUPS_MIN: usize = 3;
/// Members of a column, needed for the same: two points are often equal by chance.
const MEMBERS_MIN: usize = 3;

/// One sum: a cell and the cells it sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation {
    pub total: usize,
    pub parts: Vec<usize>,
}

impl Relation {
    pub(super) fn has(&self, cell: usize) -> bool {
        self.total == cell || self.parts.contains(&cell)
    }

    pub(super) fn hidden_parts<'r>(
        &'r self,
        hidden: &'r BTreeSet<usize>,
    ) -> impl Iterator<Item = usize> + 'r {
        self.parts.iter().copied().filter(|cell| hidden.contains(cell))
    }

    /// Withheld cells, the total among them.
    pub(super) fn hidden<'r>(
        &'r self,
        hidden: &'r BTreeSet<usize>,
    ) -> impl Iterator<Item = usize> + 'r {
        let total = Some(self.total).filter(|cell| hidden.contains(cell));
        self.hidden_parts(hidden).chain(total)
    }
}

/// The cells that differ from each other in one column only, by that column's member.
type Group<'t> = BTreeMap<&'t str, usize>;

/// All groups along a column, by the members of the other columns.
fn groups<'t>(table: &Table<'t>, place: usize) -> BTreeMap<Vec<&'t str>, Group<'t>> {
    let mut groups: BTreeMap<Vec<&str>, Group<'_>> = BTreeMap::new();
    for (index, cell) in table.cells.iter().enumerate() {
        let Some(member) = cell.at.get(place) else { continue };
        let others = cell.at.iter().enumerate().filter(|(other, _)| *other != place);
        let key = others.map(|(_, member)| member.as_str()).collect();
        groups.entry(key).or_default().insert(member.as_str(), index);
    }
    groups
}

/// The sums of a table, and how many subjects each rest counts: what a total has beyond its parts
/// stands in the sum as one more part, with a place after the table's cells.
pub(super) fn relations(table: &Table<'_>) -> (Vec<Relation>, Vec<u64>) {
    let mut relations = Vec::new();
    let mut rests = Vec::new();
    for total in table.totals {
        let Some(place) = table.columns.iter().position(|name| *name == total.column) else {
            continue;
        };
        for group in groups(table, place).into_values() {
            let Some(mut relation) = relation(total, &group) else { continue };
            let count = |cell: &usize| table.cells.get(*cell).map_or(0, |cell| cell.count);
            let sum = relation.parts.iter().map(count).fold(0_u64, u64::saturating_add);
            let rest = count(&relation.total).saturating_sub(sum);
            if rest > 0 {
                relation.parts.push(table.cells.len() + rests.len());
                rests.push(rest);
            }
            relations.push(relation);
        }
    }
    (relations, rests)
}

fn relation(total: &Total, group: &Group<'_>) -> Option<Relation> {
    let sum = normalize(&total.total);
    let cell = *group.get(sum.as_str())?;
    let parts = if total.parts.is_empty() {
        group.values().copied().filter(|part| *part != cell).collect()
    } else {
        let members = total.parts.iter().map(|part| normalize(part));
        members.filter_map(|member| group.get(member.as_str()).copied()).collect()
    };
    Some(Relation { total: cell, parts })
}

/// Refuses a table in which a member of a column without declared totals counts exactly as many
/// subjects as all others together, in every group of cells that differ in this column only.
pub fn undeclared_total(table: &Table<'_>) -> Result<(), SuppressionRefusal> {
    let count = |cell: &usize| table.cells.get(*cell).map_or(0, |cell| cell.count);
    for (place, column) in table.columns.iter().enumerate() {
        if table.totals.iter().any(|total| total.column == *column) {
            continue;
        }
        let groups: Vec<(Group<'_>, u64)> = groups(table, place)
            .into_values()
            .filter(|group| group.len() >= MEMBERS_MIN)
            .map(|group| {
                let sum = group.values().map(count).fold(0_u64, u64::saturating_add);
                (group, sum)
            })
            .collect();
        let Some((first, _)) = groups.first() else { continue };
        let enough = groups.len() >= GROUPS_MIN || first.len() > MEMBERS_MIN;
        // Half of everything is what all others are together.
        let is_total = |member: &&&str| {
            groups.iter().all(|(group, sum)| {
                let own = group.get(**member).map_or(0, count);
                own > 0 && own.saturating_mul(2) == *sum
            })
        };
        if let Some(member) = first.keys().find(is_total).filter(|_| enough) {
            let (column, member) = (column.clone(), (*member).to_owned());
            return Err(SuppressionRefusal::UndeclaredTotal { column, member });
        }
    }
    Ok(())
}
