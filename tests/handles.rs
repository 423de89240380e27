//! The server from outside: sending, posting, counting; ids.

mod support;

use std::collections::HashSet;

use support::*;
use ws4rs::{CloseCode, Config, ConnectionId, Prepared};

fn says(text: &str) -> Said {
    Said::Text(text.into())
}

#[test]
fn a_message_reaches_one_connection_and_no_other() {
    let mut worlds = World::crew(vec![Recorder::silent(), Recorder::silent()], config(|_| {}));
    let conns: Vec<_> = worlds.iter_mut().map(World::open).collect();
    let others: Vec<_> = worlds.iter_mut().map(World::open).collect();
    let handle = worlds[0].handle.clone();
    for (number, conn) in conns.iter().enumerate() {
        let id = worlds[number].id(*conn);
        handle.send(id, format!("to {number}")).expect("room");
        handle.send(id, vec![1, 2]).expect("room");
    }
    settle_all(&mut worlds);
    for (number, conn) in conns.iter().enumerate() {
        let expected = [says(&format!("to {number}")), Said::Binary(vec![1, 2])];
        assert_eq!(worlds[number].said(*conn), expected);
        assert_eq!(worlds[number].said(others[number]), []);
    }
}

#[test]
fn a_broadcast_reaches_everybody_who_is_open() {
    let mut worlds = World::crew(vec![Recorder::silent(), Recorder::silent()], config(|_| {}));
    let conns: Vec<_> = worlds.iter_mut().map(World::open).collect();
    let opening = worlds[0].connect();
    let closing = worlds[0].open();
    worlds[0].script.polite(closing, false);
    worlds[0].feed(closing, &close(1000, ""));
    worlds[0].said(closing);
    worlds[0].handle.broadcast("all").expect("room");
    settle_all(&mut worlds);
    for (world, conn) in worlds.iter_mut().zip(&conns) {
        assert_eq!(world.said(*conn), [says("all")]);
    }
    assert_eq!(worlds[0].script.out(opening), b"");
    assert_eq!(worlds[0].said(closing), []);
}

#[test]
fn an_event_is_told_in_order_with_messages() {
    let handler = Recorder::new(|peer, told| {
        if let Told::Event(event) = told {
            peer.text(event);
        }
    });
    let mut world = World::new(handler);
    let conn = world.open();
    let id = world.id(conn);
    for number in 0..10 {
        world.handle.post(id, format!("e{number}")).expect("room");
        world.handle.send(id, format!("m{number}")).expect("room");
    }
    world.settle();
    let expected =
        (0..10).flat_map(|number| [says(&format!("e{number}")), says(&format!("m{number}"))]);
    assert_eq!(world.said(conn), expected.collect::<Vec<_>>());
}

#[test]
fn full_gives_the_message_and_the_event_back() {
    let mut world = World::with(
        Recorder::silent(),
        config(|config| config.mailbox_max = 1000),
    );
    let conn = world.open();
    let id = world.id(conn);
    // One always fits an empty mailbox.
    world
        .handle
        .send(id, "x".repeat(5000))
        .expect("it is empty");
    let back = world.handle.send(id, "again").expect_err("full").0;
    assert_eq!(back.size(), Prepared::text("again").size());
    let back = world.handle.post(id, "event".into()).expect_err("full");
    assert_eq!(back, ws4rs::Full("event".to_owned()));
    assert!(world.handle.broadcast("x").is_err());
    world.settle();
    assert_eq!(world.said(conn).len(), 1);
    world.handle.post(id, back.0).expect("room");
    world.settle();
    assert!(world.told().contains(&Told::Event("event".into())));
}

// F20
#[test]
fn an_id_of_the_dead_does_nothing_to_the_living() {
    let mut world = World::new(Recorder::echo());
    let old = world.open();
    let id = world.id(old);
    world.script.reset(old);
    world.settle();
    let new = world.open();
    // The same place, another id.
    let (before, after) = (world.script.token(old), world.script.token(new));
    assert_eq!(
        before.map(|token| token.index),
        after.map(|token| token.index)
    );
    world.told();
    world.handle.send(id, "hello?").expect("room");
    world.handle.post(id, "hello?".into()).expect("room");
    world.settle();
    assert_eq!(world.said(new), []);
    assert_eq!(world.told(), []);
}

#[test]
fn ids_never_repeat() {
    let mut worlds = World::crew(vec![Recorder::silent(), Recorder::silent()], config(|_| {}));
    let mut seen: HashSet<ConnectionId> = HashSet::new();
    for round in 0..50 {
        for world in &mut worlds {
            let conns: Vec<_> = (0..3).map(|_| world.open()).collect();
            for conn in conns {
                if round % 3 == 0 {
                    world.feed(conn, &close(1000, ""));
                } else {
                    world.script.reset(conn);
                }
            }
            world.settle();
        }
    }
    for world in &mut worlds {
        for (id, told) in &world.worker.handler().log {
            assert!(*told != Told::Open || seen.insert(*id), "{id} again");
        }
    }
    assert_eq!(seen.len(), 300);
}

#[test]
fn open_connections_are_counted() {
    let mut world = World::with(Recorder::echo(), Config::default());
    let handle = world.handle.clone();
    world.connect();
    assert_eq!(handle.connections(), 0);
    let conns: Vec<_> = (0..3).map(|_| world.open()).collect();
    assert_eq!(handle.connections(), 3);
    world.script.reset(conns[0]);
    world.feed(conns[1], &close(1000, ""));
    assert_eq!(handle.connections(), 1);
}

#[test]
fn handles_go_to_any_thread() {
    let mut world = World::new(Recorder::silent());
    let conn = world.open();
    let id = world.id(conn);
    let threads = (0..4).map(|thread| {
        let handle = world.handle.clone();
        std::thread::spawn(move || {
            for number in 0..100 {
                handle.send(id, format!("{thread} {number}")).expect("room");
            }
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().expect("no panic");
    }
    world.settle();
    let said = world.said(conn);
    assert_eq!(said.len(), 400);
    // What one thread says arrives in the order it was said.
    for thread in 0..4 {
        let own = said.iter().filter(
            |said| matches!(said, Said::Text(text) if text.starts_with(&thread.to_string())),
        );
        let expected: Vec<_> = (0..100).map(|n| says(&format!("{thread} {n}"))).collect();
        assert!(own.eq(expected.iter()));
    }
}

// Of one server's ids the other knows nothing.
#[test]
fn ids_of_two_servers_differ() {
    let mut worlds = [(); 2].map(|()| World::new(Recorder::silent()));
    let conns = worlds.each_mut().map(World::open);
    let ids = [worlds[0].id(conns[0]), worlds[1].id(conns[1])];
    assert_ne!(ids[0], ids[1]);
    for (own, other) in [(0, 1), (1, 0)] {
        worlds[own].told();
        let handle = worlds[own].handle.clone();
        handle.send(ids[other], "hello?").expect("room");
        handle.post(ids[other], "hello?".into()).expect("room");
        worlds[own].settle();
        assert_eq!(worlds[own].said(conns[own]), []);
        assert_eq!(worlds[own].told(), []);
    }
}

// F19: what is published and what is sent to one, from other threads, keep their order.
#[test]
fn letters_to_one_and_to_all_keep_their_order() {
    let handler = Recorder::new(|peer, told| match told {
        Told::Open => {
            peer.subscribe("a");
        }
        Told::Event(text) if text == "close" => peer.close(CloseCode::NORMAL, ""),
        Told::Event(text) => {
            peer.text(text);
        }
        _ => {}
    });
    let mut world = World::new(handler);
    let conns: Vec<_> = (0..3).map(|_| world.open()).collect();
    let ids: Vec<_> = conns.iter().map(|conn| world.id(*conn)).collect();
    let handle = &world.handle;
    let mut random = Random(7);
    let ways: Vec<_> = (0..1000).map(|_| random.below(8)).collect();
    for (number, way) in ways.iter().enumerate() {
        let message = number.to_string();
        match way {
            0 => handle.send(ids[0], message).expect("room"),
            1 => handle.post(ids[1], message).expect("room"),
            2..5 => handle.broadcast(message).expect("room"),
            _ => handle.publish("a", message).expect("room"),
        }
    }
    handle.post(ids[2], "close".to_owned()).expect("room");
    world.settle();
    for (who, conn) in conns.iter().enumerate() {
        let meant = |number: &usize| match ways[*number] {
            0 => who == 0,
            1 => who == 1,
            _ => true,
        };
        let numbers = (0..ways.len())
            .filter(meant)
            .map(|number| says(&number.to_string()));
        let close = (who == 2).then(|| Said::Close(1000, String::new()));
        assert_eq!(world.said(*conn), numbers.chain(close).collect::<Vec<_>>());
    }
}
