//! What a build shows while it goes on, and the last screen when it fails.
//!
//! `board` knows what happened and renders it, purely, with the guesses of `estimate`; `display` draws it on a terminal or writes it
//! line by line; `failure` renders the block that a failed build ends with.

pub(crate) mod board;
pub(crate) mod display;
pub(crate) mod estimate;
pub(crate) mod failure;
