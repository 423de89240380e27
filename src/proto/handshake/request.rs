//! A request head, read and found lawful: RFC 9112 for every request, RFC 6455 4.2.1 for those that
//! ask for websocket. Behind `opening`, before the handler.
use http::Version;
use httparse::Header;

use super::essentials::Essentials;
use super::fields::{members, token};
use super::request_line::{Target, settle_version};
use super::{Authority, Fields, Refusal};

/// A request, borrowed from the bytes of its head.
///
/// Either it asks for websocket, and rightly ([`is_upgrade`](Self::is_upgrade)), or it is a plain
/// HTTP request that asks for something else. One that asks wrongly does not get this far.
#[derive(Clone)]
pub struct Request<'a> {
    method: &'a str,
    target: &'a str,
    version: Version,
    authority: Option<Authority<'a>>,
    path: &'a str,
    query: Option<&'a str>,
    fields: &'a [Header<'a>],
    key: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// Reads a whole head, as [`Opening`](super::Opening) lends it. `fields` is room beside it.
    pub fn parse(head: &'a mut [u8], fields: &'a mut Fields<'a>) -> Result<Self, Refusal> {
        let version = settle_version(head)?;
        let lines = fields.parse(head)?;
        let all = Essentials::gather(lines.fields)?;
        let upgrades = version == Version::HTTP_11;
        let host = all.host(upgrades)?;
        let target = Target::parse(lines.method, lines.target)?;
        let mut request = Request {
            method: lines.method,
            target: lines.target,
            version,
            // 9112 3.2.2: the authority of an absolute target overrides Host.
            authority: target.authority.or(host),
            path: target.path,
            query: target.query,
            fields: lines.fields,
            key: None,
        };
        if all.has_content() {
            return Err(request.content_refusal());
        }
        // 9110 7.8: an Upgrade in HTTP/1.0 is ignored.
        if upgrades && all.ask_for_websocket() {
            if request.method != "GET" {
                return Err(Refusal::Method);
            }
            request.key = Some(all.websocket_key()?);
        }
        Ok(request)
    }

    /// Does it ask for websocket? If not, it is plain HTTP: answer it, or send its
    /// [`refusal`](Self::refusal).
    pub fn is_upgrade(&self) -> bool {
        self.key.is_some()
    }

    /// Its `Sec-WebSocket-Key`, if it asks for websocket.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.key
    }

    /// What a plain request is told when nobody answers it: 426, or 405 when its method would be
    /// wrong for websocket too.
    pub fn refusal(&self) -> Refusal {
        if self.reads() {
            Refusal::UpgradeRequired
        } else {
            Refusal::Method
        }
    }

    /// The method, as sent; methods are case-sensitive.
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// The request target, as sent.
    pub fn target(&self) -> &'a str {
        self.target
    }

    /// The path of the target, not decoded; "/" when it has none.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// What follows the "?" of the target.
    pub fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// The host it was sent to, with the port if one was given: from the target if that is absolute,
    /// else from `Host`. Empty for HTTP/1.0 without `Host`.
    pub fn host(&self) -> &'a str {
        self.authority.map_or("", |authority| authority.as_str())
    }

    /// The same, in its parts.
    pub fn authority(&self) -> Option<Authority<'a>> {
        self.authority
    }

    /// HTTP/1.0, or HTTP/1.1 for everything above.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The fields, in order: names as sent, values without the whitespace round them, any bytes
    /// above 0x1F in them.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        self.fields.iter().map(|field| (field.name, field.value))
    }

    /// The first field of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.header_all(name).next()
    }

    /// The first field of this name, if it is UTF-8.
    pub fn header_str(&self, name: &str) -> Option<&'a str> {
        core::str::from_utf8(self.header(name)?).ok()
    }

    /// Every field of this name.
    pub fn header_all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let named = move |field: &&Header<'a>| field.name.eq_ignore_ascii_case(name);
        self.fields.iter().filter(named).map(|field| field.value)
    }

    /// The members of a list field, over all its lines: whitespace stripped, empty ones left out.
    pub fn header_list<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.header_all(name).flat_map(members)
    }

    /// `Origin`, as sent. Bytes, so that one which is no text cannot pass for a missing one.
    pub fn origin(&self) -> Option<&'a [u8]> {
        self.header("origin")
    }

    /// The subprotocols offered, the client's favourite first. What is no token is no offer.
    pub fn subprotocols(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.header_list("sec-websocket-protocol").filter_map(token)
    }

    /// The first of ours that was offered.
    pub fn choose(&self, ours: &[&'static str]) -> Option<&'static str> {
        ours.iter()
            .copied()
            .find(|our| self.subprotocols().any(|theirs| theirs == *our))
    }

    /// The extensions offered, each with its parameters, as sent and of good grammar.
    pub fn extensions(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.header_list("sec-websocket-extensions")
    }

    /// An owned copy for the HTTP ecosystem. Fails where the `http` crate is stricter about a
    /// target than RFC 9112 asks a server to be.
    pub fn to_http(&self) -> http::Result<http::Request<()>> {
        let request = http::Request::builder()
            .method(self.method)
            .uri(self.target)
            .version(self.version);
        self.headers()
            .fold(request, |request, (name, value)| {
                request.header(name, value)
            })
            .body(())
    }

    fn reads(&self) -> bool {
        matches!(self.method, "GET" | "HEAD")
    }

    /// Content belongs to the request and not to the new protocol (9110 7.8), and we take none. To
    /// leave it out would not help a method we do not take either.
    fn content_refusal(&self) -> Refusal {
        if self.reads() {
            Refusal::Content
        } else {
            Refusal::Method
        }
    }
}

impl core::fmt::Debug for Request<'_> {
    // Without the fields: a log is no place for cookies.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("host", &self.host())
            .field("path", &self.path)
            .field("is_upgrade", &self.is_upgrade())
            .finish_non_exhaustive()
    }
}
