use super::*;

fn notes(text: &str, model: Option<Model>) -> Vec<String> {
    BootOrder::parse(text).unwrap().notes(model)
}

#[test]
fn words_become_the_number_that_is_read_from_right_to_left() {
    for (words, want) in [
        ("network,sd", "0xf12"),
        ("sd,network", "0xf21"),
        ("SD, USB", "0xf41"),
        ("nvme,usb", "0xf46"),
        ("network", "0xf2"),
        ("net stop", "0xe2"),
        ("network,rpiboot", "0x32"),
        ("http", "0xf7"),
        ("sd,card-detect", "0xf01"),
        ("sd,usb,nvme,network,http,bcm-usb,sd", "0xf1572641"),
        ("0xf12", "0xf12"),
    ] {
        let order = BootOrder::parse_words(words).unwrap();
        assert_eq!(order.to_string(), want, "{words}");
        assert_eq!(BootOrder::parse(want), Ok(order));
    }
}

#[test]
fn places_are_those_that_have_a_system() {
    assert_eq!(BootOrder::places("nvme").unwrap(), [Mode::Nvme]);
    assert_eq!(BootOrder::places("emmc,USB").unwrap(), [Mode::Sd, Mode::UsbMsd]);
    for no in ["rpiboot", "sd,stop", "restart", "", "0xf41", "nvem", "card-detect", "sd,card-detect"] {
        assert!(matches!(BootOrder::places(no), Err(Error::Order { .. })), "{no}");
    }
}

#[test]
fn what_is_no_order_is_told() {
    for (words, why) in [
        ("netwrok", "it is none of"),
        ("sd,netwrok", "`netwrok` is none of"),
        ("", "no word"),
        (",", "no word"),
        ("sd,sd,sd,sd,sd,sd,sd,sd", "at most 8 places"),
        ("0x", "a number"),
        ("0x1ffffffff", "eight hexadecimal digits"),
        ("0xg", "a number"),
        ("1a", "a number"),
    ] {
        let error = BootOrder::parse_words(words).unwrap_err();
        assert!(error.to_string().contains(why), "{words}: {error}");
    }
    assert!(
        matches!(BootOrder::parse_words("netwrok"), Err(Error::Order { near, .. }) if near[0] == "network")
    );
    assert!(BootOrder::parse("+12").is_err() && BootOrder::parse("0x+1").is_err());
}

#[test]
fn sd_comes_first_in_0x21() {
    let order = BootOrder::parse("0x21").unwrap();
    assert_eq!(order.modes(), [Mode::Sd, Mode::Network]);
    assert!(!order.is_network_first());
    assert_eq!(order.with_network_first().to_string(), "0xf12");
    let notes = order.notes(None);
    assert!(notes.iter().any(|note| note.starts_with("SD comes before NETWORK")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("0xf21 starts over")), "{notes:?}");
}

#[test]
fn what_is_never_reached() {
    assert!(notes("0x1f2", None)[0].starts_with("SD is never reached: RESTART"));
    assert!(notes("0xf132", None)[0].starts_with("SD, RESTART are never reached: RPIBOOT"));
    assert!(notes("0xfe2", None)[0].starts_with("RESTART is never reached: STOP"));
    assert!(notes("0x201", None)[0].starts_with("NETWORK is never reached: SD CARD DETECT"));
    assert!(
        notes("0x201", None).contains(&"NETWORK is not in it: the board never asks the network".to_owned())
    );
    assert!(notes("0xf12", None).is_empty());
}

#[test]
fn what_a_board_lacks() {
    assert!(notes("0xf62", Some(Model::Pi4B))[0].starts_with("Pi 4B has no NVME"));
    assert!(notes("0xf62", Some(Model::Cm4)).is_empty());
    assert!(notes("0xf52", Some(Model::Pi5))[0].starts_with("Pi 5 has no BCM-USB-MSD"));
    assert!(notes("0xf12", Some(Model::Cm4s))[0].starts_with("CM4S has no NETWORK"));
    assert!(notes("0xf92", None)[0].starts_with("9 is no boot mode"));
    assert_eq!(notes("0xf62", None), ["NVME is not on Pi 4, 400, CM4S"]);
}

#[test]
fn places_are_moved_to_the_front() {
    for (order, first, want) in [
        ("0xf41", &[Mode::Nvme][..], "0xf416"),
        ("0xf416", &[Mode::Nvme], "0xf416"),
        ("0xf41", &[Mode::UsbMsd], "0xf14"),
        ("0xf461", &[Mode::Network, Mode::Nvme], "0xf4162"),
        ("0x31", &[Mode::Nvme], "0xf16"),
        ("0xf4141", &[Mode::Nvme], "0xf41416"),
        ("0xf4141", &[Mode::Sd], "0xf441"),
        ("0x12461246", &[Mode::Http], "0xf4612467"),
        ("0xf41", &[Mode::Sd, Mode::Sd], "0xf41"),
    ] {
        assert_eq!(BootOrder::parse(order).unwrap().with_first(first).to_string(), want, "{order}");
    }
    assert!(BootOrder::parse("0xf41").unwrap().doubts(None).is_empty());
    assert_eq!(BootOrder::parse("0x1f4").unwrap().reached(), [Mode::UsbMsd, Mode::Restart]);
}

proptest::proptest! {
    #[test]
    fn every_number_can_be_told(number: u32) {
        let order = BootOrder(number);
        proptest::prop_assert_eq!(BootOrder::parse(&order.to_string()), Ok(order));
        let back = order.modes().iter().rev().fold(0, |n, mode| n << 4 | u32::from(mode.digit()));
        proptest::prop_assert_eq!(back, number);
        let _ = order.notes(None);
        proptest::prop_assert!(order.with_network_first().is_network_first());
        proptest::prop_assert!(order.with_network_first().modes().contains(&Mode::Restart));
    }

    #[test]
    fn no_words_panic(text: String) { let _ = BootOrder::parse_words(&text); }
}
