//! What people see: colours, escapes made harmless, entries, tables and times. No command logic.

pub(crate) mod ending;
pub(crate) mod entry;
pub(crate) mod escape;
pub(crate) mod pager;
pub(crate) mod paint;
pub(crate) mod raw;
pub(crate) mod table;
pub(crate) mod terminal;
pub(crate) mod times;
pub(crate) mod zone;
