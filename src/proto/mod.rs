//! The wire as a value: RFC 6455 and 7692 without a socket, a clock, a thread or `unsafe`.
//!
//! Bytes and limits come in as arguments, events and bytes come out. The stations, in the order in
//! which bytes meet them:
//!
//! ```text
//! bytes ─▶ handshake      request head in, 101 or refusal out; then, for the life of the connection,
//!          input          bytes lent for one call, taken from the front
//!          frame          Header: 2 to 14 bytes, lawful or a Violation
//!          simd::mask     the payload unmasked where it lies       ┐ the room next door:
//!          simd::text     text checked as it arrives               ┘ bytes by the register
//!          stream         frames become messages, lent where they lie
//!          unfinished     or held, when they come in parts; room: how much of it they have
//!          inflow         compressed ones inflated on the way, by deflate
//!          message close  what they carry; owned: what is kept of it
//!          batch          several of them, for many: one piece in each form
//!          websocket      pongs, the closing handshake ─▶ events, to you
//! bytes ◀─ outbox         what waits to leave: one frame::Header and its payload at a time
//! ```
//!
//! [`deflate`] is the extension of RFC 7692: what two ends agree on in the handshake, and the codec.
//!
//! Frame ⊂ [`Stream`] ⊂ [`WebSocket`], as in ws4py: each knows the one it holds and never the one
//! that holds it. Whatever a peer does wrong is a [`Violation`], and one `match` gives its close code.

mod batch;
pub mod close;
pub mod deflate;
pub mod frame;
pub mod handshake;
mod inflow;
pub mod input;
pub mod message;
pub mod outbox;
mod owned;
mod room;
pub mod rules;
pub mod stream;
mod unfinished;
pub mod violation;
pub mod websocket;

pub(crate) use batch::Batch;
pub use close::{CloseCode, CloseFrame};
pub use deflate::{Agreed, Deflate, NotAgreed};
pub use frame::{Header, Opcode, Role};
pub use input::Input;
pub use message::{Message, Prepared};
pub use outbox::{Outbox, OutboxLimits, Sent, SlowPolicy};
pub use owned::Owned;
pub use rules::Rules;
pub use stream::{Event, Stream};
pub use violation::Violation;
pub use websocket::{Outbound, Phase, WebSocket};
