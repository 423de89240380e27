//! What the server says, what it should not, and what silence is told as.

use std::time::Duration;

use ws4rs::CloseCode;
use ws4rs::client::{Error, Wait};
use ws4rs::proto::Violation;

use super::{SOON, builder, connect, expect_over, text};
use crate::host::{BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, host_open, noise};

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
