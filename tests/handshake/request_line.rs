//! The request line: method, target and version (H1 to H4, H14, S1).

use ws4rs::proto::handshake::Refusal;

use super::player::{
    assert_plain, assert_refused, assert_taken, assert_upgrade_required, play, read,
};
use super::requests::{UPGRADE, add, request};
use crate::head::head;

#[test]
fn h01_a_request_line_has_three_parts_and_two_spaces() {
    for line in "GET|GET /|GET / |/ HTTP/1.1| GET / HTTP/1.1|GET  / HTTP/1.1|GET /  HTTP/1.1|\
        GET / HTTP/1.1 |GET\t/\tHTTP/1.1|GET /a b HTTP/1.1|G(T / HTTP/1.1|GET /\0 HTTP/1.1|\
        GET / HTTP/1.1 x|\x16\x03\x01\x02\x00\x01|\u{e9}"
        .split('|')
    {
        assert_refused(&request(line), Refusal::Malformed);
    }
    for target in "*|chat|example.com:80|ftp://example.com/|http://|/#top|?q".split('|') {
        let line = format!("GET {target} HTTP/1.1");
        assert_refused(&request(&line), Refusal::Target);
    }
    assert_eq!(Refusal::Malformed.status(), 400);
    assert_eq!(Refusal::Target.status(), 400);
}

#[test]
fn h02_the_version_is_case_sensitive_with_one_digit_each() {
    let versions =
        "http/1.1|Http/1.1|HTTP/1.10|HTTP/11.1|HTTP/1|HTTP/1.|HTTP/.1|HTTP/1,1|HTTP/1.x|\
        HTTP 1.1|HTTPS/1.1|HTTP/-1.1|HTTP/1.1.|HTTP/"
            .split('|');
    for version in versions {
        let line = format!("GET / {version}");
        assert_refused(&request(&line), Refusal::Malformed);
    }
}

#[test]
fn h03_http_1_0_is_plain_and_0_9_is_refused() {
    // 9110 7.8: Upgrade in HTTP/1.0 MUST be ignored.
    let answer = play(&request("GET / HTTP/1.0"));
    assert_upgrade_required(&answer, Refusal::UpgradeRequired);
    // Nor is what it says about websocket looked at.
    assert_plain(&head("GET / HTTP/1.0", &add("Sec-WebSocket-Key: broken")));
    // 1.0 need not send Host, but not two, and no bad one.
    assert_plain(&head("GET / HTTP/1.0", &[""; 0]));
    assert_refused(
        &head("GET / HTTP/1.0", &["Host: a", "Host: a"]),
        Refusal::Host,
    );
    assert_refused(&head("GET / HTTP/1.0", &["Host: a b"]), Refusal::Host);

    assert_refused(&request("GET / HTTP/0.9"), Refusal::HttpVersion);
    assert_refused(b"GET /\r\n\r\n", Refusal::Malformed);
}

#[test]
fn h04_other_major_versions_are_505_and_1_2_is_read_as_1_1() {
    for version in ["HTTP/0.0", "HTTP/2.0", "HTTP/2.1", "HTTP/3.0", "HTTP/9.9"] {
        let answer = play(&request(&format!("GET / {version}")));
        assert_eq!(answer.refused, Some(Refusal::HttpVersion), "{version}");
        assert_eq!(answer.status(), "505 HTTP Version Not Supported");
    }
    assert_refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refusal::HttpVersion);
    for minor in 1..=9 {
        assert_taken(&request(&format!("GET / HTTP/1.{minor}")));
    }
    // A target may end like a version.
    assert_taken(&request("GET /HTTP/1.9 HTTP/1.2"));
}

#[test]
fn h14_an_absolute_target_is_taken_and_its_authority_overrides_host() {
    for (target, host, path, query) in [
        (
            "http://other.example:81/chat?room=1",
            "other.example:81",
            "/chat",
            Some("room=1"),
        ),
        ("ws://other.example/", "other.example", "/", None),
        ("WSS://other.example", "other.example", "/", None),
        ("https://[::1]:9001?x", "[::1]:9001", "/", Some("x")),
    ] {
        let bytes = request(&format!("GET {target} HTTP/1.1"));
        assert_taken(&bytes);
        let seen = read(&bytes, |r| {
            assert_eq!(r.target(), target);
            assert_eq!(r.header("host"), Some(&b"example.com"[..]));
            (
                r.host().to_owned(),
                r.path().to_owned(),
                r.query().map(str::to_owned),
            )
        });
        assert_eq!(
            seen,
            Ok((host.to_owned(), path.to_owned(), query.map(str::to_owned)))
        );
    }
    for target in [
        "http://user@a/",
        "http://a:b/",
        "http:///",
        "http://a b/",
        "http://a/#x",
    ] {
        let bytes = request(&format!("GET {target} HTTP/1.1"));
        assert_eq!(play(&bytes).status(), "400 Bad Request", "{target}");
    }
    // Host is still wanted (9112 3.2).
    let bytes = head("GET http://a/ HTTP/1.1", &UPGRADE[1..]);
    assert_refused(&bytes, Refusal::Host);
}

#[test]
fn s01_the_method_is_get_and_the_version_at_least_1_1() {
    for method in [
        "POST", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "get", "GETS", "M-SEARCH",
    ] {
        let answer = play(&request(&format!("{method} / HTTP/1.1")));
        assert_eq!(answer.refused, Some(Refusal::Method), "{method}");
        assert_eq!(answer.status(), "405 Method Not Allowed");
        assert_eq!(answer.field("Allow"), Some("GET"));
    }
    assert_eq!(
        play(&request("OPTIONS * HTTP/1.1")).status(),
        "405 Method Not Allowed"
    );
    assert_eq!(
        play(&request("CONNECT a:443 HTTP/1.1")).status(),
        "405 Method Not Allowed"
    );
    assert_plain(&request("GET / HTTP/1.0"));
    // Plain requests: HEAD is told what GET is.
    assert_plain(&head("HEAD / HTTP/1.1", &["Host: a"]));
    assert_eq!(
        play(&head("POST / HTTP/1.1", &["Host: a"])).refused,
        Some(Refusal::Method)
    );
    assert_eq!(
        play(&head("OPTIONS * HTTP/1.1", &["Host: a"])).refused,
        Some(Refusal::Method)
    );
}
