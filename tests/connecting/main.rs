//! Dialling out over real sockets, the same for every kernel.
#![cfg(unix)]

#[macro_use]
#[path = "../support/house.rs"]
mod house;

mod dials;
mod established;
#[cfg(target_os = "linux")]
mod hanging;
mod refused;
mod undialled;
