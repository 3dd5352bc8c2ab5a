//! What people see: colours, escapes made harmless, entries, tables and times. No command logic.

pub(crate) mod terminal;
