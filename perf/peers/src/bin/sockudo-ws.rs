//! sockudo-ws on tokio: its stream, which gathers what is fed; compressed ones after its negotiation.

use std::io;

use bytes::BytesMut;
use sockudo_ws::deflate::negotiate_server_deflate;
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request, server_handshake};
use sockudo_ws::{
    CompressedWebSocketStream, Config, DeflateConfig, Error, Message, Role, WebSocketStream,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use ws4rs_peers::flags::{Deflate, Flags};
use ws4rs_peers::serve::serve;
use ws4rs_peers::talk::Talk;

fn main() -> io::Result<()> {
    let flags = Flags::of(&[Deflate::Shared, Deflate::Takeover]);
    let talk = Talk::new(&flags, |message: &Message| {
        matches!(message, Message::Text(_) | Message::Binary(_))
    });
    let config = Config::builder()
        .max_payload_length(flags.max_message)
        .build();
    let deflate = deflate(flags.deflate);
    sockudo_ws::init_clock();
    serve(&flags, |stream| {
        let (talk, config, deflate) = (talk.clone(), config.clone(), deflate.clone());
        async move {
            match deflate {
                None => {
                    if let Ok(connection) = plain(stream, config).await {
                        talk.run(connection).await;
                    }
                }
                Some(policy) => {
                    if let Ok(connection) = compressed(stream, config, policy).await {
                        talk.run(connection).await;
                    }
                }
            }
        }
    })
}

fn deflate(deflate: Deflate) -> Option<DeflateConfig> {
    let alone = match deflate {
        Deflate::Off => return None,
        Deflate::Shared => true,
        Deflate::Takeover => false,
    };
    Some(DeflateConfig {
        server_no_context_takeover: alone,
        client_no_context_takeover: alone,
        ..DeflateConfig::default()
    })
}

async fn plain(mut stream: TcpStream, config: Config) -> Result<WebSocketStream<TcpStream>, Error> {
    let rest = server_handshake(&mut stream).await?.leftover;
    Ok(WebSocketStream::from_raw_with_leftover(
        stream,
        Role::Server,
        config,
        rest,
    ))
}

/// Its handshake does not negotiate compression, so the handshake is put together from its parts.
async fn compressed(
    mut stream: TcpStream,
    config: Config,
    policy: DeflateConfig,
) -> Result<CompressedWebSocketStream<TcpStream>, Error> {
    let mut head = BytesMut::with_capacity(4096);
    loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(Error::ConnectionClosed);
        }
        let Some((request, length)) = parse_request(&head)? else {
            continue;
        };
        let agreed = request
            .extensions
            .and_then(|offers| negotiate_server_deflate(offers, &policy))
            .ok_or(Error::HandshakeFailed("no compression in common"))?;
        let header = agreed.to_response_header();
        let answer = build_response(&generate_accept_key(request.key), None, Some(&header));
        stream.write_all(&answer).await?;
        let rest = Some(head.split_off(length).freeze()).filter(|rest| !rest.is_empty());
        return Ok(CompressedWebSocketStream::server_with_leftover(
            stream,
            config,
            agreed.config,
            rest,
        ));
    }
}
