//! tokio-websockets: messages go out as one frame, as in the server of its benchmark.

use std::io;

use tokio_websockets::{Config, Limits, Message, ServerBuilder};
use ws4rs_peers::flags::Flags;
use ws4rs_peers::serve::serve;
use ws4rs_peers::talk::Talk;

fn main() -> io::Result<()> {
    let flags = Flags::of(&[]);
    let talk = Talk::new(&flags, |message: &Message| {
        message.is_text() || message.is_binary()
    });
    serve(&flags, |stream| {
        let talk = talk.clone();
        let builder = ServerBuilder::new()
            .config(Config::default().frame_size(usize::MAX))
            .limits(Limits::default().max_payload_len(Some(flags.max_message)));
        async move {
            if let Ok((_, connection)) = builder.accept(stream).await {
                talk.run(connection).await;
            }
        }
    })
}
