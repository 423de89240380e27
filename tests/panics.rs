//! A panic in application code costs its own connection (P18): 1011 once, counted, the others
//! untouched, one `on_close`.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::*;
use ws4rs::{Accept, Config, Verdict};

/// Panics when this is told, to the connection that said "me" before.
fn explodes_at(at: fn(&Told) -> bool) -> Recorder {
    let mut marked = None;
    Recorder::new(move |peer, told| {
        if *told == Told::Text("me".into()) {
            marked = Some(peer.id());
        }
        assert!(
            !(marked == Some(peer.id()) && at(told)),
            "as the test wants"
        );
        send_back(peer, told);
    })
}

/// One that explodes, and one that must not notice.
struct Pair {
    world: World,
    victim: Conn,
    other: Conn,
}

impl Pair {
    fn new(at: fn(&Told) -> bool) -> Pair {
        Pair::with(at, Config::default())
    }

    fn with(at: fn(&Told) -> bool, config: Config) -> Pair {
        let mut world = World::with(explodes_at(at), config);
        let (victim, other) = (world.open(), world.open());
        world.feed(victim, &text("me"));
        world.said(victim);
        Pair {
            world,
            victim,
            other,
        }
    }

    /// The victim has been told 1011 once, at the end, and everybody else is as before.
    fn assert_contained(mut self) {
        let said = self.world.said(self.victim);
        assert_eq!(
            said.last(),
            Some(&Said::Close(1011, String::new())),
            "{said:?}"
        );
        let end = self.world.end();
        assert_eq!(
            (&*end.cause, end.code, end.by_peer),
            ("Panicked", 1011, false)
        );
        assert_eq!(self.world.gone(self.victim), Some(Gone::Finished));
        self.assert_others(1);
    }

    fn assert_others(&mut self, panics: u64) {
        assert_eq!(self.world.handle.stats().panics, panics);
        self.world.feed(self.other, &text("still here"));
        let said = self.world.said(self.other);
        assert_eq!(said, [Said::Text("still here".into())]);
        assert_eq!(self.world.worker.load().0, 1);
        self.world.open();
        assert_eq!(self.world.handle.connections(), 2);
    }
}

#[test]
fn in_on_message() {
    let mut pair = Pair::new(|told| *told == Told::Text("boom".into()));
    let bytes = [text("fine"), text("boom"), text("never"), ping(b"never")];
    pair.world.feed(pair.victim, &bytes.concat());
    let all = pair.world.worker.handler().all();
    assert!(!all.contains(&Told::Text("never".into())));
    let said = pair.world.said(pair.victim);
    let expected = [Said::Text("fine".into()), Said::Close(1011, String::new())];
    assert_eq!(said, expected);
    pair.assert_others(1);
}

#[test]
fn in_on_message_of_fragments() {
    let mut pair = Pair::new(|told| *told == Told::Text("boom".into()));
    let first = Frame::new(TEXT, "bo").begins().bytes();
    let last = Frame::new(CONTINUATION, "om").bytes();
    pair.world.feed(pair.victim, &first);
    pair.world
        .feed(pair.victim, &[last, text("never")].concat());
    pair.assert_contained();
}

#[test]
fn in_on_ping() {
    let mut pair = Pair::new(|told| matches!(told, Told::Ping(_)));
    pair.world.feed(pair.victim, &ping(b"x"));
    pair.assert_contained();
}

#[test]
fn in_on_pong() {
    let mut pair = Pair::new(|told| matches!(told, Told::Pong(_)));
    pair.world.feed(pair.victim, &pong(b"x"));
    pair.assert_contained();
}

#[test]
fn in_on_event() {
    let mut pair = Pair::new(|told| matches!(told, Told::Event(_)));
    let id = pair.world.id(pair.victim);
    pair.world.handle.post(id, "x".into()).expect("room");
    pair.world.handle.post(id, "y".into()).expect("room");
    pair.world.settle();
    pair.assert_contained();
}

#[test]
fn in_on_timer() {
    let mut world = World::new(Recorder::new(|peer, told| match told {
        Told::Text(_) => peer.timer(seconds(1), 1),
        Told::Timer(_) => panic!("as the test wants"),
        _ => {}
    }));
    let conn = world.open();
    world.feed(conn, &text("go"));
    world.pass(seconds(2));
    assert_eq!(world.said(conn), [Said::Close(1011, String::new())]);
    assert_eq!(world.end().cause, "Panicked");
    assert_eq!(world.handle.stats().panics, 1);
    world.assert_empty();
}

#[test]
fn in_on_drain() {
    let small = config(|config| config.outbox_max = 1 << 10);
    let mut pair = Pair::with(|told| *told == Told::Drain, small);
    pair.world.script.takes(pair.victim, Takes::Nothing);
    pair.world.feed(pair.victim, &text(&"x".repeat(2000)));
    pair.world.script.takes(pair.victim, Takes::All);
    pair.world.settle();
    pair.assert_contained();
}

#[test]
fn in_on_open() {
    let mut first = true;
    let mut world = World::new(Recorder::new(move |peer, told| {
        assert!(!(*told == Told::Open && std::mem::take(&mut first)));
        send_back(peer, told);
    }));
    let victim = world.connect();
    world.feed(victim, &[REQUEST, &text("behind")].concat());
    let answer = world.script.take_out(victim);
    let (code, behind) = status(&answer);
    assert_eq!(code, 101);
    assert_eq!(said(behind), [Said::Close(1011, String::new())]);
    assert_eq!(world.end().cause, "Panicked");
    assert_eq!(world.told().len(), 2);
    world.assert_empty();
    world.open();
    assert_eq!(world.handle.stats().panics, 1);
}

#[test]
fn in_on_close() {
    let mut pair = Pair::new(|told| matches!(told, Told::Close(_)));
    pair.world.script.reset(pair.victim);
    pair.world.settle();
    assert_eq!(pair.world.end().code, 1006);
    pair.assert_others(1);
}

// Twice in one connection's life: each is counted, on_close still comes once.
#[test]
fn in_on_message_and_on_close() {
    let mut pair =
        Pair::new(|told| matches!(told, Told::Close(_)) || *told == Told::Text("boom".into()));
    pair.world.feed(pair.victim, &text("boom"));
    assert_eq!(pair.world.end().cause, "Panicked");
    pair.assert_others(2);
}

#[test]
fn in_on_upgrade_and_on_http() {
    let handler = Recorder::echo()
        .decide(|request| match request.path() {
            "/chat" => panic!("as the test wants"),
            _ => Verdict::accept(Guest::default()),
        })
        .answer(|_| panic!("as the test wants"));
    let mut world = World::new(handler);
    for (panics, request) in (1..).zip([REQUEST, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"]) {
        let conn = world.connect();
        world.feed(conn, &[request, &text("x")].concat());
        assert_eq!(status(&world.script.take_out(conn)), (500, &[][..]));
        assert_eq!(world.gone(conn), Some(Gone::Finished));
        assert_eq!(world.handle.stats().panics, panics);
    }
    assert_eq!(world.told(), []);
    world.assert_empty();
}

#[test]
fn in_what_a_deferral_does_at_once() {
    let handler = Recorder::echo().decide(|_| Verdict::defer(|_deferred| panic!("as wanted")));
    let mut world = World::new(handler);
    let conn = world.connect();
    world.feed(conn, REQUEST);
    // The means were dropped by the panic.
    assert_eq!(status(&world.script.take_out(conn)), (503, &[][..]));
    assert_eq!(world.handle.stats().panics, 1);
    world.assert_empty();
}

#[test]
fn in_the_drop_of_a_state() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let count = dropped.clone();
    let handler = Recorder::echo().decide(move |_| {
        Verdict::accept(Guest {
            name: 0,
            explodes: true,
            dropped: Some(count.clone()),
        })
    });
    let mut world = World::new(handler);
    let conns: Vec<_> = (0..3).map(|_| world.open()).collect();
    world.script.reset(conns[0]);
    world.feed(conns[1], &close(1000, ""));
    world.settle();
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
    assert_eq!(world.handle.stats().panics, 2);
    assert_eq!(world.worker.handler().ends().len(), 2);
    world.feed(conns[2], &text("still here"));
    assert_eq!(world.said(conns[2]), [Said::Text("still here".into())]);
    world.script.reset(conns[2]);
    world.settle();
    world.assert_empty();
}

// The states of connections that never opened: a bad acceptance, a decision that came too late.
#[test]
fn in_the_drop_of_a_state_that_was_never_used() {
    let explosive = || {
        Accept::new(Guest {
            name: 0,
            explodes: true,
            dropped: None,
        })
    };
    let handler = Recorder::echo().decide(move |_| explosive().subprotocol("never-offered").into());
    let mut world = World::new(handler);
    let conn = world.connect();
    world.feed(conn, REQUEST);
    assert_eq!(status(&world.script.take_out(conn)), (500, &[][..]));
    assert_eq!(world.handle.stats().panics, 1);
    world.assert_empty();

    let later = std::rc::Rc::new(std::cell::RefCell::new(None));
    let place = later.clone();
    let handler = Recorder::echo().decide(move |_| {
        let place = place.clone();
        Verdict::defer(move |deferred| *place.borrow_mut() = Some(deferred))
    });
    let mut world = World::new(handler);
    let conn = world.connect();
    world.feed(conn, REQUEST);
    world.script.reset(conn);
    world.settle();
    let deferred: ws4rs::Deferred<Recorder> = later.borrow_mut().take().expect("deferred");
    deferred.accept(explosive());
    world.settle();
    assert_eq!(world.handle.stats().panics, 1);
    world.assert_empty();
}
