//! waker
#[derive(Clone, Debug)]
pub struct Waker;
