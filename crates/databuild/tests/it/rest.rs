//! The service from outside: a real process, a real socket, bytes as they are on the wire.

mod client;
mod form;
mod rig;
