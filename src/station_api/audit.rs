//! What people did, as a chain: each line has a digest over itself and the digest of the line before. Who changes,
//! removes or inserts a line has to change all that come behind it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Time;
use crate::format::hex;

/// That somebody did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
pub struct Audit {
    /// Its number: 1 is the first that the station has noted.
    pub n: u64,
    /// When.
    pub time: Time,
    /// The user, token or rule.
    pub by: String,
    /// From where: an address, `socket`.
    pub from: String,
    /// What: `board.deploy`, `image.remove`, …
    pub what: String,
    /// With what.
    pub on: String,
    /// What people called it then, where `on` is the station's own name of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// SHA-256 over all this and the `hash` of the line before, 64 hexadecimal digits.
    pub hash: String,
}

/// Which lines of the audit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "station", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AuditAsked {
    /// Of this user, token or rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// This: `board.deploy`. With a dot at its end all that begin so: `board.`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// With this: by the station's name of it, or by what people called it then or call it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// Not older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// [`Page::next`](super::Page::next) of the call before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1 to 500 lines; 50 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A place in the chain: the line of this number has this digest. 0 and no digest: before all lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The line's number.
    pub n: u64,
    /// Its digest.
    pub hash: String,
}

/// Why a chain isn't whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A line isn't as it was noted, or one before it isn't.
    #[error("line {n} of the audit was changed, or stands in another's place")]
    Changed {
        /// Its number.
        n: u64,
    },
    /// A line is missing.
    #[error("line {n} of the audit is missing")]
    Missing {
        /// Its number.
        n: u64,
    },
    /// A line is there that nobody has noted.
    #[error("behind line {n} of the audit stands another one that was put there")]
    Inserted {
        /// The number of the last right line.
        n: u64,
    },
}

/// The digest of a line behind one with the digest `before`.
#[must_use]
pub fn digest(before: &str, line: &Audit) -> String {
    let parts = ("piprov audit 1", before, line.n, line.time, &line.by, &line.from, &line.what, &line.on);
    // Texts and numbers always become JSON. Without a name the array is shorter, as it was before there were names.
    let text = match &line.name {
        None => crate::format::json::line(&parts),
        Some(name) => {
            let (form, before, n, time, by, from, what, on) = parts;
            crate::format::json::line(&(form, before, n, time, by, from, what, on, name))
        }
    };
    let text = text.unwrap_or_default();
    hex(&Sha256::digest(text.as_bytes()))
}

impl Link {
    /// Takes the next line.
    ///
    /// # Errors
    /// Where it isn't the next one; then the place stays.
    pub fn follow(&mut self, line: &Audit) -> Result<(), Broken> {
        if line.n <= self.n {
            return Err(Broken::Inserted { n: self.n });
        }
        if line.n != self.n + 1 {
            return Err(Broken::Missing { n: self.n + 1 });
        }
        if digest(&self.hash, line) != line.hash {
            return Err(Broken::Changed { n: line.n });
        }
        *self = Self { n: line.n, hash: line.hash.clone() };
        Ok(())
    }

    /// Looks whether the chain ends here.
    ///
    /// # Errors
    /// Where lines are missing at its end, or there are more.
    pub fn ends(&self, end: &Self) -> Result<(), Broken> {
        match self.n.cmp(&end.n) {
            std::cmp::Ordering::Less => Err(Broken::Missing { n: self.n + 1 }),
            std::cmp::Ordering::Greater => Err(Broken::Inserted { n: end.n }),
            std::cmp::Ordering::Equal if self.hash != end.hash => Err(Broken::Changed { n: self.n }),
            std::cmp::Ordering::Equal => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(count: u64) -> Vec<Audit> {
        let mut at = Link::default();
        let lines = (1..=count).map(|n| {
            let text = |text: &str| text.to_owned();
            let (time, on, hash) = (1000, format!("b{n}"), String::new());
            let (by, from, what) = (text("ada"), text("::1"), text("board.deploy"));
            let name = (n % 2 == 1).then(|| text("lab"));
            let mut line = Audit { n, time, by, from, what, on, name, hash };
            line.hash = digest(&at.hash, &line);
            at.follow(&line).unwrap();
            line
        });
        lines.collect()
    }

    fn check(lines: &[Audit]) -> Result<Link, Broken> {
        let mut at = Link::default();
        lines.iter().try_for_each(|line| at.follow(line))?;
        Ok(at)
    }

    #[test]
    fn a_line_that_was_changed_removed_or_inserted_is_found() {
        let whole = chain(5);
        let end = check(&whole).unwrap();
        assert_eq!(end, Link { n: 5, hash: whole[4].hash.clone() });
        let members: [fn(&mut Audit); 8] = [
            |line| line.by = "bob".into(),
            |line| line.from = "10.0.0.1".into(),
            |line| line.what = "board.reboot".into(),
            |line| line.on = "other".into(),
            |line| line.name = Some("other".into()),
            |line| line.name = None,
            |line| line.time += 1,
            |line| line.hash = "00".repeat(32),
        ];
        for change in members {
            let mut lines = whole.clone();
            change(&mut lines[2]);
            assert_eq!(check(&lines), Err(Broken::Changed { n: 3 }));
        }
        let mut lines = whole.clone();
        lines.remove(1);
        assert_eq!(check(&lines), Err(Broken::Missing { n: 2 }));
        let mut lines = whole.clone();
        lines.insert(3, lines[0].clone());
        assert_eq!(check(&lines), Err(Broken::Inserted { n: 3 }));
        let mut lines = whole.clone();
        lines.swap(1, 2);
        assert_eq!(check(&lines), Err(Broken::Missing { n: 2 }));
        // A line that somebody has made anew fits the one before, and breaks the one behind.
        let mut lines = whole.clone();
        lines[2].on = "other".into();
        lines[2].hash = digest(&lines[1].hash, &lines[2]);
        assert_eq!(check(&lines), Err(Broken::Changed { n: 4 }));
        // The end is known.
        assert_eq!(check(&whole[..3]).unwrap().ends(&end), Err(Broken::Missing { n: 4 }));
        assert_eq!(end.ends(&Link { n: 3, ..Link::default() }), Err(Broken::Inserted { n: 3 }));
        assert_eq!(end.ends(&Link { n: 5, hash: "x".into() }), Err(Broken::Changed { n: 5 }));
        assert_eq!(end.ends(&end.clone()), Ok(()));
    }

    #[test]
    fn what_stands_in_one_member_can_t_move_into_another() {
        let line = |by: &str, from: &str| Audit { by: by.into(), from: from.into(), ..chain(1).remove(0) };
        assert_ne!(digest("", &line("a", "bc")), digest("", &line("ab", "c")));
        assert_ne!(digest("", &line("a\",\"b", "c")), digest("", &line("a", "b\",\"c")));
        let on = |on: &str, name: Option<&str>| Audit {
            on: on.into(),
            name: name.map(Into::into),
            ..chain(1).remove(0)
        };
        assert_ne!(digest("", &on("a\",\"b", None)), digest("", &on("a", Some("b"))));
        assert_ne!(digest("", &on("a", Some(""))), digest("", &on("a", None)));
    }
}
