//! What is in the store's folder: where files are, what a run's file holds, how it is put right after
//! a crash. Formats are in [`crate::format`]; writing as it comes is in [`crate::collect`].
