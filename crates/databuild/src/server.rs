//! The service: the same reader, plans and builds as the command line, over HTTP on loopback.
//!
//! `listen` accepts and limits connections, `router` names the paths, one file per resource answers
//! them, and every error leaves as a `problem`. No query logic and no rendering of entries lives here.

pub(crate) mod body;
pub(crate) mod guard;
pub(crate) mod limits;
pub(crate) mod listen;
pub(crate) mod media;
pub(crate) mod params;
pub(crate) mod problem;
pub(crate) mod slots;
pub(crate) mod stall;
