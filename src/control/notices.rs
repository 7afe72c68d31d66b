//! What is the matter on the network, the newest of each: kept by the server for stations that come later, and by a station
//! for its page. Pure.

use std::collections::BTreeMap;

use super::message::{About, Notice};

/// So many are kept.
const MOST: usize = 256;

/// The newest notice of each thing.
#[derive(Debug, Clone, Default)]
pub struct Notices(BTreeMap<(About, String), Notice>);

impl Notices {
    /// Takes one in the place of the last one about the same thing. A board that has its address is no longer one that gets
    /// nothing. The oldest one goes where there are too many.
    pub fn put(&mut self, notice: Notice) {
        if notice.about == About::Address {
            self.0.remove(&(About::Board, notice.subject.clone()));
        }
        self.0.insert((notice.about, notice.subject.clone()), notice);
        if self.0.len() > MOST
            && let Some(oldest) =
                self.0.iter().min_by_key(|(_, notice)| notice.time).map(|(key, _)| key.clone())
        {
            self.0.remove(&oldest);
        }
    }

    /// All of them, by what they are about.
    pub fn all(&self) -> impl Iterator<Item = &Notice> {
        self.0.values()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(about: About, subject: &str, second: i64) -> Notice {
        let time = jiff::Timestamp::from_second(second).unwrap();
        Notice::new(time, about, subject, "x", None, false)
    }

    #[test]
    fn the_newest_of_each_thing_is_kept_and_the_oldest_goes() {
        let mut notices = Notices::default();
        notices.put(notice(About::Board, "a", 1));
        notices.put(notice(About::Board, "a", 2));
        notices.put(notice(About::Server, "10.0.0.1", 3));
        assert_eq!(notices.all().count(), 2);
        notices.put(notice(About::Address, "a", 4));
        let left: Vec<_> = notices.all().map(|notice| notice.about).collect();
        assert_eq!(left, [About::Server, About::Address], "a board with an address gets something");
        for n in 0..1000 {
            notices.put(notice(About::Board, &format!("invented {n}"), 10 + n));
        }
        assert_eq!(notices.all().count(), MOST);
        assert!(notices.all().all(|notice| notice.time.as_second() > 700), "those of long ago went");
    }

    #[test]
    fn what_is_told_is_bounded() {
        let time = jiff::Timestamp::UNIX_EPOCH;
        let long = "é".repeat(10_000);
        let notice = Notice::new(time, About::Board, &long, &long, None, true);
        assert!(notice.subject.chars().count() <= 100 && notice.text.chars().count() <= 500);
    }
}
