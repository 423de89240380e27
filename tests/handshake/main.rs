//! The opening handshake, server's side: a promise per test. H numbers the rules of HTTP/1.1 that
//! concern us (RFC 9110, 9112), S those of the WebSocket handshake (RFC 6455 4.2, 4.4, 9.1, 11.3).
//!
//! Every request is played whole, cut at each byte, and byte by byte; the answer is the same. Tables
//! of short texts are written "this|that", so the first of "|that" is empty.

#[path = "../support/head.rs"]
mod head;

mod content;
mod fields;
mod limits;
mod offers;
mod origins;
mod player;
mod request_line;
mod requests;
mod responses;
mod segments;
mod upgrade;
