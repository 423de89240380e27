//! tokio-tungstenite: `accept_async_with_config`, its defaults but for the longest message.

use std::io;

use tokio_tungstenite::accept_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use ws4rs_peers::flags::Flags;
use ws4rs_peers::serve::serve;
use ws4rs_peers::talk::Talk;

fn main() -> io::Result<()> {
    let flags = Flags::of(&[]);
    let talk = Talk::new(&flags, |message: &Message| {
        message.is_text() || message.is_binary()
    });
    let config = config(&flags);
    serve(&flags, |stream| {
        let talk = talk.clone();
        async move {
            if let Ok(connection) = accept_async_with_config(stream, Some(config)).await {
                talk.run(connection).await;
            }
        }
    })
}

fn config(flags: &Flags) -> WebSocketConfig {
    let config = WebSocketConfig::default()
        .max_message_size(Some(flags.max_message))
        .max_frame_size(Some(flags.max_message));
    match flags.read_buffer {
        Some(bytes) => config.read_buffer_size(bytes),
        None => config,
    }
}
