//! How a source comes to its end: the same in every kernel.
//!
//! Knows the wishes and the faults, not how a kernel reads, sends or cancels. The driver notes here
//! what it was asked and what it saw, and [`step`](Ending::step) says what is to be done next.

use std::io;
use std::net::Shutdown;
use std::time::Duration;

use socket2::Socket;

use super::{Close, DISCARD_MAX};

/// What leads to the end of one source: nothing yet, of most connections.
#[derive(Debug, Default)]
pub(super) struct Ending(Option<Box<Course>>);

#[derive(Debug, Default)]
struct Course {
    wish: Option<Close>,
    /// The first fault of the socket. None after `Abort` was asked.
    fault: Option<io::Error>,
    /// Bytes thrown away since our FIN went out.
    discarded: usize,
    fin: Fin,
    /// A listener has neither FIN nor reset, and its options may be shared with another process.
    listens: bool,
    /// The peer's FIN is in.
    ended: bool,
}

/// Our FIN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fin {
    #[default]
    Due,
    Out,
    /// There is no connection that could carry it.
    Vain,
}

/// What is to be done with a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Read as the caller wishes, and tell it.
    Open,
    /// Wait for the last send; what is read is thrown away.
    Flush,
    /// Read and throw away until the peer's FIN.
    Drain,
    /// Stop everything; when nothing is under way any more, it is over.
    Over,
}

impl Ending {
    /// The end of a listener, or of a connection.
    pub(super) fn new(listens: bool) -> Self {
        let listener = || {
            Box::new(Course {
                listens,
                ..Course::default()
            })
        };
        Ending(listens.then(listener))
    }

    /// Whether it is a listener's.
    #[inline]
    pub(super) fn listens(&self) -> bool {
        self.0.as_ref().is_some_and(|course| course.listens)
    }

    /// Notes a wish. The harder one holds.
    pub(super) fn ask(&mut self, how: Close) {
        let course = self.course();
        if course.wish != Some(Close::Abort) {
            course.wish = Some(how);
        }
    }

    /// Notes a fault. The first one is told, and none that our own `Abort` brought about.
    pub(super) fn fail(&mut self, error: io::Error) {
        self.course().fail(error);
    }

    /// Notes that something failed on `socket`, with the reason if the socket still keeps it: of a
    /// connect that failed the kernel may say `EPIPE` or `ENOTCONN` first, as macOS does.
    pub(super) fn fail_for(&mut self, socket: &Socket, error: io::Error) {
        let reason = socket.take_error().ok().flatten();
        self.fail(reason.unwrap_or(error));
    }

    /// Notes the peer's FIN.
    pub(super) fn end(&mut self) {
        self.course().ended = true;
    }

    /// Whether the peer's FIN is in.
    #[inline]
    pub(super) fn has_ended(&self) -> bool {
        self.0.as_ref().is_some_and(|course| course.ended)
    }

    /// Whether the caller still hears and is heard.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        let course = self.0.as_ref();
        course.is_none_or(|course| course.wish.is_none() && course.fault.is_none())
    }

    /// Whether it is to end at once.
    #[inline]
    pub(super) fn is_cut(&self) -> bool {
        self.0.as_ref().is_some_and(|course| course.is_cut())
    }

    /// Notes bytes that were thrown away.
    pub(super) fn discard(&mut self, bytes: usize) {
        if let Some(course) = &mut self.0
            && course.fin == Fin::Out
        {
            course.discarded += bytes;
        }
    }

    /// What is to be done now; sends our FIN when it is time.
    #[inline]
    pub(super) fn step(&mut self, sending: bool, socket: &Socket) -> Step {
        let course = self.0.as_mut();
        course.map_or(Step::Open, |course| course.step(sending, socket))
    }

    /// Whether a connection, or a listener, is to be read now, which the caller has `wanted` or not; sends
    /// our FIN when it is time.
    #[inline]
    pub(super) fn may_read(&mut self, wanted: bool, sending: bool, socket: &Socket) -> bool {
        !self.has_ended()
            && match self.step(sending, socket) {
                Step::Open | Step::Flush => wanted,
                Step::Drain => true,
                Step::Over => false,
            }
    }

    /// Closes the socket and tells what is to be told of it.
    pub(super) fn close(self, socket: Socket) -> io::Result<()> {
        self.0.unwrap_or_default().close(socket)
    }

    fn course(&mut self) -> &mut Course {
        self.0.get_or_insert_default()
    }
}

impl Course {
    fn fail(&mut self, error: io::Error) {
        if self.wish != Some(Close::Abort) {
            self.fault.get_or_insert(error);
        }
    }

    fn is_cut(&self) -> bool {
        self.fault.is_some() || self.wish == Some(Close::Abort)
    }

    #[inline(never)]
    fn step(&mut self, sending: bool, socket: &Socket) -> Step {
        if self.is_cut() {
            return Step::Over;
        }
        if self.wish.is_none() {
            return Step::Open;
        }
        if self.listens {
            return Step::Over;
        }
        if sending {
            return Step::Flush;
        }
        if self.fin == Fin::Due {
            self.finish(socket);
        }
        if self.fin != Fin::Out || self.ended || self.discarded > DISCARD_MAX {
            return Step::Over;
        }
        Step::Drain
    }

    /// Sends our FIN. To a socket that is still connecting Linux says yes, gives the connect up, and
    /// fails the next read: over, and no error. One whose connect has failed, or that was reset, is not
    /// connected. Its socket has the reason, or a read that is under way has taken it and will tell.
    fn finish(&mut self, socket: &Socket) {
        match socket.shutdown(Shutdown::Write) {
            Ok(()) => self.fin = Fin::Out,
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                self.fin = Fin::Vain;
                if let Ok(Some(reason)) = socket.take_error() {
                    self.fail(reason);
                }
            }
            Err(error) => {
                self.fin = Fin::Vain;
                self.fail(error);
            }
        }
    }

    fn close(self, socket: Socket) -> io::Result<()> {
        if self.fin != Fin::Out && !self.listens {
            // A reset: the peer shall not take what it has for the whole. On a dead socket it fails,
            // and nothing is lost.
            let _ = socket.set_linger(Some(Duration::ZERO));
        }
        match self.fault {
            Some(error) if self.fin != Fin::Out => Err(error),
            _ => Ok(()),
        }
    }
}
