//! What should happen: pure decisions, (state, input, now) to a verdict.
