//! Hosts that want the TFTP server for themselves, or files that aren't theirs.
