//! What comes out of a stream, and who takes it.

use databuild_model::entry::Stream;
use databuild_model::level::Level;
use databuild_model::origin::Origin;
use databuild_model::time::Timestamp;
use std::time::Duration;

/// One reading of both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Moment {
    /// For people.
    pub(crate) wall: Timestamp,
    /// For deadlines.
    pub(crate) mono: Duration,
}

/// What becomes one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) stream: Stream,
    /// Where in the stream the range begins that it stands for.
    pub(crate) offset: u64,
    /// How long the range is.
    pub(crate) span: u64,
    /// How many carriage returns stood before each line feed in the range.
    pub(crate) cr: u32,
    /// Whether the range has more in it than `bytes` and the line ends: states of a progress line.
    pub(crate) loses: bool,
    /// When its first line was read to the end.
    pub(crate) when: Timestamp,
    /// The level that its text states.
    pub(crate) level: Level,
    pub(crate) bytes: &'a [u8],
    pub(crate) form: Form,
}

impl Piece<'_> {
    /// What it stands for.
    pub(crate) fn origin(&self) -> Origin {
        Origin::new(self.stream, self.offset, self.span)
    }
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A line, with the lines that belong to it.
    Text,
    /// A line that looks like JSON or a metric.
    Object,
    /// Part of an overlong line.
    Fragment {
        /// From 1.
        number: u64,
        /// Whether the line ends with it.
        last: bool,
    },
    /// The last of several states of a line, and how many it replaces.
    Progress {
        /// States that are not kept.
        replaced: u64,
    },
}

/// Takes pieces.
pub(crate) trait Sink {
    /// Whether it wants no more for now.
    fn full(&self) -> bool;
    /// Takes one.
    fn take(&mut self, piece: &Piece<'_>);
}
