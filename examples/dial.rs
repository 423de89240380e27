//! Opens many connections to one server, from one worker, and prints what they hear:
//!
//! ```sh
//! cargo run --example broadcast
//! cargo run --example dial -- 'ws://127.0.0.1:9001/kitchen?Bob' 3
//! ```

use std::error::Error;
use std::sync::Arc;

use ws4rs::{Closed, Connect, Dial, Handler, Message, Peer, Server, Unopened};

struct Listener;

impl Handler for Listener {
    /// Its number, which goes before what it hears.
    type State = usize;
    type Event = ();

    fn on_open(&mut self, peer: &mut Peer<'_, Self>) {
        println!("{}: open, to {}", peer.state, peer.remote());
    }

    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
        match message {
            Message::Text(text) => println!("{}: {text}", peer.state),
            Message::Binary(bytes) => println!("{}: {} bytes", peer.state, bytes.len()),
        }
    }

    fn on_close(&mut self, peer: &mut Peer<'_, Self>, closed: Closed<'_>) {
        println!("{}: {}, {}", peer.state, closed.cause, closed.code);
    }

    fn on_unopened(&mut self, number: usize, why: &Unopened) {
        println!("{number}: {why}");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("where to? ws://host:port/path")?;
    let count: usize = arguments.next().map_or(Ok(1), |count| count.parse())?;

    let dial = Arc::new(Dial::new(url.parse()?));
    let workers = Server::builder().only_dial().workers(1);
    let workers = workers.start(|| Listener)?;
    for number in 0..count {
        // Here it may take its time; a worker never waits for a name.
        let connect = Connect::new(dial.clone(), number).resolve()?;
        workers.handle().connect(connect)?;
    }
    workers.wait()?;
    Ok(())
}
