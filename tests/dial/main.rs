//! The opening handshake, client's side: a promise per test. C numbers the rules of the client (RFC
//! 6455 3, 4.1, 9.1, 11.3; RFC 9110, 9112 where they say what an answer is).
//!
//! Every answer is played whole, cut at each byte, and byte by byte; what is told is the same. Tables
//! of short texts are written "this|that", so the first of "|that" is empty.
use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, StatusCode, header};
use ws4rs::proto::handshake::{
    Acceptance, Dial, DialFault, Dialing, Endpoint, Fields, HeadLimits, NotOpened, Opening,
    Request, Url, UrlError, accept_key,
};
use ws4rs::proto::{Deflate, NotAgreed};

// --- C1: where to dial -------------------------------------------------------------------------

#[test]
fn c01_a_url_has_a_host_a_port_and_a_target() {
    for (text, host, port, secure, field, target) in [
        ("ws://a", "a", 80, false, "a", "/"),
        ("wss://a", "a", 443, true, "a", "/"),
        (
            "WS://EXAMPLE.com/Chat",
            "example.com",
            80,
            false,
            "example.com",
            "/Chat",
        ),
        (
            "wSs://a:9001/x?y=1&z",
            "a",
            9001,
            true,
            "a:9001",
            "/x?y=1&z",
        ),
        ("ws://a?x", "a", 80, false, "a", "/?x"),
        ("ws://a/?", "a", 80, false, "a", "/?"),
        ("ws://a//b:c@d", "a", 80, false, "a", "//b:c@d"),
        ("ws://a:80/", "a", 80, false, "a", "/"),
        ("wss://a:443/", "a", 443, true, "a", "/"),
        ("ws://a:443/", "a", 443, false, "a:443", "/"),
        ("wss://a:80/", "a", 80, true, "a:80", "/"),
        ("ws://a:00080/", "a", 80, false, "a", "/"),
        ("ws://a:/", "a", 80, false, "a", "/"),
        ("ws://a:65535", "a", 65535, false, "a:65535", "/"),
        (
            "ws://127.0.0.1:1",
            "127.0.0.1",
            1,
            false,
            "127.0.0.1:1",
            "/",
        ),
        ("ws://[::1]", "::1", 80, false, "[::1]", "/"),
        (
            "wss://[2001:DB8::1]:9/x",
            "2001:db8::1",
            9,
            true,
            "[2001:db8::1]:9",
            "/x",
        ),
        ("  ws://a/x  ", "a", 80, false, "a", "/x"),
    ] {
        let url = Url::parse(text).expect(text);
        assert_eq!(url.endpoint(), Endpoint::Tcp { host, port }, "{text}");
        assert_eq!(url.is_secure(), secure, "{text}");
        assert_eq!(url.host(), field, "{text}");
        assert_eq!(url.target(), target, "{text}");
        // And it is given back.
        let again = if secure { "wss" } else { "ws" };
        assert_eq!(url.to_string(), format!("{again}://{field}{target}"));
        assert_eq!(url.to_string().parse(), Ok(url), "{text}");
    }
}

#[test]
fn c01_a_unix_socket_is_written_as_the_npm_package_writes_it() {
    for (text, path, target) in [
        ("ws+unix:/run/x.sock", "/run/x.sock", "/"),
        ("ws+unix:/run/x.sock:", "/run/x.sock", "/"),
        ("ws+unix:/run/x.sock:/chat?x=1", "/run/x.sock", "/chat?x=1"),
        ("ws+unix:/run/x.sock:?x=1", "/run/x.sock", "/?x=1"),
        ("ws+unix:///run/x.sock:/a:b", "/run/x.sock", "/a:b"),
        ("WS+UNIX://x.sock", "x.sock", "/"),
        ("ws+unix:./x.sock", "./x.sock", "/"),
        ("ws+unix:////x", "//x", "/"),
        ("ws+unix:/a%3Ab%20%23%3f%25/é:/", "/a:b #?%/é", "/"),
        ("ws+unix:/user@host/x", "/user@host/x", "/"),
    ] {
        let url = Url::parse(text).expect(text);
        assert_eq!(url.endpoint(), Endpoint::Unix(path), "{text}");
        assert_eq!((url.target(), url.host()), (target, "localhost"), "{text}");
        assert!(!url.is_secure());
        assert_eq!(url.to_string().parse(), Ok(url), "{text}");
    }
    let paths = "ws+unix:|ws+unix://|ws+unix::/x|ws+unix:/a:b|ws+unix:/a?x=1|ws+unix:/a?:/|\
        ws+unix:/a%00b|ws+unix:/%ff";
    assert_urls(paths, UrlError::Path);
}

#[test]
fn c01_what_is_no_place_to_dial_is_told_with_what_to_write() {
    assert_urls(
        "|a|/|//a|a:80|localhost:9001/x|ftp://a|wss+unix:/a|ws:a|ws:/a|ws",
        UrlError::Scheme,
    );
    assert_urls("http://a|HTTPS://a/x|http:", UrlError::Http);
    assert_urls(
        "ws://a/#|ws://a#x|wss://a/?x#y|ws://#@a|ws+unix:/a#b",
        UrlError::Fragment,
    );
    assert_urls(
        "ws://|ws:///x|ws://?x|ws://:80|ws://a b|ws://::1|ws://[::1|ws://[]|ws://[::1]x|\
        ws://[::1%25eth0]|ws://bücher.example|ws://a%20b|ws://a\\b|ws://a,b\"|ws://u@|ws://[g::1]",
        UrlError::Host,
    );
    assert_urls(
        "ws://a:0|ws://a:65536|ws://a:x|ws://a:-1|ws://a:+1|ws://[::1]:0|ws://a:80:80|ws://a: 80",
        UrlError::Port,
    );
    assert_urls(
        "ws://a%3Ab:c@d|ws://a%0D%0Ab@c|ws://a:%00@c|ws://a\\@b|ws://a@b@c|ws://a@b@c:80",
        UrlError::User,
    );
    assert!(UrlError::Http.to_string().contains("ws://"));
    assert!(UrlError::Fragment.to_string().contains("%23"));
    // C1: fragments count before anything else that is wrong with a place of ours.
    assert_urls("ws://#", UrlError::Fragment);
}

#[test]
fn c01_what_a_target_cannot_hold_is_encoded_as_browsers_do() {
    for (written, sent) in [
        ("/a b", "/a%20b"),
        ("/é?ü=ß", "/%C3%A9?%C3%BC=%C3%9F"),
        ("/\u{85}\u{1f600}", "/%C2%85%F0%9F%98%80"),
        ("?a b", "/?a%20b"),
        ("/%41%zz%", "/%41%zz%"),
        ("/a[]{}|\\^`\"<>", "/a[]%7B%7D%7C%5C%5E%60%22%3C%3E"),
        ("/!$&'()*+,;=:@-._~/?", "/!$&'()*+,;=:@-._~/?"),
    ] {
        let url = url(&format!("ws://a{written}"));
        assert_eq!(url.target(), sent);
        assert_taken_by_our_server(&Dial::new(url));
    }
}

#[test]
fn c01_user_and_password_become_authorization_and_are_told_to_nobody_else() {
    for (user, told) in [
        ("user:password", "user:password"),
        ("user", "user:"),
        (":password", ":password"),
        ("u%40x:p%3A%2F:%C3%A9", "u@x:p:/:é"),
        ("ü:50%", "ü:50%"),
    ] {
        let url = url(&format!("ws://{user}@example.com:81/x"));
        assert_eq!(url.to_string(), "ws://example.com:81/x");
        assert_eq!(url.host(), "example.com:81");
        let asked = ask(&Dial::new(url.clone()));
        let basic = format!("Basic {}", STANDARD.encode(told));
        assert_eq!(asked.field("Authorization"), Some(&*basic), "{user}");
        // Nor by what is written to a log.
        let logged = format!("{url:?} {:?}", Dial::new(url.clone()));
        assert!(!logged.contains(&STANDARD.encode(told)), "{logged}");
        // A caller who sets his own is heard.
        let own = Dial::new(url).header(header::AUTHORIZATION, value("Bearer x"));
        assert_eq!(ask(&own).fields("Authorization"), ["Bearer x"]);
    }
    assert_eq!(ask(&Dial::new(url("ws://@a"))).field("Authorization"), None);
}

// --- C2: the request ---------------------------------------------------------------------------

#[test]
fn c02_the_request_is_all_that_the_rfc_asks_for_and_no_more() {
    let asked = ask(&Dial::new(url("ws://example.com:8080/chat?x=1")));
    let key = asked.key().to_owned();
    assert_eq!(
        asked.text,
        format!(
            "GET /chat?x=1 HTTP/1.1\r\nHost: example.com:8080\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
    );
}

#[test]
fn c02_what_is_offered_and_added_follows_in_order() {
    let dial = Dial::new(url("wss://a/"))
        .header(header::COOKIE, value("a=1"))
        .subprotocol("chat.v2")
        .subprotocol(String::from("chat"))
        .origin(value("https://page.example"))
        .header(header::COOKIE, value("b=2"))
        .header(HeaderName::from_static("x-trace-id"), value(""));
    let text = ask(&dial).text;
    let end = "Sec-WebSocket-Version: 13\r\nOrigin: https://page.example\r\n\
        Sec-WebSocket-Protocol: chat.v2, chat\r\nCookie: a=1\r\nCookie: b=2\r\nX-Trace-Id: \r\n\r\n";
    assert!(text.ends_with(end), "{text}");
    assert_eq!(dial.url(), &url("wss://a"));
    // A log is no place for cookies.
    assert!(!format!("{dial:?}").contains("a=1"));
}

#[test]
fn c02_the_key_is_16_bytes_in_base64_and_a_new_one_each_time() {
    let dial = Dial::new(url("ws://a"));
    let keys: HashSet<Vec<u8>> = (0..1000)
        .map(|_| {
            let key = ask(&dial).key().to_owned();
            assert_eq!(key.len(), 24);
            STANDARD.decode(key).unwrap()
        })
        .collect();
    assert_eq!(keys.len(), 1000);
    assert!(keys.iter().all(|key| key.len() == 16));
}

#[test]
fn c02_what_belongs_to_the_handshake_cannot_be_set() {
    for name in [
        "upgrade",
        "connection",
        "content-length",
        "transfer-encoding",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
        "sec-websocket-accept",
        "sec-websocket-anything",
    ] {
        let name = HeaderName::from_static(name);
        let dial = plain().header(name.clone(), value("x"));
        assert_fault(&dial, DialFault::Reserved(name));
    }
    for name in [header::HOST, header::ORIGIN, header::AUTHORIZATION] {
        let dial = plain().header(name.clone(), value("a"));
        assert_eq!(ask(&dial).fields(name.as_str()), ["a"]);
        let twice = dial.header(name.clone(), value("a"));
        assert_fault(&twice, DialFault::Twice(name));
    }
    let dial = plain().origin(value("http://a"));
    let twice = dial.clone().header(header::ORIGIN, value("http://b"));
    assert_fault(&twice, DialFault::Twice(header::ORIGIN));
    let again = dial.origin(value("http://b"));
    assert_eq!(ask(&again).fields("Origin"), ["http://b"]);
}

#[test]
fn c02_a_caller_may_name_another_host() {
    let dial = Dial::new(url("ws://127.0.0.1:9001/")).header(header::HOST, value("a.example:1"));
    let asked = ask(&dial);
    assert_eq!(asked.fields("Host"), ["a.example:1"]);
    assert!(asked.text.starts_with("GET / HTTP/1.1\r\nHost: "));
    for host in "|a b|http://a|a:0|u@a|::1|a/b|\u{e9}".split('|') {
        let host = HeaderValue::from_bytes(host.as_bytes()).unwrap();
        assert_fault(&plain().header(header::HOST, host), DialFault::Host);
    }
}

#[test]
fn c02_impossible_compression_is_not_offered() {
    let (window, level) = (Deflate::takeover(16), Deflate::shared().level(0));
    for deflate in [window, level] {
        let fault = deflate.fault().unwrap();
        assert_fault(&plain().deflate(deflate), DialFault::Deflate(fault));
    }
}

#[test]
fn c02_a_subprotocol_is_a_token_and_is_offered_once() {
    for name in "|a b|a,b|a\r\nX: y|a;b|\"a\"|é|a\0|a/b|a\u{7f}".split('|') {
        let dial = plain().subprotocol("good").subprotocol(name.to_owned());
        assert_fault(&dial, DialFault::Subprotocol(name.to_owned()));
    }
    let twice = plain().subprotocol("a").subprotocol("b").subprotocol("a");
    assert_fault(&twice, DialFault::OfferedTwice("a".to_owned()));
    // They are compared with case.
    let cased = plain().subprotocol("a").subprotocol("A");
    assert_eq!(ask(&cased).field("Sec-WebSocket-Protocol"), Some("a, A"));
}

#[test]
fn c02_nothing_that_is_asked_for_adds_a_line() {
    for byte in (0..0x20).chain([0x7f]).map(char::from) {
        for text in [
            "ws://a?x/b",
            "ws://a/?x",
            "ws://a/b?x=?X: y",
            "ws://u?:p@a/",
            "ws://u:p?@a/",
            "ws://a:8?0/",
            "ws?://a",
            "ws+unix:/a?b",
            "ws+unix:/a:/?b",
            "ws://a/?",
            "?ws://a/",
        ] {
            let text = text.replace('?', &byte.to_string());
            let told = Url::parse(&text);
            assert!(
                matches!(told, Err(UrlError::Control | UrlError::Scheme)),
                "{text:?}: {told:?}"
            );
        }
    }
    // Encoded, it stays encoded; in a user name, where it would be decoded, it is refused.
    let asked = ask(&Dial::new(url("ws://a/%0d%0aX:%20y?%0d%0a%0d%0a")));
    assert!(
        asked
            .text
            .starts_with("GET /%0d%0aX:%20y?%0d%0a%0d%0a HTTP/1.1\r\n")
    );
    assert_eq!(asked.text.matches('\n').count(), 7);
}

#[test]
fn c02_whatever_url_is_taken_asks_our_server_for_what_it_says() {
    let interesting = "\0\t\n\r \"#%/:;=?@[\\]^|\u{7f}\u{e9}\u{2028}0aA.";
    for text in "wss://u:p@example.com:81/a/b?c=d|ws://[::1]:9/|ws+unix:/a:/b?c|ws+unix:///a%3A:?b"
        .split('|')
    {
        for at in (0..=text.len()).filter(|&at| text.is_char_boundary(at)) {
            let (before, behind) = text.split_at(at);
            let others = interesting.chars().flat_map(|c| {
                let without = behind.get(1..).unwrap_or_default();
                [
                    format!("{before}{c}{behind}"),
                    format!("{before}{c}{without}"),
                ]
            });
            for text in others.chain([before.to_owned(), behind.to_owned()]) {
                let Ok(url) = Url::parse(&text) else {
                    continue;
                };
                let again = Url::parse(&url.to_string()).expect(&text);
                assert_eq!(again.endpoint(), url.endpoint(), "{text:?}");
                assert_eq!(again.to_string(), url.to_string(), "{text:?}");
                assert_taken_by_our_server(&Dial::new(url));
            }
        }
    }
}

#[test]
fn c01_hosts_and_targets_are_those_that_the_http_crate_reads() {
    for text in
        "ws://a|wss://a.example:81/x|ws://[::1]:9/a/b?c=d&e|ws://u:p@a/x|ws://a/%41:@".split('|')
    {
        let (ours, theirs) = (url(text), text.parse::<http::Uri>().unwrap());
        let port = theirs
            .port_u16()
            .unwrap_or(if ours.is_secure() { 443 } else { 80 });
        let host = theirs.host().unwrap().trim_matches(['[', ']']);
        assert_eq!(ours.endpoint(), Endpoint::Tcp { host, port }, "{text}");
        assert_eq!(ours.target(), theirs.path_and_query().unwrap().as_str());
    }
}

// --- C4 to C9: the answer ----------------------------------------------------------------------

#[test]
fn c04_another_status_is_told_with_its_fields_and_never_followed() {
    for status in [
        200, 204, 301, 302, 307, 308, 400, 401, 403, 404, 407, 426, 429, 500, 503, 999,
    ] {
        // Even with all that a yes would have.
        let line = format!("HTTP/1.1 {status} What");
        let fields = [YES, &["Location: ws://b/", "Content-Length: 2"]].concat();
        let told = play(&head(&line, &fields));
        let Told::NotOpened(NotOpened::Refused(refused)) = told else {
            panic!("{told:?}");
        };
        assert_eq!(refused.status(), StatusCode::from_u16(status).unwrap());
        assert_eq!(refused.headers()["location"], "ws://b/");
        assert!(refused.body().is_empty());
        let text = NotOpened::Refused(refused).to_string();
        assert!(text.contains(&status.to_string()), "{text}");
    }
    // Of a server that speaks an older HTTP too.
    let told = play(b"HTTP/1.0 503 Busy\r\n\r\n");
    assert_eq!(told.status(), Some(503));
}

#[test]
fn c04_what_came_along_of_a_body_is_told_up_to_4_kib() {
    let head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\n";
    for (body, kept) in [(0, 0), (9, 9), (4096, 4096), (4097, 4096), (1 << 20, 4096)] {
        let bytes = [&head[..], &vec![b'x'; body]].concat();
        let Told::NotOpened(NotOpened::Refused(refused)) = play_whole(&bytes) else {
            panic!("not refused");
        };
        assert_eq!(refused.body(), vec![b'x'; kept]);
        assert_eq!(refused.headers()["content-length"], "9");
    }
    // What comes later is not waited for.
    let told = run(&plain(), |_| {
        cut_at(&[head, &b"why not"[..]].concat(), head.len() + 3)
    });
    let Told::NotOpened(NotOpened::Refused(refused)) = told else {
        panic!("not refused");
    };
    assert_eq!(refused.body(), b"why");
}

#[test]
fn c05_upgrade_is_websocket_in_any_case_and_nothing_else() {
    assert_eq!(
        play(&without("Upgrade")),
        Told::NotOpened(NotOpened::Upgrade)
    );
    for value in
        "|h2c|websockets|web socket|websocket/13|h2c, websocket|websocket, h2c|TLS/1.0".split('|')
    {
        assert_field("Upgrade", value, Err(NotOpened::Upgrade));
    }
    for value in "WebSocket|WEBSOCKET|websocket \t|,websocket,".split('|') {
        assert_field("Upgrade", value, Ok(()));
    }
    assert_field(
        "Upgrade",
        "websocket\r\nUpgrade: h2c",
        Err(NotOpened::Upgrade),
    );
}

#[test]
fn c06_connection_names_upgrade_in_any_case() {
    assert_eq!(
        play(&without("Connection")),
        Told::NotOpened(NotOpened::Connection)
    );
    for value in "|close|keep-alive|upgraded|up grade|\"upgrade\"|upgrade;q=1".split('|') {
        assert_field("Connection", value, Err(NotOpened::Connection));
    }
    for value in
        "upgrade|UPGRADE|keep-alive, Upgrade|,\tupgrade ,|x\r\nConnection: upgrade".split('|')
    {
        assert_field("Connection", value, Ok(()));
    }
}

#[test]
fn c07_accept_is_the_proof_for_our_key_with_its_case() {
    const NAME: &str = "Sec-WebSocket-Accept";
    assert_eq!(play(&without(NAME)), Told::NotOpened(NotOpened::Accept));
    let wrongs: [fn(&str, &str) -> String; 10] = [
        |_, _| String::new(),
        |key, _| key.to_owned(),
        |_, right| right.chars().map(swap).collect(),
        // That of another key.
        |_, _| "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned(),
        |_, right| right[..27].to_owned(),
        |_, right| format!("{right}="),
        |_, right| format!("\"{right}\""),
        |_, right| format!("{right}, {right}"),
        |_, right| format!("{right}\r\nSec-WebSocket-Accept: {right}"),
        |_, right| format!("x\r\nsec-websocket-accept: {right}"),
    ];
    for (n, wrong) in wrongs.iter().enumerate() {
        let told = play_keyed(&plain(), |key| with(NAME, &wrong(key, &accept(key))));
        assert_eq!(told, Told::NotOpened(NotOpened::Accept), "{n}");
    }
    for space in ["\t", "   ", " \t \t"] {
        let told = play(&with(NAME, &format!("{space}{ACCEPT}{space}")));
        assert_eq!(told, Told::opened(""));
    }
}

#[test]
fn c08_an_extension_that_was_not_offered_opens_nothing() {
    for value in
        "permessage-deflate|x|,x|x; y=1|;|\"|permessage-deflate; server_no_context_takeover"
            .split('|')
    {
        assert_field(
            "Sec-WebSocket-Extensions",
            value,
            Err(NotOpened::Extension(NotAgreed::Extension)),
        );
    }
    let second = "\r\nSec-WebSocket-Extensions: x";
    assert_field(
        "Sec-WebSocket-Extensions",
        second,
        Err(NotOpened::Extension(NotAgreed::Extension)),
    );
    // A list that names none.
    assert_field("Sec-WebSocket-Extensions", "", Ok(()));
    assert_field("Sec-WebSocket-Extensions", " , ", Ok(()));
}

#[test]
fn c09_one_subprotocol_of_those_offered_or_none() {
    let dial = plain().subprotocol("chat").subprotocol("Chat.v2");
    assert_eq!(play_to(&dial, &good()), Told::opened(""));
    for chosen in ["chat", "Chat.v2", " chat \t"] {
        let told = play_to(&dial, &with("Sec-WebSocket-Protocol", chosen));
        assert_eq!(told.subprotocol(), Some(chosen.trim()));
    }
    for wrong in
        "|CHAT|chat.v2|other|chat, Chat.v2|chat,|\"chat\"|chat\r\nSec-WebSocket-Protocol: chat|\
        chat\r\nSec-WebSocket-Protocol: Chat.v2|chat\r\nSec-WebSocket-Protocol:"
            .split('|')
    {
        let told = play_to(&dial, &with("Sec-WebSocket-Protocol", wrong));
        assert_eq!(told, Told::NotOpened(NotOpened::Subprotocol), "{wrong:?}");
    }
    assert_field(
        "Sec-WebSocket-Protocol",
        "chat",
        Err(NotOpened::Subprotocol),
    );
}

// --- C10: hostile answers ----------------------------------------------------------------------

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

// --- C11, and both sides -----------------------------------------------------------------------

#[test]
fn c11_frames_behind_the_answer_are_not_lost() {
    for behind in [
        "\x01\x02ab",
        "\r\n\r\n",
        "\n",
        "\0",
        "HTTP/1.1 101 x\r\n\r\n",
    ] {
        let told = play(&[&good()[..], behind.as_bytes()].concat());
        assert_eq!(told, Told::opened(behind));
    }
}

#[test]
fn an_answer_is_what_was_sent() {
    let mut out = Vec::new();
    let mut dialing = plain().ask(&mut out).unwrap();
    let sent = adding("Set-Cookie: a=1\r\nX: \r\nset-cookie: b=2\r\nY: \u{e9}");
    let mut bytes = keyed(&sent, Asked::new(out).key());
    let limits = HeadLimits::default();
    let (answer, behind) = dialing.receive(&mut bytes, &limits).unwrap().unwrap();
    assert!(behind.is_empty());
    let cookies: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(answer.headers()["x"], "");
    assert_eq!(answer.headers()["y"].as_bytes(), "\u{e9}".as_bytes());
    assert_eq!(answer.subprotocol(), None);
    assert!(!format!("{answer:?}").contains("a=1"));
    assert!(size_of::<Dialing>() <= 16);
}

#[test]
fn our_client_and_our_server_understand_each_other() {
    for text in "ws://a|wss://u:p@[::1]:9/x y?é|ws+unix:/run/x:/chat?x=1|WS://A:80//?".split('|') {
        let dial = Dial::new(url(text))
            .subprotocol("chat.v2")
            .subprotocol("chat")
            .origin(value("https://a"))
            .header(header::COOKIE, value("a=1"));
        assert_taken_by_our_server(&dial);
    }
}

#[track_caller]
fn assert_taken_by_our_server(dial: &Dial) {
    let mut asked = Vec::new();
    let mut dialing = dial.ask(&mut asked).unwrap();
    let limits = HeadLimits::default();
    let mut opening = Opening::default();
    let (head, behind) = opening.receive(&mut asked, &limits).unwrap().unwrap();
    assert!(behind.is_empty());
    let mut fields = Fields::new();
    let request = Request::parse(head, &mut fields).unwrap();
    assert!(request.is_upgrade());
    assert_eq!(request.target(), dial.url().target());
    assert_eq!(request.host(), dial.url().host());
    assert!(request.to_http().is_ok());

    let chosen = request.choose(&["chat"]);
    let mut acceptance = Acceptance::new().header(header::SERVER, value("x"));
    if let Some(name) = chosen {
        acceptance = acceptance.subprotocol(name);
    }
    let mut answered = Vec::new();
    acceptance.write(&request, &mut answered).unwrap();
    let (answer, behind) = dialing.receive(&mut answered, &limits).unwrap().unwrap();
    assert!(behind.is_empty());
    assert_eq!(answer.subprotocol(), chosen);
    assert_eq!(answer.headers()[header::SERVER], "x");
}

// --- the players -------------------------------------------------------------------------------

#[derive(Debug, PartialEq)]
enum Told {
    Opened {
        subprotocol: Option<String>,
        behind: Vec<u8>,
    },
    NotOpened(NotOpened),
    Waiting,
}

impl Told {
    fn opened(behind: &str) -> Self {
        Told::Opened {
            subprotocol: None,
            behind: behind.as_bytes().to_vec(),
        }
    }

    fn subprotocol(&self) -> Option<&str> {
        match self {
            Told::Opened { subprotocol, .. } => subprotocol.as_deref(),
            _ => None,
        }
    }

    fn status(&self) -> Option<u16> {
        match self {
            Told::NotOpened(NotOpened::Refused(refused)) => Some(refused.status().as_u16()),
            _ => None,
        }
    }
}

/// Whole, cut at each byte, and byte by byte.
fn play(answer: &[u8]) -> Told {
    play_to(&plain(), answer)
}

fn play_to(dial: &Dial, answer: &[u8]) -> Told {
    play_keyed(dial, |key| keyed(answer, key))
}

/// With an answer that is made of the key.
fn play_keyed(dial: &Dial, answer: impl Fn(&str) -> Vec<u8>) -> Told {
    let whole = run(dial, |key| vec![answer(key)]);
    for at in 1..answer(KEY).len() {
        assert_same(&run(dial, |key| cut_at(&answer(key), at)), &whole, at);
    }
    let bytes = |key: &str| answer(key).chunks(1).map(<[u8]>::to_vec).collect();
    assert_same(&run(dial, bytes), &whole, 0);
    whole
}

/// The same for long ones: by the byte, and in parts as they come from a network.
fn play_long(answer: &[u8]) -> Told {
    let whole = play_whole(answer);
    for size in [1, 7, 1448] {
        let parts = |key: &str| {
            keyed(answer, key)
                .chunks(size)
                .map(<[u8]>::to_vec)
                .collect()
        };
        assert_same(&run(&plain(), parts), &whole, size);
    }
    whole
}

fn play_whole(answer: &[u8]) -> Told {
    play_within(answer, &HeadLimits::default())
}

fn play_within(answer: &[u8], limits: &HeadLimits) -> Told {
    run_within(&plain(), limits, |key| vec![keyed(answer, key)])
}

fn run(dial: &Dial, parts: impl Fn(&str) -> Vec<Vec<u8>>) -> Told {
    run_within(dial, &HeadLimits::default(), parts)
}

/// A client in small: asks anew, and is answered in these parts.
fn run_within(dial: &Dial, limits: &HeadLimits, parts: impl Fn(&str) -> Vec<Vec<u8>>) -> Told {
    let mut out = Vec::new();
    let mut dialing = dial.ask(&mut out).unwrap();
    let mut parts = parts(Asked::new(out).key()).into_iter();
    while let Some(mut part) = parts.next() {
        match dialing.receive(&mut part, limits) {
            Ok(None) => continue,
            Ok(Some((answer, behind))) => {
                return Told::Opened {
                    subprotocol: answer.subprotocol().map(str::to_owned),
                    behind: [&*behind, &parts.flatten().collect::<Vec<_>>()].concat(),
                };
            }
            Err(why) => return Told::NotOpened(why),
        }
    }
    Told::Waiting
}

#[track_caller]
fn assert_same(cut: &Told, whole: &Told, at: usize) {
    match (cut, whole) {
        // How much of a body came along is the network's business.
        (Told::NotOpened(NotOpened::Refused(cut)), Told::NotOpened(NotOpened::Refused(whole))) => {
            assert_eq!(cut.status(), whole.status(), "cut at {at}");
            assert!(cut.body().len() <= whole.body().len(), "cut at {at}");
            let (mut cut, mut whole) = (cut.headers().clone(), whole.headers().clone());
            // Each of them was asked for with a key of its own.
            cut.remove(header::SEC_WEBSOCKET_ACCEPT);
            whole.remove(header::SEC_WEBSOCKET_ACCEPT);
            assert_eq!(cut, whole, "cut at {at}");
        }
        _ => assert_eq!(cut, whole, "cut at {at}"),
    }
}

fn cut_at(bytes: &[u8], at: usize) -> Vec<Vec<u8>> {
    vec![bytes[..at].to_vec(), bytes[at..].to_vec()]
}

/// The answer to this key: with the proof where its place was left.
fn keyed(answer: &[u8], key: &str) -> Vec<u8> {
    let mut bytes = answer.to_vec();
    let place = bytes
        .windows(ACCEPT.len())
        .position(|at| at == ACCEPT.as_bytes());
    if let Some(at) = place {
        bytes[at..at + ACCEPT.len()].copy_from_slice(accept(key).as_bytes());
    }
    bytes
}

fn accept(key: &str) -> String {
    String::from_utf8(accept_key(key.as_bytes()).to_vec()).unwrap()
}

/// The other case for every letter.
fn swap(c: char) -> char {
    if c.is_ascii_lowercase() {
        c.to_ascii_uppercase()
    } else {
        c.to_ascii_lowercase()
    }
}

/// A request as it was sent.
struct Asked {
    text: String,
}

impl Asked {
    fn new(out: Vec<u8>) -> Self {
        let text = String::from_utf8(out).unwrap();
        assert!(text.ends_with("\r\n\r\n"));
        Asked { text }
    }

    fn fields(&self, name: &str) -> Vec<&str> {
        let lines = self.text.split("\r\n");
        let fields = lines.filter_map(|line| line.split_once(": "));
        let named = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value).collect()
    }

    fn field(&self, name: &str) -> Option<&str> {
        let fields = self.fields(name);
        assert!(fields.len() <= 1, "{name} {} times", fields.len());
        fields.first().copied()
    }

    fn key(&self) -> &str {
        self.field("Sec-WebSocket-Key").unwrap()
    }
}

fn ask(dial: &Dial) -> Asked {
    let mut out = Vec::new();
    dial.ask(&mut out).unwrap();
    Asked::new(out)
}

#[track_caller]
fn assert_fault(dial: &Dial, fault: DialFault) {
    let mut out = Vec::new();
    assert_eq!(dial.ask(&mut out).unwrap_err(), fault);
    assert!(out.is_empty());
    assert!(!fault.to_string().is_empty());
}

#[track_caller]
fn assert_urls(texts: &str, error: UrlError) {
    for text in texts.split('|') {
        assert_eq!(Url::parse(text), Err(error), "{text:?}");
        assert_eq!(text.parse::<Url>(), Err(error));
    }
}

#[track_caller]
fn assert_field(name: &str, value: &str, expected: Result<(), NotOpened>) {
    let told = play(&with(name, value));
    let expected = expected.map_or_else(Told::NotOpened, |()| Told::opened(""));
    assert_eq!(told, expected, "{name}: {value:?}");
}

fn plain() -> Dial {
    Dial::new(url("ws://example.com/chat"))
}

fn url(text: &str) -> Url {
    Url::parse(text).expect(text)
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap()
}

fn head(line: &str, fields: &[impl AsRef<str>]) -> Vec<u8> {
    let mut text = format!("{line}\r\n");
    for field in fields {
        text += field.as_ref();
        text += "\r\n";
    }
    (text + "\r\n").into_bytes()
}

/// A good answer.
fn good() -> Vec<u8> {
    head(LINE, YES)
}

/// With another value for this field, or with this field more.
fn with(name: &str, value: &str) -> Vec<u8> {
    let field = format!("{name}: {value}");
    head(LINE, &[&others(name)[..], &[&field]].concat())
}

/// Without this field.
fn without(name: &str) -> Vec<u8> {
    head(LINE, &others(name))
}

/// With these field lines more.
fn adding(fields: &str) -> Vec<u8> {
    head(LINE, &[YES, &[fields]].concat())
}

fn others(name: &str) -> Vec<&'static str> {
    let named = |field: &&&str| field.split_once(':').unwrap().0 != name;
    YES.iter().filter(named).copied().collect()
}

const LINE: &str = "HTTP/1.1 101 Switching Protocols";
const YES: &[&str] = &[
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: the-proof-belongs-in-here=28",
];
/// Where the proof belongs, and as long as it is.
const ACCEPT: &str = "the-proof-belongs-in-here=28";
/// As long as every key.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
