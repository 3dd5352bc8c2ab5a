//! The log saver in this program: where its events come from (`bus`), what a pipeline is made of
//! (`pipelines`), the thread that owns it (`host`), what it says of itself (`format`) and who reads that
//! (`look`). How pipelines work is in `databuild-saver`.

pub(crate) mod bus;
mod complaints;
pub(crate) mod format;
pub(crate) mod host;
pub(crate) mod letters;
pub(crate) mod look;
pub(crate) mod pipelines;
mod report;
