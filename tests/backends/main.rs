//! One conversation over real sockets, once for each backend and for one and two workers.
#![cfg(unix)]

#[path = "../support/setting.rs"]
mod setting;
#[path = "../wire/mod.rs"]
mod wire;

mod endings;
mod goodbye;
mod listening;
mod many;
mod messages;
mod opening;
mod service;
