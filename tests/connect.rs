//! `ws4rs connect` as its users meet it: pipes in and out, and an exit code.
#![cfg(unix)]

mod host;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use host::{BINARY, CLOSE, PING, PONG, TEXT, closing, host, host_open, noise};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ws4rs"));
    command
        .arg("connect")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A client under way, killed when dropped.
struct Running(Option<Child>);

impl Running {
    fn start(arguments: &[&str]) -> Self {
        Running(Some(command(arguments).spawn().unwrap()))
    }

    fn child(&mut self) -> &mut Child {
        self.0.as_mut().unwrap()
    }

    fn say(&mut self, text: &str) {
        let stdin = self.child().stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
    }

    /// What it wrote, once it has ended by itself; standard input ends now.
    fn end(mut self) -> Ended {
        Ended::of(self.0.take().unwrap().wait_with_output().unwrap())
    }

    /// The same, and standard input stays open until then.
    fn end_by_itself(mut self) -> Ended {
        let stdin = self.child().stdin.take();
        let ended = self.end();
        drop(stdin);
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

struct Ended {
    code: Option<i32>,
    out: Vec<u8>,
    errors: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        Ended {
            code: output.status.code(),
            out: output.stdout,
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn expect(&self, code: i32, out: &str) {
        assert_eq!(self.code, Some(code), "{}", self.errors);
        assert_eq!(String::from_utf8_lossy(&self.out), out);
        // What is wrong is said in one line, and nothing is said when nothing is.
        assert_eq!(
            self.errors.lines().count(),
            usize::from(code != 0),
            "{}",
            self.errors
        );
    }
}

/// Runs it to its end on this input.
fn run(arguments: &[&str], input: &[u8]) -> Ended {
    let mut child = command(arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may end before it has read all of it.
    let feeder = thread::spawn(move || _ = stdin.write_all(&input));
    let ended = Ended::of(child.wait_with_output().unwrap());
    feeder.join().unwrap();
    ended
}

#[test]
fn lines_in_and_messages_out() {
    let (url, hosted) = host_open(|mut peer| {
        for line in ["grüße", "", "no end of line"] {
            peer.expect_text(line);
        }
        peer.expect(CLOSE, &closing(1000, ""));
        // What was still under way when the lines ended is written too.
        peer.send(TEXT, "zurück".as_bytes());
        peer.send(PING, b"?");
        peer.send(BINARY, b"\x01\xFF");
        peer.close(1000, "");
    });
    let ended = run(&[&url], "grüße\r\n\nno end of line".as_bytes());
    assert_eq!(
        ended.out,
        "zurück\n".bytes().chain(*b"\x01\xFF\n").collect::<Vec<_>>()
    );
    assert_eq!((ended.code, &ended.errors[..]), (Some(0), ""));
    hosted.done();
}

#[test]
fn what_comes_is_written_at_once() {
    let (url, hosted) = host_open(|mut peer| {
        peer.expect_text("one");
        peer.send(TEXT, b"first");
        // Said when the first was read.
        peer.expect_text("two");
        peer.send(TEXT, b"second");
        peer.farewell(1000);
    });
    let mut running = Running::start(&[&url]);
    let mut out = BufReader::new(running.child().stdout.take().unwrap());
    let mut line = String::new();
    running.say("one\n");
    out.read_line(&mut line).unwrap();
    running.say("two\n");
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "first\nsecond\n");
    running.end().expect(0, "");
    hosted.done();
}

#[test]
fn bytes_in_and_bytes_out() {
    let sent = noise(1, 300_000);
    let expected = sent.clone();
    let (url, hosted) = host_open(move |mut peer| {
        let mut heard = Vec::new();
        loop {
            let frame = peer.receive();
            match frame.opcode {
                BINARY => heard.extend_from_slice(&frame.payload),
                opcode => {
                    assert_eq!(opcode, CLOSE);
                    break;
                }
            }
        }
        assert!(heard == expected);
        for part in heard.chunks(70_000) {
            peer.send(BINARY, part);
        }
        peer.send(TEXT, b"text");
        peer.close(1000, "");
    });
    let ended = run(&["--binary", &url], &sent);
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    assert!(ended.out == [&sent[..], b"text"].concat());
    hosted.done();
}

#[test]
fn what_was_asked_for_is_in_the_request() {
    let (url, hosted) = host(|mut peer| {
        let request = peer
            .open_with("Sec-WebSocket-Protocol: two\r\n", b"")
            .to_lowercase();
        for line in [
            "sec-websocket-protocol: one, two\r\n",
            "origin: https://example.com\r\n",
            "x-a: b: c\r\n",
            "cookie: d=e\r\n",
        ] {
            assert!(request.contains(line), "{line} in {request}");
        }
        peer.farewell(1000);
    });
    let flags = [
        "--subprotocol",
        "one",
        "--subprotocol",
        "two",
        "--origin",
        "https://example.com",
        "--header",
        "X-A: b: c",
        "--header",
        "Cookie:d=e",
        &url,
    ];
    run(&flags, b"").expect(0, "");
    hosted.done();
}

#[test]
fn the_exit_code_tells_the_close_code() {
    for (code, exit) in [
        (1000, 0),
        (1001, 101),
        (1002, 102),
        (1008, 108),
        (1011, 111),
        (1014, 114),
        (3000, 120),
        (3999, 120),
        (4000, 121),
        (4999, 121),
    ] {
        let (url, hosted) = host_open(move |mut peer| {
            peer.send(TEXT, b"so far");
            peer.close(code, "because");
            peer.expect_close(code);
        });
        let ended = Running::start(&[&url]).end_by_itself();
        ended.expect(exit, "so far\n");
        if exit != 0 {
            let told = format!("ws4rs: the server closed: {code} because\n");
            assert_eq!(ended.errors, told);
        }
        hosted.done();
    }
    let (url, hosted) = host_open(|mut peer| {
        peer.send(CLOSE, b"");
        peer.expect(CLOSE, b"");
    });
    Running::start(&[&url]).end_by_itself().expect(0, "");
    hosted.done();
}

#[test]
fn a_reason_steers_no_terminal() {
    let (url, hosted) = host_open(|mut peer| {
        peer.close(1008, "\x1b[2J\r\nws4rs: \u{9b}fine");
        peer.expect_close(1008);
    });
    let ended = Running::start(&[&url]).end_by_itself();
    ended.expect(108, "");
    let told = "1008 \u{FFFD}[2J\u{FFFD}\u{FFFD}ws4rs: \u{FFFD}fine\n";
    assert!(ended.errors.ends_with(told), "{:?}", ended.errors);
    hosted.done();
}

#[test]
fn a_connection_that_fails_is_1() {
    // Lost.
    let (url, hosted) = host_open(|mut peer| peer.send(TEXT, b"and"));
    Running::start(&[&url]).end_by_itself().expect(1, "and\n");
    hosted.done();
    // A server that masks.
    let (url, hosted) = host_open(|mut peer| {
        peer.write(b"\x81\x81\0\0\0\0x");
        peer.expect_close(1002);
    });
    let ended = Running::start(&[&url]).end_by_itself();
    ended.expect(1, "");
    assert!(ended.errors.contains("masked"), "{}", ended.errors);
    hosted.done();
    // A message over the limit.
    let (url, hosted) = host_open(|mut peer| {
        peer.send(TEXT, &[b'x'; 1025]);
        peer.expect_close(1009);
    });
    let limited = ["--max-message", "1K", &url];
    Running::start(&limited).end_by_itself().expect(1, "");
    hosted.done();
    // A line that is no text; what came before it was sent.
    let (url, hosted) = host_open(|mut peer| {
        peer.expect_text("fine");
        peer.farewell(1000);
    });
    let ended = run(&[&url], b"fine\n\xFF\n");
    ended.expect(1, "");
    assert!(ended.errors.contains("--binary"), "{}", ended.errors);
    hosted.done();
}

#[test]
fn what_is_wrong_with_the_flags_is_2() {
    for flags in [
        &["http://127.0.0.1/"][..],
        &["ws://127.0.0.1/#there"],
        &["127.0.0.1:9001"],
        &["wss://127.0.0.1/"],
        &["--header", "no colon", "ws://127.0.0.1:1/"],
        &["--header", "Upgrade: h2c", "ws://127.0.0.1:1/"],
        &["--subprotocol", "a b", "ws://127.0.0.1:1/"],
        &["--ping", "often", "ws://127.0.0.1:1/"],
        &[],
    ] {
        let ended = run(flags, b"");
        assert_eq!(
            (ended.code, &ended.out[..]),
            (Some(2), &b""[..]),
            "{flags:?}: {}",
            ended.errors
        );
    }
}

#[test]
fn what_cannot_be_connected_to_is_3() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", closed.local_addr().unwrap());
    drop(closed);
    run(&[&url], b"").expect(3, "");
    run(&["ws+unix:/nonexistent/socket"], b"").expect(3, "");

    let (url, hosted) = host(|mut peer| {
        peer.request();
        peer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        peer.expect_cut();
    });
    let ended = run(&[&url], b"unsaid\n");
    ended.expect(3, "");
    assert!(ended.errors.contains("403"), "{}", ended.errors);
    hosted.done();

    let (url, hosted) = host(|mut peer| {
        peer.request();
        peer.expect_cut();
    });
    run(&["--timeout", "100ms", &url], b"").expect(3, "");
    hosted.done();
}

#[test]
fn a_ping_without_its_pong_ends_it() {
    let (url, hosted) = host_open(|mut peer| {
        for _ in 0..3 {
            peer.expect(PING, b"");
            peer.send(PONG, b"");
        }
        peer.expect_cut();
    });
    let ended = Running::start(&["--ping", "100ms", &url]).end_by_itself();
    ended.expect(1, "");
    assert!(ended.errors.contains("pong"), "{}", ended.errors);
    hosted.done();
}

#[test]
fn a_slow_reader_owes_no_pong_for_a_ping_that_has_not_left() {
    // More than the kernel holds for us: the pings are stuck behind it.
    let sent = vec![7; 32 << 20];
    let length = sent.len();
    let (url, hosted) = host_open(move |mut peer| {
        thread::sleep(Duration::from_secs(2));
        let mut heard = 0;
        loop {
            let frame = peer.receive();
            match frame.opcode {
                BINARY => heard += frame.payload.len(),
                PING => peer.send(PONG, &frame.payload),
                _ => break,
            }
        }
        assert_eq!(heard, length);
        peer.close(1000, "");
    });
    run(&["--binary", "--ping", "500ms", &url], &sent).expect(0, "");
    hosted.done();
}

#[test]
fn a_ping_in_a_billion_years_is_never() {
    let (url, hosted) = host_open(|mut peer| {
        peer.expect_text("meanwhile");
        peer.expect(CLOSE, &closing(1000, ""));
        peer.close(1000, "");
    });
    run(&["--ping", "1e19", &url], b"meanwhile\n").expect(0, "");
    hosted.done();
}

#[test]
fn one_message_may_be_enough() {
    let (url, hosted) = host_open(|mut peer| {
        peer.expect_text("question");
        peer.send(TEXT, b"answer");
        peer.send(TEXT, b"and more");
        peer.farewell(1000);
    });
    run(&["-1", &url], b"question\n").expect(0, "answer\n");
    hosted.done();
}

#[test]
fn nobody_who_reads_ends_it_quietly() {
    let (url, hosted) = host_open(|mut peer| {
        peer.expect_text("now");
        // A pipe breaks at the first write behind its end.
        peer.send(TEXT, b"unread");
        peer.expect_cut();
    });
    let mut running = Running::start(&[&url]);
    drop(running.child().stdout.take());
    running.say("now\n");
    running.end_by_itself().expect(0, "");
    hosted.done();
}

#[test]
fn a_signal_ends_it() {
    let (url, hosted) = host_open(|mut peer| {
        peer.send(TEXT, b"here");
        peer.expect_cut();
    });
    let mut running = Running::start(&[&url]);
    let mut out = BufReader::new(running.child().stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    let id = running.child().id().to_string();
    let kill = Command::new("sh")
        .args(["-c", &format!("kill -TERM {id}")])
        .status();
    assert!(kill.unwrap().success());
    assert_eq!(running.end_by_itself().code, None);
    hosted.done();
}

#[test]
fn our_own_server_and_a_megabyte() {
    let mut server = Command::new(env!("CARGO_BIN_EXE_ws4rs"))
        .args(["echo", "-qq", "--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let url = line.trim_end().strip_prefix("listening on ").unwrap();
    let text = "x".repeat(1 << 20) + "\n" + &"short\n".repeat(20_000);
    let ended = run(&[url], text.as_bytes());
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    assert!(ended.out == text.as_bytes());
}

#[test]
fn readme_and_help_name_every_flag_and_code() {
    let readme = include_str!("../README.md");
    let (_, table) = readme.split_once("| flag of `connect` |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    // What every command takes stands in the first table.
    let everywhere = ["--log-format", "--verbose", "--quiet", "--help"];
    let mut help = String::new();
    let mut child = command(&["--help"]).spawn().unwrap();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut help)
        .unwrap();
    assert!(child.wait().unwrap().success());
    for word in help
        .split([' ', ',', '.', '\n', ']'])
        .filter(|word| word.starts_with("--"))
    {
        assert!(
            table.contains(&format!("`{word}")) || everywhere.contains(&word),
            "README's table of `connect` does not name {word}"
        );
    }
    assert!(help.contains("Exit codes:"), "{help}");
    for code in ["101–114", "120, 121"] {
        assert!(
            readme.contains(&format!("| {code} |")),
            "README does not tell {code}"
        );
    }
}
