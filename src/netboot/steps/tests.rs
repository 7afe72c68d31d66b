use super::*;
use crate::netboot::reason::ADDRESS_COMES;

fn client(stage: Stage) -> DhcpClient {
    let revision = (stage == Stage::Eeprom4).then_some(0x00c0_3114);
    DhcpClient {
        stage,
        serial: (stage != Stage::Rom).then_some(crate::board::Serial::of_low(0x9c1d_03f2)),
        revision,
        arch: Some(0),
    }
}

struct Boot {
    steps: Steps,
    now: Instant,
}

impl Boot {
    fn new(stage: Stage) -> Self {
        let now = Instant::now();
        let mut boot = Self { steps: Steps::new(now), now };
        boot.hear(Signal::Discover(client(stage)));
        boot
    }

    fn hear(&mut self, signal: Signal) -> Vec<Step> {
        self.now += Duration::from_millis(500);
        self.steps.hear(&signal, self.now)
    }

    fn offer(&mut self) -> Vec<Step> {
        let from = Ipv4Addr::new(10, 0, 0, 1);
        self.hear(Signal::Offer(Offer { from, ours: true, boots: true, address: None }))
    }

    /// Fetches files; a `?` in front is a probe, a `!` means that it isn't there.
    fn fetch(&mut self, paths: &[&str]) -> Vec<Step> {
        let mut all = Vec::new();
        for path in paths {
            let name = path.trim_start_matches(['?', '!']).to_owned();
            all.extend(self.hear(Signal::Asked(name.clone())));
            all.extend(self.hear(match path.as_bytes()[0] {
                b'?' => Signal::Probed(name),
                b'!' => Signal::Missing(name),
                _ => Signal::Sent(name, 1000),
            }));
        }
        all
    }

    fn late(&mut self, seconds: u64) -> Option<Step> {
        self.now += Duration::from_secs(seconds);
        self.steps.tick(self.now)
    }
}

fn missing(steps: &[Step]) -> Vec<(&str, bool)> {
    steps
        .iter()
        .filter_map(|step| match step {
            Step::Missing { path, fatal, .. } => Some((path.as_str(), *fatal)),
            _ => None,
        })
        .collect()
}

fn has_loaded(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step, Step::Loaded { .. }))
}

#[test]
fn a_pi_3_by_its_rom() {
    let mut boot = Boot::new(Stage::Rom);
    boot.offer();
    let steps = boot.fetch(&["bootcode.bin", "!bootsig.bin"]);
    assert_eq!(missing(&steps), []);
    // bootcode.bin asks DHCP again; that is the same boot.
    let steps = boot.hear(Signal::Discover(client(Stage::Serial)));
    assert_eq!(steps, [Step::Discover { count: 1, program: Stage::Serial }]);
    // Its REQUEST doesn't say what it is; that is no system yet.
    assert_eq!(boot.hear(Signal::Request(client(Stage::PiHost))), []);
    let steps = boot.fetch(&[
        "9c1d03f2/start.elf",
        "!9c1d03f2/autoboot.txt",
        "9c1d03f2/config.txt",
        "!9c1d03f2/recovery.elf",
        "9c1d03f2/fixup.dat",
        "!9c1d03f2/dt-blob.bin",
        "9c1d03f2/cmdline.txt",
        "?9c1d03f2/kernel8.img",
        "!9c1d03f2/kernel8-32.img",
        "!9c1d03f2/armstub8-32.bin",
        "9c1d03f2/kernel8.img",
        "9c1d03f2/bcm2710-rpi-3-b.dtb",
    ]);
    assert_eq!(missing(&steps), []);
    assert!(steps.contains(&Step::Probe { path: "9c1d03f2/kernel8.img".to_owned() }));
    assert!(has_loaded(&steps));
    assert_eq!(
        boot.steps.trail(),
        "DISCOVER → OFFER → bootcode.bin → DISCOVER by bootcode.bin → start.elf → config.txt → kernel8.img → \
         device tree → loaded"
    );
    let steps = boot.hear(Signal::Discover(client(Stage::PiHost)));
    assert!(matches!(steps[..], [Step::Up { .. }]), "{steps:?}");
    assert_eq!(boot.steps.deadline(), None);
    // Switched off and on.
    let steps = boot.hear(Signal::Discover(client(Stage::Rom)));
    assert_eq!(steps, [Step::Again, Step::Discover { count: 1, program: Stage::Rom }]);
}

#[test]
fn the_rom_of_a_3b_plus_and_its_bootcode_bin_are_one_boot() {
    let mut boot = Boot::new(Stage::Serial);
    boot.offer();
    boot.hear(Signal::Asked("bootcode.bin".to_owned()));
    let steps = boot.hear(Signal::Discover(client(Stage::Serial)));
    assert_eq!(steps, [Step::Discover { count: 1, program: Stage::Serial }]);
    boot.hear(Signal::Sent("bootcode.bin".to_owned(), 1000));
    boot.fetch(&["9c1d03f2/start.elf"]);
    assert_eq!(boot.steps.trail(), "DISCOVER → OFFER → DISCOVER by bootcode.bin → bootcode.bin → start.elf");
    let steps = boot.hear(Signal::Discover(client(Stage::Serial)));
    assert_eq!(steps[0], Step::Again);
}

#[test]
fn a_board_with_an_address_of_its_own_starts_again_without_a_word_to_dhcp() {
    let mut boot = Boot::new(Stage::Eeprom5);
    boot.offer();
    let whole = ["config.txt", "cmdline.txt", "bcm2712-rpi-5-b.dtb", "kernel_2712.img"];
    assert!(has_loaded(&boot.fetch(&whole)));
    // A Pi 3 reads it once more then.
    assert!(!boot.fetch(&["config.txt"]).contains(&Step::Again));
    boot.hear(Signal::Nfs);
    assert_eq!(boot.fetch(&["config.txt"])[0], Step::Again);
    // And one that was away for so long was switched off.
    boot.now += Duration::from_secs(700);
    assert_eq!(boot.fetch(&["overlays/overlay_map.dtb"])[0], Step::Again);
}

#[test]
fn a_pi_4_that_leaves_its_prefix_out() {
    let mut boot = Boot::new(Stage::Eeprom4);
    boot.offer();
    let steps = boot.fetch(&[
        "!9c1d03f2/start4.elf",
        "!9c1d03f2/start.elf",
        "config.txt",
        "!recover4.elf",
        "!recovery.elf",
    ]);
    assert_eq!(missing(&steps), [("9c1d03f2/start.elf", false)]);
    let steps = boot.fetch(&["!start4.elf", "!start.elf"]);
    assert_eq!(missing(&steps), [("start4.elf", false), ("start.elf", true)]);
    let Some(Step::Stuck { why, .. }) = boot.late(60) else { panic!("it has stopped") };
    assert!(why.starts_with("start.elf is missing"), "{why}");
    assert_eq!(boot.steps.model(), Some("Pi 4B"));
}

#[test]
fn a_pi_5_without_a_kernel() {
    let mut boot = Boot::new(Stage::Eeprom5);
    boot.offer();
    let steps = boot.fetch(&[
        "!1/pieeprom.sig",
        "9c1d03f2/config.txt",
        "9c1d03f2/cmdline.txt",
        "9c1d03f2/bcm2712-rpi-5-b.dtb",
        "!9c1d03f2/overlays/overlay_map.dtb",
        "!9c1d03f2/kernel_2712.img",
        "!9c1d03f2/kernel8.img",
    ]);
    assert!(!has_loaded(&steps));
    assert_eq!(boot.late(20), None);
    let Some(Step::Stuck { why, .. }) = boot.late(30) else { panic!("it has stopped") };
    assert_eq!(why, "it found no kernel: 9c1d03f2/kernel_2712.img, 9c1d03f2/kernel8.img are missing");
    assert_eq!(boot.late(30), None, "said once");
    assert!(has_loaded(&boot.fetch(&["9c1d03f2/kernel8.img"])));
}

#[test]
fn a_board_that_nobody_answers_or_that_takes_no_offer() {
    let mut boot = Boot::new(Stage::Rom);
    for _ in 0..4 {
        boot.hear(Signal::Discover(client(Stage::Rom)));
    }
    let Some(Step::Stuck { why, .. }) = boot.late(16) else { panic!("nobody answers") };
    assert_eq!(why, "nobody answered its 5 DISCOVERs");
    let mut boot = Boot::new(Stage::Rom);
    boot.offer();
    assert_eq!(boot.late(5), None);
    let Some(Step::Stuck { hint, .. }) = boot.late(8) else { panic!("no file is asked for") };
    assert!(hint.says("reply delay"), "{hint:?}");
    // A home router's answer isn't enough.
    let mut boot = Boot::new(Stage::Eeprom4);
    let from = Ipv4Addr::new(10, 0, 0, 1);
    boot.hear(Signal::Offer(Offer { from, ours: false, boots: false, address: Some(from) }));
    let Some(Step::Stuck { why, .. }) = boot.late(15) else { panic!("no file is asked for") };
    assert_eq!(why, "it was answered by 10.0.0.1 only, which says nothing of network boot");
}

#[test]
fn the_same_request_from_several_ports_is_told_once() {
    let mut boot = Boot::new(Stage::Serial);
    let asked = || Signal::Asked("bootcode.bin".to_owned());
    assert_eq!(boot.hear(asked()).len(), 1);
    assert_eq!(boot.hear(asked()), []);
}

#[test]
fn a_book_keeps_boards_apart_and_hears_no_strangers() {
    let mut book = Book::default();
    let now = Instant::now();
    let id = |n: u8| Id::Mac(crate::board::Mac::new([0xdc, 0xa6, 0x32, 0, 0, n]));
    assert_eq!(book.hear(id(1), &Signal::Nfs, now), []);
    assert_eq!(book.hear(id(1), &Signal::Discover(client(Stage::Host)), now), []);
    let probe = DhcpClient {
        serial: Some(crate::board::Serial::of_low(0)),
        revision: Some(0),
        ..client(Stage::Eeprom4)
    };
    assert_eq!(book.hear(id(1), &Signal::Discover(probe), now), []);
    assert!(book.get(id(1)).is_none());
    book.hear(id(1), &Signal::Discover(client(Stage::Rom)), now);
    book.hear(id(2), &Signal::Asked("config.txt".to_owned()), now);
    assert_eq!(book.all().len(), 2);
    assert_eq!(book.deadline(), Some(now + Duration::from_secs(15)));
    assert_eq!(book.tick(now + Duration::from_secs(20)).len(), 1);
    assert_eq!(book.tick(now + Duration::from_secs(41)).len(), 1);
}

#[test]
fn why_a_board_gets_nothing_is_told_once_and_is_what_it_got_stuck_for() {
    use crate::netboot::reason::{Grade, Reason as Why, Told};
    let told = |seconds: f64, grade| Told {
        reason: if seconds == 0.0 {
            Why::Refused { why: crate::dhcp::event::Refusal::Taken, address: None }
        } else {
            Why::HeldBack { seconds }
        },
        grade,
        why: "it is so".to_owned(),
        hint: "this helps".into(),
    };
    let mut boot = Boot::new(Stage::Eeprom4);
    let refused = || Signal::Reason(told(0.0, Grade::Warning));
    assert_eq!(boot.hear(refused()), [Step::Reason(told(0.0, Grade::Warning))]);
    assert_eq!(boot.hear(refused()), []);
    // It says nothing of whether the board is still there.
    let Some(Step::Stuck { trouble, why, hint }) = boot.late(14) else { panic!("nobody answers") };
    assert_eq!((trouble, why.as_str(), hint), (Trouble::Unanswered, "it is so", "this helps".into()));
    // An offer comes after all; and what is only held back keeps it from nothing.
    boot.offer();
    assert_eq!(boot.hear(Signal::Reason(told(2.0, Grade::Note))).len(), 1);
    let Some(Step::Stuck { why, .. }) = boot.late(20) else { panic!("no file is asked for") };
    assert!(why.contains("asks for no file"), "{why}");
    // Another boot is told of it anew.
    boot.fetch(&["start4.elf"]);
    boot.hear(Signal::Discover(client(Stage::Eeprom4)));
    assert_eq!(boot.hear(refused()).len(), 1);
}

/// A board that looks for a server every four seconds.
fn asks_on(boot: &mut Boot, times: usize) -> Vec<Step> {
    let mut told = Vec::new();
    for _ in 0..times {
        boot.now += Duration::from_millis(3500);
        told.extend(boot.steps.tick(boot.now));
        boot.hear(Signal::Discover(client(Stage::Eeprom4)));
    }
    told
}

#[test]
fn that_nobody_gives_a_board_an_address_is_told_while_it_asks() {
    use crate::netboot::reason::Told;
    let mut boot = Boot::new(Stage::Eeprom4);
    boot.offer();
    assert_eq!(asks_on(&mut boot, 1), []);
    assert_eq!(boot.steps.deadline(), Some(boot.now - Duration::from_millis(4000) + ADDRESS_COMES));
    assert_eq!(asks_on(&mut boot, 9), [Step::Reason(Told::no_address())], "and once");
    let Some(Step::Stuck { trouble, why, .. }) = boot.late(20) else { panic!("no file is asked for") };
    assert_eq!((trouble, why), (Trouble::NoRequest, Told::no_address().why));
}

#[test]
fn a_board_that_has_an_address_or_asks_for_one_lacks_none() {
    let from = Ipv4Addr::new(10, 0, 0, 9);
    let other = Offer { from, ours: false, boots: false, address: Some(from) };
    let signs = [
        Signal::Offer(other),
        Signal::Request(client(Stage::Eeprom4)),
        Signal::Ack(from),
        Signal::Has(from),
        Signal::Asked("start4.elf".to_owned()),
    ];
    for sign in signs {
        let mut boot = Boot::new(Stage::Eeprom4);
        boot.offer();
        boot.hear(sign.clone());
        let again = matches!(sign, Signal::Asked(_));
        assert!(again || asks_on(&mut boot, 5).is_empty(), "{sign:?}");
        assert_eq!(
            boot.steps.address().is_some(),
            matches!(sign, Signal::Ack(_) | Signal::Has(_)),
            "{sign:?}"
        );
    }
    // One that asks once and is content with what it has is silent for another reason.
    let mut boot = Boot::new(Stage::Rom);
    boot.offer();
    assert!(matches!(boot.late(30), Some(Step::Stuck { .. })));
}

#[test]
fn an_offer_that_is_told_late_stands_in_its_place() {
    let mut boot = Boot::new(Stage::Eeprom4);
    boot.fetch(&["start4.elf"]);
    assert!(matches!(boot.offer()[..], [Step::Offer(_)]));
    assert_eq!(boot.steps.trail(), "DISCOVER → OFFER → start4.elf");
    assert_eq!(boot.offer(), []);
}
