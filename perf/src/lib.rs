//! What the programs in `bin/` are made of. See README.md for what they measure, and what they cannot.
//!
//! - [`backend`]: the choice of a kernel;
//! - [`exchange`]: what a connection says and what it expects to hear, built beforehand;
//! - [`fleet`]: many connections, each saying so;
//! - [`cpu`]: processor time, as the kernel counts it;
//! - [`histogram`]: round-trip times.

pub mod backend;
pub mod cpu;
pub mod exchange;
pub mod fleet;
pub mod histogram;
