//! Flattened device trees, as they lie in an image: overlays, and the map of their names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use piprov::contents::device_tree::nodes;

fuzz_target!(|input: &[u8]| {
    let Ok(nodes) = nodes(input) else { return };
    assert_eq!(nodes[0].depth, 0);
    for pair in nodes.windows(2) {
        assert!(pair[1].depth > 0 && pair[1].depth <= pair[0].depth + 1);
    }
    let values = nodes.iter().flat_map(|node| &node.properties).map(|(_, value)| value.len());
    // Values lie one behind the other in the input.
    assert!(values.sum::<usize>() <= input.len());
});
