//! Where a client dials, read from a URL (RFC 6455 3, RFC 3986). Behind it `dial`, which asks there.
//!
//! Read as browsers read it where that is one reading; where two programs could read two hosts out
//! of one text, it is an error.
use core::fmt::{self, Display};
use core::str::FromStr;
use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::{Authority, UrlError};

/// A `ws://`, `wss://` or `ws+unix:` URL.
///
/// The one for Unix sockets is that of the npm package `ws`: `ws+unix:PATH:TARGET`, where
/// `ws+unix://PATH` means the same, and a path that holds a colon spells it `%3A`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    place: Place,
    target: String,
    authorization: Option<HeaderValue>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Tcp {
        secure: bool,
        // Without the brackets of an IPv6 literal, which `field` has.
        host: String,
        port: u16,
        field: String,
    },
    Unix(String),
}

/// Whom to connect to before anything is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint<'a> {
    /// A host by its name or address, and its port.
    Tcp {
        /// An IPv6 address is without its brackets, as resolvers take it.
        host: &'a str,
        /// 80 or 443 when none was given.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(&'a str),
}

impl Url {
    /// Reads a URL. What a request cannot hold as it is written is percent-encoded, as browsers do.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim_matches(' ');
        // Nothing of a second line may get into a request.
        if text.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(UrlError::Control);
        }
        let (scheme, rest) = text.split_once(':').ok_or(UrlError::Scheme)?;
        let place = rest.strip_prefix("//");
        // 3: fragments MUST NOT be used.
        let fragment = text.contains('#');
        match scheme.to_ascii_lowercase().as_str() {
            "ws" | "wss" | "ws+unix" if fragment => Err(UrlError::Fragment),
            "ws" => Url::tcp(false, place.ok_or(UrlError::Scheme)?),
            "wss" => Url::tcp(true, place.ok_or(UrlError::Scheme)?),
            "ws+unix" => Url::unix(place.unwrap_or(rest)),
            "http" | "https" => Err(UrlError::Http),
            _ => Err(UrlError::Scheme),
        }
    }

    fn tcp(secure: bool, rest: &str) -> Result<Self, UrlError> {
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, authority) = match authority.split_once('@') {
            Some((user, authority)) => (user, authority),
            None => ("", authority),
        };
        let authorization = authorization(user)?;
        let authority = authority.to_ascii_lowercase();
        let read = Authority::parse(&authority).ok_or_else(|| wrong_with(&authority))?;
        let usual = if secure { 443 } else { 80 };
        let port = read.port().unwrap_or(usual);
        // 4.1(4): in Host, the port only if it is not the usual one.
        let field = if port == usual {
            read.host().to_owned()
        } else {
            format!("{}:{port}", read.host())
        };
        let place = Place::Tcp {
            secure,
            host: read.host().trim_matches(['[', ']']).to_owned(),
            port,
            field,
        };
        Ok(Url {
            place,
            target: encode_target(target),
            authorization,
        })
    }

    fn unix(rest: &str) -> Result<Self, UrlError> {
        let (path, target) = rest.split_once(':').unwrap_or((rest, ""));
        let decoded = percent_decode_str(path).decode_utf8();
        let file = decoded.map_err(|_| UrlError::Path)?;
        // A "?" here may have been meant for the target, and "b" of "a:b" for the path.
        let lost = path.contains('?') || !(target.is_empty() || target.starts_with(['/', '?']));
        if lost || file.is_empty() || file.contains('\0') {
            return Err(UrlError::Path);
        }
        Ok(Url {
            place: Place::Unix(file.into_owned()),
            target: encode_target(target),
            authorization: None,
        })
    }

    /// Whom to connect to.
    pub fn endpoint(&self) -> Endpoint<'_> {
        match &self.place {
            Place::Tcp { host, port, .. } => Endpoint::Tcp { host, port: *port },
            Place::Unix(path) => Endpoint::Unix(path),
        }
    }

    /// Is there TLS below it?
    pub fn is_secure(&self) -> bool {
        matches!(self.place, Place::Tcp { secure: true, .. })
    }

    /// What is asked for: path and query, "/" when there is neither.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What `Host` says: the host, with its port if that is not the usual one; "localhost" for a
    /// Unix socket.
    pub fn host(&self) -> &str {
        match &self.place {
            Place::Tcp { field, .. } => field,
            Place::Unix(_) => "localhost",
        }
    }

    /// The user and password of the URL, as `Authorization` tells them.
    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Url::parse(text)
    }
}

impl Display for Url {
    // Without user and password: a log is no place for them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp { secure, field, .. } => {
                let scheme = if *secure { "wss" } else { "ws" };
                write!(f, "{scheme}://{field}{}", self.target)
            }
            Place::Unix(path) => {
                // Two slashes in front would be read as those of "ws+unix://".
                let slashes = if path.starts_with("//") { "//" } else { "" };
                let path = utf8_percent_encode(path, NOT_IN_A_SOCKET);
                write!(f, "ws+unix:{slashes}{path}:{}", self.target)
            }
        }
    }
}

/// Which part of what is no authority is wrong.
fn wrong_with(authority: &str) -> UrlError {
    match authority.rsplit_once(':') {
        // One that has an "@" left is read by its first one or by its last.
        _ if authority.contains('@') => UrlError::User,
        Some((host, _)) if Authority::parse(host).is_some() => UrlError::Port,
        _ => UrlError::Host,
    }
}

/// RFC 7617 2: base64 of `user:password`; neither holds a control, nor the user a colon.
fn authorization(user: &str) -> Result<Option<HeaderValue>, UrlError> {
    if user.is_empty() {
        return Ok(None);
    }
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let decode = |text| Cow::from(percent_decode_str(text));
    let (name, password) = (decode(name), decode(password));
    let told = [&name, &b":"[..], &password].concat();
    // A backslash ends the host where it is read as a slash.
    let lawful = !user.contains('\\') && !name.contains(&b':');
    if !lawful || told.iter().any(u8::is_ascii_control) {
        return Err(UrlError::User);
    }
    let value = format!("Basic {}", STANDARD.encode(told));
    let mut value = HeaderValue::try_from(value).map_err(|_| UrlError::User)?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// 9112 3.2.1: origin-form, which begins with a slash.
fn encode_target(target: &str) -> String {
    let slash = if target.starts_with('/') { "" } else { "/" };
    format!("{slash}{}", utf8_percent_encode(target, NOT_IN_A_TARGET))
}

/// What RFC 3986 has no place for, but for brackets and lone percents, which browsers leave. All
/// that is not ASCII is encoded besides.
const NOT_IN_A_TARGET: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What would end the path of a socket, or be decoded there.
const NOT_IN_A_SOCKET: &AsciiSet = &NOT_IN_A_TARGET.add(b'%').add(b':').add(b'?');
