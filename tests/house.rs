//! The walls of the house: which room may know which, and where `unsafe` may live.
//!
//! Reads the sources as text; the table is [`ROOMS`]. When this fails, the code is usually in the
//! wrong room; when the wall is wrong, move it here and in CONTRIBUTING.md, in a commit of its own.

use std::fs;
use std::path::{Path, PathBuf};

/// A room, and the rooms it may import.
const ROOMS: &[(&str, &[&str])] = &[
    ("page", &[]),
    ("pool", &["page"]),
    ("random", &[]),
    ("chunk", &["pool"]),
    ("topics", &[]),
    ("simd", &[]),
    ("proto", &["simd", "chunk", "pool", "page", "random"]),
    ("reactor", &["chunk", "page"]),
    ("error", &["proto"]),
    ("config", &["proto", "reactor", "error"]),
    ("server", BELOW),
    ("client", BELOW),
    // The binary is a crate of its own: its `crate::` is not the library's.
    ("main", &["bench", "cli"]),
    ("bench", &[]),
    ("cli", &["main", "bench"]),
];

/// All that `server` and `client` stand on.
const BELOW: &[&str] = &[
    "chunk", "page", "pool", "random", "topics", "simd", "proto", "reactor", "error", "config",
];

/// The only places for `unsafe`: whole folders end in `/`.
const UNSAFE: &[&str] = &[
    "src/simd/",
    "src/simd.rs",
    "src/reactor/uring/ring.rs",
    "src/reactor/buffers.rs",
    "src/reactor/receive.rs",
];

/// What `proto` may not name, as paths from a crate's root.
const NOT_ON_THE_WIRE: &[&str] = &[
    "std::net",
    "std::os",
    "std::fs",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "libc",
    "mio",
    "socket2",
    "io_uring",
];

/// A SAFETY note stands at most this many lines above its `unsafe`.
const NOTE_ABOVE: usize = 8;

#[test]
fn the_walls_hold() {
    let mut found = Vec::new();
    let mut files = 0;
    for folder in ["src", "examples", "autobahn", "perf"] {
        for path in rust_files(&root().join(folder)) {
            let source = fs::read_to_string(&path).expect("a source file is UTF-8");
            found.extend(breaches(&inside(&path), &source));
            files += 1;
        }
    }
    assert!(files > 5, "the walls were held around {files} files only");
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// Everything wrong with one file, each with its line and its room.
fn breaches(path: &str, source: &str) -> Vec<String> {
    let code = without_comments_and_strings(source);
    let mut found = imports(path, &code);
    found.extend(unsafe_places(path, &code, source));
    if room(path) == "proto" {
        found.extend(sockets_and_clocks(path, &code));
    }
    if path.starts_with("src/") && !source.starts_with("//!") {
        found.push(breach(
            path,
            1,
            "opens without a `//!` that says what it is",
        ));
    }
    found
}

fn imports(path: &str, code: &str) -> Vec<String> {
    match room(path) {
        "lib" | "internal" => Vec::new(),
        "perf" => Vec::new(), // Its raw echo may use the back door; the compiler holds the rest.
        "examples" | "autobahn" => back_door(path, code),
        "bench" => neighbours(path, code), // It drives the reactor itself, by the back door.
        "main" | "cli" => [back_door(path, code), neighbours(path, code)].concat(),
        _ => neighbours(path, code),
    }
}

/// `ws4rs::internal` is for tests, benches, fuzzing, perf and `bench`.
fn back_door(path: &str, code: &str) -> Vec<String> {
    paths_from("ws4rs", code)
        .filter(|(_, names)| names.first().is_some_and(|name| name == "internal"))
        .map(|(line, _)| breach(path, line, "uses ws4rs::internal; only the public crate"))
        .collect()
}

fn neighbours(path: &str, code: &str) -> Vec<String> {
    let here = room(path);
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == here) else {
        return vec![breach(
            path,
            1,
            "is in no room of the table in tests/house.rs",
        )];
    };
    let through_crate = paths_from("crate", code);
    // `super::` stays in the room, unless what follows is another room's name.
    let through_super =
        paths_from("super", code).filter(|(_, names)| names.first().is_some_and(|n| is_room(n)));
    through_crate
        .chain(through_super)
        .filter_map(|(line, names)| {
            let there = names.first()?.as_str();
            let fine = there == here || allowed.contains(&there);
            let what = match is_room(there) {
                true => format!("imports {there}, may import {allowed:?}"),
                false => format!("names crate::{there}: name the room it comes from"),
            };
            (!fine).then(|| breach(path, line, &what))
        })
        .collect()
}

fn sockets_and_clocks(path: &str, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for &banned in NOT_ON_THE_WIRE {
        let (root, rest) = banned.split_once("::").unwrap_or((banned, ""));
        let rest: Vec<&str> = rest.split("::").filter(|name| !name.is_empty()).collect();
        for (line, names) in paths_from(root, code) {
            if names.len() >= rest.len() && names.iter().zip(&rest).all(|(a, b)| a == b) {
                found.push(breach(path, line, &format!("names {banned}")));
            }
        }
    }
    found
}

fn unsafe_places(path: &str, code: &str, source: &str) -> Vec<String> {
    let lines: Vec<&str> = source.lines().collect();
    let allowed = UNSAFE
        .iter()
        .any(|place| path == *place || place.ends_with('/') && path.starts_with(place));
    let mut found = Vec::new();
    for at in words(code, "unsafe") {
        let line = line_of(code, at);
        let after = code[at + "unsafe".len()..].trim_start();
        let noted = || {
            let first = line.saturating_sub(1 + NOTE_ABOVE);
            lines[first..line]
                .iter()
                .any(|text| text.contains("SAFETY"))
        };
        if !allowed {
            found.push(breach(path, line, "holds `unsafe`"));
        } else if (after.starts_with('{') || starts_with_word(after, "impl")) && !noted() {
            let what = format!("`unsafe` without SAFETY in the {NOTE_ABOVE} lines above");
            found.push(breach(path, line, &what));
        }
    }
    found
}

fn breach(path: &str, line: usize, what: &str) -> String {
    format!("{path}:{line}: room `{}`: {what}", room(path))
}

/// `src/proto/frame.rs` is in `proto`, `src/chunk.rs` in `chunk`, `perf/…` in `perf`.
fn room(path: &str) -> &str {
    match path.strip_prefix("src/") {
        Some(rest) => rest.split(['/', '.']).next().unwrap_or(rest),
        None => path.split('/').next().unwrap_or(path),
    }
}

fn is_room(name: &str) -> bool {
    ROOMS.iter().any(|(room, _)| *room == name)
}

// ---- reading Rust, just far enough

/// Every path that starts at `root::`, groups taken apart, with its line: `use std::{a, b::{c, d}}`
/// tells `[a]`, `[b, c]` and `[b, d]`. A leading run of `super::super::` counts as one.
fn paths_from<'a>(root: &'a str, code: &'a str) -> impl Iterator<Item = (usize, Vec<String>)> + 'a {
    words(code, root).flat_map(move |at| {
        let mut paths = Vec::new();
        if let Some(mut rest) = code[at + root.len()..].trim_start().strip_prefix("::") {
            while let Some(further) = rest.trim_start().strip_prefix("super")
                && let Some(further) = further.trim_start().strip_prefix("::")
            {
                rest = further;
            }
            tree(rest, &mut Vec::new(), &mut paths);
        }
        let line = line_of(code, at);
        paths.into_iter().map(move |path| (line, path))
    })
}

/// One use-tree from the front of `code`; tells what is left behind it.
fn tree<'a>(code: &'a str, before: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> &'a str {
    let code = code.trim_start();
    if let Some(mut rest) = code.strip_prefix('{') {
        loop {
            rest = rest.trim_start().trim_start_matches(',').trim_start();
            match rest.chars().next() {
                None => return rest,
                Some('}') => return &rest[1..],
                Some(_) => {
                    let after = tree(rest, before, paths);
                    // Whatever is no path (`as name`) is skipped up to the next comma.
                    let skip = after.find([',', '}']).unwrap_or(after.len());
                    rest = &after[skip..];
                }
            }
        }
    }
    let end = code
        .find(|c: char| !is_word(c) && c != '*')
        .unwrap_or(code.len());
    let (name, rest) = code.split_at(end);
    if name.is_empty() {
        return rest;
    }
    before.push(name.to_string());
    let rest = match rest.trim_start().strip_prefix("::") {
        Some(further) if !further.starts_with('<') => tree(further, before, paths),
        _ => {
            paths.push(before.clone());
            rest
        }
    };
    before.pop();
    rest
}

/// Where `word` stands as a word of its own.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| {
            let before = code[..at].chars().next_back();
            // `a::std` and `super::super` are not beginnings.
            let begins = !before.is_some_and(is_word) && !code[..at].ends_with("::");
            begins && starts_with_word(&code[at..], word)
        })
}

fn starts_with_word(code: &str, word: &str) -> bool {
    code.strip_prefix(word)
        .is_some_and(|rest| !rest.chars().next().is_some_and(is_word))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// From 1.
fn line_of(code: &str, at: usize) -> usize {
    1 + code[..at].matches('\n').count()
}

/// The same text, as long and with the same lines, but blank where comments and literals were.
fn without_comments_and_strings(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let length = literal_or_comment(&bytes[at..], at > 0 && is_word(bytes[at - 1] as char));
        for byte in &mut code[at..at + length] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at += length.max(1);
    }
    String::from_utf8(code).expect("whole literals and comments were blanked")
}

/// How long the comment or literal at the front of `text` is; 0 if there is none.
fn literal_or_comment(text: &[u8], in_word: bool) -> usize {
    let until = |end: &[u8], from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        let found = rest.windows(end.len()).position(|window| window == end);
        found.map_or(text.len(), |at| from + at + end.len())
    };
    match text {
        [b'/', b'/', ..] => until(b"\n", 0) - 1,
        [b'/', b'*', ..] => block_comment(text),
        [b'"', ..] => quoted(text),
        [b'r', b'"' | b'#', ..] if !in_word => {
            let hashes = text[1..].iter().take_while(|byte| **byte == b'#').count();
            match text.get(1 + hashes) {
                Some(b'"') => until(&[b"\"", &b"#".repeat(hashes)[..]].concat(), 2 + hashes),
                _ => 0, // r#name
            }
        }
        [b'\'', b'\\', _, ..] => until(b"'", 3),
        // 'x' but not a lifetime; a letter may be up to four bytes.
        [b'\'', rest @ ..] => match rest.iter().take(5).position(|byte| *byte == b'\'') {
            Some(1) => 3,
            Some(end @ 2..=4) if rest[0] >= 0x80 => end + 2,
            _ => 0,
        },
        _ => 0,
    }
}

fn quoted(text: &[u8]) -> usize {
    let mut at = 1;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

fn block_comment(text: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        match &text[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The path inside the project, with `/` everywhere.
fn inside(path: &Path) -> String {
    let inner = path.strip_prefix(root()).expect("found below the root");
    let names: Vec<_> = inner.iter().map(|name| name.to_string_lossy()).collect();
    names.join("/")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    // A folder that is not there yet has no files.
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("a folder that can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

// ---- the watchman is watched

#[track_caller]
fn found(path: &str, body: &str, expected: &[&str]) {
    let found = breaches(path, &format!("//! A room.\n{body}"));
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (breach, part) in found.iter().zip(expected) {
        assert!(breach.contains(part), "{breach} lacks {part}");
    }
}

#[test]
fn a_breach_is_told_with_file_line_and_room() {
    found(
        "src/proto/frame.rs",
        "\nuse crate::reactor::Token;",
        &["src/proto/frame.rs:3: room `proto`: imports reactor"],
    );
}

#[test]
fn a_wall_is_held_however_the_path_is_written() {
    let wrong = ["imports server"];
    found(
        "src/reactor/poll.rs",
        "use crate::{chunk::Chunks, server::{self, Peer}};",
        &["server", "server"],
    );
    found(
        "src/reactor/poll.rs",
        "use crate::\n    server::Peer;",
        &wrong,
    );
    found(
        "src/reactor/poll.rs",
        "fn f(x: &crate::server::Peer) {}",
        &wrong,
    );
    found("src/reactor/mod.rs", "use super::server::Peer;", &wrong);
    found(
        "src/reactor/poll.rs",
        "use super::super::server::Peer;",
        &wrong,
    );
    found("src/simd/mod.rs", "use crate::Chunk;", &["name the room"]);
    found("src/attic.rs", "", &["in no room"]);
}

#[test]
fn what_is_allowed_is_left_in_peace() {
    found(
        "src/proto/outbox.rs",
        "use crate::chunk::Chunks;\nuse super::frame::Header;",
        &[],
    );
    found("src/proto/frame.rs", "pub(in crate::proto) fn f() {}", &[]);
    found(
        "src/server/mod.rs",
        "use crate::{config::Config, proto::{Close as C, *}, error::Error};",
        &[],
    );
    found("src/lib.rs", "pub use crate::server::Server;", &[]);
    found(
        "src/simd/mod.rs",
        "/* crate::server /* */ unsafe */ // unsafe {\nconst S: &str = r#\"unsafe \" {\"#;",
        &[],
    );
    found(
        "src/proto/utf8.rs",
        "fn f<'a>(x: &'a u8) { match '\"' { '\\'' => \"unsafe\\\"unsafe\", '—' => \"\" } }",
        &[],
    );
    found(
        "src/proto/mod.rs",
        "#[forbid(unsafe_code)] fn f(std: u8) { a::std::net(); }",
        &[],
    );
}

#[test]
fn unsafe_stays_in_its_places_and_says_why() {
    found(
        "src/proto/mask.rs",
        "fn f() { unsafe { g() } }",
        &["holds `unsafe`"],
    );
    found(
        "perf/src/bin/raw.rs",
        "unsafe impl Send for X {}",
        &["holds `unsafe`"],
    );
    found(
        "src/simd/mask.rs",
        "fn f() { unsafe { g() } }",
        &["without SAFETY"],
    );
    found(
        "src/reactor/uring/ring.rs",
        "unsafe impl Send for X {}",
        &["without SAFETY"],
    );
    found(
        "src/simd/mask.rs",
        "// SAFETY: it is.\nlet x = unsafe { g() };",
        &[],
    );
    found(
        "src/reactor/buffers.rs",
        "unsafe { g() } // SAFETY: it is.",
        &[],
    );
    let far = format!(
        "// SAFETY: it is.\n{}unsafe {{ g() }}",
        "\n".repeat(NOTE_ABOVE)
    );
    found("src/simd/mask.rs", &far, &["without SAFETY"]);
}

#[test]
fn the_wire_has_no_socket_no_clock_and_no_thread() {
    found(
        "src/proto/stream.rs",
        "use std::time::{Duration, Instant};",
        &["std::time::Instant"],
    );
    found(
        "src/proto/stream.rs",
        "use std::{io, net::{IpAddr}};",
        &["std::net"],
    );
    found(
        "src/proto/stream.rs",
        "fn f() { std::thread::yield_now() }",
        &["std::thread"],
    );
    found("src/proto/stream.rs", "use socket2::Socket;", &["socket2"]);
    found("src/proto/stream.rs", "use std::time::Duration;", &[]);
}

#[test]
fn the_back_door_is_not_for_examples() {
    found(
        "examples/chat.rs",
        "use ws4rs::{internal::x, Server};",
        &["ws4rs::internal"],
    );
    found(
        "autobahn/client.rs",
        "use ws4rs::internal::x;",
        &["ws4rs::internal"],
    );
    found(
        "src/main.rs",
        "use ws4rs::internal;\nmod cli;",
        &["ws4rs::internal"],
    );
    found(
        "src/cli/echo.rs",
        "use crate::chunk::Chunk;",
        &["imports chunk"],
    );
    found("perf/src/bin/raw.rs", "use ws4rs::internal;", &[]);
    found(
        "src/bench/fleet.rs",
        "use ws4rs::internal;\nuse crate::cli::fail;",
        &["imports cli"],
    );
}

#[test]
fn a_file_says_what_it_is() {
    assert_eq!(breaches("src/chunk.rs", "use std::fmt;").len(), 1);
    assert_eq!(breaches("examples/chat.rs", "use std::fmt;").len(), 0);
}
