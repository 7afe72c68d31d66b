use super::*;
use crate::eeprom::Image as Eeprom;
use crate::format::hex;
use crate::station::store::Error;
use crate::station_api::{Firmware, Project, ProjectEeprom};

/// An image as its pages and calls tell it, with its bytes.
fn image(name: &str, built: u64) -> (Firmware, Vec<u8>) {
    use sha2::Digest as _;
    let bytes = pi4_of(&built.to_string(), b"[all]\nA=1\n");
    let told = Firmware {
        name: name.to_owned(),
        chip: "BCM2711".into(),
        built: Eeprom::parse(bytes.clone()).unwrap().built(),
        sha256: hex(&sha2::Sha256::digest(&bytes)),
        size: bytes.len() as u64,
        ..Firmware::default()
    };
    (told, bytes)
}

/// An image.
pub(super) async fn kept(store: &Store) {
    let (told, bytes) = image("four", 1_754_265_600);
    store.add_firmware(&told, &bytes).await.unwrap();
}

on_both! {
    async fn an_image_is_what_it_was_and_stays_while_a_project_has_it(place: &Place) {
        let store = place.open().await;
        kept(&store).await;
        let (told, bytes) = image("four", 1_754_265_600);
        assert_eq!(store.all_firmware().await.unwrap(), std::slice::from_ref(&told));
        assert_eq!(store.firmware("four").await.unwrap(), told);
        assert!(store.firmware_bytes(&told.sha256).await.unwrap() == bytes);
        assert_eq!(store.add_firmware(&told, &bytes).await.unwrap(), told);
        let (other, more) = image("four", 1_760_000_000);
        assert!(matches!(store.add_firmware(&other, &more).await, Err(Error::Taken { .. })));
        for name in ["", "a/b", "../x", "a\nb"] {
            let result = store.add_firmware(&Firmware { name: name.into(), ..other.clone() }, &more).await;
            assert!(matches!(result, Err(Error::BadValue { what: "name", .. })), "{name:?}: {result:?}");
        }
        let with = |firmware: &str| Project {
            name: "p".into(),
            eeprom: Some(ProjectEeprom { firmware: firmware.into(), ..ProjectEeprom::default() }),
            ..Project::default()
        };
        assert!(matches!(store.put_project(&with("no")).await, Err(Error::NoSuch { what: "firmware", .. })));
        // As where an image is edited: a board without a key would start nothing any more.
        let set = [("SIGNED_BOOT".to_owned(), "1".to_owned())].into();
        let locked = ProjectEeprom { firmware: "four".into(), set, ..ProjectEeprom::default() };
        let locked = Project { eeprom: Some(locked), ..with("four") };
        let refused = store.put_project(&locked).await.unwrap_err().to_string();
        assert!(refused.contains("SIGNED_BOOT=1 asks for signed systems"), "{refused}");
        store.put_project(&with("four")).await.unwrap();
        assert_eq!(store.project("p").await.unwrap().eeprom, with("four").eeprom);
        let used = store.remove_firmware("four").await.unwrap_err();
        assert_eq!(used.to_string(), "the firmware `four` is in use: project p");
        store.put_project(&Project { name: "p".into(), ..Project::default() }).await.unwrap();
        store.remove_firmware("four").await.unwrap();
        assert!(matches!(store.remove_firmware("four").await, Err(Error::NoSuch { .. })));
        assert!(matches!(store.firmware_bytes(&told.sha256).await, Err(Error::NoSuch { .. })));
        for number in 0..Firmware::MOST {
            let (told, bytes) = image(&format!("n{number}"), 1_754_265_600 + number);
            store.add_firmware(&told, &bytes).await.unwrap();
        }
        let (told, bytes) = image("one more", 1_760_000_000);
        assert!(matches!(store.add_firmware(&told, &bytes).await, Err(Error::Many { .. })));
        // What is damaged is never given to a board.
        let (told, _) = image("n0", 1_754_265_600);
        store.execute("UPDATE firmware SET body = '28b52ffd' WHERE name = 'n0'").await;
        assert!(matches!(store.firmware_bytes(&told.sha256).await, Err(Error::BadValue { what: "firmware", .. })));
    }

    async fn the_largest_image_goes_into_a_copy_and_comes_back(place: &Place) {
        let store = place.open().await;
        let mut state = 1_u64;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        })
        .take(2 << 20)
        .collect();
        let told = {
            use sha2::Digest as _;
            Firmware { name: "five".into(), sha256: hex(&sha2::Sha256::digest(&bytes)), ..Firmware::default() }
        };
        store.add_firmware(&told, &bytes).await.unwrap();
        let mut copy = Vec::new();
        store.copy_to(&mut copy).await.unwrap();
        let other = Place::sqlite();
        let other = other.open().await;
        other.copy_from(&copy[..]).await.unwrap();
        assert!(other.firmware_bytes(&told.sha256).await.unwrap() == bytes);
    }
}
