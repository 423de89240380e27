//! Echo and broadcast over a connection that is a `Stream` and a `Sink`.

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use tokio::sync::broadcast::{Receiver, Sender, channel, error::RecvError};

use crate::flags::{Flags, Mode};

/// Where messages for everybody go: one slot for all, and a cursor for each connection.
#[derive(Clone)]
pub struct Talk<M> {
    mode: Mode,
    everybody: Sender<M>,
    is_data: fn(&M) -> bool,
}

impl<M: Clone> Talk<M> {
    /// `is_data` tells messages from pings and what else the library shows.
    pub fn new(flags: &Flags, is_data: fn(&M) -> bool) -> Self {
        let everybody = channel(BACKLOG).0;
        Self {
            mode: flags.mode,
            everybody,
            is_data,
        }
    }

    /// Until the connection ends.
    pub async fn run<S, E>(self, connection: S)
    where
        S: Stream<Item = Result<M, E>> + Sink<M> + Unpin,
    {
        let _ended = match self.mode {
            Mode::Echo => self.echo(connection).await,
            Mode::Broadcast => self.broadcast(connection).await,
        };
    }

    /// Answers what has come already with one flush. First it hears all of that, then it answers: some
    /// libraries flush before they hear more.
    async fn echo<S, E>(self, mut connection: S) -> Option<()>
    where
        S: Stream<Item = Result<M, E>> + Sink<M> + Unpin,
    {
        let mut heard = Vec::new();
        loop {
            let mut next = Some(connection.next().await);
            while let Some(message) = next {
                heard.push(message?.ok()?);
                next = match heard.len() {
                    BATCH => None,
                    _ => connection.next().now_or_never(),
                };
            }
            for message in heard.drain(..).filter(self.is_data) {
                connection.feed(message).await.ok()?;
            }
            connection.flush().await.ok()?;
        }
    }

    async fn broadcast<S, E>(self, mut connection: S) -> Option<()>
    where
        S: Stream<Item = Result<M, E>> + Sink<M> + Unpin,
    {
        let mut news = self.everybody.subscribe();
        loop {
            tokio::select! {
                message = connection.next() => {
                    let message = message?.ok()?;
                    if (self.is_data)(&message) {
                        self.everybody.send(message).ok()?;
                    }
                }
                message = news.recv() => {
                    say(&mut connection, message, &mut news).await?;
                }
            }
        }
    }
}

/// What waits for this connection, with one flush.
async fn say<S, M: Clone>(
    connection: &mut S,
    first: Result<M, RecvError>,
    news: &mut Receiver<M>,
) -> Option<()>
where
    S: Sink<M> + Unpin,
{
    connection.feed(first.ok()?).await.ok()?;
    while let Ok(message) = news.try_recv() {
        connection.feed(message).await.ok()?;
    }
    connection.flush().await.ok()
}

/// 32: what yawc's own benchmark answers at most before it flushes.
const BATCH: usize = 32;
/// More than any row has under way; who lags further behind is cut.
const BACKLOG: usize = 4096;
