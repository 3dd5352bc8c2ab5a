//! The build event log's vocabulary: one variant a fact, and no other.
