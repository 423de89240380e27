//! A client in small, to which answers are played in every segmentation.

use http::header;
use ws4rs::proto::handshake::{Dial, HeadLimits, NotOpened, accept_key};

use super::asked::{Asked, plain};
use super::heads::{ACCEPT, KEY};

#[derive(Debug, PartialEq)]
pub(super) enum Told {
    Opened {
        subprotocol: Option<String>,
        behind: Vec<u8>,
    },
    NotOpened(NotOpened),
    Waiting,
}

impl Told {
    pub(super) fn opened(behind: &str) -> Self {
        Told::Opened {
            subprotocol: None,
            behind: behind.as_bytes().to_vec(),
        }
    }

    pub(super) fn subprotocol(&self) -> Option<&str> {
        match self {
            Told::Opened { subprotocol, .. } => subprotocol.as_deref(),
            _ => None,
        }
    }

    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Told::NotOpened(NotOpened::Refused(refused)) => Some(refused.status().as_u16()),
            _ => None,
        }
    }
}

/// Whole, cut at each byte, and byte by byte.
pub(super) fn play(answer: &[u8]) -> Told {
    play_to(&plain(), answer)
}

pub(super) fn play_to(dial: &Dial, answer: &[u8]) -> Told {
    play_keyed(dial, |key| keyed(answer, key))
}

/// With an answer that is made of the key.
pub(super) fn play_keyed(dial: &Dial, answer: impl Fn(&str) -> Vec<u8>) -> Told {
    let whole = run(dial, |key| vec![answer(key)]);
    for at in 1..answer(KEY).len() {
        assert_same(&run(dial, |key| cut_at(&answer(key), at)), &whole, at);
    }
    let bytes = |key: &str| answer(key).chunks(1).map(<[u8]>::to_vec).collect();
    assert_same(&run(dial, bytes), &whole, 0);
    whole
}

/// The same for long ones: by the byte, and in parts as they come from a network.
pub(super) fn play_long(answer: &[u8]) -> Told {
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

pub(super) fn play_whole(answer: &[u8]) -> Told {
    play_within(answer, &HeadLimits::default())
}

pub(super) fn play_within(answer: &[u8], limits: &HeadLimits) -> Told {
    run_within(&plain(), limits, |key| vec![keyed(answer, key)])
}

pub(super) fn run(dial: &Dial, parts: impl Fn(&str) -> Vec<Vec<u8>>) -> Told {
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
pub(super) fn assert_same(cut: &Told, whole: &Told, at: usize) {
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

pub(super) fn cut_at(bytes: &[u8], at: usize) -> Vec<Vec<u8>> {
    vec![bytes[..at].to_vec(), bytes[at..].to_vec()]
}

/// The answer to this key: with the proof where its place was left.
pub(super) fn keyed(answer: &[u8], key: &str) -> Vec<u8> {
    let mut bytes = answer.to_vec();
    let place = bytes
        .windows(ACCEPT.len())
        .position(|at| at == ACCEPT.as_bytes());
    if let Some(at) = place {
        bytes[at..at + ACCEPT.len()].copy_from_slice(accept(key).as_bytes());
    }
    bytes
}

pub(super) fn accept(key: &str) -> String {
    String::from_utf8(accept_key(key.as_bytes()).to_vec()).unwrap()
}
