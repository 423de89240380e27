//! The blocking client: a URL in, a conversation out, over `std::net` and without a runtime.
//!
//! In the order in which a connection meets them: `builder` is what may be said before it, `reach`
//! gets to the server and `opening` asks it; `transport` and `socket` carry the bytes; `connection`
//! is the [`Client`], made of a `line`, which says, and an `ear`, which hears; `halves` gives them to
//! two threads, `iter` is their messages in a row, `error` what goes wrong.
//!
//! ```no_run
//! let mut client = ws4rs::client::connect("ws://127.0.0.1:9001/chat")?;
//! client.send("hello")?;
//! for message in client.iter() {
//!     println!("{}", message?);
//! }
//! # Ok::<(), ws4rs::client::Error>(())
//! ```
//!
//! # What is kept for you, and what is not
//!
//! Pings are answered and the closing handshake is done while you [`recv`](Client::recv), so a client
//! that hears nothing for long should still ask now and then. What is sent has left when the call
//! returns. When both ends write a lot before they read, one of them must read meanwhile:
//! [`split`](Client::split) lets two threads do so. A dropped client ends TCP without a closing
//! handshake. Nothing connects again on its own; whoever does, does it after a random delay (RFC 6455
//! 7.2.3).

mod builder;
mod connection;
mod ear;
mod error;
mod halves;
mod iter;
mod line;
mod opening;
mod reach;
mod socket;
mod transport;

pub use builder::Builder;
pub use connection::{Client, Closed};
pub use error::{Error, Wait};
pub use halves::{Receiver, Sender};
pub use iter::{IntoIter, Iter};
pub use socket::Socket;
pub use transport::{Over, Transport};

/// Connects to a `ws://` or `ws+unix:` URL, with the usual settings: see [`Builder`].
///
/// # Errors
/// As [`Builder::new`] and [`Builder::connect`].
pub fn connect(url: &str) -> Result<Client, Error> {
    Builder::new(url)?.connect()
}
