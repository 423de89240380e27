//! Messages of every size come back, whoever else speaks, and however slowly they are read.

use std::io::{ErrorKind, Write};
use std::thread;
use std::time::Duration;

use super::service::builder;
use crate::setting::everywhere;
use crate::wire::{BINARY, PING, PONG, TEXT, Wire, frame, noise, prose};

#[test]
fn messages_of_every_size_come_back_byte_for_byte() {
    const SIZES: [usize; 23] = [
        0,
        1,
        2,
        3,
        124,
        125,
        126,
        127,
        128,
        1000,
        4095,
        4096,
        4097,
        16_370,
        16_384,
        16_398,
        65_534,
        65_535,
        65_536,
        65_537,
        262_144,
        1_000_003,
        1 << 20,
    ];
    everywhere(|setting| {
        let service = setting.start();
        let mut client = service.open();
        for (seed, size) in SIZES.into_iter().enumerate() {
            let bytes = noise(seed as u32, size);
            client.send(BINARY, &bytes);
            client.expect(BINARY, &bytes);
            let text = prose(size);
            client.text(&text);
            client.expect_text(&text);
        }
        client.goodbye();
    });
}

// Long ones have a connection read past the ring, small ones in a row back through it.
#[test]
fn small_and_long_messages_take_turns() {
    let long = prose(300_000);
    let some = noise(3, 40_000);
    let small: Vec<_> = (0..100).map(|n| format!("small {n}")).collect();
    everywhere(|setting| {
        let service = setting.start();
        let mut client = service.open();
        for round in 0..6 {
            // One by one, so that each is read alone.
            for word in &small {
                client.text(word);
                client.expect_text(word);
            }
            // In one go, in several, and cut in the middle with an answer awaited meanwhile.
            let pipelined = [
                frame(true, TEXT, long.as_bytes()),
                frame(true, TEXT, b"between"),
                frame(false, BINARY, &some),
                frame(true, PING, b"there?"),
                frame(true, 0, &some),
                frame(true, TEXT, b"behind"),
            ];
            let bytes = pipelined.concat();
            let cut = pipelined[0].len() + round * 9001;
            let mut writer = client.stream.again();
            thread::scope(|scope| {
                scope.spawn(|| writer.write_all(&bytes[..cut]).unwrap());
                client.expect_text(&long);
            });
            thread::scope(|scope| {
                scope.spawn(|| writer.write_all(&bytes[cut..]).unwrap());
                client.expect_text("between");
                client.expect(PONG, b"there?");
                client.expect(BINARY, &some.repeat(2));
                client.expect_text("behind");
            });
        }
        client.goodbye();
    });
}

// Of one that is read past the ring the end is seen as well, and everything before it.
#[test]
fn who_ends_in_the_middle_of_a_long_message_is_gone() {
    everywhere(|setting| {
        let service = setting.start();
        let long = frame(true, BINARY, &noise(5, 600_000));
        for reset in [true, false] {
            for cut in [20_000, 200_000, long.len()] {
                let mut client = service.open();
                client.write(&long[..cut]);
                if reset {
                    let socket = socket2::SockRef::from(&client.stream);
                    socket.set_linger(Some(Duration::ZERO)).unwrap();
                    drop(client);
                } else {
                    client.stream.finish();
                    if cut == long.len() {
                        client.expect(BINARY, &noise(5, 600_000));
                    }
                    client.ended();
                }
                let (_, code, _) = service.closed();
                assert_eq!(code, 1006);
            }
        }
    });
}

#[test]
fn a_message_past_the_limit_is_refused_by_its_header() {
    everywhere(|setting| {
        let service = setting.start();
        let mut client = service.open();
        client.write(&frame(true, BINARY, &noise(1, (1 << 20) + 1))[..14]);
        client.expect_close(1009);
        client.expect_end();
    });
}

#[test]
fn sixteen_mebibytes_come_back() {
    const SIZE: usize = 16 << 20;
    let bytes = noise(7, SIZE);
    let framed = frame(true, BINARY, &bytes);
    everywhere(|setting| {
        let service = setting.serve(builder(setting).message_max(SIZE));
        let mut client = service.open();
        client.write(&framed);
        client.expect(BINARY, &bytes);
        client.goodbye();
    });
}

#[test]
fn fragments_with_pings_between_them() {
    everywhere(|setting| {
        let service = setting.start();
        let mut client = service.open();
        let text = prose(10_000);
        let parts: Vec<_> = text.as_bytes().chunks(777).collect();
        for (index, part) in parts.iter().enumerate() {
            let opcode = if index == 0 { TEXT } else { 0 };
            client.write(&frame(index + 1 == parts.len(), opcode, part));
            client.send(PING, &[index as u8]);
        }
        // The last ping comes after the message, all others before it ended.
        for index in 0..parts.len() - 1 {
            client.expect(PONG, &[index as u8]);
        }
        client.expect_text(&text);
        client.expect(PONG, &[(parts.len() - 1) as u8]);
        client.goodbye();
    });
}

#[test]
fn a_thousand_messages_at_once_are_answered_in_order() {
    everywhere(|setting| {
        let service = setting.start();
        let mut client = service.open();
        let messages: Vec<_> = (0..1000).map(|n| noise(n, n as usize % 700)).collect();
        let bytes: Vec<u8> = messages
            .iter()
            .flat_map(|m| frame(true, BINARY, m))
            .collect();
        let mut writer = client.stream.again();
        let writer = thread::spawn(move || writer.write_all(&bytes).unwrap());
        for message in &messages {
            client.expect(BINARY, message);
        }
        writer.join().unwrap();
        client.goodbye();
    });
}

#[test]
fn a_slow_reader_that_comes_back_gets_everything() {
    const SIZE: usize = 60_000;
    let noise = noise(1, SIZE);
    let message = |n: u32| [&n.to_be_bytes()[..], &noise].concat();
    everywhere(|setting| {
        let service = setting.start();
        let mut client = service.open();
        // Until the server no longer reads: it holds what it may, and the kernel what it can.
        let patience = Duration::from_millis(250);
        client.stream.set_write_timeout(Some(patience)).unwrap();
        let mut sent = 0;
        let (mut left, full) = 'full: loop {
            assert!(sent < 4000, "the server takes everything and sends nothing");
            let bytes = frame(true, BINARY, &message(sent));
            sent += 1;
            let mut gone = 0;
            while gone < bytes.len() {
                match client.stream.write(&bytes[gone..]) {
                    Ok(count) => gone += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        break 'full (client.stream.again(), bytes[gone..].to_vec());
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        };
        left.deadline();
        let writer = thread::spawn(move || left.write_all(&full).unwrap());
        for n in 0..sent {
            client.expect(BINARY, &message(n));
        }
        writer.join().unwrap();
        client.text("and on it goes");
        client.expect_text("and on it goes");
        client.goodbye();
    });
}
