//! Straight to a board: by its name, serial number, address, or what a scanner reads from its label.

use super::Answer;
use crate::board::{Mac, Serial};
use crate::station::pages::table::go;
use crate::station::pages::visit::Visit;
use crate::station::store::Error;
use crate::station_api::{BoardsAsked, Page};

/// Parts of a label that are looked at.
const MOST: usize = 16;

pub(super) async fn find(visit: Visit) -> Answer {
    let text = visit.query.text("q");
    let store = visit.station.store();
    for name in candidates(text) {
        match store.find_board(&name).await {
            Ok(id) => return Ok(go(&format!("/boards/{id}"))),
            Err(Error::NoSuch { .. } | Error::Several { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        match store.run_line(text).await {
            Ok((line, _)) => return Ok(go(&format!("/runs/{}", line.run))),
            Err(Error::NoSuch { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let begins = Some(text.to_owned()).filter(|text| !text.is_empty());
    let asked = BoardsAsked { begins, limit: Some(2), ..BoardsAsked::default() };
    if let Page { items, next: None } = visit.station.boards(&asked).await?
        && let [only] = &items[..]
        && !text.is_empty()
    {
        return Ok(go(&format!("/boards/{}", only.id)));
    }
    let mut to = form_urlencoded::Serializer::new("/boards?".to_owned());
    to.append_pair("q", text);
    Ok(go(&to.finish()))
}

/// What may name a board in a text: all of it, then each part that is a serial number or an address in any way that
/// people print them.
fn candidates(text: &str) -> Vec<String> {
    let text = text.trim();
    let mut all = Vec::new();
    let mut put = |name: String| {
        if !name.is_empty() && name.len() <= 256 && !all.contains(&name) {
            all.push(name);
        }
    };
    put(text.to_owned());
    let parts =
        text.split(|char: char| !(char.is_ascii_alphanumeric() || matches!(char, ':' | '-' | '_' | '.')));
    for part in parts.take(MOST) {
        let part = part.trim_matches([':', '-', '.', '_']);
        // `SN:…` and `MAC-…`: what stands before the first separator is no hexadecimal number.
        let rest =
            part.split_once([':', '-', '_']).filter(|(head, _)| !is_hex(head)).map_or(part, |(_, rest)| rest);
        for part in [part, rest] {
            let bare: String = part.chars().filter(char::is_ascii_hexdigit).collect();
            let only = part.chars().all(|char| char.is_ascii_hexdigit() || matches!(char, ':' | '-' | '.'));
            if only && bare.len() == 12 {
                let pairs: Vec<_> = bare.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
                if let Ok(mac) = pairs.join(":").parse::<Mac>() {
                    put(mac.to_string());
                }
            }
            if matches!(part.len(), 8 | 16) && part.parse::<Serial>().is_ok() {
                put(part.to_ascii_lowercase());
            }
        }
    }
    all
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_scanner_reads_names_a_board() {
        for (text, found) in [
            (" gateway-00398 ", &["gateway-00398"][..]),
            ("DCA632010203", &["DCA632010203", "dc:a6:32:01:02:03"]),
            ("DC-A6-32-01-02-03", &["DC-A6-32-01-02-03", "dc:a6:32:01:02:03"]),
            ("S/N: 10000000AF04B2DA", &["S/N: 10000000AF04B2DA", "10000000af04b2da"]),
            ("SN:10000000af04b2da", &["SN:10000000af04b2da", "10000000af04b2da"]),
            (
                "https://x.example/?sn=af04b2da&mac=dca632010203",
                &["https://x.example/?sn=af04b2da&mac=dca632010203", "af04b2da", "dc:a6:32:01:02:03"],
            ),
            ("", &[]),
        ] {
            assert_eq!(candidates(text), found, "{text}");
        }
    }

    #[test]
    fn a_long_text_is_no_long_work() {
        assert!(candidates(&"12345678 ".repeat(100_000)).len() <= 2 * MOST + 1);
    }
}
