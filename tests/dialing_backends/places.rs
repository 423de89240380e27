//! Where a worker dials to, and where from.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use ws4rs::{Address, CloseCode, Connect};

use super::dialled::{Echo, dial};
use super::dialler::Told;
use crate::setting::{Setting, everywhere};

/// One message there and back, and goodbye. Tells where the ends were.
fn converse(setting: Setting, connect: Connect<u32>) -> (Address, Address) {
    let clients = setting.dialler(|peer, told| match told {
        Told::Open(..) => drop(peer.text("hello")),
        _ => peer.close(CloseCode::NORMAL, ""),
    });
    clients.running.handle().connect(connect).unwrap();
    let ends = clients.opened();
    assert_eq!(clients.next().1, Told::Text("hello".into()));
    assert!(matches!(clients.next().1, Told::Close(1000, ..)));
    clients.end();
    ends
}

#[test]
fn a_unix_socket_is_dialled() {
    everywhere(|setting| {
        let file = format!("ws4rs-{}-dialled-{}", std::process::id(), setting.workers);
        let path: PathBuf = std::env::temp_dir().join(file);
        let server = setting.bare().bind(format!("unix:{}", path.display()));
        let server = server.start(|| Echo).unwrap();
        let dial = dial(&format!("ws+unix:{}:/", path.display()));
        let ends = converse(setting, Connect::new(dial.clone(), 0));
        assert_eq!(ends, (Address::Unix, Address::Unix));
        drop(server);
        let clients = setting.dialler(|_, _| {});
        clients.connect(0, dial);
        assert_eq!(clients.unopened(), "NotFound");
        clients.end();
        assert!(fs::metadata(&path).is_err());
    });
}

#[test]
fn ipv6_is_dialled() {
    if TcpListener::bind("[::1]:0").is_err() {
        println!("left out: no IPv6 here");
        return;
    }
    everywhere(|setting| {
        let server = setting.bare().bind("[::1]:0").start(|| Echo).unwrap();
        let url = &server.addresses()[0];
        let to: SocketAddr = url.strip_prefix("ws://").unwrap().parse().unwrap();
        let (remote, local) = converse(setting, Connect::new(dial(url), 0));
        assert_eq!(remote, Address::Ip(to));
        let Address::Ip(local) = local else {
            panic!("{local}");
        };
        assert_eq!(local.ip(), to.ip());
        assert_ne!(local.port(), 0);
    });
}

// All of 127.0.0.0/8 is ours on Linux.
#[cfg(target_os = "linux")]
#[test]
fn another_address_of_ours_is_dialled_from() {
    everywhere(|setting| {
        let server = setting.echo(|builder| builder);
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
        let connect = Connect::new(dial(&server.addresses()[0]), 0).from(from);
        let (_, local) = converse(setting, connect);
        let Address::Ip(local) = local else {
            panic!("{local}");
        };
        assert_eq!(local.ip(), from);
        assert_ne!(local.port(), 0);

        // One that is not ours.
        let clients = setting.dialler(|_, _| {});
        let strange = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let connect = Connect::new(dial(&server.addresses()[0]), 0).from(strange);
        clients.running.handle().connect(connect).unwrap();
        assert_eq!(clients.unopened(), "AddrNotAvailable");
        clients.end();
    });
}
