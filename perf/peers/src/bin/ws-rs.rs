//! ws-rs, which is `ws` in its registry: its own event loop, one thread. It has
//! compression too, which zeroes what must not be zero: today's Rust ends the process there.

use std::io;

use ws::{Builder, Handler, Message, Sender, Settings};
use ws4rs_peers::flags::{Flags, Mode, say};

fn main() -> io::Result<()> {
    let flags = Flags::of(&[]);
    let mode = flags.mode;
    let server = Builder::new()
        .with_settings(settings(&flags))
        .build(move |out| Room { out, mode })
        .and_then(|server| server.bind(flags.listen))
        .map_err(io::Error::other)?;
    say("ws", server.local_addr().map_err(io::Error::other)?)?;
    server.run().map(drop).map_err(io::Error::other)
}

fn settings(flags: &Flags) -> Settings {
    Settings {
        max_connections: 20_000,
        // One frame for each message: its default cuts them at 65 535 bytes.
        fragment_size: flags.max_message,
        max_fragment_size: flags.max_message,
        in_buffer_capacity: flags
            .read_buffer
            .unwrap_or(Settings::default().in_buffer_capacity),
        // A client that leaves is no reason to stop.
        panic_on_internal: false,
        tcp_nodelay: true,
        ..Settings::default()
    }
}

struct Room {
    out: Sender,
    mode: Mode,
}

impl Handler for Room {
    fn on_message(&mut self, message: Message) -> ws::Result<()> {
        match self.mode {
            Mode::Echo => self.out.send(message),
            Mode::Broadcast => self.out.broadcast(message),
        }
    }
}
