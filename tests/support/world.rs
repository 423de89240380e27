//! Workers on scripts: a server whose kernel does what the test says.

use std::net::{SocketAddr, TcpListener};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use ws4rs::internal::worker::{Listener, Worker};
use ws4rs::{Config, Connect, ConnectionId, Deflate, Dial, Handle};

use super::recorder::{End, Guest, Recorder, Told};
use super::script::{Conn, Gone, Script};
use super::wire::{REQUEST, Said, said, status, unmask, yes};

/// One worker and its kernel.
pub struct World {
    pub worker: Worker<Recorder>,
    pub script: Script,
    pub handle: Handle<Recorder>,
    pub running: bool,
}

impl World {
    pub fn new(handler: Recorder) -> Self {
        World::with(handler, Config::default())
    }

    pub fn with(handler: Recorder, config: Config) -> Self {
        let mut worlds = World::crew(vec![handler], config);
        worlds.remove(0)
    }

    /// Several workers of one server.
    pub fn crew(handlers: Vec<Recorder>, config: Config) -> Vec<World> {
        let (workers, handle) = Worker::crew(handlers, config);
        let worlds = workers.into_iter().map(|worker| {
            let mut world = World {
                worker,
                script: Script::new(),
                handle: handle.clone(),
                running: true,
            };
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
            let listener = Listener {
                socket,
                place: 0,
                shared_out: false,
            };
            let listening = world.worker.listen(&mut world.script, listener);
            listening.expect("a script listens");
            world
        });
        worlds.collect()
    }

    /// One turn.
    pub fn turn(&mut self) {
        if self.running {
            let turned = self.worker.turn(&mut self.script);
            self.running = turned.expect("a script never fails");
        }
    }

    /// Turns until nothing happens any more. Tells how many turns that took.
    pub fn settle(&mut self) -> usize {
        let mut quiet = 0;
        for turn in 0..100_000 {
            let before = (self.script.asked, self.script.told);
            self.turn();
            let busy = self.script.deadline.is_some_and(|at| at <= Instant::now());
            let still = before == (self.script.asked, self.script.told) && !busy;
            quiet = if still { quiet + 1 } else { 0 };
            if quiet == 2 || !self.running {
                return turn;
            }
        }
        panic!("the worker spins");
    }

    /// The clock jumps, and what was due happens.
    pub fn pass(&mut self, time: Duration) {
        self.worker.advance(time);
        self.settle();
    }

    /// A client connects and is let in, up to the handshake.
    pub fn connect(&mut self) -> Conn {
        let conn = self.script.connect();
        self.settle();
        conn
    }

    /// A client connects and opens a WebSocket; the 101 is taken off.
    pub fn open(&mut self) -> Conn {
        self.open_with(REQUEST)
    }

    /// The same, asked for so.
    pub fn open_with(&mut self, request: &[u8]) -> Conn {
        let conn = self.connect();
        self.feed(conn, request);
        let answer = self.script.take_out(conn);
        let (code, behind) = status(&answer);
        assert_eq!(code, 101);
        // What on_open said.
        let behind = behind.to_vec();
        self.script.put_back(conn, &behind);
        conn
    }

    /// A connection is dialled, and stands where its answer is awaited.
    pub fn dial(&mut self, dial: Dial) -> Conn {
        let connect = Connect::new(dial, Guest::default());
        self.handle.connect(connect).expect("room");
        self.settle();
        *self.script.dialled().last().expect("it was dialled")
    }

    /// The server says yes, and this behind it.
    pub fn agree(&mut self, conn: Conn, fields: &str, behind: &[u8]) {
        let answer = yes(&self.script.take_out(conn), fields);
        self.feed(conn, &[&answer[..], behind].concat());
    }

    /// A connection is dialled and opened; the request is taken off.
    pub fn open_out(&mut self) -> Conn {
        let conn = self.dial(somewhere());
        self.agree(conn, "", b"");
        conn
    }

    /// What the client said since it was last asked.
    pub fn spoke(&mut self, conn: Conn) -> Vec<Said> {
        said(&unmask(&self.script.take_out(conn)).0)
    }

    /// What was told of those that were not opened, since it was last asked.
    pub fn unopened(&mut self) -> Vec<(u32, String)> {
        std::mem::take(&mut self.worker.handler().unopened)
    }

    /// The id of a connection that is open.
    pub fn id(&mut self, conn: Conn) -> ConnectionId {
        let token = self.script.token(conn).expect("it was opened");
        let all = self.worker.handler().log.iter();
        let name = u64::from(token.index) << 30 | u64::from(token.generation);
        let mask = (1 << 50) - 1;
        all.map(|(id, _)| *id)
            .find(|id| id.get() & mask == name)
            .expect("the handler was told of it")
    }

    /// Bytes come in one receive, and all that follows from it happens.
    pub fn feed(&mut self, conn: Conn, bytes: &[u8]) {
        self.script.feed(conn, bytes);
        self.settle();
    }

    /// What the server said since it was last asked.
    pub fn said(&mut self, conn: Conn) -> Vec<Said> {
        said(&self.script.take_out(conn))
    }

    pub fn gone(&self, conn: Conn) -> Option<Gone> {
        self.script.gone(conn)
    }

    /// What the handler was told since it was last asked.
    pub fn told(&mut self) -> Vec<Told> {
        let log = std::mem::take(&mut self.worker.handler().log);
        log.into_iter().map(|(_, told)| told).collect()
    }

    /// The one end that was told.
    pub fn end(&mut self) -> End {
        let mut ends = self.worker.handler().ends();
        assert_eq!(ends.len(), 1, "one on_close: {ends:?}");
        ends.remove(0)
    }

    /// Nobody is here, and nothing is held.
    pub fn assert_empty(&self) {
        assert_eq!(self.worker.load(), (0, 0));
    }

    /// Bytes that wait to leave.
    pub fn queued(&self) -> usize {
        self.worker.queued()
    }

    /// Bytes of memory held for what is unfinished.
    pub fn memory(&self) -> usize {
        self.worker.load().1
    }
}

/// Where the kernel will connect to. Nobody speaks there: the script does.
pub fn somewhere() -> Dial {
    static LISTENER: OnceLock<(TcpListener, SocketAddr)> = OnceLock::new();
    let (_, address) = LISTENER.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        (listener, address)
    });
    Dial::new(format!("ws://{address}/feed").parse().expect("a URL"))
}

/// Lets all workers turn until nothing happens in any of them.
pub fn settle_all(worlds: &mut [World]) {
    for _ in 0..worlds.len() * 3 {
        for world in &mut *worlds {
            world.settle();
        }
    }
}

/// A config with something else in it.
pub fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

/// Bytes that may lie in front of a long unfinished message, see `pool::take_clear`.
pub const KEPT_CLEAR: usize = 128;

pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A config that compresses so.
pub fn compressing(deflate: Deflate) -> Config {
    config(|config| config.deflate = Some(deflate))
}
