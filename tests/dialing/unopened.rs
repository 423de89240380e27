//! What opens nothing before there is an answer, and how long one is waited for.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ws4rs::{Connect, Dial, Drain, SlowPolicy};

use super::server::{assert_unopened, guest, says};
use super::slow::slow;
use crate::support::*;

#[test]
fn a_connect_that_fails_is_told_with_its_error() {
    for kind in [ErrorKind::ConnectionRefused, ErrorKind::HostUnreachable] {
        let mut world = World::new(Recorder::silent());
        world.script.dials_hang = true;
        let conn = world.dial(somewhere());
        world.script.fail(conn, kind);
        world.settle();
        assert_unopened(&mut world, &format!("Io({kind:?})"));
    }
}

#[test]
fn a_server_that_hangs_up_before_it_answers_has_not_opened() {
    let mut world = World::new(Recorder::silent());
    let conn = world.dial(somewhere());
    world.feed(conn, b"HTTP/1.1 101 Swi");
    world.script.fin(conn);
    world.settle();
    assert_unopened(&mut world, "Io(UnexpectedEof)");
    let conn = world.dial(somewhere());
    world.script.reset(conn);
    world.settle();
    assert_unopened(&mut world, "Io(ConnectionReset)");
}

#[test]
fn what_cannot_be_dialled_is_told_and_costs_nothing() {
    let url = |text: &str| text.parse().expect("a URL");
    let cases = [
        (
            Dial::new(url("ws://somewhere.invalid/")),
            "Io(InvalidInput)",
        ),
        (Dial::new(url("ws+unix:/nowhere/at/all")), "Io(NotFound)"),
        // Not in the clear, whatever listens there.
        (
            Dial::new(url(&format!("wss://{}/", somewhere().url().host()))),
            "Io(Unsupported)",
        ),
        (
            somewhere().subprotocol("no token"),
            "Dial(Subprotocol(\"no token\"))",
        ),
    ];
    for (dial, why) in cases {
        let mut world = World::new(Recorder::silent());
        let connect = Connect::new(dial, guest(0));
        world.handle.connect(connect).expect("room");
        world.settle();
        assert_eq!(world.script.connections(), 0);
        assert_unopened(&mut world, why);
    }
    let mut world = World::new(Recorder::silent());
    world.script.opens_fail = 1;
    let connect = Connect::new(somewhere(), guest(0));
    world.handle.connect(connect).expect("room");
    world.settle();
    assert_unopened(&mut world, "Io(OutOfMemory)");
}

// C16
#[test]
fn the_handshake_has_one_deadline_for_all_of_it() {
    // TCP never connects; nothing is answered; a byte now and then.
    for (hangs, trickles) in [(true, false), (false, false), (false, true)] {
        let mut world = World::new(Recorder::silent());
        world.script.dials_hang = hangs;
        let conn = world.dial(somewhere());
        for _ in 0..9 {
            world.pass(seconds(1));
            if trickles {
                world.feed(conn, b"H");
            }
            assert_eq!(world.unopened(), []);
        }
        world.pass(seconds(2));
        assert_eq!(world.gone(conn), Some(Gone::Aborted));
        assert_unopened(&mut world, "Io(TimedOut)");
    }
}

// C16: the request that waits for TCP is no send that a peer does not take.
#[test]
fn the_write_deadline_is_not_for_those_who_are_being_dialled() {
    let quick = config(|config| config.write_timeout = seconds(2));
    let mut world = World::with(Recorder::silent(), quick);
    world.script.dials_hang = true;
    let conn = world.dial(somewhere());
    world.pass(seconds(9));
    assert_eq!(world.unopened(), []);
    world.script.takes(conn, Takes::All);
    world.settle();
    world.agree(conn, "", b"");
    assert_eq!(world.told(), [Told::Open]);
    // It is for those who are open.
    world.script.takes(conn, Takes::Nothing);
    world.handle.broadcast("all").expect("room");
    world.settle();
    world.pass(seconds(3));
    assert_eq!(world.end().cause, "WriteTimeout");
}

// A handshake that was in time is not remembered.
#[test]
fn an_open_connection_has_no_handshake_to_be_late_for() {
    let mut world = World::new(Recorder::silent());
    let conn = world.dial(somewhere());
    world.pass(seconds(9));
    world.agree(conn, "", b"");
    world.pass(seconds(15));
    assert_eq!(world.gone(conn), None);
    assert_eq!(world.unopened(), []);
}

#[test]
fn leaving_gives_up_what_is_being_dialled() {
    for stops in [false, true] {
        let mut world = World::new(Recorder::silent());
        let waiting = world.dial(somewhere());
        world.script.dials_hang = true;
        let hanging = world.dial(somewhere());
        let leave = |world: &World| match stops {
            true => world.handle.stop(),
            false => world.handle.drain(Drain::default()),
        };
        // One asks before the goodbye, one behind it: neither is opened.
        let connect = |world: &World, name| {
            let connect = Connect::new(somewhere(), guest(name));
            world.handle.connect(connect).expect("room");
        };
        connect(&world, 1);
        leave(&world);
        connect(&world, 2);
        world.settle();
        let aborted = |name| (name, "Io(ConnectionAborted)".to_owned());
        let mut unopened = world.unopened();
        unopened.sort();
        assert_eq!(unopened, [aborted(0), aborted(0), aborted(1), aborted(2)]);
        assert_eq!(world.gone(waiting), Some(Gone::Aborted));
        assert_eq!(world.gone(hanging), Some(Gone::Aborted));
        assert_eq!(world.told(), []);
        world.assert_empty();
        assert!(!world.running);
    }
}

// What stands behind letters that had to wait is not forgotten when everybody else has left.
#[test]
fn a_worker_ends_when_its_letters_have_been_delivered() {
    let mut world = World::with(Recorder::silent(), slow(SlowPolicy::DropNewest));
    let conn = world.open();
    world.script.takes(conn, Takes::Nothing);
    let id = world.id(conn);
    for _ in 0..3 {
        // More than enough for one turn.
        world.handle.send(id, "x".repeat(9_000)).expect("room");
    }
    let connect = Connect::new(somewhere(), guest(1));
    world.handle.connect(connect).expect("room");
    world.handle.drain(Drain::default());
    world.turn();
    world.script.reset(conn);
    world.settle();
    assert!(!world.running);
    assert_eq!(world.unopened(), [(1, "Io(ConnectionAborted)".into())]);
}

#[test]
fn a_panic_in_on_unopened_costs_nothing_else() {
    let handler = Recorder::echo().unopen(|guest| assert!(guest.name != 1, "as asked"));
    let mut world = World::new(handler);
    let conn = world.open_out();
    let dropped = Arc::new(AtomicUsize::new(0));
    let nowhere = Dial::new("ws://nowhere.invalid/".parse().expect("a URL"));
    let nowhere = Arc::new(nowhere);
    for (name, explodes) in [(1, false), (2, true), (3, false)] {
        let state = Guest {
            name,
            explodes,
            dropped: Some(dropped.clone()),
        };
        let connect = Connect::new(nowhere.clone(), state);
        world.handle.connect(connect).expect("room");
    }
    world.settle();
    let names: Vec<_> = world.unopened().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, [1, 2, 3]);
    assert_eq!(world.handle.stats().panics, 2);
    assert_eq!(dropped.load(Ordering::Relaxed), 3);
    // Also when there was a connection for it.
    let failed = world.dial(somewhere());
    world
        .handle
        .connect(Connect::new(somewhere(), guest(1)))
        .expect("room");
    world.settle();
    let exploding = world.script.dialled()[2];
    for conn in [failed, exploding] {
        world.script.reset(conn);
    }
    world.settle();
    assert_eq!(world.unopened().len(), 2);
    assert_eq!(world.handle.stats().panics, 3);
    world.feed(conn, &says("still here"));
    assert_eq!(world.spoke(conn), [text_said("still here")]);
    world.script.reset(conn);
    world.settle();
    world.assert_empty();
}
