//! One worker: its connections, and the turn of its loop.
//!
//! ```text
//! wait ─▶ hear everything ─▶ mailbox ─▶ timers ─▶ say everything ─▶ wait
//! ```
//!
//! The other files of the room are chapters of this one: `hearing` is what the driver tells, `admitting`
//! lets newcomers in, `opening` hears request heads, `dialing` opens connections to others, `reading`
//! hears frames, `letters` other threads, `timing` what falls due, `saying` settles what has been noted,
//! `shedding` makes room in memory, `leaving` says goodbye.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::connection::{Inlet, Stage};
use super::dialing::{Connect, Unopened};
use super::flags::Flag;
use super::guard::discard;
use super::hall::{Hall, Outlets, Voice};
use super::handle::Handle;
use super::handler::Handler;
use super::leaving::Leaving;
use super::mailbox::{Letter, Order, Shared, Taken};
use super::peer::Peer;
use super::run::Run;
use super::wheel::Wheel;
use crate::config::Config;
use crate::proto::Rules;
use crate::proto::deflate;
use crate::reactor::{Address, Driver, Line, Source, Token};
use crate::topics::Topics;

/// A worker without its driver: everything that knows a connection.
pub struct Worker<H: Handler> {
    pub(super) handler: H,
    pub(super) inlets: Vec<Option<Inlet<H::State>>>,
    pub(super) hall: Hall<H>,
    /// What is asked of those who connect to us, and of those we connect to.
    pub(super) rules: Rules,
    pub(super) client_rules: Rules,
    /// Accepted in this turn, or handed over by another worker; to be opened at its end.
    pub(super) newcomers: Vec<Newcomer>,
    /// Connections with bytes that came while they were not to be read, and may be read now.
    pub(super) resumed: VecDeque<Token>,
    /// Taken from the mailbox, and to be obeyed at once: here, so that those left by a panic are found.
    pub(super) orders: VecDeque<Order<H>>,
    /// Taken from the mailbox, and to be delivered.
    pub(super) letters: VecDeque<Letter<H>>,
    /// To be dialled at the end of this turn, or of the next ones.
    pub(super) dials: VecDeque<Connect<H::State>>,
    /// User timers that are due and have not been told.
    pub(super) rung: VecDeque<(Token, u64)>,
    /// When connections are to be asked about, by their places: whoever sits there by then is asked.
    pub(super) deadlines: Wheel<u32>,
    pub(super) listeners: Vec<Listening>,
    /// When listeners that ran out of something try again.
    pub(super) retry: Option<u64>,
    /// Until when it is not said again that they have run out.
    pub(super) quiet_until: u64,
    /// Connections that were one too many and are being told so. They count nowhere else.
    pub(super) refused: usize,
    /// Whose outbox the settling has found to be under low water again.
    pub(super) drained: Vec<Token>,
    /// Bytes held by unfinished messages and outboxes, as of each connection's last settling.
    pub(super) memory: usize,
    pub(super) leaving: Option<Leaving>,
    epoch: Instant,
    /// The clock has been read in this turn.
    clock_read: bool,
}

/// A socket on its way to becoming a connection.
pub(super) struct Newcomer {
    pub(super) socket: Socket,
    pub(super) from: Address,
    pub(super) listener: u16,
    /// Another worker has handed it to us; it stays.
    pub(super) adopted: bool,
}

/// A listener of this worker.
pub(super) struct Listening {
    pub(super) token: Token,
    /// Its place in the server's list of addresses.
    pub(super) place: u16,
    /// This worker alone listens here, and hands out what it accepts.
    pub(super) shared_out: bool,
}

/// A bound socket for one worker to listen on.
pub struct Listener {
    /// Bound and listening.
    pub socket: Socket,
    /// Its place in the server's list of addresses.
    pub place: u16,
    /// Whether this worker alone listens there, and hands out what it accepts.
    pub shared_out: bool,
}

impl<H: Handler> Worker<H> {
    pub(crate) fn new(
        handler: H,
        config: Arc<Config>,
        shared: Arc<Shared<H>>,
        worker: usize,
        addresses: Arc<[Address]>,
    ) -> Self {
        Worker {
            handler,
            inlets: Vec::new(),
            rules: Rules {
                pulls: true,
                ..Rules::server(config.message_max)
            },
            client_rules: Rules {
                hears_on: false,
                pulls: true,
                ..Rules::client(config.message_max)
            },
            hall: Hall {
                outlets: Outlets::new(config.outbox()),
                topics: Topics::default(),
                run: Run::default(),
                timers: Wheel::default(),
                shared,
                config,
                worker,
                now: 0,
                addresses,
                worked: 0,
            },
            newcomers: Vec::new(),
            resumed: VecDeque::new(),
            orders: VecDeque::new(),
            letters: VecDeque::new(),
            dials: VecDeque::new(),
            rung: VecDeque::new(),
            deadlines: Wheel::default(),
            listeners: Vec::new(),
            retry: None,
            quiet_until: 0,
            refused: 0,
            drained: Vec::new(),
            memory: 0,
            leaving: None,
            epoch: Instant::now(),
            clock_read: false,
        }
    }

    /// Workers without threads, one for each handler, and their server's far end: for drivers that
    /// are a script. Their clock runs, and [`advance`](Self::advance) makes it jump.
    pub fn crew(handlers: Vec<H>, config: Config) -> (Vec<Self>, Handle<H>) {
        let shared = Shared::new(handlers.len(), config.mailbox_max).expect("a few workers");
        let config = Arc::new(config);
        let handlers = handlers.into_iter().enumerate();
        let workers = handlers.map(|(worker, handler)| {
            Worker::new(
                handler,
                config.clone(),
                shared.clone(),
                worker,
                Arc::new([]),
            )
        });
        (workers.collect(), Handle::new(shared.clone()))
    }

    /// Makes the clock jump.
    pub fn advance(&mut self, time: Duration) {
        self.epoch -= time;
    }

    /// The handler.
    pub fn handler(&mut self) -> &mut H {
        &mut self.handler
    }

    /// Starts listening.
    ///
    /// # Errors
    /// The driver will not take the listener.
    pub fn listen(&mut self, driver: &mut impl Driver, listener: Listener) -> io::Result<()> {
        let token = driver.open(Source::Listener(listener.socket))?;
        let Listener {
            place, shared_out, ..
        } = listener;
        self.listeners.push(Listening {
            token,
            place,
            shared_out,
        });
        Ok(())
    }

    /// Turns until the server ends.
    ///
    /// # Errors
    /// The driver cannot go on.
    pub fn run(&mut self, driver: &mut impl Driver) -> io::Result<()> {
        // What was asked before there was a waker.
        self.mailbox();
        while self.turn(driver)? {}
        self.clear_out();
        Ok(())
    }

    /// What came too late is dropped, and that is the handler's code too.
    fn clear_out(&mut self) {
        let Taken { orders, letters } = self.hall.shared.end(self.hall.worker);
        self.orders.extend(orders);
        self.letters.extend(letters);
        while let Some(order) = self.orders.pop_front() {
            self.hall.guard(|| drop(order));
        }
        while let Some(letter) = self.letters.pop_front() {
            if let Letter::Connect(connect) = letter {
                let gone = io::ErrorKind::ConnectionAborted.into();
                self.unopened(connect.into_state(), &Unopened::Io(gone));
            } else {
                self.hall.guard(|| drop(letter));
            }
        }
    }

    /// Drops it, and whatever of the handler's it still has. Not while a panic unwinds. Tells whether none
    /// came of it.
    pub(super) fn discard(self) -> bool {
        let Worker {
            handler,
            inlets,
            orders,
            letters,
            dials,
            hall,
            ..
        } = self;
        let counters = hall.counters();
        let calm = [
            discard(inlets, counters),
            discard(orders, counters),
            discard(letters, counters),
            discard(dials, counters),
            discard([handler], counters),
        ];
        !calm.contains(&false)
    }

    /// One turn. False when there will not be another.
    ///
    /// # Errors
    /// The driver cannot go on.
    pub fn turn(&mut self, driver: &mut impl Driver) -> io::Result<bool> {
        self.clock_read = false;
        self.hall.outlets.begin_turn();
        self.hall.worked = deflate::work();
        self.catch_up();
        self.hall.tell_run();
        let deadline = self.wakes_at();
        driver.wait(deadline, &mut |event| self.hear(event))?;
        self.read_clock();
        self.hall.tell_run();
        self.mailbox();
        self.deliver();
        self.hall.tell_run();
        self.timers();
        self.hall.tell_run();
        self.say(driver);
        Ok(!self.is_done())
    }

    /// Bytes that wait to leave, of all connections.
    pub fn queued(&self) -> usize {
        let outlets = self.hall.outlets.tokens();
        outlets.map(|(_, outlet)| outlet.half.outbox.len()).sum()
    }

    /// The places and sizes of what is held: connections, and bytes of memory.
    pub fn load(&self) -> (usize, usize) {
        (self.hall.outlets.tokens().count(), self.memory)
    }

    /// What earlier turns have left comes before what is new; readers, letters and timers take turns
    /// to be first, for whoever is first may have said enough for one turn.
    fn catch_up(&mut self) {
        if !self.is_behind() {
            return;
        }
        let steps = [Self::resume, Self::deliver, Self::ring];
        for step in 0..steps.len() {
            steps[(self.hall.outlets.turn as usize + step) % steps.len()](self);
        }
    }

    /// Whether earlier turns have left something.
    fn is_behind(&self) -> bool {
        !(self.resumed.is_empty() && self.letters.is_empty() && self.rung.is_empty())
    }

    /// Reads on where reading had stopped, as long as nobody has been told enough for this turn.
    fn resume(&mut self) {
        for _ in 0..self.resumed.len() {
            if self.hall.outlets.enough {
                return;
            }
            if let Some(token) = self.resumed.pop_front() {
                self.read_on(token);
            }
        }
    }

    fn read_on(&mut self, token: Token) {
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        outlet.unmark(Flag::Resumed);
        let Some(Some(inlet)) = self.inlets.get_mut(token.index as usize) else {
            return;
        };
        if let Some(mut rest) = inlet.rest.take() {
            self.take_in(token, &mut rest, None);
        }
        self.hall.outlets.touch(token);
        self.end_of_input(token);
    }

    /// Calls the handler for an open connection. A panic costs the connection.
    pub(super) fn call(
        &mut self,
        token: Token,
        voice: Voice,
        line: Option<&dyn Line>,
        callback: impl FnOnce(&mut H, &mut Peer<'_, H>),
    ) {
        self.hall.tell_first(token);
        let Some(Some(Inlet {
            stage: Stage::Open(_, state),
            ..
        })) = self.inlets.get_mut(token.index as usize)
        else {
            return;
        };
        let mut peer = Peer {
            state,
            hall: &mut self.hall,
            token,
            voice,
            line,
        };
        let calm = catch_unwind(AssertUnwindSafe(|| callback(&mut self.handler, &mut peer)));
        if let Err(panic) = calm {
            self.hall.panicked(token, panic);
        }
    }

    pub(super) fn read_clock(&mut self) {
        if !self.clock_read {
            self.clock_read = true;
            self.hall.now = self.epoch.elapsed().as_millis() as u64;
        }
    }

    /// When the loop must wake up whatever happens.
    fn wakes_at(&self) -> Option<Instant> {
        let busy = self.is_behind()
            || !self.newcomers.is_empty()
            || !self.dials.is_empty()
            || !self.hall.outlets.dirty.is_empty()
            || self.leaving.as_ref().is_some_and(Leaving::is_busy);
        if busy {
            return Some(self.at(self.hall.now));
        }
        let mut first = self.deadlines.next();
        let leaving = self.leaving.as_ref().map(|leaving| leaving.by);
        for other in [self.hall.timers.next(), self.retry, leaving] {
            if other.is_some_and(|other| first.is_none_or(|first| other < first)) {
                first = other;
            }
        }
        first.map(|first| self.at(first))
    }

    /// When its clock says this.
    fn at(&self, time: u64) -> Instant {
        self.epoch + Duration::from_millis(time)
    }
}
