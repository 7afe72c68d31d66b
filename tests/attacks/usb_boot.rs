//! Boards and payloads of USB boot that don't say, or do, what they should.
