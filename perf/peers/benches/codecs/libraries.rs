//! Each library as a function that takes what was received and tells what it sends.

use std::fmt::Debug;

use fastwebsockets::{FragmentCollector, Role as FastRole, WebSocket as Fast};
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use sockudo_ws::{Config, WebSocketStream as Sockudo};
use tokio_tungstenite::WebSocketStream as Tungstenite;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_websockets::{Config as TokioConfig, Limits, ServerBuilder};
use ws4rs::internal::simd::mask;
use ws4rs::proto::{Event, Input, Rules, WebSocket};
use yawc::{Options, Role as YawcRole, WebSocket as Yawc};

use crate::memory::{Memory, RECEIVED};

/// The second argument comes empty.
pub type Echo = Box<dyn FnMut(&[u8], &mut Vec<u8>)>;
type Unmask = fn(&mut [u8], [u8; 4]);

pub const ECHOES: &[(&str, fn() -> Echo)] = &[
    ("ws4rs", ws4rs),
    ("tokio-tungstenite", tungstenite),
    ("tokio-websockets", tokio_websockets),
    ("fastwebsockets", fastwebsockets),
    ("sockudo-ws", sockudo),
    ("yawc", yawc),
];

pub const UNMASKS: &[(&str, Unmask)] = &[
    ("ws4rs", mask::apply),
    ("fastwebsockets", fastwebsockets::unmask),
    ("sockudo-ws", sockudo_ws::mask::apply_mask),
    ("yawc", yawc::mask::apply_mask),
];

fn ws4rs() -> Echo {
    let mut websocket = WebSocket::new(Rules::server(MAX));
    let mut kernel = vec![0; RECEIVED];
    Box::new(move |bytes, said| {
        for part in bytes.chunks(RECEIVED) {
            let received = &mut kernel[..part.len()];
            received.copy_from_slice(part); // as the kernel does: payloads are unmasked where they lie
            let heard = websocket.hear(&mut Input::new(received), |event, outbound| {
                if let Event::Message(message) = event {
                    outbound.send(message);
                }
            });
            heard.expect("the script is lawful");
            while let Some(mut chunks) = websocket.outgoing() {
                chunks.write_to(&mut *said).expect("memory takes all");
                websocket.sent(chunks);
            }
        }
    })
}

fn tungstenite() -> Echo {
    let memory = Memory::default();
    let connection = Tungstenite::from_raw_socket(memory.clone(), Role::Server, None);
    talk(
        memory,
        connection.now_or_never().expect("nothing to wait for"),
    )
}

fn tokio_websockets() -> Echo {
    let memory = Memory::default();
    let builder = ServerBuilder::new()
        .config(TokioConfig::default().frame_size(usize::MAX))
        .limits(Limits::default().max_payload_len(Some(MAX)));
    let connection = builder.serve(memory.clone());
    talk(memory, connection)
}

fn sockudo() -> Echo {
    let memory = Memory::default();
    // Its timers want a runtime.
    let config = Config::builder().idle_timeout(0).auto_ping(false).build();
    let connection = Sockudo::server(memory.clone(), config);
    talk(memory, connection)
}

fn yawc() -> Echo {
    let memory = Memory::default();
    let options = Options::default().with_utf8().with_limits(MAX, MAX);
    let connection = Yawc::from_stream(memory.clone(), YawcRole::Server, options);
    let connection = connection.expect("the options go together");
    talk(memory, connection.map(Ok::<_, yawc::WebSocketError>))
}

fn fastwebsockets() -> Echo {
    let memory = Memory::default();
    let mut connection =
        FragmentCollector::new(Fast::after_handshake(memory.clone(), FastRole::Server));
    // In one go: a read that is given up in the middle of a frame loses its place.
    Box::new(move |bytes, said| {
        memory.receive(bytes);
        let all = async {
            loop {
                let frame = connection.read_frame().await.expect("the script is lawful");
                connection
                    .write_frame(frame)
                    .await
                    .expect("memory takes all");
            }
        };
        let ended: Option<()> = all.now_or_never();
        assert!(ended.is_none());
        memory.take(said);
    })
}

/// Hears all there is, answers it, flushes.
fn talk<S, M, E: Debug>(memory: Memory, mut connection: S) -> Echo
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin + 'static,
{
    Box::new(move |bytes, said| {
        memory.receive(bytes);
        while let Some(next) = connection.next().now_or_never() {
            let message = next
                .expect("the stream has no end")
                .expect("the script is lawful");
            let fed = connection.feed(message).now_or_never();
            fed.expect("memory takes all").expect("memory takes all");
        }
        let flushed = connection.flush().now_or_never();
        flushed
            .expect("memory takes all")
            .expect("memory takes all");
        memory.take(said);
    })
}

const MAX: usize = 16 << 20;
