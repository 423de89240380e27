//! How a server ends, and what becomes of those it serves.

use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use ws4rs::config::OnPanic;
use ws4rs::{
    CloseCode, ConnectionId, Drain, Error, Handle, Handler, Message, Peer, Request, Verdict,
};

use super::service::{Told, builder, idle};
use crate::setting::everywhere;
use crate::wire::{Client, DEADLINE, TEXT};

#[test]
fn a_drain_tells_everybody_and_cuts_who_stays() {
    everywhere(|setting| {
        let service = setting.start();
        let mut clients: Vec<_> = (0..5).map(|_| service.open()).collect();
        let mut deaf = service.open();
        for _ in 0..6 {
            service.opened();
        }
        let mut late = Client::connect(service.at(0));
        late.write(b"GET / HT");
        let drain = Drain::default()
            .code(CloseCode::RESTART)
            .wait(Duration::from_millis(300));
        service.running.handle().drain(drain);
        for client in &mut clients {
            client.expect_close(1012);
            client.close(1012);
            client.expect_end();
        }
        deaf.expect_close(1012);
        deaf.expect_cut();
        late.expect_cut();
        let address = service.at(0);
        let told: Vec<_> = (0..6).map(|_| service.closed()).collect();
        assert!(
            told.iter()
                .all(|(_, code, by_peer)| (*code, *by_peer) == (1012, false)),
            "{told:?}"
        );
        service.running.wait().unwrap();
        TcpStream::connect(address).unwrap_err();
    });
}

#[test]
fn a_stop_cuts_everybody_and_a_dropped_server_stops() {
    everywhere(|setting| {
        for dropped in [false, true] {
            let service = setting.start();
            let mut clients: Vec<_> = (0..5).map(|_| service.open()).collect();
            let handle = service.running.handle();
            if dropped {
                drop(service.running);
            } else {
                handle.stop();
                service.running.wait().unwrap();
            }
            clients.iter_mut().for_each(Client::expect_cut);
            assert_eq!(handle.connections(), 0);
            let told: Vec<_> = service.told.iter().collect();
            let closed = told
                .iter()
                .filter(|told| matches!(told, Told::Closed { .. }));
            assert_eq!(closed.count(), 5, "{told:?}");
            // Whoever holds a handle to it still may use it.
            handle.broadcast("anybody?").unwrap();
            handle.stop();
        }
    });
}

/// Tells its connections' names; its events speak through the handle when they are dropped.
struct Echoing(Sender<ConnectionId>);

struct Echo(Handle<Echoing>, ConnectionId);

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.0.send(self.1, "dropped");
        let _ = self.0.broadcast("dropped");
        self.0.stop();
    }
}

impl Handler for Echoing {
    type State = ();
    type Event = Echo;

    fn on_upgrade(&mut self, _: &Request<'_>) -> Verdict<Self> {
        Verdict::accept(())
    }

    fn on_open(&mut self, peer: &mut Peer<'_, Self>) {
        let _ = self.0.send(peer.id());
    }

    fn on_message(&mut self, _: &mut Peer<'_, Self>, _: Message<'_>) {}
}

// A server that has ended drops what it is given: that may ask it for something again.
#[test]
fn an_event_for_a_server_that_has_ended_is_dropped_where_it_may_speak() {
    everywhere(|setting| {
        let (tell, told) = channel();
        let running = builder(setting).start(move || Echoing(tell.clone()));
        let running = running.unwrap();
        let handle = running.handle();
        let url = &running.addresses()[0];
        let _client = Client::open(url.strip_prefix("ws://").unwrap().parse().unwrap());
        let id = told.recv_timeout(DEADLINE).unwrap();
        drop(running);
        let (done, all_done) = channel();
        thread::spawn(move || {
            let taken = handle.post(id, Echo(handle.clone(), id)).is_ok();
            done.send(taken).unwrap();
        });
        let taken = all_done.recv_timeout(DEADLINE);
        assert_eq!(taken, Ok(true), "it waits for itself");
    });
}

#[test]
fn a_panic_ends_the_server_if_that_is_what_it_should_cost() {
    everywhere(|setting| {
        let service = setting.serve(builder(setting).on_panic(OnPanic::StopServer));
        let (mut client, mut other) = (service.open(), service.open());
        client.send(TEXT, b"/panic");
        client.expect_cut();
        other.expect_cut();
        assert!(matches!(service.running.wait(), Err(Error::Panicked)));
    });
}

#[test]
fn a_factory_that_panics_starts_no_server() {
    everywhere(|setting| {
        let workers = AtomicUsize::new(0);
        let started = builder(setting).start(move || {
            // The last of them, when the others are ready.
            assert!(workers.fetch_add(1, Ordering::Relaxed) + 1 < setting.workers);
            idle()
        });
        assert!(matches!(started, Err(Error::Panicked)));
    });
}
