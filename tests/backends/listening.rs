//! Where a server listens: TCP ports, Unix sockets, and listeners that are handed to it.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use std::{fs, thread};

use ws4rs::{Address, Drain, Error, Server};

use super::service::{Service, builder, idle};
use crate::setting::everywhere;
use crate::wire::{Client, DEADLINE, REQUEST};

/// A path for a socket, gone when dropped.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file = format!("ws4rs-{}-{name}-{number}", std::process::id());
        Place(std::env::temp_dir().join(file))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_unix_socket_is_shared_out_among_the_workers() {
    everywhere(|setting| {
        let place = Place::new("listen");
        let address = format!("unix:{}", place.0.display());
        let service = setting.serve(setting.bare().bind(&address));
        assert_eq!(service.running.addresses(), [format!("ws+{address}")]);
        let mut served = vec![0; setting.workers];
        let mut clients = Vec::new();
        for _ in 0..20 {
            let mut client = Client::new(UnixStream::connect(&place.0).unwrap());
            client.upgrade(REQUEST);
            served[service.opened().0] += 1;
            clients.push(client);
        }
        assert!(
            served.iter().all(|count| count * setting.workers == 20),
            "{served:?}"
        );
        for mut client in clients {
            client.text("/where");
            client.expect_text("unix unix none");
            client.goodbye();
        }
        drop(service);
        assert!(!place.0.exists(), "the socket's file stays behind");
    });
}

/// Waits until files that are made now are younger than this one.
fn outlive_tick(path: &Path) {
    let made = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let (socket, probe) = (made(path), Place::new("tick"));
    let begun = Instant::now();
    loop {
        fs::write(&probe.0, "tick").unwrap();
        if made(&probe.0) > socket {
            return;
        }
        assert!(begun.elapsed() < DEADLINE);
    }
}

/// How a predecessor comes to leave its path to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Succession {
    /// It is saying goodbye.
    Drained,
    /// It has said goodbye to everybody, and has not been dropped.
    Ended,
    /// Its file was taken away.
    Removed,
}

#[test]
fn a_unix_socket_of_a_successor_outlives_its_predecessor() {
    everywhere(|setting| {
        for how in [Succession::Drained, Succession::Ended, Succession::Removed] {
            let place = Place::new("succeed");
            let address = format!("unix:{}", place.0.display());
            let first = setting.serve(setting.bare().bind(&address));
            let mut old = Client::new(UnixStream::connect(&place.0).unwrap());
            old.upgrade(REQUEST);
            if how == Succession::Removed {
                fs::remove_file(&place.0).unwrap();
            } else {
                // The kernel may give the successor's file the same number.
                outlive_tick(&place.0);
                first.running.handle().drain(Drain::default());
                old.expect_close(1001);
                // Nobody is told when the listener is gone.
                let begun = Instant::now();
                while UnixStream::connect(&place.0).is_ok() {
                    assert!(begun.elapsed() < DEADLINE);
                    thread::yield_now();
                }
            }
            if how == Succession::Ended {
                old.close(1001);
                old.ended();
                first.closed();
            }
            let second = setting.serve(setting.bare().bind(&address));
            drop(first);
            still_there(second, &place);
        }
    });
}

/// The server is reached where it listens, and takes its file with it.
fn still_there(service: Service, place: &Place) {
    let mut client = Client::new(UnixStream::connect(&place.0).unwrap());
    client.upgrade(REQUEST);
    client.goodbye();
    drop(service);
    assert!(!place.0.exists(), "the socket's file stays behind");
}

#[test]
fn an_inherited_listener_is_shared_out_among_the_workers() {
    everywhere(|setting| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let service = setting.serve(setting.bare().listener(listener));
        assert_eq!(service.at(0), address);
        let clients: Vec<_> = (0..8).map(|_| service.open()).collect();
        let mut served = vec![0; setting.workers];
        clients.iter().for_each(|_| served[service.opened().0] += 1);
        assert!(
            served.iter().all(|count| count * setting.workers == 8),
            "{served:?}"
        );
        clients.into_iter().for_each(Client::goodbye);
    });
}

#[test]
fn two_listeners_and_free_ports() {
    everywhere(|setting| {
        let service = setting.serve(builder(setting).bind("127.0.0.1:0"));
        assert_ne!(service.at(0).port(), 0);
        assert_ne!(service.at(0), service.at(1));
        for place in [0, 1] {
            let mut client = Client::open(service.at(place));
            let ours = client.stream.local_addr().unwrap();
            client.text("/where");
            client.expect_text(&format!("{ours} {} none", service.at(place)));
        }
    });
}

#[test]
fn a_taken_port_is_an_error_unless_it_is_to_be_shared() {
    everywhere(|setting| {
        let service = setting.serve(builder(setting).reuse_port(true));
        let address = service.at(0).to_string();
        match setting.bare().bind(&address).start(idle) {
            Err(Error::Bind {
                address: named,
                source,
            }) => {
                assert_eq!(
                    (named, source.kind()),
                    (address.clone(), ErrorKind::AddrInUse)
                );
            }
            other => panic!("{other:?}"),
        }
        // Nor does a listener of our own, not shared, let anybody in.
        let alone = setting.start();
        let error = setting
            .bare()
            .bind(alone.at(0).to_string())
            .reuse_port(true)
            .start(idle);
        assert!(
            setting.workers > 1 || matches!(error, Err(Error::Bind { .. })),
            "{error:?}"
        );

        let sharing = setting
            .bare()
            .bind(&address)
            .reuse_port(true)
            .start(idle)
            .unwrap();
        assert_eq!(sharing.addresses(), service.running.addresses());
        drop(service);
        // Now all of them are the other's.
        Client::open(address.parse().unwrap()).goodbye();
    });
}

#[test]
fn settings_that_do_not_go_together_are_an_error() {
    let nowhere = Server::builder().start(idle);
    assert!(matches!(nowhere, Err(Error::Config(_))), "{nowhere:?}");
    let nobody = Server::builder().bind("127.0.0.1:0").workers(0).start(idle);
    assert!(matches!(nobody, Err(Error::Config(_))), "{nobody:?}");
}

#[test]
fn an_address_is_free_again_once_its_server_has_ended() {
    everywhere(|setting| {
        let service = setting.start();
        let address = service.at(0);
        service.open().goodbye();
        drop(service);
        let again = setting.serve(setting.bare().bind(address.to_string()));
        assert_eq!(again.at(0), address);
        again.open().goodbye();
    });
}

#[test]
fn an_address_is_told_as_text() {
    let address = SocketAddr::from(([127, 0, 0, 1], 80));
    assert_eq!(Address::Ip(address).to_string(), "127.0.0.1:80");
}
