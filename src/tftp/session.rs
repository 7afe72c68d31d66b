//! TFTP sessions without sockets.
