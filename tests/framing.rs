//! Frames in and out: every rule of RFC 6455 5.1 and 5.2, through the whole server, in every
//! segmentation.

mod support;

use support::*;

/// What breaks a rule is told with this code, and the message before it was answered.
fn refused(frame: &[u8], code: u16, violation: &str) {
    let played = echo(&[text("before"), frame.to_vec()].concat());
    let said = played.said();
    assert_eq!(said[0], Said::Text("before".into()), "{violation}");
    assert_eq!(said[1..], [Said::Close(code, String::new())], "{violation}");
    assert_eq!(played.cause(), format!("Protocol({violation})"));
    assert_eq!(played.gone, Some(Gone::Finished), "{violation}");
}

#[test]
fn text_and_binary_come_back_as_they_were() {
    let played = echo(&[text("Hello"), binary(&[0, 1, 255]), text("")].concat());
    assert_eq!(
        played.said(),
        [
            Said::Text("Hello".into()),
            Said::Binary(vec![0, 1, 255]),
            Said::Text(String::new())
        ]
    );
    assert_eq!(played.gone, None);
}

// F1
#[test]
fn an_unmasked_frame_is_refused() {
    for opcode in [TEXT, BINARY, PING, PONG, CLOSE] {
        let frame = Frame::new(opcode, []).unmasked().bytes();
        refused(&frame, 1002, "UnmaskedFrame");
    }
    refused(
        &Frame::new(TEXT, "abc").unmasked().bytes(),
        1002,
        "UnmaskedFrame",
    );
}

// F2: `said` refuses masked frames; here every kind of them.
#[test]
fn a_servers_frames_are_never_masked() {
    let handler = || {
        Recorder::new(|peer, told| {
            send_back(peer, told);
            if let Told::Text(_) = told {
                peer.ping(b"there?");
                peer.binary(&[7; 200]);
                peer.prepared(&ws4rs::Prepared::text("for many"));
            }
        })
    };
    let bytes = [text("a"), ping(b"b"), close(1000, "")].concat();
    let played = play(handler, &ws4rs::Config::default(), &bytes);
    assert_eq!(
        played.said(),
        [
            Said::Text("a".into()),
            Said::Ping(b"there?".into()),
            Said::Binary(vec![7; 200]),
            Said::Text("for many".into()),
            Said::Pong(b"b".into()),
            Said::Close(1000, String::new()),
        ]
    );
}

// F3
#[test]
fn a_reserved_bit_is_refused_on_every_kind_of_frame() {
    for bits in 1..=7 {
        refused(
            &Frame::new(TEXT, "abc").rsv(bits).bytes(),
            1002,
            "ReservedBit",
        );
    }
    for opcode in [CONTINUATION, BINARY, CLOSE, PING, PONG] {
        refused(&Frame::new(opcode, []).rsv(4).bytes(), 1002, "ReservedBit");
    }
}

// F4
#[test]
fn a_reserved_opcode_is_refused() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let frame = Frame::new(opcode, b"x").bytes();
        refused(&frame, 1002, "ReservedOpcode");
    }
}

// F5
#[test]
fn a_length_that_is_not_in_its_shortest_form_is_refused() {
    for (len, bits) in [(0, 16), (125, 16), (0, 64), (126, 64), (0xFFFF, 64)] {
        let frame = Frame::new(BINARY, vec![1; len]).length_bits(bits);
        refused(&frame.bytes(), 1002, "LengthNotMinimal");
    }
}

// F5: at the edges the shortest form is taken.
#[test]
fn every_form_of_length_is_taken_and_given() {
    for len in [0, 1, 125, 126, 127, 0xFFFF, 0x1_0000] {
        let payload: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let played = echo(&binary(&payload));
        assert_eq!(played.said(), [Said::Binary(payload)], "{len}");
    }
}

// F6
#[test]
fn a_length_with_its_highest_bit_set_is_refused() {
    for len in [1 << 63, u64::MAX] {
        let frame = Frame::new(BINARY, []).announced(len).bytes();
        refused(&frame, 1002, "LengthTooLarge");
    }
}

// F8: each of these is a header, and no payload comes.
#[test]
fn what_breaks_a_rule_is_refused_at_the_header() {
    let header = |frame: Frame| frame.announced(100).bytes();
    refused(&header(Frame::new(TEXT, []).rsv(1)), 1002, "ReservedBit");
    refused(&header(Frame::new(3, [])), 1002, "ReservedOpcode");
    let stray = header(Frame::new(CONTINUATION, []));
    refused(&stray, 1002, "NothingToContinue");
    let long = Frame::new(PING, []).announced(126).bytes();
    refused(&long, 1002, "ControlTooLong");
    let limit = Frame::new(TEXT, []).announced((1 << 20) + 1).bytes();
    refused(&limit, 1009, "TooBig");
}

// F8: the byte that breaks a rule is enough; the header's end is not awaited.
#[test]
fn the_first_offending_byte_is_enough() {
    refused(&[0x83], 1002, "ReservedOpcode");
    refused(&[0xC1], 1002, "ReservedBit");
    refused(&[0x09], 1002, "ControlFragmented");
    refused(&[0x81, 0x05], 1002, "UnmaskedFrame");
    refused(&[0x89, 0xFE], 1002, "ControlTooLong");
    refused(&[0x82, 0xFE, 0, 125], 1002, "LengthNotMinimal");
}

// F18
#[test]
fn every_key_at_every_cut_gives_the_same_payload() {
    let payload: Vec<u8> = (0..67).collect();
    for key in [[0; 4], [255; 4], [1, 2, 3, 4], [0x80, 0, 0, 1]] {
        let bytes = Frame::new(BINARY, &payload).key(key).bytes();
        let again = [bytes.clone(), bytes].concat();
        let twice = [Said::Binary(payload.clone()), Said::Binary(payload.clone())];
        assert_eq!(echo(&again).said(), twice);
    }
}

// F18: many small messages in one receive, and one large message in many.
#[test]
fn coalescing_changes_nothing() {
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    for number in 0..40 {
        bytes.extend(text(&number.to_string()));
        expected.push(Said::Text(number.to_string()));
    }
    assert_eq!(echo(&bytes).said(), expected);
}

// F18, F19: a message over the threshold of the immediate send, whether the line takes it or not.
#[test]
fn large_answers_are_the_same_with_and_without_the_line() {
    let large: Vec<u8> = (0..40_000_u32).map(|at| (at % 253) as u8).collect();
    let bytes = [text("a"), binary(&large), text("b")].concat();
    let expected = [
        Said::Text("a".into()),
        Said::Binary(large.clone()),
        Said::Text("b".into()),
    ];
    assert_eq!(echo(&bytes).said(), expected);
    for taken in [1, 2, 5, 39_999, 40_003] {
        let mut world = World::new(Recorder::echo());
        let conn = world.open();
        world.script.takes(conn, Takes::Each(taken));
        world.feed(conn, &binary(&large));
        assert_eq!(world.said(conn), expected[1..2], "{taken}");
        world.feed(conn, &text("b"));
        assert_eq!(world.said(conn), expected[2..], "{taken}");
    }
}

// F20
#[test]
fn the_state_of_one_connection_never_reaches_another() {
    let mut world = World::new(Recorder::echo());
    let conns: Vec<_> = (0..4).map(|_| world.open()).collect();
    let message = |conn: usize| text(&format!("from {conn}, with some length to cut"));
    let len = message(0).len();
    for at in 0..len {
        for (number, conn) in conns.iter().enumerate() {
            // Each at its own byte, and one of them wrong at the end.
            let bytes = message(number);
            world.script.feed(*conn, &bytes[at..at + 1]);
        }
        world.turn();
        if at == len / 2 {
            world.feed(conns[3], &[0xFF; 3]);
        }
    }
    world.settle();
    for (number, conn) in conns.iter().take(3).enumerate() {
        let expected = format!("from {number}, with some length to cut");
        assert_eq!(world.said(*conn), [Said::Text(expected)]);
    }
}

// What came before a malformed frame in the same receive is answered.
#[test]
fn messages_before_a_malformed_frame_in_the_same_receive_are_told() {
    let played = echo(&[text("1"), text("2"), vec![0x83, 0x80], text("3")].concat());
    let said = played.said();
    assert_eq!(said.len(), 3);
    assert_eq!(said[..2], [Said::Text("1".into()), Said::Text("2".into())]);
    assert_eq!(played.close_code(), 1002);
}
