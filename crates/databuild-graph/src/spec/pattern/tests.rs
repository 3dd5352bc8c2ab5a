//! Patterns: what they match, what they stand for, where they meet.
