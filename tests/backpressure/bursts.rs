//! Much that is said in one turn: nobody who reads is found slow by it, and nobody has all turns.

use ws4rs::Config;

use crate::support::*;

/// A binary frame of 16 KiB that carries its number, masked with zeros.
fn sixteen_kib(number: usize) -> Vec<u8> {
    let mut payload = vec![b'.'; 16 << 10];
    payload[..8].copy_from_slice(&number.to_be_bytes());
    Frame::new(BINARY, payload).key([0; 4]).bytes()
}

/// The numbers of such frames, as they were heard.
fn numbers(said: Vec<Said>) -> Vec<usize> {
    let number = |said| match said {
        Said::Binary(bytes) => {
            assert_eq!(bytes.len(), 16 << 10);
            usize::from_be_bytes(bytes[..8].try_into().expect("eight bytes"))
        }
        other => panic!("{other:?}"),
    };
    said.into_iter().map(number).collect()
}

/// Everybody hears what the others say.
fn pass_on() -> Recorder {
    Recorder::new(|peer, told| match told {
        Told::Open => drop(peer.subscribe("all")),
        Told::Text(text) => peer.publish("all", &**text),
        Told::Binary(bytes) => peer.publish("all", &**bytes),
        _ => {}
    })
}

// What is kept of a publisher's bytes is read before more of them is taken in.
#[test]
fn a_publisher_that_says_too_much_for_one_turn_is_held_back() {
    const PER_TURN: usize = 24;
    let mut world = World::new(pass_on());
    let (publisher, subscriber) = (world.open(), world.open());
    world.script.per_turn = PER_TURN;
    let mut heard = Vec::new();
    let mut most = 0;
    for turn in 0..200 {
        for number in turn * PER_TURN..(turn + 1) * PER_TURN {
            world.script.feed(publisher, &sixteen_kib(number));
        }
        world.turn();
        most = most.max(world.memory());
        heard.extend(numbers(world.said(subscriber)));
        // The log would hold it all.
        world.told();
    }
    assert!(most < 1 << 20, "{most}");
    world.settle();
    heard.extend(numbers(world.said(subscriber)));
    assert!(heard.into_iter().eq(0..200 * PER_TURN));
    let asked = world.script.reads_asked(publisher);
    assert!(asked.contains(&false), "never paused");
    assert_eq!(asked.last(), Some(&true), "never resumed");
    for conn in [publisher, subscriber] {
        assert_eq!(world.gone(conn), None);
    }
    assert_eq!(world.handle.stats(), ws4rs::Stats::default());
    assert_eq!(world.memory(), 0);
}

// Four times what may wait for a peer; what it was told in one turn has the chance to leave.
#[test]
fn a_burst_in_one_turn_closes_no_healthy_subscriber() {
    const BURST: usize = 256;
    let mut world = World::new(pass_on());
    let (publisher, subscriber) = (world.open(), world.open());
    let burst: Vec<_> = (0..BURST).flat_map(sixteen_kib).collect();
    assert!(burst.len() > 4 << 20);
    world.feed(publisher, &burst);
    assert!(numbers(world.said(subscriber)).into_iter().eq(0..BURST));
    // From outside as well.
    for number in 0..BURST {
        let payload = sixteen_kib(number).split_off(8);
        world.handle.publish("all", payload).expect("room");
    }
    world.settle();
    for conn in [publisher, subscriber] {
        assert!(numbers(world.said(conn)).into_iter().eq(0..BURST));
        assert_eq!(world.gone(conn), None);
    }
    assert_eq!(world.handle.stats(), ws4rs::Stats::default());
    assert_eq!(world.memory(), 0);
}

// What is said to many is told together: it counts as told from when it is said.
#[test]
fn a_burst_from_outside_closes_nobody_who_reads() {
    for (most, count, size) in [
        (1 << 20, 1000, 16 << 10),
        (1 << 20, 50, 300_000),
        (8 << 10, 300, 1000),
        (8 << 10, 300, 20),
    ] {
        for everybody in [false, true] {
            let mut world = World::with(pass_on(), config(|config| config.outbox_max = most));
            let conns: Vec<_> = (0..3).map(|_| world.open()).collect();
            let message = |number: usize| format!("{number}{}", ".".repeat(size));
            for number in 0..count {
                let said = match everybody {
                    true => world.handle.broadcast(message(number)),
                    false => world.handle.publish("all", message(number)),
                };
                said.expect("room");
            }
            world.settle();
            for conn in conns {
                let wanted = (0..count).map(|number| Said::Text(message(number)));
                assert!(world.said(conn).into_iter().eq(wanted), "{most} {size}");
                assert_eq!(world.gone(conn), None);
            }
            assert_eq!(world.handle.stats(), ws4rs::Stats::default());
        }
    }
}

/// The numbers behind this letter, in the order they were heard.
fn numbered_by(said: &[Said], letter: char) -> Vec<usize> {
    let number = |said: &Said| match said {
        Said::Text(text) => text.strip_prefix(letter)?.trim().parse().ok(),
        _ => None,
    };
    said.iter().filter_map(number).collect()
}

// Each could say enough in every turn: a publisher that is read, and a thread that fills the mailbox.
#[test]
fn neither_a_reader_nor_a_foreign_thread_starves_the_other() {
    let tight = |config: &mut Config| {
        config.outbox_max = 64 << 10;
        config.mailbox_max = 64 << 10;
    };
    let kib = |letter, number| format!("{letter}{number:<1023}");
    let handler = Recorder::new(|peer, told| match told {
        Told::Text(text) if text == "subscribe" => drop(peer.subscribe("all")),
        Told::Text(text) => peer.publish("all", &**text),
        _ => {}
    });
    let mut world = World::with(handler, config(tight));
    let (publisher, subscriber) = (world.open(), world.open());
    world.feed(subscriber, &text("subscribe"));
    let mut read = 0;
    let mut posted = 0;
    let mut said = Vec::new();
    for _ in 0..200 {
        if !world.script.has_unheard(publisher) {
            let frames = (read..read + 100).map(|number| text(&kib('p', number)));
            world
                .script
                .feed(publisher, &frames.collect::<Vec<_>>().concat());
            read += 100;
        }
        while world.handle.publish("all", kib('f', posted)).is_ok() {
            posted += 1;
        }
        world.turn();
        said.extend(world.said(subscriber));
        world.told();
    }
    // 16 KiB in each turn, for the one or for the other.
    for letter in ['p', 'f'] {
        let heard = numbered_by(&said, letter);
        assert!(heard.len() > 1_000, "{letter}: {}", heard.len());
        assert!(heard.iter().copied().eq(0..heard.len()), "{letter}");
    }
    assert_eq!(world.handle.stats(), ws4rs::Stats::default());
}
