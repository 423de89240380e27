//! The opening handshake: what is asked for, and how long a server is waited for.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use ws4rs::CloseCode;
use ws4rs::client::{Builder, Error, Wait};
use ws4rs::http::{HeaderName, HeaderValue, StatusCode};
use ws4rs::proto::handshake::NotOpened;

use super::{SOON, builder, connect};
use crate::host::{BINARY, PING, PONG, TEXT, answer, frame, host, host_open};

#[test]
fn frames_in_the_segment_of_the_answer_are_heard() {
    let (url, hosted) = host(|mut peer| {
        let behind = [frame(true, TEXT, b"early"), frame(true, PING, b"?")].concat();
        peer.open_with("", &behind);
        peer.expect(PONG, b"?");
        peer.send(BINARY, b"later");
        peer.farewell(1000);
    });
    let mut client = connect(&url);
    assert_eq!(client.recv().unwrap().unwrap(), "early");
    assert_eq!(client.recv().unwrap().unwrap(), b"later"[..]);
    client.close(CloseCode::NORMAL, "").unwrap();
    hosted.done();
}

#[test]
fn what_was_asked_for_is_in_the_request_and_what_was_agreed_in_the_answer() {
    let (url, hosted) = host(|mut peer| {
        let fields = "Sec-WebSocket-Protocol: chat.v1\r\nSet-Cookie: a=b\r\n";
        let request = peer.open_with(fields, b"");
        assert!(request.starts_with("GET /chat HTTP/1.1\r\n"), "{request}");
        for line in [
            "Sec-WebSocket-Protocol: chat.v2, chat.v1\r\n",
            "Origin: https://example.com\r\n",
            "x-token: 1234\r\n",
        ] {
            assert!(
                request.to_lowercase().contains(&line.to_lowercase()),
                "{request}"
            );
        }
        peer.farewell(1000);
    });
    let asked = builder(&url)
        .subprotocol("chat.v2")
        .subprotocol("chat.v1")
        .origin(HeaderValue::from_static("https://example.com"))
        .header(
            HeaderName::from_static("x-token"),
            HeaderValue::from_static("1234"),
        );
    let mut client = asked.connect().unwrap();
    assert_eq!(client.subprotocol(), Some("chat.v1"));
    assert_eq!(client.headers()["set-cookie"], "a=b");
    let address = client.get_ref().peer_addr().unwrap();
    assert_eq!(url, format!("ws://{address}/chat"));
    client.close(CloseCode::NORMAL, "").unwrap();
    hosted.done();
}

#[test]
fn a_refusal_tells_its_status_and_why() {
    let (url, hosted) = host(|mut peer| {
        peer.request();
        peer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope");
        peer.expect_cut();
    });
    match builder(&url).connect() {
        Err(Error::NotOpened(NotOpened::Refused(refused))) => {
            assert_eq!(refused.status(), StatusCode::FORBIDDEN);
            assert_eq!(refused.body(), b"nope");
        }
        other => panic!("{other:?}"),
    }
    hosted.done();
}

#[test]
fn a_redirect_is_told_and_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = format!("ws://{}/", elsewhere.local_addr().unwrap());
    let location = there.clone();
    let (url, hosted) = host(move |mut peer| {
        peer.request();
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n");
        peer.write(answer.as_bytes());
        peer.expect_cut();
    });
    match builder(&url).connect() {
        Err(Error::NotOpened(NotOpened::Refused(refused))) => {
            assert_eq!(refused.headers()["location"], there);
        }
        other => panic!("{other:?}"),
    }
    hosted.done();
    elsewhere.set_nonblocking(true).unwrap();
    let nobody = elsewhere.accept().unwrap_err();
    assert_eq!(nobody.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn what_is_no_answer_opens_nothing() {
    for said in [
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "\0\0\r\n\r\n",
    ] {
        let (url, hosted) = host(move |mut peer| {
            peer.request();
            peer.write(said.as_bytes());
            peer.expect_cut();
        });
        let refused = builder(&url).connect();
        assert!(matches!(refused, Err(Error::NotOpened(_))), "{refused:?}");
        hosted.done();
    }
    let (url, hosted) = host(|mut peer| {
        peer.request();
        peer.write(b"HTTP/1.1 101 Switching");
    });
    match builder(&url).connect() {
        Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof),
        other => panic!("{other:?}"),
    }
    hosted.done();
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let (url, hosted) = host(|mut peer| {
        peer.request();
        peer.expect_cut();
    });
    let late = builder(&url).handshake_timeout(SOON).connect();
    assert!(
        matches!(late, Err(Error::Timeout(Wait::Handshake))),
        "{late:?}"
    );
    hosted.done();
}

#[test]
fn a_server_that_answers_a_byte_at_a_time_buys_no_time() {
    let (url, hosted) = host(|mut peer| {
        let request = peer.request();
        let answer = answer(&request, &format!("X: {}\r\n", "x".repeat(4000)));
        // It drips, until the client leaves.
        let pace = Some(Duration::from_millis(10));
        peer.stream.set_read_timeout(pace).unwrap();
        answer.bytes().any(|byte| {
            let gone = peer.stream.write_all(&[byte]).is_err();
            let left = !matches!(peer.stream.read(&mut [0]), Err(late) if late.kind() == io::ErrorKind::WouldBlock);
            gone || left
        })
    });
    let late = builder(&url).handshake_timeout(SOON).connect();
    assert!(
        matches!(late, Err(Error::Timeout(Wait::Handshake))),
        "{late:?}"
    );
    assert!(hosted.done(), "all of the answer was waited for");
}

#[test]
fn what_cannot_be_reached_says_so() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap().to_string();
    drop(closed);
    match builder(&format!("ws://{address}/")).connect() {
        Err(Error::Connect { address: tried, .. }) => assert_eq!(tried, address),
        other => panic!("{other:?}"),
    }
    match builder("ws://nowhere.invalid/").connect() {
        Err(Error::Resolve { host, .. }) => assert_eq!(host, "nowhere.invalid"),
        other => panic!("{other:?}"),
    }
    let nowhere = builder("ws+unix:/nonexistent/socket").connect();
    assert!(matches!(nowhere, Err(Error::Connect { .. })), "{nowhere:?}");
    let secure = builder("wss://127.0.0.1/").connect().unwrap_err();
    assert!(secure.to_string().contains("connect_over"), "{secure}");
    assert!(matches!(Builder::new("http://here/"), Err(Error::Url(_))));
    let twice = builder("ws://127.0.0.1:1/")
        .subprotocol("a")
        .subprotocol("a");
    assert!(matches!(twice.connect(), Err(Error::Dial(_))));
}

#[test]
fn a_name_with_several_addresses_is_tried_until_one_answers() {
    // "localhost" is ::1 too on most machines, where nobody listens.
    let (url, hosted) = host_open(|peer| peer.farewell(1000));
    let named = url.replace("127.0.0.1", "localhost");
    connect(&named).close(CloseCode::NORMAL, "").unwrap();
    hosted.done();
}
