//! Anything, in any order, seeded: many connections, random bytes, cuts, resets, stalls, short sends,
//! jumps of the clock, and a handler that does whatever a handler may do. What must hold whatever
//! happens: nobody panics, each `on_open` has its one `on_close`, what is sent arrives in order, and
//! at the end nothing is held.

mod support;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use support::*;
use ws4rs::{CloseCode, Config, ConnectionId, Deflate, Peer, Prepared, SlowPolicy, Stats, Verdict};

/// A handler that draws what to do; of what it says with a number, each is one more than the last.
fn anything(seed: u64, panics: bool) -> Recorder {
    let mut random = Random(seed);
    let mut next: HashMap<ConnectionId, u64> = HashMap::new();
    let decide = Rc::new(RefCell::new(Random(seed + 1)));
    let later = Rc::new(RefCell::new(Vec::new()));
    let act = move |peer: &mut Peer<'_, Recorder>, told: &Told| {
        if let Told::Close(_) = told {
            next.remove(&peer.id());
            peer.publish("all", "somebody left");
            return;
        }
        let number = next.entry(peer.id()).or_default();
        match random.below(24) {
            0..=6 => {
                peer.text(&format!("#{number}"));
                *number += 1;
            }
            7 => {
                // Past the queue, where that is offered.
                let len = 4096 + random.below(40_000);
                peer.text(&format!("#{number} {}", "x".repeat(len)));
                *number += 1;
            }
            8 => drop(peer.subscribe("all")),
            9 => drop(peer.unsubscribe("all")),
            10..=12 => peer.publish("all", Prepared::binary(&vec![1; random.below(900)])),
            13 => drop(peer.ping(b"there?")),
            14 => peer.pause(true),
            15 | 16 => peer.pause(false),
            17 => peer.timer(Duration::from_millis(random.below(9_000) as u64), 1),
            18 if random.below(8) == 0 => peer.close(CloseCode::NORMAL, "enough"),
            19 if random.below(16) == 0 => peer.terminate(),
            20 if panics && random.below(8) == 0 => panic!("as the test wants"),
            _ => {}
        }
    };
    Recorder::new(act).decide(move |_| {
        let mut random = decide.borrow_mut();
        let later = later.clone();
        match random.below(10) {
            0 => Verdict::refuse(http::StatusCode::FORBIDDEN),
            1 => Verdict::defer(move |deferred| {
                let mut waiting = later.borrow_mut();
                waiting.push(deferred);
                if waiting.len() > 2 {
                    let first: ws4rs::Deferred<Recorder> = waiting.remove(0);
                    first.accept(ws4rs::Accept::new(Guest::default()));
                }
            }),
            _ => Verdict::accept(Guest::default()),
        }
    })
}

/// What a client may send next: mostly lawful.
fn bytes(random: &mut Random) -> Vec<u8> {
    match random.below(40) {
        0 => (0..random.below(40)).map(|_| random.next() as u8).collect(),
        1 => close(1000, "bye"),
        2 => binary(&vec![3; random.below(60_000)]),
        3 | 4 => ping(&vec![4; random.below(126)]),
        5 | 6 => pong(b""),
        7 => Frame::new(TEXT, "half").begins().bytes(),
        8 => Frame::new(CONTINUATION, "the rest").bytes(),
        // Up to ten times the pongs that may wait, and sometimes a Close right behind.
        9 => {
            let mut flood = ping(&vec![4; random.below(126)]).repeat(random.below(300));
            if random.below(4) == 0 {
                flood.extend(close(1000, "enough"));
            }
            flood
        }
        10 => text("many").repeat(random.below(100)),
        _ => text("a message"),
    }
}

/// The same, compressed: mostly lawful as well.
fn compressed(random: &mut Random) -> Vec<u8> {
    let payload = packed(prose(random.below(2000)));
    match random.below(12) {
        0 => Frame::new(TEXT, &payload[1..]).rsv(4).bytes(),
        1 => Frame::new(BINARY, packed(noise(60_000))).rsv(4).bytes(),
        2 => Frame::new(TEXT, &payload).rsv(4).begins().bytes(),
        3 | 4 => fragments(BINARY, payload.chunks(1 + random.below(300))).concat(),
        5 => deflated(BINARY, vec![0; 49_000]),
        6 => fragments(BINARY, packed(noise(45_000)).chunks(9_000)).concat(),
        _ => Frame::new(TEXT, payload).rsv(4).bytes(),
    }
}

fn storm(seed: u64, config: Config, panics: bool) -> Stats {
    let mut random = Random(seed);
    let deflates = config.deflate.is_some();
    let request = match deflates {
        true => request_deflate(),
        false => REQUEST.to_vec(),
    };
    let mut world = World::with(anything(seed, panics), config);
    world.script.per_turn = 1 + random.below(4);
    world.script.at_once = random.below(2) == 0;
    let mut conns = Vec::new();
    for _ in 0..600 {
        if conns.len() < 3 || random.below(20) == 0 {
            let conn = world.script.connect();
            world.script.line(conn, random.below(2) == 0);
            world.script.polite(conn, random.below(4) != 0);
            world.script.feed(conn, &request);
            conns.push(conn);
        }
        let conn = conns[random.below(conns.len())];
        match random.below(30) {
            0 => world.script.reset(conn),
            1 => world.script.fin(conn),
            2 | 3 => world.script.takes(conn, Takes::Nothing),
            4..=6 => world
                .script
                .takes(conn, Takes::Each(1 + random.below(5000))),
            7..=9 => world.script.takes(conn, Takes::All),
            10 => world
                .worker
                .advance(Duration::from_millis(random.below(4_000) as u64)),
            11 => drop(world.handle.publish("all", "from outside")),
            12 => drop(world.handle.broadcast("to all")),
            13 => {
                let log = &world.worker.handler().log;
                if let Some((id, _)) = log.get(random.below(log.len().max(1))) {
                    let id = *id;
                    drop(world.handle.post(id, "event".into()));
                }
            }
            14 if random.below(20) == 0 => world.script.starve(),
            _ => {
                let bytes = match deflates && random.below(2) == 0 {
                    true => compressed(&mut random),
                    false => bytes(&mut random),
                };
                let whole = random.below(4) == 0;
                let parts = if whole {
                    vec![&*bytes]
                } else {
                    random.cut(&bytes)
                };
                for part in parts {
                    world.script.feed(conn, part);
                }
            }
        }
        if random.below(3) == 0 {
            world.turn();
        }
    }
    world.handle.drain(ws4rs::Drain::default());
    world.settle();
    world.pass(seconds(11));
    world.pass(seconds(2));
    assert!(!world.running, "seed {seed}");
    world.assert_empty();
    assert_eq!(world.handle.connections(), 0, "seed {seed}");
    for conn in &conns {
        assert!(
            world.script.token(*conn).is_none() || world.gone(*conn).is_some(),
            "seed {seed}: {conn:?} stays"
        );
        in_order(world.script.out(*conn), seed);
    }
    one_end_for_each_beginning(&world.worker.handler().log, seed);
    world.handle.stats()
}

/// The answer, then whole frames, the numbers in order, nothing behind a Close.
fn in_order(out: &[u8], seed: u64) {
    // A head that was cut off by the end.
    if !out.windows(4).any(|four| four == b"\r\n\r\n") {
        return;
    }
    let (code, frames) = status(out);
    if code != 101 {
        return;
    }
    // By an engine that lives on, whether or not messages refer to those before them.
    let (said, _cut_off) = Unpacker::new(15).read_so_far(frames);
    let said: Vec<_> = said.into_iter().map(|(_, said)| said).collect();
    let closes = said.iter().position(|said| matches!(said, Said::Close(..)));
    assert!(
        closes.is_none_or(|at| at + 1 == said.len()),
        "seed {seed}: {said:?}"
    );
    let mut last = None;
    for said in &said {
        if let Said::Text(text) = said
            && let Some(number) = text.strip_prefix('#')
        {
            let number = number.split(' ').next().expect("a number");
            let number: u64 = number.parse().expect("a number");
            // Some may have been dropped, by the policy; none is overtaken.
            assert!(last.is_none_or(|last| last < number), "seed {seed}");
            last = Some(number);
        }
    }
}

fn one_end_for_each_beginning(log: &[(ConnectionId, Told)], seed: u64) {
    let mut lives: HashMap<ConnectionId, (usize, usize)> = HashMap::new();
    for (id, told) in log {
        let (opens, ends) = lives.entry(*id).or_default();
        match told {
            Told::Open => *opens += 1,
            Told::Close(_) => *ends += 1,
            _ => assert_eq!(
                (*opens, *ends),
                (1, 0),
                "seed {seed}: {id} is told {told:?}"
            ),
        }
    }
    for (id, life) in lives {
        assert_eq!(life, (1, 1), "seed {seed}: {id}");
    }
}

fn small(policy: SlowPolicy) -> Config {
    config(|config| {
        config.outbox_max = 16 << 10;
        config.slow = policy;
        config.message_max = 50_000;
        config.handshake_timeout = seconds(5);
        config.idle_timeout = seconds(4);
    })
}

// P17, L10, F19, F20
#[test]
fn nothing_that_happens_breaks_what_must_hold() {
    for seed in 1..=40 {
        for policy in [
            SlowPolicy::Close,
            SlowPolicy::DropNewest,
            SlowPolicy::DropOldest,
        ] {
            let mut config = small(policy);
            if seed % 2 == 0 {
                // High water above the pongs that may wait: reading does not stop before them.
                config.outbox_max = 64 << 10;
            }
            let stats = storm(seed, config, false);
            assert_eq!(stats.panics, 0, "seed {seed}");
        }
    }
}

// P17, D12, D16
#[test]
fn nor_where_messages_are_compressed() {
    for seed in 300..=305 {
        for (deflate, policy) in [
            (Deflate::shared(), SlowPolicy::DropOldest),
            (Deflate::takeover(9), SlowPolicy::DropNewest),
            (Deflate::takeover(15), SlowPolicy::Close),
        ] {
            let mut config = small(policy);
            config.deflate = Some(deflate.threshold(100));
            config.memory_max = 1 << 20;
            let panics = deflate.window == 9;
            let stats = storm(seed, config, panics);
            assert!(panics || stats.panics == 0, "seed {seed}");
        }
    }
}

// With hardly any memory, connections or mailbox.
#[test]
fn nor_with_everything_at_its_limit() {
    let tight = |policy| {
        let mut config = small(policy);
        config.memory_max = 60_000;
        config.connections_max = 8;
        config.mailbox_max = 500;
        config
    };
    let mut shed = 0;
    for seed in 100..=140 {
        let stats = storm(seed, tight(SlowPolicy::DropOldest), false);
        assert_eq!(stats.panics, 0, "seed {seed}");
        shed += stats.memory;
    }
    assert!(shed > 0, "the limit was never reached");
}

// P18
#[test]
fn nor_with_a_handler_that_panics_now_and_then() {
    let mut panics = 0;
    for seed in 200..=220 {
        panics += storm(seed, small(SlowPolicy::Close), true).panics;
    }
    assert!(panics > 0);
}
