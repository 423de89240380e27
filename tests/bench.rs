//! `ws4rs bench` as its users meet it: what is measured in each mode, and how it is told.
#![cfg(unix)]

mod host;
mod load;

use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};

use host::{CONTINUATION, Frame, PING, PONG, Peer, TEXT, frame, host, host_open};
use load::{BACKENDS, Served, bare, bench, briefly, measured, told};

#[test]
fn echo_over_both_backends() {
    let server = Served::echo("--deflate");
    for backend in BACKENDS {
        for more in [
            "-c 3 --outstanding 4",
            "-c 2 --outstanding 300 --kind mixed --size 500",
            "-c 2 --kind binary --size 0:1,32:5,4K:3,64K:1",
            "-c 2 --outstanding 3 --deflate --size 900",
        ] {
            let report = measured(&format!("echo {} --backend {backend} {more}", server.url));
            assert_eq!(report["unit"], "messages");
            assert_eq!(report["mode"], "echo");
        }
    }
}

#[test]
fn a_report_has_everything() {
    let server = Served::echo("--deflate=takeover");
    let report = measured(&format!(
        "echo {} -c 2 --size 300:2,1K:1 --kind mixed --deflate=takeover --server-pid {}",
        server.url,
        server.pid()
    ));
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
    for (within, names) in [
        ("latency_us", &["p50", "p90", "p99", "p99_9", "max"][..]),
        ("wire_bytes", &["sent_per_unit", "received_per_unit"]),
        ("server", &["rss_bytes"]),
    ] {
        for name in names {
            assert!(number(&report[within][name]) > 0.0, "{report}");
        }
    }
    for who in ["server", "generator"] {
        for name in ["cpu_ns_per_unit", "cores"] {
            assert!(report[who][name].is_number(), "{report}");
        }
    }
    assert!(report["server"]["rss_exact"].is_boolean(), "{report}");
    assert_eq!(report["sizes"], "300:2,1024:1");
    assert_eq!(report["deflate"], "takeover");
    assert_eq!(report["url"], server.url);
    // What is compressed is shorter than what is said.
    assert!(
        number(&report["wire_bytes"]["sent_per_unit"]) < 500.0,
        "{report}"
    );
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// All names in a report, those within others too.
fn names(report: &Value) -> Vec<&str> {
    let fields = report.as_object().into_iter().flatten();
    let each = fields.map(|(name, within)| [vec![name.as_str()], names(within)].concat());
    each.collect::<Vec<_>>().concat()
}

#[test]
fn the_readme_has_the_names_of_a_report() {
    let (one, all) = (Served::echo(""), Served::broadcast(""));
    let readme = include_str!("../README.md");
    for line in [
        format!("echo {} -c 1", one.url),
        format!("rate {} -c 1 --rate 2e6 --find p50=1h", one.url),
        format!("fanout {} -c 1", all.url),
        format!("idle {} -c 1 --server-pid {}", one.url, one.pid()),
    ] {
        for name in names(&measured(&line)) {
            assert!(readme.contains(&format!("`{name}`")), "no {name}");
        }
    }
}

#[test]
fn a_rate_is_kept_and_found() {
    let server = Served::echo("");
    let report = measured(&format!("rate {} -c 3 --rate 2000", server.url));
    assert_eq!(report["asked_rate"], 2000.0);
    assert!(report["behind_us"]["max"].is_number());
    // Whatever the machine does, less than an hour it is.
    let report = measured(&format!(
        "rate {} -c 3 --find p50=1h --rate 2e6",
        server.url
    ));
    assert!(report["asked_rate"].is_number());
}

#[test]
fn a_rate_beyond_us_ends_when_it_should() {
    let server = Served::echo("");
    // More than one turn asks.
    let flags = "-c 1 --rate 1e9 --warm 0 --count 20000 --json";
    let report = told(&bench(&format!("rate {} {flags}", server.url)));
    assert!(number(&report["behind_us"]["max"]) > 0.0, "{report}");
}

#[test]
fn a_count_is_kept_however_many_connections_there_are() {
    let (one, all, bytes) = (Served::echo(""), Served::broadcast(""), bare(false));
    let count = |line: &str| {
        let report = told(&bench(&format!("{line} --seconds 1h --json")));
        assert_eq!(report["errors"], 0, "{report}");
        (report["count"].as_u64().unwrap(), report)
    };
    for warm in ["0", "5ms"] {
        for (mode, url) in [
            ("echo --outstanding 2", &one.url),
            ("echo", &bytes),
            ("rate --rate 1e5", &one.url),
            ("connect", &one.url),
        ] {
            for asked in [1, 30, 300] {
                let line = format!("{mode} {url} -c 50 --warm {warm} --count {asked}");
                let (counted, report) = count(&line);
                assert_eq!(counted, asked, "{report}");
                // A masked frame, or as many bytes.
                assert!(
                    mode == "connect" || report["wire_bytes"]["sent_per_unit"] == 38.0,
                    "{report}"
                );
            }
        }
        // Two messages, which three hear.
        let (heard, report) = count(&format!("fanout {} -c 3 --warm {warm} --count 4", all.url));
        assert!((4..=6).contains(&heard), "{report}");
        let sent = number(&report["wire_bytes"]["sent_per_unit"]) * heard as f64;
        assert!((sent - 76.0).abs() < 1e-6, "{report}");
    }
}

#[test]
fn everybody_hears_what_is_published() {
    for more in ["", "--self"] {
        let server = Served::broadcast(more);
        for backend in BACKENDS {
            let report = measured(&format!(
                "fanout {} -c 3 --outstanding 5 --size 40:1,20K:1 --join hello --backend {backend}",
                server.url
            ));
            assert_eq!(report["unit"], "deliveries");
            assert!(number(&report["latency_all_us"]["max"]) > 0.0);
        }
    }
}

#[test]
fn what_is_published_is_text_whatever_its_length() {
    let server = Served::broadcast("");
    for size in [10, 11, 12, 13, 17, 23, 34] {
        let line = format!("fanout {} -c 1 --size {size} --kind mixed", server.url);
        measured(&line);
    }
}

#[test]
fn connections_come_and_go() {
    let server = Served::echo("");
    for backend in BACKENDS {
        let line = format!("connect {} --backend {backend}", server.url);
        let report = measured(&format!("{line} -c 3"));
        assert_eq!(report["unit"], "cycles");
        measured(&format!("{line} --from 127.0.0.1"));
    }
}

#[test]
fn connections_that_are_idle_are_held() {
    let server = Served::echo("");
    let line = format!("idle {} -c 5 --server-pid {}", server.url, server.pid());
    let report = measured(&line);
    assert_eq!(report["count"], 5);
    assert!(
        report["server"]["bytes_per_connection"].is_number(),
        "{report}"
    );
}

#[test]
fn bytes_without_frames() {
    let (one, all) = (bare(false), bare(true));
    let echoed = measured(&format!(
        "echo {one} -c 2 --outstanding 3 --size 32:3,20K:1"
    ));
    // Two headers of 8 bytes at most, and the key.
    assert!(number(&echoed["wire_bytes"]["sent_per_unit"]) > 38.0);
    measured(&format!("rate {one} -c 2 --rate 500"));
    measured(&format!("connect {one} -c 2"));
    measured(&format!("idle {one} -c 2"));
    measured(&format!("fanout {all} -c 2"));
}

#[test]
fn a_unix_socket() {
    let path = std::env::temp_dir().join(format!("ws4rs-bench-{}", std::process::id()));
    let server = Served::start(&format!("echo --listen unix:{}", path.display()));
    measured(&format!("echo {} -c 2", server.url));
    measured(&format!("connect {} -c 2", server.url));
    drop(server);
    let _ = std::fs::remove_file(path);
}

#[test]
fn pings_and_fragments_between_are_no_fault() {
    let (url, hosted) = host_open(|mut peer| {
        let mut pongs = 0;
        peer.answer(
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
    measured(&format!("echo {url} -c 1 --outstanding 2"));
    assert!(hosted.done() > 0);
}

/// What is said of compression when each of two connections is answered so.
fn agreed(answers: [&'static str; 2]) -> Value {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let hosted = answers.map(|answer| {
        let listener = listener.try_clone().unwrap();
        thread::spawn(move || {
            let mut peer = Peer::new(listener.accept().unwrap().0);
            peer.open_with(answer, b"");
            peer.answer(|peer, frame| peer.send(frame.opcode, &frame.payload));
        })
    });
    // Noise gets no smaller: none of it is compressed.
    let report = measured(&format!("echo {url} -c 2 --kind binary --deflate=takeover"));
    hosted.into_iter().for_each(|thread| thread.join().unwrap());
    report["deflate"].clone()
}

#[test]
fn compression_is_what_both_directions_of_all_connections_have() {
    let takeover = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let shared = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
                  client_no_context_takeover\r\n";
    let ours = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n";
    let theirs = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n";
    assert_eq!(agreed([takeover, takeover]), "takeover");
    assert_eq!(agreed([shared, shared]), "shared");
    assert_eq!(agreed([ours, ours]), "one-way");
    assert_eq!(agreed([theirs, theirs]), "one-way");
    assert_eq!(agreed([shared, takeover]), "mixed");
    assert_eq!(agreed([takeover, ""]), "mixed");
    assert_eq!(agreed(["", ""]), Value::Null);
}

/// More than a socket takes at once.
#[test]
fn bytes_are_counted_once_however_often_they_are_offered() {
    let server = Served::echo("--max-message 8M");
    for backend in BACKENDS {
        let report = told(&bench(&format!(
            "echo {} -c 1 --size 8M --kind binary --backend {backend} --warm 0 --count 4 --json",
            server.url
        )));
        let sent = number(&report["wire_bytes"]["sent_per_unit"]);
        assert_eq!(sent, f64::from((8 << 20) + 14), "{report}");
    }
}

#[test]
fn what_is_asked_for_reaches_the_server() {
    let (url, hosted) = host(|mut peer| {
        let request = peer.open_with("Sec-WebSocket-Protocol: b\r\n", b"");
        peer.answer(
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
    let asked = "-H X-Key:7 -s a -s b --origin https://here.example";
    measured(&format!("echo {url} -c 1 {asked}"));
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
    let server = Served::echo("");
    let line = format!("echo {} --fail-if p99>1h", server.url);
    let conditions = "--fail-if rate<1e15 --fail-if count>=1";
    let output = briefly(&format!("{line} {conditions} --json"));
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(told(&output)["failed"], json!(["rate<1e15", "count>=1"]));
    measured(&format!("{line} --fail-if errors>0"));
}

#[test]
fn a_report_for_people() {
    let server = Served::echo("");
    let output = briefly(&format!("echo {} -c 2 --fail-if rate<1e15", server.url));
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
