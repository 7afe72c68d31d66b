//! Somebody on the network who is not the board that is flashed.
