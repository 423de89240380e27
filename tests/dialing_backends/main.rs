//! Connections that a worker opens, over real sockets: once for each backend, with one worker and
//! with two. At the other end stand a server of our own, one of tungstenite's, and sockets that
//! behave badly.
#![cfg(unix)]

#[path = "../wire/mod.rs"]
mod wire;

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode as TheirCode;
use ws4rs::http::StatusCode;
use ws4rs::{
    Address, Backend, Builder, CloseCode, Closed, Connect, ConnectionId, Deflate, Dial, Drain,
    Error, Handler, Message, Peer, Request, Running, Server, Unopened, Verdict,
};

use wire::{Client, DEADLINE, noise, prose};

// ---- who dials -----------------------------------------------------------------------------------

/// Does what the test says, and tells the test.
struct Dialler {
    tell: Sender<(u32, Told)>,
    act: Arc<Act>,
}

type Act = dyn Fn(&mut Peer<'_, Dialler>, &Told) + Send + Sync;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Open(Address, Address),
    Text(String),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    /// Code, reason, cause.
    Close(u16, String, String),
    Unopened(String),
}

impl Dialler {
    fn told(&mut self, peer: &mut Peer<'_, Self>, told: Told) {
        (self.act)(peer, &told);
        let _ = self.tell.send((*peer.state, told));
    }
}

impl Handler for Dialler {
    type State = u32;
    type Event = ();

    fn on_open(&mut self, peer: &mut Peer<'_, Self>) {
        let told = Told::Open(peer.remote(), peer.local());
        self.told(peer, told);
    }

    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
        let told = match message {
            Message::Text(text) => Told::Text(text.to_owned()),
            Message::Binary(bytes) => Told::Binary(bytes.to_vec()),
        };
        self.told(peer, told);
    }

    fn on_pong(&mut self, peer: &mut Peer<'_, Self>, payload: &[u8]) {
        self.told(peer, Told::Pong(payload.to_vec()));
    }

    fn on_close(&mut self, peer: &mut Peer<'_, Self>, closed: Closed<'_>) {
        let (code, reason) = (closed.code.get(), closed.reason.to_owned());
        self.told(peer, Told::Close(code, reason, closed.cause.to_string()));
    }

    fn on_unopened(&mut self, name: u32, why: &Unopened) {
        let why = match why {
            Unopened::Io(error) => format!("{:?}", error.kind()),
            why => why.to_string(),
        };
        let _ = self.tell.send((name, Told::Unopened(why)));
    }
}

#[derive(Clone, Copy, Debug)]
struct Setting {
    backend: Backend,
    workers: usize,
}

/// Holds the conversation on every backend that works here, with one worker and with two.
fn everywhere(conversation: impl Fn(Setting)) {
    for backend in [Backend::IoUring, Backend::Mio] {
        let probe = Server::builder().only_dial().backend(backend).workers(1);
        if let Err(Error::Backend(error)) = probe.start(|| Echo) {
            println!("left out: io_uring does not work here: {error}");
            continue;
        }
        for workers in [1, 2] {
            let setting = Setting { backend, workers };
            println!("{setting:?}");
            conversation(setting);
        }
    }
}

impl Setting {
    fn builder(self) -> Builder {
        Server::builder()
            .backend(self.backend)
            .workers(self.workers)
    }

    fn dialler(
        self,
        act: impl Fn(&mut Peer<'_, Dialler>, &Told) + Send + Sync + 'static,
    ) -> Diallers {
        Diallers::start(self.builder(), act)
    }

    fn echo(self, builder: impl Fn(Builder) -> Builder) -> Running<Echo> {
        let echo = builder(self.builder().bind("127.0.0.1:0")).start(|| Echo);
        echo.unwrap()
    }
}

/// Workers that only dial, and what their handlers tell.
struct Diallers {
    running: Running<Dialler>,
    told: Receiver<(u32, Told)>,
}

impl Diallers {
    fn start(
        builder: Builder,
        act: impl Fn(&mut Peer<'_, Dialler>, &Told) + Send + Sync + 'static,
    ) -> Self {
        let (tell, told) = channel();
        let act: Arc<Act> = Arc::new(act);
        let running = builder.only_dial().start(move || Dialler {
            tell: tell.clone(),
            act: act.clone(),
        });
        Diallers {
            running: running.unwrap(),
            told,
        }
    }

    fn connect(&self, name: u32, dial: impl Into<Arc<Dial>>) {
        let connect = Connect::new(dial, name);
        self.running.handle().connect(connect).unwrap();
    }

    fn next(&self) -> (u32, Told) {
        self.told.recv_timeout(DEADLINE).unwrap()
    }

    fn opened(&self) -> (Address, Address) {
        match self.next().1 {
            Told::Open(remote, local) => (remote, local),
            other => panic!("{other:?}"),
        }
    }

    fn unopened(&self) -> String {
        match self.next().1 {
            Told::Unopened(why) => why,
            other => panic!("{other:?}"),
        }
    }

    /// Ends them; nothing more was told.
    fn end(self) {
        self.running.handle().stop();
        self.running.wait().unwrap();
        assert_eq!(self.told.try_iter().collect::<Vec<_>>(), []);
    }
}

// ---- who is dialled ------------------------------------------------------------------------------

struct Echo;

impl Handler for Echo {
    type State = ();
    type Event = ();

    fn on_upgrade(&mut self, request: &Request<'_>) -> Verdict<Self> {
        match request.path() {
            "/no" => Verdict::refuse(StatusCode::FORBIDDEN),
            _ => Verdict::accept(()),
        }
    }

    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
        peer.send(message);
    }
}

fn dial(url: &str) -> Dial {
    Dial::new(url.parse().unwrap())
}

fn dial_to(address: SocketAddr) -> Dial {
    dial(&format!("ws://{address}/"))
}

fn listener() -> (TcpListener, Dial) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dial = dial_to(listener.local_addr().unwrap());
    (listener, dial)
}

/// A socket that has been dialled, of which the request has been read.
fn asked(listener: &TcpListener) -> Client {
    let (stream, _) = listener.accept().unwrap();
    let mut server = Client::new(stream);
    assert!(server.head().starts_with("GET / HTTP/1.1\r\n"));
    server
}

// ---- conversations -------------------------------------------------------------------------------

#[test]
fn messages_of_every_size_come_back_however_they_are_compressed() {
    // Ours, theirs.
    let ways = [
        (None, None),
        (Some(Deflate::shared()), Some(Deflate::shared())),
        (Some(Deflate::takeover(10)), Some(Deflate::takeover(15))),
        (Some(Deflate::takeover(15)), Some(Deflate::shared())),
        (Some(Deflate::takeover(15)), None),
    ];
    everywhere(|setting| {
        for (ours, theirs) in ways {
            let server = setting.echo(|builder| builder.deflate(theirs));
            // Compression takes its time where nothing is optimized.
            let sizes = match ours {
                None => &SIZES[..],
                Some(_) => &SIZES[..SIZES.len() - 1],
            };
            // Room for all of it.
            let roomy = setting.builder().outbox_max(16 << 20);
            let clients = Diallers::start(roomy, move |peer, told| match told {
                Told::Open(..) => {
                    peer.text(&prose(10));
                    peer.ping(b"in between");
                    for size in sizes {
                        peer.binary(&noise(1, *size));
                        // What deflate makes smaller, and what it refers back to.
                        peer.text(&prose(*size));
                    }
                    peer.send_uncompressed("last");
                }
                Told::Text(text) if text == "last" => peer.close(CloseCode::NORMAL, "bye"),
                _ => {}
            });
            let mut asked = dial(&server.addresses()[0]);
            if let Some(deflate) = ours {
                asked = asked.deflate(deflate);
            }
            clients.connect(0, asked);
            clients.opened();
            assert_eq!(clients.next().1, Told::Text(prose(10)));
            assert_eq!(clients.next().1, Told::Pong(b"in between".to_vec()));
            for size in sizes {
                assert!(clients.next().1 == Told::Binary(noise(1, *size)), "{size}");
                assert!(clients.next().1 == Told::Text(prose(*size)), "{size}");
            }
            assert_eq!(clients.next().1, Told::Text("last".into()));
            let end = Told::Close(1000, "bye".into(), "closed here".into());
            assert_eq!(clients.next().1, end);
            clients.end();
        }
    });
}

/// To the longest message, about the lengths of headers, about what leaves at once.
const SIZES: [usize; 9] = [
    0,
    1,
    125,
    126,
    32_767,
    32_768,
    65_535,
    65_536,
    (1 << 20) - 1,
];

#[test]
fn somebody_elses_server_understands_us() {
    everywhere(|setting| {
        let (listener, dial) = listener();
        let clients = setting.dialler(|peer, told| match told {
            Told::Text(text) => drop(peer.text(&text.repeat(1000))),
            Told::Binary(bytes) => drop(peer.binary(bytes)),
            _ => {}
        });
        clients.connect(0, dial);
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut server = tungstenite::accept(stream).unwrap();
        for message in [
            tungstenite::Message::text("aé€😀b"),
            tungstenite::Message::binary(noise(1, 1 << 20)),
            tungstenite::Message::Ping(vec![1, 2].into()),
        ] {
            server.send(message.clone()).unwrap();
            let expected = match message {
                tungstenite::Message::Text(text) => text.repeat(1000).into(),
                tungstenite::Message::Ping(payload) => tungstenite::Message::Pong(payload),
                same => same,
            };
            assert!(server.read().unwrap() == expected);
        }
        let frame = CloseFrame {
            code: TheirCode::Restart,
            reason: "back soon".into(),
        };
        server.close(Some(frame)).unwrap();
        assert!(server.read().unwrap().is_close());
        let end = server.read().unwrap_err();
        assert!(matches!(end, tungstenite::Error::ConnectionClosed), "{end}");
        drop(server);
        clients.opened();
        assert!(matches!(clients.next().1, Told::Text(_)));
        assert!(matches!(clients.next().1, Told::Binary(_)));
        let end = Told::Close(1012, "back soon".into(), "closed by the peer".into());
        assert_eq!(clients.next().1, end);
        clients.end();
    });
}

// C11: in the segment of the 101, or each byte in one of its own.
#[test]
fn frames_come_with_the_answer() {
    everywhere(|setting| {
        for bytewise in [false, true] {
            let (listener, dial) = listener();
            let clients = setting.dialler(|_, _| {});
            clients.connect(0, dial);
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            let request = String::from_utf8(request).unwrap();
            let key = request.split_once("Key: ").unwrap().1;
            let accept = tungstenite::handshake::derive_accept_key(&key.as_bytes()[..24]);
            let answer = format!(
                "HTTP/1.1 101 Go\r\nupgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\n\
                 sec-websocket-accept: {accept}\r\n\r\n\u{1}"
            );
            // An unmasked fragment, and its end.
            let mut answer = answer.into_bytes();
            answer.extend(*b"\x02ab\x80\x01c");
            stream.set_nodelay(true).unwrap();
            if bytewise {
                for byte in answer {
                    stream.write_all(&[byte]).unwrap();
                }
            } else {
                stream.write_all(&answer).unwrap();
            }
            clients.opened();
            assert_eq!(clients.next().1, Told::Text("abc".into()));
            drop(stream);
            let Told::Close(1006, ..) = clients.next().1 else {
                panic!("it was lost");
            };
            clients.end();
        }
    });
}

// 7.1.1: by FIN, after the server's.
#[test]
fn the_server_closes_tcp_first() {
    everywhere(|setting| {
        let (listener, dial) = listener();
        let clients = setting.dialler(|peer, told| {
            if let Told::Open(..) = told {
                peer.close(CloseCode::NORMAL, "");
            }
        });
        clients.connect(0, dial);
        let (stream, _) = listener.accept().unwrap();
        let mut socket = stream.try_clone().unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut server = tungstenite::accept(stream).unwrap();
        assert!(server.read().unwrap().is_close());
        server.flush().unwrap_err();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(socket.read(&mut [0; 16]).unwrap(), 0);
        clients.opened();
        let end = Told::Close(1000, String::new(), "closed here".into());
        assert_eq!(clients.next().1, end);
        clients.end();
    });
}

// ---- places --------------------------------------------------------------------------------------

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
        let server = setting.builder().bind(format!("unix:{}", path.display()));
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
        let server = setting.builder().bind("[::1]:0").start(|| Echo).unwrap();
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

// ---- what does not open --------------------------------------------------------------------------

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
        let short = setting
            .builder()
            .handshake_timeout(Duration::from_millis(200));
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

// ---- many ----------------------------------------------------------------------------------------

#[test]
fn two_thousand_at_once() {
    // Each takes two descriptors here, and many a shell allows 1024.
    #[cfg(feature = "cli")]
    let count = match rlimit::increase_nofile_limit(8192) {
        Ok(8192..) => 2000,
        _ => 400,
    };
    #[cfg(not(feature = "cli"))]
    let count = 400;
    everywhere(|setting| {
        let server = setting.echo(|builder| builder);
        let clients = setting.dialler(|peer, told| match told {
            Told::Open(..) => {
                let text = peer.state.to_string();
                peer.text(&text);
            }
            _ => peer.close(CloseCode::NORMAL, ""),
        });
        let dial = Arc::new(dial(&server.addresses()[0]));
        for name in 0..count {
            clients.connect(name, dial.clone());
        }
        let mut steps = vec![0; count as usize];
        for _ in 0..3 * count {
            let (name, told) = clients.next();
            let step = &mut steps[name as usize];
            match (*step, told) {
                (0, Told::Open(..)) | (2, Told::Close(1000, ..)) => {}
                (1, Told::Text(text)) => assert_eq!(text, name.to_string()),
                (step, told) => panic!("{name} at {step}: {told:?}"),
            }
            *step += 1;
        }
        assert!(steps.iter().all(|step| *step == 3));
        clients.end();
    });
}

// Compressed once for each window, masked for each, and understood with what went before.
#[test]
fn what_is_published_is_understood_by_each_server() {
    everywhere(|setting| {
        let theirs = [None, Some(Deflate::shared()), Some(Deflate::takeover(15))];
        let servers = theirs.map(|deflate| setting.echo(|builder| builder.deflate(deflate)));
        let clients = setting.dialler(|peer, told| {
            if let Told::Open(..) = told {
                peer.subscribe("news");
            }
        });
        let ours = [
            Deflate::shared(),
            Deflate::takeover(10),
            Deflate::takeover(15),
        ];
        let mut count = 0;
        for server in &servers {
            for deflate in ours {
                for _ in 0..2 {
                    clients.connect(count, dial(&server.addresses()[0]).deflate(deflate));
                    count += 1;
                }
            }
        }
        for _ in 0..count {
            clients.opened();
        }
        for round in 0..20 {
            let text = format!("{round} {}", prose(200 * round));
            clients.running.handle().publish("news", &*text).unwrap();
            let mut names = Vec::new();
            for _ in 0..count {
                let (name, told) = clients.next();
                assert_eq!(told, Told::Text(text.clone()));
                names.push(name);
            }
            names.sort_unstable();
            assert_eq!(names, (0..count).collect::<Vec<_>>());
        }
    });
}

// ---- a server that dials itself ------------------------------------------------------------------

/// Asked for a number it asks itself for the one below, and answers when it is answered.
struct Mirror;

/// Which side it is.
enum Side {
    Asked,
    /// What it is to ask, and on whose behalf.
    Asking(u32, ConnectionId),
}

impl Handler for Mirror {
    type State = Side;
    type Event = String;

    fn on_upgrade(&mut self, _: &Request<'_>) -> Verdict<Self> {
        Verdict::accept(Side::Asked)
    }

    fn on_open(&mut self, peer: &mut Peer<'_, Self>) {
        if let Side::Asking(number, _) = *peer.state {
            peer.text(&number.to_string());
        }
    }

    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
        let Message::Text(text) = message else {
            panic!("{message:?}");
        };
        match *peer.state {
            Side::Asking(_, id) => {
                peer.handle().post(id, format!("{text}.")).unwrap();
                peer.close(CloseCode::NORMAL, "");
            }
            Side::Asked => match text.parse() {
                Ok(0) => drop(peer.text("0")),
                Ok(number) => {
                    let state = Side::Asking(number - 1, peer.id());
                    let connect = Connect::new(dial(&format!("ws://{}/", peer.local())), state);
                    assert!(peer.handle().connect(connect).is_ok());
                }
                Err(error) => panic!("{error}"),
            },
        }
    }

    fn on_event(&mut self, peer: &mut Peer<'_, Self>, answer: String) {
        peer.text(&answer);
    }

    fn on_unopened(&mut self, _: Side, why: &Unopened) {
        panic!("{why}");
    }
}

#[test]
fn a_server_dials_itself() {
    everywhere(|setting| {
        let server = setting.builder().bind("127.0.0.1:0").start(|| Mirror);
        let server = server.unwrap();
        let url = &server.addresses()[0];
        let at: SocketAddr = url.strip_prefix("ws://").unwrap().parse().unwrap();
        let mut client = Client::open(at);
        client.text("50");
        client.expect_text(&format!("0{}", ".".repeat(50)));
        client.goodbye();
        let handle = server.handle().clone();
        handle.drain(Drain::default());
        server.wait().unwrap();
        assert_eq!(handle.connections(), 0);
        assert_eq!(handle.stats().panics, 0);
    });
}
