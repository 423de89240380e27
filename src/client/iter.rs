//! Messages in a row.

use super::connection::Client;
use super::ear::Ear;
use super::error::Error;
use super::halves::Receiver;
use super::line::Line;
use super::transport::Transport;
use crate::proto::Owned;

/// The messages to come of a [`Client`] or a [`Receiver`], which is there again afterwards.
#[derive(Debug)]
pub struct Iter<'c, S> {
    line: &'c Line<S>,
    ear: &'c mut Ear,
}

impl<'c, S> Iter<'c, S> {
    pub(super) fn new(line: &'c Line<S>, ear: &'c mut Ear) -> Self {
        Iter { line, ear }
    }
}

impl<S: Transport> Iterator for Iter<'_, S> {
    type Item = Result<Owned, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.ear.recv(self.line).transpose()
    }
}

/// The messages to come of a [`Client`] or a [`Receiver`], which goes with them.
#[derive(Debug)]
pub struct IntoIter<C>(pub(super) C);

impl<S: Transport> Iterator for IntoIter<Client<S>> {
    type Item = Result<Owned, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.recv().transpose()
    }
}

impl Iterator for IntoIter<Receiver> {
    type Item = Result<Owned, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.recv().transpose()
    }
}
