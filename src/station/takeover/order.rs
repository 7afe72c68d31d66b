//! The order in which scripts run. There it is that of priorities, then of rows, and priorities are any numbers; here it is that
//! of priorities from 0 to 1000, then of names. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::device_api::When;

/// The highest priority here.
const HIGHEST: u32 = 1000;

/// What the order of a script is made of.
pub(super) struct Ordered<'a> {
    /// Before or after the image.
    pub(super) when: When,
    /// As it is there.
    pub(super) priority: i64,
    /// The number of its row.
    pub(super) id: i64,
    /// What it is called here.
    pub(super) name: String,
    /// The projects that run it, by the numbers of their rows.
    pub(super) projects: BTreeSet<&'a str>,
}

/// Priorities here, in the scripts' order as they were given, and the projects of which the scripts run in another order
/// all the same.
pub(super) struct Kept<'a> {
    pub(super) priorities: Vec<u32>,
    pub(super) other: Vec<&'a str>,
}

/// Priorities with which the scripts of each project run in the order that they had. Each keeps its own where it can.
pub(super) fn kept<'a>(scripts: &[Ordered<'a>]) -> Kept<'a> {
    let mut old: Vec<usize> = (0..scripts.len()).collect();
    let at = |place: usize| scripts.get(place);
    old.sort_by_key(|&place| at(place).map(|one| (one.when, one.priority, one.id)));
    let mut priorities: Vec<u32> = scripts
        .iter()
        .map(|one| u32::try_from(one.priority.clamp(0, i64::from(HIGHEST))).unwrap_or(HIGHEST))
        .collect();
    // Upwards, each comes behind those that its projects run before it; then downwards, where that led beyond the highest.
    let mut last: BTreeMap<(When, &str), (u32, &str)> = BTreeMap::new();
    for &place in &old {
        let (Some(one), Some(priority)) = (at(place), priorities.get_mut(place)) else { continue };
        for project in &one.projects {
            if let Some((before, name)) = last.get(&(one.when, project)) {
                *priority = (*priority).max(before.saturating_add(u32::from(*name > one.name.as_str())));
            }
        }
        last.extend(
            one.projects.iter().map(|project| ((one.when, *project), (*priority, one.name.as_str()))),
        );
    }
    let mut next: BTreeMap<(When, &str), (u32, &str)> = BTreeMap::new();
    for &place in old.iter().rev() {
        let (Some(one), Some(priority)) = (at(place), priorities.get_mut(place)) else { continue };
        *priority = (*priority).min(HIGHEST);
        for project in &one.projects {
            if let Some((behind, name)) = next.get(&(one.when, project)) {
                *priority = (*priority).min(behind.saturating_sub(u32::from(one.name.as_str() > *name)));
            }
        }
        next.extend(
            one.projects.iter().map(|project| ((one.when, *project), (*priority, one.name.as_str()))),
        );
    }
    let mut of_project: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for &place in &old {
        for project in at(place).iter().flat_map(|one| &one.projects) {
            of_project.entry(project).or_default().push(place);
        }
    }
    let here = |place: &usize| Some((at(*place)?.when, *priorities.get(*place)?, at(*place)?.name.as_str()));
    let is_other = |places: &[usize]| !places.is_sorted_by_key(here);
    let other = of_project.into_iter().filter(|(_, places)| is_other(places)).map(|(project, _)| project);
    Kept { other: other.collect(), priorities }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn script(name: &str, priority: i64, id: i64, projects: &[&'static str]) -> Ordered<'static> {
        let projects = projects.iter().copied().collect();
        Ordered { when: When::Post, priority, id, name: name.to_owned(), projects }
    }

    #[test]
    fn an_order_is_kept_and_a_number_changes_only_where_it_has_to() {
        let one = |scripts: &[Ordered<'static>]| kept(scripts).priorities;
        // By names `a` would come first.
        assert_eq!(one(&[script("b", 100, 1, &["p"]), script("a", 100, 2, &["p"])]), [100, 101]);
        assert_eq!(one(&[script("a", 100, 1, &["p"]), script("b", 100, 2, &["p"])]), [100, 100]);
        // No project runs both.
        assert_eq!(one(&[script("b", 100, 1, &["p"]), script("a", 100, 2, &["q"])]), [100, 100]);
        // The row's number decides, not where it stands, and not as a text.
        assert_eq!(one(&[script("a", 100, 10, &["p"]), script("b", 100, 9, &["p"])]), [101, 100]);
        // Beyond the bounds of here.
        assert_eq!(one(&[script("b", 1500, 1, &["p"]), script("a", 2000, 2, &["p"])]), [999, 1000]);
        assert_eq!(one(&[script("b", -9, 1, &["p"]), script("a", -3, 2, &["p"])]), [0, 1]);
        assert_eq!(one(&[script("b", 1000, 1, &["p"]), script("a", 1000, 2, &["p"])]), [999, 1000]);
        // One that is in the way goes along.
        let all = [script("c", 100, 1, &["p"]), script("b", 100, 2, &["p"]), script("a", 101, 3, &["p"])];
        assert_eq!(one(&all), [100, 101, 102]);
    }

    #[test]
    fn more_than_fit_are_told() {
        let names: Vec<String> = (0..1200).map(|n| format!("{:04}", 9999 - n)).collect();
        let all: Vec<_> = names.iter().zip(0..).map(|(name, id)| script(name, 100, id, &["p"])).collect();
        let kept = kept(&all);
        assert_eq!(kept.other, ["p"]);
        assert!(kept.priorities.iter().all(|priority| *priority <= HIGHEST));
    }

    proptest! {
        #[test]
        fn each_project_runs_its_scripts_as_before(
            rows in proptest::collection::vec((-3i64..4, 0usize..3, 0u8..8, any::<bool>()), 0..16), scale in 1i64..700,
        ) {
            let all: Vec<Ordered<'static>> = rows.iter().zip(0i64..).map(|((priority, name, in_projects, is_pre), id)| {
                let projects = ["p", "q", "r"].into_iter().zip(0..).filter(|(_, bit)| in_projects >> bit & 1 == 1);
                Ordered {
                    when: if *is_pre { When::Pre } else { When::Post },
                    priority: priority * scale,
                    id,
                    name: format!("{}{id}", ["z", "m", "a"][*name]),
                    projects: projects.map(|(project, _)| project).collect(),
                }
            }).collect();
            let kept = kept(&all);
            prop_assert!(kept.other.is_empty());
            for project in ["p", "q", "r"] {
                let mut there: Vec<usize> = (0..all.len()).filter(|&at| all[at].projects.contains(project)).collect();
                let mut here = there.clone();
                there.sort_by_key(|&at| (all[at].when, all[at].priority, all[at].id));
                here.sort_by_key(|&at| (all[at].when, kept.priorities[at], all[at].name.clone()));
                prop_assert_eq!(there, here);
            }
        }
    }
}
