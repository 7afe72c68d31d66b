//! Templates of labels, with any values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use piprov::label::{fill, samples};
use piprov::station_api::{LabelLanguage, PrinterTakes};

fuzz_target!(|text: &str| {
    let values = samples(text);
    for language in LabelLanguage::ALL {
        drop(fill(language, text, &values, PrinterTakes::Zpl));
    }
});
