//! The first line beyond what `httparse` reads: versions above 1.1, in an answer too, and the four
//! forms of a request's target (RFC 9112 2.3, 3.2).
use http::Version;

use super::{Authority, Refusal};

/// The version at the end of the request line. 1.2 to 1.9 are rewritten to 1.1 where they lie, as
/// that is what they mean to us and what the parser takes.
pub(super) fn settle_version(head: &mut [u8]) -> Result<Version, Refusal> {
    let line = first_line(head).ok_or(Refusal::Malformed)?;
    read_version(line.last_chunk_mut().ok_or(Refusal::Malformed)?)
}

/// A version where it lies; see [`settle_version`].
pub(super) fn read_version(version: &mut [u8; 8]) -> Result<Version, Refusal> {
    match version {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            major @ b'0'..=b'9',
            b'.',
            minor @ b'0'..=b'9',
        ] => {
            match (*major, *minor) {
                (b'1', b'0') => Ok(Version::HTTP_10),
                (b'1', _) => {
                    // 9110 2.5: a higher minor version is read as the highest we know.
                    *minor = b'1';
                    Ok(Version::HTTP_11)
                }
                _ => Err(Refusal::HttpVersion),
            }
        }
        _ => Err(Refusal::Malformed),
    }
}

/// Without its line end; empty lines before it are skipped.
pub(super) fn first_line(head: &mut [u8]) -> Option<&mut [u8]> {
    let start = head.iter().position(|b| !matches!(b, b'\r' | b'\n'))?;
    let head = head.get_mut(start..)?;
    let end = head.iter().position(|&b| b == b'\n')?;
    let line = head.get_mut(..end)?;
    let text = line.len() - usize::from(line.last() == Some(&b'\r'));
    line.get_mut(..text)
}

/// What a request is for.
pub(super) struct Target<'a> {
    pub(super) authority: Option<Authority<'a>>,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
}

impl<'a> Target<'a> {
    pub(super) fn parse(method: &str, target: &'a str) -> Result<Self, Refusal> {
        let (authority, path) = match method {
            "CONNECT" => (Some(Authority::parse(target).ok_or(Refusal::Target)?), ""),
            "OPTIONS" if target == "*" => (None, target),
            _ if target.starts_with('/') => (None, target),
            _ => absolute(target).ok_or(Refusal::Target)?,
        };
        // RFC 6455 3, RFC 9112 3.2: a fragment stays with the client.
        if path.contains('#') {
            return Err(Refusal::Target);
        }
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        let path = if path.is_empty() && method != "CONNECT" {
            "/"
        } else {
            path
        };
        Ok(Target {
            authority,
            path,
            query,
        })
    }
}

/// 9112 3.2.2: absolute-form is accepted, though only proxies are sent it.
fn absolute(target: &str) -> Option<(Option<Authority<'_>>, &str)> {
    let (scheme, rest) = target.split_once("://")?;
    let ours = ["http", "https", "ws", "wss"];
    if !ours.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    Some((Some(Authority::parse(authority)?), path))
}
