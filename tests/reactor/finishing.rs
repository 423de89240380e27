//! A finish sees every byte through, then sends our FIN and waits for the peer's.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use ws4rs::internal::reactor::{Close, DISCARD_MAX};

use crate::house::*;

on_every_kernel! {
    after_the_peers_fin_we_may_still_send
    the_fin_comes_after_the_last_byte
    finish_sees_the_send_under_way_through
    finish_delivers_the_last_bytes_to_a_peer_that_keeps_sending
    finish_after_the_peers_fin_closes_at_once
    a_peer_that_never_stops_sending_is_cut
    a_finish_is_overridden_by_an_abort
    the_last_bytes_are_followed_by_our_fin
    a_finish_after_close_changes_nothing
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
        assert_eq!(house.left_when_closed(), Some(0));
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
