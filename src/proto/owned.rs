//! A message that is nobody's loan: what is kept once the bytes it came in are gone.

use std::fmt;

use super::message::{Message, Prepared};

/// A whole message with a payload of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owned {
    /// UTF-8.
    Text(String),
    /// Any bytes.
    Binary(Vec<u8>),
}

impl Owned {
    /// The message, lent.
    pub fn as_message(&self) -> Message<'_> {
        match self {
            Owned::Text(text) => Message::Text(text),
            Owned::Binary(bytes) => Message::Binary(bytes),
        }
    }

    /// The payload.
    pub fn as_bytes(&self) -> &[u8] {
        self.as_message().as_bytes()
    }

    /// The text, if that is what it is.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Owned::Text(text) => Some(text),
            Owned::Binary(_) => None,
        }
    }

    /// The payload's length in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The payload, given away without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Owned::Text(text) => text.into_bytes(),
            Owned::Binary(bytes) => bytes,
        }
    }
}

/// Text as it is, of other bytes how many there are.
impl fmt::Display for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owned::Text(text) => f.write_str(text),
            Owned::Binary(bytes) => write!(f, "<{} bytes>", bytes.len()),
        }
    }
}

impl From<Message<'_>> for Owned {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Owned::Text(text.to_owned()),
            Message::Binary(bytes) => Owned::Binary(bytes.to_vec()),
        }
    }
}

impl From<String> for Owned {
    fn from(text: String) -> Self {
        Owned::Text(text)
    }
}

impl From<&str> for Owned {
    fn from(text: &str) -> Self {
        Owned::Text(text.to_owned())
    }
}

impl From<Vec<u8>> for Owned {
    fn from(bytes: Vec<u8>) -> Self {
        Owned::Binary(bytes)
    }
}

impl<'a> From<&'a Owned> for Message<'a> {
    fn from(message: &'a Owned) -> Self {
        message.as_message()
    }
}

impl From<Owned> for Vec<u8> {
    fn from(message: Owned) -> Self {
        message.into_bytes()
    }
}

impl From<&Owned> for Prepared {
    fn from(message: &Owned) -> Self {
        message.as_message().into()
    }
}

impl PartialEq<Message<'_>> for Owned {
    fn eq(&self, other: &Message<'_>) -> bool {
        self.as_message() == *other
    }
}

/// Whether it is this text.
impl PartialEq<str> for Owned {
    fn eq(&self, other: &str) -> bool {
        self.as_text() == Some(other)
    }
}

/// Whether it is this text.
impl PartialEq<&str> for Owned {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

/// Whether it is binary, and these bytes.
impl PartialEq<[u8]> for Owned {
    fn eq(&self, other: &[u8]) -> bool {
        self.as_message() == Message::Binary(other)
    }
}

/// Whether it is binary, and these bytes.
impl PartialEq<&[u8]> for Owned {
    fn eq(&self, other: &&[u8]) -> bool {
        *self == **other
    }
}
