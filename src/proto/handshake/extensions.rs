//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 9.1). Knows no extension.
//!
//! A value in quotes must be a token once its quotes are off, so no lawful value holds a comma, a
//! semicolon or an equals sign, and splitting at them reads every lawful list.
use super::fields::{is_token_byte, members, token, trim};

/// 9.1: `extension-list = 1#( token *( ";" extension-param ) )`.
pub(super) fn are_well_formed(value: &[u8]) -> bool {
    members(value).all(|extension| {
        let mut parts = extension.split(|&b| b == b';').map(trim);
        parts.next().and_then(token).is_some() && parts.all(is_parameter)
    })
}

/// 9.1: `extension-param = token [ "=" (token | quoted-string) ]`.
fn is_parameter(text: &[u8]) -> bool {
    let mut sides = text.splitn(2, |&b| b == b'=').map(trim);
    let name = sides.next().and_then(token);
    name.is_some()
        && sides
            .next()
            .is_none_or(|value| token(value).is_some() || is_quoted(value))
}

fn is_quoted(value: &[u8]) -> bool {
    let [b'"', inner @ .., b'"'] = value else {
        return false;
    };
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        let meant = if byte == b'\\' {
            bytes.next().copied()
        } else {
            Some(byte)
        };
        if !meant.is_some_and(is_token_byte) {
            return false;
        }
    }
    !inner.is_empty()
}
