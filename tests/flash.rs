//! `piprov flash` against real U-Boot on virtual boards: what arrives on the cards is judged by other tools.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

use support::card::FOLLOWED;
use support::rig::Rig;
use support::shell;

/// A sample image with little in it: 32 MiB from 8 MiB on.
const SMALL: &str = "--boot-size 20 --root-size 12 --files 4";
/// Where its partitions come to lie: first block, blocks.
const SMALL_BEHIND: [(u64, u64); 2] = [(90_112, 40_960), (131_072, 24_576)];
const MIB: usize = 1 << 20;

#[test]
fn an_image_in_parts_is_written_and_read_back_and_then_one_of_another_layout() {
    let mut rig = Rig::new(1);
    let mut card = rig.card("card.img", 160);
    rig.board("lab-01", &card.path);
    let image = rig.image("os.img", "");
    shell(&format!("xz -T0 -1 -k {}", image.display()));

    let ended = rig.flash(&["lab-01", "os.img.xz", "--part-size", "16MiB"]).end();
    assert_eq!((ended.code, ended.outcome("lab-01")), (0, ("done", "done")), "{ended:#?}");
    card.assert_holds(&image, 8 * MIB, FOLLOWED, &[(90_112, 81_920), (172_032, 65_536)]);
    let run = ended.run("lab-01");
    assert_eq!(run["image"]["raw_len"], 80 << 20);
    assert_eq!(run["bytes"], 72 << 20);
    let labels: Vec<_> =
        run["steps"].as_array().unwrap().iter().map(|step| step["label"].as_str().unwrap()).collect();
    assert_eq!(
        labels,
        [
            "table without the system",
            "part 1",
            "part 2",
            "part 3",
            "part 4",
            "part 5",
            "cmdline.txt",
            "/etc/fstab",
            "partition table"
        ]
    );

    card.remember();
    let image = rig.image("other.img", "--p1-offset 4 --boot-size 40 --root-size 20");
    let ended = rig.flash(&["lab-01", "other.img", "--part-size", "64MiB"]).end();
    assert_eq!((ended.code, ended.outcome("lab-01")), (0, ("done", "done")), "{ended:#?}");
    card.assert_holds(&image, 4 * MIB, FOLLOWED, &[(90_112, 81_920), (172_032, 40_960)]);
}
