//! What a flattened device tree says of a board: its model, and its Ethernet controllers (Devicetree Specification 0.4,
//! chapter 5).

const MAGIC: u32 = 0xd00d_feed;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;
/// Deeper trees are no board's.
const DEEPEST: usize = 64;

/// A board's device tree, as far as this is about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Board {
    /// What it is called.
    pub(super) model: String,
    /// What drivers know each of its Ethernet controllers by, the closest first.
    pub(super) ethernet: Vec<Vec<String>>,
}

/// Reads a device tree; `None` where it is none.
pub(super) fn read(bytes: &[u8]) -> Option<Board> {
    let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?));
    if word(0)? != MAGIC {
        return None;
    }
    let (mut at, strings) = (word(8)? as usize, word(12)? as usize);
    let text = |at: usize| {
        let rest = bytes.get(at..)?;
        std::str::from_utf8(&rest[..rest.iter().position(|byte| *byte == 0)?]).ok()
    };
    let mut board = Board::default();
    // For each open node, whether it is an Ethernet controller, what drivers know it by, and whether it is switched off.
    let mut open: Vec<(bool, Vec<String>, bool)> = Vec::new();
    loop {
        let token = word(at)?;
        at += 4;
        match token {
            BEGIN_NODE => {
                let name = text(at)?;
                at += (name.len() + 1).next_multiple_of(4);
                let is_ethernet = name.split('@').next() == Some("ethernet");
                open.push((is_ethernet, Vec::new(), false));
                if open.len() > DEEPEST {
                    return None;
                }
            }
            END_NODE => {
                let (is_ethernet, known_by, is_off) = open.pop()?;
                if is_ethernet && !is_off && !known_by.is_empty() {
                    board.ethernet.push(known_by);
                }
                if open.is_empty() {
                    return Some(board);
                }
            }
            PROPERTY => {
                let (len, name) = (word(at)? as usize, text(strings.checked_add(word(at + 4)? as usize)?)?);
                let value = bytes.get(at + 8..(at + 8).checked_add(len)?)?;
                at += 8 + len.next_multiple_of(4);
                let texts = || {
                    let texts = value.split(|byte| *byte == 0).filter(|text| !text.is_empty());
                    texts.map(|text| String::from_utf8_lossy(text).into_owned()).collect::<Vec<_>>()
                };
                let is_root = open.len() == 1;
                let node = open.last_mut()?;
                match name {
                    "model" if is_root => board.model = texts().join(" "),
                    "compatible" => node.1 = texts(),
                    "status" => node.2 = value.starts_with(b"disabled"),
                    _ => {}
                }
            }
            NOP => {}
            _ => return None,
        }
    }
}
