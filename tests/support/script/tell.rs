//! What a script tells: of the listener, then of each connection.

use std::io;

use ws4rs::Chunks;
use ws4rs::internal::reactor::{Close, Event, Token};

use super::wire::{Coming, Gone, Takes};
use super::{Conn, Script};

impl Script {
    pub(super) fn tell_listener(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        let Some(listener) = self.listener else {
            return;
        };
        if self.listener_closing {
            self.listener = None;
            self.leave(listener);
            self.told += 1;
            return tell(Event::Closed(listener, Ok(())));
        }
        if let Some(kind) = self.starving.take() {
            self.listener_reading = false;
            self.told += 1;
            return tell(Event::Starved(listener, kind.into()));
        }
        while self.listener_reading
            && let Some((socket, from)) = self.knocking.pop_front()
        {
            self.told += 1;
            tell(Event::Accepted {
                listener,
                socket,
                from,
            });
        }
    }

    pub(super) fn tell_wire(&mut self, conn: Conn, tell: &mut dyn FnMut(Event<'_>)) {
        let wire = &mut self.wires[conn.0];
        let Some(token) = wire.token.filter(|_| wire.gone.is_none()) else {
            return;
        };
        let cut = wire.asked == Some(Close::Abort) || wire.fault.is_some();
        if let Some(mut chunks) = wire.under_way.take() {
            match wire.takes {
                Takes::Nothing if !cut => wire.under_way = Some(chunks),
                _ if cut => {
                    self.told += 1;
                    tell(Event::Sent(token, chunks));
                }
                takes => {
                    let most = match takes {
                        // What is finished is seen through to its last byte.
                        Takes::Each(most) if wire.asked.is_none() => most,
                        _ => usize::MAX,
                    };
                    let bytes = peek(&chunks, most);
                    chunks.advance(bytes.len());
                    wire.out.extend_from_slice(&bytes);
                    self.told += 1;
                    tell(Event::Sent(token, chunks));
                }
            }
        }
        if cut {
            let gone = if wire.asked == Some(Close::Abort) {
                Gone::Aborted
            } else {
                Gone::Reset
            };
            let result = match gone {
                Gone::Reset => wire.fault.map_or(Ok(()), |why| Err(why.into())),
                _ => Ok(()),
            };
            return self.over(conn, token, gone, result, tell);
        }
        if wire.asked == Some(Close::Finish) {
            // What still comes is read and thrown away.
            let fin = wire
                .coming
                .drain(..)
                .any(|coming| matches!(coming, Coming::Fin));
            wire.fin_told |= fin;
            if wire.under_way.is_none() && (wire.fin_told || wire.polite) {
                self.over(conn, token, Gone::Finished, Ok(()), tell);
            }
            return;
        }
        for _ in 0..self.per_turn {
            if !wire.reading || wire.fin_told {
                return;
            }
            match wire.coming.pop_front() {
                None => return,
                Some(Coming::Fin) => {
                    wire.fin_told = true;
                    self.told += 1;
                    tell(Event::Ended(token));
                }
                Some(Coming::Bytes(bytes)) if std::mem::take(&mut wire.wished) => {
                    let coming = wire.coming.len();
                    wire.coming.push_front(Coming::Bytes(bytes));
                    self.told += 1;
                    wire.lend(token, &mut [], tell);
                    // As usual, if they were not taken.
                    if wire.coming.len() > coming
                        && !wire.wished
                        && let Some(Coming::Bytes(mut bytes)) = wire.coming.pop_front()
                    {
                        self.told += 1;
                        wire.lend(token, &mut bytes, tell);
                    }
                }
                Some(Coming::Bytes(mut bytes)) => {
                    self.told += 1;
                    wire.lend(token, &mut bytes, tell);
                }
            }
        }
    }

    fn over(
        &mut self,
        conn: Conn,
        token: Token,
        gone: Gone,
        result: io::Result<()>,
        tell: &mut dyn FnMut(Event<'_>),
    ) {
        let wire = &mut self.wires[conn.0];
        assert!(wire.under_way.is_none(), "Sent comes before Closed");
        wire.gone = Some(gone);
        wire.socket = None;
        self.leave(token);
        self.told += 1;
        tell(Event::Closed(token, result));
    }
}

pub(super) fn peek(chunks: &Chunks, most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut gone = chunks.gone();
    for chunk in chunks.iter() {
        bytes.extend_from_slice(&chunk.as_slice()[gone..]);
        gone = 0;
        if bytes.len() >= most {
            bytes.truncate(most);
            break;
        }
    }
    bytes
}
