//! Connections that a worker opens: the same handler, the same peer, the other side of the wire. C
//! numbers the rules of the client. The kernel is a script, and so is the server at the other end.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod asking;
mod closing;
mod conversation;
mod server;
mod slow;
mod unopened;
