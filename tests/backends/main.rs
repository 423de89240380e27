//! One conversation over real sockets, once for each backend and for one and two workers.
#![cfg(unix)]

#[path = "../wire/mod.rs"]
mod wire;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use std::{fs, thread};

use ws4rs::config::{Backend, OnPanic};
use ws4rs::http::{HeaderName, HeaderValue, StatusCode};
use ws4rs::{
    Accept, Address, CloseCode, Closed, ConnectionId, Drain, Error, Handle, Handler, Message, Peer,
    Request, Response, Running, Server, Verdict,
};

use wire::{
    BINARY, CLOSE, Client, DEADLINE, PING, PONG, REQUEST, TEXT, Wire, frame, noise, prose, request,
};

// ---- the server ----------------------------------------------------------------------------------

/// Echoes, but for text that begins with a slash.
struct Desk {
    worker: usize,
    tell: Sender<Told>,
}

/// What the handler tells the test.
#[derive(Debug)]
enum Told {
    Opened {
        worker: usize,
        id: ConnectionId,
    },
    Closed {
        cause: String,
        code: u16,
        by_peer: bool,
    },
}

impl Handler for Desk {
    type State = ();
    type Event = String;

    fn on_upgrade(&mut self, request: &Request<'_>) -> Verdict<Self> {
        let mut accept = Accept::new(());
        if let Some(name) = request.choose(&["chat.v2", "chat.v1"]) {
            accept = accept.subprotocol(name);
        }
        match request.path() {
            "/refuse" => Verdict::refuse(StatusCode::FORBIDDEN),
            "/later" => Verdict::defer(|deferred| {
                thread::spawn(move || {
                    let name = HeaderName::from_static("x-decided");
                    deferred.accept(accept.header(name, HeaderValue::from_static("later")));
                });
            }),
            "/later-no" => Verdict::defer(|deferred| {
                thread::spawn(move || deferred.refuse(Response::new(StatusCode::GONE)));
            }),
            "/never" => Verdict::defer(drop),
            _ => accept.into(),
        }
    }

    fn on_http(&mut self, request: &Request<'_>) -> Option<Response> {
        let ok = Response::new(StatusCode::OK).body("well");
        (request.path() == "/health").then_some(ok)
    }

    fn on_open(&mut self, peer: &mut Peer<'_, Self>) {
        let (worker, id) = (self.worker, peer.id());
        let _ = self.tell.send(Told::Opened { worker, id });
    }

    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
        let Message::Text(text) = message else {
            peer.send(message);
            return;
        };
        let words: Vec<_> = text.splitn(3, ' ').collect();
        match words[..] {
            ["/close", code, reason] => {
                let code = CloseCode::new(code.parse().unwrap()).unwrap();
                peer.close(code, reason);
            }
            ["/terminate"] => peer.terminate(),
            ["/panic"] => panic!("as asked"),
            ["/where"] => {
                let subprotocol = peer.subprotocol().unwrap_or("none");
                let line = format!("{} {} {subprotocol}", peer.remote(), peer.local());
                peer.text(&line);
            }
            ["/subscribe", topic] => {
                let done = peer.subscribe(topic);
                peer.text(&format!("subscribed {done}"));
            }
            ["/publish", topic, said] => peer.publish(topic, said),
            _ => {
                peer.text(text);
            }
        }
    }

    fn on_event(&mut self, peer: &mut Peer<'_, Self>, event: String) {
        peer.text(&event);
    }

    fn on_close(&mut self, _: &mut Peer<'_, Self>, closed: Closed<'_>) {
        let _ = self.tell.send(Told::Closed {
            cause: closed.cause.to_string(),
            code: closed.code.get(),
            by_peer: closed.by_peer,
        });
    }
}

/// On what the conversation is held.
#[derive(Clone, Copy, Debug)]
struct Setting {
    backend: Backend,
    workers: usize,
}

/// A server at work, and what its handlers tell.
struct Service {
    running: Running<Desk>,
    told: Receiver<Told>,
}

/// Holds the conversation on every backend that works here, with one worker and with two.
fn everywhere(conversation: impl Fn(Setting)) {
    for backend in [Backend::IoUring, Backend::Mio] {
        if backend == Backend::IoUring
            && let Err(Error::Backend(error)) = builder(Setting {
                backend,
                workers: 1,
            })
            .start(idle)
        {
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

fn idle() -> Desk {
    let (tell, _) = channel();
    Desk { worker: 0, tell }
}

fn builder(setting: Setting) -> ws4rs::Builder {
    Server::builder()
        .backend(setting.backend)
        .workers(setting.workers)
        .bind("127.0.0.1:0")
}

impl Setting {
    fn start(self) -> Service {
        self.serve(builder(self))
    }

    /// A builder that does not listen yet.
    fn bare(self) -> ws4rs::Builder {
        Server::builder()
            .backend(self.backend)
            .workers(self.workers)
    }

    fn serve(self, builder: ws4rs::Builder) -> Service {
        let (tell, told) = channel();
        let workers = AtomicUsize::new(0);
        let running = builder.start(move || Desk {
            worker: workers.fetch_add(1, Ordering::Relaxed),
            tell: tell.clone(),
        });
        let running = running.unwrap();
        assert_eq!(running.backend(), self.backend);
        Service { running, told }
    }
}

impl Service {
    /// Where its TCP listener of this place listens.
    fn at(&self, place: usize) -> SocketAddr {
        let url = &self.running.addresses()[place];
        url.strip_prefix("ws://").unwrap().parse().unwrap()
    }

    fn open(&self) -> Client {
        Client::open(self.at(0))
    }

    fn next(&self) -> Told {
        self.told.recv_timeout(DEADLINE).unwrap()
    }

    fn opened(&self) -> (usize, ConnectionId) {
        match self.next() {
            Told::Opened { worker, id } => (worker, id),
            other => panic!("{other:?}"),
        }
    }

    /// Cause, code, and whether the peer wished it.
    fn closed(&self) -> (String, u16, bool) {
        loop {
            if let Told::Closed {
                cause,
                code,
                by_peer,
                ..
            } = self.next()
            {
                return (cause, code, by_peer);
            }
        }
    }
}

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

// ---- handshake -----------------------------------------------------------------------------------

#[test]
fn the_handshake_and_what_came_right_behind_it() {
    everywhere(|setting| {
        let service = setting.start();
        let mut client = Client::connect(service.at(0));
        let mut bytes = REQUEST.as_bytes().to_vec();
        bytes.extend(frame(true, TEXT, b"behind"));
        bytes.extend(frame(true, PING, b"and a ping"));
        client.write(&bytes);
        assert!(client.head().starts_with("HTTP/1.1 101 "));
        client.expect_text("behind");
        client.expect(PONG, b"and a ping");
        client.goodbye();
        assert_eq!(service.closed(), ("closed by the peer".into(), 1000, true));

        for (asked, answer) in [
            (
                "GET / HTTP/1.1\r\nHost: here\r\n\r\n".to_owned(),
                "HTTP/1.1 426 ",
            ),
            (REQUEST.replace("GET", "POST"), "HTTP/1.1 405 "),
            (request("/refuse", ""), "HTTP/1.1 403 "),
            (
                request("/", "Origin: https://elsewhere.example\r\n"),
                "HTTP/1.1 403 ",
            ),
            (
                "GET /health HTTP/1.1\r\nHost: here\r\n\r\n".to_owned(),
                "HTTP/1.1 200 ",
            ),
            (
                format!("GET /{} HTTP/1.1\r\n", "x".repeat(9000)),
                "HTTP/1.1 414 ",
            ),
        ] {
            let mut client = Client::connect(service.at(0));
            client.write(asked.as_bytes());
            let head = client.head();
            assert!(head.starts_with(answer), "{head}");
            let mut body = String::new();
            client.stream.read_to_string(&mut body).unwrap();
        }
    });
}

#[test]
fn a_subprotocol_is_agreed_on_and_known() {
    everywhere(|setting| {
        let service = setting.start();
        for (offered, agreed) in [
            ("Sec-WebSocket-Protocol: soap, chat.v1\r\n", "chat.v1"),
            ("Sec-WebSocket-Protocol: soap\r\n", "none"),
        ] {
            let mut client = Client::connect(service.at(0));
            let head = client.upgrade(&request("/", offered));
            assert_eq!(
                head.contains("Sec-WebSocket-Protocol: chat.v1\r\n"),
                agreed != "none"
            );
            client.text("/where");
            let told = client.receive();
            let told = String::from_utf8(told.payload).unwrap();
            assert!(told.ends_with(&format!(" {agreed}")), "{told}");
        }
    });
}

#[test]
fn an_upgrade_is_decided_by_another_thread() {
    everywhere(|setting| {
        let service = setting.start();
        let mut client = Client::connect(service.at(0));
        // What is said before the decision is answered after it.
        let mut bytes = request("/later", "").into_bytes();
        bytes.extend(frame(true, TEXT, b"early"));
        client.write(&bytes);
        let head = client.head();
        assert!(head.contains("X-Decided: later\r\n"), "{head}");
        client.expect_text("early");
        client.goodbye();

        for (path, answer) in [("/later-no", "HTTP/1.1 410 "), ("/never", "HTTP/1.1 503 ")] {
            let mut client = Client::connect(service.at(0));
            client.write(request(path, "").as_bytes());
            let head = client.head();
            assert!(head.starts_with(answer), "{head}");
            client.expect_end();
        }
    });
}

#[test]
fn addresses_are_told() {
    everywhere(|setting| {
        let service = setting.serve(setting.bare().bind("0.0.0.0:0").bind("[::1]:0"));
        let port = service.at(0).port();
        for address in [SocketAddr::from(([127, 0, 0, 1], port)), service.at(1)] {
            let mut client = Client::open(address);
            let ours = client.stream.local_addr().unwrap();
            client.text("/where");
            client.expect_text(&format!("{ours} {address} none"));
        }
    });
}

// ---- messages ------------------------------------------------------------------------------------

#[test]
fn messages_of_every_size_come_back_byte_for_byte() {
    const SIZES: [usize; 23] = [
        0,
        1,
        2,
        3,
        124,
        125,
        126,
        127,
        128,
        1000,
        4095,
        4096,
        4097,
        16_370,
        16_384,
        16_398,
        65_534,
        65_535,
        65_536,
        65_537,
        262_144,
        1_000_003,
        1 << 20,
    ];
    everywhere(|setting| {
        let service = setting.start();
        let mut client = service.open();
        for (seed, size) in SIZES.into_iter().enumerate() {
            let bytes = noise(seed as u32, size);
            client.send(BINARY, &bytes);
            client.expect(BINARY, &bytes);
            let text = prose(size);
            client.text(&text);
            client.expect_text(&text);
        }
        client.goodbye();
    });
}

// Long ones have a connection read past the ring, small ones in a row back through it.
#[test]
fn small_and_long_messages_take_turns() {
    let long = prose(300_000);
    let some = noise(3, 40_000);
    let small: Vec<_> = (0..100).map(|n| format!("small {n}")).collect();
    everywhere(|setting| {
        let service = setting.start();
        let mut client = service.open();
        for round in 0..6 {
            // One by one, so that each is read alone.
            for word in &small {
                client.text(word);
                client.expect_text(word);
            }
            // In one go, in several, and cut in the middle with an answer awaited meanwhile.
            let pipelined = [
                frame(true, TEXT, long.as_bytes()),
                frame(true, TEXT, b"between"),
                frame(false, BINARY, &some),
                frame(true, PING, b"there?"),
                frame(true, 0, &some),
                frame(true, TEXT, b"behind"),
            ];
            let bytes = pipelined.concat();
            let cut = pipelined[0].len() + round * 9001;
            let mut writer = client.stream.again();
            thread::scope(|scope| {
                scope.spawn(|| writer.write_all(&bytes[..cut]).unwrap());
                client.expect_text(&long);
            });
            thread::scope(|scope| {
                scope.spawn(|| writer.write_all(&bytes[cut..]).unwrap());
                client.expect_text("between");
                client.expect(PONG, b"there?");
                client.expect(BINARY, &some.repeat(2));
                client.expect_text("behind");
            });
        }
        client.goodbye();
    });
}

// Of one that is read past the ring the end is seen as well, and everything before it.
#[test]
fn who_ends_in_the_middle_of_a_long_message_is_gone() {
    everywhere(|setting| {
        let service = setting.start();
        let long = frame(true, BINARY, &noise(5, 600_000));
        for reset in [true, false] {
            for cut in [20_000, 200_000, long.len()] {
                let mut client = service.open();
                client.write(&long[..cut]);
                if reset {
                    let socket = socket2::SockRef::from(&client.stream);
                    socket.set_linger(Some(Duration::ZERO)).unwrap();
                    drop(client);
                } else {
                    client.stream.finish();
                    if cut == long.len() {
                        client.expect(BINARY, &noise(5, 600_000));
                    }
                    client.ended();
                }
                let (_, code, _) = service.closed();
                assert_eq!(code, 1006);
            }
        }
    });
}

#[test]
fn a_message_past_the_limit_is_refused_by_its_header() {
    everywhere(|setting| {
        let service = setting.start();
        let mut client = service.open();
        client.write(&frame(true, BINARY, &noise(1, (1 << 20) + 1))[..14]);
        client.expect_close(1009);
        client.expect_end();
    });
}

#[test]
fn sixteen_mebibytes_come_back() {
    const SIZE: usize = 16 << 20;
    let bytes = noise(7, SIZE);
    let framed = frame(true, BINARY, &bytes);
    everywhere(|setting| {
        let service = setting.serve(builder(setting).message_max(SIZE));
        let mut client = service.open();
        client.write(&framed);
        client.expect(BINARY, &bytes);
        client.goodbye();
    });
}

#[test]
fn fragments_with_pings_between_them() {
    everywhere(|setting| {
        let service = setting.start();
        let mut client = service.open();
        let text = prose(10_000);
        let parts: Vec<_> = text.as_bytes().chunks(777).collect();
        for (index, part) in parts.iter().enumerate() {
            let opcode = if index == 0 { TEXT } else { 0 };
            client.write(&frame(index + 1 == parts.len(), opcode, part));
            client.send(PING, &[index as u8]);
        }
        // The last ping comes after the message, all others before it ended.
        for index in 0..parts.len() - 1 {
            client.expect(PONG, &[index as u8]);
        }
        client.expect_text(&text);
        client.expect(PONG, &[(parts.len() - 1) as u8]);
        client.goodbye();
    });
}

#[test]
fn a_thousand_messages_at_once_are_answered_in_order() {
    everywhere(|setting| {
        let service = setting.start();
        let mut client = service.open();
        let messages: Vec<_> = (0..1000).map(|n| noise(n, n as usize % 700)).collect();
        let bytes: Vec<u8> = messages
            .iter()
            .flat_map(|m| frame(true, BINARY, m))
            .collect();
        let mut writer = client.stream.again();
        let writer = thread::spawn(move || writer.write_all(&bytes).unwrap());
        for message in &messages {
            client.expect(BINARY, message);
        }
        writer.join().unwrap();
        client.goodbye();
    });
}

#[test]
fn a_slow_reader_that_comes_back_gets_everything() {
    const SIZE: usize = 60_000;
    let noise = noise(1, SIZE);
    let message = |n: u32| [&n.to_be_bytes()[..], &noise].concat();
    everywhere(|setting| {
        let service = setting.start();
        let mut client = service.open();
        // Until the server no longer reads: it holds what it may, and the kernel what it can.
        let patience = Duration::from_millis(250);
        client.stream.set_write_timeout(Some(patience)).unwrap();
        let mut sent = 0;
        let (mut left, full) = 'full: loop {
            assert!(sent < 4000, "the server takes everything and sends nothing");
            let bytes = frame(true, BINARY, &message(sent));
            sent += 1;
            let mut gone = 0;
            while gone < bytes.len() {
                match client.stream.write(&bytes[gone..]) {
                    Ok(count) => gone += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        break 'full (client.stream.again(), bytes[gone..].to_vec());
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        };
        left.deadline();
        let writer = thread::spawn(move || left.write_all(&full).unwrap());
        for n in 0..sent {
            client.expect(BINARY, &message(n));
        }
        writer.join().unwrap();
        client.text("and on it goes");
        client.expect_text("and on it goes");
        client.goodbye();
    });
}

// ---- endings -------------------------------------------------------------------------------------

#[test]
fn messages_close_and_fin_in_one_go_get_their_replies() {
    everywhere(|setting| {
        let service = setting.start();
        let words: Vec<_> = (0..50).map(|n| format!("word {n}")).collect();
        let said: Vec<u8> = words
            .iter()
            .flat_map(|word| frame(true, TEXT, word.as_bytes()))
            .collect();
        for with_close in [true, false] {
            let mut client = Client::connect(service.at(0));
            let mut bytes = [REQUEST.as_bytes(), &said].concat();
            if with_close {
                bytes.extend(frame(true, CLOSE, &1001_u16.to_be_bytes()));
            }
            client.write(&bytes);
            client.stream.finish();
            client.head();
            words.iter().for_each(|word| client.expect_text(word));
            if with_close {
                client.expect_close(1001);
            }
            client.ended();
            let (_, code, by_peer) = service.closed();
            assert_eq!(
                (code, by_peer),
                (if with_close { 1001 } else { 1006 }, true)
            );
        }
    });
}

#[test]
fn a_reset_at_any_moment_costs_its_own_connection() {
    everywhere(|setting| {
        let service = setting.start();
        let mut bytes = REQUEST.as_bytes().to_vec();
        bytes.extend(frame(true, TEXT, b"one"));
        bytes.extend(frame(false, BINARY, &noise(1, 3000)));
        bytes.extend(frame(true, 0, &noise(2, 70_000)));
        bytes.extend(frame(true, CLOSE, b""));
        let mut steady = service.open();
        let cuts = (0..bytes.len())
            .step_by(997)
            .chain(REQUEST.len() - 3..REQUEST.len() + 20);
        for cut in cuts.chain([bytes.len()]) {
            let client = Client::connect(service.at(0));
            let linger = Some(Duration::ZERO);
            socket2::SockRef::from(&client.stream)
                .set_linger(linger)
                .unwrap();
            let mut stream = client.stream;
            stream.write_all(&bytes[..cut]).unwrap();
            drop(stream);
            steady.text("still there");
            steady.expect_text("still there");
        }
        steady.goodbye();
        service.open().goodbye();
        // Whoever got as far as to be opened is closed, once.
        let Service { running, told } = service;
        drop(running);
        let open = told.iter().fold(0, |open, told| match told {
            Told::Opened { .. } => open + 1,
            Told::Closed { .. } => open - 1,
        });
        assert_eq!(open, 0);
    });
}

#[test]
fn close_codes() {
    everywhere(|setting| {
        let service = setting.start();
        let lawful = [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999,
        ];
        for code in lawful {
            let mut client = service.open();
            client.close(code);
            client.expect_close(code);
            client.ended();
            assert_eq!(service.closed(), ("closed by the peer".into(), code, true));
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            let mut client = service.open();
            client.close(code);
            client.expect_close(1002);
            client.ended();
            let (_, told, by_peer) = service.closed();
            assert_eq!((told, by_peer), (1002, false));
        }
        for (payload, code) in [(&b"\x03"[..], 1002), (b"\x03\xe8\xff", 1007)] {
            let mut client = service.open();
            client.send(CLOSE, payload);
            client.expect_close(code);
            client.ended();
        }
        let mut client = service.open();
        client.send(CLOSE, b"");
        client.expect(CLOSE, b"");
        client.ended();
    });
}

#[test]
fn the_server_closes_and_terminates() {
    everywhere(|setting| {
        let service = setting.start();
        let mut client = service.open();
        client.text("first");
        client.text("/close 4321 that is all");
        client.text("not heard any more");
        client.expect_text("first");
        client.expect(CLOSE, b"\x10\xe1that is all");
        client.close(4321);
        client.ended();
        assert_eq!(service.closed(), ("closed here".into(), 4321, false));

        let mut client = service.open();
        client.text("/terminate");
        client.expect_cut();
        assert_eq!(service.closed(), ("terminated here".into(), 1006, false));
    });
}

#[test]
fn a_peer_that_stays_after_the_goodbye_is_cut() {
    everywhere(|setting| {
        let service = setting.serve(builder(setting).linger_timeout(Duration::from_millis(100)));
        let mut client = service.open();
        client.close(1000);
        client.expect_close(1000);
        client.expect_end();
        // No FIN from this side.
        assert_eq!(service.closed().1, 1000);
    });
}

#[test]
fn the_close_after_a_violation_is_not_lost_though_the_client_keeps_sending() {
    everywhere(|setting| {
        let service = setting.start();
        for round in 0..20 {
            let mut client = service.open();
            client.text("before");
            // 5.1: not masked.
            client.write(b"\x82\x05hello");
            // Less than what is still read and thrown away, in many writes.
            for part in noise(round, 48 << 10).chunks(2 << 10) {
                client.write(part);
            }
            client.expect_text("before");
            client.expect_close(1002);
            client.expect_end();
        }
    });
}

// ---- listening -----------------------------------------------------------------------------------

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

// ---- many ----------------------------------------------------------------------------------------

#[test]
fn what_is_published_reaches_every_subscriber_in_order() {
    const MESSAGES: usize = 500;
    everywhere(|setting| {
        // Shared out one by one, so that every worker has subscribers.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = setting.serve(setting.bare().listener(listener));
        let mut clients: Vec<_> = (0..10).map(|_| service.open()).collect();
        for client in &mut clients {
            client.text("/subscribe news");
            client.expect_text("subscribed true");
            client.text("/subscribe news");
            client.expect_text("subscribed false");
        }
        // Two publishers, one a subscriber himself, who does not hear what he says.
        let mut outsider = service.open();
        let line = |who: &str, n: usize| format!("{who} {n} {}", "x".repeat(n % 300));
        for n in 0..MESSAGES {
            outsider.text(&format!("/publish news {}", line("outsider", n)));
            clients[0].text(&format!("/publish news {}", line("insider", n)));
        }
        for (index, client) in clients.iter_mut().enumerate() {
            let mut next = [0, if index == 0 { MESSAGES } else { 0 }];
            while next != [MESSAGES; 2] {
                let said = String::from_utf8(client.receive().payload).unwrap();
                let who = usize::from(said.starts_with("insider"));
                assert_eq!(said, line(["outsider", "insider"][who], next[who]));
                next[who] += 1;
            }
        }
        clients.into_iter().for_each(Client::goodbye);
    });
}

#[test]
fn other_threads_speak_through_the_handle() {
    everywhere(|setting| {
        let service = setting.serve(
            setting
                .bare()
                .listener(TcpListener::bind("127.0.0.1:0").unwrap()),
        );
        let mut clients = Vec::new();
        let mut ids = Vec::new();
        for _ in 0..4 {
            clients.push(service.open());
            ids.push(service.opened().1);
        }
        clients[1].text("/subscribe news");
        clients[1].expect_text("subscribed true");
        let handle: Handle<Desk> = service.running.handle();
        assert_eq!(handle.connections(), 4);
        let (far, names) = (handle.clone(), ids.clone());
        let thread = thread::spawn(move || {
            for (n, id) in names.into_iter().enumerate() {
                far.send(id, format!("for {n}")).unwrap();
                far.post(id, format!("event {n}")).unwrap();
            }
            far.broadcast("for all").unwrap();
            far.publish("news", "for those who listen").unwrap();
        });
        thread.join().unwrap();
        for (n, client) in clients.iter_mut().enumerate() {
            client.expect_text(&format!("for {n}"));
            client.expect_text(&format!("event {n}"));
            client.expect_text("for all");
            if n == 1 {
                client.expect_text("for those who listen");
            }
        }
        clients.into_iter().for_each(Client::goodbye);
        (0..4).for_each(|_| drop(service.closed()));
        // To those who have gone, nothing comes; and nobody is harmed.
        handle.send(ids[0], "too late").unwrap();
        handle.post(ids[0], "too late".into()).unwrap();
        service.open().goodbye();
        assert_eq!(handle.stats(), ws4rs::Stats::default());
    });
}

// ---- goodbye -------------------------------------------------------------------------------------

#[test]
fn a_drain_tells_everybody_and_cuts_who_stays() {
    everywhere(|setting| {
        let service = setting.start();
        let mut clients: Vec<_> = (0..5).map(|_| service.open()).collect();
        let mut deaf = service.open();
        for _ in 0..6 {
            service.opened();
        }
        let mut late = Client::connect(service.at(0));
        late.write(b"GET / HT");
        let drain = Drain::default()
            .code(CloseCode::RESTART)
            .wait(Duration::from_millis(300));
        service.running.handle().drain(drain);
        for client in &mut clients {
            client.expect_close(1012);
            client.close(1012);
            client.expect_end();
        }
        deaf.expect_close(1012);
        deaf.expect_cut();
        late.expect_cut();
        let address = service.at(0);
        let told: Vec<_> = (0..6).map(|_| service.closed()).collect();
        assert!(
            told.iter()
                .all(|(_, code, by_peer)| (*code, *by_peer) == (1012, false)),
            "{told:?}"
        );
        service.running.wait().unwrap();
        TcpStream::connect(address).unwrap_err();
    });
}

#[test]
fn a_stop_cuts_everybody_and_a_dropped_server_stops() {
    everywhere(|setting| {
        for dropped in [false, true] {
            let service = setting.start();
            let mut clients: Vec<_> = (0..5).map(|_| service.open()).collect();
            let handle = service.running.handle();
            if dropped {
                drop(service.running);
            } else {
                handle.stop();
                service.running.wait().unwrap();
            }
            clients.iter_mut().for_each(Client::expect_cut);
            assert_eq!(handle.connections(), 0);
            let told: Vec<_> = service.told.iter().collect();
            let closed = told
                .iter()
                .filter(|told| matches!(told, Told::Closed { .. }));
            assert_eq!(closed.count(), 5, "{told:?}");
            // Whoever holds a handle to it still may use it.
            handle.broadcast("anybody?").unwrap();
            handle.stop();
        }
    });
}

/// Tells its connections' names; its events speak through the handle when they are dropped.
struct Echoing(Sender<ConnectionId>);

struct Echo(Handle<Echoing>, ConnectionId);

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.0.send(self.1, "dropped");
        let _ = self.0.broadcast("dropped");
        self.0.stop();
    }
}

impl Handler for Echoing {
    type State = ();
    type Event = Echo;

    fn on_upgrade(&mut self, _: &Request<'_>) -> Verdict<Self> {
        Verdict::accept(())
    }

    fn on_open(&mut self, peer: &mut Peer<'_, Self>) {
        let _ = self.0.send(peer.id());
    }

    fn on_message(&mut self, _: &mut Peer<'_, Self>, _: Message<'_>) {}
}

// A server that has ended drops what it is given: that may ask it for something again.
#[test]
fn an_event_for_a_server_that_has_ended_is_dropped_where_it_may_speak() {
    everywhere(|setting| {
        let (tell, told) = channel();
        let running = builder(setting).start(move || Echoing(tell.clone()));
        let running = running.unwrap();
        let handle = running.handle();
        let url = &running.addresses()[0];
        let _client = Client::open(url.strip_prefix("ws://").unwrap().parse().unwrap());
        let id = told.recv_timeout(DEADLINE).unwrap();
        drop(running);
        let (done, all_done) = channel();
        thread::spawn(move || {
            let taken = handle.post(id, Echo(handle.clone(), id)).is_ok();
            done.send(taken).unwrap();
        });
        let taken = all_done.recv_timeout(DEADLINE);
        assert_eq!(taken, Ok(true), "it waits for itself");
    });
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
fn a_panic_ends_the_server_if_that_is_what_it_should_cost() {
    everywhere(|setting| {
        let service = setting.serve(builder(setting).on_panic(OnPanic::StopServer));
        let (mut client, mut other) = (service.open(), service.open());
        client.send(TEXT, b"/panic");
        client.expect_cut();
        other.expect_cut();
        assert!(matches!(service.running.wait(), Err(Error::Panicked)));
    });
}

#[test]
fn a_factory_that_panics_starts_no_server() {
    everywhere(|setting| {
        let workers = AtomicUsize::new(0);
        let started = builder(setting).start(move || {
            // The last of them, when the others are ready.
            assert!(workers.fetch_add(1, Ordering::Relaxed) + 1 < setting.workers);
            idle()
        });
        assert!(matches!(started, Err(Error::Panicked)));
    });
}

#[test]
fn an_address_is_told_as_text() {
    let address = SocketAddr::from(([127, 0, 0, 1], 80));
    assert_eq!(Address::Ip(address).to_string(), "127.0.0.1:80");
}
