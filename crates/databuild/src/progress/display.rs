//! Draws a board: on a terminal, or as lines.
