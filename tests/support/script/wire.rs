//! One connection of a script, as both ends have left it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;

use socket2::Socket;
use ws4rs::Chunks;
use ws4rs::internal::reactor::{Close, Event, Token};

use super::tap::Tap;

/// What a peer's socket takes of one send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Everything.
    All,
    /// So many bytes, then the send comes home.
    Each(usize),
    /// Nothing: the send stays under way.
    Nothing,
}

/// How a connection ended, as the kernel saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Our FIN, then the peer's.
    Finished,
    /// Cut by us.
    Aborted,
    /// Cut by the peer.
    Reset,
}

#[derive(Debug)]
pub(super) enum Coming {
    Bytes(Vec<u8>),
    Fin,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) token: Option<Token>,
    pub(super) socket: Option<Socket>,
    pub(super) coming: VecDeque<Coming>,
    /// Cut by the peer, or never connected: what the kernel will say.
    pub(super) fault: Option<io::ErrorKind>,
    pub(super) reading: bool,
    /// More was asked of the line than there was: what comes next is offered first.
    pub(super) wished: bool,
    pub(super) under_way: Option<Chunks>,
    pub(super) asked: Option<Close>,
    pub(super) takes: Takes,
    pub(super) line: bool,
    /// Answers our FIN with its own.
    pub(super) polite: bool,
    pub(super) fin_told: bool,
    pub(super) out: Vec<u8>,
    pub(super) gone: Option<Gone>,
    pub(super) reads_asked: Vec<bool>,
    /// Of each send.
    pub(super) pieces: Vec<usize>,
    /// The server opened it.
    pub(super) dialled: bool,
}

impl Wire {
    /// One that nobody has opened yet.
    pub(super) fn new() -> Self {
        Wire {
            token: None,
            socket: None,
            coming: VecDeque::new(),
            fault: None,
            reading: true,
            wished: false,
            under_way: None,
            asked: None,
            takes: Takes::All,
            line: true,
            polite: true,
            fin_told: false,
            out: Vec::new(),
            gone: None,
            reads_asked: Vec::new(),
            pieces: Vec::new(),
            dialled: false,
        }
    }

    /// Lends bytes, and the line with what comes behind them.
    pub(super) fn lend(&mut self, token: Token, bytes: &mut [u8], tell: &mut dyn FnMut(Event<'_>)) {
        let tap = Tap {
            takes: self.takes,
            offered: self.line,
            under_way: self.under_way.is_some(),
            out: RefCell::default(),
            coming: RefCell::new(std::mem::take(&mut self.coming)),
            dry: Cell::new(false),
            wished: Cell::new(false),
        };
        tell(Event::Received(token, bytes, &tap));
        self.out.append(&mut tap.out.into_inner());
        self.coming = tap.coming.into_inner();
        self.wished = tap.wished.get();
    }
}
