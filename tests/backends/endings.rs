//! How a connection ends, whoever ends it, and however rudely.

use std::io::Write;
use std::time::Duration;

use super::service::{Service, Told, builder};
use crate::setting::everywhere;
use crate::wire::{BINARY, CLOSE, Client, REQUEST, TEXT, Wire, frame, noise};

#[test]
fn messages_close_and_fin_in_one_go_get_their_replies() {
    everywhere(|setting| {
        let service = setting.start();
        let words: Vec<_> = (0..50).map(|n| format!("word {n}")).collect();
        let said: Vec<u8> = words
            .iter()
            .flat_map(|word| frame(true, TEXT, word.as_bytes()))
            .collect();
        for with_close in [true, false] {
            let mut client = Client::connect(service.at(0));
            let mut bytes = [REQUEST.as_bytes(), &said].concat();
            if with_close {
                bytes.extend(frame(true, CLOSE, &1001_u16.to_be_bytes()));
            }
            client.write(&bytes);
            client.stream.finish();
            client.head();
            words.iter().for_each(|word| client.expect_text(word));
            if with_close {
                client.expect_close(1001);
            }
            client.ended();
            let (_, code, by_peer) = service.closed();
            assert_eq!(
                (code, by_peer),
                (if with_close { 1001 } else { 1006 }, true)
            );
        }
    });
}

#[test]
fn a_reset_at_any_moment_costs_its_own_connection() {
    everywhere(|setting| {
        let service = setting.start();
        let mut bytes = REQUEST.as_bytes().to_vec();
        bytes.extend(frame(true, TEXT, b"one"));
        bytes.extend(frame(false, BINARY, &noise(1, 3000)));
        bytes.extend(frame(true, 0, &noise(2, 70_000)));
        bytes.extend(frame(true, CLOSE, b""));
        let mut steady = service.open();
        let cuts = (0..bytes.len())
            .step_by(997)
            .chain(REQUEST.len() - 3..REQUEST.len() + 20);
        for cut in cuts.chain([bytes.len()]) {
            let client = Client::connect(service.at(0));
            let linger = Some(Duration::ZERO);
            socket2::SockRef::from(&client.stream)
                .set_linger(linger)
                .unwrap();
            let mut stream = client.stream;
            stream.write_all(&bytes[..cut]).unwrap();
            drop(stream);
            steady.text("still there");
            steady.expect_text("still there");
        }
        steady.goodbye();
        service.open().goodbye();
        // Whoever got as far as to be opened is closed, once.
        let Service { running, told } = service;
        drop(running);
        let open = told.iter().fold(0, |open, told| match told {
            Told::Opened { .. } => open + 1,
            Told::Closed { .. } => open - 1,
        });
        assert_eq!(open, 0);
    });
}

#[test]
fn close_codes() {
    everywhere(|setting| {
        let service = setting.start();
        let lawful = [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999,
        ];
        for code in lawful {
            let mut client = service.open();
            client.close(code);
            client.expect_close(code);
            client.ended();
            assert_eq!(service.closed(), ("closed by the peer".into(), code, true));
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            let mut client = service.open();
            client.close(code);
            client.expect_close(1002);
            client.ended();
            let (_, told, by_peer) = service.closed();
            assert_eq!((told, by_peer), (1002, false));
        }
        for (payload, code) in [(&b"\x03"[..], 1002), (b"\x03\xe8\xff", 1007)] {
            let mut client = service.open();
            client.send(CLOSE, payload);
            client.expect_close(code);
            client.ended();
        }
        let mut client = service.open();
        client.send(CLOSE, b"");
        client.expect(CLOSE, b"");
        client.ended();
    });
}

#[test]
fn the_server_closes_and_terminates() {
    everywhere(|setting| {
        let service = setting.start();
        let mut client = service.open();
        client.text("first");
        client.text("/close 4321 that is all");
        client.text("not heard any more");
        client.expect_text("first");
        client.expect(CLOSE, b"\x10\xe1that is all");
        client.close(4321);
        client.ended();
        assert_eq!(service.closed(), ("closed here".into(), 4321, false));

        let mut client = service.open();
        client.text("/terminate");
        client.expect_cut();
        assert_eq!(service.closed(), ("terminated here".into(), 1006, false));
    });
}

#[test]
fn a_peer_that_stays_after_the_goodbye_is_cut() {
    everywhere(|setting| {
        let service = setting.serve(builder(setting).linger_timeout(Duration::from_millis(100)));
        let mut client = service.open();
        client.close(1000);
        client.expect_close(1000);
        client.expect_end();
        // No FIN from this side.
        assert_eq!(service.closed().1, 1000);
    });
}

#[test]
fn the_close_after_a_violation_is_not_lost_though_the_client_keeps_sending() {
    everywhere(|setting| {
        let service = setting.start();
        for round in 0..20 {
            let mut client = service.open();
            client.text("before");
            // 5.1: not masked.
            client.write(b"\x82\x05hello");
            // Less than what is still read and thrown away, in many writes.
            for part in noise(round, 48 << 10).chunks(2 << 10) {
                client.write(part);
            }
            client.expect_text("before");
            client.expect_close(1002);
            client.expect_end();
        }
    });
}
