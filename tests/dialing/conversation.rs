//! A connection that is open is as on the other side, but masked.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use ws4rs::{Address, Prepared};

use super::server::{frame, says};
use crate::support::*;

// C12
#[test]
fn every_frame_is_masked_with_a_key_of_its_own() {
    let mut world = World::new(Recorder::echo());
    let conn = world.open_out();
    // The large ones too, which a server would write past the queue.
    let sizes = [0, 1, 125, 126, 32 << 10, 65_535, 65_536, 1 << 20];
    let mut keys = Vec::new();
    for size in sizes {
        let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        world.feed(conn, &frame(BINARY, &bytes));
        let (plain, key) = unmask(&world.script.take_out(conn));
        assert_eq!(said(&plain), [Said::Binary(bytes)]);
        keys.extend(key);
    }
    let prepared = Prepared::text("for many");
    for _ in 0..100 {
        world.handle.broadcast(prepared.clone()).expect("room");
        world.feed(conn, &frame(PING, ""));
        let (plain, key) = unmask(&world.script.take_out(conn));
        assert_eq!(said(&plain).len(), 2);
        keys.extend(key);
    }
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), count, "a key came twice");
}

// C13
#[test]
fn a_masked_frame_from_the_server_is_a_violation() {
    let mut world = World::new(Recorder::echo());
    let conn = world.open_out();
    world.feed(conn, &Frame::new(TEXT, "masked").bytes());
    world.script.fin(conn);
    world.settle();
    let spoke = world.spoke(conn);
    assert!(matches!(spoke[..], [Said::Close(1002, _)]), "{spoke:?}");
    let end = world.end();
    assert_eq!(end.code, 1002);
    assert!(end.cause.starts_with("Protocol("), "{}", end.cause);
    world.assert_empty();
}

#[test]
fn the_limits_of_a_server_hold_for_a_client() {
    let mut world = World::with(Recorder::echo(), config(|config| config.message_max = 1000));
    let conn = world.open_out();
    world.feed(conn, &frame(BINARY, [0; 1001]));
    world.script.fin(conn);
    world.settle();
    assert!(matches!(world.spoke(conn)[..], [Said::Close(1009, _)]));
    assert_eq!(world.end().code, 1009);
}

#[test]
fn a_ping_is_answered_and_an_idle_server_is_pinged() {
    let mut world = World::new(Recorder::silent());
    let conn = world.open_out();
    world.feed(conn, &frame(PING, "who"));
    assert_eq!(world.spoke(conn), [Said::Pong(b"who".to_vec())]);
    world.pass(seconds(27));
    assert_eq!(world.spoke(conn), [Said::Ping(vec![])]);
    world.feed(conn, &frame(PONG, ""));
    world.pass(seconds(27));
    assert_eq!(world.spoke(conn), [Said::Ping(vec![])]);
    world.pass(seconds(11));
    let spoke = world.spoke(conn);
    assert_eq!(spoke, [Said::Close(1011, "no answer to a ping".into())]);
    world.script.fin(conn);
    world.settle();
    assert_eq!(world.end().cause, "PongTimeout");
    world.assert_empty();
}

#[test]
fn a_peer_is_known_as_on_the_other_side() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let notes = seen.clone();
    let mut world = World::new(Recorder::new(move |peer, told| {
        if *told == Told::Open {
            let subprotocol = peer.subprotocol().map(str::to_owned);
            let (remote, local) = (peer.remote(), peer.local());
            notes
                .borrow_mut()
                .push((peer.id(), remote, local, subprotocol));
            peer.timer(seconds(1), 77);
        }
    }));
    let dial = somewhere().subprotocol("feed.v1");
    let to: SocketAddr = dial.url().host().parse().expect("an address");
    let conn = world.dial(dial);
    world.agree(conn, "Sec-WebSocket-Protocol: feed.v1\r\n", b"");
    let (id, remote, local, subprotocol) = seen.borrow_mut().remove(0);
    assert_eq!(remote, Address::Ip(to));
    let Address::Ip(local) = local else {
        panic!("{local}");
    };
    assert!(local.ip().is_loopback() && local.port() != 0 && local != to);
    assert_eq!(subprotocol.as_deref(), Some("feed.v1"));
    assert_eq!(id, world.id(conn));
    world.handle.send(id, "for you").expect("room");
    world.handle.post(id, "an event".into()).expect("room");
    world.settle();
    assert_eq!(world.spoke(conn), [text_said("for you")]);
    world.pass(seconds(2));
    let told = [Told::Open, Told::Event("an event".into()), Told::Timer(77)];
    assert_eq!(world.told(), told);
}

#[test]
fn a_paused_server_is_not_read_and_a_terminated_one_is_cut() {
    let mut world = World::new(Recorder::new(|peer, told| match told {
        Told::Open => peer.pause(true),
        Told::Event(what) if what == "cut" => peer.terminate(),
        Told::Event(_) => peer.pause(false),
        _ => {}
    }));
    let conn = world.dial(somewhere());
    // Paused by on_open: what came in the same segment waits.
    world.agree(conn, "", &says("early"));
    world.feed(conn, &says("late"));
    let id = world.id(conn);
    assert_eq!(world.told(), [Told::Open]);
    assert!(!world.script.is_reading(conn));
    world.handle.post(id, "go on".into()).expect("room");
    world.settle();
    let heard = ["early", "late"].map(|text| Told::Text(text.into()));
    assert_eq!(world.told()[1..], heard);
    assert!(world.script.is_reading(conn));
    world.handle.post(id, "cut".into()).expect("room");
    world.settle();
    assert_eq!(world.gone(conn), Some(Gone::Aborted));
    let end = world.end();
    assert_eq!((&*end.cause, end.code), ("Terminated", 1006));
    world.assert_empty();
}

// C12: a server's subscribers share a frame, a client's cannot.
#[test]
fn what_is_published_reaches_each_server_under_a_mask_of_its_own() {
    let mut world = World::new(Recorder::new(|peer, told| match told {
        Told::Open => assert!(peer.subscribe("news")),
        Told::Text(text) => peer.publish("news", text.clone()),
        _ => {}
    }));
    let ours: Vec<_> = (0..3).map(|_| world.open_out()).collect();
    let theirs = world.open();
    for size in [1, 200, 300, 70_000] {
        let message = "x".repeat(size);
        world.feed(ours[0], &says(&message));
        assert_eq!(world.said(theirs), [text_said(&message)]);
        assert_eq!(world.script.out(ours[0]), b"");
        let copies = [ours[1], ours[2]].map(|conn| unmask(&world.script.take_out(conn)));
        for (plain, _) in &copies {
            assert_eq!(said(plain), [text_said(&message)]);
        }
        assert_ne!(copies[0].1, copies[1].1);
    }
    world.handle.publish("news", "from outside").expect("room");
    world.settle();
    for conn in ours {
        assert_eq!(world.spoke(conn), [text_said("from outside")]);
    }
}
