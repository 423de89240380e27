//! The closing handshake and every other end (RFC 6455 5.5.1, 7).

mod support;

use support::*;
use ws4rs::internal::reactor::Close;
use ws4rs::{CloseCode, Config};

/// A handler that closes when it is told "close".
fn closer() -> Recorder {
    Recorder::new(|peer, told| {
        if let Told::Text(text) = told {
            match text.as_str() {
                "close" => peer.close(CloseCode::GOING_AWAY, "so long"),
                "terminate" => peer.terminate(),
                other => {
                    peer.text(other);
                }
            }
        }
    })
}

// L1
#[test]
fn a_close_payload_of_one_byte_is_refused() {
    let played = echo(&Frame::new(CLOSE, [3]).bytes());
    assert_eq!(played.close_code(), 1002);
    assert_eq!(played.cause(), "Protocol(CloseTruncated)");
}

// L2, L6
#[test]
fn every_code_that_may_be_sent_is_echoed() {
    let codes = (1000..=1003)
        .chain(1007..=1014)
        .chain([3000, 3999, 4000, 4999]);
    for code in codes {
        let played = echo(&close(code, "why"));
        assert_eq!(played.said(), [Said::Close(code, String::new())]);
        let Some(Told::Close(end)) = played.told.last() else {
            panic!("no end: {:?}", played.told);
        };
        assert_eq!((end.code, &*end.reason, end.by_peer), (code, "why", true));
        assert_eq!(end.cause, "Peer");
    }
}

// L3, L4
#[test]
fn every_other_code_is_refused_with_1002() {
    let codes = [
        0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535,
    ];
    for code in codes {
        let played = echo(&close(code, ""));
        assert_eq!(played.close_code(), 1002, "{code}");
        assert_eq!(played.cause(), "Protocol(CloseCodeInvalid)");
    }
}

// L4
#[test]
fn an_empty_close_is_answered_by_an_empty_close() {
    let played = echo(&close_empty());
    assert_eq!(played.bytes, [0x88, 0x00]);
    let Some(Told::Close(end)) = played.told.last() else {
        panic!("no end");
    };
    assert_eq!((end.code, end.by_peer), (1005, true));
}

// L4: a code that never goes on the wire is not sent when a handler asks for it.
#[test]
fn a_code_that_may_not_be_sent_sends_none() {
    for code in [CloseCode::NO_STATUS, CloseCode::ABNORMAL] {
        let handler = move || Recorder::new(move |peer, _| peer.close(code, "reason"));
        let mut world = World::new(handler());
        let conn = world.open();
        assert_eq!(world.said(conn), [Said::Close(0, String::new())]);
    }
}

// L5
#[test]
fn a_reason_that_is_not_utf8_is_refused() {
    let reasons: [&[u8]; 3] = [&[0xFF], &[0xC3], b"ok\xED\xA0\x80"];
    for reason in reasons {
        let payload = [&1000_u16.to_be_bytes(), reason].concat();
        let played = echo(&Frame::new(CLOSE, payload).bytes());
        assert_eq!(played.close_code(), 1007);
        assert_eq!(played.cause(), "Protocol(NotUtf8)");
    }
    let longest = "é".repeat(61) + "!";
    let played = echo(&close(1000, &longest));
    assert_eq!(played.said(), [Said::Close(1000, String::new())]);
}

// L7: behind the peer's Close nothing has a meaning, and nothing of ours follows our own.
#[test]
fn nothing_is_processed_behind_the_peers_close() {
    let bytes = [
        text("before"),
        close(1000, ""),
        text("after"),
        ping(b"after"),
        vec![0xFF; 20],
    ];
    let played = echo(&bytes.concat());
    assert_eq!(
        played.said(),
        [
            Said::Text("before".into()),
            Said::Close(1000, String::new())
        ]
    );
    assert_eq!(played.gone, Some(Gone::Finished));
}

// L7: after ours, incoming data is checked and limited, not delivered.
#[test]
fn after_our_close_nothing_is_delivered_and_everything_checked() {
    let bytes = [
        text("close"),
        text("late"),
        ping(b"late"),
        close(4000, "bye"),
    ];
    let played = play(closer, &Config::default(), &bytes.concat());
    assert_eq!(played.said(), [Said::Close(1001, "so long".into())]);
    assert_eq!(played.gone, Some(Gone::Finished));
    assert_eq!(played.cause(), "Local");
    assert_eq!(played.told.len(), 3, "{:?}", played.told);

    let bytes = [text("close"), vec![0x83, 0x80]].concat();
    let played = play(closer, &Config::default(), &bytes);
    assert_eq!(played.said(), [Said::Close(1001, "so long".into())]);
    assert_eq!(played.gone, Some(Gone::Finished));
}

// L8: the server closes TCP first, once both have said Close and ours has left.
#[test]
fn tcp_is_closed_when_both_have_closed_and_not_before() {
    let mut world = World::new(closer());
    let conn = world.open();
    world.feed(conn, &text("close"));
    assert_eq!(world.script.close_asked(conn), None);
    world.script.polite(conn, false);
    world.feed(conn, &close(1001, ""));
    assert!(world.script.close_asked(conn).is_some());
    assert_eq!(world.gone(conn), None);
    world.script.fin(conn);
    world.settle();
    assert_eq!(world.gone(conn), Some(Gone::Finished));
    world.assert_empty();
}

// L8, L9, P11: in bounded time, whatever the peer does.
#[test]
fn a_peer_that_never_answers_our_close_is_cut() {
    let mut world = World::new(closer());
    let conn = world.open();
    world.feed(conn, &text("close"));
    world.pass(seconds(4));
    assert_eq!(world.gone(conn), None);
    world.pass(seconds(2));
    assert_eq!(world.gone(conn), Some(Gone::Aborted));
    let end = world.end();
    assert_eq!((&*end.cause, end.code), ("Local", 1001));
    world.assert_empty();
}

// L9: the Close of a violation goes behind what was said before, also to a slow reader.
#[test]
fn a_violation_is_told_in_the_close_frame_behind_the_rest() {
    let mut world = World::new(Recorder::echo());
    let conn = world.open();
    world.script.takes(conn, Takes::Nothing);
    world.feed(conn, &text("queued"));
    world.feed(
        conn,
        &[
            text("too"),
            Frame::new(TEXT, "x").rsv(2).bytes(),
            text("no"),
        ]
        .concat(),
    );
    world.script.takes(conn, Takes::Each(1));
    world.settle();
    assert_eq!(
        world.said(conn),
        [
            Said::Text("queued".into()),
            Said::Text("too".into()),
            Said::Close(1002, String::new())
        ]
    );
    assert_eq!(world.gone(conn), Some(Gone::Finished));
    world.assert_empty();
}

// L10
#[test]
fn a_fin_or_a_reset_at_any_byte_frees_the_connection_with_1006() {
    let conversation = [
        REQUEST.to_vec(),
        text("Hello"),
        Frame::new(TEXT, "ha").begins().bytes(),
    ];
    let bytes = conversation.concat();
    for cut in 0..=bytes.len() {
        for reset in [false, true] {
            let mut world = World::new(Recorder::echo());
            let conn = world.connect();
            world.feed(conn, &bytes[..cut]);
            if reset {
                world.script.reset(conn);
            } else {
                world.script.fin(conn);
            }
            world.settle();
            assert!(world.gone(conn).is_some(), "{cut} {reset}");
            world.assert_empty();
            let ends = world.worker.handler().ends();
            assert_eq!(ends.len(), usize::from(cut >= REQUEST.len()));
            if let [end] = &ends[..] {
                assert_eq!(end.code, 1006);
                assert!(end.cause.starts_with("Lost("), "{}", end.cause);
            }
        }
    }
}

// L10: behind a Close the peer's code is what is told.
#[test]
fn a_fin_behind_a_close_is_a_clean_end() {
    for slow in [Takes::All, Takes::Each(1)] {
        let mut world = World::new(Recorder::echo());
        let conn = world.open();
        world.script.takes(conn, slow);
        world
            .script
            .feed(conn, &[text("last words"), close(1000, "done")].concat());
        world.script.fin(conn);
        world.settle();
        assert_eq!(
            world.said(conn),
            [
                Said::Text("last words".into()),
                Said::Close(1000, String::new())
            ]
        );
        let end = world.end();
        assert_eq!(
            (&*end.cause, end.code, &*end.reason),
            ("Peer", 1000, "done")
        );
        world.assert_empty();
    }
}

#[test]
fn a_fin_without_a_close_still_gets_its_replies() {
    let mut world = World::new(Recorder::echo());
    let conn = world.open();
    world.script.feed(conn, &text("one more"));
    world.script.fin(conn);
    world.settle();
    assert_eq!(world.said(conn), [Said::Text("one more".into())]);
    assert_eq!(world.gone(conn), Some(Gone::Finished));
}

#[test]
fn terminating_cuts_without_a_word() {
    let mut world = World::new(closer());
    let conn = world.open();
    world.feed(conn, &[text("a"), text("terminate"), text("b")].concat());
    assert_eq!(world.gone(conn), Some(Gone::Aborted));
    let end = world.end();
    assert_eq!((&*end.cause, end.code), ("Terminated", 1006));
    assert!(end.unsent > 0, "the reply to a");
    world.assert_empty();
}

#[test]
fn a_handler_may_close_inside_on_open() {
    let handler = Recorder::new(|peer, told| {
        if *told == Told::Open {
            peer.text("welcome");
            peer.close(CloseCode::POLICY, "not you");
            peer.text("never said");
        }
    });
    let mut world = World::new(handler);
    let conn = world.open();
    let said = [
        Said::Text("welcome".into()),
        Said::Close(1008, "not you".into()),
    ];
    assert_eq!(world.said(conn), said);
    world.feed(conn, &close(1008, ""));
    assert_eq!(world.gone(conn), Some(Gone::Finished));
    assert_eq!(world.end().cause, "Local");
}

// A Close said while the peer is not read: the peer's answer is looked at all the same.
#[test]
fn a_paused_connection_can_be_closed_cleanly() {
    let handler = Recorder::new(|peer, told| {
        if let Told::Text(text) = told {
            peer.pause(true);
            if text == "close" {
                peer.close(CloseCode::NORMAL, "");
            }
        }
    });
    let mut world = World::new(handler);
    let conn = world.open();
    world.feed(conn, &[text("close"), text("held")].concat());
    assert_eq!(world.said(conn), [Said::Close(1000, String::new())]);
    world.feed(conn, &close(1000, ""));
    assert_eq!(world.gone(conn), Some(Gone::Finished));
    world.assert_empty();
}

// L4: the time for the peer's FIN begins when our last bytes have left; before, it is the closing's.
#[test]
fn a_close_that_does_not_leave_at_once_has_the_time_of_a_closing() {
    for leaves in [true, false] {
        let mut world = World::new(Recorder::silent());
        let conn = world.open();
        world.script.takes(conn, Takes::Nothing);
        world.script.polite(conn, false);
        world.feed(conn, &close(1000, ""));
        assert_eq!(world.script.close_asked(conn), Some(Close::Finish));
        world.pass(seconds(4));
        assert_eq!(world.gone(conn), None);
        if leaves {
            world.script.takes(conn, Takes::All);
            world.settle();
            assert_eq!(world.said(conn), [Said::Close(1000, String::new())]);
            assert_eq!(world.gone(conn), None);
        }
        world.pass(seconds(2));
        assert_eq!(world.gone(conn), Some(Gone::Aborted));
        world.assert_empty();
    }
}

// A closing that nobody finishes ends in its time, whatever dribbles out meanwhile.
#[test]
fn the_close_deadline_is_not_put_off() {
    let mut world = World::new(closer());
    let conn = world.open();
    world.script.takes(conn, Takes::Nothing);
    world.pass(seconds(26));
    // Not by a message: that would be as good as a pong.
    world
        .handle
        .drain(ws4rs::Drain::default().wait(seconds(60)));
    world.settle();
    for _ in 0..7 {
        world.script.takes(conn, Takes::Each(3));
        world.turn();
        world.script.takes(conn, Takes::Nothing);
        world.pass(seconds(1));
    }
    assert_eq!(world.gone(conn), Some(Gone::Aborted));
}

// One Close, whoever says it first.
#[test]
fn when_both_close_at_once_each_says_it_once() {
    let mut world = World::new(closer());
    let conn = world.open();
    world.script.takes(conn, Takes::Nothing);
    world.feed(conn, &[text("close"), close(4001, "mine")].concat());
    world.script.takes(conn, Takes::All);
    world.settle();
    assert_eq!(world.said(conn), [Said::Close(1001, "so long".into())]);
    assert_eq!(world.gone(conn), Some(Gone::Finished));
}
