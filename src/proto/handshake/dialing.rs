//! A request that has been sent: collects the answer's head as it arrives, and passes over what
//! comes before it (RFC 9110 15.2). Before it `dial`; behind it `answer`, which judges.
use core::fmt;

use super::answer::{Answer, Offer};
use super::response_head::ResponseHead;
use super::{HeadLimits, NotOpened, Opening};

/// A client that awaits its answer, and sends nothing until it is there (RFC 6455 4.1).
pub struct Dialing(Box<Awaiting>);

struct Awaiting {
    offer: Offer,
    opening: Opening,
    interim: usize,
}

impl Dialing {
    pub(super) fn new(offer: Offer) -> Self {
        Dialing(Box::new(Awaiting {
            offer,
            opening: Opening::default(),
            interim: 0,
        }))
    }

    /// Takes the next bytes. Once the head of the answer is whole and says yes, the answer is given,
    /// together with the bytes behind it: frames, which have not been looked at.
    ///
    /// After an answer or an error this value has done its work.
    pub fn receive<'a>(
        &'a mut self,
        bytes: &'a mut [u8],
        limits: &HeadLimits,
    ) -> Result<Option<(Answer, &'a mut [u8])>, NotOpened> {
        let Awaiting {
            offer,
            opening,
            interim,
        } = &mut *self.0;
        let mut rest = bytes;
        // Every turn takes a head off `rest`, which is INTERIM_MAX + 1 turns at most.
        loop {
            let Some((head, behind)) = opening.receive(rest, limits).map_err(NotOpened::of)? else {
                return Ok(None);
            };
            let head = ResponseHead::read(head)?;
            let at = behind.len();
            // behind.len() <= rest.len()
            rest = rest.split_at_mut(rest.len() - at).1;
            if !head.is_interim() {
                return Ok(Some((offer.judge(head, rest)?, rest)));
            }
            *opening = Opening::default();
            *interim += 1;
            if *interim > INTERIM_MAX {
                return Err(NotOpened::TooManyInterim);
            }
        }
    }
}

impl Dialing {
    /// Bytes of the answer that are kept here.
    pub fn held(&self) -> usize {
        self.0.opening.held()
    }
}

impl fmt::Debug for Dialing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialing")
            .field("offer", &self.0.offer)
            .field("held", &self.0.opening.held())
            .field("interim", &self.0.interim)
            .finish()
    }
}

/// 8: servers send a 100 or a 103, and a proxy one of its own. Each keeps the limits of a head.
const INTERIM_MAX: usize = 8;
