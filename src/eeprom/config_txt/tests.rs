use super::*;
use std::collections::HashMap;

fn read(files: &[(&str, &str)]) -> Result<ConfigFiles, BadConfig> {
    let files: HashMap<_, _> = files.iter().copied().collect();
    ConfigFiles::read("config.txt", |name| Ok(files.get(name).map(|text| text.as_bytes().to_vec())))
}

fn one(text: &str) -> ConfigFiles {
    read(&[("config.txt", text)]).unwrap()
}

fn possible(config: &ConfigFiles, name: &str) -> Vec<String> {
    config.possible(name).map(|setting| setting.value.clone()).collect()
}

#[test]
fn settings_are_read_in_any_writing() {
    for text in [
        "program_pubkey=1",
        "  Program_PUBKEY = 1 # for ever\r\n",
        "\u{feff}program_pubkey=1",
        "a=1\rprogram_pubkey=1\rb=2",
        "a=1\0program_pubkey=1\0",
        "[pi4\nprogram_pubkey=1",
        "program_pubkey\t1",
    ] {
        let config = one(text);
        assert_eq!(possible(&config, "program_pubkey"), ["1"], "{text:?}");
    }
    for text in ["#program_pubkey=1", "  # program_pubkey=1", "[program_pubkey=1]", "=1", ""] {
        assert_eq!(possible(&one(text), "program_pubkey"), [""; 0], "{text:?}");
    }
    let directive = one("initramfs initrd.img followkernel\n");
    assert_eq!(directive.value("initramfs"), Some("initrd.img followkernel"));
}

#[test]
fn the_last_one_for_all_counts_and_filters_behind_it_may() {
    let config = one("kernel=a\n[pi4]\nkernel=b\n[all]\nkernel=c\n[none]\nkernel=d\n[pi5]\nkernel=e\n");
    assert_eq!(config.value("kernel"), Some("c"));
    assert_eq!(possible(&config, "kernel"), ["e", "c"]);
    assert_eq!(config.settings().len(), 5);
    assert_eq!(config.settings()[1].scope, Scope::When("pi4".into()));
    assert_eq!(config.settings()[3].scope, Scope::Never);
}

#[test]
fn what_is_included_stands_in_its_place() {
    let config = read(&[
        ("config.txt", "kernel=a\ninclude more.txt\nkernel=c\nINCLUDE gone.txt\n"),
        ("more.txt", "[pi5]\nkernel=b\ninclude sub/deep.txt\n"),
        ("sub/deep.txt", "x=1\n"),
    ])
    .unwrap();
    // The filter goes on behind the file that sets it.
    assert_eq!(config.value("kernel"), Some("a"));
    assert_eq!(possible(&config, "kernel"), ["c", "b", "a"]);
    let places: Vec<_> = config.settings().iter().map(|setting| setting.place.to_string()).collect();
    assert_eq!(places, ["config.txt:1", "more.txt:2", "sub/deep.txt:1", "config.txt:3"]);
    let place = Place { file: "config.txt".into(), line: 4 };
    assert_eq!(config.missing(), [Missing { file: "gone.txt".into(), place }]);
    assert_eq!(read(&[]).unwrap(), ConfigFiles::default());
}

#[test]
fn files_without_end_are_refused_by_name() {
    let text = |files: &[(&str, &str)]| read(files).unwrap_err().to_string();
    assert_eq!(
        text(&[("config.txt", "include a.txt"), ("a.txt", "x=1\ninclude a.txt")]),
        "a.txt:2 includes files more than 8 deep"
    );
    let many = "include a.txt\n".repeat(40);
    assert_eq!(text(&[("config.txt", &many), ("a.txt", "")]), "config.txt:32 includes more than 32 files");
    let long = "#".repeat(usize::try_from(LONGEST).unwrap() + 1);
    assert_eq!(text(&[("config.txt", &long)]), "config.txt has more than 1 MiB (1048576 bytes)");
    let outside = ConfigFiles::read("config.txt", |name| match name {
        "config.txt" => Ok(Some(b"include ../x".to_vec())),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    });
    assert_eq!(outside.unwrap_err().to_string(), "reading ../x");
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic_and_no_setting_hides(
        before in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        after in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
    ) {
        let line = b"\nprogram_x=1\n".as_slice();
        let bytes = [&before, line, &after].concat();
        let config = ConfigFiles::read("config.txt", |name| Ok((name == "config.txt").then(|| bytes.clone())));
        let config = config.unwrap();
        proptest::prop_assert!(config.settings().iter().any(|setting| setting.name == "program_x"));
    }
}

#[test]
fn what_may_be_read_or_not_is_read() {
    let open = |name: &str| {
        Ok(match name {
            "config.txt" => Some(
                b"[all]a=1\n[pi4] b = 2\nx;c=3\n\x01d=4\ninclude one.txt more\ninclude \"two.txt\"\ninclude none.txt\n"
                    .to_vec(),
            ),
            "one.txt" => Some(b"e=5\n".to_vec()),
            "two.txt" => Some(b"f=6\n".to_vec()),
            _ => None,
        })
    };
    let config = ConfigFiles::read("config.txt", open).unwrap();
    for (name, value) in [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5"), ("f", "6")] {
        let found = config.settings().iter().find(|setting| setting.name == name);
        assert_eq!(found.map(|setting| setting.value.as_str()), Some(value), "{name}");
    }
    assert_eq!(config.missing().len(), 1);
}
