//! The opening handshake, client's side: a promise per test. C numbers the rules of the client (RFC
//! 6455 3, 4.1, 9.1, 11.3; RFC 9110, 9112 where they say what an answer is).
//!
//! Every answer is played whole, cut at each byte, and byte by byte; what is told is the same. Tables
//! of short texts are written "this|that", so the first of "|that" is empty.

#[path = "../support/head.rs"]
mod head;

mod answer;
mod asked;
mod both_sides;
mod heads;
mod hostile;
mod player;
mod request;
mod url;
