//! What the fields say about the upgrade, gathered in one pass over them (RFC 6455 4.2.1). Judges
//! what can be judged without the request line; `request` puts the two together.
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use httparse::Header;

use super::fields::{has_member, trim};
use super::{Authority, Refusal, extensions};

#[derive(Default)]
pub(super) struct Essentials<'a> {
    host: Once<'a>,
    key: Once<'a>,
    version: Once<'a>,
    connection_upgrade: bool,
    upgrade_websocket: bool,
    extensions_broken: bool,
    length: Option<u64>,
}

/// A field that may come once.
#[derive(Default, Clone, Copy)]
enum Once<'a> {
    #[default]
    Missing,
    Sent(&'a [u8]),
    Again,
}

impl<'a> Essentials<'a> {
    pub(super) fn gather(fields: &[Header<'a>]) -> Result<Self, Refusal> {
        let mut all = Essentials::default();
        for Header { name, value } in fields {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("host") {
                all.host.note(value);
            } else if is("connection") {
                all.connection_upgrade |= has_member(value, "upgrade");
            } else if is("upgrade") {
                all.upgrade_websocket |= has_member(value, "websocket");
            } else if is("sec-websocket-key") {
                all.key.note(value);
            } else if is("sec-websocket-version") {
                all.version.note(value);
            } else if is("sec-websocket-extensions") {
                all.extensions_broken |= !extensions::are_well_formed(value);
            } else if is("content-length") {
                all.note_length(value)?;
            } else if is("transfer-encoding") {
                // 9112 6.1: whatever it says, we would have to know where it ends.
                return Err(Refusal::Content);
            }
        }
        Ok(all)
    }

    /// 9112 6.3: lengths that differ, or are none, leave no telling where the request ends.
    fn note_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        for member in value.split(|&b| b == b',').map(trim) {
            let length = parse_length(member).ok_or(Refusal::Content)?;
            if *self.length.get_or_insert(length) != length {
                return Err(Refusal::Content);
            }
        }
        Ok(())
    }

    /// Is there content behind the head?
    pub(super) fn has_content(&self) -> bool {
        self.length.unwrap_or(0) > 0
    }

    /// 9112 3.2: one Host, and a good one. HTTP/1.0 may leave it out.
    pub(super) fn host(&self, required: bool) -> Result<Option<Authority<'a>>, Refusal> {
        match self.host {
            Once::Missing if !required => Ok(None),
            Once::Sent(value) => {
                let text = core::str::from_utf8(value).map_err(|_| Refusal::Host)?;
                Authority::parse(text).map(Some).ok_or(Refusal::Host)
            }
            Once::Missing | Once::Again => Err(Refusal::Host),
        }
    }

    /// Does it ask for websocket? 9110 7.8: an Upgrade that Connection does not name is ignored.
    pub(super) fn ask_for_websocket(&self) -> bool {
        self.connection_upgrade && self.upgrade_websocket
    }

    /// The key of a request that asks, if everything about its asking is right.
    pub(super) fn websocket_key(&self) -> Result<&'a [u8], Refusal> {
        match self.version {
            Once::Sent(b"13") => {}
            // 4.4: told which one we speak.
            Once::Sent(_) => return Err(Refusal::Version),
            Once::Missing | Once::Again => return Err(Refusal::VersionMissing),
        }
        if self.extensions_broken {
            return Err(Refusal::Extensions);
        }
        match self.key {
            Once::Sent(key) if is_key(key) => Ok(key),
            _ => Err(Refusal::Key),
        }
    }
}

impl<'a> Once<'a> {
    fn note(&mut self, value: &'a [u8]) {
        *self = match self {
            Once::Missing => Once::Sent(value),
            Once::Sent(_) | Once::Again => Once::Again,
        };
    }
}

/// 9110 8.6: digits and nothing else.
fn parse_length(digits: &[u8]) -> Option<u64> {
    // `parse` alone would take a sign.
    digits
        .first()?
        .is_ascii_digit()
        .then(|| core::str::from_utf8(digits).ok()?.parse().ok())?
}

/// 4.2.1(5): base64 that decodes to 16 bytes, so 24 characters of it.
fn is_key(key: &[u8]) -> bool {
    // 18: what 24 characters could decode to.
    let mut bytes = [0; 18];
    key.len() == 24 && KEY_BASE64.decode_slice(key, &mut bytes) == Ok(16)
}

// The bits behind the 16th byte may be anything: the example in RFC 6455 4.1,
// "AQIDBAUGBwgJCgsMDQ4PEC==", has some of them set.
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);
