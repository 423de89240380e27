//! Who dials, and what its handlers tell.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use ws4rs::{Address, Builder, Closed, Connect, Dial, Handler, Message, Peer, Running, Unopened};

use super::dialled::Echo;
use crate::setting::Setting;
use crate::wire::DEADLINE;

/// Does what the test says, and tells the test.
pub(super) struct Dialler {
    tell: Sender<(u32, Told)>,
    act: Arc<Act>,
}

pub(super) type Act = dyn Fn(&mut Peer<'_, Dialler>, &Told) + Send + Sync;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Open(Address, Address),
    Text(String),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    /// Code, reason, cause.
    Close(u16, String, String),
    Unopened(String),
}

impl Dialler {
    fn told(&mut self, peer: &mut Peer<'_, Self>, told: Told) {
        (self.act)(peer, &told);
        let _ = self.tell.send((*peer.state, told));
    }
}

impl Handler for Dialler {
    type State = u32;
    type Event = ();

    fn on_open(&mut self, peer: &mut Peer<'_, Self>) {
        let told = Told::Open(peer.remote(), peer.local());
        self.told(peer, told);
    }

    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
        let told = match message {
            Message::Text(text) => Told::Text(text.to_owned()),
            Message::Binary(bytes) => Told::Binary(bytes.to_vec()),
        };
        self.told(peer, told);
    }

    fn on_pong(&mut self, peer: &mut Peer<'_, Self>, payload: &[u8]) {
        self.told(peer, Told::Pong(payload.to_vec()));
    }

    fn on_close(&mut self, peer: &mut Peer<'_, Self>, closed: Closed<'_>) {
        let (code, reason) = (closed.code.get(), closed.reason.to_owned());
        self.told(peer, Told::Close(code, reason, closed.cause.to_string()));
    }

    fn on_unopened(&mut self, name: u32, why: &Unopened) {
        let why = match why {
            Unopened::Io(error) => format!("{:?}", error.kind()),
            why => why.to_string(),
        };
        let _ = self.tell.send((name, Told::Unopened(why)));
    }
}

impl Setting {
    pub(super) fn dialler(
        self,
        act: impl Fn(&mut Peer<'_, Dialler>, &Told) + Send + Sync + 'static,
    ) -> Diallers {
        Diallers::start(self.bare(), act)
    }

    pub(super) fn echo(self, builder: impl Fn(Builder) -> Builder) -> Running<Echo> {
        let echo = builder(self.bare().bind("127.0.0.1:0")).start(|| Echo);
        echo.unwrap()
    }
}

/// Workers that only dial, and what their handlers tell.
pub(super) struct Diallers {
    pub(super) running: Running<Dialler>,
    pub(super) told: Receiver<(u32, Told)>,
}

impl Diallers {
    pub(super) fn start(
        builder: Builder,
        act: impl Fn(&mut Peer<'_, Dialler>, &Told) + Send + Sync + 'static,
    ) -> Self {
        let (tell, told) = channel();
        let act: Arc<Act> = Arc::new(act);
        let running = builder.only_dial().start(move || Dialler {
            tell: tell.clone(),
            act: act.clone(),
        });
        Diallers {
            running: running.unwrap(),
            told,
        }
    }

    pub(super) fn connect(&self, name: u32, dial: impl Into<Arc<Dial>>) {
        let connect = Connect::new(dial, name);
        self.running.handle().connect(connect).unwrap();
    }

    pub(super) fn next(&self) -> (u32, Told) {
        self.told.recv_timeout(DEADLINE).unwrap()
    }

    pub(super) fn opened(&self) -> (Address, Address) {
        match self.next().1 {
            Told::Open(remote, local) => (remote, local),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn unopened(&self) -> String {
        match self.next().1 {
            Told::Unopened(why) => why,
            other => panic!("{other:?}"),
        }
    }

    /// Ends them; nothing more was told.
    pub(super) fn end(self) {
        self.running.handle().stop();
        self.running.wait().unwrap();
        assert_eq!(self.told.try_iter().collect::<Vec<_>>(), []);
    }
}
