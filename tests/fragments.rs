//! Messages in parts (RFC 6455 5.4): any number of fragments, any size, control frames between them.

mod support;

use support::*;
use ws4rs::proto::{Event, Input, Rules, Stream, Violation};
use ws4rs::{Config, Message, Owned};

fn first(opcode: u8, payload: &str) -> Vec<u8> {
    Frame::new(opcode, payload).begins().bytes()
}

fn more(payload: &str) -> Vec<u8> {
    Frame::new(CONTINUATION, payload).begins().bytes()
}

fn last(payload: &str) -> Vec<u8> {
    Frame::new(CONTINUATION, payload).bytes()
}

// F12
fn refused(frames: &[u8], violation: &str) {
    let played = echo(frames);
    assert_eq!(played.close_code(), 1002);
    assert_eq!(played.cause(), format!("Protocol({violation})"));
}

#[test]
fn fragments_become_one_message() {
    let played = echo(&[first(TEXT, "a"), more("b"), more("c"), last("d")].concat());
    assert_eq!(played.said(), [text_said("abcd")]);
    let played = echo(&[first(BINARY, "ab"), last("cd")].concat());
    assert_eq!(played.said(), [Said::Binary(b"abcd".to_vec())]);
}

// F9
#[test]
fn control_frames_between_fragments_are_answered_at_once() {
    let bytes = [
        first(TEXT, "a"),
        ping(b"1"),
        more("b"),
        ping(b"22"),
        pong(b"unasked"),
        last("c"),
        ping(b"3"),
    ];
    let played = echo(&bytes.concat());
    assert_eq!(
        played.said(),
        [
            Said::Pong(b"1".into()),
            Said::Pong(b"22".into()),
            text_said("abc"),
            Said::Pong(b"3".into()),
        ]
    );
    assert!(played.told.contains(&Told::Pong(b"unasked".into())));
}

// F9: a split control frame inside a fragment's neighbours leaves the message as it was.
#[test]
fn the_longest_control_frames_fit_between_fragments() {
    let long = [b'x'; 125];
    let bytes = [
        first(TEXT, "κόσμ"),
        ping(&long),
        more(""),
        pong(&long),
        last("ε"),
    ];
    let played = echo(&bytes.concat());
    assert_eq!(
        played.said(),
        [Said::Pong(long.to_vec()), text_said("κόσμε")]
    );
}

// F9, L6: a Close between fragments ends it; the message is not told.
#[test]
fn a_close_between_fragments_is_answered_and_the_message_given_up() {
    let played = echo(&[first(TEXT, "half"), close(1000, "bye"), last("never")].concat());
    assert_eq!(played.said(), [Said::Close(1000, String::new())]);
    assert_eq!(played.cause(), "Peer");
    assert!(!played.told.iter().any(|told| matches!(told, Told::Text(_))));
}

// F12
#[test]
fn a_continuation_of_nothing_is_refused() {
    refused(&last("x"), "NothingToContinue");
    refused(&more("x"), "NothingToContinue");
    refused(
        &[first(TEXT, "a"), last("b"), last("c")].concat(),
        "NothingToContinue",
    );
    refused(&[text("whole"), more("c")].concat(), "NothingToContinue");
}

// F12
#[test]
fn a_new_message_inside_a_message_is_refused() {
    for opcode in [TEXT, BINARY] {
        for begun in [TEXT, BINARY] {
            let whole = Frame::new(opcode, "b").bytes();
            refused(&[first(begun, "a"), whole].concat(), "ContinuationExpected");
            refused(
                &[first(begun, ""), first(opcode, "b")].concat(),
                "ContinuationExpected",
            );
        }
    }
}

// F13
#[test]
fn empty_fragments_are_legal_anywhere() {
    for opcode in [TEXT, BINARY] {
        let said = |text: &str| match opcode {
            TEXT => text_said(text),
            _ => Said::Binary(text.into()),
        };
        let none = [first(opcode, ""), more(""), last("")].concat();
        assert_eq!(echo(&none).said(), [said("")]);
        let some = [first(opcode, ""), more("a"), more(""), last("")].concat();
        assert_eq!(echo(&some).said(), [said("a")]);
        let end = [first(opcode, "ab"), last("")].concat();
        assert_eq!(echo(&end).said(), [said("ab")]);
    }
}

// F7
#[test]
fn control_frames_are_not_fragmented() {
    for opcode in [PING, PONG, CLOSE] {
        refused(
            &Frame::new(opcode, []).begins().bytes(),
            "ControlFragmented",
        );
    }
    refused(
        &[first(TEXT, "a"), first(PING, "b")].concat(),
        "ControlFragmented",
    );
}

// P14, P4: a hundred thousand fragments cost their bytes and nothing each.
#[test]
fn a_fragment_costs_its_bytes_and_nothing_more() {
    let mut world = World::with(Recorder::silent(), Config::default());
    let conn = world.open();
    world.feed(conn, &first(BINARY, "x"));
    let frame = more("y");
    let receive = frame.repeat(2048);
    for turn in 1..=10 {
        world.script.feed(conn, &receive);
        world.turn();
        let received = 1 + turn * 2048;
        let held = world.memory();
        assert!(
            held >= received && held <= 2 * received + KEPT_CLEAR,
            "{received} received, {held} held"
        );
    }
    // Empty ones cost nothing at all.
    let held = world.memory();
    world.feed(conn, &more("").repeat(20_000));
    assert_eq!(world.memory(), held);
    world.feed(conn, &last(""));
    assert_eq!(world.memory(), 0);
    assert!(matches!(
        world.told().last(),
        Some(Told::Binary(bytes)) if bytes.len() == 20_481
    ));
}

// L10
#[test]
fn an_unfinished_message_is_freed_with_its_connection() {
    let mut world = World::new(Recorder::silent());
    let conn = world.open();
    world.feed(conn, &first(TEXT, &"x".repeat(1000)));
    assert!(world.memory() >= 1000);
    world.script.reset(conn);
    world.settle();
    world.assert_empty();
    assert_eq!(world.end().code, 1006);
}

#[test]
fn a_message_that_was_gathered_may_be_moved_out() {
    let rules = Rules::client(1 << 20);
    let mut stream = Stream::new();
    let mut bytes = *b"\x01\x02gr\x80\x05\xC3\xBC\xC3\x9Fe\x81\x01x";
    let mut input = Input::new(&mut bytes);
    let event = stream.next(&mut input, &rules, false).unwrap();
    assert_eq!(event, Some(Event::Message(Message::Text("grüße"))));
    assert_eq!(stream.take_lent(), Some(Owned::from("grüße")));
    assert_eq!((stream.take_lent(), stream.held()), (None, 0));
    // One that lay in the input is not moved.
    let event = stream.next(&mut input, &rules, false).unwrap();
    assert_eq!(event, Some(Event::Message(Message::Text("x"))));
    assert_eq!(stream.take_lent(), None);
    assert_eq!(stream.next(&mut input, &rules, false), Ok(None));
}

// What a thread uses again is empty, whatever is done with a stream after its error.
#[test]
fn what_an_error_leaves_behind_meets_nobody_else() {
    let rules = Rules::client(1 << 20);
    let mut stream = Stream::new();
    let mut bytes = *b"\x01\x02gr\x80\x01\xC3";
    let event = stream.next(&mut Input::new(&mut bytes), &rules, false);
    assert_eq!(event, Err(Violation::NotUtf8));
    assert_eq!(stream.take_lent(), None);
    stream.let_go();
    drop(stream);

    let mut stream = Stream::new();
    let mut bytes = *b"\x01\x01a\x80\x01b";
    let event = stream.next(&mut Input::new(&mut bytes), &rules, false);
    assert_eq!(event, Ok(Some(Event::Message(Message::Text("ab")))));
}

// What is long is read straight to where it is held, and what is behind it as usual.
#[test]
fn long_messages_come_as_they_were_said_however_they_come() {
    let long = "grüße 你好 🌊 ".repeat(500);
    let bytes = [
        text(&long),
        text("short"),
        first(TEXT, &long[..5000]),
        more(&long[5000..9000]),
        ping(b"1"),
        last(&long[9000..]),
        binary(&[7; 8192]),
        text("short again"),
        close(1000, ""),
    ];
    let played = echo(&bytes.concat());
    assert_eq!(
        played.said(),
        [
            text_said(&long),
            text_said("short"),
            Said::Pong(b"1".into()),
            text_said(&long),
            Said::Binary(vec![7; 8192]),
            text_said("short again"),
            Said::Close(1000, String::new()),
        ]
    );
}

// 8.1: not UTF-8, far inside.
#[test]
fn a_bad_octet_in_what_is_read_to_where_it_is_held_is_refused() {
    let mut long = "ü".repeat(10_000).into_bytes();
    long[15_001] = b'x';
    let played = echo(&Frame::new(TEXT, long).bytes());
    assert_eq!(played.close_code(), 1007);
}

// A peer that ends, or is cut off, in the middle of a long message.
#[test]
fn a_long_message_may_end_with_its_connection() {
    for fin in [true, false] {
        let mut world = World::new(Recorder::silent());
        let conn = world.open();
        let bytes = binary(&[7; 100_000]);
        for part in bytes[..90_000].chunks(9_000) {
            world.script.feed(conn, part);
        }
        match fin {
            true => world.script.fin(conn),
            false => {
                world.settle();
                world.script.reset(conn);
            }
        }
        world.settle();
        world.assert_empty();
        assert_eq!(world.end().code, 1006);
    }
}

// Who stops because others are to have their turn, and has more to bring, keeps the room for it.
#[test]
fn the_room_of_a_long_message_is_kept_while_others_have_their_turn() {
    let mut world = World::with(
        Recorder::silent(),
        config(|config| config.message_max = 4 << 20),
    );
    let conn = world.open();
    let bytes = binary(&[7; 4 << 20]);
    let (begin, rest) = bytes.split_at(64 << 10);
    world.script.feed(conn, begin);
    world.script.feed(conn, rest);
    world.told();
    world.turn();
    assert!(world.script.has_unheard(conn));
    // All that is to come, and what lies in front of it.
    assert!(world.memory() > 4 << 20, "{}", world.memory());
    world.settle();
    assert_eq!(world.told().len(), 1);
    assert_eq!(world.memory(), 0);
}

// What is put straight to where it is held is unmasked, checked and told as what was copied there.
#[test]
fn a_long_message_may_be_pulled_in() {
    let rules = Rules::server(4 << 20);
    let text = "plain, and grüße 你好 🌊 ".repeat(40_000);
    for (seed, read) in [1, 7, 1_000, 40_001, 1 << 20].into_iter().enumerate() {
        let text = &text[..if read < 100 { 40_000 } else { text.len() }];
        let mut bytes = Frame::new(TEXT, text).bytes();
        let (head, rest) = bytes.split_at_mut(20 + seed);
        let mut stream = Stream::new();
        let mut input = Input::new(head);
        assert_eq!(stream.next(&mut input, &rules, false), Ok(None));
        let mut rest = &*rest;
        while !rest.is_empty() {
            let part = &rest[..rest.len().min(read)];
            let count = stream.pull(|room| fill(room, part)).unwrap();
            assert!(count > 0);
            rest = &rest[count..];
        }
        assert_eq!(stream.pull(|_| unreachable!("all has come")), Ok(0));
        let event = stream.next(&mut input, &rules, false);
        assert_eq!(event, Ok(Some(Event::Message(Message::Text(text)))));
    }
}

#[test]
fn what_is_pulled_in_is_checked_at_once() {
    let mut bytes = Frame::new(TEXT, vec![0xff; 100_000]).bytes();
    bytes[14 + 10..].reverse();
    let mut good = Frame::new(TEXT, vec![b'x'; 100_000]).bytes();
    let rules = Rules::server(1 << 20);
    let mut stream = Stream::new();
    let mut input = Input::new(&mut good[..100]);
    assert_eq!(stream.next(&mut input, &rules, false), Ok(None));
    let pulled = stream.pull(|room| fill(room, &bytes[50_000..50_010]));
    assert_eq!(pulled, Err(Violation::NotUtf8));
}

#[test]
fn nothing_short_is_pulled_in_and_nothing_only_announced() {
    let rules = Rules::server(1 << 20);
    let short = Frame::new(BINARY, [1; 8_000]).bytes();
    let ping = Frame::new(PING, [1; 100]).bytes();
    let long = Frame::new(BINARY, [1; 100_000]).bytes();
    for bytes in [&short[..5_000], &ping[..50], &long[..14], &long[..5], &[]] {
        let mut stream = Stream::new();
        let mut bytes = bytes.to_vec();
        let mut input = Input::new(&mut bytes);
        assert_eq!(stream.next(&mut input, &rules, false), Ok(None));
        let held = stream.held();
        assert_eq!(stream.pull(|_| unreachable!("not asked for")), Ok(0));
        assert_eq!(stream.held(), held);
    }
}
