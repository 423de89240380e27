//! `ws4rs bench` and whom it is let loose on: our own servers, and one without frames. What it is asked
//! is written as on a command line.
#![allow(dead_code, unreachable_pub)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

pub const BACKENDS: [&str; 2] = ["auto", "mio"];
pub const MODES: [&str; 5] = ["echo", "rate", "fanout", "connect", "idle"];

/// A server of ours, killed when dropped.
pub struct Served {
    process: Child,
    pub url: String,
}

impl Served {
    pub fn start(line: &str) -> Self {
        let mut process = command(line)
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

    pub fn echo(more: &str) -> Self {
        Served::start(&format!("echo --workers 1 --listen 127.0.0.1:0 {more}"))
    }

    pub fn broadcast(more: &str) -> Self {
        let line = format!("broadcast --workers 1 --listen 127.0.0.1:0 {more}");
        Served::start(&line)
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ws4rs"));
    command.args(line.split_whitespace()).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn bench(line: &str) -> Output {
    command(&format!("bench {line}")).output().unwrap()
}

/// Runs it where so many descriptors are permitted.
pub fn bench_within(descriptors: usize, line: &str) -> Output {
    let binary = env!("CARGO_BIN_EXE_ws4rs");
    let line = format!("ulimit -n {descriptors} && exec '{binary}' bench {line}");
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).output().unwrap()
}

/// Lets it run.
pub fn running(line: &str) -> Child {
    command(&format!("bench {line}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs it to its end, which is soon.
pub fn briefly(line: &str) -> Output {
    let end = match line.starts_with("idle") {
        true => "--seconds 1ms",
        false => "--warm 0 --seconds 1h --count 50",
    };
    bench(&format!("{line} {end}"))
}

/// A run that finds nothing wrong, and what it tells.
#[track_caller]
pub fn measured(line: &str) -> Value {
    let output = briefly(&format!("{line} --json"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{line}: {errors}");
    assert_eq!(errors, "");
    let report = told(&output);
    assert!(report["count"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(report["errors"], 0, "{report}");
    report
}

/// The one line of JSON.
#[track_caller]
pub fn told(output: &Output) -> Value {
    let out = str::from_utf8(&output.stdout).unwrap();
    assert_eq!(out.lines().count(), 1, "{out}");
    serde_json::from_str(out).unwrap()
}

/// A run that ends with this code, and says so with these words.
#[track_caller]
pub fn fails(output: &Output, code: i32, words: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    for word in words {
        assert!(errors.contains(word), "no {word:?} in {errors:?}");
    }
}

pub fn interrupt(child: &Child) {
    let kill = format!("kill -INT {}", child.id());
    let shell = Command::new("sh").args(["-c", &kill]).status();
    assert!(shell.unwrap().success());
}

/// A server without frames: what comes from one goes to the one, or to all.
pub fn bare(to_all: bool) -> String {
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
    let _ = from.shutdown(Shutdown::Both);
}
