//! Reading back what the collector stored. Nothing here writes to the store.
