//! Which members a node keeps a link with. In a small federation everybody is linked with
//! everybody. In a large one the members stand in a ring in the order of their divisions, and each
//! is linked with those 1, 2, 4, 8 … places before and after it: the near ones are of its own city
//! and province, which stay together when they are cut off from the rest, and the far ones reach
//! across the country and past any province that is missing. Every node computes the same links
//! from the same members, so both ends of a link know of it.

use std::collections::BTreeSet;

use crate::id::{DivisionCode, NodeName};

/// Federations of up to this many members are linked completely: 63 links cost a node less than
/// one page view a second, and every change arrives in one step.
pub const ALL_LINKED_MAX: usize = 64;

/// Where a member stands in the ring.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The division it speaks for.
    pub division: DivisionCode,
    /// Its name.
    pub node: NodeName,
}

/// The members a node keeps links with, in whatever order the members are given and whether or not
/// it is among them; about 2·log₂ n of n members.
pub fn neighbors(own: &Place, members: impl IntoIterator<Item = Place>) -> BTreeSet<NodeName> {
    let mut ring: BTreeSet<Place> = members.into_iter().collect();
    ring.insert(own.clone());
    let count = ring.len();
    let before = ring.range(..own).count();
    let apart = |place: usize| place.abs_diff(before).min(count - place.abs_diff(before));
    let is_linked = |place: usize| count <= ALL_LINKED_MAX || apart(place).is_power_of_two();
    let ring = ring.into_iter().enumerate().filter(|(place, _)| *place != before);
    ring.filter(|(place, _)| is_linked(*place)).map(|(_, member)| member.node).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use super::*;

    /// A country: cities with nine districts each, ten cities to a province.
    fn country(count: usize) -> Vec<Place> {
        let place = |number: usize| {
            let (province, city) = (11 + number / 100, 1 + number / 10 % 10);
            let division = format!("{province}{city:02}{:02}", number % 10);
            Place {
                division: DivisionCode::parse(&division).expect("six digits"),
                node: NodeName::parse(&format!("n{number}")).expect("a name"),
            }
        };
        (0..count).map(place).collect()
    }

    type Graph = BTreeMap<NodeName, BTreeSet<NodeName>>;

    fn graph(members: &[Place]) -> Graph {
        let links = |own: &Place| (own.node.clone(), neighbors(own, members.to_vec()));
        members.iter().map(links).collect()
    }

    /// Steps to the farthest node of those that remain; `None` when some cannot be reached.
    fn eccentricity(
        graph: &Graph,
        from: &NodeName,
        remains: impl Fn(&NodeName) -> bool,
    ) -> Option<usize> {
        let mut steps = BTreeMap::from([(from, 0)]);
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            let next = steps[node] + 1;
            for other in graph[node].iter().filter(|other| remains(other)) {
                if !steps.contains_key(other) {
                    steps.insert(other, next);
                    queue.push_back(other);
                }
            }
        }
        let all = graph.keys().filter(|node| remains(node)).count();
        (steps.len() == all).then(|| steps.into_values().max().unwrap_or(0))
    }

    #[test]
    fn few_members_are_all_linked_and_one_more_thins_the_links() {
        let members = country(ALL_LINKED_MAX);
        assert!(graph(&members).values().all(|links| links.len() == ALL_LINKED_MAX - 1));
        let members = country(ALL_LINKED_MAX + 1);
        assert!(graph(&members).values().all(|links| links.len() == 12));
        assert_eq!(neighbors(&members[0], []), BTreeSet::new(), "alone");
    }

    #[test]
    fn links_are_few_mutual_and_the_same_for_any_order_of_the_list() {
        for count in [65, 100, 300, 1000] {
            let members = country(count);
            let graph = graph(&members);
            let degree_max = 2 * usize::try_from(count.ilog2()).expect("small");
            for (node, links) in &graph {
                assert!(links.len() <= degree_max, "{} links of {count}", links.len());
                assert!(!links.contains(node));
                assert!(links.iter().all(|other| graph[other].contains(node)), "both ends know");
            }
            let mut shuffled = members.clone();
            shuffled.sort_by_key(|place| place.node.as_str().bytes().rev().collect::<Vec<_>>());
            assert_ne!(shuffled, members);
            for own in members.iter().step_by(7) {
                let listed = shuffled.clone();
                assert_eq!(neighbors(own, listed), graph[&own.node]);
            }
        }
    }

    #[test]
    fn a_node_that_is_not_on_the_list_yet_stands_where_it_will() {
        let members = country(100);
        let newcomer = &members[50];
        let others = members.iter().filter(|place| *place != newcomer).cloned();
        assert_eq!(neighbors(newcomer, others), neighbors(newcomer, members.clone()));
    }

    #[test]
    fn everybody_is_near() {
        for (count, steps) in [(65, 3), (300, 4), (1000, 6), (3000, 6)] {
            let members = country(count);
            let graph = graph(&members);
            let farthest = eccentricity(&graph, &members[0].node, |_| true).expect("connected");
            assert_eq!(farthest, steps, "of {count}");
        }
    }

    #[test]
    fn a_province_that_is_cut_off_stays_together_and_so_does_the_rest() {
        let members = country(1000);
        let graph = graph(&members);
        for province in 11..21 {
            let inside: BTreeSet<&NodeName> = members
                .iter()
                .filter(|place| place.division.as_str().starts_with(&province.to_string()))
                .map(|place| &place.node)
                .collect();
            let outside = &members.iter().find(|p| !inside.contains(&p.node)).expect("one").node;
            let first = inside.first().expect("one");
            assert!(eccentricity(&graph, first, |node| inside.contains(node)).is_some());
            assert!(eccentricity(&graph, outside, |node| !inside.contains(node)).is_some());
        }
    }

    #[test]
    fn a_tenth_of_the_nodes_may_be_missing() {
        let members = country(1000);
        let graph = graph(&members);
        let mut random: u64 = 7;
        for _ in 0..20 {
            let mut missing = BTreeSet::new();
            while missing.len() < 100 {
                // Knuth's generator, the high bits.
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let place = usize::try_from(random >> 33).expect("31 bits") % members.len();
                missing.insert(&members[place].node);
            }
            let first = graph.keys().find(|node| !missing.contains(node)).expect("900");
            let farthest = eccentricity(&graph, first, |node| !missing.contains(node));
            assert!(farthest.expect("connected") <= 7);
        }
    }
}
