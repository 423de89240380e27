//! `ws4rs bench` as its users meet it: our own servers, one without frames, and servers that lie.
#![cfg(unix)]

mod host;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use host::{BINARY, CLOSE, CONTINUATION, Frame, PING, PONG, Peer, TEXT, frame, host, host_open};

const BACKENDS: [&str; 2] = ["auto", "mio"];

/// A server of ours, killed when dropped.
struct Served {
    process: Child,
    url: String,
}

impl Served {
    fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_ws4rs"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = process.stdout.as_mut().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap().into();
        Served { process, url }
    }

    fn echo(more: &[&str]) -> Self {
        let all = ["echo", "--workers", "1", "--listen", "127.0.0.1:0"];
        Served::start(&[&all[..], more].concat())
    }

    fn broadcast(more: &[&str]) -> Self {
        let all = ["broadcast", "--workers", "1", "--listen", "127.0.0.1:0"];
        Served::start(&[&all[..], more].concat())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ws4rs"));
    command.arg("bench").args(arguments).stdin(Stdio::null());
    command
}

/// Runs it to its end.
fn bench(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// The same, and not for long.
fn briefly(arguments: &[&str]) -> Output {
    let end: &[&str] = match arguments[0] {
        "idle" => &["--seconds", "1ms"],
        _ => &["--warm", "0", "--seconds", "1h", "--count", "50"],
    };
    bench(&[arguments, end].concat())
}

/// A run that finds nothing wrong, and what it tells.
#[track_caller]
fn measured(arguments: &[&str]) -> Value {
    let output = briefly(&[arguments, &["--json"]].concat());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    assert_eq!(errors, "");
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(out.lines().count(), 1, "{out}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert!(report["count"].as_u64().unwrap() > 0, "{out}");
    assert_eq!(report["errors"], 0, "{out}");
    report
}

/// A run that ends with this code, and says so in one line with these words.
#[track_caller]
fn fails(output: &Output, code: i32, words: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    for word in words {
        assert!(errors.contains(word), "no {word:?} in {errors:?}");
    }
}

fn interrupt(child: &Child) {
    let kill = format!("kill -INT {}", child.id());
    let shell = Command::new("sh").args(["-c", &kill]).status();
    assert!(shell.unwrap().success());
}

/// A server without frames: what comes from one goes to the one, or to all.
fn bare(to_all: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let everybody = Arc::new(Mutex::new(Vec::new()));
    // It ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming().map(Result::unwrap) {
            stream.set_nodelay(true).unwrap();
            let everybody = match to_all {
                true => everybody.clone(),
                false => Arc::default(),
            };
            everybody.lock().unwrap().push(stream.try_clone().unwrap());
            thread::spawn(move || forward(stream, &everybody));
        }
    });
    url
}

fn forward(mut from: TcpStream, to: &Mutex<Vec<TcpStream>>) {
    let mut bytes = [0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        for to in &mut *to.lock().unwrap() {
            // Whoever has left does not hear it.
            let _ = to.write_all(&bytes[..count]);
        }
    }
    // The clone in the list keeps the connection open: say that it ends.
    let _ = from.shutdown(std::net::Shutdown::Both);
}

/// Answers frames as `answer` does until the client closes.
fn answer(peer: &mut Peer, mut answer: impl FnMut(&mut Peer, Frame)) {
    loop {
        match peer.receive() {
            frame if frame.opcode == CLOSE => {
                return peer.write(&host::frame(true, CLOSE, &frame.payload));
            }
            frame => answer(peer, frame),
        }
    }
}

#[test]
fn echo_over_both_backends() {
    let server = Served::echo(&["--deflate"]);
    for backend in BACKENDS {
        for more in [
            &["-c", "3", "--outstanding", "4"][..],
            &[
                "-c",
                "2",
                "--outstanding",
                "300",
                "--kind",
                "mixed",
                "--size",
                "500",
            ],
            &[
                "-c",
                "2",
                "--kind",
                "binary",
                "--size",
                "0:1,32:5,4K:3,64K:1",
            ],
            &[
                "-c",
                "2",
                "--deflate",
                "--size",
                "900",
                "--outstanding",
                "3",
            ],
        ] {
            let report = measured(&[&["echo", &server.url, "--backend", backend], more].concat());
            assert_eq!(report["unit"], "messages");
            assert_eq!(report["mode"], "echo");
        }
    }
}

#[test]
fn a_report_has_everything() {
    let server = Served::echo(&["--deflate=takeover"]);
    let pid = server.process.id().to_string();
    let report = measured(&[
        "echo",
        &server.url,
        "-c",
        "2",
        "--size",
        "300:2,1K:1",
        "--kind",
        "mixed",
        "--deflate=takeover",
        "--server-pid",
        &pid,
    ]);
    for name in [
        "mode",
        "url",
        "backend",
        "connections",
        "outstanding",
        "sizes",
        "kind",
        "deflate",
        "seconds",
        "unit",
        "count",
        "per_second",
        "wire_bytes",
        "latency_us",
        "server",
        "generator",
        "bottleneck",
        "errors",
        "failed",
    ] {
        assert!(report.get(name).is_some(), "no {name} in {report}");
    }
    for name in ["p50", "p90", "p99", "p99_9", "max"] {
        assert!(
            report["latency_us"][name].as_f64().unwrap() > 0.0,
            "{report}"
        );
    }
    for name in ["sent_per_unit", "received_per_unit"] {
        assert!(
            report["wire_bytes"][name].as_f64().unwrap() > 0.0,
            "{report}"
        );
    }
    for name in ["cpu_ns_per_unit", "cores", "rss_bytes"] {
        assert!(report["server"][name].as_f64().is_some(), "{report}");
    }
    assert!(report["generator"]["cpu_ns_per_unit"].as_f64().is_some());
    assert_eq!(report["sizes"], "300:2,1024:1");
    assert_eq!(report["deflate"], "takeover");
    assert_eq!(report["url"], server.url);
    // What is compressed is shorter than what is said.
    assert!(
        report["wire_bytes"]["sent_per_unit"].as_f64().unwrap() < 500.0,
        "{report}"
    );
}

/// All names in a report, those within others too.
fn names(report: &Value) -> Vec<&str> {
    let fields = report.as_object().into_iter().flatten();
    let each = fields.map(|(name, within)| [vec![name.as_str()], names(within)].concat());
    each.collect::<Vec<_>>().concat()
}

#[test]
fn the_readme_has_the_names_of_a_report() {
    let (server, all) = (Served::echo(&[]), Served::broadcast(&[]));
    let pid = server.process.id().to_string();
    let readme = include_str!("../README.md");
    for arguments in [
        &["echo", &server.url, "-c", "1"][..],
        &["rate", &server.url, "-c", "1", "--rate", "1000"],
        &["fanout", &all.url, "-c", "1"],
        &["idle", &server.url, "-c", "1", "--server-pid", &pid],
    ] {
        for name in names(&measured(arguments)) {
            assert!(readme.contains(&format!("`{name}`")), "no {name}");
        }
    }
}

#[test]
fn a_rate_is_kept_and_found() {
    let server = Served::echo(&[]);
    let report = measured(&["rate", &server.url, "-c", "3", "--rate", "2000"]);
    assert_eq!(report["asked_rate"], 2000.0);
    assert!(report["behind_us"]["max"].as_f64().is_some());
    // Whatever the machine does, less than an hour it is.
    let report = measured(&[
        "rate",
        &server.url,
        "-c",
        "3",
        "--find",
        "p50=1h",
        "--rate",
        "2e6",
    ]);
    assert!(report["asked_rate"].as_f64().is_some());
}

#[test]
fn everybody_hears_what_is_published() {
    for (more, heard_by) in [(&[][..], 3), (&["--self"], 4)] {
        let server = Served::broadcast(more);
        for backend in BACKENDS {
            let report = measured(&[
                "fanout",
                &server.url,
                "-c",
                "3",
                "--outstanding",
                "5",
                "--size",
                "40:1,20K:1",
                "--join",
                "hello",
                "--backend",
                backend,
            ]);
            assert_eq!(report["unit"], "deliveries");
            assert!(report["latency_all_us"]["max"].as_f64().unwrap() > 0.0);
            assert!(report["count"].as_u64().unwrap() >= heard_by, "{report}");
        }
    }
}

#[test]
fn connections_come_and_go() {
    let server = Served::echo(&[]);
    for backend in BACKENDS {
        let report = measured(&["connect", &server.url, "-c", "3", "--backend", backend]);
        assert_eq!(report["unit"], "cycles");
        measured(&[
            "connect",
            &server.url,
            "--from",
            "127.0.0.1",
            "--backend",
            backend,
        ]);
    }
}

#[test]
fn connections_that_are_idle_are_held() {
    let server = Served::echo(&[]);
    let pid = server.process.id().to_string();
    let report = measured(&["idle", &server.url, "-c", "5", "--server-pid", &pid]);
    assert_eq!(report["count"], 5);
    assert!(
        report["server"]["bytes_per_connection"].as_f64().is_some(),
        "{report}"
    );
}

#[test]
fn bytes_without_frames() {
    let (one, all) = (bare(false), bare(true));
    let echoed = measured(&[
        "echo",
        &one,
        "-c",
        "2",
        "--outstanding",
        "3",
        "--size",
        "32:3,20K:1",
    ]);
    // Two headers of 8 bytes at most, and the key.
    assert!(echoed["wire_bytes"]["sent_per_unit"].as_f64().unwrap() > 38.0);
    measured(&["rate", &one, "-c", "2", "--rate", "500"]);
    measured(&["connect", &one, "-c", "2"]);
    measured(&["idle", &one, "-c", "2"]);
    let heard = measured(&["fanout", &all, "-c", "2"]);
    assert!(heard["count"].as_u64().unwrap() >= 3);
}

#[test]
fn a_unix_socket() {
    let path = std::env::temp_dir().join(format!("ws4rs-bench-{}", std::process::id()));
    let server = Served::start(&["echo", "--listen", &format!("unix:{}", path.display())]);
    measured(&["echo", &server.url, "-c", "2"]);
    measured(&["connect", &server.url, "-c", "2"]);
    drop(server);
    let _ = std::fs::remove_file(path);
}

#[test]
fn pings_and_fragments_between_are_no_fault() {
    let (url, hosted) = host_open(|mut peer| {
        let mut pongs = 0;
        answer(
            &mut peer,
            |peer,
             Frame {
                 opcode, payload, ..
             }| {
                if opcode == PONG {
                    assert_eq!(payload, b"there?");
                    pongs += 1;
                    return;
                }
                let (first, second) = payload.split_at(payload.len() / 2);
                peer.write(&frame(false, opcode, first));
                peer.send(PING, b"there?");
                peer.send(PONG, b"unasked");
                peer.write(&frame(true, CONTINUATION, second));
            },
        );
        pongs
    });
    measured(&["echo", &url, "-c", "1", "--outstanding", "2"]);
    assert!(hosted.done() > 0);
}

/// A server that answers five messages, and then as `lie` does.
#[track_caller]
fn lies(more: &[&str], words: &[&str], lie: impl FnOnce(&mut Peer) + Send + 'static) {
    let (url, hosted) = host_open(|mut peer| {
        for _ in 0..5 {
            let Frame {
                opcode, payload, ..
            } = peer.receive();
            peer.send(opcode, &payload);
        }
        lie(&mut peer);
        // Not before the lie has been heard.
        peer.expect_cut();
    });
    let flags = ["echo", &url, "-c", "1", "--warm", "0", "--seconds", "1h"];
    fails(
        &bench(&[&flags, more].concat()),
        1,
        &[&["connection 0: "], words].concat(),
    );
    hosted.done();
}

#[test]
fn every_lie_is_told() {
    lies(&[], &["message 5 has a wrong byte at 7: "], |peer| {
        let Frame {
            opcode,
            mut payload,
            ..
        } = peer.receive();
        payload[7] ^= 1;
        peer.send(opcode, &payload);
    });
    lies(&[], &["message 5 has 31 bytes instead of 32"], |peer| {
        let Frame {
            opcode, payload, ..
        } = peer.receive();
        peer.send(opcode, &payload[..31]);
    });
    lies(&[], &["message 5 is of the other kind"], |peer| {
        let Frame { payload, .. } = peer.receive();
        peer.send(BINARY, &payload);
    });
    let lost = "instead of message 5 came message 6: lost";
    lies(&["--outstanding", "2"], &[lost], |peer| {
        peer.receive();
        let Frame {
            opcode, payload, ..
        } = peer.receive();
        peer.send(opcode, &payload);
    });
    lies(&["--outstanding", "2"], &[lost], |peer| {
        let (first, second) = (peer.receive(), peer.receive());
        let answers = [second, first].map(
            |Frame {
                 opcode, payload, ..
             }| frame(true, opcode, &payload),
        );
        peer.write(&answers.concat());
    });
    lies(&[], &["the server closed: 1001 enough"], |peer| {
        peer.close(1001, "enough");
    });
    lies(&[], &["the server has ended it"], |peer| {
        peer.receive();
        peer.stream.shutdown(std::net::Shutdown::Write).unwrap();
    });
    lies(&[], &["nothing comes but pings"], |peer| {
        peer.receive();
        peer.write(&frame(true, PING, b"?").repeat(2000));
    });
    lies(&[], &["reserved"], |peer| {
        peer.receive();
        peer.write(&[0xF1, 0]);
    });
}

#[test]
fn an_answer_that_nobody_asked_for_is_told() {
    let (url, hosted) = host_open(|mut peer| {
        let Frame {
            opcode, payload, ..
        } = peer.receive();
        peer.send(opcode, &payload);
        peer.send(opcode, &payload);
        peer.expect_cut();
    });
    let flags = [
        "-c",
        "1",
        "--rate",
        "0.001",
        "--warm",
        "0",
        "--seconds",
        "1h",
    ];
    let output = bench(&[&["rate", &url], &flags[..]].concat());
    fails(
        &output,
        1,
        &["connection 0: message 1 of 32 bytes was not asked for"],
    );
    hosted.done();
}

#[test]
fn bytes_that_are_wrong_are_told() {
    let (url, hosted) = host(|mut peer| {
        let mut bytes = [0; 38];
        for turn in 0..4 {
            peer.stream.read_exact(&mut bytes).unwrap();
            bytes[37] ^= u8::from(turn == 3);
            peer.write(&bytes);
        }
        peer.expect_cut();
    });
    let url = url.replace("ws://", "tcp://").replace("/chat", "");
    let output = bench(&["echo", &url, "-c", "1", "--seconds", "1h"]);
    fails(
        &output,
        1,
        &["connection 0: message 3 has a wrong byte at 37: "],
    );
    hosted.done();
}

#[test]
fn what_never_comes_is_an_error_beside_the_report() {
    let (url, hosted) = host_open(|mut peer| {
        let Frame {
            opcode, payload, ..
        } = peer.receive();
        peer.send(opcode, &payload);
        peer.expect_cut();
    });
    let flags = [
        "--outstanding",
        "2",
        "--warm",
        "0",
        "--count",
        "1",
        "--seconds",
        "1h",
    ];
    let output = bench(&[&["echo", &url, "-c", "1", "--json"], &flags[..]].concat());
    fails(&output, 1, &["1 messages were asked for and did not come"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["errors"], &report["count"]),
        (&1.into(), &1.into())
    );
    hosted.done();
}

#[test]
fn a_server_that_is_not_there_or_says_no() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (ws, tcp) = (format!("ws://{nobody}/"), format!("tcp://{nobody}"));
    for url in [&ws, &tcp] {
        for mode in ["echo", "connect", "idle"] {
            fails(&briefly(&[mode, url]), 3, &["was not opened"]);
        }
    }
    let (url, hosted) = host(|mut peer| {
        peer.request();
        peer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        peer.expect_cut();
    });
    fails(&briefly(&["echo", &url, "-c", "1"]), 3, &["403"]);
    hosted.done();
    let (url, hosted) = host(|mut peer| {
        peer.request();
        peer.expect_cut();
    });
    let output = briefly(&["echo", &url, "-c", "1", "--timeout", "10ms"]);
    fails(&output, 3, &["connection 0 was not opened within 10ms"]);
    hosted.done();
}

#[test]
fn what_is_not_there_is_named() {
    let no_name = "no.such.name.invalid";
    let (ws, tcp) = (format!("ws://{no_name}/"), format!("tcp://{no_name}:1"));
    for url in [&ws, &tcp] {
        fails(&briefly(&["echo", url]), 3, &[no_name]);
    }
    fails(
        &briefly(&["echo", "ws+unix:/no/socket:/"]),
        3,
        &["/no/socket: "],
    );
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("ws://{nobody}/");
    fails(&briefly(&["echo", &url, "--from", "::1"]), 3, &["::1: "]);
    #[cfg(target_os = "linux")]
    fails(
        &briefly(&["echo", &url, "--server-pid", "0"]),
        3,
        &["process 0: "],
    );
}

#[test]
fn who_is_to_hear_and_does_not_answer_is_not_waited_for() {
    let open = |mut peer: Peer| {
        peer.open();
        peer.expect_cut();
    };
    let (url, hosted) = host(open);
    let (publish, publisher) = host(open);
    let output = briefly(&[
        "fanout",
        &url,
        "--publish-url",
        &publish,
        "-c",
        "1",
        "--timeout",
        "1s",
    ]);
    let words = "2 of 2 connections did not answer a ping within 1s";
    fails(&output, 3, &[words]);
    hosted.done();
    publisher.done();
    // Each hears only himself.
    let words = "2 of 2 connections did not hear what another said within 1s";
    let output = briefly(&["fanout", &bare(false), "-c", "2", "--timeout", "1s"]);
    fails(&output, 3, &[words]);
}

/// As one is that has been stopped: the kernel connects, and nobody accepts.
#[test]
fn a_server_that_does_not_accept_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (ws, tcp) = (format!("ws://{address}/"), format!("tcp://{address}"));
    for url in [&ws, &tcp] {
        for mode in ["echo", "connect"] {
            let output = briefly(&[mode, url, "-c", "70", "--timeout", "10ms"]);
            fails(&output, 3, &["was not opened within 10ms"]);
        }
    }
    let output = briefly(&["fanout", &tcp, "-c", "70", "--timeout", "10ms"]);
    let words = "70 of 70 connections did not hear what another said within 10ms";
    fails(&output, 3, &[words]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_unix_socket_whose_backlog_is_full_is_not_waited_for() {
    use socket2::{Domain, SockAddr, Socket, Type};
    let path = std::env::temp_dir().join(format!("ws4rs-bench-full-{}", std::process::id()));
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    listener.listen(1).unwrap();
    let connect = |_| ws4rs::internal::reactor::socket::connect_unix(&path).ok();
    let others: Vec<_> = (0..).map_while(connect).collect();
    let url = format!("ws+unix:{}:/", path.display());
    let output = briefly(&["echo", &url, "--timeout", "10ms"]);
    fails(&output, 3, &["connection 0 was not opened within 10ms"]);
    drop(others);
    let _ = std::fs::remove_file(path);
}

#[test]
fn a_server_without_frames_may_take_its_time_to_accept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut everybody = Vec::new();
        let (mut publisher, mut bytes) = (None, [0; 16 << 10]);
        // One is accepted for each time that the first is heard.
        loop {
            if everybody.len() < 4 {
                everybody.push(listener.accept().unwrap().0);
            }
            // The one who publishes is dialled first.
            let publisher =
                publisher.get_or_insert_with(|| TcpStream::try_clone(&everybody[0]).unwrap());
            let Ok(count @ 1..) = publisher.read(&mut bytes) else {
                return;
            };
            for to in &mut everybody {
                let _ = to.write_all(&bytes[..count]);
            }
        }
    });
    // Whoever ends a connection here does not say so: he is left after a second.
    let report = measured(&["fanout", &url, "-c", "3"]);
    assert!(report["count"].as_u64().unwrap() >= 3);
}

#[test]
fn a_rate_beyond_us_ends_when_it_should() {
    let server = Served::echo(&[]);
    let flags = ["--rate", "1e9", "--warm", "0", "--count", "1", "--json"];
    let output = bench(&[&["rate", &server.url, "-c", "1"], &flags[..]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        report["behind_us"]["max"].as_f64().unwrap() > 0.0,
        "{report}"
    );
}

#[test]
fn an_interrupt_before_anything_was_measured() {
    let before_it_is_open: fn(&mut Peer) = |peer| drop(peer.request());
    let before_an_answer: fn(&mut Peer) = |peer| {
        peer.open();
        peer.receive();
    };
    for (mode, wait) in [
        ("echo", before_it_is_open),
        ("idle", before_it_is_open),
        ("fanout", before_it_is_open),
        ("echo", before_an_answer),
    ] {
        let (tell, told) = channel();
        let (url, hosted) = host(move |mut peer| {
            wait(&mut peer);
            tell.send(()).unwrap();
            peer.expect_cut();
        });
        let flags = [mode, &url, "-c", "1", "--seconds", "1h"];
        let warm: &[&str] = if mode == "idle" {
            &[]
        } else {
            &["--warm", "0"]
        };
        let child = command(&[&flags, warm].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        told.recv_timeout(host::DEADLINE).unwrap();
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        fails(&output, 130, &["interrupted"]);
        assert_eq!(output.stdout, b"");
        hosted.done();
    }
}

#[test]
fn what_is_asked_for_reaches_the_server() {
    let (url, hosted) = host(|mut peer| {
        let request = peer.open_with("Sec-WebSocket-Protocol: b\r\n", b"");
        answer(
            &mut peer,
            |peer,
             Frame {
                 opcode, payload, ..
             }| {
                assert_eq!(opcode, TEXT);
                peer.send(opcode, &payload);
            },
        );
        request
    });
    measured(&[
        "echo",
        &url,
        "-c",
        "1",
        "-H",
        "X-Key: 7",
        "-s",
        "a",
        "-s",
        "b",
        "--origin",
        "https://here.example",
    ]);
    let request = hosted.done();
    for line in [
        "x-key: 7",
        "Sec-WebSocket-Protocol: a, b",
        "origin: https://here.example",
    ] {
        let same = |given: &str| given.eq_ignore_ascii_case(line);
        assert!(request.lines().any(same), "no {line} in {request}");
    }
}

#[test]
fn conditions_that_hold_fail_the_run() {
    let server = Served::echo(&[]);
    let output = briefly(&[
        "echo",
        &server.url,
        "--json",
        "--fail-if",
        "rate<1e15",
        "--fail-if",
        "p99 > 1h",
        "--fail-if",
        "count >= 1",
    ]);
    assert_eq!(output.status.code(), Some(4));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        report["failed"],
        serde_json::json!(["rate<1e15", "count >= 1"])
    );
    measured(&[
        "echo",
        &server.url,
        "--fail-if",
        "p99>1h",
        "--fail-if",
        "errors>0",
    ]);
}

#[test]
fn a_report_for_people() {
    let server = Served::echo(&[]);
    let output = briefly(&["echo", &server.url, "-c", "2", "--fail-if", "rate<1e15"]);
    let out = String::from_utf8(output.stdout).unwrap();
    for word in [
        "2 x 1, 32 B text",
        "per second",
        "p99.9",
        "generator",
        "Failed: rate<1e15",
    ] {
        assert!(out.contains(word), "no {word:?} in {out}");
    }
    assert_eq!(output.stderr, b"");
}

#[test]
fn an_interrupt_ends_it_with_what_there_is() {
    let (tell, told) = channel();
    let (url, hosted) = host_open(move |mut peer| {
        let mut count = 0;
        answer(
            &mut peer,
            |peer,
             Frame {
                 opcode, payload, ..
             }| {
                count += 1;
                if count == 100 {
                    tell.send(()).unwrap();
                }
                peer.send(opcode, &payload);
            },
        );
    });
    let flags = [
        "echo",
        &url,
        "-c",
        "1",
        "--warm",
        "0",
        "--seconds",
        "1h",
        "--json",
    ];
    let child = command(&flags).stdout(Stdio::piped()).spawn().unwrap();
    told.recv_timeout(host::DEADLINE).unwrap();
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["count"].as_u64().unwrap() >= 99, "{report}");
    hosted.done();
}

#[test]
fn wrong_flags_are_told() {
    let url = "ws://127.0.0.1:1/";
    for (arguments, word) in [
        (&["echo"][..], "URL"),
        (&["echo", "wss://localhost/"], "TLS"),
        (&["echo", "http://localhost/"], "http"),
        (&["echo", "tcp://localhost"], "tcp://HOST:PORT"),
        (&["echo", "tcp://localhost:1", "--deflate"], "no handshake"),
        (&["echo", url, "-c", "0"], "--connections"),
        (&["echo", url, "--outstanding", "0"], "--outstanding"),
        (&["echo", url, "--size", "many"], "--size"),
        (&["echo", url, "--size", "32:0"], "--size"),
        (&["echo", url, "--seconds", "0"], "--seconds"),
        (&["echo", url, "--from", "here"], "--from"),
        (&["echo", url, "--fail-if", "p99"], "p99>5ms"),
        (&["echo", url, "--fail-if", "server_ns>1"], "--server-pid"),
        (&["echo", url, "--fail-if", "rate>nan"], "no number"),
        (&["echo", url, "--fail-if", "all_p99>1ms"], "does not have"),
        (
            &[
                "rate",
                url,
                "--rate",
                "1",
                "--fail-if",
                "bytes_per_connection>1",
            ],
            "does not have",
        ),
        (&["echo", url, "--size", "32:4096,7:1"], "4096"),
        (&["echo", url, "--size", "32:1,64M:1"], "512M"),
        (&["rate", url], "--rate"),
        (&["rate", url, "--rate", "0"], "--rate"),
        (&["rate", url, "--find", "p98=1ms"], "p99.9"),
        (&["fanout", url, "--size", "9"], "10 bytes"),
        (
            &["fanout", url, "--publish-url", "tcp://h:1"],
            "with frames",
        ),
        (&["fanout", "tcp://h:1", "--join", "x"], "join"),
        (&["sing", url], "sing"),
        (
            &["echo", "ws+unix:/x:/", "--from", "127.0.0.1"],
            "Unix socket",
        ),
    ] {
        fails(&bench(arguments), 2, &[word]);
    }
}

#[test]
fn a_flag_that_means_nothing_to_a_mode_is_a_wrong_one() {
    for (mode, flags) in [
        ("echo", &["--rate", "--find", "--join", "--publish-url"][..]),
        ("rate", &["--outstanding", "--join", "--publish-url"]),
        ("fanout", &["--rate", "--find"]),
        ("connect", &["--outstanding", "--rate", "--join"]),
        ("idle", &["--outstanding", "--count", "--warm", "--rate"]),
    ] {
        for flag in flags {
            let output = bench(&[mode, "ws://127.0.0.1:1/", flag, "1"]);
            fails(&output, 2, &["unexpected", flag]);
        }
    }
}

#[test]
fn help_has_the_modes_and_the_readme_has_the_flags() {
    let help = String::from_utf8(bench(&["--help"]).stdout).unwrap();
    for word in [
        "echo",
        "rate",
        "fanout",
        "connect",
        "idle",
        "Examples:",
        "Exit codes:",
    ] {
        assert!(help.contains(word), "no {word} in {help}");
    }
    let readme = include_str!("../README.md");
    let (_, table) = readme.split_once("| flag of `bench` |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    for mode in ["echo", "rate", "fanout", "connect", "idle"] {
        let help = String::from_utf8(bench(&[mode, "--help"]).stdout).unwrap();
        for row in table.lines().skip(2) {
            let words = row.split(['`', ' ', '=']);
            let flag = words.clone().find(|word| word.starts_with("--")).unwrap();
            let has = help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}["));
            assert_eq!(has, is_said_to_have(row, mode), "{mode}: {row}");
        }
        let lines = help.lines().map(str::trim_start);
        for line in lines.filter(|line| line.starts_with('-')) {
            let flag = line
                .split([' ', '[', '=', '.'])
                .find(|word| word.starts_with("--"));
            let flag = flag.unwrap_or_else(|| panic!("{line}"));
            let global = ["--help", "--log-format", "--verbose", "--quiet"].contains(&flag);
            assert!(
                global || table.contains(flag),
                "README does not name {flag}"
            );
        }
    }
}

/// Whether a row of README's table of flags is about this mode: it may say `rate` only, or not `idle`.
fn is_said_to_have(row: &str, mode: &str) -> bool {
    let mode = format!("`{mode}`");
    match row.split_once(" only:") {
        Some((modes, _)) => modes.contains(&mode),
        None => !row.contains(&format!("| not {mode}:")),
    }
}
