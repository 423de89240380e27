//! Bytes by the register. Knows no WebSocket: it is given bytes and a key, and imports nothing of
//! the crate.
//!
//! In the order bytes meet them: [`mask`] XORs them with the key, where they lie or on their way
//! into a vector; [`text`] does that and makes sure that they are UTF-8; `x86` is the loops of
//! `mask` compiled for AVX2, chosen at run time.
//!
//! Every wide loop has its narrow twin in `mask`: that is the fallback, the oracle of the tests,
//! and the explanation. Other processors run the twin, which the compiler vectorises as it can.

pub mod mask;
pub mod text;
#[cfg(target_arch = "x86_64")]
mod x86;
