//! A head in whatever segments it comes, and with whatever bytes (H26).

use ws4rs::proto::handshake::{HeadLimits, Opening, OriginPolicy};

use super::player::{play_parts, play_whole, read};
use super::requests::{UPGRADE, add, adding, asking, strings};
use crate::head::head;

#[test]
fn h26_a_request_may_arrive_in_any_segmentation() {
    // All of these tests play theirs so; here in three parts, everywhere.
    let request = asking();
    let whole = play_whole(&request);
    for first in 0..request.len() {
        for second in (first..request.len()).step_by(7) {
            let (a, rest) = request.split_at(first);
            let (b, c) = rest.split_at(second - first);
            assert_eq!(play_parts([a, b, c], &HeadLimits::default()), whole);
        }
    }
    // And what has come is kept, no more.
    let mut opening = Opening::default();
    assert_eq!(opening.held(), 0);
    for (n, byte) in request[..50].iter().enumerate() {
        assert!(matches!(
            opening.receive(&mut [*byte], &HeadLimits::default()),
            Ok(None)
        ));
        assert_eq!(opening.held(), n + 1);
    }
}

#[test]
fn h26_a_head_that_came_whole_is_lent_where_it_lies() {
    let mut bytes = [asking(), b"behind".to_vec()].concat();
    let start = bytes.as_ptr();
    let mut opening = Opening::default();
    let (head, behind) = opening
        .receive(&mut bytes, &HeadLimits::default())
        .unwrap()
        .unwrap();
    assert_eq!(head.as_ptr(), start);
    assert_eq!(behind, b"behind");
    assert_eq!(opening.held(), 0);
}

#[test]
fn a_request_is_what_was_sent() {
    let bytes = head(
        "GET /chat/a%20b?room=1&x HTTP/1.1",
        &add("Cookie: secret=1"),
    );
    let (text, converted) = read(&bytes, |r| {
        assert_eq!(r.method(), "GET");
        assert_eq!(r.target(), "/chat/a%20b?room=1&x");
        assert_eq!(r.path(), "/chat/a%20b");
        assert_eq!(r.query(), Some("room=1&x"));
        assert_eq!(
            r.authority().map(|a| (a.host(), a.port())),
            Some(("example.com", None))
        );
        assert_eq!(r.headers().count(), UPGRADE.len() + 1);
        assert_eq!(r.key(), Some(&b"dGhlIHNhbXBsZSBub25jZQ=="[..]));
        assert!(r.is_upgrade());
        (format!("{r:?}"), r.to_http().unwrap())
    })
    .unwrap();
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(converted.uri(), "/chat/a%20b?room=1&x");
    assert_eq!(converted.headers()["cookie"], "secret=1");
    assert_eq!(converted.method(), http::Method::GET);
    // What is not UTF-8 is taken along.
    let bytes: Vec<u8> = bytes
        .iter()
        .map(|&b| if b == b's' { 0xff } else { b })
        .collect();
    let _ = read(&bytes, |r| r.to_http().map(drop).is_ok());
}

#[test]
fn no_byte_in_any_place_panics_or_depends_on_the_cut() {
    let interesting = b"\0\t\n\r \"#%,/:;=?@[\\]\x7f\xc3\xff19";
    let whole = [
        asking(),
        head(
            "GET ws://[::1]:9/x?y HTTP/1.9",
            &add("Origin: http://a:1\r\nContent-Length: 0"),
        ),
        adding("Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: x; y=\"z\""),
        head("OPTIONS * HTTP/1.0", &["Host: a:1"]),
    ];
    for request in &whole {
        for at in 0..request.len() {
            for &byte in interesting {
                let mut bytes = request.clone();
                bytes[at] = byte;
                exercise(&bytes);
                let answer = play_whole(&bytes);
                let cut = play_parts([&bytes[..at], &bytes[at..]], &HeadLimits::default());
                assert_eq!(cut, answer, "{byte:#x} at {at}");
            }
            exercise(&request[..at]);
            exercise(&request[at..]);
            exercise(&[&request[..at], &request[at + 1..]].concat());
        }
    }
}

/// Everything that may be asked of a request, and of bytes that are no whole head.
fn exercise(bytes: &[u8]) {
    let _ = read(bytes, |request| {
        let policies = [
            OriginPolicy::Any,
            OriginPolicy::SameHost,
            OriginPolicy::List(strings(&["http://a"])),
        ];
        policies
            .iter()
            .for_each(|policy| _ = policy.allows(request));
        let _ = (
            request.to_http(),
            request.choose(&["a"]),
            request.extensions().count(),
        );
        let _ = (
            format!("{request:?}"),
            request.header_str("host"),
            request.refusal(),
        );
    });
}
