//! Every way a URL is no place to dial, each with what to write instead.

/// What is wrong with a [`Url`](super::Url).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UrlError {
    /// It does not begin with a scheme of ours.
    Scheme,
    /// It is an HTTP one.
    Http,
    /// RFC 6455 3: it has a fragment.
    Fragment,
    /// A line break, or another control character.
    Control,
    /// No host, or none that a resolver takes.
    Host,
    /// A port that is no number from 1 to 65535.
    Port,
    /// RFC 7617 2: a user or a password that cannot be told.
    User,
    /// No path of a Unix socket, or no telling where it ends.
    Path,
}

impl core::fmt::Display for UrlError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            UrlError::Scheme => "a URL to dial begins with ws://, wss:// or ws+unix:",
            UrlError::Http => "write ws:// for http://, and wss:// for https://",
            UrlError::Fragment => {
                "a fragment stays with the page: leave it out, or write %23 for #"
            }
            UrlError::Control => "a control character: leave it out, or write it as %XX",
            UrlError::Host => {
                "no host, or a bad one: IPv6 goes in brackets, and a name of other letters than \
                 ASCII is written as xn--"
            }
            UrlError::Port => "the port is a number from 1 to 65535",
            UrlError::User => {
                "a user name or password that cannot be sent: no control characters, no colon in \
                 the name, and %40 for @, %5C for \\"
            }
            UrlError::Path => {
                "a Unix socket is ws+unix:PATH or ws+unix:PATH:/TARGET, with %3A for a : and %3F \
                 for a ? in its path"
            }
        })
    }
}

impl core::error::Error for UrlError {}
