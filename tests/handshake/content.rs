//! What comes behind a head: never a body, and frames behind none that was refused (H17 to H19, H25,
//! S13, S14).

use ws4rs::proto::handshake::Refusal;

use super::player::{assert_accepted, assert_refused, assert_taken, play, play_whole};
use super::requests::{GET, KEY, add, adding, asking, without};
use crate::head::head;

#[test]
fn h17_a_content_length_that_is_invalid_or_differs_is_400() {
    for length in "|x|-1|+0|0x0|1 0|0,|0, 1|18446744073709551616|0.0|\u{664}".split('|') {
        let field = format!("Content-Length: {length}");
        assert_refused(&adding(&field), Refusal::Content);
    }
    for fields in [
        "Content-Length: 0\r\nContent-Length: 1",
        "Content-Length: 1\r\ncontent-length: 0",
    ] {
        assert_refused(&adding(fields), Refusal::Content);
        // Whatever the method.
        assert_refused(&head("POST / HTTP/1.1", &add(fields)), Refusal::Content);
    }
    for fields in [
        "Content-Length: 0",
        "Content-Length: 0\r\nContent-Length: 0",
        "Content-Length: 0, 0",
    ] {
        assert_taken(&adding(fields));
    }
    let answer = play(&adding("Content-Length: x"));
    assert_eq!(answer.status(), "400 Bad Request");
    assert_eq!(answer.field("Connection"), Some("close"));
}

#[test]
fn h18_any_transfer_coding_is_400() {
    for fields in "Transfer-Encoding: chunked|Transfer-Encoding: gzip|Transfer-Encoding: identity|\
        Transfer-Encoding:|transfer-encoding: xchunked|\
        Content-Length: 0\r\nTransfer-Encoding: chunked|\
        Transfer-Encoding: chunked\r\nContent-Length: 0"
        .split('|')
    {
        for line in [GET, "POST / HTTP/1.1", "GET / HTTP/1.0"] {
            assert_refused(&head(line, &add(fields)), Refusal::Content);
        }
    }
}

#[test]
fn h19_a_body_never_becomes_frames() {
    let mut bytes = adding("Content-Length: 6");
    bytes.extend_from_slice(b"\x81\x80\0\0\0\0");
    let answer = play(&bytes);
    assert_eq!(answer.refused, Some(Refusal::Content));
    assert_eq!(answer.status(), "400 Bad Request");
    // For a plain request too; where the method is wrong anyway, that is what is told.
    assert_refused(
        &head(GET, &["Host: a", "Content-Length: 6"]),
        Refusal::Content,
    );
    let post = head("POST / HTTP/1.1", &["Host: a", "Content-Length: 6"]);
    assert_refused(&post, Refusal::Method);
}

#[test]
fn h25_expect_100_continue_without_content_needs_no_100() {
    let answer = play(&adding("Expect: 100-continue"));
    assert_accepted(&answer);
    assert!(!answer.text().contains("100 Continue"));
    let bytes = adding("Expect: 100-continue\r\nContent-Length: 5");
    assert_refused(&bytes, Refusal::Content);
}

#[test]
fn s13_nothing_behind_a_refused_head_is_looked_at() {
    // The server closes; here: what follows never changes the answer.
    for bytes in [head(GET, &["Host: a"]), without(KEY)] {
        let alone = play_whole(&bytes);
        for behind in [
            &b"\x81\x80\0\0\0\0"[..],
            b"GET / HTTP/1.1\r\n\r\n",
            b"\0\xff",
        ] {
            let answer = play_whole(&[&bytes, behind].concat());
            assert_eq!(answer.refused, alone.refused);
            assert_eq!(answer.out, alone.out);
            assert_eq!(answer.behind, behind);
        }
    }
}

#[test]
fn s14_bytes_behind_the_request_are_not_lost() {
    for behind in [
        &b"\x81\x85\x01\x02\x03\x04abcde"[..],
        b"\r\n\r\n",
        b"\n",
        b"\0",
    ] {
        let answer = play(&[&asking(), behind].concat());
        assert_accepted(&answer);
        assert_eq!(answer.behind, behind);
    }
}
