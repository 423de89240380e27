//! The driver itself: its sleep, its end, and sockets that others have made.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use ws4rs::internal::reactor::{Close, Source, socket};

use crate::house::*;

on_every_kernel! {
    another_thread_wakes_the_driver
    a_deadline_ends_the_sleep
    the_flags_of_an_adopted_socket_do_not_matter
    a_driver_may_go_with_everything_under_way
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
