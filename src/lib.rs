//! WebSocket server for heavy load.
#![allow(missing_docs)]

pub mod chunk;
#[forbid(unsafe_code)]
pub mod proto;
#[cfg(unix)]
#[allow(unsafe_code)]
pub mod reactor;
#[allow(unsafe_code)]
pub mod simd;
