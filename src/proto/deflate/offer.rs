//! The parameters of one `permessage-deflate` offer or answer (RFC 7692 7.1), read and lawful. What
//! they mean for us is for `settings` to say.
use crate::proto::handshake::extensions;

/// What one offer or one answer says. None of it, when it is the bare name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// `server_no_context_takeover`
    pub(super) server_forgets: bool,
    /// `client_no_context_takeover`
    pub(super) client_forgets: bool,
    /// `server_max_window_bits`
    pub(super) server_bits: Option<u8>,
    /// `client_max_window_bits`
    pub(super) client_bits: Option<Bits>,
}

/// `client_max_window_bits`, which may come without a value, but in an offer only (7.1.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bits {
    Any,
    Most(u8),
}

/// Why the parameters of an extension are not ours to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    OtherExtension,
    BadParameter,
}

impl Parameters {
    /// 7.1: a parameter that is unknown, repeated, or of a bad value makes all of it invalid.
    pub(super) fn read(extension: &[u8]) -> Result<Self, Unreadable> {
        let mut parts = extensions::parts(extension);
        if parts.next() != Some(NAME.as_bytes()) {
            return Err(Unreadable::OtherExtension);
        }
        let mut all = Parameters::default();
        for part in parts {
            all.add(part).ok_or(Unreadable::BadParameter)?;
        }
        Ok(all)
    }

    fn add(&mut self, part: &[u8]) -> Option<()> {
        let (name, value) = extensions::parameter(part)?;
        let value = value.as_deref();
        match name {
            SERVER_FORGETS => flag(&mut self.server_forgets, value),
            CLIENT_FORGETS => flag(&mut self.client_forgets, value),
            SERVER_BITS => once(&mut self.server_bits, bits(value?)?),
            CLIENT_BITS => {
                let bits = match value {
                    Some(value) => Bits::Most(bits(value)?),
                    None => Bits::Any,
                };
                once(&mut self.client_bits, bits)
            }
            _ => None,
        }
    }
}

fn flag(place: &mut bool, value: Option<&str>) -> Option<()> {
    let first = !std::mem::replace(place, true);
    (first && value.is_none()).then_some(())
}

fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

/// 7.1.2: 8 to 15, decimal, no zero in front.
fn bits(value: &str) -> Option<u8> {
    match value.as_bytes() {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

pub(super) const NAME: &str = "permessage-deflate";
pub(super) const SERVER_FORGETS: &str = "server_no_context_takeover";
pub(super) const CLIENT_FORGETS: &str = "client_no_context_takeover";
pub(super) const SERVER_BITS: &str = "server_max_window_bits";
pub(super) const CLIENT_BITS: &str = "client_max_window_bits";
