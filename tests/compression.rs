//! Compressed messages (RFC 7692 6, 7.2) between a server and flate2: what is agreed on, and what
//! comes back. What is refused is in `compression_refused`, what it may cost in `compression_limits`;
//! messages that refer to those before them are in `compression_takeover`, those for many in
//! `compression_topics`.

mod support;

use support::*;
use ws4rs::{Accept, Config, Deflate, Verdict};

fn shared() -> Config {
    compressing(Deflate::shared())
}

fn echo_deflate(frames: &[u8]) -> Played {
    play_after(&request_deflate(), Recorder::echo, &shared(), frames)
}

/// The value of the answer's `Sec-WebSocket-Extensions`.
fn agreed(handler: Recorder, config: Config, request: &[u8]) -> Option<String> {
    let mut world = World::with(handler, config);
    let conn = world.connect();
    world.feed(conn, request);
    let answer = String::from_utf8(world.script.take_out(conn)).expect("a head alone");
    assert_eq!(status(answer.as_bytes()).0, 101);
    let name = "Sec-WebSocket-Extensions: ";
    let mut values = answer.lines().filter_map(|line| line.strip_prefix(name));
    let value = values.next().map(str::to_owned);
    assert_eq!(values.next(), None, "at most one");
    value
}

// --- what is agreed on ---------------------------------------------------------------------------

// D3, D4, D5
#[test]
fn an_offer_is_answered_as_the_settings_are() {
    let forget = "; server_no_context_takeover; client_no_context_takeover";
    for (ours, offered, answered) in [
        (Deflate::shared(), "", forget),
        (Deflate::shared(), "; client_max_window_bits", forget),
        (
            Deflate::takeover(12),
            "; client_max_window_bits",
            "; client_max_window_bits=12",
        ),
        (
            Deflate::takeover(12),
            "; server_max_window_bits=10; client_no_context_takeover",
            "; client_no_context_takeover; server_max_window_bits=10",
        ),
    ] {
        let request = request_offering(offered);
        let answer = agreed(Recorder::echo(), compressing(ours), &request);
        assert_eq!(answer, Some(format!("permessage-deflate{answered}")));
    }
}

#[test]
fn nothing_is_agreed_on_unless_both_ends_want_it() {
    let plain = || Recorder::echo().decide(|_| Accept::new(Guest::default()).uncompressed().into());
    let refused = [
        agreed(Recorder::echo(), shared(), REQUEST),
        agreed(Recorder::echo(), Config::default(), &request_deflate()),
        agreed(plain(), shared(), &request_deflate()),
        agreed(Recorder::echo(), shared(), &request_offering("; what=1")),
    ];
    assert_eq!(refused, [None, None, None, None]);

    // And then nothing is compressed, either way.
    for (handler, config, request) in [
        (Recorder::echo as fn() -> Recorder, shared(), REQUEST),
        (Recorder::echo, Config::default(), &*request_deflate()),
        (plain, shared(), &*request_deflate()),
    ] {
        let said = play_after(request, handler, &config, &text(&prose(600))).said();
        assert_eq!(said, [text_said(prose(600))]);
        let played = play_after(request, handler, &config, &deflated(TEXT, "x"));
        assert_eq!(played.cause(), "Protocol(ReservedBit)");
    }
}

// An answer that comes later is an answer to the same offer.
#[test]
fn a_deferred_upgrade_agrees_as_well() {
    let handler = Recorder::echo().decide(|_| {
        Verdict::defer(|deferred| {
            deferred.accept(Accept::new(Guest::default()));
        })
    });
    let mut world = World::with(handler, shared());
    let conn = world.connect();
    // The first message is behind the request.
    let message = deflated(TEXT, prose(600));
    world.feed(conn, &[request_deflate(), message].concat());
    let answer = world.script.take_out(conn);
    let said = Unpacker::shared(15).read(status(&answer).1);
    assert_eq!(said, [(true, text_said(prose(600)))]);
}

// --- there and back ------------------------------------------------------------------------------

// D8, D10, D16
#[test]
fn what_came_compressed_goes_back_compressed() {
    let (said, bytes) = (prose(700), prose(900).into_bytes());
    let frames = [
        deflated(TEXT, &said),
        ping(b"between"),
        deflated(BINARY, &bytes),
        close(1000, ""),
    ];
    let played = echo_deflate(&frames.concat());
    assert_eq!(
        Unpacker::shared(15).read(&played.bytes),
        [
            (true, text_said(said)),
            (false, Said::Pong(b"between".into())),
            (true, Said::Binary(bytes)),
            (false, Said::Close(1000, String::new())),
        ]
    );
}

// D4: read with no more than was asked for.
#[test]
fn the_window_asked_for_is_kept() {
    let long = noise(600).repeat(3);
    let far = [&noise(40_000)[..], &noise(20_000)].concat();
    for bits in 8..=15 {
        for payload in [&long, &far] {
            let mut world = World::with(Recorder::echo(), shared());
            let request = request_offering(&format!("; server_max_window_bits={bits}"));
            let conn = world.open_with(&request);
            world.feed(conn, &binary(payload));
            let said = Unpacker::shared(bits.max(9)).read(&world.script.take_out(conn));
            let ((compressed, said), rest) = said.split_first().expect("an answer");
            assert_eq!(said, &Said::Binary(payload.clone()));
            assert!(rest.is_empty());
            // What repeats itself 600 bytes back fits 10 bits and more, 40 000 bytes none at all.
            assert_eq!(*compressed, bits >= 10 && payload.len() == 1800, "{bits}");
        }
    }
}

#[test]
fn what_is_short_goes_as_it_is() {
    for (ours, threshold) in [
        (Deflate::shared(), 512),
        (Deflate::takeover(12), 256),
        (Deflate::shared().threshold(100), 100),
        (Deflate::shared().threshold(70_000), 70_000),
    ] {
        let mut world = World::with(Recorder::echo(), compressing(ours));
        let conn = world.open_with(&request_deflate());
        let mut live = Unpacker::new(15);
        for (len, compressed) in [(0, false), (threshold - 1, false), (threshold, true)] {
            let message = "a".repeat(len);
            world.feed(conn, &deflated(TEXT, &message));
            let said = live.read(&world.script.take_out(conn));
            assert_eq!(said, [(compressed, text_said(message))]);
        }
    }
    // And everything, if one wants that: but for what would not be smaller.
    let mut world = World::with(
        Recorder::echo(),
        compressing(Deflate::shared().threshold(0)),
    );
    let conn = world.open_with(&request_deflate());
    world.feed(conn, &[text(""), text(&"a".repeat(30))].concat());
    let said = Unpacker::shared(15).read(&world.script.take_out(conn));
    assert_eq!(
        said,
        [(false, text_said("")), (true, text_said("a".repeat(30)))]
    );
}

// D9
#[test]
fn what_does_not_shrink_goes_as_it_is() {
    let mut world = World::with(Recorder::echo(), shared());
    let conn = world.open_with(&request_deflate());
    for len in [600, 5_000, 40_000, 100_000] {
        world.feed(conn, &binary(&noise(len)));
        assert_eq!(world.said(conn), [Said::Binary(noise(len))]);
    }
}

// D9
#[test]
fn a_peer_may_send_some_messages_as_they_are() {
    let frames = [
        text("plain"),
        deflated(TEXT, "packed"),
        Frame::new(TEXT, "in ").begins().bytes(),
        Frame::new(CONTINUATION, "parts").bytes(),
        binary(b""),
        deflated(BINARY, b""),
        text("plain"),
    ];
    let said = echo_deflate(&frames.concat()).said();
    let (plain, empty) = (text_said("plain"), Said::Binary(Vec::new()));
    let wanted = [
        plain.clone(),
        text_said("packed"),
        text_said("in parts"),
        empty.clone(),
        empty,
        plain,
    ];
    assert_eq!(said, wanted);
}

// D11
#[test]
fn fragments_of_any_size_become_one_message() {
    let message = "κόσμε, κόσμε, wherever it is cut. ".repeat(4);
    let whole = packed(&message);
    for size in [1, 2, 7, whole.len() - 1] {
        // An empty one at either end, and a control frame behind each.
        let parts = [&[][..]]
            .into_iter()
            .chain(whole.chunks(size))
            .chain([&[][..]]);
        let frames = fragments(TEXT, parts);
        let pings = frames.len() - 1;
        let mut bytes = frames[0].clone();
        for (number, frame) in frames[1..].iter().enumerate() {
            bytes.extend(ping(&[number as u8; 3]));
            bytes.extend(pong(b""));
            bytes.extend(frame);
        }
        let played = echo_deflate(&bytes);
        let said = played.said();
        assert_eq!(said.len(), pings + 1);
        let pongs = (0..pings).map(|number| Said::Pong(vec![number as u8; 3]));
        assert!(said[..pings].iter().cloned().eq(pongs));
        assert_eq!(said[pings], text_said(&*message));
    }
}

// 7.2.1, 7.2.3: several blocks, blocks of stored bytes, a final one; flushes in the middle.
#[test]
fn every_kind_of_block_is_read() {
    let stored = [&[0x00, 0x05, 0x00, 0xfa, 0xff][..], b"Hello", &[0x00]].concat();
    let two = [
        0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
    ];
    let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    for payload in [&stored[..], &two, &last, &hello] {
        let frame = Frame::new(TEXT, payload).rsv(4).bytes();
        assert_eq!(echo_deflate(&frame).said(), [text_said("Hello")]);
    }
    // No bytes at all, and the one byte of an empty block.
    for payload in [&[][..], &[0x00]] {
        let frame = Frame::new(TEXT, payload).rsv(4).bytes();
        assert_eq!(echo_deflate(&frame).said(), [text_said("")]);
    }
}

// --- what handlers do ----------------------------------------------------------------------------

#[test]
fn a_message_is_sent_as_it_is_when_asked_to() {
    let handler = || {
        Recorder::new(|peer, told| {
            if let Told::Text(text) = told {
                peer.send_uncompressed(text);
                peer.text(text);
                peer.close(ws4rs::CloseCode::NORMAL, &"why ".repeat(30));
            }
        })
    };
    let message = prose(600);
    let played = play_after(&request_deflate(), handler, &shared(), &text(&message));
    let said = Unpacker::shared(15).read(&played.bytes);
    let why = Said::Close(1000, "why ".repeat(30));
    let said_so = text_said(message);
    assert_eq!(
        said,
        [(false, said_so.clone()), (true, said_so), (false, why)]
    );
}

// RFC 7692 6.1: data alone.
#[test]
fn control_frames_are_never_compressed() {
    let long = "a".repeat(120);
    let said = long.clone();
    let handler = move || {
        let said = said.clone();
        Recorder::new(move |peer, told| {
            if matches!(told, Told::Text(_)) {
                peer.ping(said.as_bytes());
                peer.text(&said);
                peer.close(ws4rs::CloseCode::NORMAL, &said);
            }
        })
    };
    for deflate in [Deflate::shared(), Deflate::takeover(12)] {
        let config = compressing(deflate.threshold(0));
        let frames = [ping(long.as_bytes()), text("go")].concat();
        let played = play_after(&request_deflate(), handler.clone(), &config, &frames);
        let bytes = long.clone().into_bytes();
        let wanted = [
            (false, Said::Pong(bytes.clone())),
            (false, Said::Ping(bytes)),
            (true, text_said(&*long)),
            (false, Said::Close(1000, long.clone())),
        ];
        assert_eq!(Unpacker::new(12).read(&played.bytes), wanted);
    }
}

// A payload that would leave at once, past the queue, is compressed all the same; one that is not to
// be compressed leaves at once.
#[test]
fn a_long_answer_is_compressed_before_it_leaves_at_once() {
    let sent = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let tell = sent.clone();
    let handler = Recorder::new(move |peer, told| match told {
        Told::Text(text) => tell.borrow_mut().push(peer.text(text)),
        Told::Binary(bytes) => tell.borrow_mut().push(peer.send_uncompressed(bytes)),
        _ => {}
    });
    let mut world = World::with(handler, shared());
    let conn = world.open_with(&request_deflate());
    let message = prose(64 << 10);
    world.feed(conn, &text(&message));
    world.feed(conn, &binary(message.as_bytes()));
    let out = world.script.take_out(conn);
    let wanted = [
        (true, text_said(&*message)),
        (false, Said::Binary(message.into_bytes())),
    ];
    assert!(Unpacker::shared(15).read(&out) == wanted);
    let sent = sent.borrow();
    assert!(matches!(sent[0], ws4rs::Sent::Queued(len) if len < 32 << 10));
    assert_eq!(sent[1], ws4rs::Sent::Now);
}

// P18
#[test]
fn a_panic_over_a_compressed_message_costs_its_connection() {
    let handler = Recorder::new(|peer, told| {
        send_back(peer, told);
        assert_ne!(*told, Told::Text("boom".repeat(300)), "as the test wants");
    });
    let mut world = World::with(handler, compressing(Deflate::takeover(12)));
    let (victim, other) = (
        world.open_with(&request_deflate()),
        world.open_with(&request_deflate()),
    );
    world.feed(victim, &deflated(TEXT, "boom".repeat(300)));
    let said = Unpacker::new(12).read(&world.script.take_out(victim));
    assert_eq!(said[0], (true, text_said("boom".repeat(300))));
    assert_eq!(said[1], (false, Said::Close(1011, String::new())));
    assert_eq!(world.gone(victim), Some(Gone::Finished));
    assert_eq!(world.memory(), 0);
    world.feed(other, &deflated(TEXT, prose(600)));
    let said = Unpacker::new(12).read(&world.script.take_out(other));
    assert_eq!(said, [(true, text_said(prose(600)))]);
}
