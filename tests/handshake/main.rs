//! The opening handshake, server's side: a promise per test. H numbers the rules of HTTP/1.1 that
//! concern us (RFC 9110, 9112), S those of the WebSocket handshake (RFC 6455 4.2, 4.4, 9.1, 11.3).
//!
//! Every request is played whole, cut at each byte, and byte by byte; the answer is the same. Tables
//! of short texts are written "this|that", so the first of "|that" is empty.
use ws4rs::proto::handshake::{
    AcceptError, Acceptance, Fields, HeadLimits, Opening, OriginPolicy, Refusal, Request, Response,
    accept_key,
};

use http::{HeaderName, HeaderValue, StatusCode, header};

// --- H: HTTP/1.1 -------------------------------------------------------------------------------

#[test]
fn h01_a_request_line_has_three_parts_and_two_spaces() {
    for line in "GET|GET /|GET / |/ HTTP/1.1| GET / HTTP/1.1|GET  / HTTP/1.1|GET /  HTTP/1.1|\
        GET / HTTP/1.1 |GET\t/\tHTTP/1.1|GET /a b HTTP/1.1|G(T / HTTP/1.1|GET /\0 HTTP/1.1|\
        GET / HTTP/1.1 x|\x16\x03\x01\x02\x00\x01|\u{e9}"
        .split('|')
    {
        assert_refused(&request(line), Refusal::Malformed);
    }
    for target in "*|chat|example.com:80|ftp://example.com/|http://|/#top|?q".split('|') {
        let line = format!("GET {target} HTTP/1.1");
        assert_refused(&request(&line), Refusal::Target);
    }
    assert_eq!(Refusal::Malformed.status(), 400);
    assert_eq!(Refusal::Target.status(), 400);
}

#[test]
fn h02_the_version_is_case_sensitive_with_one_digit_each() {
    let versions =
        "http/1.1|Http/1.1|HTTP/1.10|HTTP/11.1|HTTP/1|HTTP/1.|HTTP/.1|HTTP/1,1|HTTP/1.x|\
        HTTP 1.1|HTTPS/1.1|HTTP/-1.1|HTTP/1.1.|HTTP/"
            .split('|');
    for version in versions {
        let line = format!("GET / {version}");
        assert_refused(&request(&line), Refusal::Malformed);
    }
}

#[test]
fn h03_http_1_0_is_plain_and_0_9_is_refused() {
    // 9110 7.8: Upgrade in HTTP/1.0 MUST be ignored.
    let answer = play(&request("GET / HTTP/1.0"));
    assert_upgrade_required(&answer, Refusal::UpgradeRequired);
    // Nor is what it says about websocket looked at.
    assert_plain(&head("GET / HTTP/1.0", &add("Sec-WebSocket-Key: broken")));
    // 1.0 need not send Host, but not two, and no bad one.
    assert_plain(&head("GET / HTTP/1.0", &[""; 0]));
    assert_refused(
        &head("GET / HTTP/1.0", &["Host: a", "Host: a"]),
        Refusal::Host,
    );
    assert_refused(&head("GET / HTTP/1.0", &["Host: a b"]), Refusal::Host);

    assert_refused(&request("GET / HTTP/0.9"), Refusal::HttpVersion);
    assert_refused(b"GET /\r\n\r\n", Refusal::Malformed);
}

#[test]
fn h04_other_major_versions_are_505_and_1_2_is_read_as_1_1() {
    for version in ["HTTP/0.0", "HTTP/2.0", "HTTP/2.1", "HTTP/3.0", "HTTP/9.9"] {
        let answer = play(&request(&format!("GET / {version}")));
        assert_eq!(answer.refused, Some(Refusal::HttpVersion), "{version}");
        assert_eq!(answer.status(), "505 HTTP Version Not Supported");
    }
    assert_refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refusal::HttpVersion);
    for minor in 1..=9 {
        assert_taken(&request(&format!("GET / HTTP/1.{minor}")));
    }
    // A target may end like a version.
    assert_taken(&request("GET /HTTP/1.9 HTTP/1.2"));
}

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
fn h14_an_absolute_target_is_taken_and_its_authority_overrides_host() {
    for (target, host, path, query) in [
        (
            "http://other.example:81/chat?room=1",
            "other.example:81",
            "/chat",
            Some("room=1"),
        ),
        ("ws://other.example/", "other.example", "/", None),
        ("WSS://other.example", "other.example", "/", None),
        ("https://[::1]:9001?x", "[::1]:9001", "/", Some("x")),
    ] {
        let bytes = request(&format!("GET {target} HTTP/1.1"));
        assert_taken(&bytes);
        let seen = read(&bytes, |r| {
            assert_eq!(r.target(), target);
            assert_eq!(r.header("host"), Some(&b"example.com"[..]));
            (
                r.host().to_owned(),
                r.path().to_owned(),
                r.query().map(str::to_owned),
            )
        });
        assert_eq!(
            seen,
            Ok((host.to_owned(), path.to_owned(), query.map(str::to_owned)))
        );
    }
    for target in [
        "http://user@a/",
        "http://a:b/",
        "http:///",
        "http://a b/",
        "http://a/#x",
    ] {
        let bytes = request(&format!("GET {target} HTTP/1.1"));
        assert_eq!(play(&bytes).status(), "400 Bad Request", "{target}");
    }
    // Host is still wanted (9112 3.2).
    let bytes = head("GET http://a/ HTTP/1.1", &UPGRADE[1..]);
    assert_refused(&bytes, Refusal::Host);
}

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

#[test]
fn h21_the_101_carries_upgrade_and_neither_length_nor_coding() {
    let answer = play(&asking());
    assert_eq!(
        answer.text(),
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    );
    // Nor can a handler add them.
    for name in "content-length|transfer-encoding|upgrade|connection|sec-websocket-accept|\
        sec-websocket-protocol|sec-websocket-extensions|sec-websocket-version"
        .split('|')
    {
        let name = HeaderName::from_static(name);
        let accept = Acceptance::new().header(name.clone(), HeaderValue::from_static("0"));
        assert_eq!(
            accept_with(&accept, &asking()),
            Err(AcceptError::Reserved(name))
        );
    }
    let accept = Acceptance::new()
        .header(header::SET_COOKIE, HeaderValue::from_static("a=b"))
        .header(header::SET_COOKIE, HeaderValue::from_static("c=d"))
        .subprotocol("chat");
    let text = accept_with(&accept, &adding("Sec-WebSocket-Protocol: chat")).unwrap();
    assert!(
        text.ends_with(
            "xOo=\r\nSec-WebSocket-Protocol: chat\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n"
        ),
        "{text}"
    );
}

#[test]
fn h22_the_426_carries_upgrade_and_the_405_carries_allow() {
    let answer = play(&head(GET, &["Host: a"]));
    assert_eq!(
        answer.text(),
        "HTTP/1.1 426 Upgrade Required\r\n\
         Upgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Content-Length: 0\r\n\
         Connection: close\r\n\r\n"
    );
    let answer = play(&head("DELETE / HTTP/1.1", &["Host: a"]));
    assert_eq!(
        answer.text(),
        "HTTP/1.1 405 Method Not Allowed\r\n\
         Allow: GET\r\n\
         Content-Length: 0\r\n\
         Connection: close\r\n\r\n"
    );
}

#[test]
fn h23_every_error_has_a_length_and_closes() {
    for refusal in REFUSALS {
        let answer = Answer::of_response(&refusal.response());
        assert_eq!(answer.field("Content-Length"), Some("0"), "{refusal:?}");
        assert_eq!(answer.field("Connection"), Some("close"), "{refusal:?}");
        assert!(answer.text().ends_with("\r\n\r\n"));
        assert!(refusal.status().is_client_error() || refusal.status().is_server_error());
        assert!(!refusal.to_string().is_empty());
    }
}

#[test]
fn h23_a_response_ends_where_it_says() {
    let page = Response::new(StatusCode::OK)
        .header(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))
        .header(header::CONTENT_LENGTH, HeaderValue::from_static("999"))
        .header(header::CONNECTION, HeaderValue::from_static("keep-alive"))
        .header(
            header::TRANSFER_ENCODING,
            HeaderValue::from_static("chunked"),
        )
        .body("healthy\n");
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\nConnection: close\r\n\r\n";
    assert_eq!(
        Answer::of_response(&page).text(),
        format!("{head}healthy\n")
    );
    let mut out = b"before".to_vec();
    page.write(true, &mut out);
    assert_eq!(out, format!("before{head}").as_bytes());

    let empty = Response::new(StatusCode::NO_CONTENT).body("not sent");
    assert_eq!(
        Answer::of_response(&empty).text(),
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    );
    // A final answer was wanted.
    let switching = Response::new(StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(
        Answer::of_response(&switching).status(),
        "500 Internal Server Error"
    );
}

#[test]
fn h24_an_upgrade_that_connection_does_not_name_is_ignored() {
    assert_plain(&without("Connection"));
    for value in "keep-alive|close|upgrades|up, grade|\"upgrade\"|websocket".split('|') {
        assert_plain(&with("Connection", value));
    }
    // Nor is the rest of it looked at.
    let bytes = with("Connection", "close\r\nSec-WebSocket-Key: again");
    assert_plain(&bytes);
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

// --- S: the WebSocket handshake ----------------------------------------------------------------

#[test]
fn s01_the_method_is_get_and_the_version_at_least_1_1() {
    for method in [
        "POST", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "get", "GETS", "M-SEARCH",
    ] {
        let answer = play(&request(&format!("{method} / HTTP/1.1")));
        assert_eq!(answer.refused, Some(Refusal::Method), "{method}");
        assert_eq!(answer.status(), "405 Method Not Allowed");
        assert_eq!(answer.field("Allow"), Some("GET"));
    }
    assert_eq!(
        play(&request("OPTIONS * HTTP/1.1")).status(),
        "405 Method Not Allowed"
    );
    assert_eq!(
        play(&request("CONNECT a:443 HTTP/1.1")).status(),
        "405 Method Not Allowed"
    );
    assert_plain(&request("GET / HTTP/1.0"));
    // Plain requests: HEAD is told what GET is.
    assert_plain(&head("HEAD / HTTP/1.1", &["Host: a"]));
    assert_eq!(
        play(&head("POST / HTTP/1.1", &["Host: a"])).refused,
        Some(Refusal::Method)
    );
    assert_eq!(
        play(&head("OPTIONS * HTTP/1.1", &["Host: a"])).refused,
        Some(Refusal::Method)
    );
}

#[test]
fn s02_upgrade_holds_websocket_as_a_whole_value_in_any_case() {
    for value in [
        "websocket",
        "WebSocket",
        "WEBSOCKET",
        "h2c, websocket",
        "websocket,h2c",
    ] {
        assert_taken(&with("Upgrade", value));
    }
    for value in "|websockets|web socket|websocket/13|xwebsocket|h2c|\"websocket\"".split('|') {
        assert_plain(&with("Upgrade", value));
    }
    assert_plain(&without("Upgrade"));
}

#[test]
fn s03_connection_holds_the_token_upgrade() {
    for value in
        "Upgrade|upgrade|UPGRADE|keep-alive, Upgrade|upgrade,x|x ,\tUpgrade\t, y".split('|')
    {
        assert_taken(&with("Connection", value));
    }
}

#[test]
fn s04_the_key_comes_once_and_is_16_bytes_in_base64() {
    assert_refused(&without(KEY), Refusal::Key);
    let bytes = with(
        KEY,
        "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    );
    assert_refused(&bytes, Refusal::Key);
    for key in "|x|dGhlIHNhbXBsZSBub25jZQ|dGhlIHNhbXBsZSBub25jZQ=|dGhlIHNhbXBsZSBub25jZQ===|\
        dGhlIHNhbXBsZSBub25j|dGhlIHNhbXBsZSBub25jZWE=|dGhlIHNhbXBsZSBub25jZWFi|\
        dGhlIHNhbXBsZSBub25jZ===|dGhlIHNhbXBsZSBub2 jZQ==|dGhlIHNhbXBsZSBub2-jZQ==|\
        dGhlIHNhbXBsZSBub2_jZQ==|========================|dGhlIHNhbXBsZSBub\u{e9}jZQ==|\
        dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=="
        .split('|')
    {
        let answer = play(&with(KEY, key));
        assert_eq!(answer.refused, Some(Refusal::Key), "{key:?}");
        assert_eq!(answer.status(), "400 Bad Request");
    }
    for key in ["AAAAAAAAAAAAAAAAAAAAAA==", "/+/+/+/+/+/+/+/+/+/+/w=="] {
        assert_eq!(play(&with(KEY, key)).refused, None);
    }
    // RFC 6455 4.1 has this one, whose last character carries bits beyond the 16th byte.
    assert_eq!(play(&with(KEY, "AQIDBAUGBwgJCgsMDQ4PEC==")).refused, None);
}

#[test]
fn s05_the_version_comes_once() {
    assert_refused(&without(VERSION), Refusal::VersionMissing);
    let bytes = with(VERSION, "13\r\nSec-WebSocket-Version: 13");
    assert_refused(&bytes, Refusal::VersionMissing);
    assert_eq!(Refusal::VersionMissing.status(), 400);
}

#[test]
fn s06_a_wrong_version_is_426_and_told_ours() {
    for version in [
        "8", "12", "14", "0", "255", "013", "13.0", "8, 13", "x", "-13", "",
    ] {
        let answer = play(&with(VERSION, version));
        assert_upgrade_required(&answer, Refusal::Version);
    }
}

#[test]
fn s07_a_request_that_asks_wrongly_is_an_error() {
    let broken = [
        (without(KEY), 400),
        (without(VERSION), 400),
        (with(VERSION, "7"), 426),
        (adding("Sec-WebSocket-Extensions: ;"), 400),
        (without("Host"), 400),
        (request("PUT / HTTP/1.1"), 405),
        (request("GET / HTTP/2.0"), 505),
    ];
    for (bytes, status) in broken {
        assert_eq!(play(&bytes).refused.map(Refusal::status).unwrap(), status);
    }
    // A plain one is no error yet: whoever serves pages may answer it.
    let plain = head("GET /health?full HTTP/1.1", &["Host: a"]);
    let seen = read(&plain, |r| {
        (
            r.is_upgrade(),
            r.key().is_some(),
            r.path() == "/health",
            r.refusal(),
        )
    });
    assert_eq!(seen, Ok((false, false, true, Refusal::UpgradeRequired)));
    let accepted = read(&plain, |r| Acceptance::new().write(r, &mut Vec::new()));
    assert_eq!(accepted, Ok(Err(AcceptError::NotAskedFor)));
}

#[test]
fn s08_the_accept_key_is_that_of_the_rfc() {
    assert_eq!(
        &accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
        b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    let answer = play(&asking());
    assert_eq!(
        answer.field("Sec-WebSocket-Accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
}

#[test]
fn s09_a_subprotocol_is_one_of_those_offered_or_none() {
    let bytes = adding("Sec-WebSocket-Protocol: soap, chat.v2,\tchat.v1");
    let chosen = |ours: &'static [&'static str]| read(&bytes, |r| r.choose(ours)).unwrap();
    assert_eq!(chosen(&["chat.v3", "chat.v1", "soap"]), Some("chat.v1"));
    assert_eq!(chosen(&["Soap", "chat", "chat.v1,"]), None);
    assert_eq!(chosen(&[]), None);

    let speak = |name: &'static str| accept_with(&Acceptance::new().subprotocol(name), &bytes);
    assert!(
        speak("chat.v2")
            .unwrap()
            .contains("\r\nSec-WebSocket-Protocol: chat.v2\r\n")
    );
    for name in ["chat", "CHAT.V2", "", "soap, chat.v2", "a\r\nX: y"] {
        assert_eq!(speak(name), Err(AcceptError::NotOffered(name.to_owned())));
    }
    let error = Response::from(AcceptError::NotOffered(String::new()));
    assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
    // None chosen, none sent.
    assert_eq!(play(&bytes).field("Sec-WebSocket-Protocol"), None);
    // What is no token is no offer, and does not spoil the others.
    let bytes = adding("Sec-WebSocket-Protocol: a b, \u{e9}, c/d, \"e\", f");
    assert_eq!(read(&bytes, offered), Ok(strings(&["f"])));
    assert_taken(&bytes);
}

#[test]
fn s10_extensions_are_never_volunteered_and_a_broken_offer_is_400() {
    let good = [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=10; client_max_window_bits, permessage-deflate",
        "x; y=\"z\"; w = 1 ;v",
        "x; y=\"a\\b\"",
    ];
    for value in good {
        let answer = play(&adding(&format!("Sec-WebSocket-Extensions: {value}")));
        assert_accepted(&answer);
        assert_eq!(answer.field("Sec-WebSocket-Extensions"), None);
    }
    let broken =
        ";|=|x;|x;;y|x y|x; =1|x; y=|x; y=\"\"|x; y=\"a b\"|x; y=\"a|x; y=a\"|x; y=\"a,b\"|\
        x; y=1=2|x; y=\"\\\"|x, y;|\"x\"|x; \u{e9}|x/y|x; y=\"a\"b"
            .split('|');
    for value in broken {
        let bytes = adding(&format!("Sec-WebSocket-Extensions: {value}"));
        assert_refused(&bytes, Refusal::Extensions);
    }
    assert_eq!(Refusal::Extensions.status(), 400);
}

#[test]
fn s11_same_host_compares_host_and_port() {
    let allowed = [
        ("example.com", "http://example.com"),
        ("example.com", "https://example.com"),
        ("example.com", "HTTPS://EXAMPLE.com"),
        ("example.com:80", "http://example.com"),
        ("example.com:443", "https://example.com"),
        ("example.com", "http://example.com:80"),
        ("example.com:8080", "http://example.com:8080"),
        ("[::1]:9001", "http://[::1]:9001"),
        ("[::1]", "https://[::1]"),
    ];
    for (host, origin) in allowed {
        assert!(
            allows(&OriginPolicy::SameHost, host, Some(origin.as_bytes())),
            "{host} {origin}"
        );
    }
    let refused = [
        ("example.com", "http://example.com:8080"),
        ("example.com:8080", "http://example.com"),
        ("example.com:443", "http://example.com"),
        ("example.com", "http://evil.example.com"),
        ("example.com", "http://evilexample.com"),
        ("example.com", "http://example.com.evil"),
        ("example.com", "http://example.co"),
        ("example.com", "http://example.com/"),
        ("example.com", "http://example.com@evil"),
        ("example.com", "http://evil@example.com"),
        ("example.com", "http://example.com http://evil"),
        ("example.com", "chrome-extension://example.com"),
        ("example.com", "example.com"),
        ("example.com", "//example.com"),
        ("example.com", "null"),
        ("example.com", ""),
        ("null", "null"),
    ];
    for (host, origin) in refused {
        assert!(
            !allows(&OriginPolicy::SameHost, host, Some(origin.as_bytes())),
            "{host} {origin}"
        );
    }
    // Bytes that are no text do not pass for no origin.
    assert!(!allows(
        &OriginPolicy::SameHost,
        "example.com",
        Some(b"http://example.com\xff")
    ));
    assert!(allows(&OriginPolicy::SameHost, "example.com", None));
}

#[test]
fn s11_a_list_compares_whole_origins() {
    let list = OriginPolicy::List(strings(&[
        "https://example.com",
        "http://localhost:8080",
        "chrome-extension://abcdef",
    ]));
    for origin in [
        "https://example.com",
        "https://Example.COM:443",
        "http://localhost:8080",
        "chrome-extension://abcdef",
    ] {
        assert!(
            allows(&list, "any.host", Some(origin.as_bytes())),
            "{origin}"
        );
    }
    for origin in "http://example.com|https://example.com:8443|https://a.example.com|\
        https://example.com.evil|https://notexample.com|https://example.com/|\
        http://localhost|chrome-extension://abcdef:1|null|"
        .split('|')
    {
        assert!(
            !allows(&list, "any.host", Some(origin.as_bytes())),
            "{origin}"
        );
    }
    assert!(allows(&list, "any.host", None));
    let null = OriginPolicy::List(strings(&["null"]));
    assert!(allows(&null, "a", Some(b"null")));
    assert!(!allows(&null, "a", Some(b"NULL")));
    assert!(!allows(&null, "a", Some(b"http://null")));
    assert!(!allows(
        &OriginPolicy::List(Vec::new()),
        "a",
        Some(b"http://a")
    ));
    assert!(!allows(
        &OriginPolicy::List(strings(&["", "bad"])),
        "a",
        Some(b"bad")
    ));
}

#[test]
fn s11_two_origins_pass_only_where_any_does() {
    let bytes = with("Origin", "http://example.com\r\nOrigin: http://example.com");
    assert_eq!(
        read(&bytes, |r| OriginPolicy::SameHost.allows(r)),
        Ok(false)
    );
    assert_eq!(read(&bytes, |r| OriginPolicy::Any.allows(r)), Ok(true));
    for origin in ["null", "http://evil", "", "\u{e9}"] {
        assert!(allows(&OriginPolicy::Any, "a", Some(origin.as_bytes())));
    }
    let old = head("GET / HTTP/1.0", &["Origin: http://a"]);
    assert_eq!(read(&old, |r| OriginPolicy::SameHost.allows(r)), Ok(false));
    assert_eq!(Refusal::Origin.status(), 403);
}

#[test]
fn s12_unknown_fields_are_ignored() {
    let bytes = adding("Sec-WebSocket-Key1: x\r\nSec-WebSocket-Future: y\r\nPragma: z\r\nZ:");
    assert_taken(&bytes);
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

// --- both --------------------------------------------------------------------------------------

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

// --- the players -------------------------------------------------------------------------------

#[derive(Debug, PartialEq, Eq, Default)]
struct Answer {
    refused: Option<Refusal>,
    out: Vec<u8>,
    behind: Vec<u8>,
}

impl Answer {
    fn of_response(response: &Response) -> Self {
        let mut answer = Answer::default();
        response.write(false, &mut answer.out);
        answer
    }

    fn text(&self) -> &str {
        core::str::from_utf8(&self.out).unwrap()
    }

    fn status(&self) -> &str {
        self.text()
            .lines()
            .next()
            .unwrap()
            .strip_prefix("HTTP/1.1 ")
            .unwrap()
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.text()
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Whole, cut at each byte, and byte by byte.
fn play(bytes: &[u8]) -> Answer {
    let limits = HeadLimits::default();
    let whole = play_whole(bytes);
    for at in 1..bytes.len() {
        assert_same(
            &play_parts([&bytes[..at], &bytes[at..]], &limits),
            &whole,
            at,
        );
    }
    assert_same(&play_cut(bytes, &limits, 1), &whole, 0);
    whole
}

/// The same for long ones: cut near both ends and near every limit.
fn play_long(bytes: &[u8]) -> Answer {
    let limits = HeadLimits::default();
    let whole = play_whole(bytes);
    let near = |at: usize| at.saturating_sub(2)..at + 3;
    let cuts = [0, limits.line, limits.bytes, bytes.len()]
        .into_iter()
        .flat_map(near);
    for at in cuts.filter(|&at| at < bytes.len()) {
        assert_same(
            &play_parts([&bytes[..at], &bytes[at..]], &limits),
            &whole,
            at,
        );
    }
    for size in [1, 1448] {
        assert_same(&play_cut(bytes, &limits, size), &whole, size);
    }
    whole
}

fn assert_same(cut: &Answer, whole: &Answer, at: usize) {
    assert_eq!(cut.text(), whole.text(), "cut at {at}");
    assert_eq!(cut.refused, whole.refused, "cut at {at}");
    assert_eq!(cut.behind, whole.behind, "cut at {at}");
}

fn play_whole(bytes: &[u8]) -> Answer {
    play_parts([bytes], &HeadLimits::default())
}

fn play_cut(bytes: &[u8], limits: &HeadLimits, size: usize) -> Answer {
    play_parts(bytes.chunks(size), limits)
}

/// A server in small: nothing chosen, nothing added, plain requests refused.
fn play_parts<'p>(parts: impl IntoIterator<Item = &'p [u8]>, limits: &HeadLimits) -> Answer {
    let mut parts = parts.into_iter();
    let mut opening = Opening::default();
    let mut answer = Answer::default();
    while let Some(part) = parts.next() {
        let mut part = part.to_vec();
        match opening.receive(&mut part, limits) {
            Ok(None) => continue,
            Ok(Some((head, behind))) => {
                answer.behind = behind.to_vec();
                let mut fields = Fields::new();
                let told = Request::parse(head, &mut fields)
                    .and_then(|request| accept(&request, &mut answer.out));
                answer.refused = told.err();
            }
            // How far it had looked when it refused depends on the cut, and is nobody's business.
            Err(refusal) => {
                answer.refused = Some(refusal);
                parts.by_ref().for_each(drop);
            }
        }
        answer.behind.extend(parts.flatten());
        if let Some(refusal) = answer.refused {
            refusal.response().write(false, &mut answer.out);
        }
        return answer;
    }
    answer
}

fn accept(request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), Refusal> {
    match Acceptance::new().write(request, out) {
        Err(AcceptError::NotAskedFor) => Err(request.refusal()),
        other => {
            other.unwrap();
            Ok(())
        }
    }
}

/// Parses these bytes as a whole head and asks it something.
fn read<T>(bytes: &[u8], ask: impl FnOnce(&Request<'_>) -> T) -> Result<T, Refusal> {
    let mut bytes = bytes.to_vec();
    let mut fields = Fields::new();
    Request::parse(&mut bytes, &mut fields).map(|request| ask(&request))
}

fn accept_with(accept: &Acceptance, bytes: &[u8]) -> Result<String, AcceptError> {
    let mut out = Vec::new();
    let told = read(bytes, |request| accept.write(request, &mut out)).unwrap();
    assert!(told.is_ok() || out.is_empty());
    told.map(|()| String::from_utf8(out).unwrap())
}

fn allows(policy: &OriginPolicy, host: &str, origin: Option<&[u8]>) -> bool {
    let mut bytes = with("Host", host);
    if let Some(origin) = origin {
        bytes.truncate(bytes.len() - 2);
        bytes.extend_from_slice(&[b"Origin: ", origin, b"\r\n\r\n"].concat());
    }
    read(&bytes, |request| policy.allows(request)).unwrap()
}

#[track_caller]
fn assert_taken(bytes: &[u8]) {
    assert_accepted(&play(bytes));
}

#[track_caller]
fn assert_plain(bytes: &[u8]) {
    assert_upgrade_required(&play(bytes), Refusal::UpgradeRequired);
}

#[track_caller]
fn assert_refused(bytes: &[u8], refusal: Refusal) {
    let answer = play(bytes);
    let sent = String::from_utf8_lossy(bytes);
    assert_eq!(answer.refused, Some(refusal), "{sent:?}");
    assert!(answer.status().starts_with(refusal.status().as_str()));
    assert_eq!(answer.field("Content-Length"), Some("0"));
    assert_eq!(answer.field("Connection"), Some("close"));
}

#[track_caller]
fn assert_accepted(answer: &Answer) {
    assert_eq!(answer.refused, None);
    assert_eq!(answer.status(), "101 Switching Protocols");
}

#[track_caller]
fn assert_upgrade_required(answer: &Answer, why: Refusal) {
    assert_eq!(answer.refused, Some(why));
    assert_eq!(answer.status(), "426 Upgrade Required");
    assert_eq!(answer.field("Upgrade"), Some("websocket"));
    assert_eq!(answer.field("Sec-WebSocket-Version"), Some("13"));
    assert_eq!(answer.field("Content-Length"), Some("0"));
    assert_eq!(answer.field("Connection"), Some("close"));
}

fn offered(request: &Request<'_>) -> Vec<String> {
    request.subprotocols().map(str::to_owned).collect()
}

fn head(line: &str, fields: &[impl AsRef<str>]) -> Vec<u8> {
    let mut text = format!("{line}\r\n");
    for field in fields {
        text += field.as_ref();
        text += "\r\n";
    }
    (text + "\r\n").into_bytes()
}

/// A good request.
fn asking() -> Vec<u8> {
    request(GET)
}

/// With another request line.
fn request(line: &str) -> Vec<u8> {
    head(line, UPGRADE)
}

/// With another value for this field, or with this field more.
fn with(name: &str, value: &str) -> Vec<u8> {
    let field = format!("{name}: {value}");
    let mut fields = others(name);
    fields.push(&field);
    head(GET, &fields)
}

/// Without this field.
fn without(name: &str) -> Vec<u8> {
    head(GET, &others(name))
}

/// With these field lines more.
fn adding(fields: &str) -> Vec<u8> {
    head(GET, &add(fields))
}

fn add(fields: &str) -> Vec<&str> {
    [UPGRADE, &[fields]].concat()
}

fn others(name: &str) -> Vec<&'static str> {
    let named = |field: &&&str| field.split_once(':').unwrap().0 != name;
    UPGRADE.iter().filter(named).copied().collect()
}

/// With every field rewritten.
fn each(rewrite: impl Fn(&str, &str) -> String) -> Vec<u8> {
    let rewrite = |field: &&str| {
        let (name, value) = field.split_once(": ").unwrap();
        rewrite(name, value)
    };
    let fields: Vec<String> = UPGRADE.iter().map(rewrite).collect();
    head(GET, &fields)
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn refs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

const GET: &str = "GET /chat HTTP/1.1";
const KEY: &str = "Sec-WebSocket-Key";
const VERSION: &str = "Sec-WebSocket-Version";
const UPGRADE: &[&str] = &[
    "Host: example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];
const REFUSALS: [Refusal; 15] = [
    Refusal::Malformed,
    Refusal::LineTooLong,
    Refusal::TooManyFields,
    Refusal::HeadTooLong,
    Refusal::HttpVersion,
    Refusal::Target,
    Refusal::Host,
    Refusal::Content,
    Refusal::Method,
    Refusal::UpgradeRequired,
    Refusal::Version,
    Refusal::VersionMissing,
    Refusal::Key,
    Refusal::Extensions,
    Refusal::Origin,
];
