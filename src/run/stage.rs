//! The named steps of a run.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! stages {
    ($($(#[doc = $doc:literal])+ $stage:ident $word:literal $segment:ident;)+) => {
        /// The step in which a run is, or in which it ended. Every ending names one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Stage { $($(#[doc = $doc])+ $stage,)+ }

        impl Stage {
            /// All of them, in the order in which a run may go through them.
            pub const ALL: &[Self] = &[$(Self::$stage,)+];

            /// The word for it, as records and `--json` have it too.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$stage => $word,)+ }
            }

            /// Which of the five segments it belongs to.
            #[must_use]
            pub const fn segment(self) -> Segment {
                match self { $(Self::$stage => Segment::$segment,)+ }
            }
        }
    };
}

/// What people look at: a run is drawn as these five.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Segment {
    /// The board is known, and something is to be done with it.
    Seen,
    /// It starts what will do it.
    Boot,
    /// Bytes go to where they belong.
    Write,
    /// They are read again, and compared.
    ReadBack,
    /// What comes after that.
    Finish,
}

impl Segment {
    /// The word for it, as JSON has it too.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Boot => "boot",
            Self::Write => "write",
            Self::ReadBack => "read-back",
            Self::Finish => "finish",
        }
    }
}

stages! {
    /// Finding out which board is meant, and what is to be done with it.
    Resolve "resolve" Seen;
    /// Opening the image or the payload, and computing what goes where.
    Prepare "prepare" Seen;
    /// The board is reset.
    Reset "reset" Seen;
    /// Getting hold of the board's USB device.
    Open "open" Seen;
    /// Finding out which files the board gets.
    Payload "payload" Seen;
    /// The board asks for its address.
    Address "address" Boot;
    /// Waiting for the board to ask for its job.
    Boot "boot" Boot;
    /// The bootcode goes to the boot ROM.
    FirstStage "first-stage" Boot;
    /// Waiting for what the bootcode makes of the board.
    Restart "restart" Boot;
    /// The board fetches its firmware.
    Firmware "firmware" Boot;
    /// The board fetches its kernel and what belongs to it.
    Kernel "kernel" Boot;
    /// The board fetches files over USB.
    FileServer "file-server" Write;
    /// The board fetches a part.
    Fetch "fetch" Write;
    /// A part is written.
    Write "write" Write;
    /// Files are copied.
    Copy "copy" Write;
    /// What was written is read again, and compared.
    ReadBack "read-back" ReadBack;
    /// What was copied gets what makes it this client's.
    Change "change" Finish;
    /// The client's root is exported.
    Export "export" Finish;
    /// Waiting for what the files make of the board.
    HandOver "hand-over" Finish;
    /// Waiting for the device that the user wants.
    WaitFor "wait-for" Finish;
    /// The board's system starts, and gets its root.
    Root "root" Finish;
    /// The board tells that it has finished.
    Report "report" Finish;
    /// The end.
    Done "done" Finish;
}

impl fmt::Display for Stage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_has_the_same_word_everywhere() {
        for stage in Stage::ALL {
            assert_eq!(serde_json::to_string(stage).unwrap(), format!("\"{}\"", stage.word()));
        }
    }

    #[test]
    fn segments_follow_each_other() {
        let segments: Vec<_> = Stage::ALL.iter().map(|stage| stage.segment()).collect();
        assert!(segments.is_sorted());
    }
}
