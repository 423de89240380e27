//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 9.1). Knows no extension.
//!
//! A value in quotes must be a token once its quotes are off, so no lawful value holds a comma, a
//! semicolon or an equals sign, and splitting at them reads every lawful list.
use std::borrow::Cow;

use super::fields::{members, token, trim};

/// 9.1: `extension-list = 1#( token *( ";" extension-param ) )`.
pub(super) fn are_well_formed(value: &[u8]) -> bool {
    members(value).all(|extension| {
        let mut parts = parts(extension);
        parts.next().and_then(token).is_some() && parts.all(|part| parameter(part).is_some())
    })
}

/// A member of the list, taken apart: its name, then its parameters.
pub(in crate::proto) fn parts(extension: &[u8]) -> impl Iterator<Item = &[u8]> {
    extension.split(|&b| b == b';').map(trim)
}

/// 9.1: `extension-param = token [ "=" (token | quoted-string) ]`: its name, and its value without
/// the quotes.
pub(in crate::proto) fn parameter(text: &[u8]) -> Option<(&str, Option<Cow<'_, str>>)> {
    let mut sides = text.splitn(2, |&b| b == b'=').map(trim);
    let name = sides.next().and_then(token)?;
    match sides.next() {
        None => Some((name, None)),
        Some(text) => Some((name, Some(value(text)?))),
    }
}

fn value(text: &[u8]) -> Option<Cow<'_, str>> {
    let [b'"', inner @ .., b'"'] = text else {
        return token(text).map(Cow::Borrowed);
    };
    token(inner).map(Cow::Borrowed).or_else(|| {
        let meant = unescaped(inner)?;
        token(&meant).map(|meant| Cow::Owned(meant.to_owned()))
    })
}

/// 9110 5.6.4: a backslash stands for the byte behind it.
fn unescaped(inner: &[u8]) -> Option<Vec<u8>> {
    let mut meant = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        meant.push(if byte == b'\\' { *bytes.next()? } else { byte });
    }
    Some(meant)
}
