//! README's table of limits says what the defaults are.
#![cfg(unix)]

use std::time::Duration;

use ws4rs::Config;

#[test]
fn the_table_of_limits_tells_the_defaults() {
    let config = Config::default();
    let expected = [
        ("message,", bytes(config.message_max)),
        ("request head, whole", bytes(config.head.bytes)),
        ("request head, fields", config.head.fields.to_string()),
        ("request line", bytes(config.head.line)),
        ("opening handshake", time(config.handshake_timeout)),
        ("waiting to leave, per", bytes(config.outbox_max)),
        ("waiting to leave, high", bytes(config.outbox_max / 4)),
        ("waiting to leave, low", bytes(config.outbox_max / 16)),
        ("silence until", time(config.idle_timeout)),
        ("ping until", time(config.pong_timeout)),
        ("closing handshake", time(config.close_timeout)),
        ("a send without", time(config.write_timeout)),
        (
            "after the goodbye",
            format!("64 KiB or {}", time(config.linger_timeout)),
        ),
        ("pongs waiting", "4 KiB".to_owned()),
        ("connections,", "65 536".to_owned()),
        ("topics,", config.topics_max.to_string()),
        ("memory for", bytes(config.memory_max)),
        ("mailbox of", bytes(config.mailbox_max)),
    ];
    assert_eq!(config.connections_max, 65_536);
    for (what, default) in expected {
        let row = include_str!("../README.md")
            .lines()
            .find_map(|line| line.strip_prefix("| ").filter(|row| row.starts_with(what)));
        let cell = row.and_then(|row| row.split(" | ").nth(1));
        let cell = cell.unwrap_or_else(|| panic!("README has no row for {what}"));
        assert!(
            cell.starts_with(&default),
            "{what}: {cell} and not {default}"
        );
    }
}

fn bytes(count: usize) -> String {
    match count {
        count if count >= 1 << 30 => format!("{} GiB", count >> 30),
        count if count >= 1 << 20 => format!("{} MiB", count >> 20),
        count => format!("{} KiB", count >> 10),
    }
}

fn time(time: Duration) -> String {
    format!("{} s", time.as_secs())
}
