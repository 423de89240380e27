//! What a worker still has when it ends, in its mailbox or by itself: dropped, and no panic of a `Drop`
//! is anybody else's matter.

mod support;

use std::panic::panic_any;
use std::sync::{Arc, Mutex};

use socket2::{Domain, Socket, Type};
use support::*;
use ws4rs::internal::worker::{Listener, Worker};
use ws4rs::{
    Accept, Backend, Config, Deferred, Error, Handler, Message, OnPanic, Peer, Request, Running,
    Server, Verdict, client,
};

/// Does something when it is dropped: as an event, or as a state.
struct Fuse(Option<Box<dyn FnOnce() + Send>>);

impl Fuse {
    fn new(act: impl FnOnce() + Send + 'static) -> Self {
        Fuse(Some(Box::new(act)))
    }

    fn bomb() -> Self {
        Fuse::new(|| panic!("as the test wants"))
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        if let Some(act) = self.0.take() {
            act();
        }
    }
}

/// Where a request waits for its answer.
type Later = Arc<Mutex<Option<Deferred<Lobby>>>>;

/// Keeps a request for `/later`, lets others in at once, and does this then. A message is one too many.
struct Lobby {
    later: Later,
    act: fn(&mut Peer<'_, Lobby>, Later),
    /// What each connection has.
    state: fn() -> Fuse,
    _own: Fuse,
}

impl Lobby {
    fn new(act: fn(&mut Peer<'_, Lobby>, Later)) -> Self {
        Lobby {
            later: Later::default(),
            act,
            state: || Fuse(None),
            _own: Fuse(None),
        }
    }

    /// Every `Drop` of it panics.
    fn of_bombs() -> Self {
        Lobby {
            state: Fuse::bomb,
            _own: Fuse::bomb(),
            ..Lobby::new(|_, _| {})
        }
    }
}

impl Handler for Lobby {
    type State = Fuse;
    type Event = Fuse;

    fn on_upgrade(&mut self, request: &Request<'_>) -> Verdict<Self> {
        if request.path() != "/later" {
            return Verdict::accept((self.state)());
        }
        let later = self.later.clone();
        Verdict::defer(move |deferred| *later.lock().expect("calm") = Some(deferred))
    }

    fn on_open(&mut self, peer: &mut Peer<'_, Self>) {
        (self.act)(peer, self.later.clone());
    }

    fn on_message(&mut self, _: &mut Peer<'_, Self>, _: Message<'_>) {
        panic!("as the test wants");
    }
}

/// Stops the server, and sees to it that its last turn leaves an event and a decision.
fn leave_bombs(peer: &mut Peer<'_, Lobby>, later: Later) {
    let (id, handle) = (peer.id(), peer.handle());
    let again = handle.clone();
    // Dropped by the next turn, which is the last: by then the connection is gone.
    let last = Fuse::new(move || {
        let deferred = later.lock().expect("calm").take().expect("one is awaited");
        deferred.accept(Accept::new(Fuse::bomb()));
        let _ = again.post(id, Fuse::bomb());
    });
    let next = handle.clone();
    let first = Fuse::new(move || drop(next.post(id, last)));
    let _ = handle.post(id, first);
    handle.stop();
}

#[test]
fn a_panic_in_what_is_left_is_counted_and_the_worker_ends_well() {
    let lobby = Lobby::new(leave_bombs);
    let (mut workers, handle) = Worker::crew(vec![lobby], Config::default());
    let mut script = Script::new();
    let (socket, _) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("a pair");
    let listener = Listener {
        socket,
        place: 0,
        shared_out: false,
    };
    workers[0].listen(&mut script, listener).expect("a script");
    let (later, now) = (script.connect(), script.connect());
    let head = String::from_utf8_lossy(REQUEST).replace("/chat?room=1", "/later");
    script.feed(later, head.as_bytes());
    script.feed(now, REQUEST);
    workers[0].run(&mut script).expect("a script never fails");
    assert_eq!(handle.stats().panics, 2);
}

/// A server that a panic ends.
fn brittle(lobby: fn() -> Lobby) -> Running<Lobby> {
    let builder = Server::builder().workers(1).backend(Backend::Mio);
    let builder = builder.on_panic(OnPanic::StopServer).bind("127.0.0.1:0");
    builder.start(lobby).expect("it starts")
}

/// It has ended, and not the process: a panic that meets another one's unwinding would.
fn expect_panicked(running: Running<Lobby>) {
    assert!(matches!(running.wait(), Err(Error::Panicked)));
}

#[test]
fn a_panic_in_what_is_left_by_a_panic_ends_no_more_than_the_server() {
    let running = brittle(|| {
        Lobby::new(|peer, _| {
            for _ in 0..2 {
                let _ = peer.handle().post(peer.id(), Fuse::bomb());
            }
            panic!("as the test wants");
        })
    });
    // Whether it hears the 101 does not matter.
    let _ = client::connect(&running.addresses()[0]);
    expect_panicked(running);
}

#[test]
fn panics_in_states_and_handler_left_by_a_panic_end_no_more_than_the_server() {
    let running = brittle(Lobby::of_bombs);
    let _idle = client::connect(&running.addresses()[0]).expect("a server");
    let mut last = client::connect(&running.addresses()[0]).expect("a server");
    last.send("now").expect("it is open");
    expect_panicked(running);
}

#[test]
fn two_panics_in_what_came_too_late_end_no_more_than_the_server() {
    let running = brittle(|| {
        Lobby::new(|peer, _| {
            let (id, handle) = (peer.id(), peer.handle());
            let again = handle.clone();
            let last = Fuse::new(move || {
                for _ in 0..2 {
                    let _ = again.post(id, Fuse::bomb());
                }
            });
            let next = handle.clone();
            let first = Fuse::new(move || drop(next.post(id, last)));
            let _ = handle.post(id, first);
            handle.stop();
        })
    });
    let _ = client::connect(&running.addresses()[0]);
    expect_panicked(running);
}

#[test]
fn a_panic_in_what_a_calm_end_leaves_is_told_too() {
    let running = brittle(Lobby::of_bombs);
    let _idle = client::connect(&running.addresses()[0]).expect("a server");
    running.handle().stop();
    expect_panicked(running);
}

#[test]
fn what_a_panic_brings_may_panic_itself() {
    let running = brittle(|| Lobby {
        state: || Fuse::new(|| panic_any(Fuse::bomb())),
        ..Lobby::new(|_, _| {})
    });
    let _idle = [(); 2].map(|()| client::connect(&running.addresses()[0]).expect("a server"));
    running.handle().stop();
    expect_panicked(running);
}
