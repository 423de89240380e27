//! What only Linux does. A dial hangs: it answers no SYN when the backlog is full; once somebody
//! accepts, it answers the next one. And any address of 127/8 may be dialled from.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use ws4rs::internal::reactor::{Close, Source, Token, socket};

use super::dials::{dial, expect_failed, talk};
use crate::house::*;

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

fn what_is_sent_waits_for_the_connection(mut house: House) {
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

fn an_abort_gives_a_hanging_connect_up(mut house: House) {
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

fn a_finish_gives_a_hanging_connect_up(mut house: House) {
    let full = Full::new();
    let token = dial(&mut house, full.address());
    expect_silence(&mut house);
    house.driver.close(token, Close::Finish);
    expect_given_up(&mut house, token);
}

fn a_finish_in_the_turn_of_the_dial_gives_it_up(mut house: House) {
    let full = Full::new();
    let token = dial(&mut house, full.address());
    house.driver.close(token, Close::Finish);
    expect_given_up(&mut house, token);
}

fn a_finish_while_reading_is_paused_gives_a_hanging_connect_up(mut house: House) {
    let full = Full::new();
    let token = dial(&mut house, full.address());
    house.driver.read(token, false);
    expect_silence(&mut house);
    house.driver.close(token, Close::Finish);
    expect_given_up(&mut house, token);
}

fn a_finish_with_a_send_under_way_waits_for_the_connection(mut house: House) {
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
        assert_eq!(house.left_when_closed(), Some(0));
    });
}

/// Reads and sends are waiting by then, and either may be the first to be told.
fn a_refusal_that_comes_late_is_told_with_its_error(mut house: House) {
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

fn a_connect_that_times_out_is_told_with_its_error(mut house: House) {
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

fn a_driver_may_go_while_it_connects(mut house: House) {
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

fn the_source_address_is_the_callers(mut house: House) {
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
