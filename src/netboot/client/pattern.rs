//! Patterns of names with `*` and `?`. A client writes them into files of its own, so a look at one takes no longer than
//! its length times the name's: it goes back to the last star alone.

/// As fnmatch(3) has it. What stands from a set of characters (`[`) on is taken to fit.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let (plain, set) = pattern.split_once('[').map_or((pattern, false), |(plain, _)| (plain, true));
    let mut pattern: Vec<char> = plain.chars().collect();
    if set {
        pattern.push('*');
    }
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut of) = (0, 0);
    // What stands behind the last star, and the place in the name from which it is tried.
    let mut star = None;
    while let Some(char) = name.get(of) {
        match pattern.get(at) {
            Some('*') => {
                at += 1;
                star = Some((at, of));
            }
            Some(wanted) if *wanted == '?' || wanted == char => {
                at += 1;
                of += 1;
            }
            _ => {
                let Some((behind, from)) = star else { return false };
                star = Some((behind, from + 1));
                (at, of) = (behind, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|char| *char == '*')
}

/// Whether a text has something in it that [`fits`] takes as more than itself.
pub(super) fn is_one(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_marks_and_sets() {
        for (pattern, name) in [
            ("", ""),
            ("*", ""),
            ("*", "x"),
            ("a*b?", "axxbbc"),
            ("**a", "aa"),
            ("x[1-3]", "x9"),
            ("?", "ü"),
            ("[a]*9", "z"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("", "x"), ("?", ""), ("*a", "ab"), ("a*b?", "axxb"), ("y[1-3]", "x1"), ("ü*", "eth0")]
        {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
        assert!(fits(&"*".repeat(10_000), "x") && !fits(&"*?".repeat(10_000), "x"));
        assert!(is_one("a?") && !is_one("a.b"));
    }

    #[test]
    fn many_stars_take_no_time() {
        // One step for each way to divide the name would be more than there are atoms.
        let (pattern, name) = ("*a".repeat(120) + "*b", "a".repeat(255));
        assert!(!fits(&pattern, &name) && fits(&pattern, &(name + "b")));
    }

    proptest::proptest! {
        #[test]
        fn it_agrees_with_all_ways_to_divide_the_name(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            fn slow(pattern: &[u8], name: &[u8]) -> bool {
                match (pattern, name) {
                    ([], name) => name.is_empty(),
                    ([b'*', rest @ ..], name) => (0..=name.len()).any(|from| slow(rest, &name[from..])),
                    ([first, rest @ ..], [char, more @ ..]) => (*first == b'?' || first == char) && slow(rest, more),
                    (_, []) => false,
                }
            }
            proptest::prop_assert_eq!(fits(&pattern, &name), slow(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
