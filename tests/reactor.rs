//! Conversations over real sockets, the same for every kernel.
#![cfg(unix)]

use std::collections::HashMap;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use ws4rs::internal::chunk::Chunks;
use ws4rs::internal::reactor::{Address, Close, DISCARD_MAX, Event, Source, Token, socket};

#[macro_use]
#[path = "support/house.rs"]
mod house;

use house::*;

on_every_kernel! {
    what_is_sent_comes_back
    unix_sockets_talk_as_well
    ten_mebibytes_come_back_to_a_slow_reader
    many_chunks_leave_in_order
    a_pause_keeps_every_byte
    after_the_peers_fin_we_may_still_send
    the_fin_comes_after_the_last_byte
    finish_sees_the_send_under_way_through
    finish_delivers_the_last_bytes_to_a_peer_that_keeps_sending
    finish_after_the_peers_fin_closes_at_once
    a_peer_that_never_stops_sending_is_cut
    a_finish_is_overridden_by_an_abort
    an_abort_resets_and_is_told_once
    an_abort_brings_the_send_home_first
    a_reset_is_told_once_and_is_an_error
    a_reset_brings_the_send_home_first
    a_send_on_a_closing_connection_comes_home_untouched
    an_empty_send_comes_home
    the_last_bytes_are_followed_by_our_fin
    a_finish_after_close_changes_nothing
    stale_tokens_do_nothing
    two_thousand_connections_come_and_go
    a_paused_listener_accepts_later
    a_closed_listener_is_told
    a_flood_takes_nothing_from_the_others
    a_busy_turn_ends_and_loses_nothing
    the_line_writes_past_the_queue
    another_thread_wakes_the_driver
    a_deadline_ends_the_sleep
    the_flags_of_an_adopted_socket_do_not_matter
    a_driver_may_go_with_everything_under_way
    a_listener_without_descriptors_starves_and_recovers
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

fn after_the_peers_fin_we_may_still_send(mut house: House) {
    let (token, mut peer) = house.pair();
    peer.shutdown(Shutdown::Write).unwrap();
    house.until(|told| matches!(told, Told::Ended(_)));
    house.send(token, own(b"still here"));
    house.until(|told| matches!(told, Told::Sent(_, rest) if rest.is_empty()));
    assert_eq!(read(&mut peer, 10), b"still here");
    house.driver.close(token, Close::Finish);
    house.until(|told| matches!(told, Told::Closed(_, Ok(()))));
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
}

fn the_fin_comes_after_the_last_byte(mut house: House) {
    for round in 0..50 {
        let (token, mut peer) = house.pair();
        let sent = pattern(round, 1 + round * 997);
        peer.write_all(&sent).unwrap();
        drop(peer);
        let mut came = Vec::new();
        house.until(|told| {
            if let Told::Received(_, bytes) = told {
                came.extend_from_slice(bytes);
            }
            matches!(told, Told::Ended(_))
        });
        assert_eq!(came, sent);
        house.driver.close(token, Close::Finish);
        house.until(|told| matches!(told, Told::Closed(..)));
    }
}

fn finish_sees_the_send_under_way_through(mut house: House) {
    let (token, mut peer) = house.pair();
    let sent = pattern(5, 8 << 20);
    house.send(token, own(&sent));
    house.driver.close(token, Close::Finish);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut came = Vec::new();
            peer.read_to_end(&mut came).unwrap();
            assert!(came == sent);
            drop(peer);
        });
        let mut rest = None;
        house.until(|told| {
            if let Told::Sent(_, chunks) = told {
                rest = Some(chunks.len());
            }
            matches!(told, Told::Closed(_, Ok(())))
        });
        assert_eq!(rest, Some(0));
    });
}

fn finish_delivers_the_last_bytes_to_a_peer_that_keeps_sending(mut house: House) {
    let (token, mut peer) = house.pair();
    let last = pattern(9, 1 << 20);
    house.send(token, own(&last));
    house.driver.read(token, false);
    house.driver.close(token, Close::Finish);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut came = Vec::new();
            let mut piece = [0; 32 << 10];
            let mut spoken = 0;
            loop {
                if spoken + 1000 < DISCARD_MAX {
                    spoken += peer.write(&[1; 1000]).unwrap();
                }
                match peer.read(&mut piece).unwrap() {
                    0 => break,
                    count => came.extend_from_slice(&piece[..count]),
                }
            }
            assert!(came == last);
            drop(peer);
        });
        house.until(|told| matches!(told, Told::Closed(_, Ok(()))));
    });
}

fn finish_after_the_peers_fin_closes_at_once(mut house: House) {
    let (token, mut peer) = house.pair();
    peer.shutdown(Shutdown::Write).unwrap();
    house.until(|told| matches!(told, Told::Ended(_)));
    house.driver.close(token, Close::Finish);
    let told = house.turn(PATIENCE);
    assert!(matches!(told[..], [Told::Closed(_, Ok(()))]), "{told:?}");
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
}

fn a_peer_that_never_stops_sending_is_cut(mut house: House) {
    let (token, mut peer) = house.pair();
    house.driver.close(token, Close::Finish);
    thread::scope(|scope| {
        scope.spawn(|| while peer.write_all(&[1; 4096]).is_ok() {});
        house.until(|told| matches!(told, Told::Closed(_, Ok(()))));
    });
}

fn a_finish_is_overridden_by_an_abort(mut house: House) {
    let (token, peer) = house.pair();
    house.driver.close(token, Close::Finish);
    // The peer neither reads nor ends.
    assert!(house.turn(Duration::ZERO).is_empty());
    house.driver.close(token, Close::Abort);
    house.driver.close(token, Close::Finish);
    house.until(|told| matches!(told, Told::Closed(_, Ok(()))));
    assert!(house.turn(Duration::ZERO).is_empty());
    drop(peer);
}

fn an_abort_resets_and_is_told_once(mut house: House) {
    let (token, mut peer) = house.pair();
    peer.write_all(b"unheard").unwrap();
    house.driver.close(token, Close::Abort);
    house.driver.close(token, Close::Abort);
    house.until(|told| matches!(told, Told::Closed(_, Ok(()))));
    house.driver.close(token, Close::Abort);
    assert!(house.turn(Duration::ZERO).is_empty());
    let error = peer.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

fn an_abort_brings_the_send_home_first(mut house: House) {
    let (token, peer) = house.pair();
    let left = house.fill(token);
    assert!((1..32 << 20).contains(&left), "sent in part, and stuck");
    house.driver.close(token, Close::Abort);
    let mut home = None;
    house.until(|told| {
        if let Told::Sent(_, rest) = told {
            home = Some(rest.len());
        }
        matches!(told, Told::Closed(_, Ok(())))
    });
    assert_eq!(home, Some(left));
    drop(peer);
}

fn a_reset_is_told_once_and_is_an_error(mut house: House) {
    for _ in 0..20 {
        let (token, peer) = house.pair();
        reset(peer);
        house.until(|told| matches!(told, Told::Closed(of, Err(_)) if *of == token));
        house.driver.close(token, Close::Finish);
        assert!(house.turn(Duration::ZERO).is_empty());
    }
}

fn a_reset_brings_the_send_home_first(mut house: House) {
    for _ in 0..20 {
        let (token, peer) = house.pair();
        house.fill(token);
        reset(peer);
        let mut home = 0;
        house.until(|told| {
            home += usize::from(matches!(told, Told::Sent(..)));
            matches!(told, Told::Closed(of, Err(_)) if *of == token)
        });
        assert_eq!(home, 1);
    }
}

fn a_send_on_a_closing_connection_comes_home_untouched(mut house: House) {
    for how in [Close::Finish, Close::Abort] {
        let (token, peer) = house.pair();
        house.driver.close(token, how);
        house.send(token, own(b"too late"));
        house.until(|told| matches!(told, Told::Sent(_, rest) if rest.len() == 8));
        drop(peer);
        house.until(|told| matches!(told, Told::Closed(_, Ok(()))));
    }
}

fn an_empty_send_comes_home(mut house: House) {
    let (token, mut peer) = house.pair();
    house.send(token, Chunks::new());
    house.until(|told| matches!(told, Told::Sent(_, rest) if rest.is_empty()));
    house.send(token, own(b"full"));
    house.until(|told| matches!(told, Told::Sent(_, rest) if rest.is_empty()));
    assert_eq!(read(&mut peer, 4), b"full");
}

/// Also when there are none, and when they are more than leave at once.
fn the_last_bytes_are_followed_by_our_fin(mut house: House) {
    for size in [0, 7, 8 << 20] {
        let (token, mut peer) = house.pair();
        let last = pattern(size, size);
        house.finish(token, own(&last));
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut came = Vec::new();
                peer.read_to_end(&mut came).unwrap();
                assert!(came == last);
                drop(peer);
            });
            house.until(|told| matches!(told, Told::Sent(_, rest) if rest.is_empty()));
            house.until(|told| matches!(told, Told::Closed(_, Ok(()))));
        });
    }
}

/// Neither does an abort become milder, nor do bytes follow our FIN.
fn a_finish_after_close_changes_nothing(mut house: House) {
    for how in [Close::Finish, Close::Abort] {
        for last in [&b""[..], b"too late"] {
            let (token, mut peer) = house.pair();
            peer.write_all(b"unheard").unwrap();
            house.driver.close(token, how);
            house.finish(token, own(last));
            thread::scope(|scope| {
                scope.spawn(|| {
                    let end = peer.read(&mut [0]).map_err(|error| error.kind());
                    match how {
                        Close::Finish => assert_eq!(end, Ok(0)),
                        Close::Abort => assert_eq!(end, Err(io::ErrorKind::ConnectionReset)),
                    }
                    drop(peer);
                });
                house.until(|told| matches!(told, Told::Sent(_, rest) if rest.len() == last.len()));
                house.until(|told| matches!(told, Told::Closed(_, Ok(()))));
            });
        }
    }
}

fn stale_tokens_do_nothing(mut house: House) {
    let (stale, peer) = house.pair();
    house.driver.close(stale, Close::Abort);
    house.until(|told| matches!(told, Told::Closed(..)));
    drop(peer);
    let (token, mut peer) = house.pair();
    assert_ne!(stale, token);
    for stale in [
        stale,
        Token {
            index: 77,
            generation: 0,
        },
    ] {
        house.driver.read(stale, false);
        assert!(house.driver.send(stale, own(b"lost")).is_none());
        house.driver.finish(stale, own(b"lost"));
        house.driver.close(stale, Close::Abort);
    }
    peer.write_all(b"alive").unwrap();
    house.until(
        |told| matches!(told, Told::Received(of, bytes) if *of == token && bytes == b"alive"),
    );
    house.send(token, own(b"well"));
    house.until(|told| matches!(told, Told::Sent(_, rest) if rest.is_empty()));
    assert_eq!(read(&mut peer, 4), b"well");
}

fn two_thousand_connections_come_and_go(mut house: House) {
    let address = house.listen();
    house.echo_while(|| {
        for round in 0..10 {
            let mut peers: Vec<_> = (0..200).map(|_| connect(address)).collect();
            for peer in &mut peers {
                peer.write_all(b"hello").unwrap();
            }
            for (index, mut peer) in peers.into_iter().enumerate() {
                assert_eq!(read(&mut peer, 5), b"hello");
                if (index + round) % 3 == 0 {
                    reset(peer);
                }
            }
        }
    });
    let deadline = Instant::now() + PATIENCE;
    while house.closed < 2000 {
        assert!(
            Instant::now() < deadline,
            "only {} were closed",
            house.closed
        );
        house.echo_turn(Duration::from_millis(100));
    }
    assert_eq!(house.open.len(), 0);
}

fn a_paused_listener_accepts_later(mut house: House) {
    let address = house.listen();
    let listener = house.listener.unwrap();
    house.driver.read(listener, false);
    house.turn(Duration::ZERO);
    let peers: Vec<_> = (0..5).map(|_| connect(address)).collect();
    for _ in 0..5 {
        let told = house.turn(Duration::from_millis(1));
        assert!(told.is_empty(), "{told:?}");
    }
    house.driver.read(listener, true);
    let mut came = Vec::new();
    house.until(|told| {
        if let Told::Accepted(_, Address::Ip(from)) = told {
            came.push(*from);
        }
        came.len() == 5
    });
    for peer in peers {
        assert!(came.contains(&peer.local_addr().unwrap()));
    }
}

fn a_closed_listener_is_told(mut house: House) {
    for how in [Close::Finish, Close::Abort] {
        let address = house.listen();
        let listener = house.listener.unwrap();
        house.driver.close(listener, how);
        house.until(|told| matches!(told, Told::Closed(of, Ok(())) if *of == listener));
        TcpStream::connect(address).unwrap_err();
        socket::prove_free(address).unwrap();
    }
}

fn a_flood_takes_nothing_from_the_others(mut house: House) {
    let (flooded, mut flooding) = house.pair();
    let mut others: Vec<_> = (0..30).map(|_| house.pair()).collect();
    let flood = pattern(11, 24 << 20);
    let mut came: HashMap<Token, Vec<u8>> = HashMap::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            flooding.write_all(&flood).unwrap();
            flooding.shutdown(Shutdown::Write).unwrap();
        });
        scope.spawn(|| {
            for piece in 0..20 {
                for (index, (_, peer)) in others.iter_mut().enumerate() {
                    peer.write_all(&pattern(index + piece, 10_000)).unwrap();
                }
            }
            for (_, peer) in &others {
                peer.shutdown(Shutdown::Write).unwrap();
            }
        });
        let mut ended = 0;
        house.until(|told| {
            match told {
                Told::Received(token, bytes) => {
                    came.entry(*token).or_default().extend_from_slice(bytes);
                }
                Told::Ended(_) => ended += 1,
                other => panic!("{other:?}"),
            }
            ended == 31
        });
    });
    assert!(came[&flooded] == flood);
    for (index, (token, _)) in others.iter().enumerate() {
        let sent: Vec<_> = (0..20)
            .flat_map(|piece| pattern(index + piece, 10_000))
            .collect();
        assert!(came[token] == sent);
    }
}

fn a_busy_turn_ends_and_loses_nothing(mut house: House) {
    let mut pairs: Vec<_> = (0..400).map(|_| house.pair()).collect();
    for (_, peer) in &mut pairs {
        peer.write_all(b"now").unwrap();
    }
    let mut came = Vec::new();
    house.until(|told| {
        match told {
            Told::Received(token, bytes) if bytes == b"now" => came.push(*token),
            other => panic!("{other:?}"),
        }
        came.len() == 400
    });
    for (token, _) in &pairs {
        house.send(*token, own(b"then"));
    }
    let mut sent = 0;
    house.until(|told| {
        sent += usize::from(matches!(told, Told::Sent(_, rest) if rest.is_empty()));
        sent == 400
    });
    for (token, peer) in &mut pairs {
        assert_eq!(read(peer, 4), b"then");
        house.driver.close(*token, Close::Abort);
    }
    let mut closed = 0;
    house.until(|told| {
        closed += usize::from(matches!(told, Told::Closed(_, Ok(()))));
        closed == 400
    });
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

fn another_thread_wakes_the_driver(mut house: House) {
    let waker = house.driver.waker();
    for _ in 0..100 {
        let waker = waker.clone();
        thread::scope(|scope| {
            scope.spawn(move || waker.wake());
            house
                .driver
                .wait(None, &mut |_| panic!("nothing has happened"))
                .unwrap();
        });
    }
    // A wake before the sleep counts as well, and more of them than a pipe holds do not block.
    for _ in 0..100_000 {
        waker.wake();
    }
    house
        .driver
        .wait(None, &mut |_| panic!("nothing has happened"))
        .unwrap();
    drop(house);
    waker.wake();
}

fn a_deadline_ends_the_sleep(mut house: House) {
    let before = Instant::now();
    while before.elapsed() < Duration::from_millis(20) {
        let told = house.turn(Duration::from_millis(20));
        assert!(told.is_empty(), "{told:?}");
    }
    assert!(before.elapsed() < Duration::from_secs(5));
    house.turn(Duration::ZERO);
}

fn the_flags_of_an_adopted_socket_do_not_matter(mut house: House) {
    for nonblocking in [false, true] {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.set_read_timeout(Some(PATIENCE)).unwrap();
        ours.set_nonblocking(nonblocking).unwrap();
        let token = house.open(Source::Stream(OwnedFd::from(ours).into()));
        let before = house.turn(Duration::ZERO);
        assert!(before.is_empty(), "{before:?}");
        theirs.write_all(b"hello").unwrap();
        house.until(|told| matches!(told, Told::Received(_, bytes) if bytes == b"hello"));
        house.fill(token);
        theirs.read_exact(&mut [0; 64 << 10]).unwrap();
        drop(theirs);
        house.until(|told| matches!(told, Told::Closed(of, Err(_)) if *of == token));
    }
}

/// Again and again, in a house of its own each time: what is under way differs.
fn a_driver_may_go_with_everything_under_way(house: House) {
    let fresh = house.fresh;
    drop(house);
    for round in 0..40 {
        let mut house = fresh();
        let address = house.listen();
        let mut pairs: Vec<_> = (0..20).map(|_| house.pair()).collect();
        let strangers: Vec<_> = (0..5).map(|_| connect(address)).collect();
        for (index, (token, peer)) in pairs.iter_mut().enumerate() {
            peer.set_nonblocking(true).unwrap();
            let _ = peer.write(&[0; 100_000]);
            house.send(*token, more_than_fits());
            match index % 5 {
                0 => house.driver.read(*token, false),
                1 => house.driver.close(*token, Close::Finish),
                2 => house.driver.close(*token, Close::Abort),
                _ => {}
            }
        }
        for _ in 0..round % 4 {
            house.turn(Duration::ZERO);
        }
        drop(house);
        // All descriptors are closed: nobody waits for more.
        for peer in pairs.into_iter().map(|(_, peer)| peer).chain(strangers) {
            peer.set_nonblocking(false).unwrap();
            drain(peer);
        }
        socket::prove_free(address).unwrap();
    }
}

/// In a process of its own: the limit is the whole process's.
fn a_listener_without_descriptors_starves_and_recovers(mut house: House) {
    const INSIDE: &str = "WS4RS_FEW_DESCRIPTORS";
    if std::env::var_os(INSIDE).is_none() {
        let name = thread::current().name().unwrap_or_default().to_owned();
        let output = std::process::Command::new("sh")
            .args([
                "-c",
                "ulimit -n 64; exec \"$0\" --exact \"$1\" --test-threads=1",
            ])
            .arg(std::env::current_exe().unwrap())
            .arg(name)
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{words}");
        assert!(words.contains("1 passed"), "{words}");
        return;
    }
    let address = house.listen();
    let listener = house.listener.unwrap();
    house.driver.read(listener, false);
    house.turn(Duration::ZERO);
    let (token, mut old) = house.pair();
    let peers: Vec<_> = (0..10).map(|_| connect(address)).collect();
    let mut fillers = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        fillers.push(file);
    }
    for _ in 0..3 {
        house.driver.read(listener, true);
        house.until(|told| matches!(told, Told::Starved(of) if *of == listener));
        // It has paused: nothing spins.
        for _ in 0..10 {
            assert!(house.turn(Duration::from_millis(2)).is_empty());
        }
    }
    // Those who are in are served.
    old.write_all(b"still").unwrap();
    house.until(
        |told| matches!(told, Told::Received(of, bytes) if *of == token && bytes == b"still"),
    );
    drop(fillers);
    house.driver.read(listener, true);
    let mut came = 0;
    house.until(|told| {
        came += usize::from(matches!(told, Told::Accepted(..)));
        came == peers.len()
    });
}
