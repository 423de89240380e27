//! Servers that read more slowly than they are spoken to.

use ws4rs::{Config, SlowPolicy};

use super::server::says;
use crate::support::*;

pub(super) fn slow(policy: SlowPolicy) -> Config {
    config(|config| {
        config.outbox_max = 10_000;
        config.slow = policy;
    })
}

/// So many messages of 1000 bytes for a server that reads nothing of it, which then reads again.
fn overfeed(policy: SlowPolicy) -> (World, Conn, Vec<Said>) {
    let mut world = World::with(Recorder::silent(), slow(policy));
    let conn = world.open_out();
    world.script.takes(conn, Takes::Nothing);
    let id = world.id(conn);
    for number in 0..30 {
        let message = format!("{number:01000}");
        world.handle.send(id, message).expect("room");
        world.settle();
    }
    assert!(world.memory() < 40_000);
    world.script.takes(conn, Takes::All);
    world.settle();
    let spoke = world.spoke(conn);
    (world, conn, spoke)
}

#[test]
fn a_slow_server_meets_the_policy() {
    let numbers = |spoke: &[Said]| -> Vec<u32> {
        let number = |said: &Said| match said {
            Said::Text(text) => text.parse().expect("a number"),
            other => panic!("{other:?}"),
        };
        spoke.iter().map(number).collect()
    };
    let (world, _, spoke) = overfeed(SlowPolicy::DropNewest);
    assert_eq!(numbers(&spoke), (0..10).collect::<Vec<_>>());
    assert_eq!(world.handle.stats().dropped, 20);

    let (world, _, spoke) = overfeed(SlowPolicy::DropOldest);
    // The first is with the kernel.
    let expected: Vec<_> = [0].into_iter().chain(21..30).collect();
    assert_eq!(numbers(&spoke), expected);
    assert_eq!(world.handle.stats().dropped, 20);

    let (mut world, conn, spoke) = overfeed(SlowPolicy::Close);
    assert_eq!(
        spoke[1..],
        [Said::Close(1013, "reads too slowly".into())],
        "behind what was with the kernel"
    );
    world.script.fin(conn);
    world.settle();
    assert_eq!(world.end().cause, "SlowConsumer");
    assert_eq!(world.handle.stats().slow, 1);
}

#[test]
fn a_server_that_does_not_take_its_answers_is_not_read() {
    let mut world = World::with(Recorder::echo(), slow(SlowPolicy::Close));
    let conn = world.open_out();
    world.script.takes(conn, Takes::Nothing);
    for _ in 0..100 {
        world.script.feed(conn, &says(&"x".repeat(1000)));
    }
    world.settle();
    assert!(!world.script.is_reading(conn));
    assert!(world.queued() < 5_000);
    world.script.takes(conn, Takes::Each(700));
    world.settle();
    assert_eq!(world.spoke(conn).len(), 100);
    assert_eq!(world.gone(conn), None);
}
