//! A listener: paused, closed, and without descriptors.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use ws4rs::internal::reactor::{Address, Close, socket};

use crate::house::*;

on_every_kernel! {
    a_paused_listener_accepts_later
    a_closed_listener_is_told
    a_listener_without_descriptors_starves_and_recovers
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
