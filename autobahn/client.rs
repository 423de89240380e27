//! What the suite's fuzzing server examines: a client that sends every message back.
//!
//! `autobahn-client ws://127.0.0.1:PORT [--worker] [--deflate]`: the blocking client, or connections on
//! a worker. A case that goes wrong is the suite's to tell: only what keeps cases from being run fails.

use std::error::Error;
use std::process::ExitCode;
use std::sync::mpsc::{Sender, channel};

use ws4rs::client::{Builder, Client};
use ws4rs::{
    Closed, Connect, Deflate, Dial, Handler, Message, Owned, Peer, Running, Server, Unopened,
};

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args().skip(1).collect();
    let mut flag = |name: &str| {
        let before = arguments.len();
        arguments.retain(|argument| argument != name);
        arguments.len() < before
    };
    let (worker, deflate) = (flag("--worker"), flag("--deflate"));
    let [server] = &arguments[..] else {
        eprintln!("usage: autobahn-client ws://HOST:PORT [--worker] [--deflate]");
        return ExitCode::from(2);
    };
    // What browsers offer, so that the server may ask for any window.
    let deflate = deflate.then(|| Deflate::takeover(15).threshold(0));
    match run(server, worker, deflate) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("autobahn-client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(server: &str, worker: bool, deflate: Option<Deflate>) -> Result<(), Box<dyn Error>> {
    let count = match Builder::new(&format!("{server}/getCaseCount"))?
        .connect()?
        .recv()?
    {
        Some(Owned::Text(count)) => count.parse()?,
        other => return Err(format!("no count of cases but {other:?}").into()),
    };
    let mut crew = worker.then(Crew::start).transpose()?;
    for case in 1..=count {
        let url = format!("{server}/runCase?case={case}&agent=ws4rs");
        match &mut crew {
            Some(crew) => crew.play(&url, deflate)?,
            None => play(&url, deflate)?,
        }
    }
    let mut last = Builder::new(&format!("{server}/updateReports?agent=ws4rs"))?.connect()?;
    // The reports are there once it closes.
    while last.recv()?.is_some() {}
    Ok(())
}

/// One case, by the blocking client.
fn play(url: &str, deflate: Option<Deflate>) -> Result<(), Box<dyn Error>> {
    let mut builder = Builder::new(url)?.message_max(MESSAGE_MAX);
    if let Some(deflate) = deflate {
        builder = builder.deflate(deflate);
    }
    let mut client = builder.connect()?;
    // The server does what it should not, which ends a case as well as a Close does.
    let _ = echo(&mut client);
    Ok(())
}

fn echo(client: &mut Client) -> Result<(), ws4rs::client::Error> {
    while let Some(message) = client.recv()? {
        client.send(&message)?;
    }
    Ok(())
}

/// A worker whose connections are all dialled, and the news of their ends.
struct Crew {
    running: Running<Echo>,
    ends: std::sync::mpsc::Receiver<Result<(), String>>,
}

impl Crew {
    fn start() -> Result<Self, ws4rs::Error> {
        let (tell, ends) = channel();
        let server = Server::builder().only_dial().workers(1);
        let running = server
            .message_max(MESSAGE_MAX)
            .start(move || Echo(tell.clone()))?;
        Ok(Crew { running, ends })
    }

    /// One case.
    fn play(&mut self, url: &str, deflate: Option<Deflate>) -> Result<(), Box<dyn Error>> {
        let mut dial = Dial::new(url.parse()?);
        if let Some(deflate) = deflate {
            dial = dial.deflate(deflate);
        }
        let connect = Connect::new(dial, ());
        let full = "the worker's mailbox is full";
        self.running.handle().connect(connect).map_err(|_| full)?;
        Ok(self.ends.recv()??)
    }
}

struct Echo(Sender<Result<(), String>>);

impl Handler for Echo {
    type State = ();
    type Event = ();

    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
        peer.send(message);
    }

    fn on_close(&mut self, _: &mut Peer<'_, Self>, _: Closed<'_>) {
        let _ = self.0.send(Ok(()));
    }

    fn on_unopened(&mut self, (): (), why: &Unopened) {
        let _ = self.0.send(Err(why.to_string()));
    }
}

/// 16 MiB: the longest message of the suite.
const MESSAGE_MAX: usize = 16 << 20;
