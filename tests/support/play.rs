//! A conversation in every segmentation: whole, cut at each byte, byte by byte, with the line offered
//! and withheld, with sends taken whole and by the byte. The answers are the same.

use ws4rs::Config;

use super::recorder::{Recorder, Told};
use super::script::{Conn, Gone, Takes};
use super::wire::{REQUEST, Said, said, status};
use super::world::World;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// The server's bytes, whatever they mean.
    pub bytes: Vec<u8>,
    pub told: Vec<Told>,
    pub gone: Option<Gone>,
}

impl Played {
    pub fn said(&self) -> Vec<Said> {
        said(&self.bytes)
    }

    /// The one Close, which is the last that was said.
    pub fn close_code(&self) -> u16 {
        let said = self.said();
        let closes = said
            .iter()
            .filter(|said| matches!(said, Said::Close(..)))
            .count();
        match said.last() {
            Some(Said::Close(code, _)) if closes == 1 => *code,
            _ => panic!("one Close, at the end: {said:?}"),
        }
    }

    /// The handler was told this of why it ended.
    pub fn cause(&self) -> String {
        let ends: Vec<_> = self
            .told
            .iter()
            .filter_map(|told| match told {
                Told::Close(end) => Some(end.cause.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(ends.len(), 1, "one on_close");
        ends[0].clone()
    }
}

/// How bytes come in and go out.
struct Way {
    line: bool,
    takes: Takes,
    per_turn: usize,
}

const WAYS: [Way; 4] = [
    Way {
        line: true,
        takes: Takes::All,
        per_turn: 1,
    },
    Way {
        line: false,
        takes: Takes::All,
        per_turn: 32,
    },
    Way {
        line: true,
        takes: Takes::Each(3),
        per_turn: 1,
    },
    Way {
        line: false,
        takes: Takes::Each(1),
        per_turn: 32,
    },
];

/// Plays frames to an open connection of an echo.
pub fn echo(frames: &[u8]) -> Played {
    play(Recorder::echo, &Config::default(), frames)
}

/// Plays frames to an open connection.
pub fn play(handler: impl Fn() -> Recorder, config: &Config, frames: &[u8]) -> Played {
    play_after(REQUEST, handler, config, frames)
}

/// Plays frames to a connection that was opened so.
pub fn play_after(
    request: &[u8],
    handler: impl Fn() -> Recorder,
    config: &Config,
    frames: &[u8],
) -> Played {
    every_way(frames, |parts, way| {
        let mut world = World::with(handler(), config.clone());
        let conn = world.open_with(request);
        converse(&mut world, conn, parts, way)
    })
}

/// Plays a request and what is behind it to a new connection.
pub fn play_request(handler: impl Fn() -> Recorder, config: &Config, bytes: &[u8]) -> Played {
    every_way(bytes, |parts, way| {
        let mut world = World::with(handler(), config.clone());
        let conn = world.connect();
        converse(&mut world, conn, parts, way)
    })
}

fn converse(world: &mut World, conn: Conn, parts: &[&[u8]], way: &Way) -> Played {
    world.script.line(conn, way.line);
    world.script.takes(conn, way.takes);
    world.script.per_turn = way.per_turn;
    for part in parts {
        world.script.feed(conn, part);
    }
    world.settle();
    if world.gone(conn).is_some() {
        world.assert_empty();
    }
    Played {
        bytes: world.script.take_out(conn),
        told: world.told(),
        gone: world.gone(conn),
    }
}

fn every_way(bytes: &[u8], play: impl Fn(&[&[u8]], &Way) -> Played) -> Played {
    let whole = play(&[bytes], &WAYS[0]);
    let same = |parts: &[&[u8]], way: &Way, how: &str| {
        let played = play(parts, way);
        assert!(
            played == whole,
            "{how}, line {}, {:?}: {played:?}, but whole {whole:?}",
            way.line,
            way.takes
        );
    };
    for way in &WAYS {
        // By the byte only what is short: the rest of a long payload is all alike.
        if bytes.len() > 4096 && matches!(way.takes, Takes::Each(_)) {
            continue;
        }
        same(&[bytes], way, "whole");
        let single: Vec<_> = bytes
            .chunks(if bytes.len() > 4096 { 61 } else { 1 })
            .collect();
        same(&single, way, "byte by byte");
    }
    for (turn, cut) in cuts(bytes.len()).enumerate() {
        let (left, right) = bytes.split_at(cut);
        let way = &WAYS[turn % 2];
        same(&[left, right], way, &format!("cut at {cut}"));
    }
    whole
}

/// Every place to cut, but for the insides of what is long: there a few.
fn cuts(len: usize) -> impl Iterator<Item = usize> {
    let edge = if len > 4096 { 20 } else { 300 };
    let step = 1 + len / 16;
    (1..len).filter(move |cut| *cut < edge || len - *cut < edge || cut % step == 0)
}
