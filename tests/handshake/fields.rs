//! Fields: their names, their values, the lines they stand on, and Host (H5 to H13, S12).

use ws4rs::proto::handshake::Refusal;

use super::player::{assert_accepted, assert_refused, assert_taken, play_whole, read};
use super::requests::{adding, asking, each, offered, strings, with, without};

#[test]
fn h05_host_missing_twice_or_invalid_is_400() {
    let bytes = without("Host");
    assert_refused(&bytes, Refusal::Host);
    assert_refused(&with("X", "y\r\nHost: example.com"), Refusal::Host);
    let bad = "|a b|user@example.com|user:pw@example.com:80|example.com:x|example.com:70000|\
        example.com:0|example.com:80:80|::1|[::1|[::1]80|[]|a/b|a?b|a#b|http://example.com|\
        exa\u{e4}mple.com|a,b c|a\\b|example.com:+80|:80|%zz"
        .split('|');
    for host in bad {
        assert_refused(&with("Host", host), Refusal::Host);
    }
    let latin = [&b"GET / HTTP/1.1\r\nHost: \xe4\xff\r\n\r\n"[..]].concat();
    assert_refused(&latin, Refusal::Host);
    let good = "example.com|EXAMPLE.com:8080|localhost:1|127.0.0.1:65535|[::1]|[::1]:9001|\
        [2001:db8::1]:443|a_b.example|xn--bcher-kva.example|example.com:|example.com."
        .split('|');
    for host in good {
        assert_taken(&with("Host", host));
        let bytes = with("Host", host);
        assert_eq!(
            read(&bytes, |request| request.host().to_owned()),
            Ok(host.to_owned())
        );
    }
    assert_eq!(Refusal::Host.status(), 400);
}

#[test]
fn h06_whitespace_before_the_colon_is_400() {
    for field in ["X : y", "X\t: y", "Host : example.com", "X Y: z"] {
        assert_refused(&adding(field), Refusal::Malformed);
    }
}

#[test]
fn h07_folded_fields_are_400() {
    for field in [
        "X: y\r\n z",
        "X: y\r\n\tz",
        "X:\r\n y",
        "X: y\n z",
        "X: y\r\n Host: z",
    ] {
        assert_refused(&adding(field), Refusal::Malformed);
    }
    let first = b"GET / HTTP/1.1\r\n Host: example.com\r\n\r\n";
    assert_refused(first, Refusal::Malformed);
}

#[test]
fn h08_a_bare_cr_is_400_and_a_bare_lf_ends_a_line() {
    for field in ["X: a\rb", "X\r: a", "X: a\r\r", "\rX: a", "X:\ra"] {
        assert_refused(&adding(field), Refusal::Malformed);
    }
    assert_refused(b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Malformed);
    assert_refused(b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", Refusal::Malformed);
    assert_refused(b"GET / HTTP/1.1\rHost: a\r\n\r\n", Refusal::Malformed);
    assert_refused(b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::Malformed);

    let crlf = String::from_utf8(asking()).unwrap();
    assert_taken(crlf.replace("\r\n", "\n").as_bytes());
    assert_taken(crlf.replace("\r\n\r\n", "\n\r\n").as_bytes());
    assert_taken(crlf.replace("\r\n\r\n", "\r\n\n").as_bytes());
    assert_taken(crlf.replacen("\r\n", "\n", 1).as_bytes());
}

#[test]
fn h09_controls_in_values_are_400_and_obs_text_is_opaque() {
    for byte in (0..=0x1f)
        .chain([0x7f])
        .filter(|b| !matches!(b, b'\t' | b'\n'))
    {
        let mut bytes = adding("X: a?b");
        *bytes.iter_mut().rfind(|b| **b == b'?').unwrap() = byte;
        assert_refused(&bytes, Refusal::Malformed);
    }
    let mut bytes = adding("X: a?b");
    for byte in 0x80..=0xff {
        *bytes
            .iter_mut()
            .rfind(|b| !b.is_ascii() || **b == b'?')
            .unwrap() = byte;
        assert_accepted(&play_whole(&bytes));
        let value = read(&bytes, |request| {
            // One byte above 0x7F is no UTF-8.
            assert_eq!(request.header_str("x"), None);
            request.header("x").unwrap().to_vec()
        });
        assert_eq!(value, Ok(vec![b'a', byte, b'b']));
    }
    // Not in the fields we read either.
    for name in [
        "Origin",
        "Sec-WebSocket-Protocol",
        "Upgrade",
        "Connection",
        "Cookie",
    ] {
        let bytes = adding(&format!("{name}: ??"));
        let bytes: Vec<u8> = bytes
            .iter()
            .map(|&b| if b == b'?' { 0xff } else { b })
            .collect();
        assert_taken(&bytes);
    }
}

#[test]
fn h10_field_names_are_tokens_in_any_case() {
    for name in [
        "", "X(", "X/Y", "X\u{e9}", "\"X\"", "X@", "X,Y", "X\0", "X;",
    ] {
        let field = format!("{name}: y");
        assert_refused(&adding(&field), Refusal::Malformed);
    }
    assert_refused(&adding("no colon"), Refusal::Malformed);
    assert_taken(&adding("!#$%&'*+-.^_`|~09aZ: y"));
    assert_taken(&each(|name, value| {
        format!("{}: {value}", name.to_uppercase())
    }));
    assert_taken(&each(|name, value| {
        format!("{}: {value}", name.to_lowercase())
    }));
    let seen = read(&adding("X-Thing: y"), |request| {
        request.header_str("x-tHiNg").map(str::to_owned)
    });
    assert_eq!(seen, Ok(Some("y".to_owned())));
}

#[test]
fn h11_whitespace_round_values_is_stripped() {
    assert_taken(&each(|name, value| format!("{name}:\t \t{value} \t ")));
    assert_taken(&each(|name, value| format!("{name}:{value}")));
    let value = read(&adding("X: \t a b\t "), |r| {
        r.header("x").map(<[u8]>::to_vec)
    });
    assert_eq!(value, Ok(Some(b"a b".to_vec())));
    let empty = read(&adding("X: \t "), |r| r.header("x").map(<[u8]>::to_vec));
    assert_eq!(empty, Ok(Some(Vec::new())));
}

#[test]
fn h12_repeated_list_fields_combine() {
    let bytes = with("Connection", "keep-alive\r\nConnection: upgrade");
    assert_taken(&bytes);
    let bytes = with("Upgrade", "h2c\r\nX: y\r\nUpgrade: foo/2, websocket");
    assert_taken(&bytes);
    let bytes = adding("Sec-WebSocket-Protocol: a, b\r\nX: y\r\nsec-websocket-protocol: c");
    assert_eq!(read(&bytes, offered), Ok(strings(&["a", "b", "c"])));
    let bytes = adding("Sec-WebSocket-Extensions: a; x=1\r\nSec-WebSocket-Extensions: b, c");
    let extensions = read(&bytes, |request| {
        request
            .extensions()
            .map(|e| String::from_utf8_lossy(e).into_owned())
            .collect::<Vec<_>>()
    });
    assert_eq!(extensions, Ok(strings(&["a; x=1", "b", "c"])));
}

#[test]
fn h13_empty_list_members_are_ignored() {
    let bytes = with("Connection", ", ,\t,keep-alive,,Upgrade , ,");
    assert_taken(&bytes);
    assert_taken(&with("Upgrade", ",,websocket,"));
    let bytes = adding("Sec-WebSocket-Protocol: ,a,, b ,\r\nSec-WebSocket-Protocol:");
    assert_eq!(read(&bytes, offered), Ok(strings(&["a", "b"])));
    for value in ["", ",", " , ,a; b,, "] {
        let field = format!("Sec-WebSocket-Extensions: {value}");
        assert_taken(&adding(&field));
    }
}

#[test]
fn s12_unknown_fields_are_ignored() {
    let bytes = adding("Sec-WebSocket-Key1: x\r\nSec-WebSocket-Future: y\r\nPragma: z\r\nZ:");
    assert_taken(&bytes);
}
