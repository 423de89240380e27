//! Where to dial: what a URL says, and what says nothing (C1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header;
use ws4rs::proto::handshake::{Dial, Endpoint, Url, UrlError};

use super::asked::{ask, url, value};
use super::both_sides::assert_taken_by_our_server;

#[test]
fn c01_a_url_has_a_host_a_port_and_a_target() {
    for (text, host, port, secure, field, target) in [
        ("ws://a", "a", 80, false, "a", "/"),
        ("wss://a", "a", 443, true, "a", "/"),
        (
            "WS://EXAMPLE.com/Chat",
            "example.com",
            80,
            false,
            "example.com",
            "/Chat",
        ),
        (
            "wSs://a:9001/x?y=1&z",
            "a",
            9001,
            true,
            "a:9001",
            "/x?y=1&z",
        ),
        ("ws://a?x", "a", 80, false, "a", "/?x"),
        ("ws://a/?", "a", 80, false, "a", "/?"),
        ("ws://a//b:c@d", "a", 80, false, "a", "//b:c@d"),
        ("ws://a:80/", "a", 80, false, "a", "/"),
        ("wss://a:443/", "a", 443, true, "a", "/"),
        ("ws://a:443/", "a", 443, false, "a:443", "/"),
        ("wss://a:80/", "a", 80, true, "a:80", "/"),
        ("ws://a:00080/", "a", 80, false, "a", "/"),
        ("ws://a:/", "a", 80, false, "a", "/"),
        ("ws://a:65535", "a", 65535, false, "a:65535", "/"),
        (
            "ws://127.0.0.1:1",
            "127.0.0.1",
            1,
            false,
            "127.0.0.1:1",
            "/",
        ),
        ("ws://[::1]", "::1", 80, false, "[::1]", "/"),
        (
            "wss://[2001:DB8::1]:9/x",
            "2001:db8::1",
            9,
            true,
            "[2001:db8::1]:9",
            "/x",
        ),
        ("  ws://a/x  ", "a", 80, false, "a", "/x"),
    ] {
        let url = Url::parse(text).expect(text);
        assert_eq!(url.endpoint(), Endpoint::Tcp { host, port }, "{text}");
        assert_eq!(url.is_secure(), secure, "{text}");
        assert_eq!(url.host(), field, "{text}");
        assert_eq!(url.target(), target, "{text}");
        // And it is given back.
        let again = if secure { "wss" } else { "ws" };
        assert_eq!(url.to_string(), format!("{again}://{field}{target}"));
        assert_eq!(url.to_string().parse(), Ok(url), "{text}");
    }
}

#[test]
fn c01_a_unix_socket_is_written_as_the_npm_package_writes_it() {
    for (text, path, target) in [
        ("ws+unix:/run/x.sock", "/run/x.sock", "/"),
        ("ws+unix:/run/x.sock:", "/run/x.sock", "/"),
        ("ws+unix:/run/x.sock:/chat?x=1", "/run/x.sock", "/chat?x=1"),
        ("ws+unix:/run/x.sock:?x=1", "/run/x.sock", "/?x=1"),
        ("ws+unix:///run/x.sock:/a:b", "/run/x.sock", "/a:b"),
        ("WS+UNIX://x.sock", "x.sock", "/"),
        ("ws+unix:./x.sock", "./x.sock", "/"),
        ("ws+unix:////x", "//x", "/"),
        ("ws+unix:/a%3Ab%20%23%3f%25/é:/", "/a:b #?%/é", "/"),
        ("ws+unix:/user@host/x", "/user@host/x", "/"),
    ] {
        let url = Url::parse(text).expect(text);
        assert_eq!(url.endpoint(), Endpoint::Unix(path), "{text}");
        assert_eq!((url.target(), url.host()), (target, "localhost"), "{text}");
        assert!(!url.is_secure());
        assert_eq!(url.to_string().parse(), Ok(url), "{text}");
    }
    let paths = "ws+unix:|ws+unix://|ws+unix::/x|ws+unix:/a:b|ws+unix:/a?x=1|ws+unix:/a?:/|\
        ws+unix:/a%00b|ws+unix:/%ff";
    assert_urls(paths, UrlError::Path);
}

#[test]
fn c01_what_is_no_place_to_dial_is_told_with_what_to_write() {
    assert_urls(
        "|a|/|//a|a:80|localhost:9001/x|ftp://a|wss+unix:/a|ws:a|ws:/a|ws",
        UrlError::Scheme,
    );
    assert_urls("http://a|HTTPS://a/x|http:", UrlError::Http);
    assert_urls(
        "ws://a/#|ws://a#x|wss://a/?x#y|ws://#@a|ws+unix:/a#b",
        UrlError::Fragment,
    );
    assert_urls(
        "ws://|ws:///x|ws://?x|ws://:80|ws://a b|ws://::1|ws://[::1|ws://[]|ws://[::1]x|\
        ws://[::1%25eth0]|ws://bücher.example|ws://a%20b|ws://a\\b|ws://a,b\"|ws://u@|ws://[g::1]",
        UrlError::Host,
    );
    assert_urls(
        "ws://a:0|ws://a:65536|ws://a:x|ws://a:-1|ws://a:+1|ws://[::1]:0|ws://a:80:80|ws://a: 80",
        UrlError::Port,
    );
    assert_urls(
        "ws://a%3Ab:c@d|ws://a%0D%0Ab@c|ws://a:%00@c|ws://a\\@b|ws://a@b@c|ws://a@b@c:80",
        UrlError::User,
    );
    assert!(UrlError::Http.to_string().contains("ws://"));
    assert!(UrlError::Fragment.to_string().contains("%23"));
    // C1: fragments count before anything else that is wrong with a place of ours.
    assert_urls("ws://#", UrlError::Fragment);
}

#[test]
fn c01_what_a_target_cannot_hold_is_encoded_as_browsers_do() {
    for (written, sent) in [
        ("/a b", "/a%20b"),
        ("/é?ü=ß", "/%C3%A9?%C3%BC=%C3%9F"),
        ("/\u{85}\u{1f600}", "/%C2%85%F0%9F%98%80"),
        ("?a b", "/?a%20b"),
        ("/%41%zz%", "/%41%zz%"),
        ("/a[]{}|\\^`\"<>", "/a[]%7B%7D%7C%5C%5E%60%22%3C%3E"),
        ("/!$&'()*+,;=:@-._~/?", "/!$&'()*+,;=:@-._~/?"),
    ] {
        let url = url(&format!("ws://a{written}"));
        assert_eq!(url.target(), sent);
        assert_taken_by_our_server(&Dial::new(url));
    }
}

#[test]
fn c01_user_and_password_become_authorization_and_are_told_to_nobody_else() {
    for (user, told) in [
        ("user:password", "user:password"),
        ("user", "user:"),
        (":password", ":password"),
        ("u%40x:p%3A%2F:%C3%A9", "u@x:p:/:é"),
        ("ü:50%", "ü:50%"),
    ] {
        let url = url(&format!("ws://{user}@example.com:81/x"));
        assert_eq!(url.to_string(), "ws://example.com:81/x");
        assert_eq!(url.host(), "example.com:81");
        let asked = ask(&Dial::new(url.clone()));
        let basic = format!("Basic {}", STANDARD.encode(told));
        assert_eq!(asked.field("Authorization"), Some(&*basic), "{user}");
        // Nor by what is written to a log.
        let logged = format!("{url:?} {:?}", Dial::new(url.clone()));
        assert!(!logged.contains(&STANDARD.encode(told)), "{logged}");
        // A caller who sets his own is heard.
        let own = Dial::new(url).header(header::AUTHORIZATION, value("Bearer x"));
        assert_eq!(ask(&own).fields("Authorization"), ["Bearer x"]);
    }
    assert_eq!(ask(&Dial::new(url("ws://@a"))).field("Authorization"), None);
}

#[test]
fn c01_hosts_and_targets_are_those_that_the_http_crate_reads() {
    for text in
        "ws://a|wss://a.example:81/x|ws://[::1]:9/a/b?c=d&e|ws://u:p@a/x|ws://a/%41:@".split('|')
    {
        let (ours, theirs) = (url(text), text.parse::<http::Uri>().unwrap());
        let port = theirs
            .port_u16()
            .unwrap_or(if ours.is_secure() { 443 } else { 80 });
        let host = theirs.host().unwrap().trim_matches(['[', ']']);
        assert_eq!(ours.endpoint(), Endpoint::Tcp { host, port }, "{text}");
        assert_eq!(ours.target(), theirs.path_and_query().unwrap().as_str());
    }
}

#[track_caller]
fn assert_urls(texts: &str, error: UrlError) {
    for text in texts.split('|') {
        assert_eq!(Url::parse(text), Err(error), "{text:?}");
        assert_eq!(text.parse::<Url>(), Err(error));
    }
}
