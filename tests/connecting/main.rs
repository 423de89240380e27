//! Dialling out over real sockets, the same for every kernel.
#![cfg(unix)]

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use ws4rs::internal::chunk::Chunks;
use ws4rs::internal::reactor::{Close, EVENTS_PER_TURN, Source, Token, socket};

#[macro_use]
#[path = "../support/house.rs"]
mod house;

use house::*;

on_every_kernel! {
    who_dials_sends_and_hears_the_answer
    a_connection_established_before_it_is_opened_talks_as_well
    who_only_listens_hears_as_well
    three_hundred_dials_leave_one_driver
    a_mebibyte_said_at_once_arrives_whole
    a_refused_connect_is_told_with_its_error
    a_refused_connect_brings_the_send_home_untouched
    a_refused_connect_is_told_by_the_send_while_reading_is_paused
    a_finish_of_a_refused_connect_ends_it
    a_finish_before_a_refusal_is_heard_does_not_hide_it
    an_abort_ends_what_has_just_been_dialled
    ipv6_is_dialled_as_well
    unix_sockets_are_dialled_as_well
}

#[cfg(target_os = "linux")]
mod linux {
    use super::hanging::*;

    on_every_kernel! {
        what_is_sent_waits_for_the_connection
        an_abort_gives_a_hanging_connect_up
        a_finish_gives_a_hanging_connect_up
        a_finish_in_the_turn_of_the_dial_gives_it_up
        a_finish_while_reading_is_paused_gives_a_hanging_connect_up
        a_finish_with_a_send_under_way_waits_for_the_connection
        a_refusal_that_comes_late_is_told_with_its_error
        a_connect_that_times_out_is_told_with_its_error
        a_driver_may_go_while_it_connects
        the_source_address_is_the_callers
    }
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

fn a_refused_connect_is_told_with_its_error(mut house: House) {
    let port = Refusing::new();
    for _ in 0..50 {
        let token = dial(&mut house, port.address());
        expect_refused(&mut house, token, None);
        house.driver.close(token, Close::Finish);
        assert!(house.turn(Duration::ZERO).is_empty());
    }
}

fn a_refused_connect_brings_the_send_home_untouched(mut house: House) {
    let port = Refusing::new();
    for chunks in 1..50 {
        let token = dial(&mut house, port.address());
        let mut words = Chunks::new();
        for _ in 0..chunks {
            words.share(b"hello".as_slice().into());
        }
        let length = words.len();
        house.send(token, words);
        expect_refused(&mut house, token, Some(length));
    }
}

fn a_refused_connect_is_told_by_the_send_while_reading_is_paused(mut house: House) {
    let port = Refusing::new();
    for said_before in [false, true] {
        let token = dial(&mut house, port.address());
        house.driver.read(token, false);
        if !said_before {
            let told = house.turn(Duration::ZERO);
            assert!(told.is_empty(), "{told:?}");
        }
        house.send(token, own(b"hello"));
        expect_refused(&mut house, token, Some(5));
    }
}

fn a_finish_of_a_refused_connect_ends_it(mut house: House) {
    let port = Refusing::new();
    for paused in [false, true] {
        for _ in 0..20 {
            let token = dial(&mut house, port.address());
            house.driver.read(token, !paused);
            house.driver.close(token, Close::Finish);
            house.until(|told| is_given_up_or_refused(told, token));
        }
    }
}

/// The sends of others fill the turn: of the last ones the kernel has given the reason away by then, but
/// nobody has heard it.
fn a_finish_before_a_refusal_is_heard_does_not_hide_it(mut house: House) {
    let port = Refusing::new();
    for _ in 0..EVENTS_PER_TURN {
        let token = dial(&mut house, port.address());
        house.send(token, own(b"hello"));
    }
    let mut silent: Vec<_> = (0..20).map(|_| dial(&mut house, port.address())).collect();
    house.turn(PATIENCE);
    silent.retain(|token| house.open.contains_key(token));
    for &token in &silent {
        house.driver.close(token, Close::Finish);
    }
    house.until(|told| {
        if !matches!(told, Told::Sent(..)) {
            silent.retain(|&token| !is_given_up_or_refused(told, token));
        }
        silent.is_empty()
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

/// Linux answers no SYN when the backlog is full; once somebody accepts, it answers the next one.
#[cfg(target_os = "linux")]
mod hanging {
    use super::*;
    use std::collections::HashMap;
    use std::os::fd::AsRawFd;

    pub(super) fn what_is_sent_waits_for_the_connection(mut house: House) {
        let full = Full::new();
        let token = dial(&mut house, full.address());
        let sent = pattern(3, 1 << 20);
        house.send(token, own(&sent));
        expect_silence(&mut house);
        full.make_room();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut peer = full.accept();
                assert!(read(&mut peer, sent.len()) == sent);
            });
            house.send_on_until_gone(token);
        });
    }

    pub(super) fn an_abort_gives_a_hanging_connect_up(mut house: House) {
        let full = Full::new();
        for sending in [false, true] {
            let token = dial(&mut house, full.address());
            if sending {
                house.send(token, own(b"hello"));
            }
            expect_silence(&mut house);
            house.driver.close(token, Close::Abort);
            let mut home = None;
            house.until(|told| {
                if let Told::Sent(_, rest) = told {
                    home = Some(rest.len());
                }
                matches!(told, Told::Closed(of, Ok(())) if *of == token)
            });
            assert_eq!(home, sending.then_some(5));
            expect_silence(&mut house);
        }
    }

    pub(super) fn a_finish_gives_a_hanging_connect_up(mut house: House) {
        let full = Full::new();
        let token = dial(&mut house, full.address());
        expect_silence(&mut house);
        house.driver.close(token, Close::Finish);
        expect_given_up(&mut house, token);
    }

    pub(super) fn a_finish_in_the_turn_of_the_dial_gives_it_up(mut house: House) {
        let full = Full::new();
        let token = dial(&mut house, full.address());
        house.driver.close(token, Close::Finish);
        expect_given_up(&mut house, token);
    }

    pub(super) fn a_finish_while_reading_is_paused_gives_a_hanging_connect_up(mut house: House) {
        let full = Full::new();
        let token = dial(&mut house, full.address());
        house.driver.read(token, false);
        expect_silence(&mut house);
        house.driver.close(token, Close::Finish);
        expect_given_up(&mut house, token);
    }

    pub(super) fn a_finish_with_a_send_under_way_waits_for_the_connection(mut house: House) {
        let full = Full::new();
        let token = dial(&mut house, full.address());
        let sent = pattern(5, 1 << 20);
        house.send(token, own(&sent));
        house.driver.close(token, Close::Finish);
        expect_silence(&mut house);
        full.make_room();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut came = Vec::new();
                full.accept().read_to_end(&mut came).unwrap();
                assert!(came == sent);
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

    /// Reads and sends are waiting by then, and either may be the first to be told.
    pub(super) fn a_refusal_that_comes_late_is_told_with_its_error(mut house: House) {
        let full = Full::new();
        let address = full.address();
        let mut hanging = HashMap::new();
        for index in 0..90 {
            let token = dial(&mut house, address);
            if index % 3 == 0 {
                house.driver.read(token, false);
            }
            if index % 3 < 2 {
                house.send(token, own(b"hello"));
            }
            if index % 9 < 3 {
                expect_silence(&mut house);
            }
            hanging.insert(token, index % 3 < 2);
        }
        expect_silence(&mut house);
        drop(full);
        house.until(|told| {
            match told {
                Told::Sent(token, rest) => {
                    assert_eq!(rest.len(), 5);
                    assert_eq!(hanging.insert(*token, false), Some(true));
                }
                Told::Closed(token, Err(error)) => {
                    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
                    assert_eq!(hanging.remove(token), Some(false));
                }
                other => panic!("{other:?}"),
            }
            hanging.is_empty()
        });
    }

    pub(super) fn a_connect_that_times_out_is_told_with_its_error(mut house: House) {
        let full = Full::new();
        for sending in [false, true] {
            let socket = socket::connect(full.address(), None).unwrap();
            // Over when the first SYN is to be repeated.
            let patience = Some(Duration::from_millis(1));
            socket.set_tcp_user_timeout(patience).unwrap();
            let token = house.open(Source::Connecting(socket));
            if sending {
                house.send(token, own(b"hello"));
            }
            let told = expect_failed(&mut house, token, sending.then_some(5));
            assert_eq!(told, io::ErrorKind::TimedOut);
        }
    }

    pub(super) fn a_driver_may_go_while_it_connects(mut house: House) {
        let full = Full::new();
        for index in 0..20 {
            let token = dial(&mut house, full.address());
            match index % 4 {
                0 => house.send(token, more_than_fits()),
                1 => house.driver.close(token, Close::Abort),
                2 => house.driver.close(token, Close::Finish),
                _ => {}
            }
            if index == 9 {
                house.turn(Duration::ZERO);
            }
        }
    }

    pub(super) fn the_source_address_is_the_callers(mut house: House) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let from = IpAddr::from([127, 0, 0, 2]);
        let socket = socket::connect(listener.local_addr().unwrap(), Some(from)).unwrap();
        let token = house.open(Source::Connecting(socket));
        let (peer, came_from) = listener.accept().unwrap();
        assert_eq!(came_from.ip(), from);
        talk(&mut house, token, || peer);
    }

    fn expect_silence(house: &mut House) {
        let told = house.turn(Duration::ZERO);
        assert!(told.is_empty(), "{told:?}");
    }

    fn expect_given_up(house: &mut House, token: Token) {
        house.until(|told| match told {
            Told::Closed(of, Ok(())) => *of == token,
            other => panic!("{other:?}"),
        });
        expect_silence(house);
    }

    /// A listener whose backlog is full, so that whoever dials it hangs.
    struct Full {
        listener: TcpListener,
        _waiting: TcpStream,
    }

    impl Full {
        fn new() -> Self {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            socket.bind(&any.into()).unwrap();
            // 0: one may wait.
            socket.listen(0).unwrap();
            let listener = TcpListener::from(socket);
            let waiting = connect(listener.local_addr().unwrap());
            // The client is done before the backlog knows of it.
            let mut poll = mio::Poll::new().unwrap();
            poll.registry()
                .register(
                    &mut mio::unix::SourceFd(&listener.as_raw_fd()),
                    mio::Token(0),
                    mio::Interest::READABLE,
                )
                .unwrap();
            let mut events = mio::Events::with_capacity(1);
            while events.is_empty() {
                let _ = poll.poll(&mut events, Some(PATIENCE));
            }
            Full {
                listener,
                _waiting: waiting,
            }
        }

        fn address(&self) -> SocketAddr {
            self.listener.local_addr().unwrap()
        }

        /// Takes out the one who waits.
        fn make_room(&self) {
            drop(self.accept());
        }

        fn accept(&self) -> TcpStream {
            self.listener.accept().unwrap().0
        }
    }
}

/// A port that is taken, so that nobody else gets it, and that nobody listens on.
struct Refusing(Socket);

impl Refusing {
    fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(&any.into()).unwrap();
        Refusing(socket)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }
}

fn dial(house: &mut House, to: SocketAddr) -> Token {
    let socket = socket::connect(to, None).unwrap();
    house.open(Source::Connecting(socket))
}

/// A word there and a word back.
fn talk(house: &mut House, token: Token, peer: impl FnOnce() -> TcpStream) {
    house.send(token, own(b"hello"));
    house.until(|told| matches!(told, Told::Sent(of, rest) if *of == token && rest.is_empty()));
    let mut peer = peer();
    assert_eq!(read(&mut peer, 5), b"hello");
    peer.write_all(b"well").unwrap();
    house.until(
        |told| matches!(told, Told::Received(of, bytes) if *of == token && bytes == b"well"),
    );
    house.driver.close(token, Close::Finish);
    drop(peer);
    house.until(|told| matches!(told, Told::Closed(of, Ok(())) if *of == token));
}

fn expect_refused(house: &mut House, token: Token, sending: Option<usize>) {
    let told = expect_failed(house, token, sending);
    assert_eq!(told, io::ErrorKind::ConnectionRefused);
}

/// It was closed, by us or by the refusal, and nothing else is told of it.
fn is_given_up_or_refused(told: &Told, token: Token) -> bool {
    match told {
        Told::Closed(of, Ok(())) => *of == token,
        Told::Closed(of, Err(error)) => {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            *of == token
        }
        other => panic!("{other:?}"),
    }
}

/// The send comes home untouched, then comes the error, and nothing else.
fn expect_failed(house: &mut House, token: Token, sending: Option<usize>) -> io::ErrorKind {
    let mut home = None;
    let mut failure = None;
    house.until(|told| {
        match told {
            Told::Sent(_, rest) => home = Some(rest.len()),
            Told::Closed(of, Err(error)) if *of == token => failure = Some(error.kind()),
            other => panic!("{other:?}"),
        }
        failure.is_some()
    });
    assert_eq!(home, sending);
    failure.unwrap()
}

fn unix_path(name: &str) -> PathBuf {
    let name = format!(
        "ws4rs-{name}-{}-{:?}",
        std::process::id(),
        thread::current().id()
    );
    std::env::temp_dir().join(name)
}

const DIALS: usize = 300;
