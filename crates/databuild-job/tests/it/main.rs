//! The wrapper as a process, with real jobs in `sh`.

#![cfg(test)]

mod ends;
mod hard;
mod output;
mod pages;
mod processes;
mod readers;
mod relay;
mod stopping;
mod takeover;
mod wrapped;
