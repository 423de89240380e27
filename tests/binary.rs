//! The bundled binary as its users meet it: flags, first lines, signals, exit codes; and an
//! independent client to talk to it.
#![cfg(unix)]

mod wire;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

use wire::{BINARY, Client, DEADLINE, frame, noise, request};

const BACKENDS: [&str; 2] = ["io-uring", "mio"];

/// A server of ours, killed when dropped.
struct Server {
    process: Child,
    lines: Receiver<String>,
    /// What it said to standard error, once that is closed.
    log: Option<thread::JoinHandle<String>>,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut process = command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let (tell, lines) = channel();
        // The thread ends with the process.
        thread::spawn(move || out.lines().try_for_each(|line| tell.send(line.unwrap())));
        let mut errors: ChildStderr = process.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut log = String::new();
            errors.read_to_string(&mut log).unwrap();
            log
        });
        Server {
            process,
            lines,
            log: Some(log),
        }
    }

    fn line(&self) -> String {
        self.lines
            .recv_timeout(DEADLINE)
            .expect("a line on standard output")
    }

    /// The address in the next line.
    fn address(&self) -> SocketAddr {
        let line = self.line();
        let address = line.strip_prefix("listening on ws://");
        address.unwrap_or_else(|| panic!("{line}")).parse().unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let done = Command::new("sh")
            .args(["-c", &format!("kill -{name} {id}")])
            .status();
        assert!(done.unwrap().success());
    }

    /// Its exit code, and its log.
    fn end(mut self) -> (Option<i32>, String) {
        // Standard output closes when the process ends.
        while self.lines.recv_timeout(DEADLINE).is_ok() {}
        let status = self.process.try_wait().unwrap();
        let status = status.or_else(|| self.process.wait().ok());
        let log = self.log.take().map(|log| log.join().unwrap());
        (
            status.and_then(|status| status.code()),
            log.unwrap_or_default(),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ws4rs"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn serve(arguments: &[&str]) -> (Server, SocketAddr) {
    let all = [arguments, &["--listen", "127.0.0.1:0"]].concat();
    let server = Server::start(&all);
    let address = server.address();
    (server, address)
}

/// Runs it to its end.
fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// It says one line and nothing else, and ends with this code.
fn refuses(arguments: &[&str], code: i32, named: &str) {
    let Output {
        status,
        stdout,
        stderr,
    } = run(arguments);
    let errors = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{arguments:?}: {errors}");
    assert!(errors.contains(named), "{errors}");
    assert_eq!(stdout, b"", "{arguments:?}");
    let ours = errors
        .lines()
        .filter(|line| line.starts_with("ws4rs: ") || line.starts_with("error: "));
    assert_eq!(ours.count(), 1, "{errors}");
}

/// The backends that work here.
fn backends() -> impl Iterator<Item = &'static str> {
    BACKENDS.into_iter().filter(|backend| {
        let server = Server::start(&["echo", "--backend", backend, "--listen", "127.0.0.1:0"]);
        let works = server.lines.recv_timeout(DEADLINE).is_ok();
        if !works {
            println!("left out: {backend} does not work here");
            assert_eq!(*backend, "io-uring");
        }
        works
    })
}

type Tungstenite = WebSocket<TcpStream>;

fn dial(address: SocketAddr) -> Tungstenite {
    let stream = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    let (socket, _) = tungstenite::client(format!("ws://{address}/"), stream).unwrap();
    socket
}

fn hear(socket: &mut Tungstenite) -> String {
    socket.read().unwrap().into_text().unwrap().to_string()
}

/// A round trip: whatever was done before has been done.
fn meet(socket: &mut Tungstenite) {
    socket.send(Message::Ping("meet".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong("meet".into()));
}

#[test]
fn echo_and_an_independent_client() {
    for backend in backends() {
        let (_server, address) = serve(&["echo", "--backend", backend, "--workers", "2"]);
        let mut client = dial(address);
        for size in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
            let bytes = Message::binary(noise(9, size));
            client.send(bytes.clone()).unwrap();
            assert_eq!(client.read().unwrap(), bytes);
        }
        client.send("grüße".into()).unwrap();
        assert_eq!(hear(&mut client), "grüße");
        meet(&mut client);
        client.close(None).unwrap();
        assert_eq!(client.read().unwrap(), Message::Close(None));
        let end = client.read().unwrap_err();
        assert!(matches!(end, tungstenite::Error::ConnectionClosed), "{end}");
    }
}

#[test]
fn broadcast_and_an_independent_client() {
    for backend in backends() {
        for to_self in [false, true] {
            let mut flags = vec!["broadcast", "--backend", backend, "--workers", "2"];
            flags.extend(to_self.then_some("--self"));
            let (_server, address) = serve(&flags);
            let mut clients: Vec<_> = (0..6).map(|_| dial(address)).collect();
            clients.iter_mut().for_each(meet);
            for speaker in 0..clients.len() {
                let said = format!("from {speaker}");
                clients[speaker].send(said.clone().into()).unwrap();
                for (listener, client) in clients.iter_mut().enumerate() {
                    if listener != speaker || to_self {
                        assert_eq!(hear(client), said);
                    }
                }
            }
            // Nothing else is under way to anybody.
            clients.iter_mut().for_each(meet);
        }
    }
}

#[test]
fn every_listener_has_its_line() {
    let file = std::env::temp_dir().join(format!("ws4rs-binary-{}", std::process::id()));
    let unix = format!("unix:{}", file.display());
    let (server, first) = serve(&["echo", "--listen", "127.0.0.1:0", "--listen", &unix]);
    assert_eq!(server.line(), format!("listening on ws+{unix}"));
    let second = server.address();
    assert_ne!(first, second);
    dial(first);
    dial(second);
    server.signal("TERM");
    assert_eq!(server.end().0, Some(0));
    assert!(!file.exists());
}

#[test]
fn a_signal_drains_and_a_second_one_forces() {
    for backend in backends() {
        for (name, forced) in [("TERM", 143), ("INT", 130)] {
            let (server, address) = serve(&["echo", "--backend", backend]);
            let mut clients = [dial(address), dial(address)];
            server.signal(name);
            for client in &mut clients {
                match client.read().unwrap() {
                    Message::Close(Some(close)) => assert_eq!(close.code, CloseCode::Away),
                    other => panic!("{other:?}"),
                }
                // Tungstenite answers, and hears the end.
                client.read().unwrap_err();
            }
            let (code, log) = server.end();
            assert_eq!(code, Some(0), "{log}");

            let (server, address) = serve(&["echo", "--backend", backend, "--close-timeout", "1h"]);
            let mut deaf = Client::open(address);
            server.signal(name);
            deaf.expect_close(1001);
            server.signal(name);
            let (code, log) = server.end();
            assert_eq!(code, Some(forced), "{log}");
        }
    }
}

#[test]
fn what_is_wrong_is_said_in_one_clear_line() {
    refuses(&["echo", "--frobnicate"], 2, "--frobnicate");
    refuses(&["echo", "--max-message", "many"], 2, "--max-message");
    refuses(
        &["echo", "--workers", "0", "--listen", "127.0.0.1:0"],
        2,
        "workers",
    );
    refuses(&["echo", "--slow", "sometimes"], 2, "--slow");
    refuses(&["-q", "-v", "echo"], 2, "--quiet");
    assert_eq!(run(&[]).status.code(), Some(2));

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for workers in ["1", "2"] {
        refuses(
            &["echo", "-qq", "--workers", workers, "--listen", &address],
            3,
            &address,
        );
    }
    let nowhere = "unix:/nonexistent/dir/x";
    refuses(&["echo", "--listen", nowhere], 3, nowhere);
    refuses(
        &["echo", "--listen", "nowhere.invalid:1"],
        3,
        "nowhere.invalid",
    );
    refuses(&["echo", "--listen", "9001"], 2, "9001");
}

#[test]
fn help_and_version() {
    let version = run(&["--version"]);
    assert!(version.status.success());
    let expected = format!("ws4rs {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(version.stdout).unwrap(), expected);
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    assert!(
        help.contains("Exit codes:") && help.contains("broadcast"),
        "{help}"
    );

    // README names every flag there is.
    let (_, table) = include_str!("../README.md").split_once("| flag |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let help = String::from_utf8(run(&["broadcast", "--help"]).stdout).unwrap();
    for word in help
        .split([' ', ',', '.', '\n', '[', ']'])
        .filter(|word| word.starts_with("--"))
    {
        assert!(
            table.contains(&format!("`{word}")),
            "README's table does not name {word}"
        );
    }
}

#[test]
fn origins() {
    for (policy, origin, status) in [
        ("any", "https://elsewhere.example", "101"),
        ("same-host", "https://elsewhere.example", "403"),
        ("same-host", "http://here", "101"),
        ("https://ours.example", "https://ours.example", "101"),
        ("https://ours.example", "http://ours.example", "403"),
    ] {
        let (_server, address) = serve(&["echo", "--origin", policy]);
        let mut client = Client::connect(address);
        client.write(request("/", &format!("Origin: {origin}\r\n")).as_bytes());
        let head = client.head();
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{policy}: {head}"
        );
    }
}

#[test]
fn limits() {
    let (_server, address) = serve(&[
        "echo",
        "--max-message",
        "1K",
        "--max-connections",
        "2",
        "--max-head",
        "500",
    ]);
    let mut client = Client::open(address);
    client.send(BINARY, &noise(1, 1024));
    client.expect(BINARY, &noise(1, 1024));
    let _second = Client::open(address);
    let mut third = Client::connect(address);
    assert!(third.head().starts_with("HTTP/1.1 503 "));
    client.send(BINARY, &noise(1, 1025));
    client.expect_close(1009);
    client.ended();

    let (_server, address) = serve(&["echo", "--max-head", "500"]);
    let mut client = Client::connect(address);
    client.write(request("/", &format!("X: {}\r\n", "x".repeat(500))).as_bytes());
    assert!(client.head().starts_with("HTTP/1.1 431 "));
}

#[test]
fn timeouts() {
    for backend in backends() {
        let (_server, address) =
            serve(&["echo", "--backend", backend, "--handshake-timeout", "100ms"]);
        let mut client = Client::connect(address);
        client.write(b"GET / HTTP/1.1\r\n");
        assert!(client.head().starts_with("HTTP/1.1 408 "));
        client.expect_end();

        let (_server, address) = serve(&[
            "echo",
            "--backend",
            backend,
            "--idle",
            "50ms",
            "--pong-timeout",
            "0.1",
        ]);
        let mut client = Client::open(address);
        client.expect(wire::PING, b"");
        client.send(wire::PONG, b"");
        client.expect(wire::PING, b"");
        client.expect_close(1011);
        client.ended();
    }
}

#[test]
fn a_slow_reader_is_treated_as_was_asked() {
    // More than any kernel buffers, in messages that a full outbox can be seen between.
    const MESSAGES: u32 = 600;
    let noise = noise(1, 60_000);
    let all: Vec<u8> = (0..MESSAGES)
        .flat_map(|n| frame(true, BINARY, &[&n.to_be_bytes()[..], &noise].concat()))
        .collect();
    let speak = |address| {
        let mut speaker = Client::open(address);
        speaker.write(&all);
        // He is served to the end, whoever is slow.
        speaker.send(wire::PING, b"done");
        speaker.expect(wire::PONG, b"done");
        speaker
    };
    for (policy, first, last) in [
        ("drop-newest", true, false),
        ("drop-oldest", false, true),
        ("close", false, false),
    ] {
        let (_server, address) = serve(&[
            "broadcast",
            "--workers",
            "1",
            "--slow",
            policy,
            "--outbox",
            "256K",
        ]);
        let mut slow = Client::open(address);
        slow.send(wire::PING, b"in");
        slow.expect(wire::PONG, b"in");
        let speaker = speak(address);
        let mut heard: Vec<u32> = Vec::new();
        let mut closed = None;
        // What the server holds for him, and then his own pong: unless he is let go.
        if policy != "close" {
            slow.send(wire::PING, b"that was all");
        }
        loop {
            let frame = slow.receive();
            match frame.opcode {
                BINARY => heard.push(u32::from_be_bytes(frame.payload[..4].try_into().unwrap())),
                wire::CLOSE => closed = Some(frame.payload[..2].to_vec()),
                _ => {}
            }
            if frame.opcode != BINARY {
                break;
            }
        }
        assert!(heard.is_sorted(), "{policy}: {heard:?}");
        assert!(
            heard.len() < MESSAGES as usize,
            "{policy}: nothing was dropped"
        );
        assert!(!first || heard.first() == Some(&0), "{policy}: {heard:?}");
        assert_eq!(
            heard.last() == Some(&(MESSAGES - 1)),
            last,
            "{policy}: {heard:?}"
        );
        let expected = (policy == "close").then(|| 1013_u16.to_be_bytes().to_vec());
        assert_eq!(closed, expected, "{policy}");
        drop(speaker);
    }
}

#[test]
fn the_log_can_be_json() {
    let (server, address) = serve(&["echo", "--log-format", "json", "-v"]);
    dial(address).close(None).unwrap();
    server.signal("TERM");
    let (code, log) = server.end();
    assert_eq!(code, Some(0));
    assert!(log.lines().count() > 1, "{log}");
    for line in log.lines() {
        assert!(
            line.starts_with("{\"timestamp\":") && line.ends_with('}'),
            "{line}"
        );
    }
    assert!(log.contains("\"backend\":\""), "{log}");
}
