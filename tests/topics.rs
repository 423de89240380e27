//! Topics, inside a worker and across workers.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use support::*;
use ws4rs::{CloseCode, Config};

/// "+a" subscribes to a, "-a" unsubscribes, "a=x" publishes x to a, "!" closes.
fn chat() -> Recorder {
    Recorder::new(|peer, told| {
        let Told::Text(text) = told else { return };
        if let Some(topic) = text.strip_prefix('+') {
            let new = peer.subscribe(topic);
            peer.text(if new { "joined" } else { "not joined" });
        } else if let Some(topic) = text.strip_prefix('-') {
            let was = peer.unsubscribe(topic);
            peer.text(if was { "left" } else { "not there" });
        } else if let Some((topic, message)) = text.split_once('=') {
            peer.publish(topic, message);
        } else if text == "!" {
            peer.close(CloseCode::NORMAL, "");
        }
    })
}

fn says(text: &str) -> Said {
    Said::Text(text.into())
}

/// Subscribes, and takes the answer.
fn join(world: &mut World, conn: Conn, topic: &str) {
    world.feed(conn, &text(&format!("+{topic}")));
    assert_eq!(world.said(conn), [says("joined")]);
}

#[test]
fn a_message_goes_to_all_subscribers_but_its_sender() {
    let mut world = World::new(chat());
    let conns: Vec<_> = (0..4).map(|_| world.open()).collect();
    for conn in &conns[..3] {
        join(&mut world, *conn, "a");
    }
    world.feed(conns[0], &text("a=hello"));
    let said: Vec<_> = conns.iter().map(|conn| world.said(*conn)).collect();
    assert_eq!(
        said,
        [vec![], vec![says("hello")], vec![says("hello")], vec![]]
    );
    // Whoever publishes need not subscribe.
    world.feed(conns[3], &text("a=from outside"));
    let heard = conns.iter().filter(|conn| !world.said(**conn).is_empty());
    assert_eq!(heard.count(), 3);
}

#[test]
fn subscribing_twice_and_leaving_twice_is_told() {
    let mut world = World::new(chat());
    let conn = world.open();
    world.feed(conn, &["+a", "+a", "-a", "-a", "-b"].map(text).concat());
    let told = ["joined", "not joined", "left", "not there", "not there"];
    assert_eq!(world.said(conn), told.map(says));
}

#[test]
fn a_connection_listens_to_a_bounded_number_of_topics() {
    let two = config(|config| config.topics_max = 2);
    let mut world = World::with(chat(), two);
    let conn = world.open();
    world.feed(conn, &["+a", "+b", "+c", "-a", "+c"].map(text).concat());
    let told = ["joined", "joined", "not joined", "left", "joined"];
    assert_eq!(world.said(conn), told.map(says));
}

// F19: what is published and what is sent keeps its order.
#[test]
fn publishing_keeps_its_order_with_sending() {
    let handler = Recorder::new(|peer, told| match told {
        Told::Open => {
            peer.subscribe("a");
        }
        Told::Text(_) => {
            for number in 0..50 {
                peer.publish("a", format!("p{number}"));
                peer.text(&format!("s{number}"));
            }
        }
        _ => {}
    });
    let mut world = World::new(handler);
    let (sender, other) = (world.open(), world.open());
    world.feed(sender, &text("go"));
    let numbers =
        |letter: &'static str| (0..50).map(move |number| says(&format!("{letter}{number}")));
    assert_eq!(world.said(other), numbers("p").collect::<Vec<_>>());
    assert_eq!(world.said(sender), numbers("s").collect::<Vec<_>>());
}

#[test]
fn a_topic_ends_with_its_last_subscriber() {
    let mut world = World::new(chat());
    let (a, b) = (world.open(), world.open());
    join(&mut world, a, "a");
    world.script.reset(a);
    world.settle();
    world.feed(b, &text("a=anybody?"));
    // The place is another's now, who did not subscribe.
    let c = world.open();
    world.feed(b, &text("a=anybody?"));
    assert_eq!(world.said(c), []);
}

// A Close ends the subscription: nothing follows it.
#[test]
fn a_closing_subscriber_hears_nothing_more() {
    let mut world = World::new(chat());
    let (a, b) = (world.open(), world.open());
    join(&mut world, a, "a");
    world.script.polite(a, false);
    world.feed(a, &close(1000, ""));
    world.feed(b, &text("a=late"));
    assert_eq!(world.said(a), [Said::Close(1000, String::new())]);
}

#[test]
fn on_close_may_still_publish() {
    let handler = Recorder::new(|peer, told| match told {
        Told::Open => {
            peer.subscribe("a");
        }
        Told::Close(_) => {
            let topics: Vec<_> = peer.topics().map(str::to_owned).collect();
            for topic in topics {
                peer.publish(&topic, "somebody left");
            }
            peer.text("to nobody");
            assert!(!peer.subscribe("b"));
        }
        _ => {}
    });
    let mut world = World::new(handler);
    let (a, b) = (world.open(), world.open());
    world.script.reset(a);
    world.settle();
    assert_eq!(world.said(b), [says("somebody left")]);
    assert_eq!(world.handle.stats().panics, 0);
}

#[test]
fn a_message_crosses_workers() {
    let mut worlds = World::crew(vec![chat(), chat(), chat()], Config::default());
    let conns: Vec<_> = worlds.iter_mut().map(World::open).collect();
    for (world, conn) in worlds.iter_mut().zip(&conns) {
        join(world, *conn, "a");
    }
    for number in 0..20 {
        worlds[0].feed(conns[0], &text(&format!("a={number}")));
    }
    settle_all(&mut worlds);
    let numbers: Vec<_> = (0..20).map(|number| says(&number.to_string())).collect();
    assert_eq!(worlds[0].said(conns[0]), []);
    assert_eq!(worlds[1].said(conns[1]), numbers);
    assert_eq!(worlds[2].said(conns[2]), numbers);
}

// A full mailbox pauses whoever fills it, loses nothing, and lets go again.
#[test]
fn a_full_mailbox_pauses_the_publisher() {
    let small = config(|config| config.mailbox_max = 2_000);
    let mut worlds = World::crew(vec![chat(), chat()], small);
    let listener = worlds[1].open();
    join(&mut worlds[1], listener, "a");
    let publisher = worlds[0].open();
    let other = worlds[0].open();
    let messages: Vec<_> = (0..50).map(|number| format!("{number:0100}")).collect();
    let frames = messages.iter().map(|message| text(&format!("a={message}")));
    worlds[0].feed(publisher, &frames.collect::<Vec<_>>().concat());
    assert!(!worlds[0].script.is_reading(publisher));
    assert!(worlds[0].script.is_reading(other));
    let told = worlds[0].told().len();
    assert!((8..25).contains(&told), "{told} messages");
    // The other worker gets on, again and again.
    for _ in 0..20 {
        settle_all(&mut worlds);
    }
    let all: Vec<_> = messages.iter().map(|message| says(message)).collect();
    assert_eq!(worlds[1].said(listener), all);
    assert!(worlds[0].script.is_reading(publisher));
    assert_eq!(worlds[0].memory(), 0);
}

// From outside a full mailbox gives the message back, and the lane of orders is never full.
#[test]
fn a_full_mailbox_gives_a_foreign_message_back() {
    let small = config(|config| config.mailbox_max = 1_000);
    let mut worlds = World::crew(vec![chat(), chat()], small);
    let conns: Vec<_> = worlds.iter_mut().map(World::open).collect();
    for (world, conn) in worlds.iter_mut().zip(&conns) {
        join(world, *conn, "a");
    }
    let handle = worlds[0].handle.clone();
    let message = "m".repeat(300);
    let taken = (0..100)
        .take_while(|_| handle.publish("a", &*message).is_ok())
        .count();
    assert!((1..4).contains(&taken));
    let full = handle.broadcast("b").map(|()| "taken");
    let back = handle.publish("a", &*message).expect_err("still full").0;
    assert_eq!(back.size(), 304);
    settle_all(&mut worlds);
    for (world, conn) in worlds.iter_mut().zip(&conns) {
        // All or none: each worker has the same.
        let said = world.said(*conn);
        let broadcast = usize::from(full.is_ok());
        assert_eq!(said.len(), taken + broadcast);
    }
    assert!(handle.publish("a", &*message).is_ok());
}

/// What the subscribers hear when everything is said at once: the twin of the run.
#[derive(Default)]
struct Twin {
    heard: Vec<Vec<Said>>,
    topics: BTreeMap<char, BTreeSet<usize>>,
    closed: BTreeSet<usize>,
}

impl Twin {
    fn does(&mut self, who: usize, what: &str) {
        if self.closed.contains(&who) {
            return;
        }
        let topic = what.chars().nth(1).unwrap_or_default();
        match what.as_bytes()[0] {
            b'+' => {
                let new = self.topics.entry(topic).or_default().insert(who);
                self.heard[who].push(says(if new { "joined" } else { "not joined" }));
            }
            b'-' => {
                let was = self.topics.entry(topic).or_default().remove(&who);
                self.heard[who].push(says(if was { "left" } else { "not there" }));
            }
            b'!' => {
                self.closed.insert(who);
                self.heard[who].push(Said::Close(1000, String::new()));
            }
            _ => {
                let (topic, message) = what.split_once('=').expect("a message");
                let topic = topic.chars().next().expect("a topic");
                for listener in self.topics.entry(topic).or_default().iter() {
                    if *listener != who && !self.closed.contains(listener) {
                        self.heard[*listener].push(says(message));
                    }
                }
            }
        }
    }
}

// The kernel spends more on many small pieces than on the bytes in them.
#[test]
fn what_is_said_together_leaves_in_one_piece() {
    let mut world = World::new(chat());
    let [listener, other] = [world.open(), world.open()];
    join(&mut world, listener, "a");
    let before = world.script.pieces(listener).len();
    let frames = (0..100).map(|number| text(&format!("a={}", "x".repeat(number))));
    world.feed(other, &frames.collect::<Vec<_>>().concat());
    assert_eq!(world.said(listener).len(), 100);
    let pieces = &world.script.pieces(listener)[before..];
    assert_eq!(pieces, [1]);
    // To one alone, who has no run: all but the first, which others may have as well.
    let (before, id) = (world.script.pieces(other).len(), world.id(other));
    for number in 0..100 {
        world.handle.send(id, number.to_string()).expect("room");
    }
    world.settle();
    assert_eq!(world.said(other).len(), 100);
    assert_eq!(world.script.pieces(other)[before..], [2]);
}

// F19: however many publish in one turn, to whatever topics, and whatever else is said meanwhile.
#[test]
fn everybody_hears_everything_in_the_order_it_was_said() {
    let mut random = Random(7);
    for round in 0..400 {
        let mut world = World::new(chat());
        let mut twin = Twin::default();
        let conns: Vec<_> = (0..6).map(|_| world.open()).collect();
        twin.heard.resize(conns.len(), Vec::new());
        for _ in 0..3 {
            for (who, conn) in conns.iter().enumerate() {
                let mut frames = Vec::new();
                for _ in 0..random.below(12) {
                    let topic = ["a", "b", "c"][random.below(3)];
                    let said = match random.below(20) {
                        0..3 => format!("+{topic}"),
                        3 => format!("-{topic}"),
                        4 if random.below(8) == 0 => "!".to_owned(),
                        // Long ones fill the run.
                        5 => format!("{topic}={}", "x".repeat(random.below(20_000))),
                        _ => format!("{topic}={who}.{}", random.below(1000)),
                    };
                    twin.does(who, &said);
                    frames.extend(text(&said));
                }
                world.script.feed(*conn, &frames);
            }
            world.turn();
        }
        world.settle();
        for (who, conn) in conns.iter().enumerate() {
            assert_eq!(
                world.said(*conn),
                twin.heard[who],
                "round {round}, connection {who}"
            );
        }
    }
}
