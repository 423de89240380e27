//! Goodbye: draining in slices, the code, the wait, the force; stopping.

mod support;

use support::*;
use ws4rs::{CloseCode, Drain};

fn open_many(world: &mut World, count: usize) -> Vec<Conn> {
    let conns: Vec<_> = (0..count).map(|_| world.script.connect()).collect();
    for conn in &conns {
        world.script.feed(*conn, REQUEST);
    }
    world.settle();
    for conn in &conns {
        assert_eq!(status(&world.script.take_out(*conn)).0, 101);
    }
    conns
}

#[test]
fn draining_tells_everybody_and_ends_when_they_have_gone() {
    let mut world = World::new(Recorder::echo());
    let conns = open_many(&mut world, 3);
    world.handle.drain(Drain::default());
    world.settle();
    for conn in &conns {
        assert_eq!(world.said(*conn), [Said::Close(1001, String::new())]);
    }
    assert!(world.running);
    for conn in &conns {
        world.feed(*conn, &close(1001, ""));
        assert_eq!(world.gone(*conn), Some(Gone::Finished));
    }
    assert!(!world.running);
    world.assert_empty();
    let ends = world.worker.handler().ends();
    assert_eq!(ends.len(), 3);
    for end in ends {
        assert_eq!((&*end.cause, end.code), ("Drained", 1001));
    }
}

#[test]
fn draining_may_say_that_the_service_restarts() {
    let mut world = World::new(Recorder::echo());
    let conn = world.open();
    world
        .handle
        .drain(Drain::default().code(CloseCode::RESTART));
    // The first to say so decides the code.
    world.handle.drain(Drain::default());
    world.settle();
    assert_eq!(world.said(conn), [Said::Close(1012, String::new())]);
}

// In slices: the others are served meanwhile, and requests get 503.
#[test]
fn draining_goes_in_slices_and_answers_newcomers_with_503() {
    let mut world = World::new(Recorder::echo());
    let conns = open_many(&mut world, 600);
    let asking = world.connect();
    world.script.feed(asking, &REQUEST[..40]);
    world.turn();
    world.handle.drain(Drain::default());
    let told = |world: &World| {
        let said = conns
            .iter()
            .filter(|conn| !world.script.out(**conn).is_empty());
        said.count()
    };
    let mut before = 0;
    let mut turns = 0;
    while before < 600 {
        world.turn();
        let now = told(&world);
        assert!(now - before <= 256, "{now} after {before}");
        before = now;
        turns += 1;
        assert!(turns < 40);
    }
    assert!(turns >= 3);
    world.script.feed(asking, &REQUEST[40..]);
    world.settle();
    assert_eq!(status(&world.script.take_out(asking)), (503, &[][..]));
}

// Messages that came before the goodbye are answered; behind it nothing is delivered.
#[test]
fn what_is_queued_goes_before_the_goodbye() {
    let mut world = World::new(Recorder::echo());
    let conn = world.open();
    world.script.takes(conn, Takes::Nothing);
    world.feed(conn, &text("before"));
    world.handle.drain(Drain::default());
    world.settle();
    world.feed(conn, &text("after"));
    world.script.takes(conn, Takes::All);
    world.settle();
    let said = [
        Said::Text("before".into()),
        Said::Close(1001, String::new()),
    ];
    assert_eq!(world.said(conn), said);
    assert!(!world.told().contains(&Told::Text("after".into())));
}

#[test]
fn those_who_stay_are_cut_by_the_close_timeout_or_the_wait() {
    for (wait, cut_after) in [(10, 6), (2, 2)] {
        let mut world = World::new(Recorder::echo());
        let conn = world.open();
        world.handle.drain(Drain::default().wait(seconds(wait)));
        world.settle();
        world.pass(seconds(1));
        assert_eq!(world.gone(conn), None);
        world.pass(seconds(cut_after));
        assert_eq!(world.gone(conn), Some(Gone::Aborted));
        assert!(!world.running);
        let end = world.end();
        assert_eq!((&*end.cause, end.code), ("Drained", 1001));
        world.assert_empty();
    }
}

// A second, stricter word counts: a drain becomes a stop.
#[test]
fn a_drain_may_be_forced() {
    let mut world = World::new(Recorder::echo());
    let conn = world.open();
    world.handle.drain(Drain::default().wait(seconds(3600)));
    world.settle();
    assert!(world.running);
    world.handle.stop();
    world.settle();
    assert_eq!(world.gone(conn), Some(Gone::Aborted));
    assert!(!world.running);
}

#[test]
fn stopping_cuts_at_once() {
    let mut world = World::new(Recorder::echo());
    let open = world.open();
    let opening = world.connect();
    world.feed(opening, &REQUEST[..20]);
    world.handle.stop();
    world.settle();
    assert!(!world.running);
    assert_eq!(world.gone(open), Some(Gone::Aborted));
    assert_eq!(world.gone(opening), Some(Gone::Aborted));
    assert_eq!(world.end().cause, "Terminated");
    world.assert_empty();
}

#[test]
fn a_server_without_connections_ends_at_once() {
    let mut worlds = World::crew(vec![Recorder::echo(), Recorder::echo()], config(|_| {}));
    worlds[0].handle.drain(Drain::default());
    settle_all(&mut worlds);
    assert!(worlds.iter().all(|world| !world.running));
}

// Nobody new comes in.
#[test]
fn a_draining_server_accepts_nobody() {
    let mut world = World::new(Recorder::echo());
    let stays = world.open();
    let knocks = world.script.connect();
    world.handle.drain(Drain::default());
    world.turn();
    let late = world.script.connect();
    world.settle();
    assert_eq!(world.script.token(knocks), None);
    assert_eq!(world.script.token(late), None);
    assert!(!world.script.is_accepting());
    assert_eq!(world.said(stays), [Said::Close(1001, String::new())]);
}

// Orders given before the first turn are not lost.
#[test]
fn a_paused_or_full_peer_is_drained_too() {
    let handler = Recorder::new(|peer, told| {
        if let Told::Text(_) = told {
            peer.pause(true);
        }
    });
    let mut world = World::new(handler);
    let conn = world.open();
    world.feed(conn, &[text("pause"), text("held")].concat());
    world.handle.drain(Drain::default());
    world.settle();
    assert_eq!(world.said(conn), [Said::Close(1001, String::new())]);
    world.feed(conn, &close(1001, ""));
    assert!(!world.running);
}

#[test]
fn a_request_and_a_drain_in_one_turn_give_one_answer() {
    let mut world = World::new(Recorder::echo());
    let conn = world.connect();
    world
        .script
        .feed(conn, b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
    world.handle.drain(Drain::default());
    world.settle();
    assert_eq!(status(world.script.out(conn)), (426, &[][..]));
    assert_eq!(world.gone(conn), Some(Gone::Finished));
    assert!(!world.running);
}

// However many turns that takes.
#[test]
fn letters_that_were_taken_come_before_the_goodbye() {
    for at_once in [false, true] {
        letters_come_before_the_goodbye(at_once);
    }
}

fn letters_come_before_the_goodbye(at_once: bool) {
    let mut world = World::new(Recorder::echo());
    world.script.at_once = at_once;
    let conn = world.open();
    let id = world.id(conn);
    // 8 MiB: eight times what may wait for a peer.
    for number in 0..512_u32 {
        let mut letter = vec![0; 16 << 10];
        letter[..4].copy_from_slice(&number.to_be_bytes());
        world.handle.send(id, letter).expect("room");
    }
    world.handle.drain(Drain::default());
    world.settle();
    let said = world.said(conn);
    let (last, letters) = said.split_last().expect("something");
    assert_eq!(*last, Said::Close(1001, String::new()));
    assert_eq!(letters.len(), 512);
    for (number, letter) in (0_u32..).zip(letters) {
        assert!(matches!(letter, Said::Binary(bytes) if bytes[..4] == number.to_be_bytes()));
    }
    world.feed(conn, &close(1001, ""));
    assert!(!world.running);
    assert_eq!(world.end().cause, "Drained");
}
