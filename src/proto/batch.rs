//! Several messages in one piece: for many who are told the same at once, made once for each form in
//! which they are to hear it, plain or compressed as was agreed on.

use std::sync::Arc;

use super::deflate::Outgoing;
use super::message::Prepared;

/// Messages, and the pieces that have been made of them.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    messages: Vec<Prepared>,
    /// Few: connections that have agreed on the same have the same.
    pieces: Vec<(Option<Outgoing>, Arc<[u8]>)>,
    /// Bytes of all frames, uncompressed: no piece is longer.
    size: usize,
}

impl Batch {
    pub(crate) fn messages(&self) -> &[Prepared] {
        &self.messages
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn push(&mut self, message: Prepared) {
        self.size += message.size();
        self.messages.push(message);
        self.pieces.clear();
    }

    pub(crate) fn clear(&mut self) {
        self.messages.clear();
        self.pieces.clear();
        self.size = 0;
    }

    /// The frames of all messages, as a server sends them to who has agreed on `how`.
    pub(super) fn piece(&mut self, how: Option<Outgoing>) -> &Arc<[u8]> {
        let known = self.pieces.iter().position(|(known, _)| *known == how);
        let at = known.unwrap_or_else(|| {
            self.pieces.push((how, joined(&self.messages, how)));
            self.pieces.len() - 1
        });
        &self.pieces[at].1
    }
}

fn joined(messages: &[Prepared], how: Option<Outgoing>) -> Arc<[u8]> {
    if let [one] = messages {
        return one.frame_for(how).bytes.clone();
    }
    let frames = messages
        .iter()
        .map(|message| &**message.frame_for(how).bytes);
    frames.collect::<Vec<_>>().concat().into()
}
