//! The opening handshake over a transport, in the time that is left for it (RFC 6455 4.1).

use std::io;
use std::time::Instant;

use super::builder::Settings;
use super::connection::Client;
use super::ear::{BUFFER, Ear};
use super::error::{Error, Wait};
use super::line::Line;
use super::transport::{Transport, is_late, left, pause};
use crate::proto::handshake::Dialing;
use crate::proto::{Rules, WebSocket};

/// Sends the request and awaits its answer.
pub(super) fn open<T: Transport>(
    transport: T,
    request: &[u8],
    mut dialing: Dialing,
    settings: &Settings,
    by: Instant,
) -> Result<Client<T>, Error> {
    write(&transport, request, by)?;
    let mut buffer = vec![0; BUFFER].into_boxed_slice();
    loop {
        let received = read(&transport, &mut buffer, by)?;
        let Some((answer, behind)) = dialing.receive(&mut buffer[..received], &settings.head)?
        else {
            continue;
        };
        // What came right behind the answer belongs to the conversation.
        let unheard = received - behind.len()..received;
        let mut websocket = WebSocket::new(Rules::client(settings.message_max));
        if let Some(agreed) = answer.deflate() {
            websocket = websocket.deflate(agreed);
        }
        let (stream, outbound, rules) = websocket.into_parts();
        transport.write_within(settings.times.write)?;
        return Ok(Client {
            line: Line::new(transport, outbound, settings.times),
            ear: Ear::new(stream, rules, buffer, unheard, settings.read_timeout),
            answer,
        });
    }
}

fn write(transport: &impl Transport, mut bytes: &[u8], by: Instant) -> Result<(), Error> {
    while !bytes.is_empty() {
        transport.write_within(left(by).ok_or(LATE)?)?;
        match transport.write(&[io::IoSlice::new(bytes)]) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) => give_up(transport, error)?,
        }
    }
    while let Err(error) = transport.flush() {
        give_up(transport, error)?;
        left(by).ok_or(LATE)?;
    }
    Ok(())
}

fn read(transport: &impl Transport, buffer: &mut [u8], by: Instant) -> Result<usize, Error> {
    loop {
        transport.read_within(Some(left(by).ok_or(LATE)?))?;
        match transport.read(buffer) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, ENDED).into()),
            Ok(received) => return Ok(received),
            Err(error) => give_up(transport, error)?,
        }
    }
}

/// Unless it was a signal, or the time, which is looked at above: a clock of the stream's own may be
/// a shorter one.
fn give_up(transport: &impl Transport, error: io::Error) -> Result<(), Error> {
    match error.kind() {
        io::ErrorKind::Interrupted => {}
        _ if is_late(transport, &error) => pause(transport),
        _ => return Err(error.into()),
    }
    Ok(())
}

const LATE: Error = Error::Timeout(Wait::Handshake);
const ENDED: &str = "the server ended the connection before it answered";
