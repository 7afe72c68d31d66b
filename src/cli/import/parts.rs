//! A history in parts that a station takes at once. Pure.

use crate::station_api::{Import, OldRecord};

/// So many records at once: a part is one transaction, which others wait for.
const MOST: usize = 5_000;
/// So many bytes of them at once as JSON. What else is sent along with the first part has room beside that.
const LONGEST: usize = Import::LONGEST / 4;

const _: () = assert!(MOST <= Import::MOST_RECORDS);

/// All records in their order, in parts that are taken at once. No record is so long that it would be too much alone.
pub(super) fn of(records: Vec<OldRecord>) -> Vec<Vec<OldRecord>> {
    let (mut parts, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    for record in records {
        let len = len(&record);
        if !part.is_empty() && (part.len() >= MOST || bytes + len > LONGEST) {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += len;
        part.push(record);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

/// How long a record is as JSON, with what stands between two.
fn len(record: &OldRecord) -> usize {
    // Such a record can always be written.
    crate::format::json::line(record).map_or(0, |line| line.len()) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> OldRecord {
        serde_json::from_str(&format!(
            r#"{{"serial":"af04b2da","started":1,"outcome":"complete","facts":{{"a":"{text}"}}}}"#
        ))
        .unwrap()
    }

    #[test]
    fn however_long_a_history_is_each_part_is_taken_and_none_is_lost() {
        let records: Vec<_> = (0..60_001).map(|n| OldRecord { started: n, ..record("") }).collect();
        let parts = of(records.clone());
        assert!(parts.len() > 1 && parts.iter().all(|part| part.len() <= Import::MOST_RECORDS));
        assert_eq!(parts.concat(), records);
        assert_eq!(of(Vec::new()).len(), 0);
    }

    #[test]
    fn a_part_is_no_longer_than_a_body_may_be() {
        let records = vec![record(&"x".repeat(90_000)); 800];
        let parts = of(records.clone());
        for part in &parts {
            let body = serde_json::to_vec(&Import { records: part.clone(), ..Import::default() }).unwrap();
            assert!(body.len() <= Import::LONGEST / 2, "{}", body.len());
        }
        assert_eq!((parts.len() > 1, parts.concat() == records), (true, true));
    }
}
