//! The live tree of USB boot, and the udev helper, beside somebody who may write there.
