//! Which passwords are refused: those that somebody tries first who guesses. Pure.
//!
//! What is counted is what is left of a password without the user's name and the words that everybody tries, and without
//! characters that only go on: `aaaa`, `1234`, `dcba`. `password1234` leaves one character, `correct horse` leaves ten.

/// So many characters have to be left.
const LEFT: usize = 6;
/// So many different ones.
const DIFFERENT: usize = 5;
/// What everybody tries first: in small letters, without digits in the place of letters.
const WORDS: [&str; 22] = [
    "password",
    "passwort",
    "kennwort",
    "passphrase",
    "raspberrypi",
    "raspberry",
    "piprov",
    "administrator",
    "admin",
    "operator",
    "station",
    "welcome",
    "letmein",
    "changeme",
    "secret",
    "login",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "qwerty",
    "qwertz",
    "zxcvbnm",
];

/// Why a password is too easily guessed; `None` where it isn't. `name`: whose it is.
pub(super) fn weak(name: &str, password: &str) -> Option<&'static str> {
    let small: Vec<char> = password.chars().map(|char| char.to_ascii_lowercase()).collect();
    let mut all = small.clone();
    all.sort_unstable();
    all.dedup();
    if all.len() < DIFFERENT || left(&small, &vec![false; small.len()]) < LEFT {
        return Some("its characters repeat, or follow one another");
    }
    let letters: Vec<char> = small.iter().map(|char| letter(*char)).collect();
    let mut taken = vec![false; small.len()];
    let name: Vec<char> = name.chars().map(|char| char.to_ascii_lowercase()).collect();
    // A name of two letters stands in many words by chance.
    if name.len() >= 3 {
        take(&small, &name, &mut taken);
    }
    if left(&small, &taken) < LEFT {
        return Some("it is the user's name, and little else");
    }
    for word in WORDS {
        let word: Vec<char> = word.chars().collect();
        take(&small, &word, &mut taken);
        take(&letters, &word, &mut taken);
    }
    (left(&small, &taken) < LEFT).then_some("it is a word that everybody tries first, and little else")
}

/// The letter that stands behind a digit or a sign: `p4ssw0rd`.
const fn letter(char: char) -> char {
    match char {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// Takes each place where the word stands.
fn take(text: &[char], word: &[char], taken: &mut [bool]) {
    for (at, part) in text.windows(word.len()).enumerate() {
        if part == word {
            taken[at..at + word.len()].fill(true);
        }
    }
}

/// How many characters are left that don't only go on from the one before.
fn left(text: &[char], taken: &[bool]) -> usize {
    let goes_on = |at: usize| {
        let before = at.checked_sub(1).map(|before| text[before]);
        before.is_some_and(|before| u32::from(before).abs_diff(u32::from(text[at])) <= 1)
    };
    (0..text.len()).filter(|at| !taken[*at] && !goes_on(*at)).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_tried_first_is_refused_with_why() {
        for (password, why) in [
            ("password1234", "word"),
            ("P4ssw0rd2026", "word"),
            ("Raspberry-Pi-5", "word"),
            ("qwertyuiop12", "word"),
            ("adminadmin!!", "word"),
            ("anna-schmidt", "name"),
            ("Anna-Schmidt123", "name"),
            ("anna-schmidtanna-schmidt", "name"),
            ("aaaaaaaaaaaa", "repeat"),
            ("123456789012", "repeat"),
            ("abcdefghijkl", "repeat"),
            ("xyxyxyxyxyxy", "repeat"),
            ("zyxwvutsrq", "repeat"),
        ] {
            let found = weak("anna-schmidt", password);
            assert!(found.is_some_and(|text| text.contains(why)), "{password}: {found:?}");
        }
        for good in
            ["correct horse", "not-for-a-log-7", "another long password", "annas new shoes", "Größe 44 blau"]
        {
            assert_eq!(weak("anna-schmidt", good), None, "{good}");
        }
        assert_eq!(weak("al", "al corridor 9"), None);
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer_and_more_of_it_makes_it_no_worse(name in ".{0,20}", password in ".{0,40}") {
            if weak(&name, &password).is_none() {
                let longer = format!("{password} xk7#mq");
                prop_assert_eq!(weak(&name, &longer), None);
            }
        }
    }
}
