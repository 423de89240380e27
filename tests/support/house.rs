//! A driver under watch, and what conversations over real sockets need besides.
//!
//! It knows no frame, and the scripted tests do not know it.

// Each test binary uses its own part of it.
#![allow(dead_code, unreachable_pub)]

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use socket2::Socket;
use ws4rs::internal::chunk::Chunks;
use ws4rs::internal::reactor::{
    Address, Close, Driver, EVENTS_PER_TURN, Event, Source, Token, poll::Poll, socket,
};

macro_rules! on_every_kernel {
    ($($conversation:ident)*) => {
        #[cfg(target_os = "linux")]
        mod uring {
            $(#[test] fn $conversation() {
                match ws4rs::internal::reactor::uring::Uring::new() {
                    Ok(mut driver) => {
                        ws4rs::internal::reactor::probe(&mut driver).unwrap();
                        super::$conversation(crate::house::House::new(driver));
                    }
                    Err(error) => eprintln!("not run, there is no io_uring here: {error}"),
                }
            })*
        }
        mod poll {
            $(#[test] fn $conversation() {
                super::$conversation(crate::house::House::new(ws4rs::internal::reactor::poll::Poll::new().unwrap()));
            })*
        }
    };
}

/// A driver, and the promises of its contract, kept an eye on at every event.
pub struct House {
    pub driver: Box<dyn Driver>,
    pub fresh: fn() -> House,
    pub deadline: Instant,
    pub listener: Option<Token>,
    pub open: HashMap<Token, Guest>,
    pub echoes: HashMap<Token, Echo>,
    pub ready: Vec<Told>,
    pub closed: usize,
}

#[derive(Debug, Default)]
pub struct Guest {
    pub sending: Option<usize>,
    pub ended: bool,
}

/// One who says what he has heard. He learns of a turn event by event; the house knows it all before.
#[derive(Default)]
pub struct Echo {
    pub outbox: Chunks,
    pub sending: bool,
    pub ended: bool,
}

#[derive(Debug)]
pub enum Told {
    Accepted(Option<Socket>, Address),
    Starved(Token),
    Received(Token, Vec<u8>),
    Ended(Token),
    Sent(Token, Chunks),
    Closed(Token, io::Result<()>),
}

pub trait Fresh: Driver + Sized + 'static {
    fn fresh() -> Self;
}

impl Fresh for Poll {
    fn fresh() -> Self {
        Poll::new().unwrap()
    }
}

#[cfg(target_os = "linux")]
impl Fresh for ws4rs::internal::reactor::uring::Uring {
    fn fresh() -> Self {
        ws4rs::internal::reactor::uring::Uring::new().unwrap()
    }
}

impl House {
    pub fn new<D: Fresh>(driver: D) -> Self {
        House {
            driver: Box::new(driver),
            fresh: || House::new(D::fresh()),
            deadline: Instant::now() + PATIENCE,
            listener: None,
            open: HashMap::new(),
            echoes: HashMap::new(),
            ready: Vec::new(),
            closed: 0,
        }
    }

    pub fn listen(&mut self) -> SocketAddr {
        let listener = socket::listen(SocketAddr::from(([127, 0, 0, 1], 0)), true).unwrap();
        let Ok(Address::Ip(address)) = socket::local_address(&listener) else {
            panic!("no address");
        };
        self.listener = Some(self.driver.open(Source::Listener(listener)).unwrap());
        address
    }

    pub fn open(&mut self, source: Source) -> Token {
        let token = self.driver.open(source).unwrap();
        assert!(self.open.insert(token, Guest::default()).is_none());
        token
    }

    /// A connection that is open here, and its other end.
    pub fn pair(&mut self) -> (Token, TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = connect(listener.local_addr().unwrap());
        let (ours, _) = listener.accept().unwrap();
        (self.open(Source::Stream(ours.into())), peer)
    }

    pub fn send(&mut self, token: Token, chunks: Chunks) {
        let guest = self.open.get_mut(&token).unwrap();
        assert!(guest.sending.replace(chunks.len()).is_none());
        if let Some(chunks) = self.driver.send(token, chunks) {
            assert!(chunks.is_empty(), "given back, and not all has left");
            let home = Told::Sent(token, chunks);
            self.check(&home);
            self.ready.push(home);
        }
    }

    pub fn finish(&mut self, token: Token, chunks: Chunks) {
        let guest = self.open.get_mut(&token).unwrap();
        assert!(guest.sending.replace(chunks.len()).is_none());
        self.driver.finish(token, chunks);
    }

    /// Sends until nothing moves any more; tells how much is left of the send under way.
    pub fn fill(&mut self, token: Token) -> usize {
        let chunks = more_than_fits();
        let (mut still, mut left) = (0, chunks.len());
        self.send(token, chunks);
        while still < 5 {
            let told = self.turn(Duration::from_millis(5));
            still = if told.is_empty() { still + 1 } else { 0 };
            for told in told {
                match told {
                    Told::Sent(_, rest) => {
                        left = rest.len();
                        self.send(token, rest);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        left
    }

    pub fn send_on_until_gone(&mut self, token: Token) {
        loop {
            for told in self.turn(PATIENCE) {
                match told {
                    Told::Sent(_, rest) if rest.is_empty() => return,
                    Told::Sent(_, rest) => self.send(token, rest),
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    /// Turns until `is` says so. What is told after that in the same turn is told next time.
    pub fn until(&mut self, mut is: impl FnMut(&Told) -> bool) {
        loop {
            let told = if self.ready.is_empty() {
                self.turn(PATIENCE)
            } else {
                std::mem::take(&mut self.ready)
            };
            let mut told = told.into_iter();
            while let Some(one) = told.next() {
                if is(&one) {
                    self.ready = told.collect();
                    return;
                }
            }
        }
    }

    /// Turns until one has closed well; tells how much was left of the last send that came home.
    pub fn left_when_closed(&mut self) -> Option<usize> {
        let mut left = None;
        self.until(|told| {
            if let Told::Sent(_, chunks) = told {
                left = Some(chunks.len());
            }
            matches!(told, Told::Closed(_, Ok(())))
        });
        left
    }

    /// One turn, looked at closely.
    pub fn turn(&mut self, patience: Duration) -> Vec<Told> {
        assert!(Instant::now() < self.deadline, "nothing more happens");
        let mut told = std::mem::take(&mut self.ready);
        let kept = told.len();
        let patience = if kept > 0 { Duration::ZERO } else { patience };
        let until = self.deadline.min(Instant::now() + patience);
        self.driver
            .wait(Some(until), &mut |event| told.push(Told::from(event)))
            .unwrap();
        assert!(told.len() - kept <= EVENTS_PER_TURN);
        for one in &told[kept..] {
            self.check(one);
        }
        told
    }

    pub fn check(&mut self, told: &Told) {
        match told {
            Told::Accepted(..) | Told::Starved(_) => {}
            Told::Received(token, bytes) => {
                assert!(!bytes.is_empty());
                assert!(!self.open[token].ended, "bytes after the end");
            }
            Told::Ended(token) => {
                let guest = self.open.get_mut(token).unwrap();
                assert!(!std::mem::replace(&mut guest.ended, true), "ended twice");
            }
            Told::Sent(token, rest) => {
                let guest = self.open.get_mut(token).unwrap();
                let sent = guest
                    .sending
                    .take()
                    .expect("sent, but nothing was under way");
                assert!(rest.len() <= sent);
            }
            Told::Closed(token, _) if Some(*token) == self.listener => {}
            Told::Closed(token, _) => {
                let guest = self
                    .open
                    .remove(token)
                    .expect("closed twice, or never open");
                assert_eq!(guest.sending, None, "closed, and the send is not home");
                self.closed += 1;
            }
        }
    }

    /// Echoes until `peers` are done.
    pub fn echo_while(&mut self, peers: impl FnOnce() + Send) {
        let done = Arc::new(AtomicBool::new(false));
        let bell = Bell(done.clone(), self.driver.waker());
        thread::scope(|scope| {
            scope.spawn(move || {
                let _bell = bell;
                peers();
            });
            while !done.load(Ordering::SeqCst) {
                self.echo_turn(PATIENCE);
            }
        });
    }

    pub fn echo_turn(&mut self, patience: Duration) {
        for told in self.turn(patience) {
            match told {
                Told::Accepted(socket, _) => {
                    let token = self.open(Source::Stream(socket.unwrap()));
                    self.echoes.insert(token, Echo::default());
                }
                Told::Received(token, bytes) => {
                    let outbox = &mut self.echoes.get_mut(&token).unwrap().outbox;
                    for part in bytes.chunks(16 << 10) {
                        outbox.append(part.len(), |buffer| buffer.extend_from_slice(part));
                    }
                    self.echo(token);
                }
                Told::Ended(token) => {
                    self.echoes.get_mut(&token).unwrap().ended = true;
                    self.echo(token);
                }
                Told::Sent(token, mut rest) => {
                    let echo = self.echoes.get_mut(&token).unwrap();
                    rest.join(std::mem::take(&mut echo.outbox));
                    echo.outbox = rest;
                    echo.sending = false;
                    self.echo(token);
                }
                Told::Closed(token, _) => drop(self.echoes.remove(&token)),
                Told::Starved(_) => panic!("{told:?}"),
            }
        }
    }

    pub fn echo(&mut self, token: Token) {
        let echo = self.echoes.get_mut(&token).unwrap();
        if echo.sending || !self.open.contains_key(&token) {
            return;
        }
        if !echo.outbox.is_empty() {
            echo.sending = true;
            let chunks = std::mem::take(&mut echo.outbox);
            self.send(token, chunks);
        } else if echo.ended {
            self.driver.close(token, Close::Finish);
        }
    }
}

impl From<Event<'_>> for Told {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Accepted { socket, from, .. } => Told::Accepted(Some(socket), from),
            Event::Starved(token, _) => Told::Starved(token),
            Event::Received(token, bytes, _) => Told::Received(token, bytes.to_vec()),
            Event::Ended(token) => Told::Ended(token),
            Event::Sent(token, chunks) => Told::Sent(token, chunks),
            Event::Closed(token, end) => Told::Closed(token, end),
        }
    }
}

/// Rings when the peers are done, also when they panic.
pub struct Bell(Arc<AtomicBool>, ws4rs::internal::reactor::Waker);

impl Drop for Bell {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
        self.1.wake();
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let peer = TcpStream::connect(address).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.set_write_timeout(Some(PATIENCE)).unwrap();
    peer
}

pub fn reset(peer: TcpStream) {
    Socket::from(peer).set_linger(Some(Duration::ZERO)).unwrap();
}

pub fn read(peer: &mut TcpStream, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    peer.read_exact(&mut bytes).unwrap();
    bytes
}

/// Reads to the end, whichever end.
pub fn drain(mut peer: TcpStream) {
    loop {
        match peer.read(&mut [0; 16 << 10]) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// 32 MiB that nobody compares.
pub fn more_than_fits() -> Chunks {
    static BYTES: OnceLock<Arc<[u8]>> = OnceLock::new();
    let bytes = BYTES.get_or_init(|| vec![0; 32 << 20].into());
    let mut chunks = Chunks::new();
    chunks.share(bytes.clone());
    chunks
}

pub fn own(bytes: &[u8]) -> Chunks {
    let mut chunks = Chunks::new();
    chunks.append(bytes.len(), |buffer| buffer.extend_from_slice(bytes));
    chunks
}

/// Bytes that differ from their neighbours near and far.
pub fn pattern(seed: usize, size: usize) -> Vec<u8> {
    (0..size)
        .map(|index| (seed.wrapping_mul(31) + index + (index >> 8) * 7 + (index >> 16) * 3) as u8)
        .collect()
}

pub const PATIENCE: Duration = Duration::from_secs(30);
