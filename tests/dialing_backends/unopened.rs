//! What does not open, and what becomes of it when the workers leave.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use ws4rs::Drain;

use super::dialled::{asked, dial, dial_to, listener};
use super::dialler::{Diallers, Told};
use crate::setting::everywhere;

#[test]
fn nobody_listens() {
    everywhere(|setting| {
        // A port that is taken, so that nobody else listens there either.
        let taken = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        taken.bind(&any.into()).unwrap();
        let address = taken.local_addr().unwrap().as_socket().unwrap();
        let clients = setting.dialler(|_, _| {});
        let dial = Arc::new(dial_to(address));
        for name in 0..50 {
            clients.connect(name, dial.clone());
        }
        let mut names: Vec<_> = (0..50).map(|_| clients.next()).collect();
        names.sort_by_key(|(name, _)| *name);
        for (name, told) in (0..50).zip(names) {
            let refused = Told::Unopened("ConnectionRefused".into());
            assert_eq!(told, (name, refused));
        }
        assert_eq!(clients.running.handle().connections(), 0);
        clients.end();
    });
}

#[test]
fn a_server_that_says_no() {
    everywhere(|setting| {
        let server = setting.echo(|builder| builder);
        let clients = setting.dialler(|_, _| {});
        clients.connect(0, dial(&format!("{}/no", server.addresses()[0])));
        assert_eq!(
            clients.unopened(),
            "the server answered 403 Forbidden, not 101"
        );

        let (listener, dial) = listener();
        for (answer, why) in [
            (
                &b"HTTP/1.1 301 Moved\r\nLocation: ws://127.0.0.1:9/\r\n\r\n"[..],
                "the server answered 301 Moved Permanently, not 101",
            ),
            (b"220 mail.example ESMTP\r\n\r\n", "not an HTTP answer"),
        ] {
            clients.connect(0, dial.clone());
            let mut server = asked(&listener);
            server.write(answer);
            assert_eq!(clients.unopened(), why);
            server.expect_cut();
        }

        // One that hangs up.
        clients.connect(0, dial.clone());
        drop(asked(&listener));
        assert_eq!(clients.unopened(), "UnexpectedEof");

        // A head that does not end.
        clients.connect(0, dial);
        let mut server = asked(&listener);
        server.write(b"HTTP/1.1 101 Go\r\n");
        while server.stream.write_all(&[b'x'; 1000]).is_ok() {}
        assert_eq!(clients.unopened(), "head of the answer too long");
        clients.end();
    });
}

// C16: one figure for connecting and for the answer.
#[test]
fn a_server_that_says_nothing_is_given_up() {
    everywhere(|setting| {
        let short = setting.bare().handshake_timeout(Duration::from_millis(200));
        let clients = Diallers::start(short, |_, _| {});
        let (silent, dial) = listener();
        clients.connect(0, dial);
        assert_eq!(clients.unopened(), "TimedOut");
        drop(silent);

        // Linux drops what comes to a full backlog: TCP never connects.
        if cfg!(target_os = "linux") {
            let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
                .unwrap();
            full.listen(0).unwrap();
            let address = full.local_addr().unwrap().as_socket().unwrap();
            let _first = TcpStream::connect(address).unwrap();
            clients.connect(0, dial_to(address));
            assert_eq!(clients.unopened(), "TimedOut");
        }
        clients.end();
    });
}

#[test]
fn leaving_tells_those_who_are_being_dialled() {
    everywhere(|setting| {
        for drains in [false, true] {
            let (listener, dial) = listener();
            let dial = Arc::new(dial);
            let clients = setting.dialler(|_, _| {});
            for name in 0..20 {
                clients.connect(name, dial.clone());
            }
            // All have been dialled, none is answered.
            let _servers: Vec<_> = (0..20).map(|_| asked(&listener)).collect();
            match drains {
                true => clients.running.handle().drain(Drain::default()),
                false => clients.running.handle().stop(),
            }
            let mut names: Vec<_> = (0..20).map(|_| clients.next()).collect();
            names.sort_by_key(|(name, _)| *name);
            for (name, told) in (0..20).zip(names) {
                let aborted = Told::Unopened("ConnectionAborted".into());
                assert_eq!(told, (name, aborted));
            }
            clients.end();
        }
    });
}

#[test]
fn draining_says_goodbye_to_servers() {
    everywhere(|setting| {
        let server = setting.echo(|builder| builder);
        let clients = setting.dialler(|_, _| {});
        let dial = Arc::new(dial(&server.addresses()[0]));
        for name in 0..20 {
            clients.connect(name, dial.clone());
        }
        for _ in 0..20 {
            clients.opened();
        }
        clients.running.handle().drain(Drain::default());
        for _ in 0..20 {
            let drained = Told::Close(1001, String::new(), "server drained".into());
            assert_eq!(clients.next().1, drained);
        }
        clients.end();
    });
}
