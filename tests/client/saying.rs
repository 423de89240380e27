//! What the client says, and to a server that does not listen.

use std::collections::HashSet;

use ws4rs::CloseCode;
use ws4rs::client::{Error, Wait};

use super::{SOON, builder, connect};
use crate::host::{PING, TEXT, host_open, noise};

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
