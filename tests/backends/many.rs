//! One says it and many hear it, by topic or from other threads.

use std::net::TcpListener;
use std::thread;

use ws4rs::Handle;

use super::service::Desk;
use crate::setting::everywhere;
use crate::wire::Client;

#[test]
fn what_is_published_reaches_every_subscriber_in_order() {
    const MESSAGES: usize = 500;
    everywhere(|setting| {
        // Shared out one by one, so that every worker has subscribers.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = setting.serve(setting.bare().listener(listener));
        let mut clients: Vec<_> = (0..10).map(|_| service.open()).collect();
        for client in &mut clients {
            client.text("/subscribe news");
            client.expect_text("subscribed true");
            client.text("/subscribe news");
            client.expect_text("subscribed false");
        }
        // Two publishers, one a subscriber himself, who does not hear what he says.
        let mut outsider = service.open();
        let line = |who: &str, n: usize| format!("{who} {n} {}", "x".repeat(n % 300));
        for n in 0..MESSAGES {
            outsider.text(&format!("/publish news {}", line("outsider", n)));
            clients[0].text(&format!("/publish news {}", line("insider", n)));
        }
        for (index, client) in clients.iter_mut().enumerate() {
            let mut next = [0, if index == 0 { MESSAGES } else { 0 }];
            while next != [MESSAGES; 2] {
                let said = String::from_utf8(client.receive().payload).unwrap();
                let who = usize::from(said.starts_with("insider"));
                assert_eq!(said, line(["outsider", "insider"][who], next[who]));
                next[who] += 1;
            }
        }
        clients.into_iter().for_each(Client::goodbye);
    });
}

#[test]
fn other_threads_speak_through_the_handle() {
    everywhere(|setting| {
        let service = setting.serve(
            setting
                .bare()
                .listener(TcpListener::bind("127.0.0.1:0").unwrap()),
        );
        let mut clients = Vec::new();
        let mut ids = Vec::new();
        for _ in 0..4 {
            clients.push(service.open());
            ids.push(service.opened().1);
        }
        clients[1].text("/subscribe news");
        clients[1].expect_text("subscribed true");
        let handle: Handle<Desk> = service.running.handle();
        assert_eq!(handle.connections(), 4);
        let (far, names) = (handle.clone(), ids.clone());
        let thread = thread::spawn(move || {
            for (n, id) in names.into_iter().enumerate() {
                far.send(id, format!("for {n}")).unwrap();
                far.post(id, format!("event {n}")).unwrap();
            }
            far.broadcast("for all").unwrap();
            far.publish("news", "for those who listen").unwrap();
        });
        thread.join().unwrap();
        for (n, client) in clients.iter_mut().enumerate() {
            client.expect_text(&format!("for {n}"));
            client.expect_text(&format!("event {n}"));
            client.expect_text("for all");
            if n == 1 {
                client.expect_text("for those who listen");
            }
        }
        clients.into_iter().for_each(Client::goodbye);
        (0..4).for_each(|_| drop(service.closed()));
        // To those who have gone, nothing comes; and nobody is harmed.
        handle.send(ids[0], "too late").unwrap();
        handle.post(ids[0], "too late".into()).unwrap();
        service.open().goodbye();
        assert_eq!(handle.stats(), ws4rs::Stats::default());
    });
}
