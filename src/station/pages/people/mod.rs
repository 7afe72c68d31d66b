//! Pages of people: the own account, users and tokens, what was done.

mod account;
mod audit;
mod hooks;
mod passkeys;
mod users;

use super::table::Pages;
use super::words;
use crate::station_api::{Session, Time};

pub(super) fn add_to(pages: &mut Pages) {
    account::add_to(pages);
    passkeys::add_to(pages);
    users::add_to(pages);
    audit::add_to(pages);
    hooks::add_to(pages);
}

/// A session in a list.
struct Line {
    digest: String,
    /// What it is: a browser's name, or a program's.
    what: String,
    origin: String,
    made: String,
    used: String,
    ends: String,
    /// The one that looks.
    here: bool,
}

fn line(session: Session, own: &str, now: Time) -> Line {
    let what = match session.page {
        true => browser(&session.browser),
        false => "A program, by the API".to_owned(),
    };
    let when = |time| words::when(time, now);
    let (made, used, ends) = (when(session.made), when(session.used), when(session.expires));
    let here = session.digest == own;
    Line { what, origin: session.origin, made, used, ends, here, digest: session.digest }
}

/// What a browser calls itself, in words that people know it by.
fn browser(text: &str) -> String {
    let first = |names: &[(&str, &'static str)]| {
        names.iter().find(|(key, _)| text.contains(key)).map(|(_, name)| *name)
    };
    let browser = first(&[
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Chromium/", "Chromium"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) if text.is_empty() => "A browser".to_owned(),
        (None, None) => crate::format::message(text).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_told_as_people_know_it() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome on Linux");
        assert_eq!(
            browser("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1"),
            "Safari on iPhone"
        );
        assert_eq!(browser(""), "A browser");
        assert_eq!(browser("<b>\u{1b}[2J"), crate::format::message("<b>\u{1b}[2J"));
    }
}
