//! Connections that a worker opens: the same handler, the same peer, the other side of the wire. C
//! numbers the rules of the client. The kernel is a script, and so is the server at the other end.

#[path = "../support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::*;
use ws4rs::http::{HeaderName, HeaderValue};
use ws4rs::{Address, CloseCode, Config, Connect, Dial, Drain, Full, Prepared, SlowPolicy};

/// A frame of the server's.
fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    Frame::new(opcode, payload).unmasked().bytes()
}

fn says(text: &str) -> Vec<u8> {
    frame(TEXT, text)
}

fn goodbye(code: u16, reason: &str) -> Vec<u8> {
    frame(CLOSE, [&code.to_be_bytes()[..], reason.as_bytes()].concat())
}

fn text(text: &str) -> Said {
    Said::Text(text.into())
}

fn guest(name: u32) -> Guest {
    Guest {
        name,
        explodes: false,
        dropped: None,
    }
}

/// It was told once that it is not open, and nothing else; nothing is left of it.
#[track_caller]
fn assert_unopened(world: &mut World, why: &str) {
    assert_eq!(world.unopened(), [(0, why.to_owned())]);
    assert_eq!(world.told(), []);
    assert_eq!(world.handle.connections(), 0);
    world.assert_empty();
}

// --- the opening handshake ---------------------------------------------------------------------

// C2
#[test]
fn the_request_is_what_was_asked_for_and_leaves_first() {
    let mut world = World::new(Recorder::new(|peer, told| {
        if *told == Told::Open {
            peer.text("first words");
        }
    }));
    let name = HeaderName::from_static("x-who");
    let dial = somewhere()
        .subprotocol("feed.v2")
        .subprotocol("feed.v1")
        .header(name, HeaderValue::from_static("me"));
    let conn = world.dial(dial.clone());
    let request = world.script.take_out(conn);
    let asked = String::from_utf8(request.clone()).expect("ASCII");
    let (head, key) = asked.split_once("Sec-WebSocket-Key: ").expect("a key");
    let host = dial.url().host();
    assert_eq!(
        head,
        format!(
            "GET /feed HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        )
    );
    assert_eq!(
        &key[24..],
        "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: feed.v2, feed.v1\r\n\
         X-Who: me\r\n\r\n"
    );
    // C3: nothing leaves before the answer.
    world.handle.broadcast("all").expect("room");
    world.settle();
    assert_eq!(world.script.out(conn), b"");
    assert_eq!(world.handle.connections(), 0);

    let accept = yes(&request, "Sec-WebSocket-Protocol: feed.v1\r\n");
    world.feed(conn, &accept);
    assert_eq!(world.told(), [Told::Open]);
    assert_eq!(world.spoke(conn), [text("first words")]);
    assert_eq!(world.handle.connections(), 1);
    assert_eq!(world.unopened(), []);
}

#[test]
fn the_key_is_another_for_each_connection() {
    let mut world = World::new(Recorder::silent());
    let dial = Arc::new(somewhere());
    for name in 0..3 {
        let connect = Connect::new(dial.clone(), guest(name));
        world.handle.connect(connect).expect("room");
    }
    world.settle();
    let conns = world.script.dialled();
    let mut requests: Vec<_> = conns
        .iter()
        .map(|conn| world.script.take_out(*conn))
        .collect();
    requests.sort();
    requests.dedup();
    assert_eq!(requests.len(), 3);
}

/// Plays what a server says, which the request decides, to a new connection: whole, cut at each byte,
/// and byte by byte; what comes of it is the same.
fn play(handler: impl Fn() -> Recorder, says: impl Fn(&[u8]) -> Vec<u8>) -> Outcome {
    let play = |cuts: &dyn Fn(usize) -> Vec<usize>| {
        let mut world = World::new(handler());
        let conn = world.dial(somewhere());
        let bytes = says(&world.script.take_out(conn));
        let mut from = 0;
        for to in cuts(bytes.len()).into_iter().chain([bytes.len()]) {
            world.script.feed(conn, &bytes[from..to]);
            from = to;
        }
        world.settle();
        let spoke = world.spoke(conn);
        if matches!(spoke.last(), Some(Said::Close(..))) {
            world.script.fin(conn);
            world.settle();
        }
        if world.gone(conn).is_some() {
            world.assert_empty();
            assert_eq!(world.handle.connections(), 0);
        }
        let outcome = Outcome {
            unopened: world.unopened(),
            told: world.told(),
            spoke,
            gone: world.gone(conn),
        };
        (outcome, bytes.len())
    };
    let (whole, len) = play(&|_| vec![]);
    for cut in 1..len {
        assert_eq!(play(&|_| vec![cut]).0, whole, "cut at {cut}");
    }
    assert_eq!(play(&|len| (1..len).collect()).0, whole, "byte by byte");
    whole
}

#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    unopened: Vec<(u32, String)>,
    told: Vec<Told>,
    spoke: Vec<Said>,
    gone: Option<Gone>,
}

// C11
#[test]
fn what_comes_with_the_answer_is_told_behind_on_open() {
    let played = play(Recorder::echo, |request| {
        let early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".to_vec();
        let frames = [says("one"), frame(PING, "p"), frame(BINARY, [0, 1])].concat();
        [early, yes(request, ""), frames].concat()
    });
    assert_eq!(
        played.told,
        [
            Told::Open,
            Told::Text("one".into()),
            Told::Ping(b"p".to_vec()),
            Told::Binary(vec![0, 1]),
        ]
    );
    assert_eq!(
        played.spoke,
        [
            text("one"),
            Said::Pong(b"p".to_vec()),
            Said::Binary(vec![0, 1])
        ]
    );
    assert_eq!((played.gone, played.unopened), (None, vec![]));
}

// C11: with all that can be behind it.
#[test]
fn a_conversation_may_end_in_the_segment_that_opens_it() {
    let played = play(Recorder::silent, |request| {
        [yes(request, ""), says("only this"), goodbye(4001, "done")].concat()
    });
    let end = End {
        cause: "Peer".into(),
        code: 4001,
        reason: "done".into(),
        by_peer: true,
        unsent: 0,
    };
    let only = Told::Text("only this".into());
    assert_eq!(played.told, [Told::Open, only, Told::Close(end)]);
    assert_eq!(played.spoke, [Said::Close(4001, String::new())]);
}

// C4 to C10
#[test]
fn an_answer_that_opens_nothing_is_told_and_the_connection_is_cut() {
    let without = |name: &'static str| {
        move |request: &[u8]| {
            let answer = String::from_utf8(yes(request, "")).expect("ASCII");
            answer.replacen(name, "X-Not", 1).into_bytes()
        }
    };
    type Says = Box<dyn Fn(&[u8]) -> Vec<u8>>;
    let adding = |fields: &'static str| -> Says { Box::new(move |request| yes(request, fields)) };
    let raw = |bytes: &'static [u8]| -> Says { Box::new(move |_| bytes.to_vec()) };
    let broken: Vec<(&str, Says)> = vec![
        ("Upgrade", Box::new(without("Upgrade"))),
        ("Connection", Box::new(without("Connection"))),
        ("Accept", Box::new(without("Sec-WebSocket-Accept"))),
        ("Accept", adding("Sec-WebSocket-Accept: again\r\n")),
        (
            "Extension(Extension)",
            adding("Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        ),
        ("Subprotocol", adding("Sec-WebSocket-Protocol: soap\r\n")),
        ("Malformed", adding("no colon\r\n")),
        ("Malformed", raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")),
        (
            "HttpVersion",
            raw(b"HTTP/1.0 101 Switching Protocols\r\n\r\n"),
        ),
    ];
    for (why, says) in broken {
        let played = play(Recorder::echo, says);
        assert_eq!(played.unopened, [(0, format!("Answer({why})"))]);
        assert_eq!(played.told, [], "{why}");
        assert_eq!(played.spoke, [], "{why}");
        assert_eq!(played.gone, Some(Gone::Aborted), "{why}");
    }
}

// C4: a redirect is told, and not followed.
#[test]
fn another_status_is_told_with_the_answer() {
    for status in [200, 302, 401, 403, 503] {
        let mut world = World::new(Recorder::silent());
        let conn = world.dial(somewhere());
        let answer = format!("HTTP/1.1 {status} X\r\nLocation: ws://127.0.0.1:1/\r\n\r\nno");
        world.script.feed(conn, answer.as_bytes());
        // C10: whatever else it says.
        for _ in 0..100 {
            world.script.feed(conn, &[b'x'; 10_000]);
        }
        world.settle();
        assert_eq!(world.gone(conn), Some(Gone::Aborted));
        let why = world.unopened().remove(0).1;
        assert!(why.contains(&format!("status: {status}")), "{why}");
        assert!(why.contains("body: b\"no\""), "{why}");
        assert_eq!(world.unopened(), []);
        assert_eq!(world.script.connections(), 1);
        assert_eq!(world.told(), []);
        world.assert_empty();
    }
}

// C10
#[test]
fn an_endless_head_ends_at_its_limit() {
    for (part, why) in [
        (&b"x: y\r\n"[..], "Answer(TooManyFields)"),
        (&[b'x'; 64][..], "Answer(HeadTooLong)"),
    ] {
        let mut world = World::new(Recorder::silent());
        let conn = world.dial(somewhere());
        world.script.feed(conn, b"HTTP/1.1 101 Yes\r\n");
        for _ in 0..10_000 {
            world.script.feed(conn, part);
        }
        while world.gone(conn).is_none() {
            world.turn();
            assert!(world.memory() <= 40 << 10, "{}", world.memory());
        }
        assert_unopened(&mut world, why);
    }
}

// --- what opens nothing before there is an answer ----------------------------------------------

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

#[test]
fn a_name_is_dialled_where_its_address_was_said() {
    let to = somewhere().url().host().parse().expect("an address");
    let mut world = World::new(Recorder::silent());
    let dial = Dial::new("ws://feed.invalid/".parse().expect("a URL"));
    let connect = Connect::new(dial, guest(0)).to(to);
    world.handle.connect(connect).expect("room");
    world.settle();
    let conn = world.script.dialled()[0];
    let request = String::from_utf8(world.script.take_out(conn)).expect("ASCII");
    assert!(request.contains("\r\nHost: feed.invalid\r\n"), "{request}");
    // The resolver's word, and its fault.
    let local = Dial::new("ws://localhost:1/".parse().expect("a URL"));
    Connect::new(local, guest(0)).resolve().expect("localhost");
    let nowhere = Dial::new("ws://nowhere.invalid/".parse().expect("a URL"));
    Connect::new(nowhere, guest(0))
        .resolve()
        .expect_err("no such name");
}

#[test]
fn those_who_are_dialled_count_among_the_connections() {
    let mut world = World::with(
        Recorder::silent(),
        config(|config| config.connections_max = 2),
    );
    world.dial(somewhere());
    world.open();
    for name in [7, 8] {
        let connect = Connect::new(somewhere(), guest(name));
        world.handle.connect(connect).expect("room");
    }
    world.settle();
    let other = "Io(Other)".to_owned();
    assert_eq!(world.unopened(), [(7, other.clone()), (8, other)]);
    assert_eq!(world.handle.stats().refused, 2);
    assert_eq!(world.worker.load().0, 2);
    // And who comes in is one too many too.
    let late = world.connect();
    assert_eq!(status(&world.script.take_out(late)).0, 503);
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
    assert_eq!(world.spoke(conn), [text("still here")]);
    world.script.reset(conn);
    world.settle();
    world.assert_empty();
}

// --- the conversation --------------------------------------------------------------------------

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
    assert_eq!(world.spoke(conn), [text("for you")]);
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

// --- closing -----------------------------------------------------------------------------------

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

// --- slow servers ------------------------------------------------------------------------------

fn slow(policy: SlowPolicy) -> Config {
    config(|config| {
        config.outbox_max = 10_000;
        config.slow = policy;
    })
}

/// So many messages of 1000 bytes for a server that reads nothing of it, which then reads again.
fn overfeed(policy: SlowPolicy) -> (World, Conn, Vec<Said>) {
    let mut world = World::with(Recorder::silent(), slow(policy));
    let conn = world.open_out();
    world.script.takes(conn, Takes::Nothing);
    let id = world.id(conn);
    for number in 0..30 {
        let message = format!("{number:01000}");
        world.handle.send(id, message).expect("room");
        world.settle();
    }
    assert!(world.memory() < 40_000);
    world.script.takes(conn, Takes::All);
    world.settle();
    let spoke = world.spoke(conn);
    (world, conn, spoke)
}

#[test]
fn a_slow_server_meets_the_policy() {
    let numbers = |spoke: &[Said]| -> Vec<u32> {
        let number = |said: &Said| match said {
            Said::Text(text) => text.parse().expect("a number"),
            other => panic!("{other:?}"),
        };
        spoke.iter().map(number).collect()
    };
    let (world, _, spoke) = overfeed(SlowPolicy::DropNewest);
    assert_eq!(numbers(&spoke), (0..10).collect::<Vec<_>>());
    assert_eq!(world.handle.stats().dropped, 20);

    let (world, _, spoke) = overfeed(SlowPolicy::DropOldest);
    // The first is with the kernel.
    let expected: Vec<_> = [0].into_iter().chain(21..30).collect();
    assert_eq!(numbers(&spoke), expected);
    assert_eq!(world.handle.stats().dropped, 20);

    let (mut world, conn, spoke) = overfeed(SlowPolicy::Close);
    assert_eq!(
        spoke[1..],
        [Said::Close(1013, "reads too slowly".into())],
        "behind what was with the kernel"
    );
    world.script.fin(conn);
    world.settle();
    assert_eq!(world.end().cause, "SlowConsumer");
    assert_eq!(world.handle.stats().slow, 1);
}

#[test]
fn a_server_that_does_not_take_its_answers_is_not_read() {
    let mut world = World::with(Recorder::echo(), slow(SlowPolicy::Close));
    let conn = world.open_out();
    world.script.takes(conn, Takes::Nothing);
    for _ in 0..100 {
        world.script.feed(conn, &says(&"x".repeat(1000)));
    }
    world.settle();
    assert!(!world.script.is_reading(conn));
    assert!(world.queued() < 5_000);
    world.script.takes(conn, Takes::Each(700));
    world.settle();
    assert_eq!(world.spoke(conn).len(), 100);
    assert_eq!(world.gone(conn), None);
}

// --- topics ------------------------------------------------------------------------------------

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
        assert_eq!(world.said(theirs), [text(&message)]);
        assert_eq!(world.script.out(ours[0]), b"");
        let copies = [ours[1], ours[2]].map(|conn| unmask(&world.script.take_out(conn)));
        for (plain, _) in &copies {
            assert_eq!(said(plain), [text(&message)]);
        }
        assert_ne!(copies[0].1, copies[1].1);
    }
    world.handle.publish("news", "from outside").expect("room");
    world.settle();
    for conn in ours {
        assert_eq!(world.spoke(conn), [text("from outside")]);
    }
}

// --- workers and their mailboxes ---------------------------------------------------------------

#[test]
fn workers_take_turns_to_dial() {
    let crew = (0..3).map(|_| Recorder::silent()).collect();
    let mut worlds = World::crew(crew, Config::default());
    for name in 0..6 {
        let connect = Connect::new(somewhere(), guest(name));
        worlds[0].handle.connect(connect).expect("room");
    }
    settle_all(&mut worlds);
    for world in &worlds {
        assert_eq!(world.script.dialled().len(), 2);
    }
}

// What is dialled counts as load, and is the same for all: nobody is handed over for it.
#[test]
fn who_comes_in_stays_where_others_have_dialled() {
    let mut worlds = World::crew(vec![Recorder::echo(), Recorder::echo()], Config::default());
    for name in 0..100 {
        let connect = Connect::new(somewhere(), guest(name));
        worlds[0].handle.connect(connect).expect("room");
    }
    settle_all(&mut worlds);
    let conns: Vec<_> = (0..30).map(|_| worlds[0].open()).collect();
    settle_all(&mut worlds);
    for conn in conns {
        worlds[0].feed(conn, &support::text("here"));
        assert_eq!(worlds[0].said(conn), [text("here")]);
    }
    for (world, expected) in worlds.iter().zip([80, 50]) {
        assert_eq!(world.worker.load().0, expected);
    }
}

#[test]
fn a_callback_dials_through_its_handle() {
    let mut world = World::new(Recorder::new(|peer, told| {
        if let Told::Text(text) = told {
            let connect = Connect::new(somewhere(), guest(text.parse().expect("a name")));
            peer.handle().connect(connect).expect("room");
        }
    }));
    let conn = world.open();
    world.feed(conn, &support::text("5"));
    let dialled = world.script.dialled()[0];
    world.agree(dialled, "", &says("6"));
    // One that was dialled dials as well.
    let second = world.script.dialled()[1];
    world.script.reset(second);
    world.settle();
    assert_eq!(world.unopened(), [(6, "Io(ConnectionReset)".into())]);
    assert_eq!(world.handle.connections(), 2);
}

#[test]
fn a_full_mailbox_gives_back_what_was_to_be_opened() {
    let mut world = World::with(
        Recorder::silent(),
        config(|config| config.mailbox_max = 100),
    );
    // One always fits an empty mailbox.
    let connect = Connect::new(somewhere(), guest(1));
    world.handle.connect(connect).expect("it is empty");
    let connect = Connect::new(somewhere(), guest(2));
    let Full(back) = world.handle.connect(connect).expect_err("full");
    world.settle();
    world.handle.connect(back).expect("room");
    world.settle();
    let conns = world.script.dialled();
    assert_eq!(conns.len(), 2);
    for conn in conns {
        world.script.reset(conn);
    }
    world.settle();
    let names: Vec<_> = world.unopened().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, [1, 2]);
    let connect: Connect<Guest> = Connect::new(somewhere(), guest(3));
    assert_eq!(connect.into_state().name, 3);
}
