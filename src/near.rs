//! "Did you mean": the known names that are closest to one that isn't known.

/// The names within a third of `wanted`'s length (at least one edit), closest first, at most three.
#[must_use]
pub fn near<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let limit = (wanted.chars().count() / 3).max(1);
    let mut found: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| (edits(&wanted, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    found.sort();
    found.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// How many characters must be put in, taken out, replaced or swapped with their neighbour.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (row, have) in from.chars().enumerate() {
        let mut next = vec![row + 1];
        for (at, want) in to.iter().enumerate() {
            let replaced = last[at] + usize::from(have != *want);
            let mut best = replaced.min(last[at + 1] + 1).min(next[at] + 1);
            if at > 0 && previous == Some(*want) && to[at - 1] == have {
                best = best.min(before[at - 1] + 1);
            }
            next.push(best);
        }
        previous = Some(have);
        before = std::mem::replace(&mut last, next);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_come_first_and_far_ones_not_at_all() {
        let known = ["lab-01", "lab-10", "lab-02", "rack-1"];
        assert_eq!(near("lab-0", known), ["lab-01", "lab-02", "lab-10"]);
        assert_eq!(near("alb-01", known)[0], "lab-01");
        assert_eq!(near("Rack1", known), ["rack-1"]);
        assert!(near("kitchen", known).is_empty());
        assert!(near("", known).is_empty());
    }

    #[test]
    fn counts_edits() {
        for (from, to, want) in [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("abcd", "acbd", 1)] {
            assert_eq!(edits(from, to), want, "{from} {to}");
        }
    }
}
