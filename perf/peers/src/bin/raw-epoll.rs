//! The limit, independent of ws4rs: bytes come back as they came, without a protocol. Epoll, level
//! triggered; received into one buffer that stays in the cache, and sent straight from it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use slab::Slab;
use ws4rs_peers::flags::{Deflate, Flags, Mode};

fn main() -> io::Result<()> {
    let flags = Flags::of(&[] as &[Deflate]);
    let listener = flags.listener("tcp")?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(
        &epoll,
        &listener,
        EventData::new_u64(LISTENER),
        EventFlags::IN,
    )?;
    let hot = vec![0; PAGE + HOT];
    let mut house = House {
        epoll,
        listener,
        mode: flags.mode,
        lines: Slab::new(),
        begin: hot.as_ptr().align_offset(PAGE),
        hot,
        said: Vec::new(),
    };
    let mut events = Vec::with_capacity(1024);
    loop {
        events.clear();
        epoll::wait(&house.epoll, spare_capacity(&mut events), None)?;
        house.turn(&events)?;
    }
}

struct House {
    epoll: OwnedFd,
    listener: TcpListener,
    mode: Mode,
    lines: Slab<Line>,
    hot: Vec<u8>,
    /// Where in it a page begins: AMD's kernel side copies slowly to a few bytes behind that.
    begin: usize,
    /// What everybody said in this turn.
    said: Vec<u8>,
}

struct Line {
    stream: TcpStream,
    /// What the kernel has not taken yet: while there is some, nothing more is read.
    left: Vec<u8>,
}

impl House {
    fn turn(&mut self, events: &[Event]) -> io::Result<()> {
        for event in events {
            match event.data.u64() {
                LISTENER => self.accept()?,
                key => self.attend(key as usize, event.flags)?,
            }
        }
        if !self.said.is_empty() {
            self.tell_all()?;
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.greet(stream)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn greet(&mut self, stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let place = self.lines.vacant_entry();
        let data = EventData::new_u64(place.key() as u64);
        epoll::add(&self.epoll, &stream, data, EventFlags::IN)?;
        place.insert(Line {
            stream,
            left: Vec::new(),
        });
        Ok(())
    }

    fn attend(&mut self, key: usize, flags: EventFlags) -> io::Result<()> {
        let Some(line) = self.lines.get_mut(key) else {
            return Ok(());
        };
        let alive = if flags.contains(EventFlags::OUT) {
            line.send_left()
        } else {
            let hot = &mut self.hot[self.begin..][..HOT];
            match line.stream.read(hot) {
                Ok(0) => false,
                Ok(count) if self.mode == Mode::Echo => line.send(&hot[..count]),
                Ok(count) => {
                    self.said.extend_from_slice(&hot[..count]);
                    return Ok(());
                }
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            }
        };
        self.settle(key, alive, flags.contains(EventFlags::OUT))
    }

    fn tell_all(&mut self) -> io::Result<()> {
        let said = std::mem::take(&mut self.said);
        for key in 0..self.lines.capacity() {
            if let Some(line) = self.lines.get_mut(key) {
                let waited = !line.left.is_empty();
                let alive = line.send(&said);
                self.settle(key, alive, waited)?;
            }
        }
        self.said = said;
        self.said.clear();
        Ok(())
    }

    /// Waits for room when something is left, and for bytes when nothing is.
    fn settle(&mut self, key: usize, alive: bool, waited: bool) -> io::Result<()> {
        if !alive {
            // Closing it takes it out of epoll.
            self.lines.remove(key);
            return Ok(());
        }
        let line = &self.lines[key];
        if waited != line.left.is_empty() {
            return Ok(());
        }
        let flags = if waited {
            EventFlags::IN
        } else {
            EventFlags::OUT
        };
        epoll::modify(
            &self.epoll,
            &line.stream,
            EventData::new_u64(key as u64),
            flags,
        )?;
        Ok(())
    }
}

impl Line {
    /// Tells whether the connection lives.
    fn send(&mut self, bytes: &[u8]) -> bool {
        let gone = if self.left.is_empty() {
            write(&self.stream, bytes)
        } else {
            Some(0)
        };
        if let Some(gone) = gone {
            self.left.extend_from_slice(&bytes[gone..]);
        }
        gone.is_some()
    }

    fn send_left(&mut self) -> bool {
        let gone = write(&self.stream, &self.left);
        if let Some(gone) = gone {
            self.left.drain(..gone);
        }
        gone.is_some()
    }
}

/// How much the kernel took; none when the connection is gone.
fn write(mut stream: &TcpStream, bytes: &[u8]) -> Option<usize> {
    match stream.write(bytes) {
        Ok(count) => Some(count),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Some(0),
        Err(_) => None,
    }
}

const LISTENER: u64 = u64::MAX;
/// 512 KiB: one read takes what a row of large messages has under way, and it stays in the cache.
const HOT: usize = 512 << 10;
const PAGE: usize = 4096;
