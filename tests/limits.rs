//! Everything has a limit: messages, memory, connections.

mod support;

use support::*;
use ws4rs::Config;

const MAX: usize = 1000;

fn small() -> Config {
    config(|config| config.message_max = MAX)
}

// F16, F17
#[test]
fn a_message_of_exactly_the_limit_passes_and_one_more_byte_does_not() {
    for opcode in [TEXT, BINARY] {
        let exact = Frame::new(opcode, [b'x'; MAX]).bytes();
        let played = play(Recorder::echo, &small(), &exact);
        assert_eq!(played.said().len(), 1);
        assert_eq!(played.gone, None);
        let over = Frame::new(opcode, [b'x'; MAX + 1]).bytes();
        let played = play(Recorder::echo, &small(), &over);
        assert_eq!(played.said(), [Said::Close(1009, String::new())]);
        assert_eq!(played.cause(), "Protocol(TooBig)");
    }
}

// F16, F17: fragments together.
#[test]
fn the_limit_counts_the_fragments_together() {
    let parts = |last: usize| {
        [
            Frame::new(BINARY, [1; 600]).begins().bytes(),
            ping(b"between"),
            Frame::new(CONTINUATION, [2; 300]).begins().bytes(),
            Frame::new(CONTINUATION, vec![3; last]).bytes(),
        ]
        .concat()
    };
    let played = play(Recorder::echo, &small(), &parts(100));
    assert_eq!(played.said().len(), 2);
    let played = play(Recorder::echo, &small(), &parts(101));
    assert_eq!(played.close_code(), 1009);
}

// F8, F16: at the header, before the payload.
#[test]
fn a_message_over_the_limit_is_refused_at_its_header() {
    for announced in [MAX as u64 + 1, 1 << 32, i64::MAX as u64] {
        let header = Frame::new(BINARY, []).announced(announced).bytes();
        let played = play(Recorder::echo, &small(), &header);
        assert_eq!(played.said(), [Said::Close(1009, String::new())]);
    }
    let half = Frame::new(BINARY, [0; 999]).begins().bytes();
    let header = Frame::new(CONTINUATION, []).announced(2).bytes();
    let played = play(Recorder::echo, &small(), &[half, header].concat());
    assert_eq!(played.said(), [Said::Close(1009, String::new())]);
}

// F16: a control frame is not part of the message, and a limit is no reason to refuse a Close.
#[test]
fn control_frames_pass_a_smaller_limit() {
    let tiny = config(|config| config.message_max = 1);
    let bytes = [ping(&[1; 125]), text("x"), close(1000, "a long reason")];
    let played = play(Recorder::echo, &tiny, &bytes.concat());
    assert_eq!(
        played.said(),
        [
            Said::Pong(vec![1; 125]),
            Said::Text("x".into()),
            Said::Close(1000, String::new())
        ]
    );
}

// P3
#[test]
fn announced_bytes_cost_nothing() {
    let mut world = World::new(Recorder::silent());
    let conn = world.open();
    world.feed(conn, &Frame::new(BINARY, []).announced(1 << 20).bytes());
    assert_eq!(world.memory(), 0);
    world.feed(conn, &[1; 100]);
    assert!(world.memory() <= 256, "{}", world.memory());
}

// P4
#[test]
fn an_unfinished_message_costs_at_most_twice_its_bytes() {
    for part in [1_usize, 7, 100, 1000, 16_384] {
        let mut world = World::new(Recorder::silent());
        let conn = world.open();
        let len = if part < 100 { 3_000 } else { 300_000 };
        let frame = Frame::new(BINARY, vec![5; len]).bytes();
        let head = frame.len() - len;
        world.feed(conn, &frame[..head]);
        for (turn, bytes) in frame[head..frame.len() - 1].chunks(part).enumerate() {
            world.script.feed(conn, bytes);
            world.turn();
            let received = turn * part + bytes.len();
            let held = world.memory();
            assert!(held >= received, "{held} of {received}");
            assert!(
                held <= (2 * received).max(64) + KEPT_CLEAR,
                "{held} of {received}"
            );
        }
        world.feed(conn, &frame[frame.len() - 1..]);
        assert_eq!(world.memory(), 0);
    }
}

// P4: also where rooms are too large to be kept, and byte after byte.
#[test]
fn a_very_long_message_costs_at_most_twice_its_bytes() {
    let config = config(|config| config.message_max = 8 << 20);
    for come in [0x10_0000_usize, 0x18_0000, 0x20_0000, 0x30_0000] {
        let mut world = World::with(Recorder::silent(), config.clone());
        let conn = world.open();
        let frame = Frame::new(BINARY, vec![5; 6 << 20]).bytes();
        let head = frame.len() - (6 << 20);
        world.feed(conn, &frame[..head + come]);
        for at in head + come..head + come + 200 {
            let received = at + 1 - head;
            world.feed(conn, &frame[at..=at]);
            let held = world.memory();
            assert!(
                held >= received && held <= 2 * received + KEPT_CLEAR,
                "{held} of {received}"
            );
        }
    }
}

// P1: a head that has not come whole costs what came of it.
#[test]
fn an_unfinished_head_costs_its_bytes() {
    let mut world = World::new(Recorder::silent());
    let conn = world.connect();
    for byte in &REQUEST[..REQUEST.len() - 1] {
        world.feed(conn, &[*byte]);
        assert!(world.memory() <= 2 * REQUEST.len());
    }
    world.feed(conn, b"\n");
    assert_eq!(world.memory(), 0);
}

#[test]
fn past_the_memory_limit_newcomers_get_503() {
    let limits = |config: &mut Config| config.memory_max = 100_000;
    let mut world = World::with(Recorder::echo(), config(limits));
    let slow = world.open();
    world.script.takes(slow, Takes::Nothing);
    world.feed(slow, &binary(&[2; 60_000]).repeat(2));
    // It has been told, and the kernel still has its bytes.
    assert!(world.memory() > 100_000, "{}", world.memory());
    let newcomer = world.connect();
    world.feed(newcomer, REQUEST);
    assert_eq!(status(&world.script.take_out(newcomer)), (503, &[][..]));
    assert_eq!(world.gone(newcomer), Some(Gone::Finished));
    assert_eq!(world.handle.stats().refused, 1);
    // There is room again when it has gone.
    world.pass(seconds(6));
    assert_eq!(world.memory(), 0);
    world.open();
}

#[test]
fn past_the_memory_limit_the_largest_holder_alone_is_told_1013() {
    let mut world = World::with(
        Recorder::silent(),
        config(|config| config.memory_max = 100_000),
    );
    let conns: Vec<_> = (0..5).map(|_| world.open()).collect();
    for (number, conn) in conns.iter().enumerate() {
        let part = vec![1; 10_000 + number * 5_000];
        world.feed(*conn, &Frame::new(BINARY, part).announced(31_000).bytes());
    }
    let told: Vec<_> = conns.iter().map(|conn| world.said(*conn)).collect();
    assert_eq!(told[..4], [vec![], vec![], vec![], vec![]]);
    assert_eq!(told[4], [Said::Close(1013, "out of memory".into())]);
    assert_eq!(world.handle.stats().memory, 1);
    assert_eq!(world.end().cause, "Memory");
    assert!(world.memory() <= 100_000);
}

// What the kernel has of the largest holder is not free yet: the others do not pay for it.
#[test]
fn a_slow_holder_that_was_told_does_not_cost_the_others() {
    let limits = |config: &mut Config| {
        config.memory_max = 100_000;
        config.outbox_max = 1 << 20;
    };
    let mut world = World::with(Recorder::echo(), config(limits));
    let others: Vec<_> = (0..3).map(|_| world.open()).collect();
    for conn in &others {
        world.feed(*conn, &Frame::new(BINARY, [1; 500]).announced(1000).bytes());
    }
    let slow = world.open();
    world.script.takes(slow, Takes::Nothing);
    world.feed(slow, &binary(&[2; 60_000]).repeat(2));
    assert_eq!(world.handle.stats().memory, 1);
    for conn in &others {
        assert_eq!(world.said(*conn), []);
    }
    world.script.takes(slow, Takes::All);
    world.settle();
    let said = world.said(slow);
    assert_eq!(
        said.last(),
        Some(&Said::Close(1013, "out of memory".into()))
    );
    assert_eq!(world.end().cause, "Memory");
}

#[test]
fn past_the_connection_limit_newcomers_get_503() {
    let mut world = World::with(
        Recorder::silent(),
        config(|config| config.connections_max = 2),
    );
    let first = world.open();
    world.open();
    let third = world.connect();
    assert_eq!(status(&world.script.take_out(third)), (503, &[][..]));
    assert_eq!(world.gone(third), Some(Gone::Finished));
    assert_eq!(world.handle.stats().refused, 1);
    world.script.reset(first);
    world.settle();
    world.open();
}

// Those who are being told no are bounded too.
#[test]
fn a_storm_of_newcomers_is_bounded() {
    let mut world = World::with(
        Recorder::silent(),
        config(|config| config.connections_max = 2),
    );
    let conns: Vec<_> = (0..1000).map(|_| world.script.connect()).collect();
    for conn in &conns {
        world.script.polite(*conn, false);
    }
    world.settle();
    assert!(
        world.worker.load().0 <= 2 + 256,
        "{:?}",
        world.worker.load()
    );
    world.pass(seconds(12));
    world.pass(seconds(2));
    world.assert_empty();
}

#[test]
fn a_listener_that_starves_tries_again() {
    let mut world = World::new(Recorder::silent());
    world.script.starve();
    world.settle();
    assert!(!world.script.is_accepting());
    world.pass(std::time::Duration::from_millis(200));
    assert!(world.script.is_accepting());
    // And at once when a descriptor comes free.
    let conn = world.open();
    world.script.starve();
    world.settle();
    assert!(!world.script.is_accepting());
    world.script.reset(conn);
    world.settle();
    assert!(world.script.is_accepting());
}

#[test]
fn a_connection_the_kernel_will_not_take_costs_nothing() {
    let mut world = World::new(Recorder::silent());
    world.script.opens_fail = 1;
    world.connect();
    world.assert_empty();
    world.open();
    assert_eq!(world.worker.load(), (1, 0));
}

// What is left of a buffer keeps all of it.
#[test]
fn memory_is_counted_by_what_buffers_take() {
    const LEN: usize = 1 << 20;
    // Past the queue, and through it.
    for line in [true, false] {
        let mut world = World::new(Recorder::echo());
        let conn = world.open();
        world.script.line(conn, line);
        let frame = Frame::new(BINARY, vec![7; LEN]).key([0; 4]).bytes();
        // A server's frame has no mask: all of it but ten bytes.
        world.script.takes(conn, Takes::Each(frame.len() - 4 - 10));
        world.script.feed(conn, &frame);
        world.turn();
        if !line {
            world.turn();
        }
        world.script.takes(conn, Takes::Nothing);
        world.settle();
        assert_eq!(world.queued(), 10);
        let held = world.memory();
        assert!((LEN..LEN + (16 << 10)).contains(&held), "{held}");
        world.script.takes(conn, Takes::All);
        world.settle();
        assert_eq!(world.said(conn), [Said::Binary(vec![7; LEN])]);
        assert_eq!(world.memory(), 0);
    }
}

// Its Close is behind what it does not read: there is nothing left to tell it.
#[test]
fn past_the_memory_limit_a_holder_that_is_closing_is_cut() {
    let handler = Recorder::new(|peer, told| match told {
        Told::Text(_) => peer.close(ws4rs::CloseCode::NORMAL, "enough"),
        told => drop(send_back(peer, told)),
    });
    let limits = config(|config| config.memory_max = 90_000);
    let mut world = World::with(handler, limits);
    let closing = world.open();
    world.script.takes(closing, Takes::Nothing);
    world.feed(closing, &[binary(&[2; 60_000]), text("close")].concat());
    assert_eq!(world.gone(closing), None);
    let other = world.open();
    let part = Frame::new(BINARY, [1; 30_000]).announced(40_000).bytes();
    world.feed(other, &part);
    assert_eq!(world.gone(closing), Some(Gone::Aborted));
    let end = world.end();
    assert_eq!((&*end.cause, end.code), ("Local", 1000));
    assert!(end.unsent > 60_000, "{}", end.unsent);
    assert_eq!(world.handle.stats().memory, 1);
    // The others go on.
    assert_eq!(world.gone(other), None);
    world.feed(other, &[1; 10_000]);
    assert_eq!(world.said(other).len(), 1);
    assert_eq!(world.memory(), 0);
}

#[test]
fn refused_newcomers_use_up_no_places() {
    let mut world = World::with(
        Recorder::silent(),
        config(|config| config.connections_max = 2),
    );
    let (first, _second) = (world.open(), world.open());
    let refused: Vec<_> = (0..10).map(|_| world.script.connect()).collect();
    for conn in &refused {
        world.script.polite(*conn, false);
    }
    world.settle();
    for conn in &refused {
        assert_eq!(status(world.script.out(*conn)).0, 503);
    }
    world.script.reset(first);
    world.settle();
    // They linger still.
    assert!(refused.iter().all(|conn| world.gone(*conn).is_none()));
    world.open();
    let again = world.connect();
    assert_eq!(status(world.script.out(again)).0, 503);
    assert_eq!(world.handle.stats().refused, 11);
}
