//! A host and its port, as `Host`, an absolute target and `Origin` spell them (RFC 3986 3.2).
//! `http::uri::Authority` takes the same texts but copies them; the tests compare the two.
use core::net::Ipv6Addr;

/// A host, and a port if one was given. Borrowed, without userinfo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority<'a> {
    text: &'a str,
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`; `None` for anything else, and for user
    /// names, an empty host, or a port that no peer can have.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(literal) => {
                let (address, _) = literal.split_once(']')?;
                address.parse::<Ipv6Addr>().ok()?;
                text.split_at_checked(address.len() + 2)?
            }
            None => {
                let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
                is_name(host).then_some((host, port))?
            }
        };
        let port = match port.strip_prefix(':') {
            Some(digits) => parse_port(digits)?,
            None if port.is_empty() => None,
            None => return None,
        };
        Some(Authority { text, host, port })
    }

    /// As it was sent, port included.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The host alone; an IPv6 literal with its brackets.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The port, if one was given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

/// 3986 3.2.3: `port = *DIGIT`, so "example.com:" is lawful and says nothing.
fn parse_port(digits: &str) -> Option<Option<u16>> {
    if digits.is_empty() {
        return Some(None);
    }
    // `parse` alone would take a sign.
    let port = digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse())?
        .ok()?;
    (port != 0).then_some(Some(port))
}

/// 3986 3.2.2: `reg-name`, which holds IPv4 addresses too; but not empty (9110 4.2.1), and without
/// the percents that no resolver takes and the `http` crate does not either.
fn is_name(host: &str) -> bool {
    let lawful = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&b);
    !host.is_empty() && host.bytes().all(lawful)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_take_the_http_crate_reads_alike() {
        let texts = [
            "example.com",
            "example.com:80",
            "EXAMPLE.com:8080",
            "localhost",
            "a_b.c",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:9001",
            "[2001:db8::ff]:65535",
            "example.com:",
            "x:00080",
            "!$&'()*+,;=-._~",
        ];
        for text in texts {
            let ours = Authority::parse(text).expect(text);
            let theirs: http::uri::Authority = text.parse().expect(text);
            assert_eq!(ours.host(), theirs.host(), "{text}");
            assert_eq!(ours.port(), theirs.port_u16(), "{text}");
            assert_eq!(ours.as_str(), text);
        }
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        let texts = [
            "",
            ":80",
            "a b",
            "user@host",
            "user:pw@host:80",
            "a:b",
            "a:80:80",
            "a:65536",
            "a:0",
            "a:-1",
            "a:+1",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]80",
            "[]",
            "[g::1]",
            "[::1%25eth0]",
            "a/b",
            "a?b",
            "a#b",
            "a%20b",
            "a%2",
            "a%zz",
            "é.example",
            "a,b\\c",
            "http://a",
            "<a>",
            "a\"",
        ];
        for text in texts {
            assert_eq!(Authority::parse(text), None, "{text}");
        }
    }
}
