//! The blocking client, against a scripted server that does what servers should not, and against ours.
#![cfg(unix)]

#[path = "../host/mod.rs"]
mod host;

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use ws4rs::client::{self, Builder, Client, Error, Wait};
use ws4rs::config::Backend;
use ws4rs::http::{HeaderName, HeaderValue, StatusCode};
use ws4rs::proto::Violation;
use ws4rs::proto::handshake::NotOpened;
use ws4rs::{
    Accept, CloseCode, Handler, Message, Owned, Peer as Connection, Request, Running, Server,
    Verdict,
};

use host::{
    BINARY, CLOSE, CONTINUATION, DEADLINE, PING, PONG, Peer, TEXT, answer, closing, frame, host,
    host_open, noise,
};

/// Short, for what is bound to run out.
const SOON: Duration = Duration::from_millis(200);

fn builder(url: &str) -> Builder {
    Builder::new(url).unwrap().handshake_timeout(DEADLINE)
}

fn connect(url: &str) -> Client {
    builder(url).connect().unwrap()
}

/// A stream to bring, connected.
fn dial(url: &str) -> TcpStream {
    let address = url.trim_start_matches("ws://").trim_end_matches("/chat");
    TcpStream::connect(address).unwrap()
}

fn text(client: &mut Client) -> String {
    match client.recv().unwrap() {
        Some(Owned::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// It ends without an error, and stays so.
fn expect_over(client: &mut Client) {
    assert_eq!(client.recv().unwrap(), None);
    assert_eq!(client.recv().unwrap(), None);
    assert!(matches!(client.send("late"), Err(Error::Closed)));
}

// ---- opening -------------------------------------------------------------------------------------

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

// ---- hearing -------------------------------------------------------------------------------------

#[test]
fn fragments_with_pings_between_are_one_message() {
    let (url, hosted) = host_open(|mut peer| {
        peer.write(&frame(false, TEXT, b"gr\xC3"));
        peer.send(PING, b"1");
        peer.expect(PONG, b"1");
        peer.write(&frame(false, CONTINUATION, b"\xBC\xC3"));
        peer.send(PONG, b"nobody asked");
        peer.send(PING, b"2");
        peer.expect(PONG, b"2");
        peer.write(&frame(true, CONTINUATION, b"\x9Fe"));
        peer.send(TEXT, b"");
        peer.farewell(1000);
    });
    let mut client = connect(&url);
    assert_eq!(text(&mut client), "grüße");
    assert_eq!(text(&mut client), "");
    client.close(CloseCode::NORMAL, "").unwrap();
    hosted.done();
}

#[test]
fn a_server_that_breaks_the_protocol_is_told_and_left() {
    let masked = b"\x81\x81\0\0\0\0x".to_vec();
    let too_big = frame(true, BINARY, &noise(1, 1025));
    for (bytes, violation, code) in [
        (masked, Violation::MaskedFrame, 1002),
        (too_big, Violation::TooBig, 1009),
        (frame(true, TEXT, b"\xFF"), Violation::NotUtf8, 1007),
        (
            frame(true, CONTINUATION, b"x"),
            Violation::NothingToContinue,
            1002,
        ),
        (frame(true, CLOSE, &[3]), Violation::CloseTruncated, 1002),
    ] {
        let (url, hosted) = host_open(move |mut peer| {
            peer.send(TEXT, b"well");
            peer.write(&bytes);
            // What comes behind it does not reset the connection before our Close is read.
            peer.write(&noise(2, 100_000));
            peer.expect_close(code);
            peer.expect_end();
        });
        let mut client = builder(&url).message_max(1024).connect().unwrap();
        assert_eq!(text(&mut client), "well");
        match client.recv() {
            Err(Error::Protocol(told)) => assert_eq!(told, violation),
            other => panic!("{other:?}"),
        }
        expect_over(&mut client);
        assert_eq!(client.closed(), None);
        hosted.done();
    }
}

#[test]
fn silence_is_told_and_ends_nothing() {
    let (url, hosted) = host_open(|mut peer| {
        peer.write(&frame(true, TEXT, b"half")[..3]);
        peer.expect_text("go on");
        peer.write(&frame(true, TEXT, b"half")[3..]);
        peer.farewell(1000);
    });
    let mut client = builder(&url).read_timeout(Some(SOON)).connect().unwrap();
    let silent = client.recv();
    assert!(
        matches!(silent, Err(Error::Timeout(Wait::Read))),
        "{silent:?}"
    );
    client.set_read_timeout(None);
    client.send("go on").unwrap();
    assert_eq!(text(&mut client), "half");
    client.close(CloseCode::NORMAL, "").unwrap();
    hosted.done();
}

#[test]
fn a_read_timeout_of_nothing_hears_what_has_come() {
    let (url, hosted) = host_open(|mut peer| {
        peer.send(TEXT, b"here");
        peer.farewell(1000);
    });
    let mut client = builder(&url)
        .read_timeout(Some(Duration::ZERO))
        .connect()
        .unwrap();
    let heard = loop {
        match client.recv() {
            Err(Error::Timeout(Wait::Read)) => {}
            other => break other.unwrap().unwrap(),
        }
    };
    assert_eq!(heard, "here");
    client.close(CloseCode::NORMAL, "").unwrap();
    hosted.done();
}

#[test]
fn messages_in_a_row() {
    let (url, hosted) = host_open(|mut peer| {
        for word in ["one", "two", "three", "four"] {
            peer.send(TEXT, word.as_bytes());
        }
        peer.close(1000, "that is all");
        peer.stream.shutdown(std::net::Shutdown::Write).unwrap();
        peer.expect_close(1000);
    });
    let mut client = connect(&url);
    let first = client.iter().next().unwrap().unwrap();
    assert_eq!(first, "one");
    let mut heard = Vec::new();
    for message in &mut client {
        heard.push(message.unwrap().to_string());
        if heard.len() == 2 {
            break;
        }
    }
    assert_eq!(client.closed(), None);
    heard.extend(
        client
            .into_iter()
            .map(|message| message.unwrap().to_string()),
    );
    assert_eq!(heard, ["two", "three", "four"]);
    hosted.done();
}

#[test]
fn a_flood_of_pings_is_read_to_its_end_and_the_latest_answered() {
    // More pongs than any kernel buffers: the server reads none of them before it is done.
    const PINGS: u32 = 150_000;
    let (url, hosted) = host_open(|mut peer| {
        let mut payload = noise(1, 125);
        for number in 0..PINGS {
            payload[..4].copy_from_slice(&number.to_be_bytes());
            peer.send(PING, &payload);
        }
        loop {
            let pong = peer.receive();
            assert_eq!(pong.opcode, PONG);
            if pong.payload == payload {
                break;
            }
        }
        peer.send(TEXT, b"done");
        peer.farewell(1000);
    });
    let mut client = connect(&url);
    assert_eq!(text(&mut client), "done");
    client.close(CloseCode::NORMAL, "").unwrap();
    hosted.done();
}

// ---- saying --------------------------------------------------------------------------------------

#[test]
fn every_frame_is_masked_with_a_key_of_its_own() {
    const FRAMES: usize = 200;
    let (url, hosted) = host_open(|mut peer| {
        let mut keys = HashSet::new();
        for number in 0..FRAMES {
            let frame = peer.receive();
            let expected = if number % 10 == 9 { PING } else { TEXT };
            assert_eq!((frame.opcode, &frame.payload[..]), (expected, &b"same"[..]));
            keys.insert(frame.key);
        }
        peer.farewell(1000);
        keys.len()
    });
    let mut client = connect(&url);
    for number in 0..FRAMES {
        if number % 10 == 9 {
            client.ping(b"same").unwrap();
        } else {
            client.send("same").unwrap();
        }
    }
    client.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(hosted.done(), FRAMES);
}

#[test]
fn a_server_that_reads_nothing_is_given_up() {
    let (url, hosted) = host_open(|peer| peer);
    let mut client = builder(&url).write_timeout(SOON).connect().unwrap();
    // Open, and never read from.
    let peer = hosted.done();
    let big = noise(1, 1 << 20);
    let error = loop {
        if let Err(error) = client.send(&big) {
            break error;
        }
    };
    assert!(matches!(error, Error::Timeout(Wait::Write)), "{error}");
    assert!(matches!(client.send("more"), Err(Error::Closed)));
    drop(peer);
}

// ---- closing -------------------------------------------------------------------------------------

#[test]
fn the_server_closes_and_is_answered_with_its_code() {
    let (url, hosted) = host_open(|mut peer| {
        peer.send(TEXT, b"last words");
        peer.close(4001, "bye");
        peer.expect(CLOSE, &closing(4001, ""));
        peer.stream.shutdown(std::net::Shutdown::Write).unwrap();
        // C15: the client ends TCP after the server.
        peer.expect_end();
    });
    let mut client = connect(&url);
    assert_eq!(text(&mut client), "last words");
    expect_over(&mut client);
    let code = CloseCode::new(4001).unwrap();
    assert_eq!(client.closed(), Some((code, "bye")));
    let again = client.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!((again.code, &again.reason[..]), (code, "bye"));
    hosted.done();
}

#[test]
fn an_empty_close_is_answered_by_an_empty_one() {
    let (url, hosted) = host_open(|mut peer| {
        peer.send(CLOSE, b"");
        peer.expect(CLOSE, b"");
    });
    let mut client = connect(&url);
    expect_over(&mut client);
    assert_eq!(client.closed(), Some((CloseCode::NO_STATUS, "")));
    hosted.done();
}

#[test]
fn after_our_close_what_the_server_still_says_is_heard() {
    let (url, hosted) = host_open(|mut peer| {
        peer.expect(CLOSE, &closing(1000, "enough"));
        peer.send(TEXT, b"one");
        peer.send(PING, b"not answered any more");
        peer.send(TEXT, b"two");
        peer.close(1000, "");
        peer.stream.shutdown(std::net::Shutdown::Write).unwrap();
        peer.expect_end();
    });
    let mut client = connect(&url);
    client.begin_close(CloseCode::NORMAL, "enough").unwrap();
    assert!(matches!(client.send("more"), Err(Error::Closed)));
    client.begin_close(CloseCode::GOING_AWAY, "again").unwrap();
    assert_eq!(text(&mut client), "one");
    assert_eq!(text(&mut client), "two");
    expect_over(&mut client);
    hosted.done();
}

// The time for closing is the server's, not that of whoever is slow to receive.
#[test]
fn what_the_server_has_said_is_heard_however_late_it_is_asked_for() {
    let (url, hosted) = host_open(|mut peer| {
        peer.expect(CLOSE, &closing(1000, ""));
        for _ in 0..500 {
            peer.send(TEXT, &[b'x'; 200]);
        }
        peer.close(1000, "");
        peer.expect_end();
    });
    let mut client = builder(&url).close_timeout(SOON).connect().unwrap();
    client.begin_close(CloseCode::NORMAL, "").unwrap();
    // There is no event to wait for: this is the time that is over.
    thread::sleep(2 * SOON);
    assert_eq!(client.iter().map(Result::unwrap).count(), 500);
    assert_eq!(client.closed(), Some((CloseCode::NORMAL, "")));
    drop(client);
    hosted.done();
}

#[test]
fn a_server_that_never_closes_is_left() {
    // It says nothing any more.
    let (url, hosted) = host_open(|mut peer| peer.expect_cut());
    let mut client = builder(&url).close_timeout(SOON).connect().unwrap();
    let late = client.close(CloseCode::NORMAL, "");
    assert!(matches!(late, Err(Error::Timeout(Wait::Close))), "{late:?}");
    expect_over(&mut client);
    hosted.done();

    // It says Close, and keeps TCP.
    let (url, hosted) = host_open(|mut peer| {
        peer.expect_close(1000);
        peer.close(1000, "");
        peer.expect_cut();
    });
    let mut client = builder(&url).close_timeout(SOON).connect().unwrap();
    let closed = client.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(closed.code, CloseCode::NORMAL);
    hosted.done();

    // It never stops.
    for behind in [Vec::new(), frame(true, CLOSE, b"")] {
        let answers = !behind.is_empty();
        let (url, hosted) = host_open(move |mut peer| {
            peer.expect_close(1000);
            peer.write(&behind);
            let more = frame(true, BINARY, &noise(1, 10_000));
            while peer.stream.write_all(&more).is_ok() {}
        });
        let mut client = builder(&url).close_timeout(SOON).connect().unwrap();
        let closed = client.close(CloseCode::NORMAL, "");
        assert_eq!(closed.is_ok(), answers, "{closed:?}");
        drop(client);
        hosted.done();
    }
}

#[test]
fn a_server_that_vanishes_is_an_error_once() {
    let (url, hosted) = host_open(|mut peer| peer.send(TEXT, b"then"));
    let mut client = connect(&url);
    hosted.done();
    assert_eq!(text(&mut client), "then");
    match client.recv() {
        Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof),
        other => panic!("{other:?}"),
    }
    expect_over(&mut client);

    // With a reset.
    let (url, hosted) = host_open(|mut peer| {
        peer.expect_text("?");
        let socket = socket2::SockRef::from(&peer.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    });
    let mut client = connect(&url);
    client.send("?").unwrap();
    hosted.done();
    match client.recv() {
        Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        other => panic!("{other:?}"),
    }
    expect_over(&mut client);
    assert!(matches!(
        client.close(CloseCode::NORMAL, ""),
        Err(Error::Closed)
    ));
}

#[test]
fn a_dropped_client_ends_tcp() {
    let (url, hosted) = host_open(|mut peer| peer.expect_end());
    drop(connect(&url));
    hosted.done();
}

// ---- two halves ----------------------------------------------------------------------------------

#[test]
fn both_sides_may_flood_each_other() {
    const MESSAGES: u32 = 64;
    let big = noise(1, 1 << 20);
    let said = big.clone();
    let (url, hosted) = host_open(move |mut peer| {
        // All of it is written before anything is read.
        for number in 0..MESSAGES {
            peer.send(PING, &number.to_be_bytes());
            peer.send(BINARY, &said);
        }
        let (mut messages, mut latest) = (0, None);
        while messages < MESSAGES || latest != Some((MESSAGES - 1).to_be_bytes().to_vec()) {
            let frame = peer.receive();
            match frame.opcode {
                PONG => latest = Some(frame.payload),
                _ => {
                    assert!(frame.payload == said, "message {messages} is another one");
                    messages += 1;
                }
            }
        }
        peer.farewell(1000);
    });
    let (mut sender, receiver) = connect(&url).split();
    let saying = thread::spawn({
        let big = big.clone();
        move || {
            for _ in 0..MESSAGES {
                sender.send(&big).unwrap();
            }
            sender
        }
    });
    let mut receiver = receiver;
    for number in 0..MESSAGES {
        let heard = receiver.recv().unwrap().unwrap();
        assert!(heard == big[..], "message {number} is another one");
    }
    let closing = thread::spawn(move || {
        let mut sender = saying.join().unwrap();
        sender.close(CloseCode::NORMAL, "").unwrap();
        assert!(matches!(sender.send("more"), Err(Error::Closed)));
    });
    assert_eq!(receiver.recv().unwrap(), None);
    assert_eq!(receiver.closed(), Some((CloseCode::NORMAL, "")));
    closing.join().unwrap();
    hosted.done();
}

#[test]
fn one_half_closes_and_the_other_gives_up_in_time() {
    let (url, hosted) = host_open(|mut peer| {
        peer.expect_close(1000);
        peer.expect_cut();
    });
    let client = builder(&url).close_timeout(SOON).connect().unwrap();
    let (mut sender, mut receiver) = client.split();
    let hearing = thread::spawn(move || (receiver.recv(), receiver.recv()));
    sender.close(CloseCode::NORMAL, "").unwrap();
    let (first, then) = hearing.join().unwrap();
    assert!(
        matches!(first, Err(Error::Timeout(Wait::Close))),
        "{first:?}"
    );
    assert!(matches!(then, Ok(None)), "{then:?}");
    hosted.done();
}

#[test]
fn a_close_frees_a_half_that_is_stuck() {
    let (url, hosted) = host_open(|mut peer| {
        // The beginning of what will never be read to its end.
        assert_eq!(peer.stream.read(&mut [0; 2]).unwrap(), 2);
        peer.close(1001, "");
        peer
    });
    let client = builder(&url).close_timeout(SOON).connect().unwrap();
    let (mut sender, mut receiver) = client.split();
    let saying = thread::spawn(move || {
        let big = noise(1, 1 << 20);
        while sender.send(&big).is_ok() {}
        sender.send("more")
    });
    assert_eq!(receiver.recv().unwrap(), None);
    assert_eq!(receiver.closed(), Some((CloseCode::GOING_AWAY, "")));
    assert!(matches!(saying.join().unwrap(), Err(Error::Closed)));
    drop(hosted.done());
}

#[test]
fn a_close_is_answered_while_the_other_half_sends() {
    // It took a few dozen to meet the moment at which the answer was left to nobody.
    for _ in 0..100 {
        let (url, hosted) = host_open(|mut peer| {
            peer.expect_text("x");
            let hi = frame(true, TEXT, b"hi").repeat(50);
            peer.write(&[hi, frame(true, CLOSE, &closing(1000, ""))].concat());
            loop {
                match peer.receive() {
                    frame if frame.opcode == CLOSE => break,
                    frame => assert_eq!(frame.opcode, TEXT),
                }
            }
        });
        let (mut sender, mut receiver) = connect(&url).split();
        let saying = thread::spawn(move || while sender.send("x").is_ok() {});
        assert_eq!(receiver.iter().map(Result::unwrap).count(), 50);
        assert_eq!(receiver.closed(), Some((CloseCode::NORMAL, "")));
        saying.join().unwrap();
        hosted.done();
    }
}

#[test]
fn the_half_that_hears_learns_that_the_other_gave_up() {
    let (url, hosted) = host_open(|peer| peer);
    let client = builder(&url).write_timeout(SOON).connect().unwrap();
    let peer = hosted.done();
    let (mut sender, mut receiver) = client.split();
    let saying = thread::spawn(move || {
        let big = noise(1, 1 << 20);
        while sender.send(&big).is_ok() {}
    });
    let ended = receiver.recv();
    assert!(
        matches!(ended, Err(Error::Timeout(Wait::Write))),
        "{ended:?}"
    );
    assert!(matches!(receiver.recv(), Ok(None)));
    saying.join().unwrap();
    drop(peer);
}

#[test]
fn the_half_that_hears_may_close() {
    let (url, hosted) = host_open(|mut peer| {
        peer.send(TEXT, b"one");
        peer.expect_close(1000);
        peer.send(TEXT, b"two");
        peer.close(1000, "");
    });
    let (sender, mut receiver) = connect(&url).split();
    assert_eq!(receiver.recv().unwrap().unwrap(), "one");
    receiver.begin_close(CloseCode::NORMAL, "").unwrap();
    let rest: Vec<_> = receiver.iter().map(Result::unwrap).collect();
    assert_eq!(rest, ["two"]);
    drop(sender);
    hosted.done();
}

// ---- other transports ----------------------------------------------------------------------------

#[test]
fn over_a_stream_of_the_callers() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let hosted = thread::spawn(move || {
        let mut peer = Peer::new(theirs);
        let request = peer.open();
        assert!(request.contains("Host: example.com\r\n"), "{request}");
        peer.expect_text("hello");
        peer.send(PING, b"?");
        peer.expect(PONG, b"?");
        peer.send(TEXT, b"hello");
        peer.farewell(1000);
    });
    // TLS is below it, for all that we know.
    let mut client = builder("wss://example.com/").connect_over(ours).unwrap();
    client.send("hello").unwrap();
    assert_eq!(client.recv().unwrap().unwrap(), "hello");
    client.close(CloseCode::NORMAL, "").unwrap();
    // TCP, or whatever it is, is the caller's to end.
    drop(client.into_inner().into_inner());
    hosted.join().unwrap();
}

#[test]
fn a_streams_own_clock_does_not_end_opening_and_closing() {
    // Shorter than what the server takes, and our limits are longer.
    const TICK: Duration = Duration::from_millis(20);
    let (url, hosted) = host(|mut peer| {
        let request = peer.request();
        thread::sleep(SOON);
        peer.write(answer(&request, "").as_bytes());
        peer.expect_close(1000);
        thread::sleep(SOON);
        peer.send(TEXT, b"last");
        peer.close(1000, "");
    });
    let over = dial(&url);
    over.set_read_timeout(Some(TICK)).unwrap();
    let asked = builder(&url).close_timeout(DEADLINE);
    let mut client = asked.connect_over(over).unwrap();
    let silent = client.recv();
    assert!(
        matches!(silent, Err(Error::Timeout(Wait::Read))),
        "{silent:?}"
    );
    let closed = client.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(closed.code, CloseCode::NORMAL);
    hosted.done();
}

/// What is no socket itself.
struct Wrapped(TcpStream);

impl Read for Wrapped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Wrapped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn over_a_stream_with_a_socket_below_the_time_is_kept() {
    let (url, hosted) = host(|mut peer| peer.expect_cut());
    let below = dial(&url);
    let over = Wrapped(below.try_clone().unwrap());
    let late = builder(&url)
        .handshake_timeout(SOON)
        .connect_over_socket(over, below);
    assert!(matches!(late, Err(Error::Timeout(Wait::Handshake))));
    hosted.done();

    let (url, hosted) = host_open(|mut peer| {
        peer.expect_close(1000);
        peer.expect_cut();
    });
    let below = dial(&url);
    let over = Wrapped(below.try_clone().unwrap());
    let mut client = builder(&url)
        .close_timeout(SOON)
        .connect_over_socket(over, below)
        .unwrap();
    let late = client.close(CloseCode::NORMAL, "");
    assert!(matches!(late, Err(Error::Timeout(Wait::Close))), "{late:?}");
    hosted.done();
}

/// A stream that takes nothing more once it is told so, and says so at once.
struct Full(TcpStream, bool);

impl Read for Full {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.1 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn over_a_stream_that_takes_no_pong_what_has_come_is_heard_and_the_server_given_up() {
    for has_socket in [true, false] {
        let (url, hosted) = host(|mut peer| {
            let behind = [frame(true, PING, b"?"), frame(true, TEXT, b"come")].concat();
            peer.open_with("", &behind);
            peer.expect_cut();
        });
        let below = dial(&url);
        let over = Full(below.try_clone().unwrap(), false);
        let mut client = if has_socket {
            builder(&url).connect_over_socket(over, below).unwrap()
        } else {
            drop(below);
            builder(&url).connect_over(over).unwrap()
        };
        client.get_mut().get_mut().1 = true;
        assert_eq!(client.recv().unwrap().unwrap(), "come");
        let late = client.recv();
        assert!(matches!(late, Err(Error::Timeout(Wait::Write))), "{late:?}");
        assert_eq!(client.recv().unwrap(), None);
        assert!(matches!(client.send("more"), Err(Error::Closed)));
        drop(client);
        hosted.done();
    }
}

/// A stream whose second write, the first after the request, panics.
struct Panicking(TcpStream, u32);

impl Read for Panicking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Panicking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1 += 1;
        assert_ne!(self.1, 2, "as it should");
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn after_a_stream_has_panicked_nothing_is_said_to_have_left() {
    let (url, hosted) = host_open(|mut peer| peer.expect_cut());
    let over = Panicking(dial(&url), 0);
    let mut client = builder(&url).connect_over(over).unwrap();
    let send = std::panic::AssertUnwindSafe(|| client.send("one"));
    assert!(std::panic::catch_unwind(send).is_err());
    assert!(matches!(client.send("two"), Err(Error::Closed)));
    drop(client);
    hosted.done();
}

/// A stream that was connected, and whose reads then fail in this way.
struct Failing(TcpStream, Option<io::ErrorKind>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1
            .map_or_else(|| self.0.read(buffer), |kind| Err(kind.into()))
    }
}

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn a_dead_connection_is_not_taken_for_a_clock() {
    let (url, hosted) = host_open(|mut peer| peer.expect_cut());
    let below = dial(&url);
    let over = Failing(below.try_clone().unwrap(), None);
    let mut client = builder(&url).connect_over_socket(over, below).unwrap();
    // ETIMEDOUT.
    client.get_mut().get_mut().1 = Some(io::ErrorKind::TimedOut);
    match client.recv() {
        Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
        other => panic!("{other:?}"),
    }
    hosted.done();
}

#[test]
fn over_a_unix_socket_by_its_url() {
    let path = std::env::temp_dir().join(format!("ws4rs-client-{}", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    let hosted = thread::spawn(move || {
        let mut peer = Peer::new(listener.accept().unwrap().0);
        let request = peer.open();
        assert!(request.starts_with("GET /x?y HTTP/1.1\r\n"), "{request}");
        peer.farewell(1000);
    });
    let mut client = connect(&format!("ws+unix:{}:/x?y", path.display()));
    assert_eq!(client.get_ref().peer_addr(), None);
    client.close(CloseCode::NORMAL, "").unwrap();
    hosted.join().unwrap();
    std::fs::remove_file(path).unwrap();
}

// ---- our own server ------------------------------------------------------------------------------

/// Echoes; closes when it is told to.
struct Desk;

impl Handler for Desk {
    type State = ();
    type Event = ();

    fn on_upgrade(&mut self, request: &Request<'_>) -> Verdict<Self> {
        match request.path() {
            "/refuse" => Verdict::refuse(StatusCode::FORBIDDEN),
            _ => match request.choose(&["chat.v2", "chat.v1"]) {
                Some(name) => Accept::new(()).subprotocol(name).into(),
                None => Verdict::accept(()),
            },
        }
    }

    fn on_message(&mut self, peer: &mut Connection<'_, Self>, message: Message<'_>) {
        match message {
            Message::Text("/close") => peer.close(CloseCode::POLICY, "as you wish"),
            message => _ = peer.send(message),
        }
    }
}

/// A server of ours for each backend that works here.
fn servers() -> impl Iterator<Item = (Running<Desk>, String)> {
    [Backend::IoUring, Backend::Mio]
        .into_iter()
        .filter_map(|backend| {
            let server = Server::builder().backend(backend).workers(2);
            match server.bind("127.0.0.1:0").start(|| Desk) {
                Ok(running) => {
                    let url = running.addresses()[0].clone();
                    Some((running, url))
                }
                Err(error) => {
                    println!("left out: io_uring does not work here: {error}");
                    assert_eq!(backend, Backend::IoUring);
                    None
                }
            }
        })
}

fn stop(running: Running<Desk>) {
    running.handle().stop();
    running.wait().unwrap();
}

#[test]
fn our_server_echoes_byte_for_byte() {
    for (running, url) in servers() {
        let mut client = client::connect(&url).unwrap();
        for size in [0, 1, 125, 126, 65_535, 65_536, 65_537, 1 << 20] {
            let bytes = noise(3, size);
            client.send(&bytes).unwrap();
            let echoed = client.recv().unwrap().unwrap();
            assert!(echoed == bytes[..], "{size} bytes");
            let text: String = "aé€😀".chars().cycle().take(size / 3).collect();
            client.send(&text).unwrap();
            assert!(
                client.recv().unwrap().unwrap() == text[..],
                "{size} bytes of text"
            );
        }
        client.ping(b"pong is passed over").unwrap();
        let owned = Owned::from("owned");
        client.send(&owned).unwrap();
        assert_eq!(client.recv().unwrap(), Some(owned));
        let closed = client.close(CloseCode::NORMAL, "done").unwrap();
        assert_eq!(closed.code, CloseCode::NORMAL);
        stop(running);
    }
}

#[test]
fn our_server_floods_back() {
    const MESSAGES: usize = 24;
    for (running, url) in servers() {
        let (mut sender, mut receiver) = client::connect(&url).unwrap().split();
        let big = noise(4, 1 << 20);
        let saying = thread::spawn({
            let big = big.clone();
            move || {
                for _ in 0..MESSAGES {
                    sender.send(&big).unwrap();
                }
                sender.close(CloseCode::NORMAL, "").unwrap();
            }
        });
        let mut heard = 0;
        // What was said before the Close comes back before the answer to it.
        for message in &mut receiver {
            assert!(message.unwrap() == big[..]);
            heard += 1;
        }
        assert_eq!(heard, MESSAGES);
        assert_eq!(receiver.closed(), Some((CloseCode::NORMAL, "")));
        saying.join().unwrap();
        stop(running);
    }
}

#[test]
fn our_server_agrees_refuses_and_closes() {
    for (running, url) in servers() {
        let asked = builder(&url).subprotocol("chat.v1").subprotocol("none");
        let mut client = asked.connect().unwrap();
        assert_eq!(client.subprotocol(), Some("chat.v1"));
        client.send("/close").unwrap();
        expect_over(&mut client);
        assert_eq!(client.closed(), Some((CloseCode::POLICY, "as you wish")));

        let refused = builder(&format!("{}/refuse", url.trim_end_matches('/'))).connect();
        match refused {
            Err(Error::NotOpened(NotOpened::Refused(refused))) => {
                assert_eq!(refused.status(), StatusCode::FORBIDDEN);
            }
            other => panic!("{other:?}"),
        }
        let mut drained = connect(&url);
        drained.send("in").unwrap();
        assert_eq!(text(&mut drained), "in");
        stop(running);
        drained.recv().ok();
        assert!(matches!(drained.recv(), Ok(None)));
    }
}
