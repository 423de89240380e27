//! Pings and pongs (RFC 6455 5.5.2, 5.5.3).

mod support;

use support::*;

// F10
#[test]
fn each_ping_gets_its_pong_in_order() {
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    for number in 0..20_u8 {
        bytes.extend(ping(&[number; 3]));
        expected.push(Said::Pong(vec![number; 3]));
    }
    let played = echo(&bytes);
    assert_eq!(played.said(), expected);
    assert_eq!(played.gone, None);
}

// F10: from none to the longest.
#[test]
fn a_pong_has_the_pings_payload() {
    for len in [0, 1, 2, 4, 124, 125] {
        let payload: Vec<u8> = (0..len).map(|at| at as u8 ^ 0x5A).collect();
        assert_eq!(echo(&ping(&payload)).said(), [Said::Pong(payload)]);
    }
}

// F7
#[test]
fn a_control_frame_of_more_than_125_bytes_is_refused() {
    for opcode in [PING, PONG, CLOSE] {
        for len in [126, 65_536] {
            let frame = Frame::new(opcode, []).announced(len).bytes();
            let played = echo(&frame);
            assert_eq!(played.close_code(), 1002);
            assert_eq!(played.cause(), "Protocol(ControlTooLong)");
        }
    }
}

// F11
#[test]
fn a_pong_that_nobody_asked_for_is_told_and_not_answered() {
    let played = echo(&[pong(b""), pong(b"x"), ping(b"y")].concat());
    assert_eq!(played.said(), [Said::Pong(b"y".into())]);
    assert_eq!(
        played.told,
        [
            Told::Open,
            Told::Pong(vec![]),
            Told::Pong(b"x".into()),
            Told::Ping(b"y".into())
        ]
    );
}

// P8, F10: 4 KiB of pongs, then the latest alone, then all again.
#[test]
fn of_pings_that_nobody_reads_the_pongs_are_bounded() {
    let mut world = World::new(Recorder::silent());
    let conn = world.open();
    world.script.takes(conn, Takes::Nothing);
    for number in 0..10_000_u32 {
        world.script.feed(conn, &ping(&number.to_be_bytes()));
        world.turn();
    }
    assert!(world.memory() <= 16 << 10, "{}", world.memory());
    assert_eq!(world.gone(conn), None);
    world.script.takes(conn, Takes::All);
    world.settle();
    let pongs = world.said(conn);
    assert!(pongs.len() >= (4 << 10) / 6, "{}", pongs.len());
    let (last, first) = pongs.split_last().expect("pongs");
    for (number, pong) in (0_u32..).zip(first) {
        assert_eq!(*pong, Said::Pong(number.to_be_bytes().into()));
    }
    assert_eq!(*last, Said::Pong(9_999_u32.to_be_bytes().into()));
    world.feed(conn, &ping(b"again"));
    assert_eq!(world.said(conn), [Said::Pong(b"again".into())]);
    assert_eq!(world.memory(), 0);
}

// P8: pongs that have left count no more, though something always waits behind them.
#[test]
fn a_peer_that_reads_slowly_has_every_ping_answered() {
    let mut world = World::new(Recorder::echo());
    let conn = world.open();
    world.script.takes(conn, Takes::Each(6));
    world.script.feed(conn, &binary(&[7; 2000]));
    for number in 0..3_000_u32 {
        world.script.feed(conn, &ping(&number.to_be_bytes()));
        world.turn();
    }
    world.script.takes(conn, Takes::All);
    world.settle();
    let pongs = (0..3_000_u32).map(|number| Said::Pong(number.to_be_bytes().into()));
    let said = world.said(conn);
    assert_eq!(said[0], Said::Binary(vec![7; 2000]));
    assert!(said[1..].iter().cloned().eq(pongs), "{}", said.len());
}

// P8: in one receive too, with pongs as long as they get.
#[test]
fn a_flood_of_pings_in_one_receive_is_bounded_too() {
    let mut world = World::new(Recorder::silent());
    let conn = world.open();
    world.script.takes(conn, Takes::Nothing);
    world.script.feed(conn, &ping(&[9; 125]).repeat(500));
    world.turn();
    assert!(world.memory() <= 16 << 10);
    world.script.takes(conn, Takes::All);
    world.settle();
    let pongs = world.said(conn);
    assert!((33..40).contains(&pongs.len()), "{}", pongs.len());
}

// P8: the pong that had to wait is said before our FIN, not behind it.
#[test]
fn a_pong_that_had_to_wait_is_said_to_a_peer_that_has_finished() {
    let mut world = World::new(Recorder::silent());
    let conn = world.open();
    world.script.takes(conn, Takes::Nothing);
    let pings = [ping(&[9; 125]).repeat(500), ping(b"latest")];
    world.script.feed(conn, &pings.concat());
    world.script.fin(conn);
    world.settle();
    // What is left of the first pongs then is little.
    world.script.takes(conn, Takes::Each(3500));
    world.settle();
    assert_eq!(world.gone(conn), Some(Gone::Finished));
    let pongs = world.said(conn);
    assert_eq!(pongs.last(), Some(&Said::Pong(b"latest".into())));
    world.assert_empty();
}

// L7: what leaves last is the Close.
#[test]
fn a_queued_close_suppresses_later_pongs() {
    let handler = || {
        Recorder::new(|peer, told| {
            if let Told::Text(_) = told {
                peer.close(ws4rs::CloseCode::NORMAL, "enough");
            }
        })
    };
    let bytes = [ping(b"1"), text("close"), ping(b"2"), ping(b"3")].concat();
    let played = play(handler, &ws4rs::Config::default(), &bytes);
    assert_eq!(
        played.said(),
        [Said::Pong(b"1".into()), Said::Close(1000, "enough".into())]
    );
}

// 5.5: the handler's own pings are cut to what a control frame holds.
#[test]
fn a_ping_of_ours_is_at_most_125_bytes() {
    let handler = || {
        Recorder::new(|peer, told| {
            if let Told::Text(_) = told {
                peer.ping(&[1; 200]);
            }
        })
    };
    let played = play(handler, &ws4rs::Config::default(), &text("go"));
    assert_eq!(played.said(), [Said::Ping(vec![1; 125])]);
}

// L7, 5.5.1: the pong that had to wait is not said behind our Close either.
#[test]
fn a_pong_that_had_to_wait_is_not_said_behind_our_close() {
    for takes in [Takes::All, Takes::Each(100)] {
        let mut world = World::new(Recorder::silent());
        let conn = world.open();
        world.script.takes(conn, Takes::Nothing);
        let pings = ping(&[9; 125]).repeat(60);
        world.feed(conn, &[pings, close(1000, "")].concat());
        world.script.takes(conn, takes);
        world.settle();
        let said = world.said(conn);
        let (last, pongs) = said.split_last().expect("something");
        assert_eq!(*last, Said::Close(1000, String::new()));
        assert!((33..40).contains(&pongs.len()), "{}", pongs.len());
        assert!(pongs.iter().all(|pong| *pong == Said::Pong(vec![9; 125])));
        assert_eq!(world.gone(conn), Some(Gone::Finished));
        world.assert_empty();
    }
}
