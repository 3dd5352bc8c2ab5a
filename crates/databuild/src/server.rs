//! The service: the same reader, plans and builds as the command line, over HTTP on loopback.
//!
//! `listen` accepts and limits connections, `router` names the paths, one file per resource answers
//! them, and every error leaves as a `problem`. No query logic and no rendering of entries lives here.

mod body;
mod builds;
mod events;
mod frame;
mod guard;
pub(crate) mod holder;
mod house;
mod jobs;
mod limits;
mod listen;
mod lists;
mod logs;
mod logs_query;
mod media;
mod openapi;
mod owned;
mod params;
mod partitions;
pub(crate) mod pipelines;
mod plain;
mod plan;
mod problem;
mod refuse;
mod router;
mod run;
mod scrape;
mod service;
mod slots;
mod stall;
mod stream;
mod tail;
pub(crate) mod views;

pub(crate) use run::{ServeError, Stopped, serve};
pub(crate) use scrape::Measures;
pub(crate) use service::Parts;
