//! Texts from outside that would write the operator's terminal.
