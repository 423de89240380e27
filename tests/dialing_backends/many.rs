//! Two thousand at once, and all of them hear what is published.

use std::sync::Arc;

use ws4rs::{CloseCode, Deflate};

use super::dialled::dial;
use super::dialler::Told;
use crate::setting::everywhere;
use crate::wire::prose;

#[test]
fn two_thousand_at_once() {
    // Each takes two descriptors here, and many a shell allows 1024.
    #[cfg(feature = "cli")]
    let count = match rlimit::increase_nofile_limit(8192) {
        Ok(8192..) => 2000,
        _ => 400,
    };
    #[cfg(not(feature = "cli"))]
    let count = 400;
    everywhere(|setting| {
        let server = setting.echo(|builder| builder);
        let clients = setting.dialler(|peer, told| match told {
            Told::Open(..) => {
                let text = peer.state.to_string();
                peer.text(&text);
            }
            _ => peer.close(CloseCode::NORMAL, ""),
        });
        let dial = Arc::new(dial(&server.addresses()[0]));
        for name in 0..count {
            clients.connect(name, dial.clone());
        }
        let mut steps = vec![0; count as usize];
        for _ in 0..3 * count {
            let (name, told) = clients.next();
            let step = &mut steps[name as usize];
            match (*step, told) {
                (0, Told::Open(..)) | (2, Told::Close(1000, ..)) => {}
                (1, Told::Text(text)) => assert_eq!(text, name.to_string()),
                (step, told) => panic!("{name} at {step}: {told:?}"),
            }
            *step += 1;
        }
        assert!(steps.iter().all(|step| *step == 3));
        clients.end();
    });
}

// Compressed once for each window, masked for each, and understood with what went before.
#[test]
fn what_is_published_is_understood_by_each_server() {
    everywhere(|setting| {
        let theirs = [None, Some(Deflate::shared()), Some(Deflate::takeover(15))];
        let servers = theirs.map(|deflate| setting.echo(|builder| builder.deflate(deflate)));
        let clients = setting.dialler(|peer, told| {
            if let Told::Open(..) = told {
                peer.subscribe("news");
            }
        });
        let ours = [
            Deflate::shared(),
            Deflate::takeover(10),
            Deflate::takeover(15),
        ];
        let mut count = 0;
        for server in &servers {
            for deflate in ours {
                for _ in 0..2 {
                    clients.connect(count, dial(&server.addresses()[0]).deflate(deflate));
                    count += 1;
                }
            }
        }
        for _ in 0..count {
            clients.opened();
        }
        for round in 0..20 {
            let text = format!("{round} {}", prose(200 * round));
            clients.running.handle().publish("news", &*text).unwrap();
            let mut names = Vec::new();
            for _ in 0..count {
                let (name, told) = clients.next();
                assert_eq!(told, Told::Text(text.clone()));
                names.push(name);
            }
            names.sort_unstable();
            assert_eq!(names, (0..count).collect::<Vec<_>>());
        }
    });
}
