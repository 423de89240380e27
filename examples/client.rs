//! Sends what is on the command line to a server, one message each, and prints as many answers:
//!
//! ```sh
//! cargo run --example echo
//! cargo run --example client -- ws://127.0.0.1:9001/ hello 'how are you?'
//! ```

use std::error::Error;

use ws4rs::{CloseCode, client};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("where to? ws://host:port/path")?;

    let mut client = client::connect(&url)?;
    for text in arguments {
        client.send(&text)?;
        match client.recv()? {
            Some(answer) => println!("{answer}"),
            None => break,
        }
    }
    let closed = client.close(CloseCode::NORMAL, "")?;
    println!("closed: {}", closed.code);
    Ok(())
}
