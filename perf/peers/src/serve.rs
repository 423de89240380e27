//! Tokio on one thread: accepts, and hands each connection to a task.

use std::io;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::unconstrained;

use crate::flags::Flags;

/// Runs until the process is ended. Connections are tasks of their own, unconstrained, as
/// fastwebsockets and tokio-websockets have them in the servers of their benchmarks.
pub fn serve<F>(flags: &Flags, converse: impl Fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(flags.listener("ws")?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(unconstrained(converse(stream)));
        }
    })
}
