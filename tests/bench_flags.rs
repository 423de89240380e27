//! What a user may say to `ws4rs bench`, and what help and README say of it.
#![cfg(unix)]

mod load;

use load::{MODES, bench, fails};

#[test]
fn wrong_flags_are_told() {
    for (line, word) in [
        ("sing URL", "sing"),
        ("echo", "URL"),
        ("echo wss://localhost/", "TLS"),
        ("echo http://localhost/", "http"),
        ("echo tcp://localhost", "tcp://HOST:PORT"),
        ("echo tcp://localhost:1 --deflate", "no handshake"),
        ("echo ws+unix:/x:/ --from 127.0.0.1", "Unix socket"),
        ("echo URL -c 0", "--connections"),
        ("echo URL --outstanding 0", "--outstanding"),
        ("echo URL --size many", "--size"),
        ("echo URL --size 32:0", "--size"),
        ("echo URL --size 32:4096,7:1", "4096"),
        ("echo URL --size 32:1,64M:1", "512M"),
        ("echo URL --seconds 0", "--seconds"),
        ("echo URL --count 0", "--count"),
        ("echo URL --from here", "--from"),
        ("echo URL --fail-if p99", "p99>5ms"),
        ("echo URL --fail-if server_ns>1", "--server-pid"),
        ("echo URL --fail-if rate>nan", "no number"),
        ("echo URL --fail-if all_p99>1ms", "does not have"),
        ("connect URL --fail-if behind_p99>1s", "does not have"),
        (
            "fanout URL --fail-if bytes_per_connection>1",
            "does not have",
        ),
        ("rate URL", "--rate"),
        ("rate URL --rate 0", "--rate"),
        ("rate URL --find p98=1ms", "p99.9"),
        ("fanout URL --size 9", "10 bytes"),
        ("fanout URL --publish-url tcp://h:1", "with frames"),
        ("fanout tcp://h:1 --join x", "join"),
    ] {
        let line = line.replace("URL", "ws://127.0.0.1:1/");
        fails(&bench(&line), 2, &[word]);
    }
}

#[test]
fn a_flag_that_means_nothing_to_a_mode_is_a_wrong_one() {
    for (mode, flags) in [
        ("echo", "--rate --find --join --publish-url"),
        ("rate", "--outstanding --join --publish-url"),
        ("fanout", "--rate --find"),
        ("connect", "--outstanding --rate --join"),
        ("idle", "--outstanding --count --warm --rate"),
    ] {
        for flag in flags.split(' ') {
            let output = bench(&format!("{mode} ws://127.0.0.1:1/ {flag} 1"));
            fails(&output, 2, &["unexpected", flag]);
        }
    }
}

#[test]
fn help_has_the_modes() {
    let help = help("");
    for word in [&MODES[..], &["Examples:", "Exit codes:"]].concat() {
        assert!(help.contains(word), "no {word} in {help}");
    }
}

/// README's table of flags may say that one is of `rate` only, or not of `idle`.
#[test]
fn the_readme_has_the_flags_of_each_mode() {
    let readme = include_str!("../README.md");
    let (_, table) = readme
        .split_once("| flag of `bench` | default | |\n|---|---|---|\n")
        .unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    for mode in MODES {
        let named = format!("`{mode}`");
        let rows = table.lines().filter(|row| match row.split_once(" only: ") {
            Some((modes, _)) => modes.contains(&named),
            None => !row.contains(&format!("| not {named}: ")),
        });
        let help = help(mode);
        let flags = help
            .lines()
            .map(str::trim_start)
            .filter(|line| line.starts_with('-'));
        let globals = ["--help", "--log-format", "--verbose", "--quiet"];
        let flags = flags.map(flag).filter(|flag| !globals.contains(flag));
        let (mut known, mut there): (Vec<_>, Vec<_>) = (rows.map(flag).collect(), flags.collect());
        known.sort_unstable();
        there.sort_unstable();
        assert_eq!(known, there, "{mode}");
    }
}

fn help(mode: &str) -> String {
    String::from_utf8(bench(&format!("{mode} --help")).stdout).unwrap()
}

/// The long form of the flag that a line is about.
fn flag(line: &str) -> &str {
    let mut words = line.split(['`', ' ', '[', '=', '.', ',']);
    words.find(|word| word.starts_with("--")).unwrap()
}
