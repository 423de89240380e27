//! Which pages may connect (RFC 6455 4.2.2(1), 10.2). A browser sends cookies wherever a page tells
//! it to connect, and only `Origin` says which page that was.
//!
//! Origins are compared whole: scheme, host and port, never by how they begin or end.
use super::{Authority, Request};

/// Which origins a server takes. A request without `Origin` comes from no page and passes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// All of them: for servers that know their users by something no browser sends by itself.
    Any,
    /// Pages of the very host and port the request was sent to, over HTTP or HTTPS. The default, as
    /// it is right for a server that has one name.
    #[default]
    SameHost,
    /// These, spelt as browsers do: `https://example.com`, `http://localhost:8080`, or `null` for
    /// pages without an origin, which is every sandboxed frame of anybody's.
    List(Vec<String>),
}

impl OriginPolicy {
    /// May this request connect? If not, it is refused with
    /// [`Refusal::Origin`](super::Refusal::Origin).
    pub fn allows(&self, request: &Request<'_>) -> bool {
        let mut sent = request.header_all("origin");
        match (self, sent.next(), sent.next()) {
            (OriginPolicy::Any, _, _) | (_, None, _) => true,
            (_, Some(_), Some(_)) => false,
            (OriginPolicy::SameHost, Some(origin), None) => {
                Origin::parse(origin).is_some_and(|origin| origin.is_of(request.authority()))
            }
            (OriginPolicy::List(list), Some(origin), None) => {
                list.iter().any(|ours| are_same(ours.as_bytes(), origin))
            }
        }
    }
}

/// RFC 6454 7: `scheme "://" host [ ":" port ]`.
struct Origin<'a> {
    scheme: &'a str,
    authority: Authority<'a>,
}

impl<'a> Origin<'a> {
    fn parse(value: &'a [u8]) -> Option<Self> {
        let (scheme, authority) = core::str::from_utf8(value).ok()?.split_once("://")?;
        Some(Origin {
            scheme,
            authority: Authority::parse(authority)?,
        })
    }

    /// Was the page fetched from there? A Host without a port means the default of the scheme the
    /// page was fetched by: behind a proxy that ends TLS we cannot know it ourselves.
    fn is_of(&self, host: Option<Authority<'_>>) -> bool {
        let (Some(default), Some(host)) = (self.default_port(), host) else {
            return false;
        };
        self.authority.host().eq_ignore_ascii_case(host.host())
            && self.authority.port().unwrap_or(default) == host.port().unwrap_or(default)
    }

    fn is_same(&self, other: &Origin<'_>) -> bool {
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && self
                .authority
                .host()
                .eq_ignore_ascii_case(other.authority.host())
            && self.port() == other.port()
    }

    fn port(&self) -> Option<u16> {
        self.authority.port().or(self.default_port())
    }

    fn default_port(&self) -> Option<u16> {
        let is = |known: &str| self.scheme.eq_ignore_ascii_case(known);
        match () {
            () if is("http") => Some(80),
            () if is("https") => Some(443),
            () => None,
        }
    }
}

fn are_same(ours: &[u8], theirs: &[u8]) -> bool {
    match (Origin::parse(ours), Origin::parse(theirs)) {
        (Some(ours), Some(theirs)) => ours.is_same(&theirs),
        // 6454 7: "null" has nothing to compare but itself.
        _ => ours == b"null" && theirs == b"null",
    }
}
