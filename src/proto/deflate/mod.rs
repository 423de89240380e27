//! `permessage-deflate` (RFC 7692): what two ends agree on, and the codec that keeps to it. Knows
//! neither frames nor messages: a payload goes in, a payload comes out.
//!
//! In the order in which a connection meets them:
//!
//! - `settings`: [`Deflate`], what we are ready to agree on, and how a server and a client do;
//! - `offer`: the parameters of one offer or answer, read and lawful;
//! - `agreed`: [`Agreed`], what was agreed on, and the answer that says so;
//! - `history`: plaintext that both ends remember, where a context is taken over;
//! - `codec`: one payload deflated, one payload inflated.
//!
//! # What it costs in memory
//!
//! The engines belong to the thread, not to the connection, and are made when they are first needed:
//!
//! | on each thread | bytes |
//! |---|---|
//! | a compressor, window of 9, 10, 11, 12 bits | 251 008, 253 056, 257 152, 265 344 |
//! | a compressor, window of 13, 14, 15 bits | 281 728, 314 496, 380 032 |
//! | all seven of them, and what they write into | 2 019 200 |
//! | an inflater, and what it writes into | 47 552 + 16 384 |
//!
//! That is one compressor for each window in use, and one inflater for each compressed message of
//! which a part has come and the rest has not; `codec` keeps a few of them for the next ones.
//!
//! A connection pays for its history alone: nothing without takeover, else the last 2^bits bytes of
//! what it has sent compressed and as much of what it has received. An engine begins every message
//! afresh and is told the history as a dictionary. For a message of 1 KiB and a window of 12 bits that
//! takes 7 to 11 µs more than an engine kept for the connection, and saves 265 KB for each of them; at
//! 15 bits it would take 60 µs more, which is why [`Deflate::takeover`] is best left at 12. Besides, a
//! message that many receive is deflated once, without a history, and joins the history of each.

mod agreed;
pub(crate) mod codec;
pub(crate) mod history;
mod offer;
mod settings;

pub use agreed::Agreed;
pub(crate) use agreed::{Incoming, Outgoing};
pub(crate) use codec::{Fault, Inflater, compress};
#[cfg(unix)]
pub(crate) use codec::{memory, work};
pub(crate) use history::History;
pub use settings::{Deflate, NotAgreed};

/// The windows zlib compresses with, in bits. It has no smaller one for a raw stream.
pub(crate) const WINDOW_MIN: u8 = 9;
pub(crate) const WINDOW_MAX: u8 = 15;
/// How many of them there are.
pub(crate) const WINDOWS: usize = (WINDOW_MAX - WINDOW_MIN + 1) as usize;
