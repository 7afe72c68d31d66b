//! "Did you mean": the known names that are closest to one that isn't known.

/// The names within a third of `wanted`'s length (at least one character put in, taken out,
/// replaced, or swapped with its neighbour), closest first, at most three.
#[must_use]
pub fn near<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let limit = (wanted.chars().count() / 3).max(1);
    let mut found: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| (strsim::osa_distance(&wanted, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    found.sort();
    found.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
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
}
