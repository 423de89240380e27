//! What a worker asks of a server, and which of the workers asks (C2).

use std::sync::Arc;

use ws4rs::http::{HeaderName, HeaderValue};
use ws4rs::{Config, Connect, Dial, Full};

use super::server::{guest, says};
use crate::support::*;

// C2
#[test]
fn the_request_is_what_was_asked_for_and_leaves_first() {
    let mut world = World::new(Recorder::new(|peer, told| {
        if *told == Told::Open {
            peer.text("first words");
        }
    }));
    let name = HeaderName::from_static("x-who");
    let dial = somewhere()
        .subprotocol("feed.v2")
        .subprotocol("feed.v1")
        .header(name, HeaderValue::from_static("me"));
    let conn = world.dial(dial.clone());
    let request = world.script.take_out(conn);
    let asked = String::from_utf8(request.clone()).expect("ASCII");
    let (head, key) = asked.split_once("Sec-WebSocket-Key: ").expect("a key");
    let host = dial.url().host();
    assert_eq!(
        head,
        format!(
            "GET /feed HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        )
    );
    assert_eq!(
        &key[24..],
        "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: feed.v2, feed.v1\r\n\
         X-Who: me\r\n\r\n"
    );
    // C3: nothing leaves before the answer.
    world.handle.broadcast("all").expect("room");
    world.settle();
    assert_eq!(world.script.out(conn), b"");
    assert_eq!(world.handle.connections(), 0);

    let accept = yes(&request, "Sec-WebSocket-Protocol: feed.v1\r\n");
    world.feed(conn, &accept);
    assert_eq!(world.told(), [Told::Open]);
    assert_eq!(world.spoke(conn), [text_said("first words")]);
    assert_eq!(world.handle.connections(), 1);
    assert_eq!(world.unopened(), []);
}

#[test]
fn the_key_is_another_for_each_connection() {
    let mut world = World::new(Recorder::silent());
    let dial = Arc::new(somewhere());
    for name in 0..3 {
        let connect = Connect::new(dial.clone(), guest(name));
        world.handle.connect(connect).expect("room");
    }
    world.settle();
    let conns = world.script.dialled();
    let mut requests: Vec<_> = conns
        .iter()
        .map(|conn| world.script.take_out(*conn))
        .collect();
    requests.sort();
    requests.dedup();
    assert_eq!(requests.len(), 3);
}

#[test]
fn a_name_is_dialled_where_its_address_was_said() {
    let to = somewhere().url().host().parse().expect("an address");
    let mut world = World::new(Recorder::silent());
    let dial = Dial::new("ws://feed.invalid/".parse().expect("a URL"));
    let connect = Connect::new(dial, guest(0)).to(to);
    world.handle.connect(connect).expect("room");
    world.settle();
    let conn = world.script.dialled()[0];
    let request = String::from_utf8(world.script.take_out(conn)).expect("ASCII");
    assert!(request.contains("\r\nHost: feed.invalid\r\n"), "{request}");
    // The resolver's word, and its fault.
    let local = Dial::new("ws://localhost:1/".parse().expect("a URL"));
    Connect::new(local, guest(0)).resolve().expect("localhost");
    let nowhere = Dial::new("ws://nowhere.invalid/".parse().expect("a URL"));
    Connect::new(nowhere, guest(0))
        .resolve()
        .expect_err("no such name");
}

#[test]
fn those_who_are_dialled_count_among_the_connections() {
    let mut world = World::with(
        Recorder::silent(),
        config(|config| config.connections_max = 2),
    );
    world.dial(somewhere());
    world.open();
    for name in [7, 8] {
        let connect = Connect::new(somewhere(), guest(name));
        world.handle.connect(connect).expect("room");
    }
    world.settle();
    let other = "Io(Other)".to_owned();
    assert_eq!(world.unopened(), [(7, other.clone()), (8, other)]);
    assert_eq!(world.handle.stats().refused, 2);
    assert_eq!(world.worker.load().0, 2);
    // And who comes in is one too many too.
    let late = world.connect();
    assert_eq!(status(&world.script.take_out(late)).0, 503);
}

#[test]
fn workers_take_turns_to_dial() {
    let crew = (0..3).map(|_| Recorder::silent()).collect();
    let mut worlds = World::crew(crew, Config::default());
    for name in 0..6 {
        let connect = Connect::new(somewhere(), guest(name));
        worlds[0].handle.connect(connect).expect("room");
    }
    settle_all(&mut worlds);
    for world in &worlds {
        assert_eq!(world.script.dialled().len(), 2);
    }
}

// What is dialled counts as load, and is the same for all: nobody is handed over for it.
#[test]
fn who_comes_in_stays_where_others_have_dialled() {
    let mut worlds = World::crew(vec![Recorder::echo(), Recorder::echo()], Config::default());
    for name in 0..100 {
        let connect = Connect::new(somewhere(), guest(name));
        worlds[0].handle.connect(connect).expect("room");
    }
    settle_all(&mut worlds);
    let conns: Vec<_> = (0..30).map(|_| worlds[0].open()).collect();
    settle_all(&mut worlds);
    for conn in conns {
        worlds[0].feed(conn, &text("here"));
        assert_eq!(worlds[0].said(conn), [text_said("here")]);
    }
    for (world, expected) in worlds.iter().zip([80, 50]) {
        assert_eq!(world.worker.load().0, expected);
    }
}

#[test]
fn a_callback_dials_through_its_handle() {
    let mut world = World::new(Recorder::new(|peer, told| {
        if let Told::Text(text) = told {
            let connect = Connect::new(somewhere(), guest(text.parse().expect("a name")));
            peer.handle().connect(connect).expect("room");
        }
    }));
    let conn = world.open();
    world.feed(conn, &text("5"));
    let dialled = world.script.dialled()[0];
    world.agree(dialled, "", &says("6"));
    // One that was dialled dials as well.
    let second = world.script.dialled()[1];
    world.script.reset(second);
    world.settle();
    assert_eq!(world.unopened(), [(6, "Io(ConnectionReset)".into())]);
    assert_eq!(world.handle.connections(), 2);
}

#[test]
fn a_full_mailbox_gives_back_what_was_to_be_opened() {
    let mut world = World::with(
        Recorder::silent(),
        config(|config| config.mailbox_max = 100),
    );
    // One always fits an empty mailbox.
    let connect = Connect::new(somewhere(), guest(1));
    world.handle.connect(connect).expect("it is empty");
    let connect = Connect::new(somewhere(), guest(2));
    let Full(back) = world.handle.connect(connect).expect_err("full");
    world.settle();
    world.handle.connect(back).expect("room");
    world.settle();
    let conns = world.script.dialled();
    assert_eq!(conns.len(), 2);
    for conn in conns {
        world.script.reset(conn);
    }
    world.settle();
    let names: Vec<_> = world.unopened().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, [1, 2]);
    let connect: Connect<Guest> = Connect::new(somewhere(), guest(3));
    assert_eq!(connect.into_state().name, 3);
}
