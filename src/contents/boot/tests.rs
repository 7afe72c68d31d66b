use super::*;

/// What Raspberry Pi OS has in its boot partition (2026, 64 bit), as far as firmware asks for it.
const OS64: &[&str] = &[
    "bcm2710-rpi-2-b.dtb",
    "bcm2710-rpi-3-b.dtb",
    "bcm2710-rpi-3-b-plus.dtb",
    "bcm2710-rpi-cm0.dtb",
    "bcm2710-rpi-cm3.dtb",
    "bcm2710-rpi-zero-2.dtb",
    "bcm2710-rpi-zero-2-w.dtb",
    "bcm2711-rpi-4-b.dtb",
    "bcm2711-rpi-400.dtb",
    "bcm2711-rpi-cm4.dtb",
    "bcm2711-rpi-cm4s.dtb",
    "bcm2712-rpi-5-b.dtb",
    "bcm2712-rpi-500.dtb",
    "bcm2712-rpi-cm5-cm5io.dtb",
    "bcm2712-rpi-cm5l-cm5io.dtb",
    "bootcode.bin",
    "cmdline.txt",
    "config.txt",
    "fixup.dat",
    "fixup4.dat",
    "kernel8.img",
    "kernel_2712.img",
    "start.elf",
    "start4.elf",
];

fn judged(names: &[&str], config: &str) -> Boots {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let config =
        ConfigFiles::read(
            "config.txt",
            |file| Ok((file == "config.txt").then(|| config.as_bytes().to_vec())),
        );
    let there = |path: &str| names.iter().any(|name| name.eq_ignore_ascii_case(path));
    judge(1, &names, &there, config.as_ref().map_err(ToString::to_string)).unwrap()
}

fn names(boots: &Boots) -> Vec<&'static str> {
    boots.models().map(Model::name).collect()
}

#[test]
fn a_64_bit_system_starts_where_its_kernel_and_trees_do() {
    let boots = judged(OS64, "arm_64bit=1\n");
    let all = [
        "Pi 2B v1.2",
        "Pi 3B",
        "CM3",
        "Pi 3B+",
        "Pi 3A+",
        "CM3+",
        "Pi 4B",
        "Zero 2 W",
        "Pi 400",
        "CM4",
        "CM4S",
        "Pi 5",
        "CM5",
        "Pi 500",
        "CM5 Lite",
        "CM0",
    ];
    assert_eq!(names(&boots), all);
    let five = boots.of(Model::Pi5).unwrap();
    assert_eq!(five.evidence, ["config.txt", "kernel_2712.img", "bcm2712-rpi-5-b.dtb"]);
    let zero = boots.of(Model::Zero).unwrap();
    assert_eq!(zero.starts, Some(false));
    assert_eq!(zero.evidence, ["no kernel.img", "no bcm2708-rpi-zero.dtb"]);
    // With 0 a Pi 3 wants a 32-bit kernel; without that line nobody knows it here, and a Pi 4 takes this one.
    let boots = judged(OS64, "arm_64bit=0");
    assert_eq!(boots.of(Model::Pi3B).unwrap().evidence, ["no kernel7.img"]);
    let boots = judged(OS64, "");
    let three = boots.of(Model::Pi3B).unwrap();
    assert_eq!(three.starts, None);
    assert_eq!(three.evidence, ["kernel8.img alone, and no arm_64bit=1 in config.txt"]);
    assert_eq!(boots.of(Model::Pi4B).unwrap().starts, Some(true));
}

#[test]
fn what_is_missing_is_named() {
    let without = |gone: &str| OS64.iter().copied().filter(|name| *name != gone).collect::<Vec<_>>();
    for (gone, model, told) in [
        ("start4.elf", Model::Cm4, "no start4.elf"),
        ("bcm2711-rpi-cm4.dtb", Model::Cm4, "no bcm2711-rpi-cm4.dtb"),
        ("bootcode.bin", Model::Pi3B, "no bootcode.bin"),
        ("kernel8.img", Model::Cm4, "no kernel8.img"),
        ("config.txt", Model::Pi5, "no config.txt"),
    ] {
        let boots = judged(&without(gone), "arm_64bit=1\n");
        let verdict = boots.of(model).unwrap();
        assert_eq!((verdict.starts, verdict.evidence[0].as_str()), (Some(false), told), "{gone}");
    }
    // A Pi 5 has its firmware within it.
    assert_eq!(judged(&without("start4.elf"), "").of(Model::Pi5).unwrap().starts, Some(true));
}

#[test]
fn config_txt_decides_as_firmware_reads_it() {
    let with = |more: &[&'static str]| [OS64, more].concat();
    let of = |names: &[&str], config: &str, model| judged(names, config).of(model).unwrap().clone();
    // Ubuntu's.
    let ubuntu = with(&["vmlinuz"]);
    assert_eq!(of(&ubuntu, "kernel=vmlinuz", Model::Cm4).evidence[1], "vmlinuz");
    assert_eq!(
        of(OS64, "kernel=vmlinuz", Model::Cm4).evidence,
        ["no vmlinuz, which config.txt names as kernel"]
    );
    // A filter counts on its boards only, and the last line wins.
    let config = "[pi4]\nkernel=u-boot_rpi_4.bin\n[all]\narm_64bit=1\n";
    assert_eq!(of(OS64, config, Model::Pi4B).starts, Some(false));
    assert_eq!(of(OS64, config, Model::Pi5).starts, Some(true));
    assert_eq!(of(OS64, "[cm5]\nkernel=x\n", Model::Cm5Lite).starts, Some(false));
    assert_eq!(of(OS64, "[none]\nkernel=x\n", Model::Cm4).starts, Some(true));
    assert_eq!(of(OS64, "device_tree=no.dtb", Model::Cm4).evidence, ["no no.dtb"]);
    assert_eq!(of(OS64, "os_prefix=a/", Model::Cm4).evidence[0], "no a/kernel8.img, no a/kernel7l.img");
    // What only the board knows is told, and doesn't count.
    let boots = judged(OS64, "[gpio4=1]\nkernel=other\n");
    assert!(boots.notes[0].contains("[gpio4=1]"), "{:?}", boots.notes);
    assert_eq!(boots.of(Model::Cm4).unwrap().starts, Some(true));
    // A signed boot holds all of it in one file.
    let signed = judged(&["config.txt", "boot.img"], "boot_ramdisk=1");
    assert_eq!(signed.of(Model::Cm4).unwrap().starts, None);
}

#[test]
fn a_recovery_program_is_what_the_firmware_starts() {
    let boots = judged(&["bootcode.bin", "recovery.elf", "recovery.img"], "");
    for model in [Model::Pi3B, Model::Pi4B] {
        let verdict = boots.of(model).unwrap();
        assert_eq!(verdict.starts, None);
        assert!(verdict.evidence[0].starts_with("recovery.elf is a recovery program"), "{verdict:?}");
    }
    assert_eq!(boots.of(Model::Pi5).unwrap().starts, Some(false));
    // A whole system beside it starts.
    let both = judged(&[OS64, &["recovery.elf"]].concat(), "arm_64bit=1");
    assert_eq!(both.of(Model::Pi3B).unwrap().starts, Some(true));
}

#[test]
fn a_data_partition_is_no_boot_partition() {
    let config = ConfigFiles::default();
    assert_eq!(judge(1, &["photo.jpg".to_owned()], &|_| false, Ok(&config)), None);
}

#[test]
fn each_model_needs_a_kernel_and_a_tree() {
    for model in Model::ALL {
        let boots = judged(&["config.txt"], "");
        let verdict = boots.of(*model).unwrap();
        assert_eq!(verdict.starts, Some(false), "{model}");
        assert!(verdict.evidence.iter().all(|line| line.starts_with("no ")), "{model}: {verdict:?}");
    }
}
