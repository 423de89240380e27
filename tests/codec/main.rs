//! The codec of `permessage-deflate`, beside flate2 itself: a promise per test. D numbers the rules of
//! RFC 7692 and RFC 1951.

#[path = "../support/random.rs"]
#[allow(unreachable_pub, dead_code)]
mod random;

mod bombs;
mod broken;
mod flate;
mod lawful;
mod parts;
mod round_trip;
