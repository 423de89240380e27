//! A connection that is still opening: the scan, and the bytes of a head that came before the rest
//! of it. Before it the reactor lends bytes; behind it `Request::parse` reads the whole head, or
//! `dialing` that of an answer.
use super::{HeadLimits, Refusal, Scan};

/// Collects the head of one request, or of one answer. Holds nothing until a head comes in more than
/// one part.
#[derive(Debug, Default)]
pub struct Opening {
    scan: Scan,
    head: Vec<u8>,
}

impl Opening {
    /// Takes the next bytes. Once the head is whole it is lent, together with the bytes behind it,
    /// which are not part of it and have not been looked at.
    ///
    /// A head that came whole is lent where it lies, and nothing is copied. After a head or a
    /// refusal this value has done its work.
    pub fn receive<'a>(
        &'a mut self,
        bytes: &'a mut [u8],
        limits: &HeadLimits,
    ) -> Result<Option<HeadAndRest<'a>>, Refusal> {
        let Some(end) = self.scan.scan(bytes, limits)? else {
            // Grows with what was received, at most to `limits.bytes`.
            self.head.extend_from_slice(bytes);
            return Ok(None);
        };
        // end <= bytes.len()
        let (last, behind) = bytes.split_at_mut(end);
        if self.head.is_empty() {
            return Ok(Some((last, behind)));
        }
        self.head.extend_from_slice(last);
        Ok(Some((&mut self.head, behind)))
    }

    /// Bytes of the head that are kept here.
    pub fn held(&self) -> usize {
        self.head.len()
    }
}

type HeadAndRest<'a> = (&'a mut [u8], &'a mut [u8]);
