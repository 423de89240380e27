//! Answers: what opens the connection, and what comes with it; what does not (C4 to C11).

use super::server::{assert_unopened, frame, goodbye, says};
use crate::support::*;

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
            text_said("one"),
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
