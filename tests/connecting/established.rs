//! A dial that is answered: both sides talk, over TCP and over Unix sockets.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;

use ws4rs::internal::reactor::{Close, Source, socket};

use super::dials::{dial, talk, unix_path};
use crate::house::*;

on_every_kernel! {
    who_dials_sends_and_hears_the_answer
    a_connection_established_before_it_is_opened_talks_as_well
    who_only_listens_hears_as_well
    three_hundred_dials_leave_one_driver
    a_mebibyte_said_at_once_arrives_whole
    an_abort_ends_what_has_just_been_dialled
    ipv6_is_dialled_as_well
    unix_sockets_are_dialled_as_well
}

fn who_dials_sends_and_hears_the_answer(mut house: House) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for _ in 0..20 {
        let token = dial(&mut house, listener.local_addr().unwrap());
        talk(&mut house, token, || listener.accept().unwrap().0);
    }
}

fn a_connection_established_before_it_is_opened_talks_as_well(mut house: House) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = socket::connect(listener.local_addr().unwrap(), None).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    // Who has read from it knows that it is established.
    peer.write_all(b"first").unwrap();
    let token = house.open(Source::Connecting(socket));
    house.until(|told| matches!(told, Told::Received(_, bytes) if bytes == b"first"));
    talk(&mut house, token, || peer);
}

fn who_only_listens_hears_as_well(mut house: House) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    dial(&mut house, listener.local_addr().unwrap());
    listener.accept().unwrap().0.write_all(b"hello").unwrap();
    house.until(|told| matches!(told, Told::Received(_, bytes) if bytes == b"hello"));
    house.until(|told| matches!(told, Told::Ended(_)));
}

fn three_hundred_dials_leave_one_driver(mut house: House) {
    // A backlog with room for all of them.
    let listener = socket::listen(SocketAddr::from(([127, 0, 0, 1], 0)), false).unwrap();
    let listener = TcpListener::from(listener);
    let address = listener.local_addr().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let peers: Vec<_> = (0..DIALS).map(|_| listener.accept().unwrap().0).collect();
            for mut peer in peers {
                let word = read(&mut peer, 5);
                peer.write_all(&word).unwrap();
            }
        });
        let mut silent: HashSet<_> = (0..DIALS).map(|_| dial(&mut house, address)).collect();
        for &token in &silent {
            house.send(token, own(b"hello"));
        }
        house.until(|told| {
            if let Told::Received(from, bytes) = told {
                assert_eq!(bytes, b"hello");
                assert!(silent.remove(from));
            }
            silent.is_empty()
        });
    });
}

fn a_mebibyte_said_at_once_arrives_whole(mut house: House) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let token = dial(&mut house, listener.local_addr().unwrap());
    let sent = pattern(3, 1 << 20);
    house.send(token, own(&sent));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut peer = listener.accept().unwrap().0;
            assert!(read(&mut peer, sent.len()) == sent);
        });
        house.send_on_until_gone(token);
    });
}

fn an_abort_ends_what_has_just_been_dialled(mut house: House) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for sending in [false, true] {
        let token = dial(&mut house, listener.local_addr().unwrap());
        if sending {
            house.send(token, more_than_fits());
        }
        house.driver.close(token, Close::Abort);
        house.until(|told| matches!(told, Told::Closed(of, Ok(())) if *of == token));
        assert!(house.turn(Duration::ZERO).is_empty());
    }
}

fn ipv6_is_dialled_as_well(mut house: House) {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return eprintln!("not run, there is no IPv6 here");
    };
    let token = dial(&mut house, listener.local_addr().unwrap());
    talk(&mut house, token, || listener.accept().unwrap().0);
}

fn unix_sockets_are_dialled_as_well(mut house: House) {
    let path = unix_path("dial");
    let listener = UnixListener::bind(&path).unwrap();
    let socket = socket::connect_unix(&path).unwrap();
    let token = house.open(Source::Connecting(socket));
    house.send(token, own(b"hello"));
    house.until(|told| matches!(told, Told::Sent(_, rest) if rest.is_empty()));
    let (mut peer, _) = listener.accept().unwrap();
    let mut word = [0; 5];
    peer.read_exact(&mut word).unwrap();
    peer.write_all(&word).unwrap();
    house.until(|told| matches!(told, Told::Received(_, bytes) if bytes == b"hello"));
    drop((listener, peer));
    std::fs::remove_file(path).unwrap();
}

const DIALS: usize = 300;
