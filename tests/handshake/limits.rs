//! How long a head may be, and what is told of one that is longer (H15, H16, H20).

use ws4rs::proto::handshake::{HeadLimits, Refusal};

use super::player::{assert_accepted, assert_refused, assert_taken, play_cut, play_long};
use super::requests::{GET, UPGRADE, adding, asking, request};
use crate::head::head;

#[test]
fn h15_a_request_line_of_8000_octets_is_taken_and_one_over_the_limit_is_414() {
    let sized = |length: usize| {
        let around = "GET / HTTP/1.1".len();
        request(&format!("GET /{} HTTP/1.1", "a".repeat(length - around)))
    };
    for length in [8000, 8191, 8192] {
        let mut bytes = sized(length);
        assert_accepted(&play_long(&bytes));
        bytes.retain(|&b| b != b'\r');
        assert_accepted(&play_long(&bytes));
    }
    for length in [8193, 8194, 12_000, 20_000] {
        let answer = play_long(&sized(length));
        assert_eq!(answer.refused, Some(Refusal::LineTooLong), "{length}");
        assert_eq!(answer.status(), "414 URI Too Long");
    }
    // As its bytes arrive: the line need not end.
    let endless = sized(9000);
    let answer = play_long(&endless[..8193]);
    assert_eq!(answer.refused, Some(Refusal::LineTooLong));
}

#[test]
fn h16_fields_over_a_limit_are_431() {
    let limits = HeadLimits::default();
    // Size, to the byte.
    let sized = |size: usize| {
        let bare = adding("X: ").len();
        adding(&format!("X: {}", "y".repeat(size - bare)))
    };
    for size in [limits.bytes - 1, limits.bytes] {
        assert_eq!(sized(size).len(), size);
        assert_accepted(&play_long(&sized(size)));
        let followed = [sized(size), vec![0x81; 100]].concat();
        assert_eq!(play_long(&followed).behind, [0x81; 100]);
    }
    for size in [limits.bytes + 1, limits.bytes + 2, 2 * limits.bytes] {
        let answer = play_long(&sized(size));
        assert_eq!(answer.refused, Some(Refusal::HeadTooLong));
        assert_eq!(answer.status(), "431 Request Header Fields Too Large");
    }
    // Number.
    let numbered = |count: usize| {
        let more: Vec<String> = (UPGRADE.len()..count).map(|n| format!("X{n}: y")).collect();
        head(GET, &[UPGRADE, &refs(&more)].concat())
    };
    for count in [99, 100] {
        assert_accepted(&play_long(&numbered(count)));
    }
    for count in [101, 102, 1000] {
        assert_eq!(
            play_long(&numbered(count)).refused,
            Some(Refusal::TooManyFields)
        );
    }
    assert_eq!(Refusal::TooManyFields.status(), 431);
    // A limit that is raised is kept, and nothing has a size of its own.
    let raised = HeadLimits {
        fields: 1000,
        ..limits
    };
    for count in [101, 1000] {
        assert_accepted(&play_cut(&numbered(count), &raised, usize::MAX));
    }
    let answer = play_cut(&numbered(1001), &raised, usize::MAX);
    assert_eq!(answer.refused, Some(Refusal::TooManyFields));
    // The smallest limits refuse, and that is all.
    let none = HeadLimits {
        bytes: 0,
        line: 0,
        fields: 0,
    };
    assert_eq!(
        play_cut(&numbered(9), &none, 1).refused,
        Some(Refusal::HeadTooLong)
    );
}

#[test]
fn h16_the_first_limit_in_the_bytes_is_told_however_they_are_cut() {
    for bytes in 0..60 {
        for (line, fields) in [(8, 2), (14, 1), (16, 0), (100, 3)] {
            let limits = HeadLimits {
                bytes,
                line,
                fields,
            };
            for text in [
                "GET / HTTP/1.1\r\na: b\r\nc: d\r\n\r\n",
                "\r\n\n\r\nGET /aaaa HTTP/1.1\n\rx\n\n",
            ] {
                let whole = play_cut(text.as_bytes(), &limits, usize::MAX);
                for size in 1..text.len() {
                    assert_eq!(
                        play_cut(text.as_bytes(), &limits, size),
                        whole,
                        "{limits:?} {size}"
                    );
                }
            }
        }
    }
}

#[test]
fn h20_empty_lines_before_the_request_line_are_skipped_and_counted() {
    let request = asking();
    for lines in ["\r\n", "\n", "\r\n\r\n\n\r\n"] {
        assert_taken(&[lines.as_bytes(), &request].concat());
    }
    let limits = HeadLimits::default();
    let fitting = "\n".repeat(limits.bytes - request.len());
    assert_accepted(&play_long(&[fitting.as_bytes(), &request].concat()));
    let over = [fitting.as_bytes(), b"\n", &request].concat();
    assert_eq!(play_long(&over).refused, Some(Refusal::HeadTooLong));
    let endless = "\r\n".repeat(limits.bytes);
    assert_eq!(
        play_long(endless.as_bytes()).refused,
        Some(Refusal::HeadTooLong)
    );
    assert_refused(&[b" \r\n", &request[..]].concat(), Refusal::Malformed);
}

fn refs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}
