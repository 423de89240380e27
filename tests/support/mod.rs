//! What the scripted tests stand on.
//!
//! [`script`] is a kernel made of two lists: what it will tell, and what it was asked. [`world`] puts
//! a worker on it and lets it turn. [`recorder`] is a handler that writes down what it is told and
//! does what the test says; [`wire`] builds frames, with any oddity, and reads those of the other
//! side, knowing of the crate's own code only the proof of a handshake; [`deflate`] packs and unpacks
//! their payloads; [`play`] plays a conversation in every segmentation.

// Each test binary uses its own part of it.
#![allow(dead_code, unreachable_pub, unused_imports)]

pub mod deflate;
pub mod play;
pub mod random;
pub mod recorder;
pub mod script;
pub mod wire;
pub mod world;

pub use deflate::*;
pub use play::*;
pub use random::*;
pub use recorder::*;
pub use script::*;
pub use wire::*;
pub use world::*;
