use super::*;

#[test]
fn names_are_known_or_near_to_one() {
    assert_eq!(Key::find("TFTP_PREFIX").unwrap().unwrap().name, "TFTP_PREFIX");
    for (name, want) in [
        ("TFTP_PREFFIX", "TFTP_PREFIX"),
        ("tftp_ip", "TFTP_IP"),
        ("BOOTORDER", "BOOT_ORDER"),
        ("DHCP_TIME_OUT", "DHCP_TIMEOUT"),
    ] {
        assert_eq!(Key::find(name), Ok(None), "{name}");
        assert!(Key::unknown(name).contains(&format!("; is {want}")), "{name}");
    }
    assert!(!Key::unknown("hdmi_drive").contains("meant"));
    assert!(matches!(Key::find("A=B"), Err(Error::Key { .. })));
}

#[test]
fn values_are_checked() {
    let check = |line: &str| {
        let (key, value) = line.split_once('=').unwrap();
        Key::find(key).unwrap().unwrap().check(value)
    };
    for good in [
        "BOOT_UART=1",
        "BOOT_UART=",
        "MAX_RESTARTS=-1",
        "DHCP_TIMEOUT=5000",
        "DHCP_OPTION97=0x34695052",
        "TFTP_IP=10.0.0.2",
        "TFTP_IP=",
        "SUBNET=255.255.254.0",
        "MAC_ADDRESS=dc:a6:32:01:36:c2",
        "TFTP_PREFIX_STR=lab/",
        "HTTP_HOST=boot.example.org",
        "BOOT_ORDER=0xf12",
        "USB_MSD_PWR_OFF_TIME=5000",
        "NETCONSOLE=6665@169.254.1.1/,6666@/",
    ] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    for (bad, why) in [
        ("BOOT_UART=yes", "0 or 1"),
        ("DHCP_TIMEOUT=45", "from 5000 or more was expected, in milliseconds"),
        ("USB_MSD_PWR_OFF_TIME=5001", "from 0 to 5000"),
        ("TFTP_PREFIX=3", "from 0 to 2"),
        ("TFTP_IP=0.0.0.0", "IPv4 address of a machine"),
        ("TFTP_IP=fe80::1", "IPv4 address"),
        ("SUBNET=255.0.255.0", "network mask"),
        ("MAC_ADDRESS=dca6320136c2", "dc:a6:32"),
        ("HTTP_HOST=http://boot", "no URL"),
        ("BOOT_ORDER=network", "a number such as 0xf12"),
        ("BOOT_ORDER=", "a number such as 0xf12"),
        ("HTTP_CACERT_HASH=abc", "64 hexadecimal"),
        ("TFTP_PREFIX_STR=a/\nBOOT_ORDER=0xf4", "control characters"),
        ("SD_QUIRKS=+1", "a number"),
        ("SD_QUIRKS=0x-1", "a number"),
    ] {
        let error = check(bad).unwrap_err();
        assert!(error.to_string().contains(why), "{bad}: {error}");
    }
    let long = format!("TFTP_PREFIX_STR={}", "a".repeat(33));
    assert!(check(&long).unwrap_err().to_string().contains("at most 32"));
}

#[test]
fn what_settings_mean_together() {
    let of = |lines: &[(&str, &str)]| {
        notes(&|key| lines.iter().find(|line| line.0 == key).map(|line| line.1.to_owned()))
    };
    assert!(of(&[]).is_empty());
    assert!(of(&[("FREEZE_VERSION", "1"), ("ENABLE_SELF_UPDATE", "0")])[0].starts_with("FREEZE_VERSION=1"));
    assert!(of(&[("TFTP_PREFIX", "1")])[0].contains("without TFTP_PREFIX_STR"));
    assert!(of(&[("TFTP_PREFIX", "1"), ("TFTP_PREFIX_STR", "lab")])[0].contains("asks for labconfig.txt"));
    assert!(of(&[("TFTP_PREFIX", "1"), ("TFTP_PREFIX_STR", "lab/")]).is_empty());
    assert!(of(&[("CLIENT_IP", "10.0.0.3"), ("SUBNET", "255.0.0.0")])[0].contains("together with TFTP_IP"));
    assert!(of(&[("DHCP_TIMEOUT", "5000"), ("DHCP_REQ_TIMEOUT", "6000")])[0].contains("no second try"));
    assert_eq!(
        of(&[("TFTP_FILE_TIMEOUT", "90000")]),
        ["TFTP_FILE_TIMEOUT is 90 s then; without a setting it is 30 s"]
    );
}

proptest::proptest! {
    #[test]
    fn no_value_panics(key in 0..KEYS.len(), value: String) {
        let _ = KEYS[key].check(&value);
        let _ = KEYS[key].timing(&value);
    }
}
