//! Answers that are none, or have no end (C10).

use ws4rs::proto::handshake::{HeadLimits, NotOpened};

use super::asked::plain;
use super::heads::{YES, adding, good, with};
use super::player::{
    Told, assert_same, cut_at, keyed, play, play_long, play_to, play_whole, play_within, run,
};
use crate::head::head;

#[test]
fn c10_what_is_no_answer_is_malformed() {
    for line in
        "HTTP/1.1|HTTP/1.1 |HTTP/1.1 1|HTTP/1.1 10|HTTP/1.1 1010 x|HTTP/1.1 abc|HTTP/1.1 099 x|\
        HTTP/1.1 000 x|HTTP/1.1  101 x|HTTP/1.1\t101 x|http/1.1 101 x|HTTP/11 101|HTTP/1.10 101 x|\
        HTTP 101|ICY 200 OK|GET / HTTP/1.1|x|\0|\x16\x03\x01|HTTP/1.1 101 a\0b|HTTP/1.1 101 a\rb|\
        HTTP/1.1 -01 x|HTTP/1.1 +10 x| HTTP/1.1 101 x|\u{e9}|SSH-2.0-OpenSSH_9"
            .split('|')
    {
        let told = play(&head(line, YES));
        assert_eq!(told, Told::NotOpened(NotOpened::Malformed), "{line:?}");
    }
    for field in
        "X : y|X|: y|X\0: y|X: \0|X: a\rb|X: y\r\n folded| X: y|X(: y|é: y|X: \u{7f}|X: \x1b"
            .split('|')
    {
        let told = play(&adding(field));
        assert_eq!(told, Told::NotOpened(NotOpened::Malformed), "{field:?}");
    }
}

#[test]
fn c10_the_version_is_http_1_1_or_above_within_1() {
    for version in ["0.9", "1.0", "2.0", "3.0", "9.9", "0.0"] {
        let told = play(&head(&format!("HTTP/{version} 101 x"), YES));
        assert_eq!(told, Told::NotOpened(NotOpened::HttpVersion), "{version}");
    }
    for line in "HTTP/1.1 101 |HTTP/1.1 101|HTTP/1.2 101 x|HTTP/1.9 101 x|HTTP/1.1 101 \u{fc}ber|\
        \r\n\r\nHTTP/1.1 101 Switching Protocols"
        .split('|')
    {
        assert_eq!(play(&head(line, YES)), Told::opened(""), "{line:?}");
    }
}

#[test]
fn c10_an_answer_keeps_the_limits_of_a_head() {
    let limits = HeadLimits::default();
    let sized = |size: usize| {
        let bare = adding("X: ").len();
        adding(&format!("X: {}", "y".repeat(size - bare)))
    };
    assert_eq!(play_long(&sized(limits.bytes)), Told::opened(""));
    let told = play_long(&sized(limits.bytes + 1));
    assert_eq!(told, Told::NotOpened(NotOpened::HeadTooLong));

    let lined = |size: usize| head(&format!("HTTP/1.1 101 {}", "x".repeat(size - 13)), YES);
    assert_eq!(play_long(&lined(limits.line)), Told::opened(""));
    let told = play_long(&lined(limits.line + 1));
    assert_eq!(told, Told::NotOpened(NotOpened::LineTooLong));

    let numbered = |count: usize| adding(&vec!["X: y"; count - YES.len()].join("\r\n"));
    assert_eq!(play_long(&numbered(limits.fields)), Told::opened(""));
    let told = play_long(&numbered(limits.fields + 1));
    assert_eq!(told, Told::NotOpened(NotOpened::TooManyFields));

    // A limit that is raised is kept, and what a map of fields cannot hold is no panic.
    let raised = HeadLimits {
        bytes: 1 << 20,
        line: 1 << 20,
        fields: 1 << 20,
    };
    let told = play_within(&numbered(1000), &raised);
    assert_eq!(told, Told::opened(""));
    let many: Vec<String> = (0..70_000).map(|n| format!("X{n}: y")).collect();
    let told = play_within(&adding(&many.join("\r\n")), &raised);
    assert_eq!(told, Told::NotOpened(NotOpened::TooManyFields));
    let told = play_within(&adding(&format!("{}: y", "x".repeat(70_000))), &raised);
    assert_eq!(told, Told::NotOpened(NotOpened::Malformed));
}

#[test]
fn c10_a_limit_is_told_as_soon_as_it_is_passed() {
    let limits = HeadLimits::default();
    for (start, again, why, within) in [
        ("", "x", NotOpened::LineTooLong, limits.line),
        ("", "\r\n", NotOpened::HeadTooLong, limits.bytes),
        ("HTTP/1.1 101 ", "a", NotOpened::LineTooLong, limits.line),
        (
            "HTTP/1.1 200 OK\r\nX: ",
            "a",
            NotOpened::HeadTooLong,
            limits.bytes,
        ),
        (
            "HTTP/1.1 200 OK\r\n",
            "X: y\r\n",
            NotOpened::TooManyFields,
            limits.bytes,
        ),
    ] {
        let mut dialing = plain().ask(&mut Vec::new()).unwrap();
        let endless = start.bytes().chain(again.bytes().cycle());
        let mut sent = 0;
        let told = endless.map(|byte| {
            sent += 1;
            dialing
                .receive(&mut [byte], &limits)
                .map(|told| told.is_some())
        });
        let told = told.take(1 << 20).find(|told| *told != Ok(false));
        assert_eq!(told, Some(Err(why)));
        assert!(sent <= within + 1, "{sent}");
    }
}

#[test]
fn c10_interim_answers_are_passed_over_up_to_eight() {
    let interim = [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nSec-WebSocket-Accept: x\r\n\r\n",
        "HTTP/1.0 102 Processing\r\nContent-Length: 10\r\n\r\n",
        "\r\nHTTP/1.9 199\n\n",
    ];
    for count in 0..=10 {
        let mut bytes: Vec<u8> = interim
            .iter()
            .cycle()
            .take(count)
            .flat_map(|text| text.bytes())
            .collect();
        bytes.extend(good());
        bytes.extend(b"\x01\x02");
        let expected = match count {
            0..=8 => Told::opened("\x01\x02"),
            _ => Told::NotOpened(NotOpened::TooManyInterim),
        };
        assert_eq!(play_long(&bytes), expected, "{count}");
    }
    // One after the other, without end, and each as long as it may be.
    let fields = format!("X: {}\r\n", "y".repeat(16_000));
    let flood = format!("HTTP/1.1 100 Continue\r\n{fields}\r\n").repeat(1000);
    let told = play_whole(flood.as_bytes());
    assert_eq!(told, Told::NotOpened(NotOpened::TooManyInterim));
    // What comes after them is judged as ever.
    let told = play(b"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 404 x\r\n\r\n");
    assert_eq!(told.status(), Some(404));
    let told = play(b"HTTP/1.1 100 x\r\n\r\n\0");
    assert_eq!(told, Told::NotOpened(NotOpened::Malformed));
}

#[test]
fn c10_a_101_ends_with_its_head_whatever_lengths_it_tells() {
    // 9112 6.3
    for field in "Content-Length: 0|Content-Length: 5|Content-Length: x|Transfer-Encoding: chunked"
        .split('|')
    {
        let told = play(&[&adding(field)[..], b"\x01\x02"].concat());
        assert_eq!(told, Told::opened("\x01\x02"), "{field}");
    }
}

#[test]
fn no_byte_in_any_place_panics_or_depends_on_the_cut() {
    let interesting = b"\0\t\n\r \"#%,/:;=?@[\\]\x7f\xc3\xff019";
    let dial = plain().subprotocol("a");
    let with = with("Sec-WebSocket-Protocol", "a");
    for answer in [
        [b"HTTP/1.1 100 x\r\n\r\n", &with[..], b"\x01\x02"].concat(),
        b"HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n".to_vec(),
    ] {
        for at in 0..answer.len() {
            for &byte in interesting {
                let mut bytes = answer.clone();
                bytes[at] = byte;
                let whole = run(&dial, |key| vec![keyed(&bytes, key)]);
                let cut = run(&dial, |key| cut_at(&keyed(&bytes, key), at));
                assert_same(&cut, &whole, at);
            }
            play_to(&dial, &answer[at..]);
            play_to(&dial, &answer[..at]);
        }
    }
}
