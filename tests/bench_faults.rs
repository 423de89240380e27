//! `ws4rs bench` and servers that lie, say no, stall or go away; and users who go away.
#![cfg(unix)]

mod host;
mod load;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;

use serde_json::Value;

use host::{BINARY, PING, PONG, Peer, frame, host, host_open};
use load::{
    BACKENDS, Served, bare, bench, bench_within, briefly, fails, interrupt, measured, running, told,
};

/// Until somebody ends it.
const FOR_LONG: &str = "-c 1 --warm 0 --seconds 1h";

/// A server that answers five messages, and then as `lie` does.
#[track_caller]
fn lies(flags: &str, word: &str, lie: impl FnOnce(&mut Peer) + Send + 'static) {
    let (url, hosted) = host_open(|mut peer| {
        (0..5).for_each(|_| peer.echo());
        lie(&mut peer);
        // Not before the lie has been heard.
        peer.expect_cut();
    });
    let output = bench(&format!("echo {url} {FOR_LONG} {flags}"));
    fails(&output, 1, &["connection 0: ", word]);
    hosted.done();
}

#[test]
fn a_message_that_is_wrong_is_told() {
    lies("", "message 5 has a wrong byte at 7: ", |peer| {
        let mut message = peer.receive();
        message.payload[7] ^= 1;
        peer.send(message.opcode, &message.payload);
    });
    lies("", "message 5 has 31 bytes instead of 32", |peer| {
        let message = peer.receive();
        peer.send(message.opcode, &message.payload[..31]);
    });
    lies("", "message 5 is of the other kind", |peer| {
        let message = peer.receive();
        peer.send(BINARY, &message.payload);
    });
    lies("", "reserved", |peer| {
        peer.receive();
        peer.write(&[0xF1, 0]);
    });
}

#[test]
fn a_long_message_that_is_wrong_at_its_end_is_told() {
    lies("--size 100K", "has a wrong byte at 102399: ", |peer| {
        let mut message = peer.receive();
        message.payload[102_399] ^= 1;
        let bytes = frame(true, message.opcode, &message.payload);
        bytes.chunks(30_000).for_each(|part| peer.write(part));
    });
    lies(
        "--size 100K",
        "message 5 has 102399 bytes instead of",
        |peer| {
            let message = peer.receive();
            let bytes = frame(true, message.opcode, &message.payload[..102_399]);
            bytes.chunks(30_000).for_each(|part| peer.write(part));
        },
    );
}

#[test]
fn a_long_answer_may_come_in_any_parts() {
    let (url, hosted) = host_open(|mut peer| {
        for part in [1, 3, 9, 4096, 70_000] {
            let message = peer.receive();
            let bytes = frame(true, message.opcode, &message.payload);
            let (head, rest) = bytes.split_at(12);
            head.chunks(part.min(4)).for_each(|part| peer.write(part));
            rest.chunks(part.max(999)).for_each(|part| peer.write(part));
        }
        let message = peer.receive();
        let half = message.payload.len() / 2;
        peer.write(&frame(false, message.opcode, &message.payload[..half]));
        peer.write(&frame(true, PING, b"between"));
        peer.write(&frame(true, host::CONTINUATION, &message.payload[half..]));
        peer.close(1001, "enough");
        peer.expect_cut();
    });
    let output = bench(&format!("echo {url} {FOR_LONG} --size 100K"));
    fails(&output, 1, &["the server closed: 1001 enough"]);
    hosted.done();
}

#[test]
fn messages_that_are_lost_or_out_of_order_are_told() {
    let lost = "instead of message 5 came message 6: lost";
    lies("--outstanding 2", lost, |peer| {
        peer.receive();
        peer.echo();
    });
    lies("--outstanding 2", lost, |peer| {
        let (first, second) = (peer.receive(), peer.receive());
        let answers = [second, first].map(|message| frame(true, message.opcode, &message.payload));
        peer.write(&answers.concat());
    });
}

#[test]
fn a_server_that_goes_away_is_told() {
    lies("", "the server closed: 1001 enough", |peer| {
        peer.close(1001, "enough");
    });
    lies("", "the server has ended it", |peer| {
        peer.receive();
        peer.stream.shutdown(Shutdown::Write).unwrap();
    });
    lies("", "nothing comes but pings", |peer| {
        peer.receive();
        peer.write(&frame(true, PING, b"?").repeat(2000));
    });
}

#[test]
fn who_owes_no_answer_may_ping_as_long_as_he_likes() {
    let (url, hosted) = host_open(|mut peer| {
        peer.echo();
        peer.write(&frame(true, PING, b"?").repeat(2000));
        peer.close(1001, "enough");
        peer.expect_cut();
    });
    let output = bench(&format!("rate {url} {FOR_LONG} --rate 0.001"));
    fails(&output, 1, &["the server closed: 1001 enough"]);
    hosted.done();
}

#[test]
fn a_connection_is_closed_by_both() {
    let (url, hosted) = host_open(|mut peer| {
        peer.echo();
        peer.expect_close(1000);
        peer.stream.shutdown(Shutdown::Write).unwrap();
        peer.expect_cut();
    });
    let output = bench(&format!("connect {url} {FOR_LONG}"));
    let words = "connection 0: the server has ended it without a Close";
    fails(&output, 1, &[words]);
    hosted.done();
}

#[test]
fn a_rate_at_which_a_server_fails_is_one_that_it_does_not_meet() {
    found_before("the server closed: 1013 too many", |peer| {
        peer.open();
        peer.close(1013, "too many");
    });
    found_before("message 0 has a wrong byte at 7", |peer| {
        peer.open();
        let mut message = peer.receive();
        message.payload[7] ^= 1;
        peer.send(message.opcode, &message.payload);
        peer.expect_cut();
    });
    found_before("503", |peer| {
        peer.request();
        peer.write(b"HTTP/1.1 503 Too Many\r\nContent-Length: 0\r\n\r\n");
        peer.expect_cut();
    });
}

/// A server that echoes on the first connection, and `fails` on the next: what was found is told, and why
/// there is no more.
#[track_caller]
fn found_before(why: &str, fails: fn(&mut Peer)) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    // It ends with the test's process: the search takes as many steps as it takes.
    thread::spawn(move || {
        let mut first = Peer::new(listener.accept().unwrap().0);
        first.open();
        first.answer(|peer, message| peer.send(message.opcode, &message.payload));
        drop(first);
        for stream in listener.incoming() {
            fails(&mut Peer::new(stream.unwrap()));
        }
    });
    let flags = "-c 1 --warm 0 --seconds 1h --count 1 --rate 1 --find p50=1h --json";
    let report = told(&bench(&format!("rate {url} {flags}")));
    assert_eq!(report["asked_rate"], 1.0);
    let missed = report["missed"].as_array().unwrap();
    assert_eq!(missed[0]["asked_rate"], 2.0);
    for miss in missed {
        assert!(miss["why"].as_str().unwrap().contains(why), "{miss}");
    }
}

#[test]
fn an_answer_that_nobody_asked_for_is_told() {
    let (url, hosted) = host_open(|mut peer| {
        let message = peer.receive();
        peer.send(message.opcode, &message.payload);
        peer.send(message.opcode, &message.payload);
        peer.expect_cut();
    });
    let output = bench(&format!("rate {url} {FOR_LONG} --rate 0.001"));
    let words = "connection 0: message 1 of 32 bytes was not asked for";
    fails(&output, 1, &[words]);
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
    let output = bench(&format!("echo {url} {FOR_LONG}"));
    let words = "connection 0: message 3 has a wrong byte at 37: ";
    fails(&output, 1, &[words]);
    hosted.done();
}

#[test]
fn what_never_comes_is_an_error_beside_the_report_and_late_in_it() {
    for mode in ["echo --outstanding 2", "rate --rate 1000"] {
        let (tell, heard) = channel();
        let (url, hosted) = host_open(move |mut peer| {
            peer.echo();
            peer.send(PING, b"heard?");
            while peer.receive().opcode != PONG {}
            tell.send(()).unwrap();
            peer.expect_cut();
        });
        let child = running(&format!("{mode} {url} {FOR_LONG} --json"));
        heard.recv_timeout(host::DEADLINE).unwrap();
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        fails(&output, 1, &[" messages were asked for and did not come"]);
        let report = told(&output);
        assert_eq!(report["count"], 1);
        assert!(report["errors"].as_u64().unwrap() >= 1, "{report}");
        // As long as it was waited for.
        assert!(report["latency_us"]["max"].as_f64().unwrap() >= 2e6);
        hosted.done();
    }
}

#[test]
fn of_what_never_came_there_are_no_figures() {
    let silent = |mut peer: Peer| {
        let ping = peer.receive();
        peer.send(PONG, &ping.payload);
        peer.expect_cut();
    };
    let ((url, hosted), (publish, publisher)) = (host_open(silent), host_open(silent));
    let fanout = format!("fanout {url} --publish-url {publish}");
    has_no_figures(&fanout, &["latency_us", "latency_all_us"]);
    hosted.done();
    publisher.done();
    let (url, hosted) = host_open(|mut peer| peer.expect_cut());
    has_no_figures(&format!("connect {url}"), &["latency_us"]);
    hosted.done();
}

#[track_caller]
fn has_no_figures(line: &str, latencies: &[&str]) {
    let output = bench(&format!("{line} -c 1 --warm 0 --seconds 1ms --json"));
    fails(&output, 1, &[" were asked for and did not come"]);
    let report = told(&output);
    for latency in latencies {
        for name in ["p50", "p90", "p99", "p99_9", "max"] {
            assert_eq!(report[latency].get(name), Some(&Value::Null), "{report}");
        }
    }
    for (of, each) in [
        ("wire_bytes", "sent_per_unit"),
        ("wire_bytes", "received_per_unit"),
        ("generator", "cpu_ns_per_unit"),
    ] {
        assert_eq!(report[of].get(each), Some(&Value::Null), "{report}");
    }
}

/// Where nobody listens.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn a_server_that_is_not_there_or_says_no() {
    let nobody = nobody();
    for url in [format!("ws://{nobody}/"), format!("tcp://{nobody}")] {
        for mode in ["echo", "connect", "idle"] {
            fails(&briefly(&format!("{mode} {url}")), 3, &["was not opened"]);
        }
    }
    let (url, hosted) = host(|mut peer| {
        peer.request();
        peer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        peer.expect_cut();
    });
    fails(&briefly(&format!("echo {url} -c 1")), 3, &["403"]);
    hosted.done();
}

#[test]
fn what_is_not_there_is_named() {
    let url = format!("ws://{}/", nobody());
    for (line, word) in [
        ("echo ws://no.such.name.invalid/", "no.such.name.invalid"),
        ("echo tcp://no.such.name.invalid:1", "no.such.name.invalid"),
        ("echo ws+unix:/no/socket:/", "/no/socket: "),
        (&format!("echo {url} --from ::1"), "::1: "),
        #[cfg(target_os = "linux")]
        (&format!("echo {url} --server-pid 0"), "process 0: "),
    ] {
        fails(&briefly(line), 3, &[word]);
    }
}

#[test]
fn more_connections_than_descriptors_are_refused_before_any_is_dialled() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    for line in [
        "echo -c 113",
        "fanout -c 112",
        "connect -c 4000000000",
        "idle -c 113",
    ] {
        let output = bench_within(128, &format!("{line} {url}"));
        fails(&output, 3, &["the limit is 128"]);
    }
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "somebody was dialled");
}

#[test]
#[cfg(target_os = "linux")]
fn as_many_connections_as_are_not_refused_have_descriptors() {
    let server = Served::echo("");
    for backend in BACKENDS {
        for flags in [
            "echo -c 112 --warm 0 --count 1",
            "idle -c 112 --seconds 1ms",
        ] {
            let flags = format!("{flags} --backend {backend} --server-pid {}", server.pid());
            let output = bench_within(128, &format!("{flags} {}", server.url));
            fails(&output, 0, &[]);
        }
    }
}

#[test]
fn who_is_to_hear_and_does_not_answer_is_not_waited_for() {
    let open = |mut peer: Peer| {
        peer.open();
        peer.expect_cut();
    };
    let (url, hosted) = host(open);
    let (publish, publisher) = host(open);
    let output = briefly(&format!(
        "fanout {url} --publish-url {publish} -c 1 --timeout 1s"
    ));
    let words = "2 of 2 connections did not answer a ping within 1s";
    fails(&output, 3, &[words]);
    hosted.done();
    publisher.done();
    // Each hears only himself.
    let words = "2 of 2 connections did not hear what another said within 1s";
    let output = briefly(&format!("fanout {} -c 2 --timeout 1s", bare(false)));
    fails(&output, 3, &[words]);
}

/// As one is that has been stopped: the kernel connects, and nobody accepts.
#[test]
fn a_server_that_does_not_accept_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for url in [format!("ws://{address}/"), format!("tcp://{address}")] {
        for mode in ["echo", "connect"] {
            let output = briefly(&format!("{mode} {url} -c 70 --timeout 10ms"));
            fails(&output, 3, &["was not opened within 10ms"]);
        }
    }
    let output = briefly(&format!("fanout tcp://{address} -c 70 --timeout 10ms"));
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
    let output = briefly(&format!("echo ws+unix:{}:/ --timeout 10ms", path.display()));
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
    measured(&format!("fanout {url} -c 3"));
}

#[test]
fn an_interrupt_before_anything_was_measured() {
    let before_it_is_open: fn(&mut Peer) = |peer| drop(peer.request());
    let before_an_answer: fn(&mut Peer) = |peer| {
        peer.open();
        peer.receive();
    };
    for (line, wait) in [
        ("echo URL -c 1", before_it_is_open),
        ("idle URL -c 1", before_it_is_open),
        ("fanout URL -c 1", before_it_is_open),
        ("echo URL -c 1 --warm 0 --seconds 1h", before_an_answer),
    ] {
        let (tell, heard) = channel();
        let (url, hosted) = host(move |mut peer| {
            wait(&mut peer);
            tell.send(()).unwrap();
            peer.expect_cut();
        });
        let child = running(&line.replace("URL", &url));
        heard.recv_timeout(host::DEADLINE).unwrap();
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        fails(&output, 130, &["interrupted"]);
        assert_eq!(output.stdout, b"");
        hosted.done();
    }
}

#[test]
fn an_interrupt_ends_it_with_what_there_is() {
    let (tell, heard) = channel();
    let (url, hosted) = host_open(move |mut peer| {
        let mut count = 0;
        peer.answer(|peer, message| {
            count += 1;
            if count == 100 {
                tell.send(()).unwrap();
            }
            peer.send(message.opcode, &message.payload);
        });
    });
    let child = running(&format!("echo {url} {FOR_LONG} --json"));
    heard.recv_timeout(host::DEADLINE).unwrap();
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let report = told(&output);
    assert!(report["count"].as_u64().unwrap() >= 99, "{report}");
    hosted.done();
}
