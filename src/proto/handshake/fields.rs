//! The field lines of a head: where they are kept while they are borrowed, and the lists in them
//! (RFC 9110 5, RFC 9112 5). `httparse` finds them, in one run over the whole head.
use core::mem::MaybeUninit;

use httparse::Header;

use super::Refusal;

/// Room for the fields of one request. Lives beside the head, on the stack; makes nothing, clears
/// nothing.
pub struct Fields<'a> {
    few: [MaybeUninit<Header<'a>>; FEW],
    many: Vec<MaybeUninit<Header<'a>>>,
}

/// What the parser found, as text and slices of the head.
pub(super) struct Lines<'a> {
    pub(super) method: &'a str,
    pub(super) target: &'a str,
    pub(super) fields: &'a [Header<'a>],
}

impl<'a> Fields<'a> {
    /// Empty room.
    #[inline]
    pub fn new() -> Self {
        Fields {
            few: [const { MaybeUninit::uninit() }; FEW],
            many: Vec::new(),
        }
    }

    /// Parses a whole head and keeps its fields here.
    pub(super) fn parse(&'a mut self, head: &'a [u8]) -> Result<Lines<'a>, Refusal> {
        match run(head, &mut self.few) {
            // Only a raised limit lets so many come here, and their owner pays a second run.
            Err(httparse::Error::TooManyHeaders) => {
                let lines = head.iter().filter(|&&b| b == b'\n').count();
                self.many.resize_with(lines, MaybeUninit::uninit);
                run(head, &mut self.many).ok().flatten()
            }
            other => other.ok().flatten(),
        }
        .ok_or(Refusal::Malformed)
    }
}

impl Default for Fields<'_> {
    fn default() -> Self {
        Fields::new()
    }
}

impl core::fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Fields").finish_non_exhaustive()
    }
}

/// `None`: the head does not end where the scan found its end.
fn run<'a>(
    head: &'a [u8],
    room: &'a mut [MaybeUninit<Header<'a>>],
) -> Result<Option<Lines<'a>>, httparse::Error> {
    let mut parsed = httparse::Request::new(&mut []);
    let read = parsed.parse_with_uninit_headers(head, room)?;
    let whole = read == httparse::Status::Complete(head.len());
    Ok(match (parsed.method, parsed.path) {
        (Some(method), Some(target)) if whole => Some(Lines {
            method,
            target,
            fields: parsed.headers,
        }),
        _ => None,
    })
}

/// The members of a comma-separated value: OWS stripped, empty ones ignored (9110 5.6.1.2).
pub(super) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&b| b == b',')
        .map(trim)
        .filter(|member| !member.is_empty())
}

/// Does the list have this member? Tokens of the list fields here are compared without case.
pub(super) fn has_member(value: &[u8], name: &str) -> bool {
    members(value).any(|member| member.eq_ignore_ascii_case(name.as_bytes()))
}

/// Strips OWS (9110 5.6.3), which is SP and HTAB and nothing else.
pub(super) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// The text, if it is a token (9110 5.6.2).
pub(super) fn token(text: &[u8]) -> Option<&str> {
    let good = !text.is_empty() && text.iter().all(|&b| is_token_byte(b));
    good.then(|| core::str::from_utf8(text).ok())?
}

pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

// As many as the default limit allows: 3 KiB of stack, untouched until a field is written there.
const FEW: usize = 100;
