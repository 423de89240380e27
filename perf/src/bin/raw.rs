//! A server without a protocol: what the kernel and the driver cost, and nothing else.
//!
//! Received bytes are appended to the connection's chunks, or shared by the chunks of all, and every
//! connection that has some gets one send per turn, as in the server. What the WebSocket server costs
//! above this is the protocol.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use clap::{Parser, ValueEnum};
use ws4rs::internal::chunk::Chunks;
use ws4rs::internal::reactor::poll::Poll;
use ws4rs::internal::reactor::socket::{listen, local_address};
#[cfg(target_os = "linux")]
use ws4rs::internal::reactor::uring::Uring;
use ws4rs::internal::reactor::{Close, Driver, Event, Source, Token};

#[derive(Parser)]
#[command(about = "Sends bytes back over TCP on one of the crate's drivers, in one thread")]
struct Flags {
    #[arg(long, value_enum, default_value = "io-uring")]
    backend: Backend,
    #[arg(long, value_enum, default_value = "echo")]
    mode: Mode,
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

#[derive(Clone, Copy, ValueEnum)]
enum Backend {
    IoUring,
    Mio,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Bytes go back to whom they came from.
    Echo,
    /// Bytes go to everybody.
    Broadcast,
}

fn main() -> io::Result<()> {
    let flags = Flags::parse();
    let mut driver = driver(flags.backend)?;
    let listener = listen(flags.listen, false)?; // as the server does: its backlog, TCP_NODELAY
    let address = local_address(&listener)?;
    driver.open(Source::Listener(listener))?;
    println!("listening on tcp://{address}");
    io::stdout().flush()?;

    let mut house = House {
        mode: flags.mode,
        lines: Vec::new(),
        accepted: Vec::new(),
        said: Vec::new(),
        dirty: Vec::new(),
    };
    loop {
        driver.wait(None, &mut |event| house.hear(event))?;
        house.share();
        house.say(&mut *driver);
    }
}

/// Nothing falls back here: a measurement is of what it says it is of.
fn driver(backend: Backend) -> io::Result<Box<dyn Driver>> {
    match backend {
        #[cfg(target_os = "linux")]
        Backend::IoUring => Ok(Box::new(Uring::new()?)),
        #[cfg(not(target_os = "linux"))]
        Backend::IoUring => Err(io::ErrorKind::Unsupported.into()),
        Backend::Mio => Ok(Box::new(Poll::new()?)),
    }
}

struct House {
    mode: Mode,
    /// By [`Token::index`], which is small and dense.
    lines: Vec<Option<Connection>>,
    accepted: Vec<Source>,
    /// For everybody: what came in this turn.
    said: Vec<u8>,
    dirty: Vec<usize>,
}

struct Connection {
    token: Token,
    out: Chunks,
    sending: bool,
    dirty: bool,
    paused: bool,
    ended: bool,
}

impl House {
    fn hear(&mut self, event: Event<'_>) {
        match event {
            Event::Accepted { socket, .. } => self.accepted.push(Source::Accepted(socket)),
            Event::Received(_, bytes, _) if self.mode == Mode::Broadcast => {
                self.said.extend_from_slice(bytes);
            }
            Event::Received(token, bytes, _) => self.change(token, |line| {
                let length = bytes.len();
                line.out
                    .append(length, |buffer| buffer.extend_from_slice(bytes));
            }),
            Event::Sent(token, mut left) => self.change(token, |line| {
                left.join(std::mem::take(&mut line.out));
                line.out = left;
                line.sending = false;
            }),
            Event::Ended(token) => self.change(token, |line| line.ended = true),
            Event::Closed(token, _) => {
                if let Some(place) = self.lines.get_mut(token.index as usize) {
                    place.take_if(|line| line.token == token);
                }
            }
            Event::Starved(_, error) => eprintln!("accepting has stopped: {error}"),
        }
    }

    fn change(&mut self, token: Token, change: impl FnOnce(&mut Connection)) {
        let index = token.index as usize;
        let Some(Some(line)) = self.lines.get_mut(index) else {
            return;
        };
        if line.token != token {
            return;
        }
        change(line);
        if !line.dirty {
            line.dirty = true;
            self.dirty.push(index);
        }
    }

    /// Gives everybody what was said in this turn: one run of bytes, which all of them hold.
    fn share(&mut self) {
        if self.said.is_empty() {
            return;
        }
        let said: Arc<[u8]> = self.said.as_slice().into();
        self.said.clear();
        for (index, line) in self.lines.iter_mut().enumerate() {
            let Some(line) = line else { continue };
            line.out.share(Arc::clone(&said));
            if !line.dirty {
                line.dirty = true;
                self.dirty.push(index);
            }
        }
    }

    fn say(&mut self, driver: &mut dyn Driver) {
        for source in self.accepted.drain(..) {
            match driver.open(source) {
                Ok(token) => greet(&mut self.lines, token),
                Err(error) => eprintln!("a connection was lost: {error}"),
            }
        }
        for index in self.dirty.drain(..) {
            if let Some(line) = &mut self.lines[index] {
                line.say(driver);
            }
        }
    }
}

fn greet(lines: &mut Vec<Option<Connection>>, token: Token) {
    let index = token.index as usize;
    if lines.len() <= index {
        lines.resize_with(index + 1, || None);
    }
    lines[index] = Some(Connection {
        token,
        out: Chunks::new(),
        sending: false,
        dirty: false,
        paused: false,
        ended: false,
    });
}

impl Connection {
    fn say(&mut self, driver: &mut dyn Driver) {
        self.dirty = false;
        if !self.sending && !self.out.is_empty() {
            match driver.send(self.token, std::mem::take(&mut self.out)) {
                Some(home) => self.out = home,
                None => self.sending = true,
            }
        }
        let full = self.out.len() > OUT_MAX;
        if full != self.paused {
            self.paused = full;
            driver.read(self.token, !full);
        }
        if self.ended && !self.sending && self.out.is_empty() {
            driver.close(self.token, Close::Finish);
        }
    }
}

/// 1 MiB: whoever does not read his echo is not read either.
const OUT_MAX: usize = 1 << 20;
