//! How it ends, whoever begins, and that the end is told once.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use ws4rs::CloseCode;
use ws4rs::client::{Error, Wait};

use super::{SOON, builder, connect, expect_over, text};
use crate::host::{BINARY, CLOSE, PING, TEXT, closing, frame, host_open, noise};

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
