//! What we measure: the one catalogue of metric names.
