//! What other threads ask of a worker: one mailbox each, bounded in bytes.
//!
//! Two lanes. **Letters** are messages for connections: past the bound a foreign thread gets its
//! letter back, while a worker's letter is taken and the connection that caused it stops being read
//! until there is room again, so that workers neither block nor lose anything. **Orders** are few by
//! nature and always taken: sockets handed over, deferred decisions, drain, stop.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use socket2::Socket;

use super::dialing::Connect;
use super::handler::{Accept, Handler};
use super::id::{ConnectionId, number_workers};
use crate::proto::handshake::Response;
use crate::proto::{CloseCode, Prepared};
use crate::reactor::{Address, Token, Waker};

/// A message for connections of another thread.
pub(crate) enum Letter<H: Handler> {
    Publish(Arc<str>, Prepared),
    Broadcast(Prepared),
    Send(ConnectionId, Prepared),
    Event(ConnectionId, H::Event),
    /// Open a connection. Boxed: it is the largest, and the rarest.
    Connect(Box<Connect<H::State>>),
}

impl<H: Handler> Letter<H> {
    pub(super) fn weight(&self) -> usize {
        let bytes = match self {
            Letter::Publish(topic, message) => topic.len() + message.size(),
            Letter::Broadcast(message) | Letter::Send(_, message) => message.size(),
            Letter::Event(..) => size_of::<H::Event>(),
            Letter::Connect(_) => size_of::<Connect<H::State>>(),
        };
        bytes + size_of::<Self>()
    }
}

/// What a worker is told to do.
pub(crate) enum Order<H: Handler> {
    /// Take over a connection that another worker has accepted.
    Adopt {
        socket: Socket,
        from: Address,
        listener: u16,
    },
    /// A deferred upgrade has been decided.
    Decide(Token, Result<Accept<H::State>, Response>),
    /// A mailbox that was full has room again.
    Unchoke,
    /// Say goodbye to all, then end.
    Drain(Drain),
    /// End.
    Stop,
}

/// How a server says goodbye.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Drain {
    /// What the peers are told: [`CloseCode::GOING_AWAY`], or [`CloseCode::RESTART`].
    pub code: CloseCode,
    /// How long they may take before they are cut. 10 s.
    pub wait: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Drain {
            code: CloseCode::GOING_AWAY,
            wait: Duration::from_secs(10),
        }
    }
}

impl Drain {
    /// Tells the peers this code.
    #[must_use]
    pub fn code(mut self, code: CloseCode) -> Self {
        self.code = code;
        self
    }

    /// Cuts those who have not gone after so long.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }
}

/// No mailbox had room: here is what was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full<T>(pub T);

impl<T> std::fmt::Display for Full<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no mailbox has room for it")
    }
}

impl<T: std::fmt::Debug> std::error::Error for Full<T> {}

/// What all threads of one server know of it.
pub(crate) struct Shared<H: Handler> {
    posts: Vec<Post<H>>,
    bound: usize,
    /// The next worker to open a connection: they take turns.
    dials: AtomicUsize,
    /// The first worker's number in the process.
    first: usize,
}

/// One worker, as the others see it.
struct Post<H: Handler> {
    mail: Mutex<Mail<H>>,
    /// Set by whoever wakes the worker, cleared by the worker before it looks.
    notified: AtomicBool,
    waker: OnceLock<Waker>,
    /// Sockets, and those of them that are open WebSockets.
    sockets: AtomicUsize,
    open: AtomicUsize,
    counters: Counters,
}

struct Mail<H: Handler> {
    letters: Vec<Letter<H>>,
    orders: Vec<Order<H>>,
    bytes: usize,
    /// Workers to be told when there is room again.
    choked: Vec<usize>,
    /// The worker has ended; nothing is taken any more.
    ended: bool,
}

/// What was in a mailbox.
pub(crate) struct Taken<H: Handler> {
    pub(crate) orders: Vec<Order<H>>,
    pub(crate) letters: Vec<Letter<H>>,
}

/// What a worker has been through.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) panics: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) slow: AtomicU64,
    pub(crate) memory: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) engines: AtomicU64,
}

/// What a server has been through since it started, and what it takes now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Panics of the handler that were caught.
    pub panics: u64,
    /// Messages that the slow policy did not send.
    pub dropped: u64,
    /// Connections closed because they read too slowly.
    pub slow: u64,
    /// Connections closed because they held the most of a memory that was used up.
    pub memory: u64,
    /// Connections refused because a limit was reached.
    pub refused: u64,
    /// Bytes of memory that compressors and inflaters take now; see [`Deflate`](crate::Deflate).
    pub engines: u64,
}

impl<H: Handler> Shared<H> {
    /// `None` when the process has used up its workers.
    pub(crate) fn new(workers: usize, bound: usize) -> Option<Arc<Self>> {
        let first = number_workers(workers)?;
        let post = || Post {
            mail: Mutex::new(Mail {
                letters: Vec::new(),
                orders: Vec::new(),
                bytes: 0,
                choked: Vec::new(),
                ended: false,
            }),
            notified: AtomicBool::new(false),
            waker: OnceLock::new(),
            sockets: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            counters: Counters::default(),
        };
        Some(Arc::new(Shared {
            posts: (0..workers).map(|_| post()).collect(),
            bound,
            dials: AtomicUsize::new(0),
            first,
        }))
    }

    pub(crate) fn workers(&self) -> usize {
        self.posts.len()
    }

    /// A connection's name.
    pub(crate) fn id(&self, worker: usize, token: Token) -> ConnectionId {
        ConnectionId::new(self.first + worker, token)
    }

    /// A foreign thread's letter to one connection's worker, if it is one of ours.
    pub(crate) fn post(&self, to: ConnectionId, letter: Letter<H>) -> Result<(), Full<Letter<H>>> {
        let post = to.worker().checked_sub(self.first);
        match post.and_then(|worker| self.posts.get(worker)) {
            Some(post) => self.post_to(post, letter),
            None => Ok(()),
        }
    }

    /// A letter to whichever worker's turn it is, or to the next that takes it.
    pub(crate) fn post_in_turn(&self, mut letter: Letter<H>) -> Result<(), Full<Letter<H>>> {
        let turn = self.dials.fetch_add(1, Ordering::Relaxed);
        let workers = self.posts.len();
        let living = |post: &&Post<H>| !post.lock().ended;
        let posts = (0..workers).map(|next| &self.posts[turn.wrapping_add(next) % workers]);
        for post in posts.filter(living) {
            match self.post_to(post, letter) {
                Ok(()) => return Ok(()),
                Err(Full(back)) => letter = back,
            }
        }
        Err(Full(letter))
    }

    fn post_to(&self, post: &Post<H>, letter: Letter<H>) -> Result<(), Full<Letter<H>>> {
        let mut mail = post.lock();
        if !mail.has_room(letter.weight(), self.bound) {
            return Err(Full(letter));
        }
        let refused = mail.put(letter);
        drop(mail);
        // Outside the lock: an event's `Drop` may do anything.
        drop(refused);
        post.notify();
        Ok(())
    }

    /// A foreign thread's letter to every worker: all take it, or none.
    pub(crate) fn post_all(&self, letter: impl Fn() -> Letter<H>) -> Result<(), Full<()>> {
        let weight = letter().weight();
        let mut mails: Vec<_> = self.posts.iter().map(Post::lock).collect();
        if !mails.iter().all(|mail| mail.has_room(weight, self.bound)) {
            return Err(Full(()));
        }
        let refused: Vec<_> = mails.iter_mut().map(|mail| mail.put(letter())).collect();
        drop(mails);
        drop(refused);
        self.posts.iter().for_each(Post::notify);
        Ok(())
    }

    /// A worker's letter to another: taken whatever its size. False when that mailbox is now past
    /// its bound; [`Order::Unchoke`] will come when it no longer is.
    pub(crate) fn forward(&self, from: usize, to: usize, letter: Letter<H>) -> bool {
        let post = &self.posts[to];
        let mut mail = post.lock();
        let refused = mail.put(letter);
        let room = mail.ended || mail.bytes <= self.bound;
        if !room && !mail.choked.contains(&from) {
            mail.choked.push(from);
        }
        drop(mail);
        drop(refused);
        post.notify();
        room
    }

    /// Tells a worker what to do. Tells whether there is still one to do it.
    pub(crate) fn order(&self, worker: usize, order: Order<H>) -> bool {
        let post = &self.posts[worker];
        let mut mail = post.lock();
        if mail.ended {
            drop(mail);
            // Outside the lock: a refused state's `Drop` may do anything.
            drop(order);
            return false;
        }
        mail.orders.push(order);
        drop(mail);
        post.notify();
        true
    }

    /// A worker empties its own mailbox. Letters take room in it until they are delivered.
    pub(crate) fn take(&self, worker: usize) -> Option<Taken<H>> {
        let post = &self.posts[worker];
        if !post.notified.swap(false, Ordering::AcqRel) {
            return None;
        }
        let mut mail = post.lock();
        let orders = std::mem::take(&mut mail.orders);
        let letters = std::mem::take(&mut mail.letters);
        drop(mail);
        Some(Taken { orders, letters })
    }

    /// A worker has delivered letters it had taken: now there is room for others.
    pub(crate) fn delivered(&self, worker: usize, weight: usize) {
        let mut mail = self.posts[worker].lock();
        mail.bytes -= weight;
        let choked = if mail.bytes <= self.bound {
            std::mem::take(&mut mail.choked)
        } else {
            Vec::new()
        };
        drop(mail);
        for worker in choked {
            self.order(worker, Order::Unchoke);
        }
    }

    /// A worker ends: nothing more is taken, and what was not is given back.
    pub(crate) fn end(&self, worker: usize) -> Taken<H> {
        let mut mail = self.posts[worker].lock();
        mail.ended = true;
        let orders = std::mem::take(&mut mail.orders);
        let letters = std::mem::take(&mut mail.letters);
        let choked = std::mem::take(&mut mail.choked);
        drop(mail);
        for worker in choked {
            self.order(worker, Order::Unchoke);
        }
        Taken { orders, letters }
    }

    pub(crate) fn set_waker(&self, worker: usize, waker: Waker) {
        let _ = self.posts[worker].waker.set(waker);
    }

    pub(crate) fn counters(&self, worker: usize) -> &Counters {
        &self.posts[worker].counters
    }

    pub(crate) fn stats(&self) -> Stats {
        let sum = |of: fn(&Counters) -> &AtomicU64| {
            self.posts
                .iter()
                .map(|post| of(&post.counters).load(Ordering::Relaxed))
                .sum()
        };
        Stats {
            panics: sum(|counters| &counters.panics),
            dropped: sum(|counters| &counters.dropped),
            slow: sum(|counters| &counters.slow),
            memory: sum(|counters| &counters.memory),
            refused: sum(|counters| &counters.refused),
            engines: sum(|counters| &counters.engines),
        }
    }

    /// Sockets of one worker.
    pub(crate) fn sockets(&self, worker: usize) -> &AtomicUsize {
        &self.posts[worker].sockets
    }

    /// Open WebSockets of one worker.
    pub(crate) fn open(&self, worker: usize) -> &AtomicUsize {
        &self.posts[worker].open
    }

    /// Sockets of all workers, and the worker that has the fewest.
    pub(crate) fn loads(&self) -> (usize, usize) {
        let loads = self
            .posts
            .iter()
            .map(|post| post.sockets.load(Ordering::Relaxed));
        let least = loads.clone().enumerate().min_by_key(|(_, load)| *load);
        (loads.sum(), least.map_or(0, |(worker, _)| worker))
    }
}

impl<H: Handler> Post<H> {
    fn lock(&self) -> MutexGuard<'_, Mail<H>> {
        // A panic elsewhere leaves the lists as they are, which is well-formed.
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self) {
        if !self.notified.swap(true, Ordering::AcqRel)
            && let Some(waker) = self.waker.get()
        {
            waker.wake();
        }
    }
}

impl<H: Handler> Mail<H> {
    /// One letter always fits an empty mailbox.
    fn has_room(&self, weight: usize, bound: usize) -> bool {
        self.ended || self.bytes == 0 || self.bytes + weight <= bound
    }

    /// Gives the letter back when the worker has ended.
    fn put(&mut self, letter: Letter<H>) -> Option<Letter<H>> {
        if self.ended {
            return Some(letter);
        }
        self.bytes += letter.weight();
        self.letters.push(letter);
        None
    }
}

/// Adds one; counters are read now and then, and order does not matter.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
