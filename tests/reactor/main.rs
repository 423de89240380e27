//! Conversations over real sockets, the same for every kernel.
#![cfg(unix)]

#[macro_use]
#[path = "../support/house.rs"]
mod house;

mod aborting;
mod bytes;
mod crowds;
mod driver;
mod finishing;
mod listening;
