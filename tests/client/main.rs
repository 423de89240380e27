//! The blocking client, against a scripted server that does what servers should not, and against ours.
#![cfg(unix)]

#[path = "../host/mod.rs"]
mod host;

mod broken_streams;
mod closing;
mod halves;
mod hearing;
mod opening;
mod our_server;
mod saying;
mod transports;

use std::net::TcpStream;
use std::time::Duration;

use host::DEADLINE;
use ws4rs::Owned;
use ws4rs::client::{Builder, Client, Error};

/// Short, for what is bound to run out.
const SOON: Duration = Duration::from_millis(200);

fn builder(url: &str) -> Builder {
    Builder::new(url).unwrap().handshake_timeout(DEADLINE)
}

fn connect(url: &str) -> Client {
    builder(url).connect().unwrap()
}

/// A stream to bring, connected.
fn dial(url: &str) -> TcpStream {
    let address = url.trim_start_matches("ws://").trim_end_matches("/chat");
    TcpStream::connect(address).unwrap()
}

fn text(client: &mut Client) -> String {
    match client.recv().unwrap() {
        Some(Owned::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// It ends without an error, and stays so.
fn expect_over(client: &mut Client) {
    assert_eq!(client.recv().unwrap(), None);
    assert_eq!(client.recv().unwrap(), None);
    assert!(matches!(client.send("late"), Err(Error::Closed)));
}
