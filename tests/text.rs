//! Text is UTF-8 (RFC 6455 5.6, 8.1), checked as it arrives: against a decoder of our own, in every
//! fragmentation. The cases are those of the Autobahn suite's section 6, and more.

mod support;

use support::*;

/// RFC 3629 4, as its grammar has it: how many bytes the first bad octet is behind, or nothing.
fn first_bad(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < bytes.len() {
        let (second, tail) = match bytes[at] {
            0x00..=0x7F => {
                at += 1;
                continue;
            }
            0xC2..=0xDF => (0x80..=0xBF, 0),
            0xE0 => (0xA0..=0xBF, 1),
            0xED => (0x80..=0x9F, 1),
            0xE1..=0xEF => (0x80..=0xBF, 1),
            0xF0 => (0x90..=0xBF, 2),
            0xF4 => (0x80..=0x8F, 2),
            0xF1..=0xF3 => (0x80..=0xBF, 2),
            _ => return Some(at),
        };
        for (offset, range) in
            (1..).zip(std::iter::once(second).chain(std::iter::repeat_n(0x80..=0xBF, tail)))
        {
            match bytes.get(at + offset) {
                None => return Some(bytes.len()),
                Some(byte) if !range.contains(byte) => return Some(at + offset),
                Some(_) => {}
            }
        }
        at += 2 + tail;
    }
    None
}

const GOOD: &[&[u8]] = &[
    b"",
    b"Hello",
    "Hello-µ@ßöäüàá-UTF-8!!".as_bytes(),
    "κόσμε".as_bytes(),
    b"\x00",
    b"\x7F",
    b"\xC2\x80",
    b"\xDF\xBF",
    b"\xE0\xA0\x80",
    b"\xED\x9F\xBF",
    b"\xEE\x80\x80",
    b"\xEF\xBF\xBD",
    b"\xEF\xBF\xBF",
    b"\xEF\xBB\xBF",
    b"\xF0\x90\x80\x80",
    b"\xF4\x8F\xBF\xBF",
    b"\xF0\x9F\x98\x80\xF0\x9F\x98\x81",
];

const BAD: &[&[u8]] = &[
    b"\x80",
    b"\xBF\x80",
    b"\xC0\x80",
    b"\xC1\xBF",
    b"\xC2",
    b"\xC2A",
    b"\xE0\x80\x80",
    b"\xE0\x9F\xBF",
    b"\xE1\x80",
    b"\xED\xA0\x80",
    b"\xED\xBF\xBF",
    b"\xED\xA0\x80\xED\xB0\x80",
    b"\xF0\x80\x80\x80",
    b"\xF0\x8F\xBF\xBF",
    b"\xF0\x90\x80",
    b"\xF4\x90\x80\x80",
    b"\xF5\x80\x80\x80",
    b"\xF8\x88\x80\x80\x80",
    b"\xFC\x84\x80\x80\x80\x80",
    b"\xFE",
    b"\xFF",
    b"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80edited",
    b"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4\x90\x80\x80edited",
];

/// Plays text in one frame, and in two fragments cut at each byte, and asks the twin.
fn check(bytes: &[u8]) {
    let valid = first_bad(bytes).is_none();
    assert_eq!(valid, std::str::from_utf8(bytes).is_ok(), "the twin itself");
    let asked = |frames: &[u8]| {
        let mut world = World::new(Recorder::echo());
        let conn = world.open();
        world.feed(conn, frames);
        let said = world.said(conn);
        match valid {
            true => assert_eq!(said, [Said::Text(String::from_utf8_lossy(bytes).into())]),
            false => {
                assert_eq!(said, [Said::Close(1007, String::new())], "{bytes:x?}");
                assert_eq!(world.end().cause, "Protocol(NotUtf8)");
            }
        }
    };
    asked(&Frame::new(TEXT, bytes).bytes());
    for cut in 0..=bytes.len() {
        let first = Frame::new(TEXT, &bytes[..cut]).begins().bytes();
        let last = Frame::new(CONTINUATION, &bytes[cut..]).bytes();
        asked(&[first, last].concat());
    }
    let each = bytes.iter().enumerate().map(|(at, byte)| {
        let opcode = if at == 0 { TEXT } else { CONTINUATION };
        Frame::new(opcode, [*byte]).begins().bytes()
    });
    let mut frames: Vec<u8> = each.collect::<Vec<_>>().concat();
    let opcode = if bytes.is_empty() { TEXT } else { CONTINUATION };
    // F15: also before an empty final fragment.
    frames.extend(Frame::new(opcode, []).bytes());
    asked(&frames);
}

// F14, F15
#[test]
fn text_is_taken_if_and_only_if_it_is_utf8() {
    for bytes in GOOD.iter().chain(BAD) {
        check(bytes);
        // Deep inside a frame that is long enough for registers.
        check(&[&[b'x'; 61], *bytes].concat());
        check(&[*bytes, &[b'y'; 40]].concat());
    }
}

// F14, F18: in every segmentation of the receives too.
#[test]
fn a_code_point_may_be_split_anywhere() {
    let words = "aµ€😀".repeat(6);
    let (left, right) = words.as_bytes().split_at(17);
    let frames = [
        Frame::new(TEXT, left).begins().bytes(),
        ping(b"\xFF"),
        Frame::new(CONTINUATION, right).bytes(),
    ];
    let played = echo(&frames.concat());
    assert_eq!(
        played.said(),
        [Said::Pong(vec![0xFF]), Said::Text(words.clone())]
    );
    let played = echo(&Frame::new(TEXT, [words.as_bytes(), b"\xC3"].concat()).bytes());
    assert_eq!(played.close_code(), 1007);
}

// F14, F8: failed at the first bad octet; what is missing of the frame is not awaited.
#[test]
fn bad_text_fails_at_its_first_bad_octet() {
    for bytes in BAD {
        let Some(bad) = first_bad(bytes).filter(|at| *at < bytes.len()) else {
            continue;
        };
        for announced in [bytes.len() + 1, 5000] {
            let frame = Frame::new(TEXT, bytes).announced(announced as u64).bytes();
            let head = frame.len() - bytes.len();
            let mut world = World::new(Recorder::echo());
            let conn = world.open();
            for (at, byte) in frame.iter().enumerate() {
                assert_eq!(world.said(conn), [], "{bytes:x?} at {at}");
                world.feed(conn, &[*byte]);
                if at == head + bad {
                    break;
                }
            }
            assert_eq!(world.said(conn), [Said::Close(1007, String::new())]);
        }
    }
}

// F14: binary is nobody's text.
#[test]
fn binary_may_be_anything() {
    for bytes in BAD {
        let parts = [
            Frame::new(BINARY, bytes).begins().bytes(),
            Frame::new(CONTINUATION, bytes).bytes(),
        ];
        let mut world = World::new(Recorder::echo());
        let conn = world.open();
        world.feed(conn, &parts.concat());
        assert_eq!(world.said(conn), [Said::Binary([*bytes, bytes].concat())]);
    }
}

// F14: seeded texts with seeded faults, in seeded cuts.
#[test]
fn agrees_with_a_naive_decoder_on_anything() {
    let mut random = Random(7);
    for _ in 0..300 {
        let mut bytes = Vec::new();
        while bytes.len() < random.below(200) + 1 {
            let good = GOOD[random.below(GOOD.len())];
            bytes.extend_from_slice(good);
            if random.below(24) == 0 {
                bytes.extend_from_slice(BAD[random.below(BAD.len())]);
            }
        }
        let mut world = World::new(Recorder::echo());
        let conn = world.open();
        let frame = Frame::new(TEXT, &bytes).bytes();
        for part in random.cut(&frame) {
            world.script.feed(conn, part);
        }
        world.settle();
        let expected = match String::from_utf8(bytes.clone()) {
            Ok(text) => Said::Text(text),
            Err(_) => Said::Close(1007, String::new()),
        };
        assert_eq!(world.said(conn), [expected]);
        assert_eq!(first_bad(&bytes).is_none(), world.gone(conn).is_none());
    }
}
