//! Those who bring much: what is read by the line, past the ring, over real sockets and every kernel.
#![cfg(unix)]

use std::io::Write;
use std::mem::MaybeUninit;
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use ws4rs::internal::reactor::{Close, Event, Line, Token};

#[macro_use]
#[path = "support/house.rs"]
mod house;

use house::*;

on_every_kernel! {
    a_fin_right_behind_the_last_bytes_is_told
    a_reset_right_behind_the_last_bytes_is_told
    a_fin_behind_bytes_that_are_thrown_away_ends_a_finish
    a_fin_that_comes_before_the_last_bytes_have_left_ends_a_finish
    small_and_long_pieces_and_pauses_lose_nothing
    who_stops_asking_is_offered_the_line_again
    who_wishes_again_is_read_past_the_ring_again
    who_is_read_past_the_ring_is_not_left_out_by_a_crowd
}

/// What has been heard of one connection.
#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    /// The most that was lent at once.
    most: usize,
    ended: bool,
    closed: Option<bool>,
}

/// How much a reader asks the line for, when bytes have come. None: it does not ask.
type Asks = fn(usize) -> Option<usize>;

impl House {
    /// One turn, in which one connection is listened to.
    fn listen_to(&mut self, who: Token, heard: &mut Heard, asks: Asks, sleep: bool) {
        let now = Instant::now();
        assert!(now < self.deadline, "nothing more happens");
        let until = if sleep { self.deadline } else { now };
        self.driver
            .wait(Some(until), &mut |event| heard.hear(who, event, asks))
            .unwrap();
    }

    /// A connection of which more is wished for, and so read past the ring, and its other end.
    fn wished_for(&mut self, heard: &mut Heard) -> (Token, TcpStream) {
        let (token, mut peer) = self.pair();
        peer.write_all(b"begins").unwrap();
        while heard.bytes.is_empty() {
            self.listen_to(token, heard, |_| Some(1 << 20), true);
        }
        // The ring changes over: there is nothing to tell of it.
        for _ in 0..5 {
            self.listen_to(token, heard, |_| Some(1 << 20), false);
        }
        (token, peer)
    }
}

impl Heard {
    fn hear(&mut self, who: Token, event: Event<'_>, asks: Asks) {
        match event {
            Event::Received(token, bytes, line) if token == who => {
                assert!(!self.ended, "bytes after the end");
                self.bytes.extend_from_slice(bytes);
                self.most = self.most.max(bytes.len());
                if let Some(asked) = asks(self.bytes.len()) {
                    self.pull(line, asked);
                }
            }
            Event::Ended(token) if token == who => self.ended = true,
            Event::Closed(token, end) if token == who => self.closed = Some(end.is_ok()),
            _ => {}
        }
    }

    /// As a server does: until there is less than was asked for.
    fn pull(&mut self, line: &dyn Line, asked: usize) {
        let mut room = vec![MaybeUninit::uninit(); asked];
        loop {
            let come = line.try_receive(&mut room);
            self.bytes.extend_from_slice(come);
            if come.len() < asked {
                return;
            }
        }
    }
}

const ASKS: [Asks; 2] = [|_| Some(1 << 20), |_| None];

fn a_fin_right_behind_the_last_bytes_is_told(mut house: House) {
    for asks in ASKS {
        let mut heard = Heard::default();
        let (token, mut peer) = house.wished_for(&mut heard);
        // Both are there before anybody looks.
        peer.write_all(b", ends").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        while !heard.ended {
            house.listen_to(token, &mut heard, asks, true);
        }
        assert_eq!(heard.bytes, b"begins, ends");
        assert_eq!(heard.closed, None);
    }
}

/// Who has had his share of a turn learns in the next whether there is more.
fn who_stops_asking_is_offered_the_line_again(mut house: House) {
    let mut heard = Heard::default();
    let (_, mut peer) = house.wished_for(&mut heard);
    peer.write_all(b"all that comes").unwrap();
    let mut room = [MaybeUninit::uninit(); 14];
    let mut pulled = Vec::new();
    while pulled.last() != Some(&0) {
        let mut tell = |event: Event<'_>| {
            if let Event::Received(_, [], line) = event {
                pulled.push(line.try_receive(&mut room).len());
            }
        };
        assert!(Instant::now() < house.deadline, "nothing is offered");
        house.driver.wait(Some(house.deadline), &mut tell).unwrap();
    }
    assert_eq!(pulled, [14, 0]);
}

fn a_reset_right_behind_the_last_bytes_is_told(mut house: House) {
    for asks in ASKS {
        let mut heard = Heard::default();
        let (token, mut peer) = house.wished_for(&mut heard);
        peer.write_all(b", breaks").unwrap();
        reset(peer);
        while heard.closed.is_none() {
            house.listen_to(token, &mut heard, asks, true);
        }
        assert_eq!(heard.closed, Some(false));
        assert!(!heard.ended);
    }
}

fn a_fin_behind_bytes_that_are_thrown_away_ends_a_finish(mut house: House) {
    let mut heard = Heard::default();
    let (token, mut peer) = house.wished_for(&mut heard);
    house.driver.finish(token, own(b"goodbye"));
    // Not wished for any more, nor is it told.
    house.driver.read(token, false);
    peer.write_all(&[1; 1000]).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    while heard.closed.is_none() {
        house.listen_to(token, &mut heard, |_| None, true);
    }
    assert_eq!(heard.closed, Some(true));
    assert_eq!(heard.bytes, b"begins");
    assert_eq!(read(&mut peer, 7), b"goodbye");
}

/// The kernel tells of it once, and that while nobody wishes to read.
fn a_fin_that_comes_before_the_last_bytes_have_left_ends_a_finish(mut house: House) {
    let mut heard = Heard::default();
    let (token, peer) = house.wished_for(&mut heard);
    house.driver.finish(token, more_than_fits());
    house.driver.read(token, false);
    peer.shutdown(Shutdown::Write).unwrap();
    for _ in 0..5 {
        house.listen_to(token, &mut heard, |_| None, false);
    }
    thread::scope(|scope| {
        scope.spawn(|| drain(peer));
        while heard.closed.is_none() {
            house.listen_to(token, &mut heard, |_| None, true);
        }
    });
    assert_eq!(heard.closed, Some(true));
}

/// Long pieces make the ring change over, a hundred small ones in a row make it change back.
fn small_and_long_pieces_and_pauses_lose_nothing(mut house: House) {
    let sizes = |round: usize| {
        let long = [20_000, 131_072, 700_000, 16_384][round % 4];
        std::iter::once(long).chain((1..100).map(move |size| 1 + size * (round % 3)))
    };
    let asks: [Asks; 4] = [
        |_| None,
        |come| (come % 2 == 0).then_some(30_000),
        |_| Some(1 << 20),
        |come| Some(1 + come % 5000),
    ];
    let (token, mut peer) = house.pair();
    let (go, gone) = channel();
    let mut sent = Vec::new();
    let mut heard = Heard::default();
    thread::scope(|scope| {
        scope.spawn(move || {
            gone.iter()
                .for_each(|piece: Vec<u8>| peer.write_all(&piece).unwrap())
        });
        for round in 0..24 {
            for (index, size) in sizes(round).enumerate() {
                let piece = pattern(round * 100 + index, size);
                sent.extend_from_slice(&piece);
                go.send(piece).unwrap();
                // A pause with bytes on their way, and one that is over before the kernel knows.
                match (round + index) % 5 {
                    0 => {
                        house.driver.read(token, false);
                        house.listen_to(token, &mut heard, asks[round % 4], false);
                    }
                    1 => house.driver.read(token, false),
                    _ => {}
                }
                house.driver.read(token, true);
                while heard.bytes.len() < sent.len() {
                    house.listen_to(token, &mut heard, asks[round % 4], true);
                }
            }
        }
        drop(go);
        while !heard.ended {
            house.listen_to(token, &mut heard, |_| Some(10), true);
        }
    });
    assert!(heard.bytes == sent);
    house.driver.close(token, Close::Finish);
    while heard.closed.is_none() {
        house.listen_to(token, &mut heard, |_| None, true);
    }
    assert_eq!(heard.closed, Some(true));
}

/// A long piece that is taken whole is none of the small ones that make the ring change back.
fn who_wishes_again_is_read_past_the_ring_again(mut house: House) {
    let mut heard = Heard::default();
    let (token, mut peer) = house.wished_for(&mut heard);
    let mut say = |house: &mut House, heard: &mut Heard, piece: &[u8], asks: Asks| {
        let all = heard.bytes.len() + piece.len();
        peer.write_all(piece).unwrap();
        while heard.bytes.len() < all {
            house.listen_to(token, heard, asks, true);
        }
        for _ in 0..5 {
            house.listen_to(token, heard, asks, false);
        }
    };
    for _ in 0..70 {
        say(&mut house, &mut heard, b"small", |_| None);
    }
    say(&mut house, &mut heard, b"wish", |_| Some(1 << 20));
    for _ in 0..3 {
        heard.most = 0;
        say(&mut house, &mut heard, &[7; 20], |_| Some(20));
        say(&mut house, &mut heard, &[8; 40_000], |_| None);
        // More than a buffer of the ring.
        assert!(heard.most > 16 << 10, "{}", heard.most);
    }
}

/// More sends come home than a turn tells of, turn by turn, where they do not leave at once.
fn who_is_read_past_the_ring_is_not_left_out_by_a_crowd(mut house: House) {
    let mut heard = Heard::default();
    let (token, mut peer) = house.wished_for(&mut heard);
    let crowd: Vec<_> = (0..200).map(|_| house.pair()).collect();
    let mut idle: Vec<Token> = crowd.iter().map(|(other, _)| *other).collect();
    peer.write_all(b", ends").unwrap();
    let mut turns = 0;
    while heard.bytes != b"begins, ends" {
        turns += 1;
        assert!(turns < 20, "left out");
        idle.retain(|other| house.driver.send(*other, own(b"x")).is_some());
        let now = Some(Instant::now());
        house
            .driver
            .wait(now, &mut |event| match event {
                Event::Sent(other, _) => idle.push(other),
                event => heard.hear(token, event, |_| None),
            })
            .unwrap();
    }
}
