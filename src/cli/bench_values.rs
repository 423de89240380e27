//! What the flags of `bench` are written in: targets, mixes of sizes, ranges of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ws4rs::proto::handshake::{Endpoint, Url};

use super::flags::{size, time};
use crate::bench::{Condition, Goal, Sizes};

/// A server, as a URL names it.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// As it was written: what is told of it holds no password.
    Ws {
        text: String,
        url: Url,
    },
    Tcp(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Ws { text, .. } => f.write_str(text),
            Place::Tcp(name) => write!(f, "tcp://{name}"),
        }
    }
}

pub(super) fn place(text: &str) -> Result<Place, String> {
    if let Some(name) = text.strip_prefix("tcp://") {
        let name = name.trim_end_matches('/');
        let port = name.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        return match port {
            Some(Ok(_)) => Ok(Place::Tcp(name.to_owned())),
            _ => Err("bytes without frames go to tcp://HOST:PORT".to_owned()),
        };
    }
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.is_secure() {
        true => Err("wss is TLS, which bench does not speak yet".to_owned()),
        false => Ok(Place::Ws {
            text: match url.endpoint() {
                Endpoint::Tcp { .. } => without_user(text),
                Endpoint::Unix(_) => text.to_owned(),
            },
            url,
        }),
    }
}

fn without_user(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("ws", url));
    // What is an @ in the target is that, and no user.
    let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    let user = authority
        .split_once('@')
        .map_or(0, |(user, _)| user.len() + 1);
    format!("{scheme}://{}", &rest[user..])
}

/// `32`, or sizes with their weights: `32:80,4K:15,64K:5`.
pub(super) fn sizes(text: &str) -> Result<Sizes, String> {
    let weighted = |text: &str| match text.split_once(':') {
        None => Ok((message_size(text)?, 1)),
        Some((bytes, weight)) => {
            let weight = weight
                .parse()
                .map_err(|error| format!("{weight}: {error}"))?;
            Ok((message_size(bytes)?, weight))
        }
    };
    let all: Result<Vec<_>, String> = text.split(',').map(weighted).collect();
    Sizes::new(all?).ok_or_else(|| "weights are 1 or more, and parts of 4096 at most".to_owned())
}

fn message_size(text: &str) -> Result<usize, String> {
    match size(text)? {
        bytes if bytes > SIZE_MAX => Err("a message has 64M at most".to_owned()),
        bytes => Ok(bytes),
    }
}

/// One address, or the first and the last of many: `127.0.0.2-127.0.0.9`.
pub(super) fn addresses(text: &str) -> Result<Vec<IpAddr>, String> {
    let address = |text: &str| -> Result<IpAddr, String> {
        text.trim()
            .parse()
            .map_err(|error| format!("{text}: {error}"))
    };
    let Some((first, last)) = text.split_once('-') else {
        return Ok(vec![address(text)?]);
    };
    let all: Vec<IpAddr> = match (address(first)?, address(last)?) {
        (IpAddr::V4(first), IpAddr::V4(last)) => range(first.to_bits(), last.to_bits())
            .map(|bits| Ipv4Addr::from_bits(bits).into())
            .collect(),
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            let to_bits = |address: Ipv6Addr| address.to_bits();
            range(to_bits(first), to_bits(last))
                .map(|bits| Ipv6Addr::from_bits(bits).into())
                .collect()
        }
        _ => Vec::new(),
    };
    match all.is_empty() {
        true => Err("a range goes from an address to a later one of the same kind".to_owned()),
        false => Ok(all),
    }
}

fn range<T: Copy>(first: T, last: T) -> impl Iterator<Item = T>
where
    std::ops::RangeInclusive<T>: Iterator<Item = T>,
{
    (first..=last).take(ADDRESSES_MAX)
}

/// `p99>5ms`
pub(super) fn condition(text: &str) -> Result<Condition, String> {
    Condition::parse(text, time, size)
}

/// `p99=5ms`
pub(super) fn goal(text: &str) -> Result<Goal, String> {
    let (name, bound) = text.split_once('=').ok_or("a goal is p99=5ms")?;
    Goal::new(name.trim(), time(bound.trim())?)
        .ok_or_else(|| "a goal is of p50, p90, p99 or p99.9: p99=5ms".to_owned())
}

/// More than no time.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    match time(text)? {
        Duration::ZERO => Err("it takes some time".to_owned()),
        time => Ok(time),
    }
}

/// More than nothing.
pub(super) fn some_rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "a rate is a number".to_owned())?;
    match rate > 0.0 && rate <= RATE_MAX {
        true => Ok(rate),
        false => Err("a rate is more than 0 and at most 1e9".to_owned()),
    }
}

/// 64 MiB: the few wordings of it are kept twice, and take half a gigabyte.
const SIZE_MAX: usize = 64 << 20;
/// 4096: a hundred million ports.
const ADDRESSES_MAX: usize = 4096;
/// One in a nanosecond.
const RATE_MAX: f64 = 1e9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_suffixes_and_weights() {
        assert_eq!(sizes("32").unwrap().to_string(), "32");
        let mix = sizes("32:80,4K:15,64K:5").unwrap();
        assert_eq!(mix.to_string(), "32:80,4096:15,65536:5");
        for wrong in [
            "",
            "many",
            "32:",
            "32:0",
            "32:80,",
            "32:4096,7:1",
            "32:-1",
            "1G",
        ] {
            assert!(sizes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_are_one_or_a_range() {
        let all = addresses("127.0.0.254-127.0.1.1").unwrap();
        let named: Vec<_> = all.iter().map(IpAddr::to_string).collect();
        assert_eq!(
            named,
            ["127.0.0.254", "127.0.0.255", "127.0.1.0", "127.0.1.1"]
        );
        assert_eq!(addresses("::1").unwrap().len(), 1);
        assert_eq!(
            addresses("10.0.0.0-10.255.0.0").unwrap().len(),
            ADDRESSES_MAX
        );
        for wrong in [
            "",
            "localhost",
            "127.0.0.2-127.0.0.1",
            "127.0.0.1-::1",
            "1.2.3.4-",
        ] {
            assert!(addresses(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_place_is_told_without_its_user() {
        for (text, told) in [
            ("ws://h/a@b", "ws://h/a@b"),
            ("ws://h?a@b", "ws://h?a@b"),
            ("ws://user:word@h:1/a@b/?c", "ws://h:1/a@b/?c"),
            ("ws://user@h", "ws://h"),
            ("ws+unix:/tmp/a@b:/c", "ws+unix:/tmp/a@b:/c"),
            ("ws+unix://a@b", "ws+unix://a@b"),
        ] {
            assert_eq!(place(text).unwrap().to_string(), told);
        }
    }

    #[test]
    fn places_are_websockets_or_bytes() {
        assert!(matches!(place("ws://localhost/x"), Ok(Place::Ws { .. })));
        assert!(matches!(place("ws+unix:/tmp/x"), Ok(Place::Ws { .. })));
        assert!(
            matches!(place("tcp://127.0.0.1:7"), Ok(Place::Tcp(name)) if name == "127.0.0.1:7")
        );
        assert!(place("wss://localhost/").unwrap_err().contains("TLS"));
        for wrong in [
            "tcp://localhost",
            "tcp://localhost:x",
            "http://localhost/",
            "localhost:1",
        ] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
