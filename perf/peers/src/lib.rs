//! What the servers in `bin/` have in common, so that each of them shows its library and little else.
//!
//! - [`flags`]: the same for all of them;
//! - [`serve`]: a tokio runtime on one thread, which accepts;
//! - [`talk`]: echo and broadcast for a library whose connection is a `Stream` and a `Sink`;
//! - [`upgrade`]: the opening handshake of those that leave it to hyper.

pub mod flags;
pub mod serve;
pub mod talk;
pub mod upgrade;
