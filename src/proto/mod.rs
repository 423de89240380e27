//! The wire as a value: RFC 6455 without a socket, a clock, a thread or `unsafe`.
pub mod handshake;
