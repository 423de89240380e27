//! From settings to running workers: bind, choose the backend, run, wait for the end.
//!
//! Every worker makes its kernel interface on its own thread, for an io_uring belongs to the thread
//! that made it, and tries it there. The server is ready when all of them are.

use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::{fs, io};

use socket2::Socket;

use super::handle::Handle;
use super::handler::Handler;
use super::mailbox::{Order, Shared};
use super::worker::{Listener, Worker};
use super::{Config, Error, Place};
use crate::config::Backend;
use crate::reactor::poll::Poll;
#[cfg(target_os = "linux")]
use crate::reactor::uring::Uring;
use crate::reactor::{Address, Driver, socket};

/// A server at work. Dropped, it stops.
pub struct Running<H: Handler> {
    handle: Handle<H>,
    addresses: Vec<String>,
    backend: Backend,
    workers: Vec<JoinHandle<()>>,
    failure: Failure,
    files: Vec<PathBuf>,
}

/// The first thing that went wrong in a worker.
type Failure = Arc<Mutex<Option<Error>>>;

impl<H: Handler> Running<H> {
    /// The server, for other threads.
    pub fn handle(&self) -> Handle<H> {
        self.handle.clone()
    }

    /// Where it listens, as URLs: `ws://127.0.0.1:9001`, `ws+unix:path`.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Which backend carries the bytes: never [`Backend::Auto`].
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Waits until the server ends: drained or stopped through a [`Handle`], or failed.
    ///
    /// # Errors
    /// What made a worker fail.
    pub fn wait(mut self) -> Result<(), Error> {
        self.join();
        let failure = self
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        failure.map_or(Ok(()), Err)
    }

    fn join(&mut self) {
        for worker in self.workers.drain(..) {
            // A worker's panic has been noted by the worker itself.
            let _ = worker.join();
        }
        for file in self.files.drain(..) {
            let _ = fs::remove_file(file);
        }
    }
}

impl<H: Handler> Drop for Running<H> {
    fn drop(&mut self) {
        self.handle.stop();
        self.join();
    }
}

impl<H: Handler> std::fmt::Debug for Running<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

pub(super) fn start<H: Handler>(
    config: Config,
    places: Vec<Place>,
    factory: impl Fn() -> H + Send + Sync + 'static,
) -> Result<Running<H>, Error> {
    if let Some(fault) = config.fault() {
        return Err(Error::Config(fault));
    }
    let Bound {
        listeners,
        addresses,
        urls,
        files,
    } = bind(&config, places)?;
    let workers = config.workers;
    let shared = Shared::new(workers, config.mailbox_max);
    let crew = Arc::new(Crew {
        factory,
        config: Arc::new(config),
        shared: shared.clone(),
        addresses: addresses.into(),
        failure: Failure::default(),
    });
    // From here on, whatever returns early drops this, which stops the workers.
    let mut running = Running {
        handle: Handle::new(shared),
        addresses: urls,
        backend: Backend::Auto,
        workers: Vec::with_capacity(workers),
        failure: crew.failure.clone(),
        files,
    };

    let (report, reports) = channel();
    let mut starts = Vec::with_capacity(workers);
    for worker in 0..workers {
        let (start, told) = channel();
        let (crew, report) = (crew.clone(), report.clone());
        let thread = thread::Builder::new().name(format!("ws4rs-{worker}"));
        let thread = thread
            .spawn(move || crew.work(worker, &report, &told))
            .map_err(Error::Worker)?;
        running.workers.push(thread);
        starts.push(start);
    }
    drop(report);

    running.backend = choose(crew.config.backend, &reports, workers)?;
    for (start, listeners) in starts.iter().zip(listeners) {
        let _ = start.send((running.backend, listeners));
    }
    for _ in 0..workers {
        reports
            .recv()
            .map_err(|_| Error::Panicked)?
            .map_err(Error::Worker)?;
    }
    Ok(running)
}

/// What every worker's thread needs to begin.
struct Crew<H: Handler, F> {
    factory: F,
    config: Arc<Config>,
    shared: Arc<Shared<H>>,
    addresses: Arc<[Address]>,
    failure: Failure,
}

/// What a worker is told: the backend for all, and where it listens.
type Start = (Backend, Vec<Listener>);

impl<H: Handler, F: Fn() -> H> Crew<H, F> {
    /// A worker's whole life. It reports twice: how its io_uring works, and that it is ready.
    fn work(&self, worker: usize, report: &Sender<io::Result<()>>, told: &Receiver<Start>) {
        // However this ends, the others and the starter learn of it.
        let _end = End { crew: self, worker };
        if self.config.pin {
            pin(worker);
        }
        #[cfg(target_os = "linux")]
        {
            let uring = match self.config.backend {
                Backend::Mio => Err(io::ErrorKind::Unsupported.into()),
                Backend::Auto | Backend::IoUring => try_uring(),
            };
            let (uring, state) = match uring {
                Ok(uring) => (Some(uring), Ok(())),
                Err(error) => (None, Err(error)),
            };
            let _ = report.send(state);
            match (told.recv(), uring) {
                (Ok((Backend::IoUring, listeners)), Some(uring)) => {
                    self.run(worker, uring, listeners, report);
                }
                (Ok((_, listeners)), _) => self.run_poll(worker, listeners, report),
                // The server does not start.
                (Err(_), _) => {}
            }
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = report.send(Err(io::ErrorKind::Unsupported.into()));
            if let Ok((_, listeners)) = told.recv() {
                self.run_poll(worker, listeners, report);
            }
        }
    }

    fn run_poll(&self, worker: usize, listeners: Vec<Listener>, report: &Sender<io::Result<()>>) {
        match Poll::new() {
            Ok(poll) => self.run(worker, poll, listeners, report),
            Err(error) => drop(report.send(Err(error))),
        }
    }

    fn run(
        &self,
        worker: usize,
        mut driver: impl Driver,
        listeners: Vec<Listener>,
        report: &Sender<io::Result<()>>,
    ) {
        self.shared.set_waker(worker, driver.waker());
        let handler = (self.factory)();
        let (config, shared) = (self.config.clone(), self.shared.clone());
        let mut house = Worker::new(handler, config, shared, worker, self.addresses.clone());
        let listening = listeners
            .into_iter()
            .try_for_each(|listener| house.listen(&mut driver, listener));
        let failed = listening.is_err();
        let _ = report.send(listening);
        if failed {
            return;
        }
        if let Err(error) = house.run(&mut driver) {
            self.fail(Error::Worker(error));
        }
    }

    /// Notes what went wrong first, and ends the others.
    fn fail(&self, error: Error) {
        tracing::error!(%error, "the server stops");
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(error);
        drop(failure);
        for worker in 0..self.shared.workers() {
            self.shared.order(worker, Order::Stop);
        }
    }
}

/// The end of a worker, in whatever way.
struct End<'a, H: Handler, F: Fn() -> H> {
    crew: &'a Crew<H, F>,
    worker: usize,
}

impl<H: Handler, F: Fn() -> H> Drop for End<'_, H, F> {
    fn drop(&mut self) {
        self.crew.shared.end(self.worker);
        if thread::panicking() {
            self.crew.fail(Error::Panicked);
        }
    }
}

#[cfg(target_os = "linux")]
fn try_uring() -> io::Result<Uring> {
    let mut uring = Uring::new()?;
    uring.probe()?;
    Ok(uring)
}

/// One backend for all: io_uring if it works for every worker that was asked.
fn choose(
    wanted: Backend,
    reports: &Receiver<io::Result<()>>,
    workers: usize,
) -> Result<Backend, Error> {
    let mut fault = None;
    for _ in 0..workers {
        if let Err(error) = reports.recv().map_err(|_| Error::Panicked)? {
            fault.get_or_insert(error);
        }
    }
    match (wanted, fault) {
        (Backend::Mio, _) => {
            tracing::info!(backend = "mio", "as configured");
            Ok(Backend::Mio)
        }
        (_, None) => {
            tracing::info!(backend = "io_uring", "it works here");
            Ok(Backend::IoUring)
        }
        (Backend::IoUring, Some(error)) => Err(Error::Backend(error)),
        (Backend::Auto, Some(error)) => {
            tracing::warn!(backend = "mio", reason = %error, "io_uring does not work here");
            Ok(Backend::Mio)
        }
    }
}

/// Puts this thread on one of the cores it may run on.
fn pin(worker: usize) {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let core = cores.get(worker % cores.len().max(1));
    if !core.is_some_and(|core| core_affinity::set_for_current(*core)) {
        tracing::warn!(worker, "could not be pinned to a core");
    }
}

/// Sockets that listen: for each worker its own.
struct Bound {
    listeners: Vec<Vec<Listener>>,
    addresses: Vec<Address>,
    urls: Vec<String>,
    files: Vec<PathBuf>,
}

fn bind(config: &Config, places: Vec<Place>) -> Result<Bound, Error> {
    let mut bound = Bound {
        listeners: (0..config.workers).map(|_| Vec::new()).collect(),
        addresses: Vec::new(),
        urls: Vec::new(),
        files: Vec::new(),
    };
    if places.is_empty() {
        return Err(Error::Config(
            "a server needs an address: call bind or listener",
        ));
    }
    for place in places {
        let name = match &place {
            Place::Named(name) => name.clone(),
            Place::Inherited(_) => "an inherited socket".to_owned(),
        };
        bound.add(config, place).map_err(|source| Error::Bind {
            address: name,
            source,
        })?;
    }
    Ok(bound)
}

impl Bound {
    fn add(&mut self, config: &Config, place: Place) -> io::Result<()> {
        let place = match place {
            Place::Inherited(descriptor) => {
                let socket = socket::inherit(descriptor)?;
                let url = match socket.local_addr()?.as_pathname() {
                    Some(path) => unix_url(path),
                    None => format!("ws://{}", socket::local_address(&socket)?),
                };
                return self.add_one(socket, url);
            }
            Place::Named(name) => name,
        };
        if let Some(path) = place.strip_prefix("unix:") {
            let path = Path::new(path);
            let socket = socket::listen_unix(path)?;
            self.files.push(path.to_owned());
            return self.add_one(socket, unix_url(path));
        }
        let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
        for address in place.to_socket_addrs()? {
            match listen_on(address, config) {
                Ok(sockets) if sockets.len() == 1 => {
                    let url = format!("ws://{}", socket::local_address(&sockets[0])?);
                    return sockets
                        .into_iter()
                        .try_for_each(|socket| self.add_one(socket, url.clone()));
                }
                Ok(sockets) => return self.add_each(sockets),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// A socket that only one worker can listen on; it hands out what it accepts.
    fn add_one(&mut self, socket: Socket, url: String) -> io::Result<()> {
        let place = self.place(&socket, url)?;
        let worker = usize::from(place) % self.listeners.len();
        let shared_out = self.listeners.len() > 1;
        self.listeners[worker].push(Listener {
            socket,
            place,
            shared_out,
        });
        Ok(())
    }

    /// A socket for each worker; the kernel deals out what comes in.
    fn add_each(&mut self, sockets: Vec<Socket>) -> io::Result<()> {
        let url = format!("ws://{}", socket::local_address(&sockets[0])?);
        let place = self.place(&sockets[0], url)?;
        for (listeners, socket) in self.listeners.iter_mut().zip(sockets) {
            listeners.push(Listener {
                socket,
                place,
                shared_out: false,
            });
        }
        Ok(())
    }

    fn place(&mut self, socket: &Socket, url: String) -> io::Result<u16> {
        let place = u16::try_from(self.addresses.len()).map_err(io::Error::other)?;
        self.addresses.push(socket::local_address(socket)?);
        self.urls.push(url);
        Ok(place)
    }
}

/// One socket, or one for each worker where the kernel balances between them.
fn listen_on(address: std::net::SocketAddr, config: &Config) -> io::Result<Vec<Socket>> {
    if config.workers == 1 || !cfg!(target_os = "linux") {
        return Ok(vec![socket::listen(address, config.reuse_port)?]);
    }
    if !config.reuse_port {
        socket::prove_free(address)?;
    }
    let first = socket::listen(address, true)?;
    let address = match socket::local_address(&first)? {
        Address::Ip(address) => address,
        Address::Unix => address,
    };
    let mut sockets = vec![first];
    for _ in 1..config.workers {
        sockets.push(socket::listen(address, true)?);
    }
    Ok(sockets)
}

fn unix_url(path: &Path) -> String {
    format!("ws+unix:{}", path.display())
}
