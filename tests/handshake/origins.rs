//! Which origins pass (S11).

use ws4rs::proto::handshake::{OriginPolicy, Refusal};

use super::player::read;
use super::requests::{strings, with};
use crate::head::head;

#[test]
fn s11_same_host_compares_host_and_port() {
    let allowed = [
        ("example.com", "http://example.com"),
        ("example.com", "https://example.com"),
        ("example.com", "HTTPS://EXAMPLE.com"),
        ("example.com:80", "http://example.com"),
        ("example.com:443", "https://example.com"),
        ("example.com", "http://example.com:80"),
        ("example.com:8080", "http://example.com:8080"),
        ("[::1]:9001", "http://[::1]:9001"),
        ("[::1]", "https://[::1]"),
    ];
    for (host, origin) in allowed {
        assert!(
            allows(&OriginPolicy::SameHost, host, Some(origin.as_bytes())),
            "{host} {origin}"
        );
    }
    let refused = [
        ("example.com", "http://example.com:8080"),
        ("example.com:8080", "http://example.com"),
        ("example.com:443", "http://example.com"),
        ("example.com", "http://evil.example.com"),
        ("example.com", "http://evilexample.com"),
        ("example.com", "http://example.com.evil"),
        ("example.com", "http://example.co"),
        ("example.com", "http://example.com/"),
        ("example.com", "http://example.com@evil"),
        ("example.com", "http://evil@example.com"),
        ("example.com", "http://example.com http://evil"),
        ("example.com", "chrome-extension://example.com"),
        ("example.com", "example.com"),
        ("example.com", "//example.com"),
        ("example.com", "null"),
        ("example.com", ""),
        ("null", "null"),
    ];
    for (host, origin) in refused {
        assert!(
            !allows(&OriginPolicy::SameHost, host, Some(origin.as_bytes())),
            "{host} {origin}"
        );
    }
    // Bytes that are no text do not pass for no origin.
    assert!(!allows(
        &OriginPolicy::SameHost,
        "example.com",
        Some(b"http://example.com\xff")
    ));
    assert!(allows(&OriginPolicy::SameHost, "example.com", None));
}

#[test]
fn s11_a_list_compares_whole_origins() {
    let list = OriginPolicy::List(strings(&[
        "https://example.com",
        "http://localhost:8080",
        "chrome-extension://abcdef",
    ]));
    for origin in [
        "https://example.com",
        "https://Example.COM:443",
        "http://localhost:8080",
        "chrome-extension://abcdef",
    ] {
        assert!(
            allows(&list, "any.host", Some(origin.as_bytes())),
            "{origin}"
        );
    }
    for origin in "http://example.com|https://example.com:8443|https://a.example.com|\
        https://example.com.evil|https://notexample.com|https://example.com/|\
        http://localhost|chrome-extension://abcdef:1|null|"
        .split('|')
    {
        assert!(
            !allows(&list, "any.host", Some(origin.as_bytes())),
            "{origin}"
        );
    }
    assert!(allows(&list, "any.host", None));
    let null = OriginPolicy::List(strings(&["null"]));
    assert!(allows(&null, "a", Some(b"null")));
    assert!(!allows(&null, "a", Some(b"NULL")));
    assert!(!allows(&null, "a", Some(b"http://null")));
    assert!(!allows(
        &OriginPolicy::List(Vec::new()),
        "a",
        Some(b"http://a")
    ));
    assert!(!allows(
        &OriginPolicy::List(strings(&["", "bad"])),
        "a",
        Some(b"bad")
    ));
}

#[test]
fn s11_two_origins_pass_only_where_any_does() {
    let bytes = with("Origin", "http://example.com\r\nOrigin: http://example.com");
    assert_eq!(
        read(&bytes, |r| OriginPolicy::SameHost.allows(r)),
        Ok(false)
    );
    assert_eq!(read(&bytes, |r| OriginPolicy::Any.allows(r)), Ok(true));
    for origin in ["null", "http://evil", "", "\u{e9}"] {
        assert!(allows(&OriginPolicy::Any, "a", Some(origin.as_bytes())));
    }
    let old = head("GET / HTTP/1.0", &["Origin: http://a"]);
    assert_eq!(read(&old, |r| OriginPolicy::SameHost.allows(r)), Ok(false));
    assert_eq!(Refusal::Origin.status(), 403);
}

fn allows(policy: &OriginPolicy, host: &str, origin: Option<&[u8]>) -> bool {
    let mut bytes = with("Host", host);
    if let Some(origin) = origin {
        bytes.truncate(bytes.len() - 2);
        bytes.extend_from_slice(&[b"Origin: ", origin, b"\r\n\r\n"].concat());
    }
    read(&bytes, |request| policy.allows(request)).unwrap()
}
