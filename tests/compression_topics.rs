//! One message for many connections that compress: framed once, compressed once for each window, and
//! what happens to it where somebody does not read.

mod support;

use support::*;
use ws4rs::{Config, Deflate, Prepared, SlowPolicy};

/// Subscribes everybody to "all", and answers nobody.
fn subscribed() -> Recorder {
    Recorder::new(|peer, told| {
        if *told == Told::Open {
            peer.subscribe("all");
        }
    })
}

/// A kilobyte that shrinks, for each number another one.
fn numbered(number: usize) -> String {
    format!("{number:04}{}", prose(1000))
}

fn publish(world: &mut World, message: impl Into<Prepared>) {
    let message = message.into();
    world.handle.publish("all", message).expect("room");
    world.settle();
}

fn windows(world: &mut World, windows: &[u8]) -> Vec<Conn> {
    let request = |window| request_offering(&format!("; server_max_window_bits={window}"));
    windows
        .iter()
        .map(|window| world.open_with(&request(window)))
        .collect()
}

#[test]
fn a_message_for_many_is_compressed_once_for_each_window() {
    for deflate in [Deflate::shared(), Deflate::takeover(15)] {
        let mut world = World::with(subscribed(), compressing(deflate));
        let conns = windows(&mut world, &[15, 15, 15, 9, 9, 12, 8]);
        let plain = world.open();
        for number in 0..3 {
            // It says the same again where only a larger window sees it.
            let message = numbered(number).repeat(3);
            publish(&mut world, &*message);
            let said: Vec<_> = conns
                .iter()
                .map(|conn| world.script.take_out(*conn))
                .collect();
            let size = |conn: usize| said[conn].len();
            // With a history too: nothing in them refers to one.
            assert!(said[0] == said[1] && said[0] == said[2]);
            assert!(said[3] == said[4] && said[3] != said[0] && said[3] != said[5]);
            assert!(size(0) < size(3) && size(3) < size(6));
            for (conn, window) in [(0, 15), (3, 9), (5, 12)] {
                let said = Unpacker::shared(window).read(&said[conn]);
                assert_eq!(said, [(true, text_said(&*message))]);
            }
            // 8 bits are too few for us, and some have not asked.
            assert_eq!(frames(&said[6]).0[0].0, 0x81);
            assert_eq!(world.said(plain), [text_said(message)]);
        }
    }
}

// The work is done once: what is published twice is the very same bytes.
#[test]
fn a_prepared_message_is_compressed_once() {
    let message = Prepared::text(&numbered(0));
    let mut world = World::with(subscribed(), compressing(Deflate::shared()));
    let conns = windows(&mut world, &[15; 3]);
    world.script.takes(conns[0], Takes::Nothing);
    for _ in 0..20 {
        publish(&mut world, message.clone());
    }
    let first = world.script.take_out(conns[1]);
    assert_eq!(first.len() % 20, 0);
    assert!(first == world.script.take_out(conns[2]));
    let (all, _) = frames(&first);
    assert!(all.iter().all(|frame| *frame == all[0]));
    // Who does not read holds references.
    assert_eq!(world.queued(), first.len());
}

#[test]
fn a_message_for_many_may_be_sent_as_it_is() {
    let mut world = World::with(subscribed(), compressing(Deflate::shared()));
    let conns = windows(&mut world, &[15, 9]);
    let message = Prepared::text(&numbered(0));
    publish(&mut world, message.clone().uncompressed());
    publish(&mut world, message.clone());
    publish(&mut world, message.uncompressed());
    let said = text_said(numbered(0));
    for (conn, window) in conns.iter().zip([15, 9]) {
        let heard = Unpacker::shared(window).read(&world.script.take_out(*conn));
        let wanted = [
            (false, said.clone()),
            (true, said.clone()),
            (false, said.clone()),
        ];
        assert_eq!(heard, wanted);
    }
}

#[test]
fn what_is_short_or_does_not_shrink_goes_to_many_as_it_is() {
    let mut world = World::with(subscribed(), compressing(Deflate::shared()));
    let conns = windows(&mut world, &[15, 9]);
    publish(&mut world, "short");
    publish(&mut world, noise(2000));
    for conn in conns {
        let said = world.said(conn);
        assert_eq!(said, [text_said("short"), Said::Binary(noise(2000))]);
    }
}

// Each hears the same run, in the form it has agreed on.
#[test]
fn several_messages_of_a_turn_reach_each_in_its_form() {
    for deflate in [Deflate::shared(), Deflate::takeover(15)] {
        let mut world = World::with(subscribed(), compressing(deflate));
        let conns = windows(&mut world, &[15, 15, 9, 8]);
        let plain = world.open();
        let messages = [
            Prepared::text(&numbered(0)),
            Prepared::text("short"),
            Prepared::from(&noise(2000)[..]),
            Prepared::text(&numbered(1)).uncompressed(),
            Prepared::text(&numbered(2)),
        ];
        let wanted = [
            (true, text_said(numbered(0))),
            (false, text_said("short")),
            (false, Said::Binary(noise(2000))),
            (false, text_said(numbered(1))),
            (true, text_said(numbered(2))),
        ];
        for message in messages {
            world.handle.publish("all", message).expect("room");
        }
        world.settle();
        for (conn, window) in conns.iter().zip([15, 15, 9]) {
            let heard = Unpacker::shared(window).read(&world.script.take_out(*conn));
            assert_eq!(heard, wanted);
        }
        // 8 bits are too few for us, and some have not asked.
        let as_it_is = wanted.map(|(_, said)| said);
        assert_eq!(world.said(conns[3]), as_it_is);
        assert_eq!(world.said(plain), as_it_is);
    }
}

#[test]
fn it_crosses_workers_compressed() {
    let config = compressing(Deflate::takeover(12));
    let mut worlds = World::crew(vec![subscribed(), subscribed()], config);
    let conns: Vec<_> = worlds
        .iter_mut()
        .map(|world| world.open_with(&request_deflate()))
        .collect();
    let mut peers = [Unpacker::new(12), Unpacker::new(12)];
    for number in 0..10 {
        let handle = &worlds[0].handle;
        handle.publish("all", numbered(number)).expect("room");
        settle_all(&mut worlds);
        for ((world, conn), peer) in worlds.iter_mut().zip(&conns).zip(&mut peers) {
            let said = peer.read(&world.script.take_out(*conn));
            assert_eq!(said, [(true, text_said(numbered(number)))]);
        }
    }
}

// --- peers that do not read ----------------------------------------------------------------------

fn slow(policy: SlowPolicy) -> Config {
    let mut config = compressing(Deflate::shared());
    config.outbox_max = 4 << 10;
    config.slow = policy;
    config
}

/// Publishes past the limit, then lets the peer read: what it hears.
fn heard_late(policy: SlowPolicy) -> (World, Vec<(bool, Said)>) {
    let mut world = World::with(subscribed(), slow(policy));
    let conn = world.open_with(&request_deflate());
    world.script.takes(conn, Takes::Each(5));
    world.script.feed(conn, &ping(b"x"));
    publish(&mut world, &*numbered(0));
    world.script.takes(conn, Takes::Nothing);
    for number in 1..60 {
        publish(&mut world, &*numbered(number));
    }
    assert!(world.queued() <= (4 << 10) + 1000, "{}", world.queued());
    world.script.takes(conn, Takes::All);
    world.settle();
    let said = Unpacker::shared(15).read(&world.script.take_out(conn));
    assert_eq!(world.memory(), 0);
    (world, said[1..].to_vec())
}

#[test]
fn what_is_dropped_leaves_the_rest_readable() {
    for policy in [SlowPolicy::DropNewest, SlowPolicy::DropOldest] {
        let (world, said) = heard_late(policy);
        let count = said.len();
        assert!((5..40).contains(&count), "{count}");
        assert_eq!(world.handle.stats().dropped as usize, 60 - count);
        let numbers: Vec<_> = match policy {
            SlowPolicy::DropNewest => (0..count).collect(),
            // The first one and what the kernel had taken, then the latest.
            _ => {
                let at = |number| (true, text_said(numbered(number)));
                let early = (0..count).take_while(|n| said[*n] == at(*n)).count();
                (0..early).chain(60 - (count - early)..60).collect()
            }
        };
        let wanted = numbers.iter().map(|n| (true, text_said(numbered(*n))));
        assert!(said.iter().cloned().eq(wanted));
        assert_eq!(
            said.last(),
            Some(&(true, text_said(numbered(*numbers.last().expect("some")))))
        );
    }
}

#[test]
fn whoever_is_let_go_reads_whole_messages_and_why() {
    let (mut world, said) = heard_late(SlowPolicy::Close);
    let (last, before) = said.split_last().expect("a Close");
    let why = Said::Close(1013, "reads too slowly".into());
    assert_eq!(*last, (false, why));
    for (number, said) in before.iter().enumerate() {
        assert_eq!(*said, (true, text_said(numbered(number))));
    }
    assert_eq!(world.end().cause, "SlowConsumer");
    world.assert_empty();
}
