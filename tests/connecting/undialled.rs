//! What is an error of the dial itself, before there is a connection.

use std::io;
use std::net::{IpAddr, TcpListener};
use std::os::unix::net::UnixListener;

use socket2::{Domain, Socket, Type};
use ws4rs::internal::reactor::socket;

use super::dials::unix_path;

#[test]
fn a_unix_socket_that_nobody_listens_on_is_an_error_of_the_dial() {
    let path = unix_path("nobody");
    drop(UnixListener::bind(&path).unwrap());
    let error = socket::connect_unix(&path).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    std::fs::remove_file(path).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_unix_backlog_is_an_error_of_the_dial() {
    let path = unix_path("full");
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener
        .bind(&socket2::SockAddr::unix(&path).unwrap())
        .unwrap();
    listener.listen(0).unwrap();
    let _waiting = socket::connect_unix(&path).unwrap();
    let error = socket::connect_unix(&path).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_source_address_that_is_not_ours_is_an_error_of_the_dial() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // 5737: nobody has it.
    let from = IpAddr::from([192, 0, 2, 1]);
    let error = socket::connect(listener.local_addr().unwrap(), Some(from)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
}
