//! A handler that writes down what it is told, and does what the test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ws4rs::{
    Cause, Closed, ConnectionId, Handler, Message, Peer, Request, Response, Sent, Unopened, Verdict,
};

/// What a handler was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Open,
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Drain,
    Event(String),
    Timer(u64),
    Close(End),
}

/// What `on_close` was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub cause: String,
    pub code: u16,
    pub reason: String,
    pub by_peer: bool,
    pub unsent: usize,
}

/// What is kept for a connection, and what its `Drop` does.
#[derive(Debug, Default)]
pub struct Guest {
    /// Tells one from another.
    pub name: u32,
    pub explodes: bool,
    pub dropped: Option<Arc<AtomicUsize>>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(count) = &self.dropped {
            count.fetch_add(1, Ordering::Relaxed);
        }
        assert!(!self.explodes, "the state explodes");
    }
}

type Act = Box<dyn FnMut(&mut Peer<'_, Recorder>, &Told)>;
type Decide = Box<dyn FnMut(&Request<'_>) -> Verdict<Recorder>>;
type Answer = Box<dyn FnMut(&Request<'_>) -> Option<Response>>;
type Unopen = Box<dyn FnMut(&Guest)>;

pub struct Recorder {
    pub log: Vec<(ConnectionId, Told)>,
    /// The names of those that were not opened, and why.
    pub unopened: Vec<(u32, String)>,
    act: Act,
    decide: Decide,
    answer: Answer,
    unopen: Unopen,
}

impl Recorder {
    /// Does this whenever it is told something.
    pub fn new(act: impl FnMut(&mut Peer<'_, Recorder>, &Told) + 'static) -> Self {
        Recorder {
            log: Vec::new(),
            unopened: Vec::new(),
            act: Box::new(act),
            decide: Box::new(|_| Verdict::accept(Guest::default())),
            answer: Box::new(|_| None),
            unopen: Box::new(|_| {}),
        }
    }

    /// Sends each message back.
    pub fn echo() -> Self {
        Recorder::new(|peer, told| {
            send_back(peer, told);
        })
    }

    /// Says nothing.
    pub fn silent() -> Self {
        Recorder::new(|_, _| {})
    }

    /// Decides upgrades so.
    pub fn decide(
        mut self,
        decide: impl FnMut(&Request<'_>) -> Verdict<Recorder> + 'static,
    ) -> Self {
        self.decide = Box::new(decide);
        self
    }

    /// Answers plain HTTP so.
    pub fn answer(
        mut self,
        answer: impl FnMut(&Request<'_>) -> Option<Response> + 'static,
    ) -> Self {
        self.answer = Box::new(answer);
        self
    }

    /// Does this whenever a connection is not opened.
    pub fn unopen(mut self, unopen: impl FnMut(&Guest) + 'static) -> Self {
        self.unopen = Box::new(unopen);
        self
    }

    fn told(&mut self, peer: &mut Peer<'_, Recorder>, told: Told) {
        self.log.push((peer.id(), told.clone()));
        (self.act)(peer, &told);
    }

    /// What was told, of all connections.
    pub fn all(&self) -> Vec<Told> {
        self.log.iter().map(|(_, told)| told.clone()).collect()
    }

    /// The ends that were told.
    pub fn ends(&self) -> Vec<End> {
        let ends = self.log.iter().filter_map(|(_, told)| match told {
            Told::Close(end) => Some(end.clone()),
            _ => None,
        });
        ends.collect()
    }
}

pub fn send_back(peer: &mut Peer<'_, Recorder>, told: &Told) -> Option<Sent> {
    match told {
        Told::Text(text) => Some(peer.text(text)),
        Told::Binary(bytes) => Some(peer.binary(bytes)),
        _ => None,
    }
}

impl Handler for Recorder {
    type State = Guest;
    type Event = String;

    fn on_upgrade(&mut self, request: &Request<'_>) -> Verdict<Self> {
        (self.decide)(request)
    }

    fn on_http(&mut self, request: &Request<'_>) -> Option<Response> {
        (self.answer)(request)
    }

    fn on_unopened(&mut self, guest: Guest, why: &Unopened) {
        let why = match why {
            Unopened::Io(error) => format!("Io({:?})", error.kind()),
            why => format!("{why:?}"),
        };
        self.unopened.push((guest.name, why));
        (self.unopen)(&guest);
    }

    fn on_open(&mut self, peer: &mut Peer<'_, Self>) {
        self.told(peer, Told::Open);
    }

    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
        let told = match message {
            Message::Text(text) => Told::Text(text.to_owned()),
            Message::Binary(bytes) => Told::Binary(bytes.to_vec()),
        };
        self.told(peer, told);
    }

    fn on_drain(&mut self, peer: &mut Peer<'_, Self>) {
        self.told(peer, Told::Drain);
    }

    fn on_ping(&mut self, peer: &mut Peer<'_, Self>, payload: &[u8]) {
        self.told(peer, Told::Ping(payload.to_vec()));
    }

    fn on_pong(&mut self, peer: &mut Peer<'_, Self>, payload: &[u8]) {
        self.told(peer, Told::Pong(payload.to_vec()));
    }

    fn on_event(&mut self, peer: &mut Peer<'_, Self>, event: String) {
        self.told(peer, Told::Event(event));
    }

    fn on_timer(&mut self, peer: &mut Peer<'_, Self>, key: u64) {
        self.told(peer, Told::Timer(key));
    }

    fn on_close(&mut self, peer: &mut Peer<'_, Self>, closed: Closed<'_>) {
        let cause = match &closed.cause {
            Cause::Protocol(violation) => format!("Protocol({violation:?})"),
            Cause::Lost(error) => format!("Lost({:?})", error.kind()),
            cause => format!("{cause:?}"),
        };
        let end = End {
            cause,
            code: closed.code.get(),
            reason: closed.reason.to_owned(),
            by_peer: closed.by_peer,
            unsent: closed.unsent,
        };
        self.told(peer, Told::Close(end));
    }
}
