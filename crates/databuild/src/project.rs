//! Wiring: from where the program stands to the parts that it needs, each opened when first asked for.
