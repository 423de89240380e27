//! Compressed messages that are none (RFC 7692 6, 7.2.2): refused as soon as it shows, and told why.

mod support;

use support::*;
use ws4rs::Deflate;

fn echo_deflate(frames: &[u8]) -> Played {
    let config = compressing(Deflate::shared());
    play_after(&request_deflate(), Recorder::echo, &config, frames)
}

// D8: at the first byte.
#[test]
fn reserved_bits_that_mean_nothing_are_refused_at_once() {
    let begun = fragments(TEXT, [&[0xf2][..], &[]]).remove(0);
    let plain = Frame::new(TEXT, "a").begins().bytes();
    for before in [&[][..], &begun, &plain] {
        for first in [
            0xC0, 0x40, // RSV1 on a continuation,
            0xC8, 0xC9, 0xCA, // on a control frame,
            0xE1, 0xD2, 0xF1, 0x61, // with RSV2, RSV3 and both,
            0xA1, 0x92, 0xB1, // and those without it.
        ] {
            let played = echo_deflate(&[before, &[first]].concat());
            assert_eq!(played.said(), [Said::Close(1002, String::new())]);
            assert_eq!(played.cause(), "Protocol(ReservedBit)", "{first:#x}");
        }
    }
    // RFC 6455 5.4 comes before what is in it.
    let played = echo_deflate(&[begun, deflated(TEXT, "b")].concat());
    assert_eq!(played.cause(), "Protocol(ContinuationExpected)");
}

// D10, D13
#[test]
fn what_does_not_inflate_is_refused() {
    let good = packed(prose(100));
    let cut = &good[..good.len() - 10];
    let mut broken = good.clone();
    broken[0] |= 0x06; // 1951 3.2.3: a kind of block that there is not.
    let behind = [&good[..], b"\xff\xff more"].concat();
    // 3.2.5: further back than there is anything.
    let far = [0x4b, 0x04, 0x12, 0x00];
    for payload in [cut, &broken, &behind, &far, b"no such thing", &[0xff]] {
        let whole = Frame::new(BINARY, payload).rsv(4).bytes();
        let parts = fragments(BINARY, payload.chunks(1)).concat();
        for frames in [whole, parts] {
            let played = echo_deflate(&[text("before"), frames, text("never")].concat());
            let said = [text_said("before"), Said::Close(1007, String::new())];
            assert_eq!(played.said(), said);
            assert_eq!(played.cause(), "Protocol(Corrupt)");
        }
    }
}

// D15
#[test]
fn text_is_checked_once_it_is_inflated() {
    for bad in [&b"\xff"[..], b"ok \xc3", b"\xed\xa0\x80", b"a\xc0\x80b"] {
        let whole = deflated(TEXT, bad);
        let parts = fragments(TEXT, packed(bad).chunks(1)).concat();
        for frames in [whole, parts] {
            let played = echo_deflate(&frames);
            assert_eq!(played.said(), [Said::Close(1007, String::new())]);
            assert_eq!(played.cause(), "Protocol(NotUtf8)");
        }
        // Bytes are bytes.
        let played = echo_deflate(&deflated(BINARY, bad));
        assert_eq!(played.said(), [Said::Binary(bad.to_vec())]);
    }
}

// D15: a long one is not awaited to its end.
#[test]
fn a_long_text_fails_where_it_is_wrong() {
    let hex: String = noise(60_000)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let good = packed(&hex);
    let mut bytes = hex.into_bytes();
    bytes[1000] = 0xff;
    let bad = packed(&bytes);
    assert!(good.len() > 50_000 && bad.len() > 50_000);
    for (payload, closes) in [(good, false), (bad, true)] {
        let mut world = World::with(Recorder::echo(), compressing(Deflate::shared()));
        let conn = world.open_with(&request_deflate());
        let frame = Frame::new(TEXT, &payload).rsv(4).bytes();
        for part in frame[..40_000].chunks(1000) {
            world.script.feed(conn, part);
        }
        world.settle();
        let said = match closes {
            true => vec![Said::Close(1007, String::new())],
            false => vec![],
        };
        assert_eq!(world.said(conn), said);
    }
}
