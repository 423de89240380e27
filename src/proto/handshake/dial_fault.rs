//! Every way a caller asks for what cannot be sent, each with what to change.
use http::HeaderName;

/// What is wrong with a [`Dial`](super::Dial). Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DialFault {
    /// This field is written by the handshake itself, or belongs to a request with content.
    Reserved(HeaderName),
    /// This field may be sent once.
    Twice(HeaderName),
    /// The `Host` of the caller is no host.
    Host,
    /// RFC 6455 4.1(10): a subprotocol that is no token.
    Subprotocol(String),
    /// RFC 6455 4.1(10): a subprotocol that was offered before.
    OfferedTwice(String),
    /// RFC 7692: settings for compression that cannot be offered, or not here.
    Deflate(&'static str),
}

impl core::fmt::Display for DialFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            DialFault::Reserved(name) => {
                write!(f, "field {name} belongs to the handshake; leave it out")
            }
            DialFault::Twice(name) => write!(f, "field {name} was set twice; set it once"),
            DialFault::Host => f.write_str("Host is a host, with a port behind a colon if need be"),
            DialFault::Subprotocol(name) => {
                let allowed = "letters, digits and !#$%&'*+-.^_`|~";
                write!(f, "subprotocol {name:?} may hold {allowed} only")
            }
            DialFault::OfferedTwice(name) => {
                write!(f, "subprotocol {name:?} was offered twice; offer it once")
            }
            DialFault::Deflate(fault) => f.write_str(fault),
        }
    }
}

impl core::error::Error for DialFault {}
