//! What a packet socket lets through, as a program for the kernel (linux/filter.h): what doesn't matter costs this
//! process nothing. Rules go in, instructions come out.
//!
//! The kernel takes the outer tag of a virtual network off before the filter runs, or leaves it in; so the rules are
//! written three times, for no, one and two tags.

use super::frame::{ETHERNET, MOST_TAGS, TAGS};

/// Longer than anything that is read here; what is longer is cut off.
pub(super) const SNAP: u32 = 2048;

/// Frames that are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// ARP.
    Arp,
    /// Frames with a length to groups, which spanning tree's are.
    Spanning,
    /// UDP from a port.
    From(u16),
    /// UDP to a port.
    To(u16),
    /// UDP from a port to a port.
    Between(u16, u16),
    /// UDP whose content begins with this number: TFTP's kind of packet (RFC 1350 section 5).
    Opcode(u16),
    /// The first segment of a TCP connection to a port.
    Syn(u16),
    /// UDP over IPv6 to a port, without extension headers.
    To6(u16),
}

impl Rule {
    const fn is_udp(self) -> bool {
        matches!(self, Self::From(_) | Self::To(_) | Self::Between(..) | Self::Opcode(_))
    }

    const fn is_ip(self) -> bool {
        self.is_udp() || matches!(self, Self::Syn(_))
    }
}

/// The one protocol that all rules are about, as Ethernet numbers it; `None` where there are several. A socket that is
/// bound to it costs other packets nothing at all.
#[must_use]
pub(super) fn protocol(rules: &[Rule]) -> Option<u16> {
    if rules.iter().all(|rule| *rule == Rule::Arp) {
        Some(0x0806)
    } else if rules.iter().all(|rule| rule.is_ip()) {
        Some(0x0800)
    } else {
        None
    }
}

/// An instruction: code, jump if true, jump if false, constant. Jumps count the instructions that they pass over.
pub(super) type Instruction = (u16, u8, u8, u32);

// linux/bpf_common.h: class, size and mode of a load; an operation; a jump; the end.
const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF: u16 = 0x28;
/// Behind the IP header, whose length is in X.
const LOAD_BYTE_X: u16 = 0x50;
const LOAD_HALF_X: u16 = 0x48;
/// X becomes the length of the IP header.
const IP_HEADER: u16 = 0xb1;
const AND: u16 = 0x54;
const EQUAL: u16 = 0x15;
const GREATER: u16 = 0x25;
const ANY_BIT: u16 = 0x45;
const END: u16 = 0x06;

/// A place in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Label(usize);

/// An instruction whose jumps aren't counted yet.
#[derive(Debug)]
struct Step {
    code: u16,
    constant: u32,
    /// Where to go if the test holds, and if not.
    jump: Option<(Label, Label)>,
}

/// A program in the making: jumps name places, which may come later.
#[derive(Debug, Default)]
struct Program {
    code: Vec<Step>,
    places: Vec<usize>,
}

impl Program {
    fn label(&mut self) -> Label {
        self.places.push(usize::MAX);
        Label(self.places.len() - 1)
    }

    /// The label is here.
    fn mark(&mut self, label: Label) {
        self.places[label.0] = self.code.len();
    }

    fn step(&mut self, code: u16, constant: u32) {
        self.code.push(Step { code, constant, jump: None });
    }

    fn jump(&mut self, code: u16, constant: u32, then: Label, otherwise: Label) {
        self.code.push(Step { code, constant, jump: Some((then, otherwise)) });
    }

    /// Goes to `then` where the test holds, else on.
    fn if_so(&mut self, code: u16, constant: u32, then: Label) {
        let next = self.label();
        self.jump(code, constant, then, next);
        self.mark(next);
    }

    /// Goes on where the test holds, else to `otherwise`.
    fn unless(&mut self, code: u16, constant: u32, otherwise: Label) {
        let next = self.label();
        self.jump(code, constant, next, otherwise);
        self.mark(next);
    }

    /// All jumps as distances; `None` where one is too far for its byte.
    fn finish(self) -> Option<Vec<Instruction>> {
        let far = |from: usize, to: Label| u8::try_from(self.places[to.0].checked_sub(from + 1)?).ok();
        let resolved = self.code.iter().enumerate().map(|(at, Step { code, constant, jump })| {
            let (then, otherwise) = match jump {
                Some((then, otherwise)) => (far(at, *then)?, far(at, *otherwise)?),
                None => (0, 0),
            };
            Some((*code, then, otherwise, *constant))
        });
        resolved.collect()
    }
}

/// Makes the program that lets through what at least one of the rules names, and nothing else. A later fragment of a
/// packet is let through by no rule: its content would be taken for ports.
///
/// `None` where there are more rules than jumps reach over, about 30.
#[must_use]
pub(super) fn program(rules: &[Rule]) -> Option<Vec<Instruction>> {
    let mut program = Program::default();
    let (take, drop) = (program.label(), program.label());
    let starts: Vec<Label> = (0..=MOST_TAGS).map(|_| program.label()).collect();
    for (tags, start) in starts.iter().enumerate() {
        program.mark(*start);
        level(&mut program, rules, tags, starts.get(tags + 1).copied(), (take, drop));
    }
    program.mark(drop);
    program.step(END, 0);
    program.mark(take);
    program.step(END, SNAP);
    program.finish()
}

/// The rules behind so many tags.
fn level(
    program: &mut Program,
    rules: &[Rule],
    tags: usize,
    next: Option<Label>,
    (take, drop): (Label, Label),
) {
    // Where what is behind the Ethernet header and its tags begins.
    let at = (ETHERNET + 4 * tags) as u32;
    let ip = program.label();
    program.step(LOAD_HALF, at - 2);
    if rules.contains(&Rule::Arp) {
        program.if_so(EQUAL, 0x0806, take);
    }
    if rules.iter().any(|rule| rule.is_ip()) {
        program.if_so(EQUAL, 0x0800, ip);
    }
    let ip6 = program.label();
    let has_ip6 = rules.iter().any(|rule| matches!(rule, Rule::To6(_)));
    if has_ip6 {
        program.if_so(EQUAL, 0x86dd, ip6);
    }
    if let Some(next) = next {
        TAGS.iter().for_each(|tag| program.if_so(EQUAL, (*tag).into(), next));
    }
    if rules.contains(&Rule::Spanning) {
        // Larger than any length: a protocol.
        program.if_so(GREATER, 1500, drop);
        program.step(LOAD_BYTE, 0);
        program.jump(EQUAL, 1, take, drop);
    } else {
        program.step(END, 0);
    }
    program.mark(ip6);
    if has_ip6 {
        program.step(LOAD_BYTE, at + 6);
        program.unless(EQUAL, 17, drop);
        program.step(LOAD_HALF, at + 42);
        for rule in rules {
            if let Rule::To6(port) = rule {
                program.if_so(EQUAL, (*port).into(), take);
            }
        }
        program.step(END, 0);
    }
    program.mark(ip);
    if !rules.iter().any(|rule| rule.is_ip()) {
        return;
    }
    let (udp, tcp) = (program.label(), program.label());
    program.step(LOAD_HALF, at + 6);
    program.if_so(ANY_BIT, 0x1fff, drop);
    program.step(IP_HEADER, at);
    program.step(LOAD_BYTE, at + 9);
    program.if_so(EQUAL, 17, udp);
    program.jump(EQUAL, 6, tcp, drop);
    program.mark(udp);
    // What reads furthest comes last: a read behind the end of the frame drops it.
    for rule in rules.iter().filter(|rule| rule.is_udp() && !matches!(rule, Rule::Opcode(_))) {
        match *rule {
            Rule::From(port) => {
                program.step(LOAD_HALF_X, at);
                program.if_so(EQUAL, port.into(), take);
            }
            Rule::To(port) => {
                program.step(LOAD_HALF_X, at + 2);
                program.if_so(EQUAL, port.into(), take);
            }
            Rule::Between(from, to) => {
                let other = program.label();
                program.step(LOAD_HALF_X, at);
                program.unless(EQUAL, from.into(), other);
                program.step(LOAD_HALF_X, at + 2);
                program.if_so(EQUAL, to.into(), take);
                program.mark(other);
            }
            _ => {}
        }
    }
    for rule in rules {
        if let Rule::Opcode(opcode) = rule {
            program.step(LOAD_HALF_X, at + 8);
            program.if_so(EQUAL, (*opcode).into(), take);
        }
    }
    program.step(END, 0);
    program.mark(tcp);
    // SYN without ACK.
    program.step(LOAD_BYTE_X, at + 13);
    program.step(AND, 0x12);
    program.unless(EQUAL, 2, drop);
    program.step(LOAD_HALF_X, at + 2);
    for rule in rules {
        if let Rule::Syn(port) = rule {
            program.if_so(EQUAL, (*port).into(), take);
        }
    }
    program.step(END, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::tests::{ethernet, udp, udp6};
    use crate::wire::frame::{Payload, parse};

    const WATCH: [Rule; 11] = [
        Rule::Arp,
        Rule::Spanning,
        Rule::From(67),
        Rule::From(68),
        Rule::To(67),
        Rule::To(69),
        Rule::To(4011),
        Rule::Opcode(5),
        Rule::Opcode(6),
        Rule::Syn(2049),
        Rule::To6(547),
    ];

    /// Runs a program as the kernel does (linux/filter.h), for the instructions that are made here.
    fn takes(rules: &[Rule], frame: &[u8]) -> bool {
        let program = program(rules).unwrap();
        let (mut at, mut a, mut x) = (0, 0u32, 0usize);
        loop {
            let (code, then, otherwise, k) = program[at];
            let byte = |n: usize| frame.get(n).map(|byte| u32::from(*byte));
            let half = |n: usize| Some(byte(n)? << 8 | byte(n + 1)?);
            let at_k = k as usize;
            at += 1;
            let jump = |yes: bool| usize::from(if yes { then } else { otherwise });
            let loaded = match code {
                LOAD_HALF => half(at_k),
                LOAD_BYTE => byte(at_k),
                LOAD_HALF_X => half(at_k + x),
                LOAD_BYTE_X => byte(at_k + x),
                AND => Some(a & k),
                IP_HEADER => byte(at_k).inspect(|byte| x = (*byte as usize & 15) * 4).map(|_| a),
                EQUAL | GREATER | ANY_BIT => {
                    at += jump(match code {
                        EQUAL => a == k,
                        GREATER => a > k,
                        _ => a & k != 0,
                    });
                    continue;
                }
                END => return k > 0,
                other => panic!("no such instruction: {other:#x}"),
            };
            match loaded {
                Some(value) => a = value,
                None => return false,
            }
        }
    }

    /// The frame behind no, one and two tags.
    fn tagged(frame: &[u8]) -> [Vec<u8>; 3] {
        let with = |tags: &[u8]| [&frame[..12], tags, &frame[12..]].concat();
        [with(&[]), with(&[0x81, 0, 0, 7]), with(&[0x88, 0xa8, 0, 9, 0x81, 0, 0, 7])]
    }

    #[test]
    fn the_kernel_lets_through_what_matters() {
        for (from, to, data, want) in [
            ("0.0.0.0:68", "255.255.255.255:67", &b""[..], true),
            ("10.0.0.1:67", "10.0.0.9:68", b"", true),
            ("10.0.0.1:4011", "10.0.0.9:4011", b"", true),
            ("10.0.0.9:49152", "10.0.0.1:69", b"\0\x01x", true),
            ("10.0.0.1:40000", "10.0.0.9:49152", b"\0\x05\0\x01gone", true),
            ("10.0.0.1:40000", "10.0.0.9:49152", b"\0\x06tsize", true),
            ("10.0.0.1:40000", "10.0.0.9:49152", b"\0\x03\0\x05data", false),
            ("10.0.0.9:49152", "10.0.0.1:40000", b"\0\x04\0\x05", false),
            ("10.0.0.9:5353", "224.0.0.251:5353", b"x", false),
        ] {
            for frame in tagged(&udp(from, to, data)) {
                assert_eq!(takes(&WATCH, &frame), want, "{from} {to}");
            }
        }
        assert!(takes(&WATCH, &ethernet(0x0806, &[])));
        assert!(!takes(&WATCH, &ethernet(0x86dd, &[0; 40])));
        for (port, want) in [(547, true), (53, false)] {
            for mut frame in tagged(&udp6("[fe80::1]:546", &format!("[ff02::1:2]:{port}"), b"")) {
                assert_eq!(takes(&WATCH, &frame), want, "{port}");
                assert_eq!(takes(&[Rule::To6(547)], &frame), want, "{port}");
                // TCP, or an extension header.
                let at = frame.len() - 42;
                frame[at] = 6;
                assert!(!takes(&WATCH, &frame));
            }
        }
        let mut bpdu = ethernet(38, &[0x42, 0x42, 3]);
        assert!(!takes(&WATCH, &bpdu), "only to groups, not to all");
        bpdu[..6].copy_from_slice(&[1, 0x80, 0xc2, 0, 0, 0]);
        assert!(takes(&WATCH, &bpdu));
        let mut syn = udp("10.0.0.9:800", "10.0.0.1:2049", &[0; 20]);
        (syn[23], syn[47]) = (6, 2);
        assert!(takes(&WATCH, &syn) && takes(&[Rule::Syn(2049)], &syn) && !takes(&[Rule::Syn(111)], &syn));
        syn[47] = 0x12;
        assert!(!takes(&WATCH, &syn));
        (syn[47], syn[20]) = (2, 0x1f);
        assert!(!takes(&WATCH, &syn), "a fragment");
        assert!(!takes(&WATCH, &[]));
    }

    #[test]
    fn each_rule_stands_alone() {
        let discover = udp("0.0.0.0:68", "255.255.255.255:67", b"");
        let offer = udp("10.0.0.1:67", "10.0.0.9:68", b"");
        let arp = ethernet(0x0806, &[0; 28]);
        for (rule, [of_client, of_server, of_arp]) in [
            (Rule::Arp, [false, false, true]),
            (Rule::Spanning, [false, false, false]),
            (Rule::Between(68, 67), [true, false, false]),
            (Rule::To(68), [false, true, false]),
            (Rule::From(67), [false, true, false]),
            (Rule::Syn(67), [false, false, false]),
        ] {
            for (frame, want) in [(&discover, of_client), (&offer, of_server), (&arp, of_arp)] {
                for frame in tagged(frame) {
                    assert_eq!(takes(&[rule], &frame), want, "{rule:?}");
                }
            }
        }
        // A frame that ends where ports would be is nobody's.
        assert!(!takes(&[Rule::Between(68, 67)], &discover[..35]));
    }

    #[test]
    fn a_socket_is_bound_to_the_one_protocol_that_there_is() {
        assert_eq!(protocol(&[Rule::Arp]), Some(0x0806));
        assert_eq!(protocol(&[Rule::To(68), Rule::Syn(2049)]), Some(0x0800));
        assert_eq!(protocol(&[Rule::Arp, Rule::To(68)]), None);
        assert_eq!(protocol(&[Rule::Spanning]), None);
        assert_eq!(protocol(&[Rule::To6(547)]), None);
    }

    #[test]
    fn more_rules_than_jumps_reach_are_refused() {
        assert!(program(&[Rule::To(9); 20]).is_some());
        assert_eq!(program(&[Rule::To(9); 200]), None);
    }

    proptest::proptest! {
        /// What the filter lets through of the clients' DHCP, the parser knows, and the other way round.
        #[test]
        fn filter_and_parser_agree(ports: (u16, u16), noise in proptest::collection::vec(0u8.., 0..40), which in 0..3usize) {
            for (from, to) in [ports, (68, 67), (68, ports.1), (ports.0, 67)] {
                let frame = udp(&format!("10.0.0.9:{from}"), &format!("10.0.0.1:{to}"), &noise);
                let frame = &tagged(&frame)[which];
                let known = matches!(
                    parse(frame, None).map(|frame| frame.payload),
                    Some(Payload::Udp(udp)) if (udp.from.port(), udp.to.port()) == (68, 67)
                );
                proptest::prop_assert_eq!(takes(&[Rule::Between(68, 67)], frame), known);
            }
        }

        #[test]
        fn any_frame_comes_to_an_end(frame: Vec<u8>) { let _ = takes(&WATCH, &frame); }
    }
}
