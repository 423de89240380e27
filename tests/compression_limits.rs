//! What compressed messages may cost (RFC 7692 8): time, memory and length, of one and of many.

mod support;

use support::*;
use ws4rs::{Config, Deflate};

fn shared_with(max: usize) -> Config {
    let mut config = compressing(Deflate::shared());
    config.message_max = max;
    config
}

fn play_with(max: usize, frames: &[u8]) -> Played {
    play_after(
        &request_deflate(),
        Recorder::echo,
        &shared_with(max),
        frames,
    )
}

fn too_big(played: &Played) {
    assert_eq!(played.said(), [Said::Close(1009, String::new())]);
    assert_eq!(played.cause(), "Protocol(TooBig)");
}

/// The most that is held while the bytes come, part by part.
fn most_held(world: &mut World, conn: Conn, parts: &[&[u8]]) -> usize {
    let mut most = 0;
    for part in parts {
        world.script.feed(conn, part);
        world.turn();
        most = most.max(world.memory());
    }
    most
}

// D14
#[test]
fn the_limit_is_for_the_message_inflated() {
    const MAX: usize = 1000;
    for opcode in [TEXT, BINARY] {
        for (len, passes) in [(MAX, true), (MAX + 1, false)] {
            let payload = packed("x".repeat(len));
            let whole = deflated(opcode, "x".repeat(len));
            let parts = fragments(opcode, payload.chunks(3)).concat();
            for frames in [whole, parts] {
                let played = play_with(MAX, &frames);
                if passes {
                    let said = Unpacker::shared(15).read(&played.bytes);
                    assert_eq!(said.len(), 1);
                    assert_eq!(played.gone, None);
                } else {
                    too_big(&played);
                }
            }
        }
    }
}

// D14: whatever it inflates to, more than that is not awaited.
#[test]
fn a_packed_message_has_a_length_that_it_may_have() {
    const MAX: usize = 1000;
    let most = 2 * MAX as u64 + 1024;
    let header = |len: u64| Frame::new(BINARY, []).rsv(4).announced(len).bytes();
    assert_eq!(play_with(MAX, &header(most)).bytes, []);
    for len in [most + 1, 1 << 32, i64::MAX as u64] {
        too_big(&play_with(MAX, &header(len)));
    }
    // 1500 bytes that say nothing, five at a time, and what may follow them.
    let nothing = [0x00, 0x00, 0x00, 0xff, 0xff].repeat(300);
    let begun = fragments(BINARY, [&nothing[..], &[]]).remove(0);
    let more = |len: u64| Frame::new(CONTINUATION, []).announced(len).bytes();
    let fits = [&begun[..], &more(most - 1500)].concat();
    assert_eq!(play_with(MAX, &fits).bytes, []);
    too_big(&play_with(MAX, &[&begun[..], &more(most - 1499)].concat()));
    // What is not compressed has the limit itself.
    let plain = Frame::new(BINARY, []).announced(MAX as u64 + 1).bytes();
    too_big(&play_with(MAX, &plain));
}

// As above, where the first of it has been inflated already.
#[test]
fn the_length_of_a_long_packed_message_counts_all_of_it() {
    const MAX: usize = 100_000;
    let most = 2 * MAX + 1024;
    let nothing = [0x00, 0x00, 0x00, 0xff, 0xff].repeat(12_000);
    let begun = fragments(BINARY, [&nothing[..], &[]]).remove(0);
    for (len, passes) in [
        (most - nothing.len(), true),
        (most - nothing.len() + 1, false),
    ] {
        let mut world = World::with(Recorder::silent(), shared_with(MAX));
        let conn = world.open_with(&request_deflate());
        world.feed(conn, &begun);
        let more = Frame::new(CONTINUATION, []).announced(len as u64);
        world.feed(conn, &more.bytes());
        let said = match passes {
            true => vec![],
            false => vec![Said::Close(1009, String::new())],
        };
        assert_eq!(world.said(conn), said);
    }
}

// P5
#[test]
fn a_bomb_ends_at_the_limit_and_costs_no_more() {
    const MAX: usize = 1 << 20;
    // 64 MiB in 64 KiB, each of them for itself.
    let mebibyte = [&packed(vec![0; 1 << 20])[..], &[0x00, 0x00, 0xff, 0xff]].concat();
    let bomb = mebibyte.repeat(64);
    let whole = Frame::new(BINARY, &bomb).rsv(4).bytes();
    let fragmented = fragments(BINARY, bomb.chunks(500)).concat();
    let ways: [(&[u8], usize); 5] = [
        (&whole, usize::MAX),
        (&whole, 16 << 10),
        (&whole, 1000),
        (&fragmented, 16 << 10),
        (&fragmented, usize::MAX),
    ];
    for (bytes, part) in ways {
        let mut world = World::with(Recorder::silent(), shared_with(MAX));
        let conns: Vec<_> = (0..3)
            .map(|_| world.open_with(&request_deflate()))
            .collect();
        for conn in conns {
            world.script.polite(conn, false);
            let parts: Vec<_> = bytes.chunks(part.min(bytes.len())).collect();
            let most = most_held(&mut world, conn, &parts);
            // And a page for our Close.
            assert!(most <= MAX + INFLATER + (4 << 10), "{most}");
            world.settle();
            assert_eq!(world.said(conn), [Said::Close(1009, String::new())]);
            world.script.reset(conn);
            world.settle();
            assert_eq!(world.memory(), 0);
        }
    }
}

// P4
#[test]
fn an_unfinished_message_costs_what_has_come_of_it() {
    let payload = packed(noise(200_000));
    for part in [1_usize, 7, 100, 1000, 16_384] {
        let mut world = World::with(Recorder::silent(), shared_with(1 << 20));
        let conn = world.open_with(&request_deflate());
        let len = if part < 100 { 3_000 } else { payload.len() };
        let frame = Frame::new(BINARY, &payload[..len]).rsv(4).begins().bytes();
        let head = frame.len() - len;
        world.feed(conn, &frame[..head]);
        assert_eq!(world.memory(), 0);
        let mut come = 0;
        for bytes in frame[head..].chunks(part) {
            world.script.feed(conn, bytes);
            world.turn();
            come += bytes.len();
            let held = world.memory();
            let most = match come {
                0..HELD => (2 * come).max(64),
                // Noise inflates to itself.
                _ => 2 * come + (4 << 10) + INFLATER,
            };
            assert!(held <= most + KEPT_CLEAR, "{held} of {come}");
        }
        world.script.reset(conn);
        world.settle();
        world.assert_empty();
    }
}

// P2
#[test]
fn an_idle_connection_holds_nothing_after_any_traffic() {
    let mut world = World::with(Recorder::echo(), shared_with(1 << 20));
    let conns: Vec<_> = (0..5)
        .map(|_| world.open_with(&request_deflate()))
        .collect();
    let long = packed(noise(100_000));
    let bytes = [
        deflated(TEXT, "small"),
        deflated(TEXT, prose(5000)),
        Frame::new(BINARY, &long).rsv(4).bytes(),
        fragments(BINARY, long.chunks(20_000)).concat(),
        ping(b"x"),
        fragments(TEXT, packed(prose(2000)).chunks(100)).concat(),
        text("plain"),
        deflated(TEXT, ""),
    ]
    .concat();
    for conn in &conns {
        for part in bytes.chunks(1_009) {
            world.script.feed(*conn, part);
        }
        world.settle();
        let said = Unpacker::shared(15).read(&world.script.take_out(*conn));
        assert_eq!(said.len(), 8);
        assert_eq!(world.memory(), 0);
    }
}

#[test]
fn many_long_messages_under_way_do_not_meet() {
    let mut world = World::with(Recorder::echo(), shared_with(1 << 20));
    let payloads: Vec<_> = (0..8)
        .map(|number| {
            let mut bytes = noise(100_000);
            bytes.rotate_left(number * 1000);
            bytes
        })
        .collect();
    let conns: Vec<_> = payloads
        .iter()
        .map(|payload| {
            (
                world.open_with(&request_deflate()),
                deflated(BINARY, payload),
            )
        })
        .collect();
    for at in (0..120_000).step_by(9_000) {
        for (conn, frame) in &conns {
            let part = &frame[at.min(frame.len())..(at + 9_000).min(frame.len())];
            world.script.feed(*conn, part);
        }
        world.settle();
    }
    for ((conn, _), payload) in conns.iter().zip(payloads) {
        let said = Unpacker::shared(15).read(&world.script.take_out(*conn));
        assert!(said == [(false, Said::Binary(payload))]);
    }
    assert_eq!(world.memory(), 0);
}

// D11: also where the first of it has been inflated before the last has come.
#[test]
fn control_frames_come_between_the_fragments_of_a_long_message() {
    let message: String = noise(60_000)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let payload = packed(&message);
    assert!(payload.len() > HELD);
    for (size, receive) in [(5_000, 997), (40_000, 61), (700, 16_384)] {
        let mut world = World::with(Recorder::echo(), shared_with(1 << 20));
        let conn = world.open_with(&request_deflate());
        let frames = fragments(TEXT, payload.chunks(size));
        let pinged = frames.join(&ping(&[b'?'; 125])[..]);
        for part in pinged.chunks(receive) {
            world.script.feed(conn, part);
        }
        world.settle();
        let said = Unpacker::shared(15).read(&world.script.take_out(conn));
        let (last, pongs) = said.split_last().expect("an echo");
        assert!(*last == (true, Said::Text(message.clone())));
        assert_eq!(pongs.len(), frames.len() - 1);
        assert_eq!(world.memory(), 0);
    }
}

// Whoever is not read keeps no message waiting for him that he has been told.
#[test]
fn a_connection_that_is_paused_holds_no_message() {
    let handler = Recorder::new(|peer, told| {
        if matches!(told, Told::Text(_) | Told::Binary(_)) {
            peer.pause(true);
        }
    });
    let mut world = World::with(handler, shared_with(1 << 20));
    let compressed = deflated(BINARY, vec![1; 500_000]);
    let parts = [
        Frame::new(BINARY, vec![1; 250_000]).begins().bytes(),
        Frame::new(CONTINUATION, vec![1; 250_000]).bytes(),
    ];
    for message in [compressed, parts.concat()] {
        let conn = world.open_with(&request_deflate());
        world.feed(conn, &message);
        assert!(!world.script.is_reading(conn));
        assert_eq!(world.memory(), 0);
    }
}

// A connection that is lost in the middle gives everything back.
#[test]
fn what_is_lost_in_the_middle_of_a_message_is_free() {
    for takeover in [false, true] {
        let deflate = match takeover {
            true => Deflate::takeover(12),
            false => Deflate::shared(),
        };
        for len in [20_000, 90_000] {
            let mut world = World::with(Recorder::echo(), compressing(deflate));
            let conn = world.open_with(&request_deflate());
            world.feed(conn, &deflated(TEXT, prose(5_000)));
            let frame = deflated(BINARY, noise(100_000));
            for part in frame[..len].chunks(1000) {
                world.script.feed(conn, part);
            }
            world.settle();
            assert!(world.memory() > len / 2);
            match len {
                20_000 => world.script.reset(conn),
                _ => world.script.fin(conn),
            }
            world.settle();
            assert!(world.end().cause.starts_with("Lost"));
            world.assert_empty();
        }
    }
}

// Our Close has been said: what still comes is checked, and costs no more than before.
#[test]
fn after_our_close_limits_hold() {
    let handler = || {
        Recorder::new(|peer, told| {
            if matches!(told, Told::Text(_)) {
                peer.close(ws4rs::CloseCode::NORMAL, "");
            }
        })
    };
    let config = shared_with(1000);
    let bytes = [text("close"), deflated(BINARY, vec![0; 1001])].concat();
    let played = play_after(&request_deflate(), handler, &config, &bytes);
    assert_eq!(played.said(), [Said::Close(1000, String::new())]);
    let bytes = [
        text("close"),
        deflated(BINARY, vec![0; 1000]),
        close(1000, ""),
    ];
    let played = play_after(&request_deflate(), handler, &config, &bytes.concat());
    assert_eq!(played.said(), [Said::Close(1000, String::new())]);
    assert_eq!(played.told.len(), 3);
}

/// What an unfinished message may hold before it gets an inflater, and what that takes.
const HELD: usize = 32 << 10;
const INFLATER: usize = 64 << 10;

#[test]
fn engines_are_made_when_they_are_needed_and_counted() {
    let mut world = World::with(Recorder::echo(), shared_with(1 << 20));
    let conns: Vec<_> = (0..20)
        .map(|_| world.open_with(&request_deflate()))
        .collect();
    world.settle();
    assert_eq!(world.handle.stats().engines, 0);
    for conn in &conns {
        world
            .script
            .feed(*conn, &deflated(TEXT, "again ".repeat(200)));
    }
    world.settle();
    // One window, one message after the other: a compressor and an inflater, with its own buffer.
    assert_eq!(world.handle.stats().engines, 380_032 + 47_552 + 16_384);
}

// P13: few bytes can ask for much, and must not make the others wait for all of it.
#[test]
fn a_turn_inflates_some_megabytes_and_then_the_others_have_theirs() {
    let mut world = World::with(Recorder::silent(), shared_with(1 << 20));
    let greedy = world.open_with(&request_deflate());
    let other = world.open_with(&request_deflate());
    world.settle();
    let much = deflated(BINARY, vec![0; 1 << 20]).repeat(30);
    world.told();
    world.script.feed(greedy, &much);
    world.turn();
    let first = world.told().len();
    assert!((1..=6).contains(&first), "{first}");
    world.script.feed(other, &deflated(TEXT, "I"));
    for _ in 0..3 {
        world.turn();
    }
    let told = world.told();
    assert!(told.contains(&Told::Text("I".into())) && told.len() < 20);
    world.settle();
    assert_eq!(first + told.len() + world.told().len(), 31);
    assert_eq!(world.memory(), 0);
}

// What is said last in a turn is counted before memory is looked at again.
#[test]
fn what_is_compressed_for_who_has_drained_is_counted() {
    let mut config = compressing(Deflate::takeover(12));
    config.outbox_max = 16 << 10;
    config.memory_max = 100_000;
    let handler = Recorder::new(|peer, told| match told {
        Told::Text(_) => drop(peer.send_uncompressed(&*"x".repeat(5_000))),
        Told::Drain => drop(peer.text(&prose(10_000))),
        _ => {}
    });
    let mut world = World::with(handler, config);
    world.script.at_once = true;
    let compresses = world.open_with(&request_deflate());
    let holds = world.open();
    let part = Frame::new(BINARY, vec![7; 150_000]).announced(200_000);
    world.script.feed(holds, &part.bytes());
    world.script.feed(compresses, &text("go"));
    world.settle();
    assert!(world.memory() < 100_000, "{}", world.memory());
    assert_eq!(world.handle.stats().memory, 1);
    world.script.reset(compresses);
    world.settle();
    world.assert_empty();
}
