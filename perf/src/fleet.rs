//! Many connections to one echo server, each keeping a number of messages under way.
//!
//! Every byte that comes back is counted; the bytes of the first message of each connection and of
//! every 64th are compared. Time is read twice per turn: when the first event of it comes, and when
//! its requests leave.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ws4rs::internal::chunk::Chunks;
use ws4rs::internal::reactor::{Close, Driver, Event, Source, Token};

use crate::exchange::{Exchange, Protocol, Script, frame};
use crate::histogram::Histogram;

/// The connections, and what they have seen.
pub struct Fleet {
    script: Script,
    wordings: Vec<Exchange>,
    /// By [`Token::index`], which is small and dense.
    ships: Vec<Option<Ship>>,
    /// Indices of those that may have something to say.
    dirty: Vec<usize>,
    began: Instant,
    /// When the first event of this turn came, in nanoseconds since `began`.
    heard_at: Option<u64>,
    open: usize,
    /// Whether answered messages are asked again.
    asking: bool,
    pub messages: u64,
    pub round_trips: Histogram,
    /// The first thing that went wrong in this turn.
    fault: Option<String>,
}

struct Ship {
    token: Token,
    wording: usize,
    /// Bytes of the reply under way that have come.
    at: usize,
    answered: u64,
    /// Requests to be sent, once the send under way is home.
    to_ask: usize,
    sending: bool,
    dirty: bool,
    /// When each unanswered request left.
    asked_at: VecDeque<u64>,
}

impl Fleet {
    pub fn new(script: Script) -> Self {
        let wordings = (0..WORDINGS).map(|wording| Exchange::new(script, wording));
        Fleet {
            script,
            wordings: wordings.collect(),
            ships: Vec::new(),
            dirty: Vec::new(),
            began: Instant::now(),
            heard_at: None,
            open: 0,
            asking: true,
            messages: 0,
            round_trips: Histogram::default(),
            fault: None,
        }
    }

    /// Connects once more, says the opening handshake if there is one, and hands the socket over.
    pub fn launch(&mut self, address: &str, path: &str, driver: &mut dyn Driver) -> io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        if self.script.protocol == Protocol::Ws {
            shake_hands(&mut stream, address, path)?;
        }
        let token = driver.open(Source::Stream(stream.into()))?;
        let index = token.index as usize;
        if self.ships.len() <= index {
            self.ships.resize_with(index + 1, || None);
        }
        self.ships[index] = Some(Ship {
            token,
            wording: self.open % self.wordings.len(),
            at: 0,
            answered: 0,
            to_ask: self.script.outstanding,
            sending: false,
            dirty: true,
            asked_at: VecDeque::with_capacity(self.script.outstanding),
        });
        self.dirty.push(index);
        self.open += 1;
        Ok(())
    }

    /// Asks and listens for so long; tells when it stopped.
    pub fn run(&mut self, driver: &mut dyn Driver, time: Duration) -> io::Result<Instant> {
        let deadline = Instant::now() + time;
        loop {
            let now = Instant::now();
            if now >= deadline {
                return Ok(now);
            }
            self.turn(driver, deadline)?;
        }
    }

    /// No new questions; waits for the answers to the old ones, then says goodbye.
    pub fn come_home(&mut self, driver: &mut dyn Driver, patience: Duration) -> io::Result<()> {
        self.asking = false;
        let deadline = Instant::now() + patience;
        while self.under_way() {
            if Instant::now() >= deadline {
                return Err(io::Error::other("messages were left without an answer"));
            }
            self.turn(driver, deadline)?;
        }
        self.say_goodbye(driver)
    }

    /// One turn: say everything, sleep until `deadline` or an event, hear everything.
    fn turn(&mut self, driver: &mut dyn Driver, deadline: Instant) -> io::Result<()> {
        self.say(driver);
        self.heard_at = None;
        driver.wait(Some(deadline), &mut |event| self.hear(event))?;
        match self.fault.take() {
            Some(fault) => Err(io::Error::other(fault)),
            None => Ok(()),
        }
    }

    fn hear(&mut self, event: Event<'_>) {
        let began = self.began;
        let now = *self.heard_at.get_or_insert_with(|| since(began));
        match event {
            Event::Received(token, bytes, _) => self.received(token, bytes, now),
            Event::Sent(token, left) => self.sent(token, left),
            Event::Ended(token) => self.gone(token, "the server has finished"),
            Event::Closed(token, how) => {
                self.gone(token, &format!("the connection is gone: {how:?}"));
            }
            Event::Accepted { .. } | Event::Starved(..) => unreachable!("nobody listens here"),
        }
    }

    fn received(&mut self, token: Token, bytes: &[u8], now: u64) {
        let Some(ship) = ship(&mut self.ships, token) else {
            return;
        };
        let before = ship.answered;
        if let Err(fault) = ship.count(bytes, &self.wordings[ship.wording].reply) {
            self.fault.get_or_insert(fault);
        }
        let answered = ship.answered - before;
        for _ in 0..answered {
            match ship.asked_at.pop_front() {
                Some(asked_at) => self.round_trips.record(now - asked_at),
                None => {
                    let fault = || "more answers than questions".to_string();
                    self.fault.get_or_insert_with(fault);
                }
            }
        }
        self.messages += answered;
        if self.asking && answered > 0 {
            ship.to_ask += answered as usize;
            ship.mark(&mut self.dirty);
        }
    }

    fn sent(&mut self, token: Token, left: Chunks) {
        let Some(ship) = ship(&mut self.ships, token) else {
            return;
        };
        ship.sending = false;
        ship.mark(&mut self.dirty);
        if !left.is_empty() {
            let fault = || format!("{} bytes could not be sent", left.len());
            self.fault.get_or_insert_with(fault);
        }
    }

    fn gone(&mut self, token: Token, how: &str) {
        if ship(&mut self.ships, token).is_some() {
            self.ships[token.index as usize] = None;
            self.open -= 1;
            self.fault.get_or_insert_with(|| how.to_string());
        }
    }

    fn say(&mut self, driver: &mut dyn Driver) {
        if self.dirty.is_empty() {
            return;
        }
        let now = since(self.began);
        for index in std::mem::take(&mut self.dirty) {
            let Some(ship) = &mut self.ships[index] else {
                continue;
            };
            ship.dirty = false;
            if ship.to_ask == 0 || ship.sending {
                continue;
            }
            let count = std::mem::take(&mut ship.to_ask);
            ship.asked_at.extend(std::iter::repeat_n(now, count));
            ship.sending = true;
            let mut chunks = Chunks::new();
            self.wordings[ship.wording].ask(count, &mut chunks);
            driver.send(ship.token, chunks);
        }
    }

    fn under_way(&self) -> bool {
        let mut ships = self.ships.iter().flatten();
        ships.any(|ship| ship.sending || !ship.asked_at.is_empty())
    }

    /// From here on nothing is a fault: the server may go as it likes.
    fn say_goodbye(&mut self, driver: &mut dyn Driver) -> io::Result<()> {
        let goodbye = frame(0x88, Some([1, 2, 3, 4]), &1000_u16.to_be_bytes());
        for ship in self.ships.drain(..).flatten() {
            if self.script.protocol == Protocol::Ws {
                let mut chunks = Chunks::new();
                chunks.append(goodbye.len(), |buffer| buffer.extend(&goodbye));
                driver.send(ship.token, chunks);
            }
            driver.close(ship.token, Close::Finish);
        }
        let deadline = Instant::now() + GOODBYE;
        let mut open = self.open;
        while open > 0 && Instant::now() < deadline {
            driver.wait(Some(deadline), &mut |event| {
                open -= usize::from(matches!(event, Event::Closed(..)));
            })?;
        }
        Ok(())
    }
}

impl Ship {
    fn mark(&mut self, dirty: &mut Vec<usize>) {
        if !self.dirty {
            self.dirty = true;
            dirty.push(self.token.index as usize);
        }
    }

    /// Counts what has come, and compares it when this message is one to be compared.
    fn count(&mut self, mut bytes: &[u8], reply: &[u8]) -> Result<(), String> {
        while !bytes.is_empty() {
            let length = bytes.len().min(reply.len() - self.at);
            let (come, rest) = bytes.split_at(length);
            if self.answered.is_multiple_of(COMPARE_EVERY) {
                self.compare(come, &reply[self.at..])?;
            }
            self.at += length;
            if self.at == reply.len() {
                self.at = 0;
                self.answered += 1;
            }
            bytes = rest;
        }
        Ok(())
    }

    fn compare(&self, come: &[u8], expected: &[u8]) -> Result<(), String> {
        match come.iter().zip(expected).position(|(a, b)| a != b) {
            None => Ok(()),
            Some(wrong) => Err(format!(
                "answer {} of a connection has a wrong byte at {}",
                self.answered,
                self.at + wrong
            )),
        }
    }
}

fn ship(ships: &mut [Option<Ship>], token: Token) -> Option<&mut Ship> {
    let ship = ships.get_mut(token.index as usize)?.as_mut();
    ship.filter(|ship| ship.token == token)
}

fn since(began: Instant) -> u64 {
    began.elapsed().as_nanos() as u64
}

/// The opening handshake with the key and the answer of RFC 6455 1.3, on a socket that still blocks.
fn shake_hands(stream: &mut TcpStream, host: &str, path: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut part = [0; 1024];
        let length = stream.read(&mut part)?;
        if length == 0 || head.len() > HEAD_MAX {
            return Err(refused(&head));
        }
        head.extend(&part[..length]);
    }
    let text = String::from_utf8_lossy(&head);
    match text.starts_with("HTTP/1.1 101 ") && text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") {
        true => Ok(()),
        false => Err(refused(&head)),
    }
}

fn refused(head: &[u8]) -> io::Error {
    let head = String::from_utf8_lossy(head);
    let line = head.lines().next().unwrap_or("nothing");
    io::Error::other(format!("the handshake was answered by: {line}"))
}

/// 16: a reply that went astray has the right bytes once in 16 times.
const WORDINGS: u8 = 16;
/// 64: comparing costs the load generator next to nothing then.
const COMPARE_EVERY: u64 = 64;
/// 1 s: a server that has not closed by then is left to its own deadlines.
const GOODBYE: Duration = Duration::from_secs(1);
/// 16 KiB: no answer to a handshake is longer.
const HEAD_MAX: usize = 16 << 10;
