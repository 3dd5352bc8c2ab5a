//! What the saver keeps on disk for itself. Pages: `docs/formats/saver-checkpoint.md` and
//! `docs/formats/dead-letters.md`.

pub mod checkpoint;
pub mod dead_letter;
