//! What a connection costs that says nothing.

mod support;

use support::*;

// P2
#[test]
fn the_two_columns_of_a_connection_are_at_most_128_bytes() {
    let (incoming, outgoing) = ws4rs::internal::worker::sizes();
    assert!(incoming + outgoing <= 128, "{incoming} + {outgoing}");
}

// P2: after any traffic.
#[test]
fn an_idle_connection_holds_no_buffer() {
    let mut world = World::new(Recorder::echo());
    let conns: Vec<_> = (0..20).map(|_| world.open()).collect();
    for conn in &conns {
        assert_eq!(world.memory(), 0);
        let bytes = [
            text("small"),
            binary(&[1; 100_000]),
            ping(b"x"),
            Frame::new(TEXT, "in ").begins().bytes(),
            ping(b"y"),
            Frame::new(CONTINUATION, "parts").bytes(),
        ]
        .concat();
        for part in bytes.chunks(1_009) {
            world.script.feed(*conn, part);
        }
        world.settle();
        assert_eq!(world.said(*conn).len(), 5);
        assert_eq!(world.memory(), 0);
    }
    // Half a header, half a control frame: in a box as small as the column, or a few bytes.
    for (conn, bytes) in conns
        .iter()
        .zip([&[0x81][..], &[0x82, 0xFE, 1], &[0x89, 0x85, 0, 0]])
    {
        world.feed(*conn, bytes);
    }
    assert_eq!(world.memory(), 0);
    assert_eq!(world.worker.load().0, 20);
}

// P2: and an idle worker has nothing to do until somebody is to be pinged.
#[test]
fn an_idle_connection_asks_nothing_of_the_kernel() {
    let mut world = World::new(Recorder::echo());
    let conn = world.open();
    world.feed(conn, &text("a"));
    world.settle();
    let before = world.script.asked;
    for _ in 0..10 {
        world.turn();
    }
    assert_eq!(world.script.asked, before);
    // One message costs one send, and nothing else.
    world.feed(conn, &text("b"));
    assert_eq!(world.script.asked, before + 1);
    // As do many of one turn.
    world.feed(conn, &text("c").repeat(100));
    assert_eq!(world.script.asked, before + 2);
}
