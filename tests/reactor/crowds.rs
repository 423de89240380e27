//! Many connections: all are served, and none at the cost of the others.

use std::collections::HashMap;
use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use ws4rs::internal::reactor::{Close, Token};

use crate::house::*;

on_every_kernel! {
    two_thousand_connections_come_and_go
    a_flood_takes_nothing_from_the_others
    a_busy_turn_ends_and_loses_nothing
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
