//! How it ends: the server closes TCP first, and is waited for.

use ws4rs::{CloseCode, Drain};

use super::server::{frame, goodbye, says};
use crate::support::*;

#[test]
fn the_server_closes_and_its_code_is_told() {
    for (bytes, code, reason, answer) in [
        (goodbye(1000, "bye"), 1000, "bye", 1000),
        (goodbye(1001, ""), 1001, "", 1001),
        (goodbye(1012, "back soon"), 1012, "back soon", 1012),
        (goodbye(4999, ""), 4999, "", 4999),
        (frame(CLOSE, ""), 1005, "", 0),
    ] {
        let mut world = World::new(Recorder::silent());
        let conn = world.open_out();
        world.feed(conn, &bytes);
        world.script.fin(conn);
        world.settle();
        assert_eq!(world.spoke(conn), [Said::Close(answer, String::new())]);
        assert_eq!(world.gone(conn), Some(Gone::Finished));
        let end = world.end();
        assert_eq!((&*end.cause, end.by_peer), ("Peer", true));
        assert_eq!((end.code, &*end.reason), (code, reason));
        world.assert_empty();
        assert_eq!(world.handle.connections(), 0);
        assert_eq!(world.unopened(), []);
    }
}

/// Says goodbye when it is told to.
fn leaver() -> Recorder {
    Recorder::new(|peer, told| {
        if let Told::Text(text) = told
            && text == "leave"
        {
            peer.close(CloseCode::NORMAL, "thanks");
        }
    })
}

// C15: TIME_WAIT is the server's, which needs no port for it.
#[test]
fn the_server_closes_tcp_first() {
    let ours = [Said::Close(1000, "thanks".into())];
    // It may do so at once, or later.
    for later in [false, true] {
        let mut world = World::new(leaver());
        let conn = world.open_out();
        world.feed(conn, &says("leave"));
        assert_eq!(world.spoke(conn), ours);
        // Behind our Close nothing is delivered.
        world.feed(conn, &says("more"));
        world.script.feed(conn, &goodbye(1000, "thanks"));
        if later {
            world.settle();
            world.pass(seconds(1) / 2);
            assert_eq!(world.script.close_asked(conn), None);
            assert_eq!(world.handle.connections(), 1);
            // 7.1.7: nothing is looked at either.
            world.feed(conn, &Frame::new(TEXT, "a violation").bytes());
        }
        world.script.fin(conn);
        world.settle();
        assert_eq!(world.gone(conn), Some(Gone::Finished));
        assert_eq!(world.told()[..2], [Told::Open, Told::Text("leave".into())]);
        assert_eq!(world.spoke(conn), []);
        world.assert_empty();
    }
}

// C15: and if it does not, the client does, and then cuts it.
#[test]
fn a_server_that_does_not_close_tcp_is_waited_for_a_while() {
    for (polite, gone) in [(true, Gone::Finished), (false, Gone::Aborted)] {
        let mut world = World::new(leaver());
        let conn = world.open_out();
        world.script.polite(conn, polite);
        world.feed(conn, &says("leave"));
        world.feed(conn, &goodbye(1000, "thanks"));
        world.pass(seconds(2));
        assert_ne!(world.script.close_asked(conn), None);
        world.pass(seconds(2));
        assert_eq!(world.gone(conn), Some(gone));
        let end = world.end();
        assert_eq!((&*end.cause, end.code), ("Local", 1000));
        world.assert_empty();
    }
}

// One that answers no Close is given the time of the closing handshake, and no more.
#[test]
fn a_server_that_does_not_answer_our_close_is_cut() {
    let mut world = World::new(leaver());
    let conn = world.open_out();
    world.feed(conn, &says("leave"));
    world.pass(seconds(4));
    assert_eq!(world.gone(conn), None);
    world.pass(seconds(2));
    assert_eq!(world.gone(conn), Some(Gone::Aborted));
    assert_eq!(world.end().cause, "Local");
    world.assert_empty();
}

// What went wrong has been said: the server may close, or reset.
#[test]
fn a_server_may_reset_what_has_been_closed() {
    let mut world = World::new(leaver());
    let conn = world.open_out();
    world.feed(conn, &goodbye(1001, ""));
    world.script.reset(conn);
    world.settle();
    let end = world.end();
    assert_eq!((&*end.cause, end.code), ("Peer", 1001));
    world.assert_empty();
}

#[test]
fn a_server_that_is_lost_is_told_once() {
    for resets in [false, true] {
        let mut world = World::new(Recorder::silent());
        let conn = world.open_out();
        match resets {
            true => world.script.reset(conn),
            false => world.script.fin(conn),
        }
        world.settle();
        let end = world.end();
        assert_eq!((end.code, end.by_peer), (1006, true));
        let cause = ["Lost(UnexpectedEof)", "Lost(ConnectionReset)"][usize::from(resets)];
        assert_eq!(end.cause, cause);
        world.assert_empty();
        assert_eq!(world.unopened(), []);
    }
}

#[test]
fn draining_says_goodbye_to_servers_too() {
    let mut world = World::new(Recorder::silent());
    let conn = world.open_out();
    world.handle.drain(Drain::default());
    world.settle();
    assert_eq!(world.spoke(conn), [Said::Close(1001, String::new())]);
    world.feed(conn, &goodbye(1001, ""));
    world.script.fin(conn);
    world.settle();
    assert_eq!(world.end().cause, "Drained");
    assert!(!world.running);
}
