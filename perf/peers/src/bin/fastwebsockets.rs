//! fastwebsockets: each frame is written when it is there, for the library has nothing to gather them.

use std::io;

use bytes::Bytes;
use fastwebsockets::upgrade::{UpgradeFut, upgrade as agree};
use fastwebsockets::{
    FragmentCollector, FragmentCollectorRead, Frame, OpCode, Payload, WebSocketError,
    WebSocketWrite,
};
use tokio::io::AsyncWrite;
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::unconstrained;
use ws4rs_peers::flags::{Flags, Mode};
use ws4rs_peers::serve::serve;
use ws4rs_peers::upgrade::{refuse, upgrade};

type News = (OpCode, Bytes);

fn main() -> io::Result<()> {
    let flags = Flags::of(&[]);
    let (mode, max) = (flags.mode, flags.max_message + 1); // its limit excludes the number it names
    let everybody = channel::<News>(4096).0;
    serve(&flags, |stream| {
        let everybody = everybody.clone();
        upgrade(stream, move |mut request| {
            let Ok((response, future)) = agree(&mut request) else {
                return refuse();
            };
            let everybody = everybody.clone();
            tokio::spawn(unconstrained(async move {
                let _ended = match mode {
                    Mode::Echo => echo(future, max).await,
                    Mode::Broadcast => broadcast(future, max, everybody).await,
                };
            }));
            response
        })
    })
}

async fn echo(future: UpgradeFut, max: usize) -> Result<(), WebSocketError> {
    let mut connection = future.await?;
    connection.set_max_message_size(max);
    let mut connection = FragmentCollector::new(connection);
    loop {
        let frame = connection.read_frame().await?;
        match frame.opcode {
            OpCode::Text | OpCode::Binary => connection.write_frame(frame).await?,
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}

async fn broadcast(
    future: UpgradeFut,
    max: usize,
    everybody: Sender<News>,
) -> Result<(), WebSocketError> {
    let mut connection = future.await?;
    connection.set_max_message_size(max);
    let (hear, say) = connection.split(tokio::io::split);
    let mut hear = FragmentCollectorRead::new(hear);
    let (owe, owed) = unbounded_channel();
    tokio::spawn(unconstrained(tell(say, owed, everybody.subscribe())));
    // What the library owes a peer itself: a Pong, a Close.
    let mut owes = |frame: Frame<'_>| {
        let sent = owe.send((frame.opcode, bytes(frame.payload)));
        std::future::ready(sent)
    };
    loop {
        let frame = hear.read_frame(&mut owes).await?;
        match frame.opcode {
            OpCode::Text | OpCode::Binary => {
                let _heard_by = everybody.send((frame.opcode, bytes(frame.payload)));
            }
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}

/// Until nothing more is owed to anybody.
async fn tell(
    mut say: WebSocketWrite<impl AsyncWrite + Unpin>,
    mut owed: UnboundedReceiver<News>,
    mut news: Receiver<News>,
) -> Option<()> {
    loop {
        let (opcode, bytes) = tokio::select! {
            frame = owed.recv() => frame?,
            frame = news.recv() => frame.ok()?,
        };
        let frame = Frame::new(true, opcode, None, Payload::Borrowed(&bytes));
        say.write_frame(frame).await.ok()?;
    }
}

fn bytes(payload: Payload<'_>) -> Bytes {
    match payload {
        Payload::Bytes(bytes) => bytes.freeze(),
        other => Bytes::copy_from_slice(&other),
    }
}
