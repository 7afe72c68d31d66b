//! Changes at the station as they happen: server-sent events.

use std::io::Read;
use std::time::Duration;

use super::Station;
use crate::cli::ui::Ui;
use crate::http::{Error, Pauses};
use crate::station_api::Change;

/// No line is longer.
const LINE: usize = 64 << 10;
/// The station says something every 15 s.
const SILENCE: Duration = Duration::from_secs(50);

/// A stream of server-sent events, taken apart (WHATWG HTML, section 9.2.6). Pure.
#[derive(Debug, Default)]
struct Stream {
    line: Vec<u8>,
    data: String,
    id: Option<String>,
}

impl Stream {
    /// The events that these bytes complete, each with its id.
    fn take(&mut self, bytes: &[u8]) -> Vec<(Option<String>, String)> {
        let mut events = Vec::new();
        for &byte in bytes {
            if byte != b'\n' {
                if self.line.len() < LINE {
                    self.line.push(byte);
                }
                continue;
            }
            let line = String::from_utf8_lossy(&self.line).into_owned();
            self.line.clear();
            let line = line.strip_suffix('\r').unwrap_or(&line);
            if line.is_empty() {
                let data = std::mem::take(&mut self.data);
                if !data.is_empty() {
                    events.push((self.id.clone(), data));
                }
                continue;
            }
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "data" if self.data.len() + value.len() < LINE => self.data.push_str(value),
                "id" if value.len() < 100 => self.id = Some(value.to_owned()),
                _ => {}
            }
        }
        events
    }
}

/// Follows the changes until the program is to end, or `each` says that it is enough. A connection that breaks is made
/// again.
pub(in crate::cli) fn follow(
    station: &Station,
    ui: &Ui,
    mut each: impl FnMut(&Change) -> crate::cli::Result<bool>,
) -> crate::cli::Result<()> {
    let (mut last, mut pauses) = (None::<String>, Pauses::usual());
    let (stop, mut again) = (station.client.stop(), super::again(ui, None));
    loop {
        match once(station, &mut last, &mut pauses, &mut each) {
            Ok(true) => return Ok(()),
            Ok(false) => {
                // A station that is started again ends it.
                ui.detail("the station has ended the stream; it is asked again");
                if !pauses.wait(None, stop) {
                    return Ok(());
                }
            }
            // Ctrl-C is how it is meant to end.
            Err(_) if stop.is_set() => return Ok(()),
            Err(Ended::Failed(failure)) => return Err(failure),
            Err(Ended::Http(error)) if error.may_pass() => {
                let Some(pause) = pauses.next_or(None) else { return Err(error)? };
                again(&error, pause);
                if stop.wait(pause) {
                    return Ok(());
                }
            }
            Err(Ended::Http(error)) => return Err(error)?,
        }
    }
}

enum Ended {
    Http(Error),
    Failed(crate::cli::Failure),
}

/// One connection. Says whether it was enough.
fn once(
    station: &Station,
    last: &mut Option<String>,
    pauses: &mut Pauses,
    each: &mut impl FnMut(&Change) -> crate::cli::Result<bool>,
) -> Result<bool, Ended> {
    let mut call = station.client.get("/api/v1/events").stall(SILENCE);
    if let Some(last) = last.as_deref() {
        call = call.header("last-event-id", last);
    }
    let mut body = call.send().map_err(Ended::Http)?.into_reader();
    let (mut stream, mut buf) = (Stream::default(), [0; 4096]);
    loop {
        let len = body.read(&mut buf).map_err(|error| {
            Ended::Http(error.downcast().unwrap_or_else(|source| Error::Broken {
                to: "events".to_owned(),
                step: crate::http::Step::Body,
                source,
            }))
        })?;
        if len == 0 {
            return Ok(false);
        }
        pauses.well();
        let events = stream.take(&buf[..len]);
        // One without anything in it says from where on to ask.
        if events.is_empty() && stream.id.is_some() {
            last.clone_from(&stream.id);
        }
        for (id, data) in events {
            *last = id.or_else(|| last.take());
            // What another version tells beside that is left out.
            let Ok(change) = serde_json::from_str(&data) else { continue };
            if each(&change).map_err(Ended::Failed)? {
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn events_come_apart_wherever_the_bytes_are_cut() {
        let text =
            b": alive\n\nid: 1\ndata: {\"a\":1}\n\nevent: x\r\nid: 2\r\ndata: b\r\n\r\ndata\n\ndata: lost";
        let all =
            vec![(Some("1".to_owned()), "{\"a\":1}".to_owned()), (Some("2".to_owned()), "b".to_owned())];
        for cut in 0..text.len() {
            let mut stream = Stream::default();
            let mut events = stream.take(&text[..cut]);
            events.extend(stream.take(&text[cut..]));
            assert_eq!(events, all, "{cut}");
        }
    }

    proptest! {
        #[test]
        fn no_stream_makes_it_grow(bytes: Vec<u8>) {
            let mut stream = Stream::default();
            for _ in 0..3 {
                stream.take(&bytes);
            }
            prop_assert!(stream.line.len() <= LINE && stream.data.len() <= LINE);
        }
    }
}
