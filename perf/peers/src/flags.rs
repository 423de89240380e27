//! The flags of a peer, and the line that says that it listens.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use rustix::net::listen;

#[derive(Clone, Parser)]
#[command(about = "A server to measure ws4rs against")]
pub struct Flags {
    /// Port 0 for a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    #[arg(long, value_enum, default_value_t = Mode::Echo)]
    pub mode: Mode,
    #[arg(long, value_enum, default_value_t = Deflate::Off)]
    pub deflate: Deflate,
    /// Bytes of the longest message taken.
    #[arg(long, default_value_t = 16 << 20)]
    pub max_message: usize,
    /// Bytes of a connection's read buffer, where the library lets one choose; its own default else.
    #[arg(long)]
    pub read_buffer: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Each message goes back to the one who sent it.
    Echo,
    /// Each message goes to every connection, the sender's too.
    Broadcast,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Deflate {
    Off,
    /// Every message stands for itself.
    Shared,
    /// A message may refer to those before it.
    Takeover,
}

impl Flags {
    /// The flags of this process, which ends with 2 when they ask for what the library cannot do.
    pub fn of(deflates: &[Deflate]) -> Flags {
        let flags = Flags::parse();
        if flags.deflate != Deflate::Off && !deflates.contains(&flags.deflate) {
            let wanted = format!("this library cannot do --deflate {:?}", flags.deflate);
            let mut command = Flags::command();
            command.error(ErrorKind::InvalidValue, wanted).exit();
        }
        flags
    }

    /// A socket that listens, not blocking, and the line that says where.
    pub fn listener(&self, scheme: &str) -> io::Result<TcpListener> {
        let listener = TcpListener::bind(self.listen)?;
        listen(&listener, BACKLOG)?;
        listener.set_nonblocking(true)?;
        say(scheme, listener.local_addr()?)?;
        Ok(listener)
    }
}

/// As many as the other servers let wait. Of the standard library's 128 the rest would try again after a
/// second, when thousands come at once.
const BACKLOG: i32 = 4096;

/// The one line that is waited for.
pub fn say(scheme: &str, address: SocketAddr) -> io::Result<()> {
    println!("listening on {scheme}://{address}");
    io::stdout().flush()
}
