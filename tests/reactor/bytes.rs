//! Every byte arrives, in order, however slowly it is read.

use std::io::{IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use ws4rs::internal::chunk::Chunks;
use ws4rs::internal::reactor::{Event, Source, socket};

use crate::house::*;

on_every_kernel! {
    what_is_sent_comes_back
    unix_sockets_talk_as_well
    ten_mebibytes_come_back_to_a_slow_reader
    many_chunks_leave_in_order
    a_pause_keeps_every_byte
    an_empty_send_comes_home
    the_line_writes_past_the_queue
}

fn what_is_sent_comes_back(mut house: House) {
    let address = house.listen();
    house.echo_while(|| {
        let mut peer = connect(address);
        for size in [1, 125, 4096, 16 << 10, 70_000] {
            let sent = pattern(size, size);
            peer.write_all(&sent).unwrap();
            assert_eq!(read(&mut peer, size), sent);
        }
        peer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    });
}

fn unix_sockets_talk_as_well(mut house: House) {
    let path = std::env::temp_dir().join(format!(
        "ws4rs-{}-{:?}",
        std::process::id(),
        thread::current().id()
    ));
    let listener = socket::listen_unix(&path).unwrap();
    house.driver.open(Source::Listener(listener)).unwrap();
    house.echo_while(|| {
        let mut peer = UnixStream::connect(&path).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        let sent = pattern(1, 300_000);
        thread::scope(|scope| {
            let mut writer = peer.try_clone().unwrap();
            let sent = &sent;
            scope.spawn(move || writer.write_all(sent).unwrap());
            let mut came = vec![0; sent.len()];
            peer.read_exact(&mut came).unwrap();
            assert_eq!(&came, sent);
        });
        peer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    });
    std::fs::remove_file(path).unwrap();
}

fn ten_mebibytes_come_back_to_a_slow_reader(mut house: House) {
    let address = house.listen();
    house.echo_while(|| {
        let mut peer = connect(address);
        let sent = pattern(7, 10 << 20);
        // Nothing is read before all is written: the echo waits in the house.
        peer.write_all(&sent).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        let mut came = Vec::new();
        let mut piece = [0; 5000];
        loop {
            match peer.read(&mut piece).unwrap() {
                0 => break,
                count => came.extend_from_slice(&piece[..count]),
            }
        }
        assert!(came == sent);
    });
}

fn many_chunks_leave_in_order(mut house: House) {
    let (token, mut peer) = house.pair();
    let mut chunks = Chunks::new();
    let mut expected = Vec::new();
    for index in 0..500 {
        let bytes = pattern(index, 1 + index * 7 % 900);
        expected.extend_from_slice(&bytes);
        match index % 3 {
            0 => chunks.append(bytes.len(), |buffer| buffer.extend_from_slice(&bytes)),
            _ => chunks.share(bytes.into()),
        }
    }
    house.send(token, chunks);
    house.send_on_until_gone(token);
    assert!(read(&mut peer, expected.len()) == expected);
}

fn a_pause_keeps_every_byte(mut house: House) {
    let (token, mut peer) = house.pair();
    let sent = pattern(3, 3 << 20);
    let mut came = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            peer.write_all(&sent).unwrap();
            peer.shutdown(Shutdown::Write).unwrap();
        });
        let mut ended = false;
        let mut turns = 0_u32;
        while !ended {
            turns += 1;
            // Now and then both in one turn, now and then a turn or two apart.
            match turns % 7 {
                0 | 2 => house.driver.read(token, false),
                1 | 3 => house.driver.read(token, true),
                4 => {
                    house.driver.read(token, false);
                    house.driver.read(token, true);
                }
                _ => {}
            }
            let patience = if matches!(turns % 7, 0 | 2) { 0 } else { 100 };
            for told in house.turn(Duration::from_millis(patience)) {
                match told {
                    Told::Received(_, bytes) => came.extend_from_slice(&bytes),
                    Told::Ended(_) => ended = true,
                    other => panic!("{other:?}"),
                }
            }
        }
    });
    assert!(came == sent);
}

fn an_empty_send_comes_home(mut house: House) {
    let (token, mut peer) = house.pair();
    house.send(token, Chunks::new());
    house.until(|told| matches!(told, Told::Sent(_, rest) if rest.is_empty()));
    house.send(token, own(b"full"));
    house.until(|told| matches!(told, Told::Sent(_, rest) if rest.is_empty()));
    assert_eq!(read(&mut peer, 4), b"full");
}

fn the_line_writes_past_the_queue(mut house: House) {
    let (_, mut peer) = house.pair();
    peer.write_all(b"question").unwrap();
    let mut gone = 0;
    while gone == 0 {
        house
            .driver
            .wait(Some(Instant::now() + PATIENCE), &mut |event| {
                if let Event::Received(_, bytes, line) = event {
                    bytes.make_ascii_uppercase();
                    gone = line.try_send(&[IoSlice::new(b"re: "), IoSlice::new(bytes)]);
                }
            })
            .unwrap();
    }
    assert_eq!(gone, 12);
    assert_eq!(read(&mut peer, 12), b"re: QUESTION");
}
