//! What is asked for, and what a caller may add to it (C2).

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, header};
use ws4rs::proto::Deflate;
use ws4rs::proto::handshake::{Dial, DialFault, Url, UrlError};

use super::asked::{ask, plain, url, value};

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

#[track_caller]
fn assert_fault(dial: &Dial, fault: DialFault) {
    let mut out = Vec::new();
    assert_eq!(dial.ask(&mut out).unwrap_err(), fault);
    assert!(out.is_empty());
    assert!(!fault.to_string().is_empty());
}
