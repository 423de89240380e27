//! From settings to running workers: bind, choose the backend, run, wait for the end.
//!
//! Every worker makes its kernel interface on its own thread, for an io_uring belongs to the thread
//! that made it, and tries it there. The server is ready when all of them are.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::bind::{Bound, SocketFile, bind};
use super::guard::{discard, let_go};
use super::handle::Handle;
use super::handler::Handler;
use super::mailbox::{Order, Shared, Taken};
use super::worker::{Listener, Worker};
use super::{Config, Error, Place};
use crate::config::{Backend, OnPanic};
use crate::reactor::poll::Poll;
use crate::reactor::{Address, Driver};
#[cfg(target_os = "linux")]
use crate::reactor::{probe, uring::Uring};

/// A server at work. Dropped, it stops.
pub struct Running<H: Handler> {
    handle: Handle<H>,
    addresses: Vec<String>,
    backend: Backend,
    workers: Vec<JoinHandle<()>>,
    failure: Failure,
    files: Vec<SocketFile>,
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
            if let Err(panic) = worker.join() {
                let_go(panic);
            }
        }
        self.files.clear();
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
    let shared = Shared::new(workers, config.mailbox_max).ok_or(Error::Config(
        "a process can start 16384 workers in its life, and has",
    ))?;
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
                (Ok((_, listeners)), unused) => {
                    drop(unused);
                    self.run_poll(worker, listeners, report);
                }
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
        self.work_to_the_end(house, driver);
    }

    /// Has a worker work until it ends, in whatever way, and clears up behind it.
    fn work_to_the_end(&self, mut house: Worker<H>, mut driver: impl Driver) {
        let calm = catch_unwind(AssertUnwindSafe(|| {
            if let Err(error) = house.run(&mut driver) {
                self.fail(Error::Worker(error));
            }
        }));
        // Before a panic goes on: none in what is left may meet it.
        let ended_calmly = house.discard();
        if let Err(panic) = calm {
            resume_unwind(panic);
        }
        if !ended_calmly && self.config.on_panic == OnPanic::StopServer {
            self.fail(Error::Panicked);
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
        let shared = &self.crew.shared;
        let Taken { orders, letters } = shared.end(self.worker);
        discard(orders, shared.counters(self.worker));
        discard(letters, shared.counters(self.worker));
        if thread::panicking() {
            self.crew.fail(Error::Panicked);
        }
    }
}

#[cfg(target_os = "linux")]
fn try_uring() -> io::Result<Uring> {
    let mut uring = Uring::new()?;
    probe(&mut uring)?;
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
