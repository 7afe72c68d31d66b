//! Lists of boards.

use super::boards::{BOARD, board, serial_is};
use super::db::{Question, Value, values, word};
use super::floor::among;
use super::page::{limit, page};
use super::run_list::plain;
use super::{Error, Store};
use crate::station_api::{Board, BoardSort, BoardsAsked, Page, Time};

/// A board that was seen so long ago isn't there, where it doesn't ask for work: milliseconds.
pub const GONE: Time = 120_000;

/// Who is there, for lists that ask for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct There<'a> {
    /// Those that ask for work, by id.
    pub asking: &'a [String],
    /// Now.
    pub now: Time,
}

/// What boards are called, as the index has it.
const CALLED: &str = "lower(coalesce(b.name, b.serial, ''))";

impl Store {
    /// Boards.
    ///
    /// # Errors
    /// [`Error::BadValue`] for a wrong place in the list, or what the database says.
    pub async fn boards(&self, asked: &BoardsAsked, there: There<'_>) -> Result<Page<Board>, Error> {
        let limit = limit(asked.limit)?;
        let mut question = Question::new(BOARD);
        conditions(&mut question, asked, there);
        behind(&mut question, asked.sort, asked.after.as_deref())?;
        question.more(
            match asked.sort {
                BoardSort::First => " ORDER BY b.id",
                BoardSort::Newest => " ORDER BY b.id DESC",
                BoardSort::Seen => " ORDER BY b.last_seen DESC, b.id",
                BoardSort::Name => " ORDER BY lower(coalesce(b.name, b.serial, '')), b.id",
            },
            &[],
        );
        question.more(" LIMIT {}", values![limit as u64 + 1]);
        let rows = self.db.rows(&question.sql, &question.values).await?;
        let boards = rows.into_iter().map(board).collect::<Result<_, _>>()?;
        let mut boards = page(boards, limit, |board: &Board| place(asked.sort, board));
        if asked.sort == BoardSort::Name
            && let (Some(next), Some(last)) = (&mut boards.next, boards.items.last())
        {
            // As the database writes it small.
            let sql = format!("SELECT {CALLED} FROM board b WHERE b.id = $1");
            if let Some(mut row) = self.db.row(&sql, values![&last.id]).await? {
                *next = format!("{}.{}", last.id, row.text()?);
            }
        }
        self.with_addresses(&mut boards.items).await?;
        Ok(boards)
    }

    /// The boards with these ids, in the order in which they came first.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn boards_of(&self, ids: &[String]) -> Result<Vec<Board>, Error> {
        let mut boards = Vec::with_capacity(ids.len());
        for ids in ids.chunks(500) {
            let mut question = among(BOARD, "b.id", ids);
            question.more(" ORDER BY b.id", &[]);
            let rows = self.db.rows(&question.sql, &question.values).await?;
            let mut part = rows.into_iter().map(board).collect::<Result<Vec<_>, _>>()?;
            self.with_addresses(&mut part).await?;
            boards.append(&mut part);
        }
        Ok(boards)
    }

    pub(super) async fn with_addresses(&self, boards: &mut [Board]) -> Result<(), Error> {
        if boards.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = boards.iter().map(|board| board.id.clone()).collect();
        let mut question = among("SELECT board, mac FROM board_mac", "board", &ids);
        question.more(" ORDER BY board, mac", &[]);
        for mut row in self.db.rows(&question.sql, &question.values).await? {
            let (id, mac) = (row.text()?, row.parsed()?);
            if let Some(board) = boards.iter_mut().find(|board| board.id == id) {
                board.macs.push(mac);
            }
        }
        Ok(())
    }
}

fn conditions(question: &mut Question, asked: &BoardsAsked, there: There<'_>) {
    if let Some(text) = &asked.begins {
        begins_so(question, text);
    }
    if let Some(serial) = asked.serial {
        serial_is(question, "b.", &serial);
    }
    if let Some(mac) = asked.mac {
        question.and("b.id IN (SELECT board FROM board_mac WHERE mac = {})", values![mac.to_string()]);
    }
    if let Some(enrolment) = asked.enrolment {
        question.and("b.enrolment = {}", values![word(enrolment)]);
    }
    if let Some(slot) = &asked.slot {
        question.and("b.slot = {}", values![slot]);
    }
    if asked.unruled {
        question.and("b.ruled_at IS NOT NULL AND b.rule IS NULL", &[]);
    }
    if let Some(state) = asked.state {
        question.and(
            "(SELECT j.state FROM job j WHERE j.board = b.id ORDER BY j.id DESC LIMIT 1) = {}",
            values![word(state)],
        );
    }
    if let Some(present) = asked.present {
        let mut values: Vec<Value> = vec![there.now.saturating_sub(GONE).into()];
        values.extend(there.asking.iter().map(Value::from));
        let asking = vec!["{}"; there.asking.len()].join(", ");
        let not = if present { "" } else { "NOT " };
        let condition = match there.asking {
            [] => format!("{not}b.last_seen >= {{}}"),
            _ => format!("{not}(b.last_seen >= {{}} OR b.id IN ({asking}))"),
        };
        question.and(&condition, &values);
    }
}

/// Adds the condition that a name, a model, a serial number or an Ethernet address begins so, or a serial number ends so. What can't be the beginning
/// of one isn't looked for among those: each costs a look at every board.
fn begins_so(question: &mut Question, text: &str) {
    let (first, word) = (format!("{}%", plain(text)), format!("% {}%", plain(text)));
    let begins = |column: &str| format!("{column} LIKE lower({{}}) ESCAPE '\\'");
    let mut any = vec![begins("lower(b.name)"), begins("lower(b.model)"), begins("lower(b.model)")];
    let mut values = values![&first, &first, &word].to_vec();
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        // People also know a number by its last digits.
        any.extend([begins("lower(b.serial)"), begins("b.serial_low"), begins("lower(b.serial)")]);
        values.extend([Value::from(&first), Value::from(&first), Value::from(format!("%{}", plain(text)))]);
        // An address as labels have it, without its colons.
        let pairs: Vec<_> = text.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
        any.push(format!("b.id IN (SELECT m.board FROM board_mac m WHERE {})", begins("m.mac")));
        values.push(Value::from(format!("{}%", pairs.join(":"))));
    }
    let fits =
        |(place, byte): (usize, u8)| if place % 3 == 2 { byte == b':' } else { byte.is_ascii_hexdigit() };
    if text.bytes().enumerate().all(fits) {
        any.push(format!("b.id IN (SELECT m.board FROM board_mac m WHERE {})", begins("m.mac")));
        values.push(Value::from(&first));
    }
    question.and(&format!("({})", any.join(" OR ")), &values);
}

/// Where a list goes on behind a board: `ID`, or `ID.` and what it is sorted by.
fn place(sort: BoardSort, board: &Board) -> String {
    match sort {
        BoardSort::First | BoardSort::Newest | BoardSort::Name => board.id.clone(),
        BoardSort::Seen => format!("{}.{}", board.id, board.last_seen),
    }
}

fn behind(question: &mut Question, sort: BoardSort, after: Option<&str>) -> Result<(), Error> {
    let Some(after) = after else { return Ok(()) };
    let wrong = || Error::BadValue { what: "after", why: format!("`{after}` is no place in this list") };
    let both = || after.split_once('.').ok_or_else(wrong);
    match sort {
        BoardSort::First => question.and("b.id > {}", values![after]),
        BoardSort::Newest => question.and("b.id < {}", values![after]),
        BoardSort::Seen => {
            let (id, seen) = both()?;
            let seen: Time = seen.parse().map_err(|_| wrong())?;
            question.and("b.last_seen <= {} AND (b.last_seen < {} OR b.id > {})", values![seen, seen, id])
        }
        BoardSort::Name => {
            let (id, called) = both()?;
            question.and(&format!("({CALLED}, b.id) > ({{}}, {{}})"), values![called, id])
        }
    };
    Ok(())
}
