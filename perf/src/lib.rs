//! What the programs in `bin/` are made of. See README.md for what they measure, and what they cannot.
//!
//! - [`backend`]: the choice of a kernel.

pub mod backend;
