//! The CSV database of boards.
