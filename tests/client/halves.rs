//! Two halves, each in a thread of its own: one hears, one says.

use std::io::Read;
use std::thread;

use ws4rs::CloseCode;
use ws4rs::client::{Error, Wait};

use super::{SOON, builder, connect};
use crate::host::{BINARY, CLOSE, PING, PONG, TEXT, closing, frame, host_open, noise};

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
