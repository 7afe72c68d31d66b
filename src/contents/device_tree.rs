//! Flattened device trees, as far as a forecast asks them: overlays with their parameters, and the map of overlays' names.
//! Nothing in them is believed.
//!
//! Sources: Devicetree Specification 0.4, chapter 5; U-Boot, doc/usage/fdt_overlays.rst (`__overlay__`); Raspberry Pi's
//! documentation, "Device trees, overlays, and parameters" (`__overrides__`, and the map with its platforms).

use thiserror::Error;

/// What a tree begins with.
const MAGIC: u32 = 0xd00d_feed;
/// The version that has all fields that are read here; everything writes it since 2005.
const VERSION: u32 = 17;
/// Nodes within nodes; the deepest of a real tree are 8.
const DEEPEST: usize = 32;
/// Nodes of a tree; a Pi's have some 400, and the map of names some 300.
const MOST: usize = 10_000;

/// Why some bytes are no device tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoTree {
    /// It begins with something else.
    #[error("it doesn't begin as a device tree does")]
    Magic,
    /// Another form of the format.
    #[error("its format has version {0}, and 17 is expected")]
    Version(u32),
    /// Bytes are missing.
    #[error("it ends too early")]
    Short,
    /// What it says of itself contradicts itself.
    #[error("it is damaged at byte {0}")]
    Damaged(usize),
    /// More nodes, or deeper ones, than any tree has.
    #[error("it has too many nodes")]
    Large,
}

/// A node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node<'a> {
    /// How far it is from the root, which has 0.
    pub depth: usize,
    /// Its name; the root's is empty.
    pub name: &'a str,
    /// Its properties' names and values.
    pub properties: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Node<'a> {
    /// A property's value.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&'a [u8]> {
        self.properties.iter().find(|(there, _)| *there == name).map(|(_, value)| *value)
    }

    /// A property that is one text; empty where it has no value.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let value = self.property(name)?;
        text(value.strip_suffix(&[0]).unwrap_or(value))
    }
}

/// All nodes of a tree, the root first, each behind the one that it is in.
///
/// # Errors
/// Whatever isn't a whole tree.
pub fn nodes(bytes: &[u8]) -> Result<Vec<Node<'_>>, NoTree> {
    if word(bytes, 0).ok_or(NoTree::Short)? != MAGIC {
        return Err(NoTree::Magic);
    }
    let field = |at| word(bytes, at).map(|value| value as usize).ok_or(NoTree::Short);
    let (total, structure, strings) = (field(4)?, field(8)?, field(12)?);
    let version = word(bytes, 20).ok_or(NoTree::Short)?;
    if version != VERSION {
        return Err(NoTree::Version(version));
    }
    let (strings_len, structure_len) = (field(32)?, field(36)?);
    let bytes = bytes.get(..total).ok_or(NoTree::Short)?;
    let part = |from: usize, len: usize| bytes.get(from..from.checked_add(len)?);
    let strings = part(strings, strings_len).ok_or(NoTree::Damaged(12))?;
    let structure = (structure, part(structure, structure_len).ok_or(NoTree::Damaged(8))?);
    walk(structure, strings)
}

/// `structure`: where it begins, and what it is.
fn walk<'a>((begin, structure): (usize, &'a [u8]), strings: &'a [u8]) -> Result<Vec<Node<'a>>, NoTree> {
    let mut nodes: Vec<Node<'a>> = Vec::new();
    // The nodes that are open, by their places in the list.
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    loop {
        let damaged = NoTree::Damaged(begin + at);
        let token = word(structure, at).ok_or(NoTree::Short)?;
        at += 4;
        match token {
            // FDT_BEGIN_NODE
            1 => {
                let name = name(structure, at).ok_or(damaged)?;
                if nodes.len() == MOST || open.len() == DEEPEST {
                    return Err(NoTree::Large);
                }
                if open.is_empty() && !nodes.is_empty() {
                    return Err(damaged);
                }
                nodes.push(Node { depth: open.len(), name, properties: Vec::new() });
                open.push(nodes.len() - 1);
                at += (name.len() + 1).next_multiple_of(4);
            }
            // FDT_END_NODE
            2 => {
                open.pop().ok_or(damaged)?;
            }
            // FDT_PROP
            3 => {
                let len = word(structure, at).ok_or(NoTree::Short)? as usize;
                let name_at = word(structure, at + 4).ok_or(NoTree::Short)? as usize;
                at += 8;
                let value = at.checked_add(len).and_then(|end| structure.get(at..end)).ok_or(damaged)?;
                let name = name(strings, name_at).ok_or(damaged)?;
                let node = open.last().and_then(|open| nodes.get_mut(*open)).ok_or(damaged)?;
                node.properties.push((name, value));
                at += len.next_multiple_of(4);
            }
            // FDT_NOP
            4 => {}
            // FDT_END
            9 if open.is_empty() && !nodes.is_empty() => return Ok(nodes),
            _ => return Err(damaged),
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(word.try_into().ok()?))
}

/// A text up to its zero byte.
fn name(bytes: &[u8], at: usize) -> Option<&str> {
    let rest = bytes.get(at..)?;
    text(&rest[..rest.iter().position(|byte| *byte == 0)?])
}

/// Names of nodes and properties are printable ASCII.
fn text(bytes: &[u8]) -> Option<&str> {
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~')).then(|| std::str::from_utf8(bytes).ok())?
}

/// Trees for tests, in the form that a compiler gives them.
#[cfg(test)]
pub(crate) mod made {
    /// Writes one. A line is a node that opens (`name {`), one that ends (`}`), or a property (`name`, `name = text`).
    pub(crate) fn tree(text: &str) -> Vec<u8> {
        let (mut structure, mut strings) = (Vec::new(), Vec::new());
        let word = |out: &mut Vec<u8>, word: usize| out.extend((word as u32).to_be_bytes());
        let padded = |out: &mut Vec<u8>, bytes: &[u8]| {
            out.extend(bytes);
            out.resize(out.len().next_multiple_of(4), 0);
        };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if line == "}" {
                word(&mut structure, 2);
            } else if let Some(name) = line.strip_suffix('{') {
                word(&mut structure, 1);
                padded(&mut structure, format!("{}\0", name.trim().trim_matches('/')).as_bytes());
            } else {
                let (name, value) = line.split_once(" = ").unwrap_or((line, ""));
                let value = if value.is_empty() { String::new() } else { format!("{value}\0") };
                word(&mut structure, 3);
                word(&mut structure, value.len());
                word(&mut structure, strings.len());
                strings.extend(format!("{name}\0").as_bytes());
                padded(&mut structure, value.as_bytes());
            }
        }
        word(&mut structure, 9);
        let mut bytes = Vec::new();
        let (structure_at, strings_at) = (56, 56 + structure.len());
        let header = [
            super::MAGIC as usize,
            strings_at + strings.len(),
            structure_at,
            strings_at,
            40,
            17,
            16,
            0,
            strings.len(),
            structure.len(),
        ];
        header.iter().for_each(|field| word(&mut bytes, *field));
        // An empty list of reserved memory.
        bytes.resize(56, 0);
        [bytes, structure, strings].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "/ {\ncompatible = brcm,bcm2835\nfragment@0 {\ntarget-path = /\n__overlay__ {\nempty\n}\n}\n\
                        __overrides__ {\nspeed = x\n}\n}\n";

    #[test]
    fn nodes_come_with_their_depths_and_properties() {
        let bytes = made::tree(TEXT);
        let nodes = nodes(&bytes).unwrap();
        let shape: Vec<_> = nodes.iter().map(|node| (node.depth, node.name)).collect();
        assert_eq!(shape, [(0, ""), (1, "fragment@0"), (2, "__overlay__"), (1, "__overrides__")]);
        assert_eq!(nodes[0].text("compatible"), Some("brcm,bcm2835"));
        assert_eq!((nodes[2].text("empty"), nodes[2].property("none")), (Some(""), None));
        assert_eq!(nodes[3].properties, [("speed", &b"x\0"[..])]);
    }

    /// The literal bytes of a tree with one empty node.
    #[test]
    fn the_smallest_tree_is_its_root() {
        let mut bytes = vec![0; 72];
        for (at, word) in [
            (0, 0xd00d_feed_u32),
            (4, 72),
            (8, 56),
            (12, 72),
            (16, 40),
            (20, 17),
            (24, 16),
            (36, 16),
            (56, 1),
            (64, 2),
            (68, 9),
        ] {
            bytes[at..at + 4].copy_from_slice(&word.to_be_bytes());
        }
        assert_eq!(nodes(&bytes), Ok(vec![Node::default()]));
        assert_eq!(nodes(&bytes[..71]), Err(NoTree::Short));
        bytes[68..72].copy_from_slice(&2u32.to_be_bytes());
        assert_eq!(nodes(&bytes), Err(NoTree::Damaged(68)));
        bytes[20..24].copy_from_slice(&3u32.to_be_bytes());
        assert_eq!(nodes(&bytes), Err(NoTree::Version(3)));
        bytes[0] = 0;
        assert_eq!(nodes(&bytes), Err(NoTree::Magic));
        assert_eq!(nodes(b"\xd0\x0d\xfe"), Err(NoTree::Short));
    }

    #[test]
    fn nodes_within_nodes_have_a_bound() {
        let deep = format!("/ {{\n{}{}}}\n", "a {\n".repeat(40), "}\n".repeat(40));
        assert_eq!(nodes(&made::tree(&deep)), Err(NoTree::Large));
        let wide = format!("/ {{\n{}}}\n", "a {\n}\n".repeat(MOST));
        assert_eq!(nodes(&made::tree(&wide)), Err(NoTree::Large));
    }

    proptest! {
        #[test]
        fn damage_is_found_or_does_no_harm(at in 0usize..300, byte: u8, cut in 0usize..300) {
            let mut bytes = made::tree(TEXT);
            let len = bytes.len();
            bytes[at % len] = byte;
            let _ = nodes(&bytes);
            prop_assert!(nodes(&bytes[..cut % len]).is_err());
        }
    }
}
