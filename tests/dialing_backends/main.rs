//! Connections that a worker opens, over real sockets: once for each backend, with one worker and
//! with two. At the other end stand a server of our own, one of tungstenite's, and sockets that
//! behave badly.
#![cfg(unix)]

#[path = "../support/setting.rs"]
mod setting;
#[path = "../wire/mod.rs"]
mod wire;

mod conversations;
mod dialled;
mod dialler;
mod itself;
mod many;
mod places;
mod unopened;
