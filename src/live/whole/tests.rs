use super::super::client::NoClient;
use super::super::tree::tests::Lab;
use super::*;
use std::os::unix::fs::symlink;

/// The first stage as `piprov stage1 build` makes it, for one kind of processor.
const OURS: [&str; 9] = [
    "1ststage/config.txt",
    "1ststage/cmdline.txt",
    "1ststage/stage1-armv6.img",
    "1ststage/stage1-armv6.gz",
    "1ststage/bootcode.bin",
    "1ststage/start.elf",
    "1ststage/fixup.dat",
    "1ststage/bcm2835-rpi-zero.dtb",
    "1ststage/overlays/stage1.dtbo",
];

/// The original's.
const ORIGINAL: [&str; 9] = [
    "1ststage/config.txt",
    "1ststage/cmdline.txt",
    "1ststage/kernel.img",
    "1ststage/gpioexpand.img",
    "1ststage/bootcode.bin",
    "1ststage/start.elf",
    "1ststage/fixup.dat",
    "1ststage/bcm2708-rpi-0-w.dtb",
    "1ststage/overlays/dwc2.dtbo",
];

struct Bench(Lab);

impl Bench {
    /// A live tree with a first stage, and a client with these files in its directory and this config.txt.
    fn new(stage: &[&str], files: &[&str], config: &str) -> Self {
        let lab = Lab::new();
        lab.clients(stage);
        let files: Vec<String> = files.iter().map(|name| format!("by-serial/a/{name}")).collect();
        lab.clients(&["by-serial/a/"]).clients(&files.iter().map(String::as_str).collect::<Vec<_>>());
        let bench = Self(lab);
        if !config.is_empty() {
            bench.put("config.txt", config);
        }
        let plan = bench.0.tree.plan_make(false).unwrap();
        plan.steps().iter().for_each(|step| plan.apply(step).unwrap());
        bench
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.at(name), text).unwrap();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.tree.clients().join("by-serial/a").join(name)
    }

    /// What is told of it; nothing where it is whole.
    fn told(&self) -> String {
        match self.0.tree.client_for(Some(&"a".parse().unwrap())) {
            Ok(_) => String::new(),
            Err(NoClient::Unknown { .. }) => panic!("there is one"),
            Err(error) => {
                let dir = format!("{}/", self.0.dir.path().display());
                error.to_string().replace("by-serial/a", "it").replace(&dir, "")
            }
        }
    }
}

fn told(stage: &[&str], files: &[&str], config: &str) -> String {
    Bench::new(stage, files, config).told()
}

#[test]
fn a_client_that_would_boot_half_of_the_first_stage_is_refused() {
    assert_eq!(
        told(&ORIGINAL, &[], ""),
        "it has no config.txt and no cmdline.txt and no kernel.img and no bcm2708-rpi-0-w.dtb, so the first stage's \
         would be served in their place"
    );
    let none = "it has no kernel.img, kernel7.img, kernel7l.img, kernel8.img, and names no other kernel";
    // piprov's own has a kernel of another name, which no client asks for.
    assert_eq!(told(&OURS, &["cmdline.txt"], "x=1"), none);
    assert_eq!(told(&OURS, &["cmdline.txt", "kernel.img"], "x=1"), "");
    assert_eq!(told(&OURS, &["cmdline.txt", "kernel8.img"], "x=1"), "");
    // A config.txt that was copied from it.
    let copied =
        "upstream_kernel=1\ndtoverlay=stage1\n[all]\nkernel=stage1-armv6.img\ninitramfs stage1-armv6.gz\n";
    assert_eq!(
        told(&OURS, &["cmdline.txt"], copied),
        "it has no bcm2835-rpi-zero.dtb and no overlays/stage1.dtbo, so the first stage's would be served in their \
         place; it has no stage1-armv6.img, which config.txt:4 asks for (kernel); it has no stage1-armv6.gz, which \
         config.txt:5 asks for (initramfs)"
    );
}

#[test]
fn a_file_that_the_configuration_names_must_be_there() {
    let whole = ["cmdline.txt", "kernel.img"];
    for (config, file, line, setting) in [
        ("kernel=vmlinuz", "vmlinuz", 1, "kernel"),
        ("kernel vmlinuz", "vmlinuz", 1, "kernel"),
        ("kernel=kernel.img\nkernel=other.img\n", "other.img", 2, "kernel"),
        ("initramfs initrd.img followkernel", "initrd.img", 1, "initramfs"),
        ("initramfs=kernel.img,b.img", "b.img", 1, "initramfs"),
        ("ramfsfile=r.img", "r.img", 1, "ramfsfile"),
        ("cmdline=mine.txt", "mine.txt", 1, "cmdline"),
        ("device_tree=own.dtb", "own.dtb", 1, "device_tree"),
        ("armstub=stub.bin", "stub.bin", 1, "armstub"),
        ("start_x=1", "start_x.elf", 1, "start_x"),
        ("gpu_mem=16", "start_cd.elf", 1, "gpu_mem"),
        ("start_file=mine.elf", "mine.elf", 1, "start_file"),
        ("kernel=../../1ststage/stage1-armv6.img", "../../1ststage/stage1-armv6.img", 1, "kernel"),
        ("kernel=/etc/passwd", "/etc/passwd", 1, "kernel"),
    ] {
        let want = format!("it has no {file}, which config.txt:{line} asks for ({setting})");
        assert_eq!(told(&OURS, &whole, config), want, "{config}");
        let firmware = if setting == "start_file" { &["fixup.dat"][..] } else { &[] };
        if !file.contains("..") && !file.starts_with('/') {
            assert_eq!(told(&OURS, &[&whole[..], &[file], firmware].concat(), config), "", "{config}");
        }
    }
    for config in ["kernel=no\nkernel=kernel.img", "#kernel=no", "kernel=", "start_x=0\ngpu_mem=64"] {
        assert_eq!(told(&OURS, &whole, config), "", "{config}");
    }
}

#[test]
fn what_can_not_be_for_a_board_of_these_does_not_count() {
    let whole = ["cmdline.txt", "kernel.img"];
    for config in ["[pi4]\nkernel=no", "[none]\nkernel=no", "[cm5]\nkernel=no\n[all]\n", "[0x1]\nkernel=no"] {
        assert_eq!(told(&OURS, &whole, config), "", "{config}");
    }
    for config in [
        "[pi0]\nkernel=no",
        "[gpio4=1]\nkernel=no",
        "[pi3]\nkernel=kernel.img\n[pi0]\nkernel=no",
        "[0xa]\nkernel=no",
    ] {
        assert!(told(&OURS, &whole, config).contains("it has no no, which"), "{config}");
    }
    // A section is looked at as a whole.
    let config = "[pi0]\nos_prefix=a/\nkernel=k1\n[pi3]\nos_prefix=b/\nkernel=k2\n[all]\nkernel_x=1\n";
    let files = ["cmdline.txt", "kernel.img", "a/k1", "b/k2", "a/cmdline.txt", "b/cmdline.txt"];
    assert_eq!(told(&OURS, &files, config), "");
}

#[test]
fn prefixes_and_included_files_count() {
    let config = "include more.txt\n";
    let bench = Bench::new(&OURS, &["cmdline.txt", "kernel.img"], config);
    assert_eq!(bench.told(), "", "nobody has it: firmware passes over it");
    bench.put("more.txt", "os_prefix=new/\n");
    assert!(bench.told().ends_with("and names no other kernel"), "{}", bench.told());
    bench.0.clients(&["by-serial/a/new/kernel.img"]);
    assert_eq!(bench.told(), "");
    let mut stage = OURS.to_vec();
    stage.push("1ststage/more.txt");
    let text = told(&stage, &["cmdline.txt", "kernel.img"], config);
    assert_eq!(text, "it has no more.txt, so the first stage's would be served in its place");
}

#[test]
fn firmware_may_be_the_first_stages_but_not_by_halves() {
    let files = |more: &[&'static str]| [&["cmdline.txt", "kernel.img"], more].concat();
    assert_eq!(told(&OURS, &files(&["start.elf", "fixup.dat"]), "x=1"), "");
    for (own, theirs) in [("start.elf", "fixup.dat"), ("fixup.dat", "start.elf")] {
        let want = format!("it has no {theirs}, so the first stage's would be served in its place");
        assert_eq!(told(&OURS, &files(&[own]), "x=1"), want);
    }
}

#[test]
fn a_device_tree_of_the_first_stage_is_for_its_kernel() {
    let files = ["cmdline.txt", "kernel.img"];
    let mixed = "it has no bcm2708-rpi-0-w.dtb, so the first stage's would be served in its place";
    assert_eq!(told(&ORIGINAL, &files, "x=1"), mixed);
    assert_eq!(told(&ORIGINAL, &files, "device_tree=\n"), "", "it wants none");
    assert_eq!(told(&ORIGINAL, &files, "upstream_kernel=1\n"), "", "it asks for others");
    for own in ["bcm2708-rpi-0-w.dtb", "bcm2710-rpi-3-b.dtb"] {
        assert_eq!(told(&ORIGINAL, &[&files[..], &[own]].concat(), "x=1"), "");
    }
    let overlay = "device_tree=\ndtoverlay=dwc2,dr_mode=host\ndtoverlay=nobody-has\n";
    let mixed = "it has no overlays/dwc2.dtbo, so the first stage's would be served in its place";
    assert_eq!(told(&ORIGINAL, &files, overlay), mixed);
    assert_eq!(told(&ORIGINAL, &["cmdline.txt", "kernel.img", "overlays/dwc2.dtbo"], overlay), "");
}

#[test]
fn what_the_server_refuses_is_not_there() {
    let bench = Bench::new(&OURS, &["cmdline.txt"], "x=1");
    let outside = bench.0.dir.path().join("kernel.img");
    std::fs::write(&outside, "").unwrap();
    symlink(&outside, bench.at("kernel.img")).unwrap();
    assert_eq!(bench.told(), "it has a kernel.img that leads to kernel.img, which is not served");
    // To another client's, as the server allows it.
    std::fs::remove_file(bench.at("kernel.img")).unwrap();
    bench.0.clients(&["default/kernel.img"]);
    symlink("../../default/kernel.img", bench.at("kernel.img")).unwrap();
    assert_eq!(bench.told(), "");
    // The server and this are asked the same.
    use crate::board::identity::Chip;
    use crate::usb::lookup::{Asker, Payload, PayloadOptions};
    let port = "1-1".parse().unwrap();
    bench.0.tree.set_overlay(port, &bench.at("")).unwrap();
    let allow = vec![bench.0.tree.clients().to_owned()];
    let payload = Payload::open(bench.0.tree.live(), &PayloadOptions { overlays: true, allow }).unwrap();
    let asker = Asker { chip: Chip::Bcm2835, port: Some(port) };
    let border = Border::of(bench.0.tree.live(), &[bench.0.tree.clients().to_owned()]).unwrap();
    let client = bench.at("");
    for (name, target) in [
        ("in", "cmdline.txt"),
        ("up", "../../default/kernel.img"),
        ("out", "../../../kernel.img"),
        ("abs", "/etc/passwd"),
        ("gone", "nowhere"),
        ("dir", "."),
    ] {
        symlink(target, bench.at(name)).unwrap();
        let look = Look {
            client: &client,
            live: bench.0.tree.live(),
            border: &border,
            seen: BTreeSet::new(),
            missing: Vec::new(),
        };
        let served = matches!(payload.find(asker, name), Ok(Some(_)));
        assert_eq!(look.has(name) == Ok(true), served, "{name}");
    }
}

#[test]
fn what_can_not_be_read_is_told_and_not_waited_for() {
    let bench = Bench::new(&OURS, &["cmdline.txt", "kernel.img"], "");
    let config = bench.at("config.txt");
    rustix::fs::mknodat(rustix::fs::CWD, &config, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
    assert_eq!(bench.told(), "it has no config.txt, so the first stage's would be served in its place");
    std::fs::remove_file(&config).unwrap();
    symlink("/dev/zero", &config).unwrap();
    assert_eq!(bench.told(), "it has no config.txt, so the first stage's would be served in its place");
    std::fs::remove_file(&config).unwrap();
    symlink("/etc/passwd", &config).unwrap();
    assert_eq!(bench.told(), "it: reading config.txt: it leads to /etc/passwd, which is not served");
    std::fs::remove_file(&config).unwrap();
    std::fs::File::create(&config).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(bench.told(), "it: reading config.txt: with what it includes it has more than 256 KiB");
    let many: String = (0..600).map(|number| format!("dtoverlay=x{number}\n")).collect();
    bench.put("config.txt", &many);
    assert_eq!(bench.told(), "it: its config.txt asks for more than 512 files");
    let many: String = (0..70).map(|number| format!("[gpio{number}=1]\nkernel=kernel.img\n")).collect();
    bench.put("config.txt", &many);
    assert_eq!(bench.told(), "it: its config.txt has more than 64 different filters");
    bench.put("config.txt", "include config.txt\n");
    assert_eq!(bench.told(), "it: config.txt:1 includes files more than 8 deep");
}
