use super::*;

const PART_SIZE: PartSize = PartSize { least: 1 << 20, block: 512 };

fn text(text: &str) -> Raw {
    Raw::Text(text.to_owned())
}

fn read<F: Form>(form: &F, raw: &Raw) -> Result<F::Value, String> {
    form.read(raw, Path::new(""))
}

#[test]
fn sizes_are_written_as_they_are_read() {
    for size in [256 << 20, 786_432_000, 1_000_000_000, 512, 4 << 30, (1 << 20) + 512] {
        assert_eq!(parse_size(&PART_SIZE.write(&size).to_string()), Ok(size));
    }
    assert_eq!(PART_SIZE.write(&(256 << 20)).to_string(), "256MiB");
    for bad in ["MiB", "-1", "512KiB", "1048577", "a lot"] {
        assert!(read(&PART_SIZE, &text(bad)).is_err(), "{bad}");
    }
    assert!(read(&PART_SIZE, &Raw::Number(1048577.0)).is_err());
    assert_eq!(read(&PART_SIZE, &Raw::Number(1048576.0)), Ok(1 << 20));
}

#[test]
fn numbers_have_limits() {
    assert_eq!(read(&Whole(1..=64), &text("16")), Ok(16));
    assert_eq!(read(&Whole(1..=64), &Raw::Number(64.0)), Ok(64));
    for bad in [
        Raw::Number(0.0),
        Raw::Number(1.5),
        Raw::Number(65.0),
        Raw::Number(f64::NAN),
        text("x"),
        Raw::Other("boolean"),
        Raw::List(vec![Raw::Number(1.0)]),
    ] {
        assert!(read(&Whole(1..=64), &bad).unwrap_err().contains("from 1 to 64"));
    }
    let minute = Seconds(0.0..=60.0);
    assert_eq!(read(&minute, &text("1.5")), Ok(Duration::from_millis(1500)));
    for bad in [text("-1"), text("nan"), text("inf"), Raw::Number(61.0), text("")] {
        assert!(read(&minute, &bad).is_err());
    }
}

#[test]
fn a_time_is_given_as_on_the_command_line() {
    let day = Seconds(1.0..=86400.0);
    for (given, seconds) in [("90", 90), ("5m", 300), (" 12h ", 43200), ("1h30m", 5400), ("1d", 86400)] {
        assert_eq!(read(&day, &text(given)), Ok(Duration::from_secs(seconds)), "{given}");
    }
    assert_eq!(read(&day, &Raw::Number(90.0)), Ok(Duration::from_secs(90)));
    for bad in ["2d", "1ms", "5min", "0", "soon"] {
        let error = read(&day, &text(bad)).unwrap_err();
        assert_eq!(
            error,
            format!(
                "`{bad}` is not a time from 1 to 86400 s, in seconds or with its unit (ms, s, m, h or d)"
            )
        );
    }
    for raw in [text("90d"), text("90"), Raw::Number(90.0)] {
        assert_eq!(read(&DaysOrOff, &raw), Ok(Some(90)));
    }
    for bad in ["d", "90dd", "90h", "1d2"] {
        assert!(read(&DaysOrOff, &text(bad)).is_err(), "{bad}");
    }
}

#[test]
fn usb_ids_are_four_digits_each() {
    assert_eq!(read(&UsbIds, &text("f055:B007")), Ok((0xf055, 0xb007)));
    assert_eq!(UsbIds.write(&(0x525, 0xa4a5)).to_string(), "0525:a4a5");
    for bad in ["", "f055", "f055:", "f055:b0077", "+055:b007", "f055:b00g"] {
        assert!(read(&UsbIds, &text(bad)).is_err(), "{bad}");
    }
}

#[test]
fn an_address_may_leave_out_the_port() {
    for (given, want) in [
        ("10.0.0.1", "10.0.0.1:69"),
        ("10.0.0.1:6969", "10.0.0.1:6969"),
        ("::1", "[::1]:69"),
        ("[::1]:70", "[::1]:70"),
    ] {
        assert_eq!(read(&Listen { port: 69 }, &text(given)).unwrap().to_string(), want);
    }
    assert!(read(&Listen { port: 69 }, &text("eth0")).is_err());
}

#[test]
fn a_list_is_a_list_or_a_text_with_commas() {
    let want = vec![Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(9, 9, 9, 9)];
    let list = Raw::List(vec![text("10.0.0.1"), text("9.9.9.9")]);
    assert_eq!(read(&List(Ip), &list), Ok(want.clone()));
    assert_eq!(read(&List(Ip), &text("10.0.0.1,9.9.9.9")), Ok(want.clone()));
    for empty in ["", " "] {
        let error = read(&List(Ip), &text(empty)).unwrap_err();
        assert!(
            error.starts_with("an empty text is not a list")
                && error.ends_with("`[]` is a list without members")
        );
    }
    assert_eq!(read(&List(Ip), &Raw::List(Vec::new())), Ok(Vec::new()));
    assert_eq!(List(Ip).write(&want).to_string(), "10.0.0.1, 9.9.9.9");
    // Of a list only the member that is wrong is told.
    for bad in [text("10.0.0.1, lan"), Raw::List(vec![text("10.0.0.1"), text("lan")])] {
        assert_eq!(read(&List(Ip), &bad).unwrap_err(), "`lan` is not an IPv4 address, such as 10.0.0.1");
    }
    for bad in [text("10.0.0.1,"), Raw::List(vec![Raw::Number(1.0)]), Raw::Number(1.0), Raw::Truth(true)] {
        assert!(read(&List(Ip), &bad).is_err());
    }
}

#[test]
fn a_path_can_be_switched_off() {
    for off in ["off", ""] {
        assert_eq!(read(&HostPathOrOff, &text(off)), Ok(None));
    }
    assert_eq!(read(&HostPathOrOff, &text("/run/x")), Ok(Some("/run/x".into())));
    assert_eq!(HostPathOrOff.write(&None).to_string(), "off");
    assert!(read(&HostPathOrOff, &Raw::Truth(false)).unwrap_err().contains("`off`"));
}
