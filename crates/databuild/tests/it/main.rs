//! The whole program from outside: command line and service, real processes, real files, no network.
//!
//! One binary, because each further one would link the program again. `env` gives each test a world of
//! its own; `scenario` runs the text files in `scenarios/`, `docs` the command blocks of the documentation.
#![cfg(test)]

mod docs;
mod env;
mod full;
mod outlives;
mod plugins;
mod prometheus;
mod recording;
mod reference;
mod rest;
mod runbooks;
mod saver;
mod scenario;
mod stop;
mod terminal;
