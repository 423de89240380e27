//! Messages that refer to those before them (RFC 7692 7.1.1, 7.2.2): both ways, whatever goes between
//! them, for as much memory as was promised.

mod support;

use support::*;
use ws4rs::{Config, Connect, Deflate, Dial, Prepared, Server, SlowPolicy};

fn takeover(bits: u8) -> Config {
    compressing(Deflate::takeover(bits))
}

/// 600 bytes that do not repeat themselves, but were said before.
fn verse(number: usize) -> String {
    let all: String = noise(3000)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    all[number * 600..][..600].to_owned()
}

// D12
#[test]
fn messages_refer_to_earlier_ones_both_ways() {
    let mut ours = Packer::new(15);
    let payloads = [0, 1, 0, 1, 0].map(|number| ours.pack(verse(number)));
    let frames = payloads.map(|payload| Frame::new(TEXT, payload).rsv(4).bytes());
    let request = request_offering("");
    let played = play_after(&request, Recorder::echo, &takeover(15), &frames.concat());
    let said = Unpacker::new(15).read(&played.bytes);
    let wanted = [0, 1, 0, 1, 0].map(|number| (true, text_said(verse(number))));
    assert_eq!(said, wanted);
    // Both have gained by it.
    let (frames, _) = support::frames(&played.bytes);
    assert!(frames[0].1.len() > 250 && frames[2].1.len() < 40);
}

// D4, D12
#[test]
fn every_window_is_kept_both_ways() {
    for bits in 9..=15 {
        let config = takeover(bits);
        let mut world = World::with(Recorder::echo(), config);
        let request = request_offering("; client_max_window_bits; server_max_window_bits=15");
        let conn = world.open_with(&request);
        let (mut ours, mut theirs) = (Packer::new(bits), Unpacker::new(bits));
        for turn in 0..15 {
            let message = verse(turn % 4).repeat(1 + turn % 3 * 9);
            let frame = Frame::new(TEXT, ours.pack(&message)).rsv(4).bytes();
            world.feed(conn, &frame);
            let said = theirs.read(&world.script.take_out(conn));
            assert_eq!(said.len(), 1);
            assert_eq!(said[0].1, text_said(message));
            assert!(world.memory() <= 2 * (1 << bits) + OVERHEAD);
        }
    }
}

// 7.1.1: one end may forget while the other does not.
#[test]
fn one_end_may_forget_alone() {
    for (offered, we_remember) in [
        ("; server_no_context_takeover", false),
        ("; client_no_context_takeover", true),
    ] {
        let mut world = World::with(Recorder::echo(), takeover(15));
        let conn = world.open_with(&request_offering(offered));
        let mut ours = Packer::new(15);
        let mut theirs = match we_remember {
            true => Unpacker::new(15),
            false => Unpacker::shared(15),
        };
        for _ in 0..3 {
            let payload = match we_remember {
                true => packed(verse(0)),
                false => ours.pack(verse(0)),
            };
            world.feed(conn, &Frame::new(TEXT, payload).rsv(4).bytes());
            let said = theirs.read(&world.script.take_out(conn));
            assert_eq!(said, [(true, text_said(verse(0)))]);
        }
        let held = world.memory();
        assert!((1_800..2 * 1_800).contains(&held), "{held}");
    }
}

// What was forgotten may not be referred to.
#[test]
fn a_peer_that_should_forget_and_does_not_is_refused() {
    let mut ours = Packer::new(15);
    let frames = [0, 0].map(|number| Frame::new(TEXT, ours.pack(verse(number))).rsv(4).bytes());
    for config in [compressing(Deflate::shared()), takeover(12)] {
        // No window was offered, so that the client has to forget with 12 bits too.
        let played = play_after(
            &request_offering(""),
            Recorder::silent,
            &config,
            &frames.concat(),
        );
        assert_eq!(played.said(), [Said::Close(1007, String::new())]);
        assert_eq!(played.cause(), "Protocol(Corrupt)");
    }
}

// D12: what was sent as it is does not belong to the context; what is refused is not remembered.
#[test]
fn plain_messages_between_compressed_ones_are_not_remembered() {
    let handler = Recorder::new(|peer, told| match told {
        Told::Text(text) if text.starts_with("plain") => {
            peer.send_uncompressed(text);
        }
        told => drop(send_back(peer, told)),
    });
    let mut world = World::with(handler, takeover(12));
    let conn = world.open_with(&request_deflate());
    let (mut ours, mut theirs) = (Packer::new(12), Unpacker::new(12));
    for turn in 0..20 {
        let packed = format!("{}{turn}", verse(turn % 3));
        let frames = [
            Frame::new(TEXT, ours.pack(&packed)).rsv(4).bytes(),
            text("small"),
            text(&format!("plain{}", verse(0))),
            binary(&noise(700)),
            ping(b"x"),
        ];
        world.feed(conn, &frames.concat());
        let said = theirs.read(&world.script.take_out(conn));
        let wanted = [
            (true, text_said(packed)),
            (false, text_said("small")),
            (false, text_said(format!("plain{}", verse(0)))),
            (false, Said::Binary(noise(700))),
            (false, Said::Pong(b"x".into())),
        ];
        assert_eq!(said, wanted);
    }
}

// A frame that was made for many joins the context of each who gets it.
#[test]
fn shared_messages_between_own_ones_are_understood() {
    let handler = Recorder::new(|peer, told| {
        send_back(peer, told);
        if *told == Told::Open {
            peer.subscribe("all");
        }
    });
    let mut world = World::with(handler, takeover(12));
    let conns: Vec<_> = (0..3)
        .map(|_| world.open_with(&request_deflate()))
        .collect();
    let mut peers: Vec<_> = conns
        .iter()
        .map(|conn| (*conn, Packer::new(12), Unpacker::new(12)))
        .collect();
    for turn in 0..30 {
        let publish = [
            Prepared::text(&verse(turn % 4)),
            Prepared::text("small"),
            Prepared::text(&verse(turn % 4)).uncompressed(),
            Prepared::text(&verse(0).repeat(20)),
        ];
        for (number, (conn, ours, theirs)) in peers.iter_mut().enumerate() {
            // Not all of them have said the same.
            let mut wanted = Vec::new();
            if turn % (number + 1) == 0 {
                let own = format!("{}{number}", verse(turn % 3));
                world.feed(*conn, &Frame::new(TEXT, ours.pack(&own)).rsv(4).bytes());
                wanted.push((true, text_said(own)));
            }
            assert_eq!(theirs.read(&world.script.take_out(*conn)), wanted);
        }
        // One alone, or several in one turn.
        let wanted = [
            (true, text_said(verse(turn % 4))),
            (false, text_said("small")),
            (false, text_said(verse(turn % 4))),
            (true, text_said(verse(0).repeat(20))),
        ];
        let range = [0..1, 1..4, 0..4, 3..4, 0..2, 1..2][turn % 6].clone();
        for message in &publish[range.clone()] {
            world.handle.publish("all", message.clone()).expect("room");
        }
        world.settle();
        for (conn, _, theirs) in &mut peers {
            let said = theirs.read(&world.script.take_out(*conn));
            assert_eq!(said, wanted[range.clone()]);
        }
        assert!(world.memory() <= 3 * (2 * 4096 + OVERHEAD));
    }
}

#[test]
fn memory_is_counted_and_given_back() {
    for bits in [9, 12, 15] {
        let mut world = World::with(Recorder::echo(), takeover(bits));
        let conns: Vec<_> = (0..3)
            .map(|_| world.open_with(&request_deflate()))
            .collect();
        assert_eq!(world.memory(), 0);
        for (number, conn) in conns.iter().enumerate() {
            let mut ours = Packer::new(bits);
            for _ in 0..8 {
                let message = ours.pack(prose(10_000));
                world.feed(*conn, &Frame::new(TEXT, message).rsv(4).bytes());
            }
            let each = 2 << bits;
            let held = world.memory();
            let most = (number + 1) * (each + OVERHEAD);
            assert!(((number + 1) * each..=most).contains(&held), "{held}");
        }
        // However it ends.
        world.script.reset(conns[0]);
        world.feed(conns[1], &close(1000, ""));
        world.feed(conns[2], &[0xF0]);
        world.assert_empty();
    }
}

// What was sent need not be remembered, and nobody is closed for it; what was received must be, and
// counts like what a peer has made us hold.
#[test]
fn past_the_memory_limit_histories_are_given_up_before_connections() {
    assert_eq!(told_for_memory(150_000), 0);
    assert!(told_for_memory(80_000) > 0);
}

/// Three connections that fill their histories both ways, 64 KiB each: how many are closed for it.
fn told_for_memory(max: usize) -> u64 {
    let mut config = takeover(15);
    config.memory_max = max;
    let mut world = World::with(Recorder::echo(), config);
    let conns: Vec<_> = (0..3)
        .map(|_| world.open_with(&request_deflate()))
        .collect();
    for conn in &conns {
        let mut ours = Packer::new(15);
        for _ in 0..4 {
            let message = ours.pack(prose(10_000));
            world.feed(*conn, &Frame::new(TEXT, message).rsv(4).bytes());
        }
    }
    assert!(world.memory() <= max);
    world.handle.stats().memory
}

// Dropped before it is compressed, it leaves no gap.
#[test]
fn with_drop_newest_what_is_said_stays_readable() {
    let mut config = takeover(12);
    config.outbox_max = 4 << 10;
    config.slow = SlowPolicy::DropNewest;
    let handler = Recorder::new(|peer, told| {
        if *told == Told::Open {
            peer.subscribe("all");
        }
    });
    let mut world = World::with(handler, config);
    let conn = world.open_with(&request_deflate());
    let mut theirs = Unpacker::new(12);
    let mut heard = 0;
    for round in 0..5 {
        world.script.takes(conn, Takes::Nothing);
        for turn in 0..40 {
            let message = format!("{}{round}{turn}", verse(turn % 4));
            world.handle.publish("all", message).expect("room");
            world.settle();
        }
        world.script.takes(conn, Takes::All);
        world.settle();
        heard += theirs.read(&world.script.take_out(conn)).len();
    }
    assert!(heard < 200 && world.handle.stats().dropped == 200 - heard as u64);
}

// Dropped after it was compressed, it would: what comes behind it may refer to it.
#[test]
fn drop_oldest_with_takeover_is_refused_at_the_start() {
    let start = |deflate| {
        Server::builder()
            .bind("127.0.0.1:0")
            .workers(1)
            .slow(SlowPolicy::DropOldest)
            .deflate(deflate)
            .start(Recorder::echo)
    };
    let error = start(Deflate::takeover(12)).expect_err("torn").to_string();
    assert!(
        error.contains("takeover") && error.contains("DropOldest"),
        "{error}"
    );
    assert!(start(Deflate::shared()).is_ok());
}

// And where we are the client.
#[test]
fn drop_oldest_with_takeover_is_refused_to_those_who_dial() {
    let url = "ws://192.0.2.1/".parse::<ws4rs::Url>().expect("a URL");
    let drops = config(|config| config.slow = SlowPolicy::DropOldest);
    for (deflate, why) in [
        (Deflate::takeover(12), "DropOldest"),
        (Deflate::shared().level(0), "level"),
    ] {
        let mut world = World::with(Recorder::silent(), drops.clone());
        let dial = Dial::new(url.clone()).deflate(deflate);
        let connect = Connect::new(dial, Guest::default());
        world.handle.connect(connect).expect("room");
        world.settle();
        let unopened = &world.worker.handler().unopened;
        assert_eq!(unopened.len(), 1);
        assert!(unopened[0].1.contains(why), "{unopened:?}");
        world.assert_empty();
    }
}

/// What a connection's own small structures take besides.
const OVERHEAD: usize = 256;
