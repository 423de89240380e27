//! What falls due: idle peers, dead peers, peers that do not read, peers that do not leave.

mod support;

use std::time::Duration;

use support::*;
use ws4rs::CloseCode;

// P12
#[test]
fn an_idle_peer_is_pinged_and_a_dead_one_found() {
    let mut world = World::new(Recorder::silent());
    let conn = world.open();
    world.pass(seconds(24));
    assert_eq!(world.said(conn), []);
    world.pass(seconds(3));
    assert_eq!(world.said(conn), [Said::Ping(vec![])]);
    world.pass(seconds(9));
    assert_eq!(world.said(conn), []);
    world.pass(seconds(2));
    let said = world.said(conn);
    assert_eq!(said, [Said::Close(1011, "no answer to a ping".into())]);
    assert_eq!(world.gone(conn), Some(Gone::Finished));
    let end = world.end();
    assert_eq!((&*end.cause, end.code), ("PongTimeout", 1011));
    world.assert_empty();
}

// P12: one that answers is never cut, with whatever byte.
#[test]
fn an_answering_peer_is_never_cut() {
    let mut world = World::new(Recorder::silent());
    let conn = world.open();
    let answers = [pong(b""), text("instead"), vec![0x81]];
    for answer in answers {
        world.pass(seconds(27));
        assert_eq!(world.said(conn), [Said::Ping(vec![])]);
        world.pass(seconds(9));
        world.feed(conn, &answer);
        world.pass(seconds(9));
        assert_eq!(world.said(conn), []);
    }
    assert_eq!(world.gone(conn), None);
}

#[test]
fn a_peer_that_talks_is_not_pinged() {
    let mut world = World::new(Recorder::silent());
    let conn = world.open();
    for _ in 0..20 {
        world.pass(seconds(20));
        world.feed(conn, &text("here"));
    }
    assert_eq!(world.said(conn), []);
}

// The idle deadline counts from the opening, also where it is shorter than the handshake's.
#[test]
fn a_short_idle_timeout_is_kept_from_the_beginning() {
    let short = |config: &mut ws4rs::Config| {
        config.idle_timeout = seconds(1);
        config.pong_timeout = seconds(1);
    };
    let mut world = World::with(Recorder::silent(), config(short));
    let conn = world.open();
    world.pass(seconds(1) + seconds(1) / 4);
    assert_eq!(world.said(conn), [Said::Ping(vec![])]);
    world.pass(seconds(1) + seconds(1) / 4);
    assert!(matches!(world.said(conn)[..], [Said::Close(1011, _)]));
}

#[test]
fn without_an_idle_timeout_nobody_is_pinged() {
    let never = config(|config| config.idle_timeout = seconds(0));
    let mut world = World::with(Recorder::silent(), never);
    let conn = world.open();
    world.pass(seconds(100_000));
    assert_eq!(world.said(conn), []);
    assert_eq!(world.gone(conn), None);
    // P15: and nothing wakes the worker.
    world.turn();
    assert_eq!(world.script.deadline, None);
}

// The pong is awaited from when the ping has left, not from when it was queued.
#[test]
fn the_pong_deadline_begins_when_the_ping_has_left() {
    let mut world = World::new(Recorder::silent());
    let conn = world.open();
    world.script.takes(conn, Takes::Nothing);
    world.pass(seconds(27));
    world.pass(seconds(12));
    assert_eq!(world.gone(conn), None);
    world.script.takes(conn, Takes::All);
    world.settle();
    assert_eq!(world.said(conn), [Said::Ping(vec![])]);
    world.pass(seconds(9));
    assert_eq!(world.gone(conn), None);
    world.pass(seconds(2));
    assert_eq!(world.end().cause, "PongTimeout");
}

/// A topic's only listener.
fn listening() -> (World, Conn) {
    let mut world = World::new(Recorder::new(|peer, told| {
        if *told == Told::Open {
            peer.subscribe("ticks");
        }
    }));
    let conn = world.open();
    (world, conn)
}

// What is sent to it, and taken by the kernel, says nothing of whether it lives.
#[test]
fn a_dead_peer_is_found_though_it_is_sent_something_all_the_time() {
    for at_once in [false, true] {
        let (mut world, conn) = listening();
        world.script.at_once = at_once;
        let mut lasted = 0;
        while world.gone(conn).is_none() {
            assert!(lasted < 60, "for ever");
            world.handle.publish("ticks", "tick").expect("room");
            world.pass(seconds(1));
            lasted += 1;
        }
        assert!((35..=38).contains(&lasted), "{lasted} s");
        assert_eq!(world.end().cause, "PongTimeout");
    }
}

// The same where something always waits behind what has left: 6 s of it before the ping, too, and
// before the Close.
#[test]
fn the_pong_deadline_begins_when_the_ping_has_left_whatever_waits_behind_it() {
    let (mut world, conn) = listening();
    world.script.takes(conn, Takes::Nothing);
    let tick = vec![1; 996];
    world.handle.publish("ticks", vec![1; 6_000]).expect("room");
    let (mut left, mut lasted) = (None, 0);
    while world.gone(conn).is_none() {
        assert!(lasted < 90, "for ever");
        world.handle.publish("ticks", tick.clone()).expect("room");
        read_for_a_second(&mut world, conn, 1_000);
        lasted += 1;
        if left.is_none()
            && world
                .script
                .out(conn)
                .windows(2)
                .any(|pair| pair == [0x89, 0])
        {
            left = Some(lasted);
        }
    }
    let left = left.expect("it was pinged");
    assert!(left > 30, "{left} s");
    assert!((15..=18).contains(&(lasted - left)), "{left} s, {lasted} s");
    assert_eq!(world.end().cause, "PongTimeout");
}

// What we do not read cannot answer.
#[test]
fn the_pong_deadline_is_suspended_while_reading_is() {
    let handler = Recorder::new(|peer, told| {
        if let Told::Event(what) = told {
            peer.pause(what == "pause");
        }
    });
    let mut world = World::new(handler);
    let conn = world.open();
    let id = world.id(conn);
    world.pass(seconds(27));
    assert_eq!(world.said(conn), [Said::Ping(vec![])]);
    world.handle.post(id, "pause".into()).expect("room");
    world.settle();
    world.pass(seconds(3600));
    assert_eq!(world.gone(conn), None);
    // Resumed, it has all the time again.
    world.handle.post(id, "resume".into()).expect("room");
    world.settle();
    world.pass(seconds(9));
    assert_eq!(world.gone(conn), None);
    world.feed(conn, &pong(b""));
    world.pass(seconds(20));
    assert_eq!(world.gone(conn), None);
    assert_eq!(world.said(conn), []);
}

// P7
#[test]
fn a_peer_that_takes_nothing_is_cut_and_one_that_takes_a_byte_is_not() {
    let mut world = World::new(Recorder::echo());
    let (stuck, slow) = (world.open(), world.open());
    for conn in [stuck, slow] {
        world.script.takes(conn, Takes::Nothing);
        world.feed(conn, &text("an answer of some length"));
    }
    for _ in 0..4 {
        world.pass(seconds(9));
        world.script.feed(stuck, &ping(b""));
        world.script.feed(slow, &ping(b""));
        world.script.takes(slow, Takes::Each(1));
        world.turn();
        world.script.takes(slow, Takes::Nothing);
        world.settle();
    }
    assert_eq!(world.gone(stuck), Some(Gone::Aborted));
    assert_eq!(world.gone(slow), None);
    let end = world.end();
    assert_eq!((&*end.cause, end.code), ("WriteTimeout", 1006));
    assert!(end.unsent > 0);
}

// L8, P11: one that has been told everything may take a second to leave.
#[test]
fn a_peer_that_does_not_leave_is_cut() {
    let mut world = World::new(Recorder::silent());
    let conn = world.open();
    world.script.polite(conn, false);
    world.feed(conn, &close(1000, ""));
    assert_eq!(world.gone(conn), None);
    world.pass(seconds(1) + seconds(1) / 5);
    assert_eq!(world.gone(conn), Some(Gone::Aborted));
    // The closing handshake was done: that is what is told.
    let end = world.end();
    assert_eq!((&*end.cause, end.code), ("Peer", 1000));
    world.assert_empty();
}

// P11
#[test]
fn a_closing_ends_in_its_time_with_whatever_is_still_queued() {
    let handler = Recorder::new(|peer, told| {
        if let Told::Text(_) = told {
            peer.binary(&[1; 50_000]);
            peer.close(CloseCode::NORMAL, "");
        }
    });
    let mut world = World::new(handler);
    let conn = world.open();
    world.script.takes(conn, Takes::Nothing);
    world.feed(conn, &text("go"));
    world.pass(seconds(6));
    assert_eq!(world.gone(conn), Some(Gone::Aborted));
    let end = world.end();
    assert_eq!((&*end.cause, end.code), ("Local", 1000));
    assert!(end.unsent >= 50_000);
}

#[test]
fn timers_are_told_once_in_order_and_never_to_the_dead() {
    let handler = Recorder::new(|peer, told| {
        if *told == Told::Open {
            for (delay, key) in [(5, 5), (1, 1), (3, 3), (0, 0)] {
                peer.timer(seconds(delay), key);
            }
        }
    });
    let mut world = World::new(handler);
    let conn = world.open();
    let other = world.open();
    world.settle();
    world.pass(seconds(2));
    world.script.reset(other);
    world.settle();
    world.told();
    world.pass(seconds(2));
    world.pass(seconds(2));
    world.pass(seconds(60));
    let timers: Vec<_> = world.told();
    assert_eq!(timers, [Told::Timer(3), Told::Timer(5)]);
    assert_eq!(world.gone(conn), None);
}

#[test]
fn a_timer_may_be_set_again_from_itself() {
    let handler = Recorder::new(|peer, told| {
        if matches!(told, Told::Open | Told::Timer(_)) {
            peer.timer(seconds(1), 9);
            peer.text("tick");
        }
    });
    let mut world = World::new(handler);
    let conn = world.open();
    for _ in 0..5 {
        world.pass(seconds(1) + seconds(1) / 10);
    }
    assert_eq!(world.said(conn).len(), 6);
}

// A timer for now is for the next turn, however often it is set again; and none is too far off.
#[test]
fn a_timer_that_sets_itself_again_fires_once_a_turn() {
    for delay in [Duration::ZERO, Duration::from_micros(500), Duration::MAX] {
        let mut left = 1_000;
        let handler = Recorder::new(move |peer, told| {
            // Not for ever, or a failure would hang.
            if matches!(told, Told::Text(_) | Told::Timer(_)) && left > 0 {
                left -= 1;
                peer.timer(delay, 9);
            }
        });
        let mut world = World::new(handler);
        let conn = world.open();
        world.script.feed(conn, &text("go"));
        world.turn();
        world.told();
        let mut fired = 0;
        for _ in 0..20 {
            world.worker.advance(Duration::from_millis(2));
            world.turn();
            let now = world.told().len();
            assert!(now <= 1, "{now} times in one turn");
            fired += now;
        }
        assert_eq!(fired, if delay == Duration::MAX { 0 } else { 20 });
        assert_eq!(world.handle.stats().panics, 0);
        assert_eq!(world.gone(conn), None);
    }
}

// What the pong may take is no reason to look later whether the peer is idle again.
#[test]
fn a_pong_timeout_longer_than_the_idle_timeout_does_not_put_pings_off() {
    let long = |config: &mut ws4rs::Config| {
        config.idle_timeout = seconds(10);
        config.pong_timeout = seconds(60);
    };
    let mut world = World::with(Recorder::silent(), config(long));
    let conn = world.open();
    world.pass(seconds(11));
    for answer in [pong(b""), text("instead"), pong(b"")] {
        assert_eq!(world.said(conn), [Said::Ping(vec![])]);
        world.pass(seconds(3));
        world.feed(conn, &answer);
        world.pass(seconds(9));
        assert_eq!(world.said(conn), []);
        world.pass(seconds(2));
    }
    assert_eq!(world.said(conn), [Said::Ping(vec![])]);
    world.pass(seconds(55));
    assert_eq!(world.gone(conn), None);
    world.pass(seconds(9));
    assert_eq!(world.end().cause, "PongTimeout");
}

/// A peer that is sent 100 KB and a Close, and has taken nothing of it yet.
fn closing_behind_much() -> (World, Conn) {
    let handler = Recorder::new(|peer, told| {
        if let Told::Text(_) = told {
            peer.binary(&[1; 100_000]);
            peer.close(CloseCode::NORMAL, "");
        }
    });
    let mut world = World::new(handler);
    let conn = world.open();
    world.script.takes(conn, Takes::Nothing);
    world.feed(conn, &text("go"));
    (world, conn)
}

/// A second, at whose beginning the peer reads so much.
fn read_for_a_second(world: &mut World, conn: Conn, bytes: usize) {
    world.script.takes(conn, Takes::Each(bytes));
    world.turn();
    world.script.takes(conn, Takes::Nothing);
    world.pass(seconds(1));
}

// P11: four times the close timeout, but it gets on.
#[test]
fn a_closing_peer_that_reads_on_gets_everything() {
    let (mut world, conn) = closing_behind_much();
    for _ in 0..20 {
        read_for_a_second(&mut world, conn, 5_000);
        assert_eq!(world.gone(conn), None);
    }
    world.script.takes(conn, Takes::All);
    world.settle();
    let said = [
        Said::Binary(vec![1; 100_000]),
        Said::Close(1000, String::new()),
    ];
    assert_eq!(world.said(conn), said);
    world.feed(conn, &close(1000, ""));
    assert_eq!(world.gone(conn), Some(Gone::Finished));
    let end = world.end();
    assert_eq!((&*end.cause, end.unsent), ("Local", 0));
}

// P11
#[test]
fn a_closing_peer_that_stops_reading_is_cut_after_the_close_timeout() {
    let (mut world, conn) = closing_behind_much();
    for _ in 0..10 {
        read_for_a_second(&mut world, conn, 5_000);
    }
    // One of its five seconds has passed.
    world.pass(seconds(3));
    assert_eq!(world.gone(conn), None);
    world.pass(seconds(2));
    assert_eq!(world.gone(conn), Some(Gone::Aborted));
    assert!(world.end().unsent > 40_000);
}

// P11: 5 s and 30 s.
#[test]
fn a_closing_peer_that_reads_by_the_byte_is_cut_in_the_end() {
    let (mut world, conn) = closing_behind_much();
    let mut lasted = 0;
    while world.gone(conn).is_none() {
        assert!(lasted < 60, "for ever");
        read_for_a_second(&mut world, conn, 1);
        lasted += 1;
    }
    assert!((35..=38).contains(&lasted), "{lasted} s");
}

// P11: one that was told 1013 has had its time.
#[test]
fn a_slow_consumer_that_reads_on_is_cut_after_the_close_timeout() {
    let handler = Recorder::new(|peer, told| {
        if *told == Told::Open {
            peer.subscribe("all");
        }
    });
    let mut world = World::with(handler, config(|config| config.outbox_max = 16 << 10));
    let conn = world.open();
    world.script.takes(conn, Takes::Nothing);
    for _ in 0..2 {
        let much = vec![2; 100_000];
        world.handle.publish("all", much).expect("room");
        world.settle();
    }
    assert_eq!(world.handle.stats().slow, 1);
    for _ in 0..4 {
        read_for_a_second(&mut world, conn, 5_000);
        assert_eq!(world.gone(conn), None);
    }
    for _ in 0..2 {
        read_for_a_second(&mut world, conn, 5_000);
    }
    assert_eq!(world.gone(conn), Some(Gone::Aborted));
    assert_eq!(world.end().cause, "SlowConsumer");
}
