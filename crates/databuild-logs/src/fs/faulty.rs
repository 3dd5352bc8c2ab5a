//! Files that fail when a test wants it. Nothing but tests uses this.
