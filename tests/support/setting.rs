//! On what a conversation over real sockets is held: each backend, with one worker and with two.

#![allow(unreachable_pub)]

use ws4rs::config::Backend;
use ws4rs::{Builder, Error, Handler, Message, Peer, Server};

#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub backend: Backend,
    pub workers: usize,
}

impl Setting {
    /// A builder that does not listen yet.
    pub fn bare(self) -> Builder {
        Server::builder()
            .backend(self.backend)
            .workers(self.workers)
    }
}

/// Holds the conversation on every backend that works here, with one worker and with two.
pub fn everywhere(conversation: impl Fn(Setting)) {
    for backend in [Backend::IoUring, Backend::Mio] {
        let probe = Server::builder().only_dial().backend(backend).workers(1);
        if backend == Backend::IoUring
            && let Err(Error::Backend(error)) = probe.start(|| Nobody)
        {
            println!("left out: io_uring does not work here: {error}");
            continue;
        }
        for workers in [1, 2] {
            let setting = Setting { backend, workers };
            println!("{setting:?}");
            conversation(setting);
        }
    }
}

struct Nobody;

impl Handler for Nobody {
    type State = ();
    type Event = ();

    fn on_message(&mut self, _: &mut Peer<'_, Self>, _: Message<'_>) {}
}
