//! `cargo xtask bench`: what the product costs, next to what any contributor has.

pub(crate) mod data;

use anyhow::Result;
use clap::ValueEnum;
use std::io::Write;

/// The run whose entries are made up.
pub(crate) const RUN: &str = "0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b";

/// What input looks like.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Form {
    /// Entries of one run, as the wrapper writes them
    Entries,
    /// Lines as a job prints them
    Plain,
}

/// Writes input to standard output.
///
/// # Errors
/// Nobody reads it to the end.
pub(crate) fn print_data(form: Form, bytes: usize, seed: u64) -> Result<()> {
    let text = match form {
        Form::Entries => data::entries(RUN, seed, bytes),
        Form::Plain => data::plain_lines(seed, bytes),
    };
    Ok(std::io::stdout().write_all(&text)?)
}
