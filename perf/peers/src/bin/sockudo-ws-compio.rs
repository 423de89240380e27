//! sockudo-ws on compio, which is io_uring here: one write for each message, for that is its API.

use std::io;

use compio::net::{TcpListener, TcpStream};
use compio::runtime::{Runtime, spawn};
use sockudo_ws::compio::accept_async;
use sockudo_ws::{Config, Message};
use tokio::sync::broadcast::{Sender, channel};
use ws4rs_peers::flags::{Flags, Mode};

fn main() -> io::Result<()> {
    let flags = Flags::of(&[]);
    Runtime::new()?.block_on(serve(flags))
}

async fn serve(flags: Flags) -> io::Result<()> {
    let everybody = channel(4096).0;
    let listener = TcpListener::from_std(flags.listener("ws")?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let config = Config::builder()
            .max_payload_length(flags.max_message)
            .build();
        match flags.mode {
            Mode::Echo => spawn(echo(stream, config)).detach(),
            Mode::Broadcast => spawn(broadcast(stream, config, everybody.clone())).detach(),
        }
    }
}

async fn echo(stream: TcpStream, config: Config) {
    let Ok((mut connection, _)) = accept_async(stream, config).await else {
        return;
    };
    while let Some(Ok(message)) = connection.next().await {
        if is_data(&message) && connection.send(message).await.is_err() {
            return;
        }
    }
}

async fn broadcast(stream: TcpStream, config: Config, everybody: Sender<Message>) {
    let Ok((connection, _)) = accept_async(stream, config).await else {
        return;
    };
    let (mut hear, mut say) = connection.split();
    let mut news = everybody.subscribe();
    let saying = spawn(async move {
        while let Ok(message) = news.recv().await
            && say.send(message).await.is_ok()
        {}
    });
    while let Some(Ok(message)) = hear.next().await {
        if is_data(&message) {
            let _heard_by = everybody.send(message);
        }
    }
    drop(saying); // which cancels it
}

fn is_data(message: &Message) -> bool {
    matches!(message, Message::Text(_) | Message::Binary(_))
}
