//! An attacker who is answered everything, and knows the declared sums, solves for what is
//! withheld and finds no cell of it: flat, two-dimensional, hierarchical and over time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const SMALLEST: u64 = 10;

fn total(column: &str, total: &str, parts: &[&str]) -> Total {
    let parts = parts.iter().map(|part| (*part).to_owned()).collect();
    Total { column: column.to_owned(), total: total.to_owned(), parts }
}

struct Data {
    columns: Vec<String>,
    totals: Vec<Total>,
    cells: Vec<Cell>,
}

impl Data {
    fn new(columns: &[&str], totals: Vec<Total>) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { columns, totals, cells: Vec::new() }
    }

    fn cell(mut self, at: &[&str], count: u64) -> Self {
        self.cells.push(Cell { at: at.iter().map(|m| m.to_uppercase()).collect(), count });
        self
    }

    fn table(&self) -> Table<'_> {
        Table {
            columns: &self.columns,
            totals: &self.totals,
            cells: &self.cells,
            smallest_cell: SMALLEST,
        }
    }

    fn withheld(&self) -> BTreeSet<usize> {
        withhold(&self.table(), &BTreeSet::new()).expect("decided")
    }

    fn names(&self) -> Vec<String> {
        self.withheld().iter().map(|cell| self.cells[*cell].at.join("/")).collect()
    }
}

fn flat(counts: [u64; 4]) -> Data {
    let [east, west, south, north] = counts;
    Data::new(&["area", "year"], vec![total("area", "all", &[])])
        .cell(&["all", "2025"], counts.iter().sum())
        .cell(&["east", "2025"], east)
        .cell(&["west", "2025"], west)
        .cell(&["south", "2025"], south)
        .cell(&["north", "2025"], north)
}

#[test]
fn a_small_part_takes_its_smallest_neighbor_with_it() {
    assert!(flat([40, 50, 60, 70]).names().is_empty());
    assert_eq!(flat([3, 50, 60, 70]).names(), ["EAST/2025", "WEST/2025"]);
    assert_eq!(flat([70, 60, 50, 3]).names(), ["SOUTH/2025", "NORTH/2025"]);
}

#[test]
fn withheld_parts_together_are_no_small_cell_either() {
    // 3 and 4 alone would show that both are seven together.
    assert_eq!(flat([3, 4, 60, 70]).names(), ["EAST/2025", "WEST/2025", "SOUTH/2025"]);
    assert_eq!(flat([0, 0, 60, 70]).names(), ["EAST/2025", "WEST/2025", "SOUTH/2025"]);
    assert_eq!(flat([6, 7, 60, 70]).names(), ["EAST/2025", "WEST/2025"]);
}

#[test]
fn withheld_parts_may_stand_under_a_total_that_counts_enough() {
    let data = Data::new(&["area", "year"], vec![total("area", "all", &["east", "west"])])
        .cell(&["all", "2025"], 12)
        .cell(&["east", "2025"], 3)
        .cell(&["west", "2025"], 9);
    assert_eq!(data.names(), ["EAST/2025", "WEST/2025"], "twelve together");
    let data = Data::new(&["area", "year"], vec![total("area", "all", &["east"])])
        .cell(&["all", "2025"], 20)
        .cell(&["east", "2025"], 20);
    assert!(data.names().is_empty());
}

#[test]
fn what_a_total_has_beyond_its_parts_is_a_cell_too() {
    let data = |all| {
        Data::new(&["area", "year"], vec![total("area", "all", &["east", "west"])])
            .cell(&["all", "2025"], all)
            .cell(&["east", "2025"], 40)
            .cell(&["west", "2025"], 55)
    };
    assert_eq!(data(100).names(), ["EAST/2025"], "five subjects are nowhere else");
    assert!(data(150).names().is_empty(), "fifty-five are enough");
    assert!(data(95).names().is_empty());
}

#[test]
fn what_was_withheld_stays_withheld() {
    let data = flat([3, 50, 60, 70]);
    let kept = BTreeSet::from([4]);
    let withheld = withhold(&data.table(), &kept).expect("decided");
    assert_eq!(withheld, BTreeSet::from([1, 4]), "north serves as the neighbor");
}

#[test]
fn sums_that_give_a_cell_away_only_together_are_found() {
    // Every row and column has two withheld cells, and the bridge between the two squares is still
    // what their totals leave: no single sum shows it.
    let columns = ["row", "column"];
    let totals = vec![total("row", "all", &[]), total("column", "all", &[])];
    let small = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2), (2, 3), (3, 2), (3, 3)];
    let count = |row: usize, column: usize| if small.contains(&(row, column)) { 8 } else { 30 };
    let mut data = Data::new(&columns, totals);
    let name = |prefix: &str, at: usize| format!("{prefix}{at}");
    for row in 0..4 {
        for column in 0..4 {
            data = data.cell(&[&name("r", row), &name("c", column)], count(row, column));
        }
    }
    for at in 0..4 {
        let row: u64 = (0..4).map(|column| count(at, column)).sum();
        let column: u64 = (0..4).map(|row| count(row, at)).sum();
        data = data.cell(&[&name("r", at), "all"], row).cell(&["all", &name("c", at)], column);
    }
    let all: u64 = (0..16).map(|at| count(at / 4, at % 4)).sum();
    let data = data.cell(&["all", "all"], all);
    let only_small: BTreeSet<usize> =
        (0..data.cells.len()).filter(|cell| data.cells[*cell].count < SMALLEST).collect();
    let attack = Attack::of(&data, &only_small);
    assert_eq!(attack.found(), ["R1/C2"], "the attack can succeed");
    assert!(data.withheld().len() > only_small.len());
    assert!(Attack::of(&data, &data.withheld()).found().is_empty());
}

#[test]
fn a_total_nobody_declared_is_found() {
    let data = |counts: &[(&str, &str, u64)]| {
        let mut data = Data::new(&["area", "year"], Vec::new());
        for (area, year, count) in counts {
            data = data.cell(&[area, year], *count);
        }
        undeclared_total(&data.table())
    };
    let years = ["2023", "2024", "2025"];
    let mut counts = Vec::new();
    for year in years {
        counts.extend([("all", year, 60), ("east", year, 40), ("west", year, 20)]);
    }
    let found = data(&counts).expect_err("a total");
    assert_eq!(found.code(), "dataset.undeclared_total");
    counts[8].2 = 21;
    assert_eq!(data(&counts), Ok(()), "not everywhere");
    assert_eq!(data(&[("a", "1", 5), ("b", "1", 3), ("c", "1", 2)]), Ok(()), "by chance");
}

#[test]
fn more_than_can_be_decided_is_refused() {
    let mut data = Data::new(&["area", "year"], vec![total("area", "all", &[])]);
    data.cells = (0..=CELLS_MAX).map(|n| Cell { at: vec![n.to_string()], count: 1 }).collect();
    let refused = withhold(&data.table(), &BTreeSet::new());
    assert_eq!(refused, Err(SuppressionRefusal::TooManyCells));
    data.cells = (0..=WITHHELD_TOGETHER_MAX)
        .map(|n| Cell { at: vec![format!("A{n}"), "1".to_owned()], count: 1 })
        .collect();
    data.cells.push(Cell { at: vec!["ALL".to_owned(), "1".to_owned()], count: 5_000 });
    let refused = withhold(&data.table(), &BTreeSet::new()).expect_err("too many");
    assert_eq!(refused.code(), "dataset.too_many_withheld");
}

/// Solves for withheld cells from everything that is shown, with fractions and no cleverness, apart
/// from the code under test.
struct Attack<'d> {
    data: &'d Data,
    unknown: Vec<usize>,
    rows: Vec<Vec<f64>>,
}

impl<'d> Attack<'d> {
    fn of(data: &'d Data, withheld: &BTreeSet<usize>) -> Self {
        let unknown: Vec<usize> = withheld.iter().copied().collect();
        let mut rows = Vec::new();
        for total in &data.totals {
            let place = data.columns.iter().position(|c| *c == total.column).expect("a column");
            for (index, cell) in data.cells.iter().enumerate() {
                if cell.at[place] == total.total.to_uppercase() {
                    let row = Self::row(data, (index, place), total, &unknown);
                    rows.extend(row.iter().any(|factor| *factor != 0.0).then_some(row));
                }
            }
        }
        Self { data, unknown, rows }
    }

    fn row(
        data: &Data,
        (sum, place): (usize, usize),
        total: &Total,
        unknown: &[usize],
    ) -> Vec<f64> {
        let at = &data.cells[sum].at;
        let is_part = |cell: &Cell| {
            let elsewhere = cell.at.iter().zip(at).enumerate();
            let listed = total.parts.iter().any(|part| part.to_uppercase() == cell.at[place]);
            (total.parts.is_empty() || listed)
                && elsewhere.into_iter().all(|(i, (own, of))| (i == place) != (own == of))
        };
        let factor = |cell: &usize| {
            if *cell == sum {
                1.0
            } else if is_part(&data.cells[*cell]) {
                -1.0
            } else {
                0.0
            }
        };
        unknown.iter().map(factor).collect()
    }

    fn rank(mut rows: Vec<Vec<f64>>) -> usize {
        let width = rows.first().map_or(0, Vec::len);
        let mut rank = 0;
        for column in 0..width {
            let best = (rank..rows.len())
                .max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()));
            let Some(best) = best.filter(|row| rows[*row][column].abs() > 1e-9) else { continue };
            rows.swap(rank, best);
            let pivot = rows[rank].clone();
            for row in rows.iter_mut().skip(rank + 1) {
                let factor = row[column] / pivot[column];
                for (value, of_pivot) in row.iter_mut().zip(&pivot) {
                    *value -= factor * of_pivot;
                }
            }
            rank += 1;
        }
        rank
    }

    /// The withheld cells that follow from the others.
    fn found(&self) -> Vec<String> {
        let rank = Self::rank(self.rows.clone());
        let follows = |place: &usize| {
            let mut rows = self.rows.clone();
            rows.push((0..self.unknown.len()).map(|p| f64::from(u8::from(p == *place))).collect());
            Self::rank(rows) == rank
        };
        let found = (0..self.unknown.len()).filter(follows);
        found.map(|place| self.data.cells[self.unknown[place]].at.join("/")).collect()
    }
}

/// Members of a column with their sums: names, and which sums what.
fn leaves(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}{n}")).collect()
}

/// All combinations of members with counts that add up along every declared total.
fn summed(columns: &[&str], totals: Vec<Total>, fine: &BTreeMap<Vec<String>, u64>) -> Data {
    let mut cells = fine.clone();
    for total in &totals {
        let place = columns.iter().position(|column| *column == total.column).expect("a column");
        let mut sums: BTreeMap<Vec<String>, u64> = BTreeMap::new();
        for (at, count) in &cells {
            if total.parts.is_empty() || total.parts.contains(&at[place]) {
                let mut sum = at.clone();
                sum[place].clone_from(&total.total);
                *sums.entry(sum).or_default() += count;
            }
        }
        cells.extend(sums);
    }
    let mut data = Data::new(columns, totals);
    for (at, count) in cells {
        let at: Vec<&str> = at.iter().map(String::as_str).collect();
        data = data.cell(&at, count);
    }
    data
}

fn counts(size: usize) -> impl Strategy<Value = Vec<u64>> {
    // Mostly small ones: the hard cases.
    proptest::collection::vec(prop_oneof![0_u64..12, 0_u64..4, 10_u64..40], size)
}

fn check(data: &Data) -> Result<(), TestCaseError> {
    let withheld = data.withheld();
    for (cell, of) in data.cells.iter().enumerate() {
        prop_assert!(of.count >= SMALLEST || withheld.contains(&cell), "{:?}", of.at);
    }
    let found = Attack::of(data, &withheld).found();
    prop_assert!(found.is_empty(), "{found:?} of {:?}", data.cells);
    let again = withhold(&data.table(), &withheld).expect("decided");
    prop_assert_eq!(again, withheld, "a pattern is its own end");
    Ok(())
}

proptest! {
    #[test]
    fn nothing_is_found_in_flat_parts(counts in counts(24)) {
        let areas = leaves("a", 6);
        let fine = (0..24).map(|n| (vec![areas[n % 6].clone(), format!("y{}", n / 6)], counts[n]));
        check(&summed(&["area", "year"], vec![total("area", "all", &[])], &fine.collect()))?;
    }

    #[test]
    fn nothing_is_found_in_two_dimensions_with_levels(counts in counts(20)) {
        let areas = leaves("a", 5);
        let sectors = leaves("s", 4);
        let fine = (0..20).map(|n| (vec![areas[n % 5].clone(), sectors[n / 5].clone()], counts[n]));
        let totals = vec![
            total("area", "north", &["a0", "a1", "a2"]),
            total("area", "south", &["a3", "a4"]),
            total("area", "city", &["north", "south"]),
            total("sector", "all", &[]),
        ];
        check(&summed(&["area", "sector"], totals, &fine.collect()))?;
    }

    #[test]
    fn nothing_is_found_over_time(counts in counts(24)) {
        let quarters: Vec<Vec<String>> = (0..4).map(|q| leaves(&format!("q{q}m"), 3)).collect();
        let months: Vec<String> = quarters.concat();
        let fine =
            (0..24).map(|n| (vec![format!("a{}", n / 12), months[n % 12].clone()], counts[n]));
        let mut totals: Vec<Total> = (0..4)
            .map(|q| Total {
                column: "period".to_owned(),
                total: format!("q{q}"),
                parts: quarters[q].clone(),
            })
            .collect();
        totals.push(total("period", "year", &["q0", "q1", "q2", "q3"]));
        totals.push(total("area", "both", &["a0", "a1"]));
        check(&summed(&["area", "period"], totals, &fine.collect()))?;
    }
}
