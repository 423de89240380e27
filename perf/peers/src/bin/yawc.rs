//! yawc: answers what has come with one flush, as the server of its benchmark does. UTF-8 is checked,
//! which is off by default there, for the others check it.

use std::convert::Infallible;
use std::io;

use futures_util::StreamExt;
use ws4rs_peers::flags::{Deflate, Flags};
use ws4rs_peers::serve::serve;
use ws4rs_peers::talk::Talk;
use ws4rs_peers::upgrade::{refuse, upgrade};
use yawc::{CompressionLevel, DeflatePool, Frame, OpCode, Options, WebSocket};

fn main() -> io::Result<()> {
    let flags = Flags::of(&[Deflate::Shared, Deflate::Takeover]);
    let talk = Talk::new(&flags, |frame: &Frame| {
        matches!(frame.opcode(), OpCode::Text | OpCode::Binary)
    });
    let options = options(&flags);
    serve(&flags, |stream| {
        let (talk, options) = (talk.clone(), options.clone());
        upgrade(stream, move |mut request| {
            let upgraded = WebSocket::upgrade_with_options(&mut request, options.clone());
            let Ok((response, future)) = upgraded else {
                return refuse();
            };
            let talk = talk.clone();
            tokio::spawn(tokio::task::unconstrained(async move {
                if let Ok(connection) = future.await {
                    talk.run(connection.map(Ok::<_, Infallible>)).await;
                }
            }));
            response
        })
    })
}

fn options(flags: &Flags) -> Options {
    // Its limits exclude the number they name.
    let limit = flags.max_message + 1;
    let mut options = Options::default()
        .with_utf8()
        .with_limits(limit, limit)
        // Not asked for, its 8 KiB are lost: whoever keeps frames while more is read, as we do, then
        // reads a few bytes at a time, for good.
        .with_read_buffer_capacity(flags.read_buffer.unwrap_or(8 << 10));
    if flags.read_buffer.is_some() {
        // 64 KiB: goes with the larger buffer in its benchmark.
        options = options.with_backpressure_boundary(64 << 10);
    }
    match flags.deflate {
        Deflate::Off => options.without_compression(),
        Deflate::Takeover => options.with_compression_level(CompressionLevel::default()),
        Deflate::Shared => options
            .with_compression_level(CompressionLevel::default())
            .server_no_context_takeover()
            .client_no_context_takeover()
            .with_deflate_pool(DeflatePool::new(16)),
    }
}
