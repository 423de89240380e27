//! Peers that do not read: their own traffic is held back, what others say to them follows the
//! policy, and nothing is lost or reordered that was not dropped by it.

#[path = "../support/mod.rs"]
mod support;

mod bursts;

use support::*;
use ws4rs::{Config, Prepared, SlowPolicy};

/// High water at 4 KiB, low water at 1 KiB.
fn small(policy: SlowPolicy) -> Config {
    config(|config| {
        config.outbox_max = 16 << 10;
        config.slow = policy;
    })
}

fn numbered(number: usize) -> String {
    format!("{number:04}{}", "x".repeat(196))
}

fn expected(numbers: impl IntoIterator<Item = usize>) -> Vec<Said> {
    numbers
        .into_iter()
        .map(|number| Said::Text(numbered(number)))
        .collect()
}

/// A world with one peer that reads nothing, and subscribes to all that others say.
fn stalled(policy: SlowPolicy) -> (World, Conn) {
    let handler = Recorder::new(|peer, told| {
        send_back(peer, told);
        if *told == Told::Open {
            peer.subscribe("all");
        }
    });
    let mut world = World::with(handler, small(policy));
    let conn = world.open();
    world.script.takes(conn, Takes::Nothing);
    (world, conn)
}

fn publish(world: &mut World, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let message = Prepared::text(&numbered(number));
        world.handle.publish("all", message).expect("room");
        world.settle();
    }
}

// F19, P7: inside the frame loop; the rest is held, and read later in order.
#[test]
fn past_high_water_a_peer_is_not_read_and_nothing_is_lost() {
    for in_one_receive in [true, false] {
        let (mut world, conn) = stalled(SlowPolicy::Close);
        let frames: Vec<_> = (0..200).map(|number| text(&numbered(number))).collect();
        let receive = if in_one_receive { 200 } else { 1 };
        for frames in frames.chunks(receive) {
            world.script.feed(conn, &frames.concat());
        }
        world.settle();
        assert!(!world.script.is_reading(conn));
        let told = world.told().len() - 1;
        // 4 KiB of answers, and the one that went over.
        assert_eq!(told, (4 << 10) / 204 + 1);
        world.pass(seconds(20));
        world.script.takes(conn, Takes::Each(100));
        world.settle();
        assert_eq!(world.said(conn), expected(0..200));
        assert!(world.script.is_reading(conn));
        assert_eq!(world.memory(), 0);
        assert_eq!(world.handle.stats().slow, 0);
    }
}

// F19: a peer's own traffic never trips the policy, however small the limit.
#[test]
fn a_peers_own_traffic_never_trips_the_policy() {
    for policy in [
        SlowPolicy::Close,
        SlowPolicy::DropNewest,
        SlowPolicy::DropOldest,
    ] {
        let one = |config: &mut Config| {
            config.outbox_max = 1;
            config.slow = policy;
        };
        let mut world = World::with(Recorder::echo(), config(one));
        let conn = world.open();
        world.script.takes(conn, Takes::Each(7));
        let frames: Vec<_> = (0..50).map(|number| text(&numbered(number))).collect();
        world.feed(conn, &frames.concat());
        assert_eq!(world.said(conn), expected(0..50));
        assert_eq!(world.handle.stats(), ws4rs::Stats::default());
    }
}

#[test]
fn draining_is_told_once_at_low_water() {
    let (mut world, conn) = stalled(SlowPolicy::Close);
    let frames: Vec<_> = (0..21).map(|number| text(&numbered(number))).collect();
    world.feed(conn, &frames.concat());
    world.told();
    let mut left = world.queued();
    assert!(left > 4 << 10);
    let mut drained = 0;
    while left > 0 {
        world.script.takes(conn, Takes::Each(64));
        world.turn();
        world.script.takes(conn, Takes::Nothing);
        world.turn();
        left = world.queued();
        let told = world.told();
        drained += told.len();
        assert_eq!(drained > 0, left <= 1 << 10, "{left} left");
    }
    assert_eq!(drained, 1);
    assert!(world.script.is_reading(conn));
}

// A kernel may take at once what went over high water.
#[test]
fn what_leaves_at_once_drains_and_waits_nowhere() {
    let (mut world, conn) = stalled(SlowPolicy::Close);
    world.script.takes(conn, Takes::All);
    world.script.at_once = true;
    let frames: Vec<_> = (0..200).map(|number| text(&numbered(number))).collect();
    world.script.feed(conn, &frames.concat());
    world.turn();
    let told = world.told();
    assert_eq!(
        told.last(),
        Some(&Told::Drain),
        "in the turn in which it was full"
    );
    assert_eq!(
        (world.queued(), world.worker.load().1 > 0),
        (0, true),
        "the rest is kept"
    );
    world.settle();
    assert_eq!(world.said(conn), expected(0..200));
    assert!(world.script.is_reading(conn));
    assert_eq!(world.memory(), 0);
}

#[test]
fn a_drained_peer_may_be_said_as_much_again() {
    let mut count = 0;
    let handler = Recorder::new(move |peer, told| match told {
        Told::Text(_) => drop(peer.binary(&[1; 6000])),
        Told::Drain if count < 20 => {
            count += 1;
            let _ = peer.binary(&[2; 6000]);
        }
        Told::Drain => peer.close(ws4rs::CloseCode::NORMAL, ""),
        _ => {}
    });
    let mut world = World::with(handler, small(SlowPolicy::Close));
    world.script.at_once = true;
    let conn = world.open();
    world.feed(conn, &text("begin"));
    let drained = world
        .told()
        .iter()
        .filter(|told| **told == Told::Drain)
        .count();
    assert_eq!((drained, world.said(conn).len()), (21, 22));
    assert_eq!((world.queued(), world.memory()), (0, 0));
}

#[test]
fn nobody_is_told_of_draining_behind_our_close() {
    for at_once in [false, true] {
        let handler = Recorder::new(|peer, told| {
            if let Told::Text(_) = told {
                let _ = peer.binary(&[1; 6000]);
                peer.close(ws4rs::CloseCode::NORMAL, "");
            }
        });
        let mut world = World::with(handler, small(SlowPolicy::Close));
        world.script.at_once = at_once;
        let conn = world.open();
        world.feed(conn, &text("end"));
        assert_eq!(world.said(conn).len(), 2);
        assert!(!world.told().contains(&Told::Drain));
    }
}

#[test]
fn a_slow_consumer_is_told_1013_behind_the_frame_under_way() {
    let (mut world, conn) = stalled(SlowPolicy::Close);
    world.script.takes(conn, Takes::Each(10));
    world.handle.publish("all", numbered(0)).expect("room");
    world.turn();
    world.turn();
    world.script.takes(conn, Takes::Nothing);
    publish(&mut world, 1..100);
    assert_eq!(world.handle.stats().slow, 1);
    assert!(world.queued() < 1 << 10, "dropped: {}", world.queued());
    world.script.takes(conn, Takes::Each(10));
    world.settle();
    assert_eq!(
        world.said(conn),
        [
            Said::Text(numbered(0)),
            Said::Close(1013, "reads too slowly".into())
        ]
    );
    let end = world.end();
    assert_eq!((&*end.cause, end.code), ("SlowConsumer", 1013));
    world.assert_empty();
}

#[test]
fn a_slow_consumer_that_takes_nothing_is_cut_in_time() {
    let (mut world, conn) = stalled(SlowPolicy::Close);
    publish(&mut world, 0..100);
    world.pass(seconds(6));
    assert_eq!(world.gone(conn), Some(Gone::Aborted));
    assert_eq!(world.end().cause, "SlowConsumer");
    world.assert_empty();
}

// One message always fits an empty outbox.
#[test]
fn a_message_over_the_limit_fits_an_empty_outbox() {
    let (mut world, conn) = stalled(SlowPolicy::Close);
    let large = "y".repeat(100_000);
    world.handle.publish("all", &*large).expect("room");
    world.settle();
    world.script.takes(conn, Takes::All);
    world.settle();
    assert_eq!(world.said(conn), [Said::Text(large)]);
}

#[test]
fn drop_newest_keeps_what_was_said_first() {
    let (mut world, conn) = stalled(SlowPolicy::DropNewest);
    publish(&mut world, 0..200);
    // 16 KiB, and the one that went over.
    let kept = (16 << 10) / 204 + 1;
    assert_eq!(world.handle.stats().dropped as usize, 200 - kept);
    world.script.takes(conn, Takes::Each(33));
    world.settle();
    assert_eq!(world.said(conn), expected(0..kept));
    publish(&mut world, 500..501);
    assert_eq!(world.said(conn), expected([500]));
    assert_eq!(world.gone(conn), None);
}

#[test]
fn drop_oldest_keeps_what_was_said_last_and_the_frame_under_way() {
    let (mut world, conn) = stalled(SlowPolicy::DropOldest);
    publish(&mut world, 0..200);
    let dropped = world.handle.stats().dropped as usize;
    assert!(dropped > 100);
    assert!(world.queued() <= (16 << 10) + 204);
    world.script.takes(conn, Takes::Each(33));
    world.settle();
    // The first was with the kernel, the rest are the last.
    let kept = std::iter::once(0).chain(dropped + 1..200);
    assert_eq!(world.said(conn), expected(kept));
}

// Never a control frame, and never half a message.
#[test]
fn no_policy_drops_a_control_frame() {
    for policy in [SlowPolicy::DropNewest, SlowPolicy::DropOldest] {
        let (mut world, conn) = stalled(policy);
        publish(&mut world, 0..1);
        for number in 0..10_u8 {
            world.feed(conn, &ping(&[number]));
            publish(&mut world, 0..10);
        }
        publish(&mut world, 0..200);
        world.script.takes(conn, Takes::Each(50));
        world.settle();
        let pongs: Vec<_> = world
            .said(conn)
            .into_iter()
            .filter_map(|said| match said {
                Said::Pong(payload) => Some(payload[0]),
                _ => None,
            })
            .collect();
        assert_eq!(pongs, (0..10).collect::<Vec<_>>());
    }
}

// What others say to one that has not had its 101 yet: the answer is never dropped.
#[test]
fn a_slow_consumer_still_gets_its_101() {
    for policy in [
        SlowPolicy::Close,
        SlowPolicy::DropNewest,
        SlowPolicy::DropOldest,
    ] {
        let handler = Recorder::new(|peer, told| {
            if *told == Told::Open {
                peer.subscribe("all");
                // In the turn of the handshake, as its own callback: the policy applies.
                for number in 0..200 {
                    peer.text(&numbered(number));
                }
            }
        });
        let mut world = World::with(handler, small(policy));
        let conn = world.connect();
        world.feed(conn, REQUEST);
        let answer = world.script.take_out(conn);
        let (code, behind) = status(&answer);
        assert_eq!(code, 101);
        let kept = (16 << 10) / 204;
        let told = said(behind);
        match policy {
            SlowPolicy::Close => assert!(matches!(told[..], [Said::Close(1013, _)])),
            SlowPolicy::DropNewest => assert_eq!(told, expected(0..told.len())),
            _ => assert_eq!(told, expected(200 - told.len()..200)),
        }
        assert!(policy == SlowPolicy::Close || told.len() >= kept - 1);
    }
}

// Others are served as ever while one does not read.
#[test]
fn one_that_does_not_read_costs_the_others_nothing() {
    let (mut world, stuck) = stalled(SlowPolicy::DropNewest);
    let reader = world.open();
    publish(&mut world, 0..300);
    assert_eq!(world.said(reader), expected(0..300));
    assert_eq!(world.gone(stuck), None);
}

#[test]
fn pausing_keeps_order_and_bytes() {
    let handler = Recorder::new(|peer, told| match told {
        Told::Text(text) if text == "pause" => peer.pause(true),
        Told::Event(_) => peer.pause(false),
        told => {
            send_back(peer, told);
        }
    });
    let mut world = World::new(handler);
    let conn = world.open();
    world.feed(
        conn,
        &[text("a"), text("pause"), text("b"), text("c")].concat(),
    );
    world.feed(conn, &text("d"));
    assert!(!world.script.is_reading(conn));
    assert_eq!(world.said(conn), [Said::Text("a".into())]);
    let id = world.id(conn);
    world.handle.post(id, String::new()).expect("room");
    world.settle();
    let rest = ["b", "c", "d"].map(|text| Said::Text(text.into()));
    assert_eq!(world.said(conn), rest);
    assert_eq!(world.memory(), 0);
}

// L10, F19: a FIN while bytes are held: they are still read, then it ends.
#[test]
fn a_fin_behind_held_bytes_waits_for_them() {
    let (mut world, conn) = stalled(SlowPolicy::Close);
    let frames: Vec<_> = (0..60).map(|number| text(&numbered(number))).collect();
    world.script.feed(conn, &frames.concat());
    world.script.feed(conn, &close(1000, ""));
    world.script.fin(conn);
    world.settle();
    world.script.takes(conn, Takes::Each(500));
    world.settle();
    let mut all = expected(0..60);
    all.push(Said::Close(1000, String::new()));
    assert_eq!(world.said(conn), all);
    assert_eq!(world.end().cause, "Peer");
}
