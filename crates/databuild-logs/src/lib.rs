//! The log store: collect, journal, seal, index, read, follow.
