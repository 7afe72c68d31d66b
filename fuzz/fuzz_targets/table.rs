//! Partition tables of any bytes, and the layouts computed from them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use piprov::image::read_at::ReadAt;
use piprov::image::table::Table;
use piprov::uboot::layout::{CardInfo, plan};

fuzz_target!(|bytes: &[u8]| {
    let disk = bytes.to_vec();
    let Ok(Some(table)) = Table::read(&disk) else { return };
    for image_len in [None, Some(disk.available())] {
        let Ok(layout) = plan(&table, image_len, &CardInfo::default()) else { continue };
        let card = CardInfo::default();
        assert!(layout.target.start >= card.uboot_end(), "U-Boot's partition is never touched");
        for (at, piece) in &layout.final_table {
            let end = at + piece.len() as u64;
            assert!(end <= card.uboot_start || *at >= card.uboot_end(), "nor by a table");
        }
    }
});
