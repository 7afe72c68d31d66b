use super::*;
use crate::contents::device_tree::made::tree;
use crate::contents::forecast::tests::Files;

const FIRST: &str = "overlays/first.dtbo";

/// An overlay with these parameters.
fn overlay(parameters: &str) -> Vec<u8> {
    tree(&format!(
        "/ {{\nfragment@0 {{\ntarget-path = /\n__overlay__ {{\n}}\n}}\n__overrides__ {{\n{parameters}\n}}\n}}\n"
    ))
}

fn map() -> Vec<u8> {
    tree(
        "/ {\nfirst {\nbcm2835\nbcm2711 = first-pi4\n}\nold {\nrenamed = second\n}\ngone {\ndeprecated = use second\n}\n\
         four {\nbcm2711\n}\nround {\nrenamed = about\n}\nabout {\nrenamed = round\n}\n}\n",
    )
}

/// What becomes of a config.txt on a Pi 3B and a Pi 4B, beside the overlays first (with parameters speed and Size),
/// first-pi4, second, four.
fn planned_with(config: &str, more: &[(&str, &[u8])]) -> Plan {
    let (plain, first) = (overlay(""), overlay("speed = x\nSize = y"));
    let mut files: Vec<(&str, &[u8])> = vec![
        (FIRST, &first),
        ("overlays/first-pi4.dtbo", &plain),
        ("overlays/second.dtbo", &plain),
        ("overlays/four.dtbo", &plain),
    ];
    files.splice(0..0, more.iter().copied());
    let open = |_: &str| Ok(Some(config.as_bytes().to_vec()));
    let config = ConfigFiles::read("config.txt", open).unwrap();
    plan(&Files::new(1, &files), &config, &[board(Model::Pi3B, ""), board(Model::Pi4B, "")]).unwrap()
}

fn board(model: Model, prefix: &str) -> Board {
    Board { model, prefix: prefix.to_owned(), tree: String::new() }
}

fn plain(paths: &[&str]) -> Vec<OverlayFile> {
    paths.iter().map(|path| OverlayFile { path: (*path).to_owned(), labelled: vec![] }).collect()
}

fn planned(config: &str) -> Plan {
    planned_with(config, &[])
}

fn for_all(files: &[&str]) -> Vec<Overlays> {
    vec![Overlays { boards: vec![], files: plain(files) }]
}

#[test]
fn overlays_without_parameters_are_applied_in_their_order() {
    let plan = planned("dtoverlay=second\n# dtoverlay=four\n[all]\n DTOverlay = first \ndtoverlay=second\n");
    assert_eq!(plan, Plan { applied: for_all(&["overlays/second.dtbo", FIRST]), notes: vec![] });
    assert_eq!(planned("arm_64bit=1\ndtoverlay=\n"), Plan::default());
}

#[test]
fn what_has_parameters_is_the_firmwares() {
    let left = |config: &str, told: &str| {
        let plan = planned(config);
        assert!(plan.applied.is_empty(), "{plan:?}");
        assert!(
            plan.notes.len() == 1 && plan.notes[0].contains(&format!("settings: {told}. They")),
            "{plan:?}"
        );
    };
    left("dtoverlay=first,speed=3\n", "first,speed=3");
    left("dtoverlay=first:speed=3\n", "first:speed=3");
    left("dtoverlay=first\ndtparam=x,SIZE=3\n", "first");
    left("dtparam=audio=on\ncamera_auto_detect=1\ndisplay_auto_detect=0\n", "audio=on, camera_auto_detect");
    // A parameter that the overlay doesn't have is one of the board's tree; an empty name ends an overlay's.
    let plan = planned("dtoverlay=first\ndtparam=audio=on\n");
    assert_eq!((plan.applied, plan.notes.len()), (for_all(&[FIRST]), 1));
    let plan = planned("dtoverlay=first\ndtoverlay=\ndtparam=speed=2\n");
    assert_eq!((plan.applied, plan.notes.len()), (for_all(&[FIRST]), 1));
}

#[test]
fn filters_and_the_map_of_names_say_what_is_for_which_board() {
    let map = map();
    let with_map = |config: &str| planned_with(config, &[("overlays/overlay_map.dtb", &map)]);
    let plan = with_map("dtoverlay=first\n[pi4]\ndtoverlay=old\n");
    assert_eq!(
        plan.applied,
        [
            Overlays { boards: vec![Model::Pi3B], files: plain(&[FIRST]) },
            Overlays {
                boards: vec![Model::Pi4B],
                files: plain(&["overlays/first-pi4.dtbo", "overlays/second.dtbo"])
            },
        ]
    );
    assert_eq!(told(&plan.applied), "first (Pi 3B); first-pi4, second (Pi 4B)");
    assert_eq!(told(&for_all(&[FIRST])), "first");
    // For other boards, no longer there, and a name that leads to itself.
    let plan = with_map("dtoverlay=four\ndtoverlay=gone\ndtoverlay=round\n");
    let only = Overlays { boards: vec![Model::Pi4B], files: plain(&["overlays/four.dtbo"]) };
    assert_eq!(plan, Plan { applied: vec![only], notes: vec![] });
}

#[test]
fn prefixes_say_where_overlays_are() {
    let plain = overlay("");
    let open = |_: &str| Ok(Some(b"os_prefix=new/\noverlay_prefix=ov-\ndtoverlay=x\n".to_vec()));
    let config = ConfigFiles::read("config.txt", open).unwrap();
    let paths = |files: &[(&str, &[u8])]| {
        let plan = plan(&Files::new(1, files), &config, &[board(Model::Pi3B, "new/")]).unwrap();
        let files = plan.applied.into_iter().flat_map(|overlays| overlays.files);
        files.map(|file| file.path).collect::<Vec<_>>()
    };
    assert_eq!(paths(&[("new/ov-README", b"x"), ("new/ov-x.dtbo", &plain)]), ["new/ov-x.dtbo"]);
    assert_eq!(paths(&[("ov-x.dtbo", &plain), ("new/ov-x.dtbo", &plain)]), ["ov-x.dtbo"]);
}

/// What Raspberry Pi's sources look like: labels on what is added, for parameters.
#[test]
fn labels_on_what_an_overlay_adds_are_taken_away_by_u_boot() {
    let labelled = tree(
        "/ {\nfragment@0 {\n__overlay__ {\nphandle = abc\n}\n}\nfragment@1 {\n__overlay__ {\n}\n}\nfragment@2 {\n\
         __dormant__ {\nphandle = abc\n}\n}\n__overrides__ {\nspeed = x\n}\n}\n",
    );
    let plan = planned_with("dtoverlay=one\n", &[("overlays/one.dtbo", &labelled)]);
    let file = OverlayFile { path: "overlays/one.dtbo".to_owned(), labelled: vec!["fragment@0".to_owned()] };
    assert_eq!(plan, Plan { applied: vec![Overlays { boards: vec![], files: vec![file] }], notes: vec![] });
    // A name that U-Boot's shell would obey never reaches it.
    let bad = tree("/ {\na;reset {\n__overlay__ {\nphandle = abc\n}\n}\n}\n");
    let plan = planned_with("dtoverlay=one\n", &[("overlays/one.dtbo", &bad)]);
    assert!(plan.applied.is_empty() && plan.notes[0].contains("U-Boot's shell can't name"), "{plan:?}");
}

#[test]
fn what_only_raspberry_pis_firmware_understands_is_told() {
    let inner =
        "/ {\nfragment@0 {\n__overlay__ {\n}\n}\n__local_fixups__ {\nfragment@1 {\ntarget = abc\n}\n}\n}\n";
    let dormant = "/ {\nfragment@0 {\n__dormant__ {\n}\n}\n}\n";
    for text in [inner, dormant] {
        let plan = planned_with("dtoverlay=one\n", &[("overlays/one.dtbo", &tree(text))]);
        assert!(plan.applied.is_empty() && plan.notes[0].contains("settings: one. They"), "{plan:?}");
    }
}

#[test]
fn an_overlay_whose_label_no_tree_has_is_told() {
    let overlay = tree("/ {\nfragment@0 {\n__overlay__ {\n}\n}\n__fixups__ {\nleds = x\nnowhere = x\n}\n}\n");
    let board = tree("/ {\nleds {\n}\n__symbols__ {\nleds = /leds\n}\n}\n");
    let all = tree("/ {\n__symbols__ {\nleds = /leds\nnowhere = /x\n}\n}\n");
    let with = |four: &[u8]| {
        let files: &[(&str, &[u8])] =
            &[("overlays/one.dtbo", &overlay), ("bcm2710-rpi-3-b.dtb", &all), ("bcm2711-rpi-4-b.dtb", four)];
        planned_with("dtoverlay=one\n", files)
    };
    let plan = with(&board);
    assert_eq!((&plan.applied, plan.notes.len()), (&for_all(&["overlays/one.dtbo"]), 1), "{plan:?}");
    assert!(
        plan.notes[0].contains("The overlay one needs the label nowhere, which bcm2711-rpi-4-b.dtb"),
        "{plan:?}"
    );
    assert_eq!((with(&all).notes.len(), with(b"noise").notes.len()), (0, 0));
}

#[test]
fn what_is_no_overlay_is_told_and_never_reaches_a_script() {
    let (long, no) = (vec![0; LONGEST + 1], tree("/ {\nx {\n}\n}\n"));
    let bad: &[(&str, &[u8])] = &[
        ("overlays/noise.dtbo", b"\xd0\x0d\xfe\xed not an overlay"),
        ("overlays/long.dtbo", &long),
        ("overlays/tree.dtbo", &no),
        ("overlays/overlay_map.dtb", b"noise"),
    ];
    for (name, told) in [
        ("noise", "overlays/noise.dtbo is no overlay, and isn't applied: it ends too early."),
        ("long", "overlays/long.dtbo is too long for an overlay, and isn't applied."),
        ("tree", "overlays/tree.dtbo is no overlay, and isn't applied."),
        ("none", "config.txt asks for the overlay overlays/none.dtbo, which isn't there."),
        ("a;reset", "config.txt names an overlay that U-Boot's shell can't: a;reset."),
        ("${x}", "config.txt names an overlay that U-Boot's shell can't: ${x}."),
    ] {
        let plan = planned_with(&format!("dtoverlay={name}\ndtparam=audio=on\n"), bad);
        assert!(plan.applied.is_empty() && plan.notes.contains(&told.to_owned()), "{name}: {plan:?}");
        let map = "overlays/overlay_map.dtb can't be read, and counts as empty: it doesn't begin as a device tree does.";
        assert!(plan.notes.contains(&map.to_owned()), "{plan:?}");
    }
}

#[test]
fn overlays_have_a_bound() {
    let plain = overlay("");
    let names: Vec<String> = (0..40).map(|n| format!("overlays/n{n}.dtbo")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &*plain)).collect();
    let config: String = (0..40).map(|n| format!("dtoverlay=n{n}\ndtparam=p{n}\n")).collect();
    let plan = planned_with(&config, &files);
    let first: Vec<&str> = names[..MOST].iter().map(String::as_str).collect();
    assert_eq!(plan.applied, for_all(&first));
    assert!(plan.notes[0].contains("more than 24 overlays"), "{plan:?}");
    assert!(plan.notes[1].contains("p5 and 34 more"), "{plan:?}");
}

/// A file of the longest length with nothing but such lines would cost the square of their number, on each board.
#[test]
fn settings_have_a_bound() {
    for line in ["dtoverlay=n", "dtparam=n"] {
        let config: String = (0..50_000).map(|n| format!("{line}{n}\n")).collect();
        let plan = planned(&config);
        assert!(plan.applied.is_empty() && plan.notes.len() <= MOST_SETTINGS + 1, "{}", plan.notes.len());
        assert!(plan.notes.iter().any(|note| note.contains("more than 200 settings")), "{line}");
    }
}
